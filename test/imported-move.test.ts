// Values moved by known rules, against loops over every index.
import { describe, expect, it } from "vitest";
import type { LayerKind } from "../src/layers/layer.ts";
import * as kinds from "../src/layers/move.ts";
import { concat, reshape, slice, split, transpose } from "../src/layers/shape.ts";
import { builds, type Plain, type Result } from "./harness.ts";
import { eachIndex, filled, flatten, runKind } from "./run-kind.ts";
import { expectEqual } from "./tolerance.ts";

const DTYPES = ["float32", "int32"] as const;
const NOT_THERE = null;

/** What a kind moves: for every index of the output, the index of the input, or nothing where it is `rest`. */
interface Case {
  kind: LayerKind;
  config: object;
  x: readonly number[];
  shape: readonly number[];
  source: (index: number[]) => number[] | null;
  rest?: number;
}

/** Values below 0 have the bits of NaN as int32. */
const ramp = (shape: readonly number[], dtype: "float32" | "int32") => filled(shape, dtype, (_, i) => i - 5);

const sliced = (x: number[], begin: number[], size: number[], step: number[]): Case => ({
  kind: kinds.stridedSlice,
  ...{ config: { begin, size, step }, x, shape: size },
  source: (index) => index.map((i, a) => begin[a] + i * step[a]),
});

const tiled = (x: number[], repeats: number[]): Case => ({
  kind: kinds.tile,
  ...{ config: { repeats }, x, shape: x.map((d, a) => d * repeats[a]) },
  source: (index) => index.map((i, a) => i % x[a]),
});

const expanded = (x: number[], shape: number[], out = shape): Case => ({
  kind: kinds.expand,
  ...{ config: { shape }, x, shape: out },
  source: (index) => x.map((d, a) => (d === 1 ? 0 : index[a + out.length - x.length])),
});

const reversed = (x: number[], axes: number[]): Case => ({
  kind: kinds.reverse,
  ...{ config: { axes }, x, shape: x },
  source: (index) =>
    index.map((i, a) => (axes.includes(a) || axes.includes(a - x.length) ? x[a] - 1 - i : i)),
});

const triangle = (x: number[], upper: boolean, k: number): Case => ({
  kind: kinds.trilu,
  ...{ config: { upper, k }, x, shape: x, rest: 0 },
  source: (index) => {
    const [i, j] = index.slice(-2);
    return (upper ? j >= i + k : j <= i + k) ? index : NOT_THERE;
  },
});

type Pads = [number, number][];
type Mode = "constant" | "reflect" | "symmetric" | "replicate" | "wrap";

/** One step at a time from outside of an axis to its inside. */
function inside(i: number, size: number, mode: Mode): number | null {
  let at = i;
  while (at < 0 || at >= size) {
    if (mode === "constant") return null;
    if (mode === "replicate") at = at < 0 ? 0 : size - 1;
    else if (mode === "wrap") at += at < 0 ? size : -size;
    else if (mode === "reflect") at = at < 0 ? -at : 2 * (size - 1) - at;
    else at = at < 0 ? -1 - at : 2 * size - 1 - at;
  }
  return at;
}

const padded = (x: number[], pads: Pads, mode: Mode, rest = -9): Case => ({
  kind: kinds.padAxes,
  ...{ config: { pads, mode, value: rest }, x, rest },
  shape: x.map((d, a) => d + pads[a][0] + pads[a][1]),
  source: (index) => {
    // What is cut off is not there to be mirrored.
    const cut = pads.map((pair) => pair.map((p) => Math.max(-p, 0)));
    const found = index.map((i, a) => {
      const at = inside(i - Math.max(pads[a][0], 0), x[a] - cut[a][0] - cut[a][1], mode);
      return at === null ? null : at + cut[a][0];
    });
    return found.includes(null) ? NOT_THERE : (found as number[]);
  },
});

const PADS: [number[], Pads, Mode[]][] = [
  [[5], [[2, 1]], ["constant", "reflect", "symmetric", "replicate", "wrap"]],
  [[3], [[7, 8]], ["constant", "reflect", "symmetric", "replicate", "wrap"]],
  [
    [1, 4],
    [
      [2, 0],
      [0, 9],
    ],
    ["constant", "symmetric", "replicate", "wrap"],
  ],
  [
    [2, 5, 6, 3],
    [
      [0, 0],
      [1, 2],
      [3, 1],
      [0, 0],
    ],
    ["constant", "reflect", "symmetric", "replicate", "wrap"],
  ],
  [
    [2, 5, 6, 3],
    [
      [1, 0],
      [1, 1],
      [0, 2],
      [2, 2],
    ],
    ["constant", "reflect", "symmetric", "replicate", "wrap"],
  ],
  [
    [3, 7, 8],
    [
      [-1, 2],
      [2, -3],
      [-2, -1],
    ],
    ["constant", "reflect", "symmetric", "replicate", "wrap"],
  ],
  [
    [3, 7, 8],
    [
      [-1, 0],
      [0, -3],
      [-2, -1],
    ],
    ["constant"],
  ],
  [
    [3, 7, 8],
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
    ["constant", "wrap"],
  ],
  [
    [2, 2, 2, 2, 2, 2, 2, 2],
    [
      [1, 0],
      [0, 1],
      [1, 1],
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 0],
    ],
    ["reflect", "constant"],
  ],
  [
    [9, 40, 50],
    [
      [30, 2],
      [1, 1],
      [200, 150],
    ],
    ["constant", "wrap"],
  ],
];

