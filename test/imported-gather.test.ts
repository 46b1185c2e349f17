// Values taken from, and written to, places that other values name, against loops over every index.
import { describe, expect, it } from "vitest";
import * as kinds from "../src/layers/gather.ts";
import type { LayerKind } from "../src/layers/layer.ts";
import { builds, type Plain, type Result } from "./harness.ts";
import { Random } from "./random.ts";
import { eachIndex, filled, flatten, runKind } from "./run-kind.ts";
import { expectEqual } from "./tolerance.ts";

type DType = "float32" | "int32";
const DTYPES = ["float32", "int32"] as const;
const MERGES = ["none", "add", "mul", "min", "max"] as const;

const ramp = (shape: readonly number[], dtype: DType) => filled(shape, dtype, (_, i) => i - 5);

/** Indices of an axis of `size`, from the front and from the end; some are outside where `stray`. */
function indicesOf(shape: readonly number[], size: number, stray: boolean, seed = 1) {
  const random = new Random(seed);
  return filled(shape, "int32", () =>
    stray && random.chance(0.2)
      ? random.pick([size, -size - 1, 2 ** 31 - 1, -(2 ** 31), 3 * size])
      : random.below(2 * size) - size,
  );
}

/** As it is read: from the end where it is below 0, and clamped. */
function clamped(i: number, size: number): number {
  return Math.max(0, Math.min(size - 1, i < 0 ? i + size : i));
}

/** As it is written: from the end where it is below 0, and nowhere outside. */
function place(i: number, size: number): number | null {
  const at = i < 0 ? i + size : i;
  return at < 0 || at >= size ? null : at;
}

function merged(op: (typeof MERGES)[number], a: number, b: number): number {
  if (op === "none") return b;
  if (op === "add") return a + b;
  if (op === "mul") return a * b;
  return op === "min" ? Math.min(a, b) : Math.max(a, b);
}

const GATHERED: { x: number[]; indices: number[]; axis: number; batchDims?: number }[] = [
  { x: [7], indices: [], axis: 0 },
  { x: [7], indices: [20], axis: 0 },
  { x: [7, 3], indices: [2, 3], axis: 0 },
  { x: [7, 3], indices: [4], axis: 1 },
  { x: [7, 3], indices: [4], axis: -1 },
  { x: [2, 5, 4, 3], indices: [2, 1, 3], axis: 2 },
  { x: [50, 33], indices: [9], axis: 0 },
  { x: [4, 600], indices: [3], axis: 0 },
  { x: [2, 3, 2, 3, 2, 3, 2, 3], indices: [4], axis: 5 },
  { x: [3, 5, 4], indices: [3, 6], axis: 1, batchDims: 1 },
  { x: [3, 2, 5, 4], indices: [3, 6], axis: 2, batchDims: 1 },
  { x: [3, 2, 5, 4, 2], indices: [3, 2, 6, 2], axis: -2, batchDims: 2 },
];

const KNOWN: { x: number[]; axis: number; indices: number[]; indicesShape?: number[] }[] = [
  { x: [7, 3], axis: 0, indices: [2], indicesShape: [] },
  { x: [7, 3], axis: 1, indices: [-1], indicesShape: [] },
  { x: [7], axis: 0, indices: [-1], indicesShape: [] },
  { x: [7, 3], axis: 0, indices: [1, 2, 3] },
  { x: [7, 3], axis: 0, indices: [6, 4, 2, 0] },
  { x: [7, 30, 2], axis: 1, indices: [0, 1, 2, 5, 9, 8, 7, 20] },
  { x: [4, 9, 2], axis: 1, indices: [3, 3, 3, 3] },
  {
    x: [4, 9, 2],
    axis: -2,
    indices: [3, 1, 4, 1, 5, 8, 2, 6, 5, 3, 5, 8, 0, 7, 1, 3, 2, 3, 8, 4, 6, 2, 6, 4],
  },
  { x: [4, 9], axis: 1, indices: [3, 1, 4, 1, 5, 8], indicesShape: [2, 3] },
  { x: [4, 9], axis: 0, indices: [0, 1, 2, 3], indicesShape: [2, 1, 2] },
];

const PLACES: { x: number[]; indices: number[]; batchDims?: number }[] = [
  { x: [7], indices: [1] },
  { x: [7], indices: [5, 1] },
  { x: [4, 5], indices: [6, 2] },
  { x: [4, 5], indices: [3, 2, 1] },
  { x: [3, 4, 5, 6], indices: [2, 5, 3] },
  { x: [3, 4, 5, 6], indices: [3, 5, 2], batchDims: 1 },
  { x: [3, 4, 5, 6], indices: [3, 4, 2], batchDims: 2 },
  { x: [3, 4, 5, 6], indices: [3, 4, 2, 1], batchDims: 2 },
  { x: [2, 2, 3, 2, 2, 2, 3, 2], indices: [5, 8] },
];

