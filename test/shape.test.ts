import { describe, expect, it } from "vitest";
import type { Op, TensorType } from "../src/graph/op.ts";
import { type PadMode, pad } from "../src/ops/pad.ts";
import {
  concat,
  depthToSpace,
  flatten,
  reshape,
  resolveShape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from "../src/ops/shape.ts";
import { collapse } from "../src/ops/strided.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual } from "./tolerance.ts";

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Every element different from all others and from 0: nothing can go astray unseen. */
function ramp(shape: readonly number[], first = 1): Plain & { data: Float32Array } {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => first + i) };
}

const float = (...shape: number[]): TensorType => ({ shape, dtype: "float32" });
const pairs = (rank: number, spatial: [number, number][]): [number, number][] => [
  [0, 0],
  ...spatial.slice(0, rank - 2),
  [0, 0],
];

/** Lengths where the kernels change course: vectors of 4, rows of 32 and 512 floats, squares of 64. */
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 16, 33, 129];

const TRANSPOSED: { shape: number[]; perm: number[] }[] = [
  { shape: [], perm: [] },
  { shape: [7], perm: [0] },
  { shape: [1, 5, 1], perm: [2, 0, 1] },
  ...[1, 2, 3, 4, 5, 63, 64, 65, 67].flatMap((h) =>
    [2, 3, 4, 9, 64, 66, 131].map((w) => ({ shape: [h, w], perm: [1, 0] })),
  ),
  ...CHANNELS.map((c) => ({ shape: [2, c, 5, 7], perm: [0, 2, 3, 1] })),
  ...CHANNELS.map((c) => ({ shape: [2, 5, 7, c], perm: [0, 3, 1, 2] })),
  ...CHANNELS.map((c) => ({ shape: [3, 4, 5, c], perm: [0, 2, 1, 3] })),
  { shape: [6, 5, 4, 3], perm: [3, 2, 1, 0] },
  { shape: [2, 3, 2, 3], perm: [2, 3, 0, 1] },
  { shape: [40, 2, 2], perm: [0, 2, 1] },
  { shape: [40, 3, 3], perm: [0, 2, 1] },
  { shape: [3, 9001], perm: [1, 0] },
  { shape: [9001, 3], perm: [1, 0] },
  { shape: [2, 3, 9001], perm: [1, 0, 2] },
  // More axes than the kernel has, none of which can be joined.
  { shape: [2, 3, 2, 3, 2, 3, 2], perm: [6, 5, 4, 3, 2, 1, 0] },
  { shape: [2, 3, 2, 2, 2, 3, 2, 2], perm: [7, 5, 3, 1, 6, 4, 2, 0] },
];

