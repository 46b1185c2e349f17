// Gradients of activations and prelu: against central differences, at the edges, and what is not wanted.
import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32 } from "../src/graph/op.ts";
import { type ActivationKind, activation, prelu } from "../src/ops/activation.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const KINDS: ActivationKind[] = [
  ...([
    "linear",
    "relu",
    "relu6",
    "leakyRelu",
    "elu",
    "selu",
    "gelu",
    "geluTanh",
    "sigmoid",
    "tanh",
  ] as const),
  ...([
    "softplus",
    "silu",
    "mish",
    "hardSwish",
    "hardSigmoid",
    "hardSigmoidKeras",
    "exp",
    "softsign",
  ] as const),
  ...(["abs", "neg", "sqrt"] as const),
];

/** From -1 to 1, the same every time. */
const at = (i: number, seed = 0): number => (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;

function noise(shape: readonly number[], scale: number, seed = 0): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i, seed) * scale) };
}

/** Central differences know no kink: values stay off those all kinds have. */
const offKinks = (v: number): number =>
  [-3, -2.5, 0, 2.5, 3, 6].reduce((x, kink) => (Math.abs(x - kink) < 1e-3 ? kink + 2e-3 : x), v);

for (const { name, engine } of builds())
  describe(`gradients of activations (${name})`, () => {
    it.each(KINDS)("%s", async (kind) => {
      for (const alpha of kind === "elu" || kind === "leakyRelu" ? [undefined, 0, 0.3, 2, -0.5] : [undefined])
        for (const count of [1, 2, 3, 4, 5, 7, 63, 64, 65, 300]) {
          const x = noise([count], 10);
          x.data.forEach((v, i) => {
            x.data[i] = kind === "sqrt" ? Math.abs(v) + 0.1 : offKinks(v);
          });
          const dy = noise([count], 1, 3);
          const params = { kind, alpha };
          const [dx] = await gradientsOf(engine, activation, [x], params, [dy]);
          const want = numericGradient(oracle.activation, [x], params, [dy], 0);
          // Sixteen roundings at the size of the answer and of dy (what derivatives made from y are right to), and what
          // differences are right to.
          const size = (i: number): number => Math.abs(want[i]) + Math.abs(dy.data[i]);
          expectWithin(
            dx!,
            want,
            want.map((_, i) => 16 * oracle.ROUNDOFF * size(i) + 1e-7 * Math.abs(want[i])),
          );
        }
    });

    it("keeps to PyTorch's at kinks, and far out", async () => {
      const dxOf = async (kind: ActivationKind, values: number[], alpha?: number): Promise<Float32Array> => {
        const x = { shape: [values.length], data: Float32Array.from(values) };
        const dy = { shape: x.shape, data: new Float32Array(values.length).fill(2) };
        return (await gradientsOf(engine, activation, [x], { kind, alpha }, [dy]))[0]!;
      };
      const values = [-Infinity, -100, -3, -0, 0, 3, 6, 100, Infinity];
      expectEqual(await dxOf("relu", values), [0, 0, 0, 0, 0, 2, 2, 2, 2]);
      expectEqual(await dxOf("relu6", values), [0, 0, 0, 0, 0, 2, 0, 0, 0]);
      expectEqual(await dxOf("leakyRelu", values, 0.5), [1, 1, 1, 1, 1, 2, 2, 2, 2]);
      expectEqual(await dxOf("leakyRelu", values, -0.5), [-1, -1, -1, -1, -1, 2, 2, 2, 2]);
      expectEqual(await dxOf("abs", values), [-2, -2, -2, 0, 0, 2, 2, 2, 2]);
      expectEqual(await dxOf("hardSwish", values.slice(1, 8)), [0, 0, 1, 1, 2, 2, 2]);
      expectEqual(await dxOf("elu", [-Infinity, -100, -0, 0, 3, Infinity], 0.5), [0, 0, 1, 1, 2, 2]);
      expectEqual(await dxOf("hardSigmoid", values), [0, 0, 0, 1 / 3, 1 / 3, 0, 0, 0, 0].map(Math.fround));
      const far = [-Infinity, -1000, 0, 1000, Infinity];
      expectEqual(await dxOf("sigmoid", far), [0, 0, 0.5, 0, 0]);
      expectEqual(await dxOf("tanh", far), [0, 0, 2, 0, 0]);
      expectEqual(await dxOf("softplus", far), [0, 0, 1, 2, 2]);
      // Where PyTorch multiplies an infinity by 0, the answer is NaN: finite arguments only.
      for (const kind of ["silu", "gelu", "geluTanh"] as const)
        expectEqual(await dxOf(kind, [-1000, -100, 0, 100, 1000]), [0, 0, 1, 2, 2]);
      expectEqual(await dxOf("mish", [-1000, -100, 100, 1000]), [0, 0, 2, 2]);
    });

    it("a NaN passes relu as in PyTorch, and is NaN elsewhere", async () => {
      const x = { shape: [1], data: Float32Array.of(Number.NaN) };
      const dy = { shape: [1], data: Float32Array.of(2) };
      expectEqual((await gradientsOf(engine, activation, [x], { kind: "relu" }, [dy]))[0]!, [2]);
      for (const kind of ["sigmoid", "tanh", "silu", "mish", "gelu", "geluTanh", "softplus"] as const)
        expectEqual((await gradientsOf(engine, activation, [x], { kind }, [dy]))[0]!, [Number.NaN]);
    });

    it("prelu by x and by alpha, in every shape it broadcasts from", async () => {
      for (const [shape, alphas] of [
        [[5], [[1], [5]]],
        [
          [2, 3],
          [[1], [3], [1, 1], [2, 1], [2, 3]],
        ],
        [
          [2, 4, 5, 7],
          [[1], [7], [4, 5, 7], [1, 1, 7], [5, 1], [2, 1, 1, 7]],
        ],
        [[1, 1, 1], [[1]]],
      ] as const)
        for (const alphaShape of alphas) {
          const x = noise(shape, 3);
          x.data.forEach((v, i) => {
            x.data[i] = offKinks(v);
          });
          const alpha = noise(alphaShape, 0.5, 5);
          const dy = noise(shape, 1, 3);
          const grads = await gradientsOf(engine, prelu, [x, alpha], {}, [dy]);
          // The oracle knows one alpha for all or one per channel: given here value by value.
          const all = (a: Plain): number[] =>
            Array.from(x.data, (_, p) => {
              let rest = p;
              let place = 0;
              let step = 1;
              for (let k = 1; k <= shape.length; k++) {
                const d = shape[shape.length - k];
                const own = alphaShape[alphaShape.length - k] ?? 1;
                if (own > 1) place += (rest % d) * step;
                step *= own;
                rest = Math.floor(rest / d);
              }
              return a.data[place];
            });
          const f = ([u, a]: readonly Plain[]): oracle.Result[] => {
            const slopes = all(a);
            return [
              {
                shape: [...shape],
                data: Float64Array.from(u.data, (v, i) => (v > 0 ? v : slopes[i] * v)),
              },
            ];
          };
          for (const i of [0, 1]) {
            const want = numericGradient(f, [x, alpha], {}, [dy], i);
            const terms = x.data.length / (i === 0 ? x.data.length : alpha.data.length);
            if (want.every((v) => v === 0)) expectEqual(grads[i]!, want);
            else expectWithin(grads[i]!, want, 1e-6 + 8 * oracle.ROUNDOFF * 3 * terms);
          }
        }
    });
  });