const ELEMENTS: { x: number[]; indices: number[]; axis: number }[] = [
  { x: [7], indices: [20], axis: 0 },
  { x: [4, 5], indices: [6, 5], axis: 0 },
  { x: [4, 5], indices: [3, 4], axis: 0 },
  { x: [4, 5], indices: [4, 9], axis: 1 },
  { x: [4, 5], indices: [2, 3], axis: -1 },
  { x: [3, 4, 5, 6], indices: [3, 7, 5, 6], axis: 1 },
  { x: [3, 4, 5, 6], indices: [2, 4, 1, 5], axis: 2 },
  { x: [1, 1, 1], indices: [1, 1, 1], axis: 1 },
  { x: [2, 2, 3, 2, 2, 2, 3, 2], indices: [2, 1, 3, 4, 2, 2, 2, 2], axis: 3 },
];

for (const { name, engine } of builds())
  describe(`kinds of imported models that index (${name})`, () => {
    const run = (kind: LayerKind, config: object, inputs: Plain[]): Promise<Result[]> =>
      runKind(engine, kind, config, inputs);

    /** Runs a kind whose output's elements are elements of x, all that `of` names. */
    async function expectTaken(
      kind: LayerKind,
      config: object,
      inputs: (Plain & { data: Float32Array | Int32Array })[],
      shape: readonly number[],
      of: (index: number[]) => number[],
    ): Promise<void> {
      const [x] = inputs;
      const [y] = await run(kind, config, inputs);
      expect(y.shape).toEqual(shape);
      const want = filled(shape, "float32", (index) => x.data[flatten(x.shape, of(index))]);
      expect(y.data.constructor).toBe(x.data.constructor);
      expectEqual(y.data, want.data);
    }

    for (const { x, indices, axis, batchDims = 0 } of GATHERED)
      it(`gather of [${x}] at [${indices}] of axis ${axis}, ${batchDims} batch axes`, async () => {
        const a = axis < 0 ? axis + x.length : axis;
        for (const dtype of DTYPES) {
          const at = indicesOf(indices, x[a], true);
          const own = indices.slice(batchDims);
          const shape = [...x.slice(0, a), ...own, ...x.slice(a + 1)];
          await expectTaken(kinds.gather, { axis, batchDims }, [ramp(x, dtype), at], shape, (index) => {
            const of = [...index.slice(0, batchDims), ...index.slice(a, a + own.length)];
            const i = clamped(at.data[flatten(indices, of)], x[a]);
            return [...index.slice(0, a), i, ...index.slice(a + own.length)];
          });
        }
      });

    for (const { x, axis, indices, indicesShape } of KNOWN)
      it(`gather of [${x}] at known indices ${indices} of axis ${axis}`, async () => {
        const a = axis < 0 ? axis + x.length : axis;
        const own = indicesShape ?? [indices.length];
        const shape = [...x.slice(0, a), ...own, ...x.slice(a + 1)];
        for (const dtype of DTYPES)
          await expectTaken(
            kinds.gather,
            { axis, indices, indicesShape },
            [ramp(x, dtype)],
            shape,
            (index) => {
              const i = clamped(indices[flatten(own, index.slice(a, a + own.length))], x[a]);
              return [...index.slice(0, a), i, ...index.slice(a + own.length)];
            },
          );
      });

    for (const { x, indices, batchDims = 0 } of PLACES)
      it(`gatherND of [${x}] at [${indices}], ${batchDims} batch axes`, async () => {
        const q = indices[indices.length - 1];
        const places = indices.slice(0, -1);
        for (const dtype of DTYPES) {
          const random = new Random(3);
          const at = filled(indices, "int32", (index) => {
            const size = x[batchDims + index[index.length - 1]];
            return random.chance(0.1) ? 2 * size : random.below(2 * size) - size;
          });
          const shape = [...places, ...x.slice(batchDims + q)];
          await expectTaken(kinds.gatherND, { batchDims }, [ramp(x, dtype), at], shape, (index) => {
            const row = flatten(places, index.slice(0, places.length)) * q;
            const named = Array.from({ length: q }, (_, k) => clamped(at.data[row + k], x[batchDims + k]));
            return [...index.slice(0, batchDims), ...named, ...index.slice(places.length)];
          });
        }
      });

    for (const { x, indices, axis } of ELEMENTS) {
      const a = axis < 0 ? axis + x.length : axis;
      it(`gatherElements of [${x}] at [${indices}] of axis ${axis}`, async () => {
        for (const dtype of DTYPES) {
          const at = indicesOf(indices, x[a], true);
          await expectTaken(kinds.gatherElements, { axis }, [ramp(x, dtype), at], indices, (index) =>
            index.with(a, clamped(at.data[flatten(indices, index)], x[a])),
          );
        }
      });

      it(`scatterElements to [${x}] at [${indices}] of axis ${axis}`, async () => {
        for (const dtype of DTYPES)
          for (const op of MERGES) {
            const at = indicesOf(indices, x[a], true, 5);
            const input = ramp(x, dtype);
            const updates = filled(indices, dtype, (_, i) => (i % 7) - 3);
            const want = Float32Array.from(input.data);
            eachIndex(indices, (index, i) => {
              const to = place(at.data[i], x[a]);
              if (to === null) return;
              const flat = flatten(x, index.with(a, to));
              want[flat] = merged(op, want[flat], updates.data[i]);
            });
            const [y] = await run(kinds.scatterElements, { axis, op }, [input, at, updates]);
            expect(y.data.constructor).toBe(input.data.constructor);
            expectEqual(y.data, want);
          }
      });
    }

    for (const { x, indices, batchDims = 0 } of PLACES.filter((row) => !row.batchDims))
      it(`scatterND to [${x}] at [${indices}]`, async () => {
        const q = indices[indices.length - 1];
        const places = indices.slice(0, -1);
        for (const dtype of DTYPES)
          for (const op of MERGES) {
            const random = new Random(9);
            const at = filled(indices, "int32", (index) => {
              const size = x[batchDims + index[index.length - 1]];
              return random.chance(0.1) ? size : random.below(2 * size) - size;
            });
            const input = ramp(x, dtype);
            const updates = filled([...places, ...x.slice(q)], dtype, (_, i) => (i % 7) - 3);
            const want = Float32Array.from(input.data);
            eachIndex(updates.shape, (index, i) => {
              const row = flatten(places, index.slice(0, places.length)) * q;
              const to = Array.from({ length: q }, (_, k) => place(at.data[row + k], x[k]));
              if (to.includes(null)) return;
              const flat = flatten(x, [...(to as number[]), ...index.slice(places.length)]);
              want[flat] = merged(op, want[flat], updates.data[i]);
            });
            const [y] = await run(kinds.scatterND, { op }, [input, at, updates]);
            expect(y.data.constructor).toBe(input.data.constructor);
            expectEqual(y.data, want);
          }
      });

    for (const [shape, axis] of [
      [[], -1],
      [[5], -1],
      [[5], 0],
      [[2, 3, 4], 1],
      [[2, 3, 4], -2],
      [[2, 3, 4], 3],
    ] as [number[], number][])
      it(`oneHot of [${shape}], axis ${axis}`, async () => {
        const depth = 6;
        const indices = indicesOf(shape, depth, true);
        const a = axis < 0 ? axis + shape.length + 1 : axis;
        const out = shape.toSpliced(a, 0, depth);
        for (const dtype of DTYPES)
          for (const wrap of [true, false]) {
            const config = { depth, axis, on: -1, off: 3, dtype, wrap };
            const [y] = await run(kinds.oneHot, config, [indices]);
            expect(y.shape).toEqual(out);
            const want = filled(out, dtype, (index) => {
              const i = indices.data[flatten(shape, index.toSpliced(a, 1))];
              return index[a] === (wrap && i < 0 ? i + depth : i) ? -1 : 3;
            });
            expect(y.data.constructor).toBe(want.data.constructor);
            expectEqual(y.data, want.data);
          }
      });

    it("refuses what cannot be", async () => {
      const x = ramp([3, 4], "float32");
      const int = (...shape: number[]) => ramp(shape, "int32");
      const bad: [LayerKind, object, Plain[], RegExp][] = [
        [kinds.gather, { axis: 2 }, [x, int(2)], /axis is 2/],
        [kinds.gather, {}, [x, x], /must be int32/],
        [kinds.gather, {}, [x], /second input or an option/],
        [kinds.gather, { indices: [0, 3] }, [x], /indices\[1\] is 3 but must be an integer from -3 to 2/],
        [kinds.gather, { indices: [0, 1], indicesShape: [3] }, [x], /do not fill indicesShape \[3\]/],
        [kinds.gather, { axis: 1, batchDims: 1 }, [x, int(2, 2)], /differ on axis 0/],
        [kinds.gatherND, {}, [x, int(2, 3)], /3 numbers each but input \[3,4\] has 2 axes/],
        [kinds.gatherElements, {}, [x, int(2, 5)], /no longer on any axis but axis 0/],
        [kinds.scatterND, {}, [x, int(2, 1), x], /updates have shape \[3,4\].*need \[2,4\]/],
        [kinds.scatterND, {}, [x, int(2, 1), int(2, 4)], /updates are int32/],
        [kinds.scatterElements, {}, [x, int(2, 4), x], /need \[2,4\]/],
        [kinds.oneHot, { depth: 3, dtype: "int32", on: 0.5 }, [int(3)], /on is 0.5/],
        [kinds.oneHot, { depth: 3 }, [x], /must be int32/],
      ];
      for (const [kind, config, inputs, message] of bad)
        await expect(run(kind, config, inputs)).rejects.toThrow(message);
    });
  });
