// Gradients of pooling.
import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { affine } from "../../ops/elementwise.ts";
import {
  avgPool,
  emitPoolShape,
  globalAvgPool,
  globalMaxPool,
  type MaxPoolParams,
  maxPool,
  poolAxes,
  undilated,
} from "../../ops/pool.ts";
import { type Axis, imagesOf } from "../../ops/window.ts";
import { broadcastTo, reshapeTo } from "./broadcast.ts";
import { combine, type SparseMatrix, sparseMatrix, transposed } from "./combine.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** From [x, dy, y]: every window's gradient goes to its largest value, the first of equals. */
export const maxPoolGrad: Op<MaxPoolParams> = {
  name: "maxPoolGrad",
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, dy, y], [dx], p) {
    const axes = poolAxes(x, p);
    const n = x.shape[0];
    const shape = emitPoolShape(e, n, x.shape[x.shape.length - 1], axes, imagesOf(x), imagesOf(y));
    const rows = n * axes[0].size * axes[1].size;
    e.call("pool_max_grad_f32", rows, [dx.base, dy.base, x.base, y.base, shape]);
  },
};

/** The same where windows are pairs of pixels, or pairs of pairs, side by side; dx may overwrite x. */
export const maxPoolPairsGrad: Op<MaxPoolParams> = {
  name: "maxPoolPairsGrad",
  inPlace: true,
  infer: maxPoolGrad.infer,
  forward(e, [x, dy], [dx], p) {
    const axes = poolAxes(x, p);
    const [depth, height, width] = axes;
    const rows = pairRows(axes)!;
    const c = x.shape[x.shape.length - 1];
    const units = x.shape[0] * depth.size * Math.ceil(height.size / rows);
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

/** The averages along an axis as a matrix. */
function averagesOf({ size, out, kernel, stride, before, after }: Axis, countPadding: boolean): SparseMatrix {
  return sparseMatrix(size, out, (o) => {
    const first = o * stride - before;
    const end = Math.min(first + kernel, size);
    const begin = Math.max(first, 0);
    const counted = countPadding ? Math.min(first + kernel, size + after) - first : end - begin;
    return Array.from({ length: end - begin }, (_, i) => [begin + i, 1 / counted]);
  });
}

export const poolGradients: readonly GradientEntry[] = [
  gradientOf(maxPool, (g, { inputs: [x], outputs: [y], params }, dy) => {
    const op = pairRows(poolAxes(x, params)) ? maxPoolPairsGrad : maxPoolGrad;
    return [g.op(op, [x, dy, y], params)];
  }),
  gradientOf(avgPool, (g, { inputs: [x], params }, dy) => {
    const axes = poolAxes(x, undilated(params))
      .slice(-params.kernel.length)
      .map((axis) => transposed(averagesOf(axis, params.countIncludePad)));
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
