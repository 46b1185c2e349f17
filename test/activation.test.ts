// Every kind against the oracle, at every tail; what is not a number; working in place; messages.
import { describe, expect, test } from "vitest";
import { denseValue, float32, type Op, sizeOf } from "../src/graph/op.ts";
import {
  type Activation,
  type ActivationKind,
  activation,
  epilogueOf,
  prelu,
} from "../src/ops/activation.ts";
import { Address } from "../src/runtime/address.ts";
import { Program } from "../src/runtime/program.ts";
import {
  ACTIVATION_ELU,
  ACTIVATION_HARD_SIGMOID,
  ACTIVATION_LEAKY_RELU,
  ACTIVATION_NONE,
  ACTIVATION_TANH,
} from "../src/runtime/wasm.ts";
import { builds, evaluate } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectClose, expectEqual, expectWithin } from "./tolerance.ts";

const EPS = oracle.ROUNDOFF;

/** Kinds, and whether their results are exact: no rounding, or one that float64 shows too. */
const KINDS: Readonly<Record<ActivationKind, "exact" | "close">> = {
  ...{ linear: "exact", relu: "exact", relu6: "exact", abs: "exact", neg: "exact", sqrt: "exact" },
  ...{ leakyRelu: "close", elu: "close", selu: "close", gelu: "close", geluTanh: "close", sigmoid: "close" },
  ...{
    tanh: "close",
    softplus: "close",
    silu: "close",
    mish: "close",
    hardSwish: "close",
    hardSigmoid: "close",
  },
  ...{ hardSigmoidKeras: "close", exp: "close", softsign: "close" },
};
const ALL = Object.keys(KINDS) as ActivationKind[];

/** `count` values across the interesting stretch, always the same. The first is where no kind is flat. */
function values(count: number, from = -9, to = 9): Float32Array {
  let state = 12345;
  return Float32Array.from({ length: count }, (_, i) => {
    if (i === 0) return from + 0.6 * (to - from);
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + (state / 2 ** 32) * (to - from);
  });
}

/** The op with output 0 laid over input 0. */
async function inPlace<P>(
  engine: ReturnType<typeof builds>[number]["engine"],
  op: Op<P>,
  inputs: { shape: readonly number[]; data: Float32Array }[],
  params: P,
): Promise<Float32Array> {
  const runtime = await engine;
  const program = new Program(runtime, op.name);
  const given = inputs.map(({ shape, data }) => {
    const base = Address.of(data.length * 4, "run");
    program.input(base);
    return denseValue(float32(shape), base);
  });
  op.forward(program, given, [given[0]], params);
  program.output(given[0].base);
  program.place();
  for (const [i, { base }] of given.entries()) runtime.memory.floats.set(inputs[i].data, base.value / 4);
  program.run();
  const at = given[0].base.value / 4;
  const result = runtime.memory.floats.slice(at, at + inputs[0].data.length);
  program.dispose();
  return result;
}

describe.each(builds())("activation, $name build", ({ engine }) => {
  test.each(ALL)("%s at every tail, whole and in place", async (kind) => {
    for (const count of [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 255, 1000,
    ]) {
      const data = kind === "sqrt" ? values(count, 0, 9) : values(count);
      const input = { shape: [count], data };
      const [y] = await evaluate(engine, activation, [input], { kind });
      expect(y.shape).toEqual([count]);
      const [expected] = oracle.activation([input], { kind });
      if (KINDS[kind] === "exact") expectEqual(y.data, Float32Array.from(expected.data));
      // A few roundings at the size of the result, and for the hard ones at the size of 1.
      else if (kind.startsWith("hard")) expectWithin(y.data, expected.data, sized(expected.data, data));
      else expectClose(y.data, expected.data, (kind === "geluTanh" ? 40 : 8) * EPS, 1e-12);
      expectEqual(await inPlace(engine, activation, [input], { kind }), y.data);
    }
  });

  test("alpha of leakyRelu and elu, either sign", async () => {
    const input = { shape: [2, 3, 7], data: values(42) };
    for (const kind of ["leakyRelu", "elu"] as const)
      for (const alpha of [0, 0.3, -0.5, 2]) {
        const [y] = await evaluate(engine, activation, [input], { kind, alpha });
        expect(y.shape).toEqual([2, 3, 7]);
        expectClose(y.data, oracle.activation([input], { kind, alpha })[0].data, 4 * EPS, 1e-12);
      }
  });

  test.each(ALL)("%s of what is not finite, and of zeros", async (kind) => {
    const data = [NaN, Infinity, -Infinity, 0, -0];
    const [y] = await evaluate(engine, activation, [{ shape: [5], data }], { kind });
    const [expected] = oracle.activation([{ shape: [5], data: Float64Array.from(data) }], { kind });
    // PyTorch multiplies -Infinity by 0 and has NaN; the limit is 0.
    if (kind === "gelu") expected.data[2] = 0;
    expectWithin(y.data, expected.data, 2 * EPS);
  });

  test.each(ALL)("%s far out", async (kind) => {
    const data =
      kind === "sqrt" ? [20, 100, 1e10, 3e38] : [20, -20, 100, -100, 1000, -1000, 1e10, -1e10, 3e38, -3e38];
    const input = { shape: [data.length], data: Float32Array.from(data) };
    const [y] = await evaluate(engine, activation, [input], { kind });
    const [expected] = oracle.activation([input], { kind });
    const rounded = Float32Array.from(expected.data);
    expectClose(
      y.data,
      Array.from(rounded, (v, i) => (Number.isFinite(v) ? expected.data[i] : v)),
      8 * EPS,
      1e-30,
    );
  });

  test("a value does not depend on where it stands", async () => {
    for (const kind of ALL) {
      const x = kind === "sqrt" ? 1.2345 : -1.2345;
      const [y] = await evaluate(engine, activation, [{ shape: [23], data: new Array<number>(23).fill(x) }], {
        kind,
      });
      expect(new Set(y.data).size, kind).toBe(1);
    }
  });

  test("prelu: one alpha, one per channel, or more", async () => {
    for (const c of [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 64, 130])
      for (const pixels of [1, 3, 1200]) {
        const x = { shape: [2, pixels, c], data: values(2 * pixels * c) };
        for (const shape of [[1], [c], [pixels, c], [pixels, 1]]) {
          const alpha = { shape, data: values(sizeOf(shape), -1, 1) };
          const [y] = await evaluate(engine, prelu, [x, alpha], {});
          expect(y.shape).toEqual(x.shape);
          const expected = x.data.map((v, i) => (v > 0 ? v : v * alphaAt(shape, alpha.data, i, c)));
          expectEqual(y.data, expected);
          expectEqual(await inPlace(engine, prelu, [x, alpha], {}), expected);
        }
      }
    const x = { shape: [3], data: [NaN, Infinity, -Infinity] };
    const [y] = await evaluate(engine, prelu, [x, { shape: [1], data: [0.5] }], {});
    expectEqual(y.data, x.data);
  });
});

