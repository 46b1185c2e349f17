import { describe, expect, it } from "vitest";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

function noise(shape: readonly number[], scale: number): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  const at = (i: number): number => (Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i) * scale) };
}

const SHAPES: number[][] = [[1], [5], [2, 3, 4], [4099], [2, 2, 3, 5]];
for (let n = 1; n <= 21; n++) SHAPES.push([3, n], [2, n, n + 1], [n, 3, 2]);
// Rows on both sides of the length up to which four are done at once, any number of them.
for (let rows = 1; rows <= 9; rows++) SHAPES.push([rows, 62 + rows]);
SHAPES.push([2, 10, 31], [1, 3, 33], [2, 33, 48], [2049, 2]);

for (const { name, engine } of builds())
  describe(`softmax (${name})`, () => {
    for (const scale of [1, 30])
      it(`over every axis, values up to ${scale}`, async () => {
        for (const shape of SHAPES)
          for (let axis = -1; axis < shape.length; axis++) {
            const x = noise(shape, scale);
            const [y] = await evaluate(engine, softmax, [x], { axis });
            const [want] = oracle.softmax([x], { axis });
            expect(y.shape).toEqual(want.shape);
            // Errors of exp, of the sum and of x - max (which exp magnifies by its size), all relative.
            const relative = oracle.ROUNDOFF * (16 + 2 * scale);
            expectWithin(
              y.data,
              want.data,
              want.data.map((v) => v * relative + 1e-38),
            );
            const [log] = await evaluate(engine, logSoftmax, [x], { axis });
            const [wantLog] = oracle.logSoftmax([x], { axis });
            expect(log.shape).toEqual(wantLog.shape);
            const absolute = oracle.ROUNDOFF * (16 + 4 * scale);
            // An axis of one gives zeros, and exactly so.
            if (shape.at(axis) === 1) expectEqual(log.data, wantLog.data);
            else expectWithin(log.data, wantLog.data, absolute);
          }
      });

    it("does not overflow, and takes -Infinity as absent", async () => {
      for (const [shape, axis] of [
        [[2, 9], 1],
        [[9, 2], 0],
        [[6, 5], 0],
      ] as const) {
        const x = noise(shape, 1);
        for (let i = 0; i < x.data.length; i++)
          x.data[i] = i % 3 === 0 ? 1e4 : i % 3 === 1 ? -1e4 : -Infinity;
        const [y] = await evaluate(engine, softmax, [x], { axis });
        expectWithin(y.data, oracle.softmax([x], { axis })[0].data, 1e-7);
        const [log] = await evaluate(engine, logSoftmax, [x], { axis });
        const want = oracle.logSoftmax([x], { axis })[0].data.map(Math.fround);
        expectWithin(
          log.data,
          want,
          want.map((v) => (Number.isFinite(v) ? 1e-6 + Math.abs(v) * 1e-7 : 0)),
        );
      }
    });

    it("is NaN where a NaN or nothing but -Infinity is", async () => {
      for (const [shape, axis] of [
        [[3, 10], 1],
        [[10, 3], 0],
        [[3, 3], 1],
      ] as const) {
        const x = noise(shape, 1);
        x.data[0] = Number.NaN;
        for (const op of [softmax, logSoftmax]) {
          const [y] = await evaluate(engine, op, [x], { axis });
          const stride = axis === 1 ? 1 : shape[1];
          const along = Array.from({ length: shape[axis] }, (_, i) => i * stride);
          expect(along.every((i) => Number.isNaN(y.data[i]))).toBe(true);
          expect(y.data.filter(Number.isNaN).length).toBe(along.length);
        }
        const nothing = { shape, data: new Float32Array(shape[0] * shape[1]).fill(-Infinity) };
        const [y] = await evaluate(engine, softmax, [nothing], { axis });
        expect(y.data.every(Number.isNaN)).toBe(true);
      }
    });
  });

describe("softmax refuses", () => {
  it("an axis that does not exist", () => {
    expect(() => softmax.infer([{ shape: [2, 3], dtype: "float32" }], { axis: 2 }, "softmax")).toThrow(
      "axis is 2",
    );
  });
});
