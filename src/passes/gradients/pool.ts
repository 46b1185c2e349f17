// Gradients of pooling, and gradients of these.
import { UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { affine } from "../../ops/elementwise.ts";
import { gather } from "../../ops/gather.ts";
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
import { maxPoolIndices, maxUnpool } from "../../ops/pool-index.ts";
import { transpose } from "../../ops/shape.ts";
import { type Axis, imagesOf } from "../../ops/window.ts";
import { broadcastTo, reshapeTo } from "./broadcast.ts";
import { combine, type SparseMatrix, sparseMatrix, transposed } from "./combine.ts";
import { type GradientEntry, gradientOf, gradientOfOutputs } from "./rule.ts";

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

/** The same from [x, dy] alone, where windows are pairs of pixels, or pairs of pairs, side by side; dx may overwrite x. */
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

/** What x [n, ...spatial, c] holds at int32 indices that count in it as [n, c, ...spatial]. */
function valuesAt(g: Graph, x: Edge, indices: Edge): Edge {
  const last = x.shape.length - 1;
  const perm = [0, last, ...x.shape.slice(1, -1).map((_, i) => i + 1)];
  const list = reshapeTo(g, g.op(transpose, [x], { perm }), [sizeOf(x.shape)]);
  return g.op(gather, [list, indices], { axis: 0, batchDims: 0 });
}

/** dx of a max pool from that of its result. */
function maxPoolGradient(g: Graph, x: Edge, y: Edge, dy: Edge, params: MaxPoolParams): Edge {
  if (pairRows(poolAxes(x, params))) return g.op(maxPoolPairsGrad, [x, dy], params);
  return g.op(maxPoolGrad, [x, dy, y], params);
}

/** The gradient of a max pool's gradient: by dy what dx has at the maxima; by x and y it is constant between jumps. */
const maxPoolGradGradient = (op: Op<MaxPoolParams>): GradientEntry =>
  gradientOf(op, (g, { inputs: [x, dy], params }, ddx, [, ofDy]) => {
    if (!ofDy) return [undefined, undefined, undefined];
    const [, indices] = g.apply(maxPoolIndices, [x], { ...params, order: 0 });
    return [undefined, reshapeTo(g, valuesAt(g, ddx, indices), dy.shape), undefined];
  });

export const poolGradients: readonly GradientEntry[] = [
  gradientOf(maxPool, (g, { inputs: [x], outputs: [y], params }, dy) => [
    maxPoolGradient(g, x, y, dy, params),
  ]),
  maxPoolGradGradient(maxPoolGrad),
  maxPoolGradGradient(maxPoolPairsGrad),
  gradientOfOutputs(
    maxPoolIndices,
    (g, { inputs: [x], outputs: [y], params: { order, ...params } }, [dy]) => [
      dy && maxPoolGradient(g, x, y, dy, params),
    ],
  ),
  gradientOf(maxUnpool, (g, { inputs: [x, indices], params: { indexSize }, where }, dy) => {
    if (x.dtype !== "float32") return [undefined, undefined];
    if (indexSize && String(indexSize) !== String(dy.shape.slice(1, -1)))
      throw new UnsupportedError(
        `${where}: has no gradient where indices count in another size [${indexSize}] than that of the result`,
      );
    return [valuesAt(g, dy, indices), undefined];
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