for (const { name, engine } of builds())
  describe(`shape ops (${name})`, () => {
    async function check<P>(
      op: Op<P>,
      reference: (inputs: readonly oracle.Tensor[], params: P) => oracle.Result[],
      inputs: (Plain & { data: Float32Array })[],
      params: P,
    ): Promise<void> {
      const actual = await evaluate(engine, op, inputs, params);
      const expected = reference(inputs, params);
      expect(actual.map((a) => a.shape)).toEqual(expected.map((e) => e.shape));
      for (const [i, a] of actual.entries()) expectEqual(a.data, expected[i].data);
    }

    it("reshape and flatten keep the order", async () => {
      await check(reshape, oracle.reshape, [ramp([2, 3, 4])], { shape: [4, 6] });
      await check(reshape, oracle.reshape, [ramp([2, 3, 4])], { shape: [24] });
      await check(flatten, oracle.flatten, [ramp([2, 3, 4])], {});
      await check(flatten, oracle.flatten, [ramp([5])], {});
    });

    for (const { shape, perm } of TRANSPOSED)
      it(`transpose [${shape}] by [${perm}]`, () =>
        check(transpose, oracle.transpose, [ramp(shape)], { perm }));

    it("transpose of more than the caches hold", async () => {
      await check(transpose, oracle.transpose, [ramp([1027, 1025])], { perm: [1, 0] });
      await check(transpose, oracle.transpose, [ramp([3, 5, 70001])], { perm: [2, 0, 1] });
    });

    it("transpose keeps every bit of NaN, infinities and -0", async () => {
      const data = Float32Array.from(
        { length: 60 },
        (_, i) => [Number.NaN, Infinity, -0, 1, -Infinity][i % 5],
      );
      for (const shape of [
        [6, 10],
        [3, 20],
        [30, 2],
      ]) {
        const [{ data: actual }] = await evaluate(engine, transpose, [{ shape, data }], { perm: [1, 0] });
        const [{ data: expected }] = oracle.transpose([{ shape, data }], { perm: [1, 0] });
        for (const [i, e] of expected.entries()) expect(actual[i]).toBe(e);
      }
    });

    it("concat on every axis, any number of inputs", async () => {
      for (const c of CHANNELS) {
        await check(concat, oracle.concat, [ramp([2, 3, 5, c]), ramp([2, 3, 5, 3], 5000)], { axis: 3 });
        await check(concat, oracle.concat, [ramp([2, 3, 5, c]), ramp([2, 3, 5, 3], 5000)], { axis: -1 });
      }
      for (const axis of [0, 1, 2, 3]) {
        const parts = [1, 4, 2].map((d, i) => ramp([3, 2, 4, 5].with(axis, d), 1000 * i));
        await check(concat, oracle.concat, parts, { axis });
      }
      await check(concat, oracle.concat, [ramp([7])], { axis: 0 });
      await check(concat, oracle.concat, [ramp([40, 1]), ramp([40, 1], 100)], { axis: 1 });
    });

    it("slice", async () => {
      await check(slice, oracle.slice, [ramp([9])], { begin: [3], size: [5] });
      await check(slice, oracle.slice, [ramp([4, 5, 6])], { begin: [1, 0, 2], size: [2, 5, 3] });
      await check(slice, oracle.slice, [ramp([4, 5, 6])], { begin: [0, 0, 0], size: [4, 5, 6] });
      await check(slice, oracle.slice, [ramp([4, 5, 6])], { begin: [3, 4, 5], size: [1, 1, 1] });
      await check(slice, oracle.slice, [ramp([2, 3, 3000])], { begin: [0, 1, 7], size: [2, 2, 2900] });
      for (const c of CHANNELS)
        await check(slice, oracle.slice, [ramp([20, 3, c + 2])], { begin: [1, 1, 1], size: [19, 2, c] });
    });

    it("split", async () => {
      await check(split, oracle.split, [ramp([2, 3, 21])], { axis: 2, sizes: [1, 2, 3, 4, 5, 6] });
      await check(split, oracle.split, [ramp([2, 3, 21])], { axis: -2, sizes: [2, 1] });
      await check(split, oracle.split, [ramp([5, 4])], { axis: 0, sizes: [5] });
    });

    for (const order of ["dcr", "crd"] as const)
      it(`depthToSpace and spaceToDepth, ${order}`, async () => {
        for (const c of [1, 2, 3, 4, 5, 8, 17])
          for (const block of [1, 2, 3, 4]) {
            const params = { block, order };
            await check(depthToSpace, oracle.depthToSpace, [ramp([2, 3, 5, c * block * block])], params);
            await check(spaceToDepth, oracle.spaceToDepth, [ramp([2, 3 * block, 5 * block, c])], params);
          }
        await check(depthToSpace, oracle.depthToSpace, [ramp([1, 20, 50, 12])], { block: 2, order });
      });

    for (const mode of ["constant", "reflect", "replicate"] as PadMode[])
      it(`pad one to three spatial axes, ${mode}`, async () => {
        for (const c of CHANNELS)
          for (const spatial of [[1], [5], [1, 6], [4, 3], [3, 4, 5], [2, 1, 3]])
            for (const border of [
              [
                [0, 1],
                [1, 0],
                [0, 0],
              ],
              [
                [1, 0],
                [0, 1],
                [1, 1],
              ],
              [
                [2, 3],
                [1, 4],
                [3, 2],
              ],
              [
                [0, 0],
                [0, 0],
                [0, 0],
              ],
            ] as [number, number][][]) {
              const shape = [2, ...spatial, c];
              const most = (size: number): number => (mode === "reflect" ? size - 1 : 9);
              const pads = pairs(shape.length, border).map((pair, i): [number, number] => [
                Math.min(pair[0], most(shape[i])),
                Math.min(pair[1], most(shape[i])),
              ]);
              await check(pad, oracle.pad, [ramp(shape)], { pads, mode, value: -3.5 });
            }
      });

    it("pad rows long enough for bulk copies and fills", async () => {
      const pads: [number, number][] = [
        [0, 0],
        [2, 1],
        [1, 3],
        [0, 0],
      ];
      for (const value of [0, 1])
        for (const c of [3, 40]) {
          await check(pad, oracle.pad, [ramp([1, 3, 200, c])], { pads, mode: "constant", value });
          await check(pad, oracle.pad, [ramp([1, 3, 200, c])], {
            pads: [...pads.slice(0, 3), [1, 0]],
            mode: "constant",
            value,
          });
        }
      await check(pad, oracle.pad, [ramp([1, 3, 200, 40])], { pads, mode: "reflect", value: 0 });
    });

    it("pad any axis with a constant", async () => {
      await check(pad, oracle.pad, [ramp([5])], { pads: [[2, 1]], mode: "constant", value: 7 });
      await check(pad, oracle.pad, [ramp([3, 4])], {
        pads: [
          [0, 1],
          [2, 0],
        ],
        mode: "constant",
        value: 0,
      });
      await check(pad, oracle.pad, [ramp([3, 4])], {
        pads: [
          [0, 0],
          [0, 0],
        ],
        mode: "constant",
        value: 0,
      });
      await check(pad, oracle.pad, [ramp([2, 3, 4])], {
        pads: [
          [1, 1],
          [0, 0],
          [0, 0],
        ],
        mode: "constant",
        value: -1,
      });
      await check(pad, oracle.pad, [ramp([2, 2, 2, 3])], {
        pads: [
          [0, 1],
          [1, 0],
          [1, 1],
          [2, 3],
        ],
        mode: "constant",
        value: 0.5,
      });
      const six: [number, number][] = [
        [1, 0],
        [0, 1],
        [1, 1],
        [0, 0],
        [0, 2],
        [1, 0],
      ];
      await check(pad, oracle.pad, [ramp([2, 1, 2, 3, 2, 2])], { pads: six, mode: "constant", value: 9 });
    });
  });

