import { describe, expect, it } from "vitest";
import {
  linearIndices,
  nearestIndices,
  type ResizeCoordinates,
  type ResizeParams,
  resize,
} from "../src/ops/resize.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const COORDINATES: ResizeCoordinates[] = ["halfPixel", "alignCorners", "asymmetric"];
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 48];
/** Spatial input and output sizes: single pixels, whole and broken factors, up and down, mixed, and the same. */
const SIZES: { from: number[]; to: number[] }[] = [
  { from: [1], to: [7] },
  { from: [7], to: [1] },
  { from: [5], to: [5] },
  { from: [5], to: [13] },
  { from: [9], to: [4] },
  { from: [4, 6], to: [8, 12] },
  { from: [3, 5], to: [12, 20] },
  { from: [6, 9], to: [2, 3] },
  { from: [5, 7], to: [7, 5] },
  { from: [5, 7], to: [5, 9] },
  { from: [5, 7], to: [8, 7] },
  { from: [1, 2], to: [3, 9] },
  { from: [3, 4, 5], to: [6, 8, 10] },
  { from: [4, 3, 2], to: [3, 5, 7] },
  { from: [2, 3, 4], to: [5, 3, 4] },
  { from: [2, 3, 4], to: [2, 3, 9] },
];

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function ramp(shape: readonly number[]): Plain & { data: Float32Array } {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1) };
}

function noise(shape: readonly number[]): Plain & { data: Float32Array } {
  const value = (_: unknown, i: number): number => (Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) };
}

for (const { name, engine } of builds())
  describe(`resize (${name})`, () => {
    for (const coordinates of COORDINATES)
      for (const { from, to } of SIZES) {
        it(`nearest, ${coordinates}, [${from}] to [${to}]`, async () => {
          const params: ResizeParams = { size: to, method: "nearest", coordinates };
          for (const c of CHANNELS) {
            const x = ramp([2, ...from, c]);
            const [y] = await evaluate(engine, resize, [x], params);
            const [expected] = oracle.resize([x], params);
            expect(y.shape).toEqual(expected.shape);
            expectEqual(y.data, expected.data);
          }
        });

        it(`linear, ${coordinates}, [${from}] to [${to}]`, async () => {
          const params: ResizeParams = { size: to, method: "linear", coordinates };
          for (const c of from.length === 3 ? CHANNELS.slice(0, 8) : CHANNELS) {
            const x = noise([2, ...from, c]);
            const [y] = await evaluate(engine, resize, [x], params);
            const [expected] = oracle.resize([x], params);
            expect(y.shape).toEqual(expected.shape);
            // Per axis a weight, its complement, two products and a sum are rounded; and the result once.
            const [absolute] = oracle.resize([{ ...x, data: x.data.map(Math.abs) }], params);
            const roundings = 4 * from.length + 1;
            expectWithin(
              y.data,
              expected.data,
              absolute.data.map((sum) => roundings * oracle.ROUNDOFF * sum),
            );
          }
        });
      }

    const row = async (
      values: number[],
      size: number,
      rest: Omit<ResizeParams, "size">,
    ): Promise<number[]> => {
      const x = { shape: [1, values.length, 1], data: Float32Array.from(values) };
      const [y] = await evaluate(engine, resize, [x], { ...rest, size: [size] });
      return [...y.data];
    };

    it("places pixels as PyTorch does", async () => {
      const linear = "linear";
      expect(await row([1, 2, 3, 4], 8, { method: linear, coordinates: "halfPixel" })).toEqual([
        1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4,
      ]);
      expect(await row([1, 2, 3, 4], 7, { method: linear, coordinates: "alignCorners" })).toEqual([
        1, 1.5, 2, 2.5, 3, 3.5, 4,
      ]);
      expect(await row([1, 2, 3, 4], 8, { method: linear, coordinates: "asymmetric" })).toEqual([
        1, 1.5, 2, 2.5, 3, 3.5, 4, 4,
      ]);
      expect(await row([0, 1, 2, 3, 4], 3, { method: "nearest", coordinates: "asymmetric" })).toEqual([
        0, 1, 3,
      ]);
      expect(await row([0, 1, 2, 3, 4], 3, { method: "nearest", coordinates: "halfPixel" })).toEqual([
        0, 2, 4,
      ]);
      // Halves: 0, 0.5, 1, 1.5, 2 round away from zero.
      expect(await row([0, 1, 2], 5, { method: "nearest", coordinates: "alignCorners" })).toEqual([
        0, 1, 1, 2, 2,
      ]);
    });

    it("repeats pixels for whole factors, whichever the coordinates", async () => {
      for (const coordinates of ["halfPixel", "asymmetric"] as const) {
        const x = ramp([1, 2, 3, 5]);
        const [y] = await evaluate(engine, resize, [x], { size: [8, 12], method: "nearest", coordinates });
        y.data.forEach((v, i) => {
          const [row, column, channel] = [Math.floor(i / 60), Math.floor(i / 5) % 12, i % 5];
          expect(v).toBe(x.data[((row >> 2) * 3 + (column >> 2)) * 5 + channel]);
        });
      }
    });

    it("mixes infinities and NaN only where they have a weight", async () => {
      for (const c of CHANNELS)
        for (const special of [Infinity, -Infinity, Number.NaN])
          for (const [from, to] of [
            [
              [4, 6],
              [4, 6],
            ],
            [
              [4, 6],
              [8, 12],
            ],
            [
              [3, 3, 3],
              [3, 6, 5],
            ],
          ]) {
            const x = ramp([1, ...from, c]);
            x.data[sizeOf(from.slice(1)) * c + c] = special;
            const coordinates = from.length === 3 ? "alignCorners" : "halfPixel";
            const params: ResizeParams = { size: to, method: "linear", coordinates };
            const [y] = await evaluate(engine, resize, [x], params);
            const [expected] = oracle.resize([x], params);
            const strange = (data: ArrayLike<number>): number[] =>
              Array.from(data, (v) => (Number.isFinite(v) ? 0 : v));
            expectEqual(strange(y.data), strange(expected.data));
          }
    });
  });

