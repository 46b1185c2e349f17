// Gradients of pooling, resizing, padding, shapes, reductions and arithmetic: against PyTorch, against central differences of the
// formula, and, for what is linear, as adjoints in whole numbers.
import { describe, expect, test } from "vitest";
import type { Op } from "../src/graph/op.ts";
import { sizeOf } from "../src/graph/op.ts";
import { affine, binary } from "../src/ops/elementwise.ts";
import { pad } from "../src/ops/pad.ts";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../src/ops/pool.ts";
import { reduce } from "../src/ops/reduce.ts";
import { resize } from "../src/ops/resize.ts";
import {
  concat,
  depthToSpace,
  flatten,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from "../src/ops/shape.ts";
import { loadGolden } from "./golden.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectWithin } from "./tolerance.ts";

// biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
const OPS: Record<string, Op<any>> = {
  ...{
    maxPool,
    avgPool,
    globalMaxPool,
    globalAvgPool,
    pad,
    resize,
    depthToSpace,
    spaceToDepth,
    reduce,
    binary,
  },
  ...{ affine, reshape, flatten, transpose, concat, slice, split },
};
type Formula = (inputs: readonly oracle.Tensor[], params: object) => oracle.Result[];
const ORACLE = oracle as unknown as Record<string, Formula>;

/** Different numbers, far from ties and far from 0: a shuffle of steps of 1/8. */
function distinct(shape: readonly number[], seed: number): { shape: readonly number[]; data: Float32Array } {
  const n = sizeOf(shape);
  let step = (seed * 7919 + 13) % n;
  while (gcd(step, n) !== 1) step++;
  return {
    shape,
    data: Float32Array.from({ length: n }, (_, i) => (((i * step + seed) % n) - n / 2 + 0.25) / 8),
  };
}
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const whole = (shape: readonly number[], seed: number): Plain => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 31 + seed * 17) % 11) - 5),
});

const golden = loadGolden().cases.filter(({ op }) =>
  ["maxPool", "avgPool", "globalMaxPool", "globalAvgPool", "pad", "resize", "depthToSpace"].includes(op),
);

interface Case {
  op: string;
  shapes: readonly (readonly number[])[];
  params: object;
}

const pool = (kernel: number[], stride: number[], more: object = {}) => ({
  kernel,
  stride,
  padding: "valid",
  ceilMode: false,
  ...more,
});
const LINEAR: Record<string, Case> = {
  "average 2x2/2": {
    op: "avgPool",
    shapes: [[2, 4, 6, 5]],
    params: pool([2, 2], [2, 2], { countIncludePad: false }),
  },
  "average 3x3/2, border counted": {
    op: "avgPool",
    shapes: [[1, 7, 6, 17]],
    params: pool([3, 3], [2, 2], { padding: 1, countIncludePad: true, ceilMode: true }),
  },
  "average over 1 axis": {
    op: "avgPool",
    shapes: [[3, 9, 1]],
    params: pool([4], [3], { countIncludePad: false }),
  },
  "average over 3 axes": {
    op: "avgPool",
    shapes: [[1, 4, 3, 5, 2]],
    params: pool([2, 2, 3], [2, 1, 2], { countIncludePad: true }),
  },
  "global average": { op: "globalAvgPool", shapes: [[2, 3, 5, 4]], params: { keepDims: true } },
  "pad by a constant": {
    op: "pad",
    shapes: [[2, 3, 4]],
    params: {
      pads: [
        [1, 0],
        [0, 2],
        [3, 1],
      ],
      mode: "constant",
      value: 0,
    },
  },
  "pad, mirrored": {
    op: "pad",
    shapes: [[1, 4, 5, 3]],
    params: {
      pads: [
        [0, 0],
        [2, 3],
        [1, 4],
        [0, 0],
      ],
      mode: "reflect",
      value: 0,
    },
  },
  "pad, repeated": {
    op: "pad",
    shapes: [[2, 3, 1, 2]],
    params: {
      pads: [
        [0, 0],
        [2, 1],
        [3, 2],
        [0, 0],
      ],
      mode: "replicate",
      value: 0,
    },
  },
  "resize to the nearest": {
    op: "resize",
    shapes: [[1, 3, 5, 2]],
    params: { size: [7, 4], method: "nearest", coordinates: "asymmetric" },
  },
  "resize, linear": {
    op: "resize",
    shapes: [[2, 4, 3, 3]],
    params: { size: [8, 5], method: "linear", coordinates: "halfPixel" },
  },
  "resize, corners aligned": {
    op: "resize",
    shapes: [[1, 5, 2]],
    params: { size: [9], method: "linear", coordinates: "alignCorners" },
  },
  "resize of three axes": {
    op: "resize",
    shapes: [[1, 2, 3, 4, 1]],
    params: { size: [3, 3, 2], method: "linear", coordinates: "asymmetric" },
  },
  "depth to space": { op: "depthToSpace", shapes: [[1, 2, 3, 8]], params: { block: 2, order: "crd" } },
  "space to depth": { op: "spaceToDepth", shapes: [[1, 4, 6, 3]], params: { block: 2, order: "dcr" } },
  sum: { op: "reduce", shapes: [[2, 3, 4, 5]], params: { kind: "sum", axes: [1, -1], keepDims: false } },
  mean: { op: "reduce", shapes: [[2, 3, 4]], params: { kind: "mean", axes: [0, 1], keepDims: true } },
  "an axis of one": {
    op: "reduce",
    shapes: [[2, 1, 4]],
    params: { kind: "sum", axes: [1], keepDims: false },
  },
  add: { op: "binary", shapes: [[2, 3, 4, 5], [5]], params: { kind: "add" } },
  "sub, both repeated": {
    op: "binary",
    shapes: [
      [4, 1, 5],
      [3, 1],
    ],
    params: { kind: "sub" },
  },
  affine: { op: "affine", shapes: [[7]], params: { scale: -3, offset: 0 } },
  reshape: { op: "reshape", shapes: [[2, 6]], params: { shape: [3, 4] } },
  flatten: { op: "flatten", shapes: [[2, 3, 4]], params: {} },
  transpose: { op: "transpose", shapes: [[2, 3, 4, 5]], params: { perm: [2, 0, 3, 1] } },
  concat: {
    op: "concat",
    shapes: [
      [2, 3, 4],
      [2, 1, 4],
      [2, 2, 4],
    ],
    params: { axis: 1 },
  },
  slice: { op: "slice", shapes: [[4, 5, 6]], params: { begin: [1, 0, 2], size: [2, 5, 3] } },
  split: { op: "split", shapes: [[2, 6, 3]], params: { axis: 1, sizes: [1, 2, 3] } },
};

