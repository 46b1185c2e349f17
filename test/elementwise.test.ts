// Two tensors value by value: single IEEE operations, so every result is compared with ===.
import { describe, expect, test } from "vitest";
import { denseValue, type Emitter, float32, sizeOf } from "../src/graph/op.ts";
import { affine, type BinaryKind, binary } from "../src/ops/elementwise.ts";
import { Address } from "../src/runtime/address.ts";
import { Program } from "../src/runtime/program.ts";
import { builds, evaluate } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectClose, expectEqual } from "./tolerance.ts";

const KINDS = ["add", "sub", "mul", "div", "min", "max"] as const satisfies readonly BinaryKind[];

/** Numbers in [0, 1) from a seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function tensor(shape: readonly number[], seed: number): { shape: readonly number[]; data: Float32Array } {
  const next = random(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => (next() - 0.5) * 8) };
}

/** One operation in float64, rounded to float32, is that operation in float32. */
function exact(a: oracle.Tensor, b: oracle.Tensor, kind: BinaryKind): Float32Array {
  return Float32Array.from(oracle.binary([a, b], { kind })[0].data);
}

const SHAPES: [number[], number[]][] = [
  // the same shape, at every tail; long enough to be cut into several units
  ...[1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 4096, 4097, 12289].map((n): [number[], number[]] => [
    [n],
    [n],
  ]),
  [
    [2, 3, 4, 5],
    [2, 3, 4, 5],
  ],
  // one number
  ...[1, 3, 4, 19, 4097].map((n): [number[], number[]] => [[n], [1]]),
  [[2, 3, 5], []],
  [[], []],
  // one number per channel, few pixels and many
  ...[1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 64, 127, 128, 130].flatMap((c): [number[], number[]][] => [
    [[2, 3, c], [c]],
    [[1, 8, 1 + Math.ceil(160 / c), c], [c]],
  ]),
  [[2, 3, 5000], [5000]],
  // one number per channel of each image: squeeze and excitation
  [
    [2, 9, 16, 8],
    [2, 1, 1, 8],
  ],
  [
    [3, 20, 19, 3],
    [3, 1, 1, 3],
  ],
  [
    [2, 3, 4, 130],
    [2, 1, 1, 130],
  ],
  // one number per pixel: a mask
  [
    [2, 5, 7, 3],
    [2, 5, 7, 1],
  ],
  [
    [5, 7, 3],
    [5, 7, 1],
  ],
  [
    [4, 9, 40],
    [9, 1],
  ],
  // one number per image, row, column
  [
    [3, 4, 5, 6],
    [3, 1, 1, 1],
  ],
  [
    [4, 5, 6],
    [5, 6],
  ],
  [
    [4, 5, 6],
    [4, 1, 6],
  ],
  // both are repeated
  [
    [7, 1],
    [1, 9],
  ],
  [
    [300, 1, 3],
    [1, 40, 3],
  ],
  [
    [3, 1, 5, 1],
    [4, 1, 6],
  ],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 2, 1, 3, 1, 2],
  ],
];

describe.each(builds())("binary, $name build", ({ engine }) => {
  test.each(SHAPES)("%j and %j, either way round", async (left, right) => {
    const a = tensor(left, 1);
    const b = tensor(right, 2);
    for (const kind of KINDS)
      for (const [u, v] of [
        [a, b],
        [b, a],
      ]) {
        const [y] = await evaluate(engine, binary, [u, v], { kind });
        expect(y.shape).toEqual(oracle.binary([a, b], { kind })[0].shape);
        expectEqual(y.data, exact(u, v, kind));
      }
  });

  test("shapes at random, up to rank 7", async () => {
    const next = random(7);
    for (let i = 0; i < 150; i++) {
      const full = Array.from({ length: 1 + Math.floor(next() * 7) }, () => 1 + Math.floor(next() * 5));
      const part = (): number[] =>
        full.map((d) => (next() < 0.4 ? 1 : d)).slice(next() < 0.3 ? Math.floor(next() * full.length) : 0);
      const [a, b] = [tensor(part(), i), tensor(part(), i + 1000)];
      const kind = KINDS[i % KINDS.length];
      const [y] = await evaluate(engine, binary, [a, b], { kind });
      expectEqual(y.data, exact(a, b, kind));
    }
  });

  test("what is not finite, in vectors, tails and repeated numbers", async () => {
    const odd = [NaN, Infinity, -Infinity, 0, -0, 1, 3e38, 1e-45, -2];
    const one = { shape: [9, 1], data: Float32Array.from(odd) };
    const all = { shape: [1, 9], data: Float32Array.from(odd) };
    const pairs = odd.flatMap(() => odd);
    const grown = { shape: [81], data: Float32Array.from(pairs) };
    const slow = { shape: [81], data: Float32Array.from(odd.flatMap((v) => odd.map(() => v))) };
    for (const kind of KINDS)
      for (const [a, b] of [
        [one, all],
        [all, one],
        [grown, slow],
        [slow, grown],
      ]) {
        const [y] = await evaluate(engine, binary, [a, b], { kind });
        expectEqual(y.data, exact(a, b, kind));
      }
  });

  test("the result may lie over the first operand, and both may be one", async () => {
    const runtime = await engine;
    for (const shape of [[5], [4099], [2, 300, 3], [3, 2, 17]])
      for (const kind of KINDS)
        for (const other of ["whole", "channels", "number", "itself"] as const) {
          const a = tensor(shape, 3);
          const c = shape[shape.length - 1];
          const b =
            other === "itself" ? a : tensor(other === "whole" ? shape : [other === "channels" ? c : 1], 4);
          const program = new Program(runtime, "in place");
          const x = denseValue(float32(a.shape), Address.of(a.data.byteLength, "run"));
          const y =
            other === "itself" ? x : denseValue(float32(b.shape), Address.of(b.data.byteLength, "run"));
          for (const { base } of new Set([x, y])) program.input(base);
          binary.forward(program, [x, y], [x], { kind });
          program.output(x.base);
          program.place();
          runtime.memory.floats.set(a.data, x.base.value / 4);
          if (y !== x) runtime.memory.floats.set(b.data, y.base.value / 4);
          program.run();
          const at = x.base.value / 4;
          expectEqual(runtime.memory.floats.slice(at, at + a.data.length), exact(a, b, kind));
          program.dispose();
        }
  });

  test("affine at every tail", async () => {
    for (const n of [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000])
      for (const [scale, offset] of [
        [1 / 255, -0.5],
        [-2, 0],
        [0, 3],
      ]) {
        const x = tensor([n], n);
        const [y] = await evaluate(engine, affine, [x], { scale, offset });
        expect(y.shape).toEqual([n]);
        const [expected] = oracle.affine([x], { scale: Math.fround(scale), offset });
        expectClose(y.data, expected.data, 2 * oracle.ROUNDOFF, oracle.ROUNDOFF * 2);
      }
  });
});