describe("indices of resize", () => {
  it("lie inside the input, and grow", () => {
    const wrong: unknown[] = [];
    for (const coordinates of COORDINATES)
      for (let size = 1; size <= 20; size++)
        for (let out = 1; out <= 45; out++) {
          const nearest = nearestIndices(size, out, coordinates);
          const { indices, weights } = linearIndices(size, out, coordinates);
          for (const table of [nearest, indices])
            if (table.some((v, i) => v < (i > 0 ? table[i - 1] : 0) || v >= size))
              wrong.push({ coordinates, size, out, table });
          // The neighbour of a pixel with a weight exists.
          if (weights.some((t, i) => !(t >= 0 && t < 1) || (t > 0 && indices[i] >= size - 1)))
            wrong.push({ coordinates, size, out, weights });
        }
    expect(wrong).toEqual([]);
  });
  it("do not stumble over rounding", () => {
    // 49 * (1 / 49) is below 1 in floating point, and so are many like it.
    for (let n = 1; n < 2000; n++) {
      expect(nearestIndices(n, n, "asymmetric")[n - 1]).toBe(n - 1);
      expect(nearestIndices(n, 3 * n, "asymmetric")[3 * n - 3]).toBe(n - 1);
      expect(linearIndices(n, 2 * n - 1, "alignCorners").weights.at(-1)).toBe(0);
    }
  });
});

describe("what resize refuses", () => {
  const x = { shape: [1, 4, 5, 3], dtype: "float32" } as const;
  const good: ResizeParams = { size: [8, 10], method: "linear", coordinates: "halfPixel" };
  const of =
    (params: object, input: { shape: readonly number[]; dtype: "float32" | "int32" } = x) =>
    (): unknown =>
      resize.infer([input], { ...good, ...params } as ResizeParams, 'resize "up"');
  it("names what is wrong", () => {
    expect(of({})()).toEqual([{ shape: [1, 8, 10, 3], dtype: "float32" }]);
    expect(of({ size: [8] })).toThrow(
      'resize "up": size is [8] but must be a list of 2, one per spatial axis of input [1,4,5,3]',
    );
    expect(of({ size: [8, 0] })).toThrow("size[1] is 0 but must be an integer of at least 1");
    expect(of({ size: [8, 2.5] })).toThrow("size[1] is 2.5");
    expect(of({ method: "cubic" })).toThrow('method is "cubic" but must be "nearest" or "linear"');
    expect(of({ coordinates: "pytorch" })).toThrow('coordinates is "pytorch"');
    expect(of({}, { shape: [4, 5], dtype: "float32" })).toThrow("must have rank 3 to 5");
    expect(of({}, { ...x, dtype: "int32" })).toThrow("input is int32 but must be float32");
    expect(of({ size: [60000, 60000] })).toThrow("would take");
  });
});