describe("the box of a strided copy", () => {
  it("joins axes that are one on both sides", () => {
    const dense = [
      { size: 2, out: 12, x: 12 },
      { size: 3, out: 4, x: 4 },
      { size: 4, out: 1, x: 1 },
    ];
    expect(collapse(dense)).toEqual([{ size: 24, out: 1, x: 1 }]);
  });
  it("keeps a gap on either side", () => {
    const gap = [
      { size: 2, out: 16, x: 12 },
      { size: 3, out: 4, x: 4 },
      { size: 4, out: 1, x: 1 },
    ];
    expect(collapse(gap)).toEqual([
      { size: 2, out: 16, x: 12 },
      { size: 12, out: 1, x: 1 },
    ]);
  });
  it("orders by the output and drops single steps", () => {
    const turned = [
      { size: 3, out: 1, x: 20 },
      { size: 1, out: 60, x: 60 },
      { size: 4, out: 15, x: 5 },
      { size: 5, out: 3, x: 1 },
    ];
    expect(collapse(turned)).toEqual([
      { size: 20, out: 3, x: 1 },
      { size: 3, out: 1, x: 20 },
    ]);
  });
  it("is one step for a single element", () => {
    expect(collapse([])).toEqual([{ size: 1, out: 4, x: 4 }]);
  });
});