function sized(expected: ArrayLike<number>, x: ArrayLike<number>): Float64Array {
  return Float64Array.from(expected, (v, i) => 4 * EPS * (Math.abs(v) + Math.min(Math.abs(x[i]), 3)) + 1e-30);
}

function alphaAt(shape: readonly number[], alpha: Float32Array, i: number, c: number): number {
  const [pixels, channels] = shape.length === 2 ? shape : [1, shape[0]];
  const pixel = pixels === 1 ? 0 : Math.floor(i / c) % pixels;
  return alpha[pixel * channels + (channels === 1 ? 0 : i % c)];
}

describe("fused into the op before, as fields of an epilogue", () => {
  const none = { lo: -Infinity, hi: Infinity, activation: ACTIVATION_NONE, p: 0, q: 0 };

  test("a clamp becomes limits", () => {
    expect(epilogueOf(undefined)).toEqual(none);
    expect(epilogueOf({ kind: "linear" })).toEqual(none);
    expect(epilogueOf({ kind: "relu" })).toEqual({ ...none, lo: 0 });
    expect(epilogueOf({ kind: "relu6" })).toEqual({ ...none, lo: 0, hi: 6 });
  });

  test("any other becomes a kind with its parameters", () => {
    const of = (activation: number, p = 0, q = 0) => ({ ...none, activation, p, q });
    expect(epilogueOf({ kind: "tanh" })).toEqual(of(ACTIVATION_TANH));
    expect(epilogueOf({ kind: "elu" })).toEqual(of(ACTIVATION_ELU, 1, 1));
    expect(epilogueOf({ kind: "elu", alpha: 0.5 })).toEqual(of(ACTIVATION_ELU, 0.5, 1));
    expect(epilogueOf({ kind: "leakyRelu", alpha: 0.2 })).toEqual(of(ACTIVATION_LEAKY_RELU, 0.2));
    expect(epilogueOf({ kind: "hardSigmoid" })).toEqual(of(ACTIVATION_HARD_SIGMOID, 1 / 6, 0.5));
  });
});

describe("messages", () => {
  const x = float32([2, 3]);
  const infer = (params: object): unknown => activation.infer([x], params as Activation, 'activation "act"');

  test("a kind that does not exist", () => {
    expect(() => infer({ kind: "swish" })).toThrow(
      'activation "act": activation is "swish" but must be "linear", "relu"',
    );
    expect(() => infer({ kind: "toString" })).toThrow('activation is "toString"');
  });

  test("alpha where there is none, or that is no number", () => {
    expect(() => infer({ kind: "relu", alpha: 1 })).toThrow('alpha is 1 but activation "relu" takes none');
    expect(() => infer({ kind: "elu", alpha: NaN })).toThrow("alpha is NaN but must be a finite number");
  });

  test("an input that is not float32", () => {
    const ints = { shape: [2], dtype: "int32" as const };
    expect(() => activation.infer([ints], { kind: "relu" }, "activation")).toThrow("int32");
    expect(() => prelu.infer([ints, float32([1])], {}, "prelu")).toThrow("int32");
  });

  test("an alpha that does not fit the input", () => {
    const two = (shape: number[]): unknown => prelu.infer([x, float32(shape)], {}, "prelu");
    expect(() => two([2])).toThrow("prelu: inputs of shape [2,3] and [2] do not broadcast");
    expect(() => two([4, 1, 3])).toThrow("alpha has shape [4,1,3] but must be [1], [3]");
    expect(() => prelu.infer([x], {}, "prelu")).toThrow("takes 2 inputs but got 1");
  });
});