const SMOOTH: Record<string, Case> = {
  "largest of 2x2": {
    op: "maxPool",
    shapes: [[2, 4, 6, 5]],
    params: pool([2, 2], [2, 2], { dilation: [1, 1] }),
  },
  "largest of 2x2 in an odd image": {
    op: "maxPool",
    shapes: [[2, 5, 7, 19]],
    params: pool([2, 2], [2, 2], { dilation: [1, 1] }),
  },
  "largest of 2": { op: "maxPool", shapes: [[2, 7, 6]], params: pool([2], [2], { dilation: [1] }) },
  "largest of 1x2x2": {
    op: "maxPool",
    shapes: [[1, 3, 4, 3, 4]],
    params: pool([1, 2, 2], [1, 2, 2], { dilation: [1, 1, 1] }),
  },
  "largest of 3x3, overlapping, dilated": {
    op: "maxPool",
    shapes: [[1, 8, 9, 19]],
    params: pool([3, 3], [1, 2], { dilation: [2, 1], padding: 1, ceilMode: true }),
  },
  "largest over 1 axis": { op: "maxPool", shapes: [[3, 11, 1]], params: pool([5], [2], { dilation: [1] }) },
  "largest over 3 axes": {
    op: "maxPool",
    shapes: [[1, 3, 4, 5, 3]],
    params: pool([2, 3, 2], [1, 2, 2], { dilation: [1, 1, 1] }),
  },
  "global largest": { op: "globalMaxPool", shapes: [[2, 3, 5, 4]], params: { keepDims: false } },
  "largest along axes": {
    op: "reduce",
    shapes: [[3, 4, 5]],
    params: { kind: "max", axes: [0, 2], keepDims: false },
  },
  "smallest along an axis": {
    op: "reduce",
    shapes: [[3, 4, 5]],
    params: { kind: "min", axes: [1], keepDims: true },
  },
  mul: {
    op: "binary",
    shapes: [
      [2, 3, 4, 5],
      [2, 1, 1, 5],
    ],
    params: { kind: "mul" },
  },
  "div by a vector": { op: "binary", shapes: [[3, 5], [5]], params: { kind: "div" } },
  "div of a number": { op: "binary", shapes: [[1], [3, 5]], params: { kind: "div" } },
  "min, repeated": {
    op: "binary",
    shapes: [
      [2, 1, 5],
      [3, 1],
    ],
    params: { kind: "min" },
  },
  max: {
    op: "binary",
    shapes: [
      [4, 5],
      [4, 5],
    ],
    params: { kind: "max" },
  },
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);