describe("gradients of activations", () => {
  it("are made for what is wanted alone, from the output where it tells the derivative", () => {
    for (const kind of KINDS) {
      const g = new Graph();
      const x = new Edge(float32([2, 3]));
      const y = g.op(activation, [x], { kind });
      const dy = new Edge(float32([2, 3]));
      const [node] = g.nodes;
      expect(GRADIENTS.get(activation)!(g, node, [dy], [false])).toEqual([undefined]);
      expect(g.nodes.length).toBe(1);
      GRADIENTS.get(activation)!(g, node, [dy], [true]);
      const read = g.nodes.slice(1).flatMap((n) => n.inputs);
      const fromInput = ["gelu", "geluTanh", "silu", "mish", "hardSwish", "abs"].includes(kind);
      expect(read.includes(x), kind).toBe(fromInput);
      expect(read.includes(y) && fromInput, kind).toBe(false);
    }
  });

  it("of prelu leave alpha alone where it is frozen", () => {
    const g = new Graph();
    const [x, alpha, dy] = [[2, 3], [3], [2, 3]].map((shape) => new Edge(float32(shape)));
    g.op(prelu, [x, alpha], {});
    const [node] = g.nodes;
    expect(GRADIENTS.get(prelu)!(g, node, [dy], [false, false])).toEqual([undefined, undefined]);
    expect(g.nodes.length).toBe(1);
    expect(GRADIENTS.get(prelu)!(g, node, [dy], [true, false])[1]).toBe(undefined);
    expect(g.nodes.length).toBe(2);
  });
});
