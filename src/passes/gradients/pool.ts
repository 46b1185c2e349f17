// Gradients of pooling.
import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { affine } from "../../ops/elementwise.ts";
import {
  avgPool,
  axesOf,
  emitPool,
  ends,
  globalAvgPool,
  globalMaxPool,
  type MaxPoolParams,
  maxPool,
  threePoolAxes,
  undilated,
} from "../../ops/pool.ts";
import type { Axis } from "../../ops/window.ts";
import { broadcastTo, reshapeTo } from "./broadcast.ts";
import { type Combination, combination, combine, transposed } from "./combine.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** From [x, dy, y]: every window's gradient goes to its largest value, the first of equals. */
export const maxPoolGrad: Op<MaxPoolParams> = {
  name: "maxPoolGrad",
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, dy, y], [dx], p) {
    const from = [dy.base, x.base, y.base];
    emitPool(e, "pool_max_grad_f32", dx.base, from, threePoolAxes(x, p), ends(x));
  },
};

/** The same where windows are pairs of pixels, or pairs of pairs, side by side; dx may overwrite x. */
export const maxPoolPairsGrad: Op<MaxPoolParams> = {
  name: "maxPoolPairsGrad",
  inPlace: true,
  infer: maxPoolGrad.infer,
  forward(e, [x, dy], [dx], p) {
    const axes = threePoolAxes(x, p);
    const [depth, height, width] = axes;
    const rows = pairRows(axes)!;
    const [n, c] = ends(x);
    const units = n * depth.size * Math.ceil(height.size / rows);
    e.call("pool_pairs_grad_f32", units, [dx.base, dy.base, x.base, rows, height.size, width.size, c]);
  },
};

/** 2 for windows of 2 x 2 that lie side by side without a border, 1 for windows of 2, undefined for others. */
function pairRows(axes: readonly Axis[]): 1 | 2 | undefined {
  const [depth, height, width] = axes;
  if (axes.some((a) => a.before || a.after || a.stride !== a.kernel)) return undefined;
  const pairs = width.kernel === 2 && width.dilation === 1 && depth.kernel === 1;
  if (pairs && height.kernel === 2 && height.dilation === 1) return 2;
  return pairs && height.kernel === 1 ? 1 : undefined;
}

/** An axis of averages: what each takes of the pixels under its window. */
function averagesOf({ size, out, kernel, stride, before, after }: Axis, countPadding: boolean): Combination {
  return combination(size, out, (o) => {
    const first = o * stride - before;
    const end = Math.min(first + kernel, size);
    const begin = Math.max(first, 0);
    const counted = countPadding ? Math.min(first + kernel, size + after) - first : end - begin;
    return Array.from({ length: end - begin }, (_, i) => [begin + i, 1 / counted]);
  });
}

export const poolGradients: readonly GradientEntry[] = [
  gradientOf(maxPool, (g, { inputs: [x], outputs: [y], params }, dy) => {
    const op = pairRows(threePoolAxes(x, params)) ? maxPoolPairsGrad : maxPoolGrad;
    return [g.op(op, [x, dy, y], params)];
  }),
  gradientOf(avgPool, (g, { inputs: [x], params }, dy) => {
    const axes = axesOf(x, undilated(params), "pool").map((axis) =>
      transposed(averagesOf(axis, params.countIncludePad)),
    );
    return [g.op(combine, [dy], { axes })];
  }),
  gradientOf(globalMaxPool, (g, { inputs: [x], outputs: [y] }, dy) => {
    const kernel = x.shape.slice(1, -1);
    const ones = kernel.map(() => 1);
    const p = { kernel, stride: ones, dilation: ones, padding: "valid", ceilMode: false } as const;
    return [g.op(maxPoolGrad, [x, dy, y], p)];
  }),
  gradientOf(globalAvgPool, (g, { inputs: [x], outputs: [y] }, dy) => {
    const each = g.op(affine, [dy], { scale: sizeOf(y.shape) / sizeOf(x.shape), offset: 0 });
    const kept = x.shape.map((d, i) => (i === 0 || i === x.shape.length - 1 ? d : 1));
    return [g.op(broadcastTo, [reshapeTo(g, each, kept)], { shape: x.shape })];
  }),
];