const CASES: Case[] = [
  sliced([9], [8], [9], [-1]),
  sliced([9], [1], [3], [3]),
  sliced([4, 5, 6], [3, 0, 5], [2, 3, 3], [-2, 2, -2]),
  sliced([4, 5, 6], [3, 1, 2], [1, 3, 2], [-1, 1, 1]),
  sliced([2, 33, 17, 4], [1, 32, 0, 0], [2, 11, 9, 4], [-1, -3, 2, 1]),
  sliced([2, 64, 66], [0, 63, 65], [2, 64, 66], [1, -1, -1]),
  sliced(
    [2, 3, 2, 3, 2, 3, 2, 3],
    [1, 2, 1, 2, 1, 2, 1, 2],
    [2, 2, 2, 2, 2, 2, 2, 2],
    [-1, -2, -1, -2, -1, -2, -1, -2],
  ),
  sliced([], [], [], []),
  tiled([], []),
  tiled([3], [4]),
  tiled([1], [300]),
  tiled([2, 3, 4], [2, 1, 3]),
  tiled([2, 3, 4, 5], [3, 2, 2, 2]),
  tiled([2, 1, 2, 1, 2, 1, 2, 3], [1, 2, 2, 3, 1, 2, 2, 2]),
  expanded([], [2, 3]),
  expanded([1], [700]),
  expanded([4], [2, 3, 4]),
  expanded([4], [1, 1, 4]),
  expanded([3, 1], [2, 1, 6], [2, 3, 6]),
  expanded([2, 3, 4], [4], [2, 3, 4]),
  expanded([2, 1, 70], [2, 66, 70]),
  expanded([2, 66, 1], [2, 66, 70]),
  expanded([1, 2, 1, 2, 1, 2, 1, 2], [3, 2, 2, 2, 3, 2, 2, 2]),
  reversed([5], [0]),
  reversed([3, 4, 5], [1]),
  reversed([3, 4, 5], [0, -1]),
  reversed([], []),
  ...[-7, -2, -1, 0, 1, 3, 9].flatMap((k) =>
    [true, false].flatMap((upper) => [
      triangle([4, 6], upper, k),
      triangle([2, 3, 7, 3], upper, k),
      triangle([1, 37], upper, k),
    ]),
  ),
  ...PADS.flatMap(([x, pads, modes]) => modes.map((mode) => padded(x, pads, mode))),
];

/** Kinds of every model that move int32 as well, and any rank. */
const WIDE = [2, 3, 1, 2, 2, 3, 2, 2];
const PERM = [7, 5, 3, 1, 6, 4, 2, 0];
const KNOWN: Case[] = [
  {
    kind: transpose,
    ...{ config: { perm: PERM }, x: WIDE, shape: PERM.map((a) => WIDE[a]) },
    source: (index) => WIDE.map((_, a) => index[PERM.indexOf(a)]),
  },
  {
    kind: slice,
    config: { begin: [1, 1, 0, 0, 1, 0, 0, 1], size: [1, 2, -1, 2, 1, 2, 2, 1] },
    ...{ x: WIDE, shape: [1, 2, 1, 2, 1, 2, 2, 1] },
    source: (index) => index.map((i, a) => i + [1, 1, 0, 0, 1, 0, 0, 1][a]),
  },
  {
    kind: reshape,
    ...{ config: { shape: [4, -1] }, x: [2, 6, 3], shape: [4, 9] },
    source: ([i, j]) => {
      const flat = i * 9 + j;
      return [Math.floor(flat / 18), Math.floor(flat / 3) % 6, flat % 3];
    },
  },
];