describe.each(builds())("a constant border, $name build", ({ engine }) => {
  it.each([Infinity, -Infinity, Number.NaN, 1e300])("of %d", async (value) => {
    for (const [shape, pads] of [
      [
        [2, 3, 2, 3],
        [
          [0, 0],
          [1, 2],
          [0, 3],
          [0, 0],
        ],
      ],
      [
        [2, 3],
        [
          [1, 0],
          [2, 1],
        ],
      ],
    ] as [number[], [number, number][]][]) {
      const x = { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i) };
      const params = { pads, mode: "constant" as const, value };
      const [y] = await evaluate(engine, pad, [x], params);
      const [want] = oracle.pad([x], params);
      expect(Array.from(y.data)).toEqual(Array.from(want.data, Math.fround));
    }
  });
});

describe("what shape ops refuse", () => {
  const where = 'op "x"';
  const x = float(2, 3, 4, 8);
  const zero: [number, number] = [0, 0];

  it("reshape", () => {
    expect(() => reshape.infer([x], { shape: [5, 7] }, where)).toThrow(
      'op "x": input [2,3,4,8] has 192 elements, which do not fill shape [5,7] of 35',
    );
    expect(() => reshape.infer([], { shape: [1] }, where)).toThrow("takes 1 inputs but got 0");
    const resolved = (...shape: number[]) => resolveShape(x.shape, shape, where);
    expect(() => resolved(-1, 7)).toThrow("need a multiple of 7");
    expect(() => resolved(-1, -1)).toThrow("more than one -1");
    expect(() => resolved(2, 3, 4, 8, 0)).toThrow(
      "shape[4] is 0, which keeps the input's axis 4, but the input has rank 4",
    );
    expect(() => resolved(-2, 96)).toThrow("is -2 but must be an integer of at least 0");
    expect(resolved(0, 6, -1)).toEqual([2, 6, 16]);
    expect(resolved(0, 0, 32)).toEqual([2, 3, 32]);
    expect(() => resolved(0, 0, 7)).toThrow("do not fill shape [0,0,7] of 42");
    // Of nothing: what is kept does not count in what is left.
    const empty = (from: number[], ...shape: number[]) => resolveShape(from, shape, where);
    expect(empty([0, 2, 3], 0, -1)).toEqual([0, 6]);
    expect(empty([2, 0], -1, 5)).toEqual([0, 5]);
    expect(empty([2, 3, 0], 0, -1)).toEqual([2, 0]);
    expect(() => empty([2, 0], -1, 2, 0)).toThrow("but the input has rank 2");
    expect(() => empty([3, 0], 1)).toThrow("input [3,0] has 0 elements, which do not fill shape [1] of 1");
  });
  it("flatten", () => {
    expect(() => flatten.infer([float()], {}, where)).toThrow("at least one axis");
  });
  it("transpose", () => {
    expect(() => transpose.infer([x], { perm: [0, 1, 2] }, where)).toThrow(
      "perm is [0,1,2] but must be a list of 4",
    );
    expect(() => transpose.infer([x], { perm: [0, 1, 1, 2] }, where)).toThrow(
      "perm is [0,1,1,2] but must be every axis from 0 to 3 once",
    );
  });
  it("concat", () => {
    expect(() => concat.infer([x, float(2, 3, 5, 8)], { axis: 3 }, where)).toThrow(
      "input 1 has shape [2,3,5,8] but must match input 0, [2,3,4,8], on every axis but axis 3",
    );
    expect(() => concat.infer([x, float(2, 3)], { axis: 1 }, where)).toThrow("must match input 0");
    expect(() => concat.infer([x], { axis: 4 }, where)).toThrow("axis is 4 but the input has rank 4");
    const ints: TensorType = { shape: [2, 3, 4, 8], dtype: "int32" };
    expect(() => concat.infer([x, ints], { axis: 0 }, where)).toThrow(
      "input 1 is int32 but input 0 is float32",
    );
    expect(concat.infer([ints, ints], { axis: 0 }, where)).toEqual([{ shape: [4, 3, 4, 8], dtype: "int32" }]);
  });
  it("slice", () => {
    expect(() => slice.infer([x], { begin: [0, 0, 0, 1], size: [2, 3, 4, 8] }, where)).toThrow(
      "begin[3] + size[3] is 1 + 8 = 9 but axis 3 of the input [2,3,4,8] has only 8",
    );
    expect(() => slice.infer([x], { begin: [0, -1, 0, 0], size: [1, 1, 1, 1] }, where)).toThrow(
      "begin[1] is -1",
    );
    expect(() => slice.infer([x], { begin: [0, 0, 0, 0], size: [1, -2, 1, 1] }, where)).toThrow(
      "size[1] is -2",
    );
    expect(slice.infer([x], { begin: [0, 3, 0, 0], size: [1, -1, 1, 1] }, where)).toEqual([
      float(1, 0, 1, 1),
    ]);
    expect(() => slice.infer([x], { begin: [0], size: [1] }, where)).toThrow("must be a list of 4");
    expect(() => slice.infer([x], { begin: [0, 4, 0, 0], size: [1, -1, 1, 1] }, where)).toThrow(
      "size[1] is -1",
    );
    expect(slice.infer([x], { begin: [0, 1, 2, 3], size: [-1, 1, -1, -1] }, where)).toEqual([
      float(2, 1, 2, 5),
    ]);
  });
  it("split", () => {
    expect(() => split.infer([x], { axis: 3, sizes: [4, 5] }, where)).toThrow(
      "sizes [4,5] add up to 9 but axis 3 of the input [2,3,4,8] has 8",
    );
    expect(() => split.infer([x], { axis: 3, sizes: [] }, where)).toThrow("must be a list of part lengths");
    expect(() => split.infer([x], { axis: 3, sizes: [9, -1] }, where)).toThrow("sizes[1] is -1");
    expect(split.infer([x], { axis: 3, sizes: [8, 0] }, where)).toEqual([x, float(2, 3, 4, 0)]);
  });
  it("pad", () => {
    const of =
      (pads: [number, number][], mode: PadMode, value = 0) =>
      (): unknown =>
        pad.infer([x], { pads, mode, value }, where);
    expect(of([zero, [3, 0], zero, zero], "reflect")).toThrow(
      'pads[1] is [3,0] but axis 1 of the input [2,3,4,8] has 3; mode "reflect" can add at most 2 on a side',
    );
    expect(of([zero, zero, zero, [1, 0]], "replicate")).toThrow("pads only the one to three spatial axes");
    expect(of([zero, zero, zero], "constant")).toThrow("must be a list of 4");
    expect(of([zero, [-1, 0], zero, zero], "constant")).toThrow("pads[1][0] is -1");
    expect(of([zero, zero, zero, zero], "wrap" as PadMode)).toThrow('mode is "wrap"');
    expect(of([zero, zero, zero, zero], "constant", "1" as unknown as number)).toThrow(
      'value is "1" but must be a number',
    );
    const ints: TensorType = { shape: [1], dtype: "int32" };
    expect(() => pad.infer([ints], { pads: [zero], mode: "constant", value: 0 }, where)).toThrow(
      "must be float32",
    );
  });
  it("depthToSpace and spaceToDepth", () => {
    expect(() => depthToSpace.infer([x], { block: 3, order: "dcr" }, where)).toThrow(
      "input [2,3,4,8] has 8 channels but block 3 needs a multiple of 9",
    );
    expect(() => spaceToDepth.infer([x], { block: 2, order: "crd" }, where)).toThrow(
      "has height 3 and width 4 but both must be multiples of block 2",
    );
    expect(() => depthToSpace.infer([float(4)], { block: 2, order: "crd" }, where)).toThrow(
      "must have rank 4",
    );
    expect(() => depthToSpace.infer([x], { block: 2, order: "rdc" as "crd" }, where)).toThrow(
      'order is "rdc"',
    );
  });
});