describe.each(builds())("gradients, $name build", ({ engine }) => {
  test.each(golden.map((c) => [c.name, c] as const))("golden: %s", async (_, c) => {
    const gradients = await gradientsOf(engine, OPS[c.op], c.inputs, c.params, [c.dy]);
    // Every value is a sum of a handful of products, each rounded at most a few times.
    const most = Math.max(...Array.from(c.dy.data, Math.abs));
    const terms = Math.max(1, Math.ceil(c.dy.data.length / c.inputs[0].data.length)) * 9;
    c.grads.forEach((expected, i) => {
      expectWithin(gradients[i]!, expected!.data, 8 * Math.sqrt(terms) * oracle.ROUNDOFF * most);
    });
  });

  test.each(Object.entries(LINEAR))("adjoint: %s", async (_, { op, shapes, params }) => {
    const inputs = shapes.map((shape, i) => whole(shape, i + 1));
    const outs = await evaluate(engine, OPS[op], inputs, params);
    const dys = outs.map(({ shape }, i) => whole(shape, i + 5));
    const gradients = await gradientsOf(engine, OPS[op], inputs, params, dys);
    const [left, right] = [
      outs.reduce((sum, y, i) => sum + dot(y.data, dys[i].data), 0),
      gradients.reduce((sum, g, i) => sum + dot(g!, inputs[i].data), 0),
    ];
    // Thirds and ninths round; everything else is exact.
    expect(Math.abs(left - right)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(left)));
    const only = await gradientsOf(
      engine,
      OPS[op],
      inputs,
      params,
      dys,
      inputs.map((_, i) => i === 0),
    );
    expect(only[0]).toEqual(gradients[0]);
    expect(only.slice(1).every((g) => g === undefined)).toBe(true);
  });

  test.each(Object.entries({ ...LINEAR, ...SMOOTH }))(
    "central differences: %s",
    async (_, { op, shapes, params }) => {
      const inputs = shapes.map((shape, i) => distinct(shape, i + 1));
      // Quotients bend too much near 0 for differences to tell their slope.
      if ((params as { kind?: string }).kind === "div") inputs[1].data = inputs[1].data.map((v) => v + 20);
      const outs = ORACLE[op](
        inputs.map((x) => ({ shape: x.shape, data: Float64Array.from(x.data) })),
        params,
      );
      const dys = outs.map(({ shape }, i) => distinct(shape, i + 3));
      const gradients = await gradientsOf(engine, OPS[op], inputs, params, dys);
      inputs.forEach((_, i) => {
        const want = numericGradient(ORACLE[op], inputs, params, dys, i, 1e-3);
        const most = Math.max(...Array.from(want, Math.abs));
        expectWithin(gradients[i]!, want, 1e-4 * most);
      });
    },
  );

  test("ties: the first of a window, an even share elsewhere", async () => {
    const x = { shape: [1, 2, 2, 1], data: Float32Array.of(3, 3, 3, 1) };
    const dy = { shape: [1, 1, 1, 1], data: Float32Array.of(6) };
    const p = pool([2, 2], [2, 2], { dilation: [1, 1] });
    expect([...(await gradientsOf(engine, OPS.maxPool, [x], p, [dy]))[0]!]).toEqual([6, 0, 0, 0]);
    const most = { kind: "max", axes: [1, 2], keepDims: true };
    expect([...(await gradientsOf(engine, OPS.reduce, [x], most, [dy]))[0]!]).toEqual([2, 2, 2, 0]);
    const [a, b] = [
      [1, 2, 3],
      [1, 5, 0],
    ].map((v) => ({ shape: [3], data: Float32Array.from(v) }));
    const d = { shape: [3], data: Float32Array.of(4, 4, 4) };
    const both = await gradientsOf(engine, OPS.binary, [a, b], { kind: "max" }, [d]);
    expect(both.map((g) => [...g!])).toEqual([
      [2, 0, 4],
      [2, 4, 0],
    ]);
  });

  test("a NaN is the largest of its window", async () => {
    const x = { shape: [1, 2, 2, 5], data: new Float32Array(20).fill(1) };
    x.data[13] = Number.NaN;
    const dy = { shape: [1, 1, 1, 5], data: Float32Array.of(1, 2, 3, 4, 5) };
    const [g] = await gradientsOf(engine, OPS.maxPool, [x], pool([2, 2], [2, 2], { dilation: [1, 1] }), [dy]);
    expect([g![13], g![3], g![0], g![4]]).toEqual([4, 0, 1, 5]);
    // Every window of four numbers or NaNs: the place goes to the first of equals, or to the last NaN.
    const kinds = [0, 1, Number.NaN];
    const all = Array.from({ length: 81 }, (_, i) =>
      [27, 9, 3, 1].map((digit) => kinds[Math.floor(i / digit) % 3]),
    );
    const windows = {
      shape: [1, 2, 2, 81],
      data: Float32Array.from([0, 1, 2, 3].flatMap((t) => all.map((w) => w[t]))),
    };
    const ones = { shape: [1, 1, 1, 81], data: new Float32Array(81).fill(1) };
    const side = pool([2, 2], [2, 2], { dilation: [1, 1] });
    const want = all.map((w) => {
      const last = w.findLastIndex(Number.isNaN);
      return last < 0 ? w.indexOf(Math.max(...w)) : last;
    });
    // Stride 3 takes the kernel for windows of every kind.
    for (const p of [side, { ...side, stride: [3, 3] }]) {
      const [places] = await gradientsOf(engine, OPS.maxPool, [windows], p, [ones]);
      expect(
        want.map((t, i) => [0, 1, 2, 3].map((tap) => places![tap * 81 + i] - Number(tap === t))),
      ).toEqual(want.map(() => [0, 0, 0, 0]));
    }
  });
});