describe("work", () => {
  /** The kernel calls of a op b: name and units. */
  function calls(a: number[], b: number[], kind: BinaryKind = "add"): [string, number][] {
    const written: [string, number][] = [];
    const emitter = {
      call: (kernel: string, units: number) => written.push([kernel, units]),
      table: () => Address.of(0, "kept"),
      record: () => Address.of(0, "kept"),
      packed: (_: unknown, bytes: number, emit: (b: Address) => void) => {
        const packed = Address.of(bytes, "run");
        emit(packed);
        return packed;
      },
    } as unknown as Emitter;
    const inputs = [a, b].map((shape) => denseValue(float32(shape), Address.of(sizeOf(shape) * 4, "run")));
    const [type] = binary.infer(inputs, { kind }, "binary");
    binary.forward(emitter, inputs, [denseValue(type, Address.of(sizeOf(type.shape) * 4, "run"))], {
      kind,
    });
    return written;
  }

  test("one long row is cut into blocks that threads can share", () => {
    expect(calls([8, 64, 64, 16], [8, 64, 64, 16])).toEqual([["add_f32", 128]]);
    expect(calls([1024, 1024], [1])).toEqual([["add_f32", 256]]);
  });

  test("a short row of channels is laid end to end, a long one is not", () => {
    expect(calls([1, 64, 64, 3], [3])).toEqual([
      ["repeat_f32", 1],
      ["add_f32", 47],
    ]);
    expect(calls([3], [1, 64, 64, 3], "sub")).toEqual([
      ["repeat_f32", 1],
      ["sub_f32", 47],
    ]);
    expect(calls([4, 64, 64, 16], [4, 1, 1, 16], "mul")).toEqual([
      ["repeat_f32", 4],
      ["mul_f32", 1024],
    ]);
    expect(calls([1, 8, 8, 256], [256])).toEqual([["add_f32", 64]]);
    expect(calls([1, 2, 2, 3], [3])).toEqual([["add_f32", 4]]);
  });
});

describe("messages", () => {
  test("shapes that do not broadcast", () => {
    expect(() => binary.infer([float32([2, 3, 4]), float32([2, 4])], { kind: "add" }, 'add "sum"')).toThrow(
      'add "sum": inputs of shape [2,3,4] and [2,4] do not broadcast: axis -2 is 3 in one and 2 in the other, ' +
        "but must be the same or 1",
    );
  });

  test("a result too large for memory", () => {
    const [a, b] = [float32([65536, 1]), float32([1, 65536])];
    expect(() => binary.infer([a, b], { kind: "mul" }, "mul")).toThrow(
      "output of shape [65536,65536] would take",
    );
  });

  test("kind, type and number of inputs, and affine's numbers", () => {
    const x = float32([2]);
    const ints = { shape: [2], dtype: "int32" as const };
    expect(() => binary.infer([x, x], { kind: "pow" as BinaryKind }, "binary")).toThrow(
      'kind is "pow" but must be "add", "sub", "mul", "div", "min" or "max"',
    );
    expect(() => binary.infer([x, ints], { kind: "add" }, "binary")).toThrow("int32");
    expect(() => binary.infer([x], { kind: "add" }, "binary")).toThrow("takes 2 inputs but got 1");
    expect(() => affine.infer([x], { scale: Infinity, offset: 0 }, "affine")).toThrow("scale is Infinity");
    expect(() => affine.infer([x], { scale: 1, offset: NaN }, "affine")).toThrow("offset is NaN");
    expect(() => affine.infer([ints], { scale: 1, offset: 0 }, "affine")).toThrow("int32");
  });
});