for (const { name, engine } of builds())
  describe(`kinds of imported models that move values (${name})`, () => {
    const run = (kind: LayerKind, config: object, inputs: Plain[]): Promise<Result[]> =>
      runKind(engine, kind, config, inputs);

    for (const { kind, config, x, shape, source, rest = 0 } of [...CASES, ...KNOWN])
      it(`${kind.kind} of [${x}] ${JSON.stringify(config)}`, async () => {
        for (const dtype of DTYPES) {
          const input = ramp(x, dtype);
          const [y] = await run(kind, config, [input]);
          const want = filled(shape, dtype, (index) => {
            const from = source(index);
            return from ? input.data[flatten(x, from)] : rest;
          });
          expect(y.shape).toEqual(shape);
          expect(y.data.constructor).toBe(want.data.constructor);
          expectEqual(y.data, want.data);
        }
      });

    it("concat and split of eight axes", async () => {
      for (const dtype of DTYPES)
        for (const axis of [0, 3, 7]) {
          const parts = [ramp(WIDE, dtype), ramp(WIDE.with(axis, 5), dtype)];
          const [both] = await run(concat, { axis }, parts);
          const again = await run(split, { axis, sizes: [WIDE[axis], 5] }, [both]);
          for (const [i, part] of parts.entries()) expectEqual(again[i].data, part.data);
        }
    });

    it("moves every bit of a float", async () => {
      const bits = Int32Array.of(0x7fc12345, -1, -0x80000000, 0x7f800000, 0x7f812345, 1);
      const x = { shape: [6], data: new Float32Array(bits.buffer) };
      const want = [...bits].reverse();
      const [y] = await run(kinds.reverse, { axes: [0] }, [{ shape: [6], data: bits }]);
      expectEqual(y.data, want);
      const [z] = await run(kinds.tile, { repeats: [2] }, [x]);
      expect(Array.from(z.data)).toEqual([...x.data, ...x.data]);
    });

    for (const [shape, batchAxis, timeAxis] of [
      [[4, 5], 0, 1],
      [[5, 4], 1, 0],
      [[3, 4, 5, 2], 1, -1],
      [[3, 4, 5, 2], 2, 1],
      [[3, 4, 5, 9], 0, 2],
      [[2, 3, 4, 2, 5, 3], 4, 1],
    ] as [number[], number, number][])
      it(`reverseSequence of [${shape}] along ${timeAxis} by ${batchAxis}`, async () => {
        for (const dtype of DTYPES) {
          const time = timeAxis < 0 ? timeAxis + shape.length : timeAxis;
          const lengths = Int32Array.from({ length: shape[batchAxis] }, (_, i) => [2, 0, 99, -3, 1][i]);
          const x = ramp(shape, dtype);
          const config = { batchAxis, timeAxis };
          const [y] = await run(kinds.reverseSequence, config, [
            x,
            { shape: [lengths.length], data: lengths },
          ]);
          const want = filled(shape, dtype, (index) => {
            const n = Math.min(lengths[index[batchAxis]], shape[time]);
            const t = index[time];
            return x.data[flatten(shape, index.with(time, t < n ? n - 1 - t : t))];
          });
          expectEqual(y.data, want.data);
        }
      });

    it("nonZero", async () => {
      for (const shape of [[], [7], [3, 4], [2, 3, 4, 5]])
        for (const dtype of DTYPES) {
          const values = dtype === "int32" ? [0, -(2 ** 31), 1] : [0, -0, Number.NaN, 1e-45, 0];
          const x = filled(shape, dtype, (_, i) => values[(i * i) % values.length]);
          const rank = Math.max(shape.length, 1);
          const size = x.data.length;
          const found: number[][] = [];
          eachIndex(shape, (index, i) => {
            if (x.data[i] !== 0) found.push(shape.length ? index : [0]);
          });
          const [y, count] = await run(kinds.nonZero, {}, [x]);
          expect(y.shape).toEqual([rank, size]);
          expectEqual(count.data, [found.length]);
          expectEqual(y.data, filled([rank, size], "int32", ([a, i]) => found[i]?.[a] ?? -1).data);
        }
    });

    it("refuses what cannot be", async () => {
      const x = ramp([3, 4], "float32");
      const bad: [LayerKind, object, Plain[], RegExp][] = [
        [kinds.stridedSlice, { begin: [0, 3], size: [3, 3], step: [1, -2] }, [x], /reach -1 but axis 1/],
        [
          kinds.stridedSlice,
          { begin: [0, 0], size: [2, 2], step: [1, 0] },
          [x],
          /step\[1\] is 0 but must be/,
        ],
        [kinds.tile, { repeats: [2] }, [x], /repeats/],
        [kinds.expand, { shape: [2, 4] }, [x], /3 meets 2, and neither is 1/],
        [
          kinds.padAxes,
          {
            pads: [
              [-1, -2],
              [0, 0],
            ],
          },
          [x],
          /leaves nothing of axis 0/,
        ],
        [kinds.padAxes, { pads: [[0, 0]] }, [x], /pads/],
        [
          kinds.padAxes,
          {
            pads: [
              [0, 0],
              [1, 0],
            ],
            value: 0.5,
          },
          [ramp([3, 4], "int32")],
          /value is 0.5/,
        ],
        [kinds.trilu, {}, [ramp([3], "float32")], /rank 1/],
        [kinds.reverseSequence, { batchAxis: 0, timeAxis: 1 }, [x, ramp([4], "int32")], /must be \[3\]/],
        [kinds.reverseSequence, { batchAxis: 0, timeAxis: 0 }, [x, ramp([3], "int32")], /both axis 0/],
      ];
      for (const [kind, config, inputs, message] of bad)
        await expect(run(kind, config, inputs)).rejects.toThrow(message);
    });
  });
