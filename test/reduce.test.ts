import { describe, expect, it } from "vitest";
import { ArgumentError } from "../src/errors.ts";
import { argMax, type ReduceKind, reduce } from "../src/ops/reduce.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

function whole(shape: readonly number[], range = 41): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  const half = range >> 1;
  return {
    shape,
    data: Float32Array.from(
      { length: size },
      (_, i) => ((Math.imul(i + 1, 0x9e3779b1) >>> 16) % range) - half,
    ),
  };
}

const KINDS: ReduceKind[] = ["sum", "mean", "max", "min"];

// Shapes and the axes that go: every arrangement of both, and lengths at the edges of lanes and chunks.
const CASES: [shape: number[], axes: number[]][] = [
  [[], []],
  [[1], [0]],
  [[7], [0]],
  [[7], []],
  [[3, 5], []],
  [
    [1, 6, 1],
    [0, 2],
  ],
  [
    [3, 4, 5],
    [0, 1, 2],
  ],
  [[3, 4, 5], [-1]],
  [[3, 4, 5], [0]],
  [[3, 4, 5], [1]],
  [
    [3, 4, 5],
    [0, 2],
  ],
  [
    [3, 4, 5],
    [-3, -2],
  ],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [2, 3, 4, 5],
    [0, 2],
  ],
  [
    [5, 1, 4, 3],
    [0, 3],
  ],
  [
    [2, 3, 2, 5, 3],
    [0, 2, 4],
  ],
  [
    [2, 300, 3, 5],
    [1, 3],
  ],
  [[2, 8191], [1]],
  [[1, 8193], [1]],
  [[9000, 1, 2], [0]],
  [[5000, 3], [0]],
];
for (const rows of [1, 2, 3, 4, 5, 11, 12, 13, 23, 24, 25, 127, 128, 129, 257, 300])
  for (const inner of [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 19]) CASES.push([[2, rows, inner], [1]]);
for (const inner of [63, 64, 65, 127, 128, 131]) CASES.push([[2, 3, inner], [1]]);

for (const { name, engine } of builds())
  describe(`reductions (${name})`, () => {
    for (const kind of KINDS)
      it(`${kind} over every arrangement of axes`, async () => {
        for (const [shape, axes] of CASES)
          for (const keepDims of [false, true]) {
            const x = whole(shape);
            const params = { kind, axes, keepDims };
            const [y] = await evaluate(engine, reduce, [x], params);
            const [want] = oracle.reduce([x], params);
            expect(y.shape).toEqual(want.shape);
            // Whole numbers: sums are exact, a quotient is rounded once.
            expectEqual(y.data, want.data.map(Math.fround));
          }
      });

    it("a long sum stays accurate", async () => {
      const length = 300_000;
      const data = Float32Array.from({ length }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 24);
      for (const shape of [[length], [length / 4, 4], [length / 6, 6]]) {
        const params = { kind: "sum" as const, axes: [0], keepDims: false };
        const [y] = await evaluate(engine, reduce, [{ shape, data }], params);
        const [want] = oracle.reduce([{ shape, data }], params);
        expectWithin(
          y.data,
          want.data,
          want.data.map((s) => s * 5e-7),
        );
      }
    });

    for (const kind of ["max", "min"] as const)
      it(`${kind} lets a NaN through, and infinities`, async () => {
        for (const [rows, inner] of [
          [5, 1],
          [40, 1],
          [9, 2],
          [30, 3],
          [14, 3],
          [9, 4],
          [6, 7],
          [7, 18],
          [300, 5],
        ]) {
          const x = whole([2, rows, inner]);
          for (let i = 0; i < x.data.length; i += 5)
            x.data[i] = [Infinity, -0, Number.NaN, -Infinity, 3][(i / 5) % 5];
          x.data.fill(kind === "max" ? -Infinity : Infinity, 0, inner);
          for (let i = 0; i < x.data.length; i += inner * 2)
            x.data[i] = kind === "max" ? -Infinity : Infinity;
          const params = { kind, axes: [1], keepDims: false };
          const [y] = await evaluate(engine, reduce, [x], params);
          expectEqual(y.data, oracle.reduce([x], params)[0].data);
        }
      });

    it("argMax over any axis: the first of equals", async () => {
      const shapes = [[1], [7], [3, 4, 5], [2, 17, 3], [2, 3, 2, 9]];
      for (let n = 1; n <= 20; n++) shapes.push([3, n, 1], [2, n, n]);
      for (const shape of shapes)
        for (let axis = -1; axis < shape.length; axis++)
          for (const keepDims of [false, true]) {
            // Few different values: ties everywhere.
            const x = whole(shape, 5);
            const [y] = await evaluate(engine, argMax, [x], { axis, keepDims });
            const [want] = oracle.argMax([x], { axis, keepDims });
            expect(y.data).toBeInstanceOf(Int32Array);
            expect(y.shape).toEqual(want.shape);
            expectEqual(y.data, want.data);
          }
    });

    it("argMax: the first NaN is the largest", async () => {
      for (const inner of [1, 2, 6])
        for (const length of [3, 4, 9, 22])
          for (let place = 0; place < length; place++) {
            const x = whole([1, length, inner]);
            x.data[place * inner] = Number.NaN;
            x.data[(length - 1) * inner] = Number.NaN;
            x.data[((place + 1) % length) * inner] = Infinity;
            if (length - 1 === place) x.data[place * inner] = Number.NaN;
            const [y] = await evaluate(engine, argMax, [x], { axis: 1, keepDims: false });
            expectEqual(y.data, oracle.argMax([x], { axis: 1, keepDims: false })[0].data);
          }
      const low = { shape: [2, 6], data: new Float32Array(12).fill(-Infinity) };
      expectEqual((await evaluate(engine, argMax, [low], { axis: 1, keepDims: false }))[0].data, [0, 0]);
    });
  });

describe("reductions refuse", () => {
  it.each([
    [{ kind: "prod" }, 'kind is "prod" but must be "sum", "mean", "max" or "min"'],
    [{ kind: "avg" }, 'kind is "avg" but must be'],
    [{ axes: { axis: 1 } }, 'axes is {"axis":1} but must be a list of axes'],
    [{ axes: 1 }, "axes is 1 but must be a list of axes"],
    [{ axes: ["1"] }, 'axis is "1" but the input has rank 3'],
    [{ axes: [1, -2] }, "axes are [1,-2], which name axis 1 twice"],
    [{ keepDims: 1 }, "keepDims is 1 but must be true or false"],
  ])("%o", (wrong, message) => {
    const params = { kind: "sum", axes: [1], keepDims: false, ...wrong } as never;
    expect(() => reduce.infer([{ shape: [2, 3, 4], dtype: "float32" }], params, "reduce")).toThrow(message);
    expect(() => reduce.infer([{ shape: [2, 3, 4], dtype: "float32" }], params, "reduce")).toThrow(
      ArgumentError,
    );
  });

  const x = [{ shape: [2, 3], dtype: "float32" as const }];
  it("an axis that does not exist or comes twice", () => {
    expect(() => reduce.infer(x, { kind: "sum", axes: [2], keepDims: false }, "sum")).toThrow("axis is 2");
    expect(() => reduce.infer(x, { kind: "sum", axes: [1, -1], keepDims: false }, "sum")).toThrow(
      "axis 1 twice",
    );
    expect(() => argMax.infer(x, { axis: -3, keepDims: false }, "argMax")).toThrow("axis is -3");
  });
});
