// Pooling over one to three spatial axes of [n, ...spatial, c].
import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { poolSplits } from "../runtime/plan.ts";
import { poolShape } from "../runtime/records.ts";
import { aFlag, refuse } from "../validate.ts";
import { arity, checkShape, requireFloats, spatialShape } from "./check.ts";
import { reduceAxis } from "./reduce.ts";
import {
  type Axis,
  checkWindow,
  densePixelStrides,
  type Images,
  imagesOf,
  type Padding,
  slide,
  threeAxes,
  unchanged,
  windowLists,
} from "./window.ts";

export interface AvgPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  padding: Padding;
  /** The last window may reach past the end (PyTorch's rule). */
  ceilMode: boolean;
  /** Divide by the taps on the padding too (not by those past it). */
  countIncludePad: boolean;
}

export interface MaxPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  /** The last window may reach past the end (PyTorch's rule). */
  ceilMode: boolean;
  /** Whether padding may be as wide as a window: the largest of nothing is -Infinity. Default false. */
  anyPadding?: boolean;
}

export interface GlobalPoolParams {
  /** [n, 1, 1, c] rather than [n, c]. */
  keepDims: boolean;
}

/** The axes under the window, resolved: depth, height and width. */
export const poolAxes = (x: TensorType, p: MaxPoolParams): Axis[] =>
  threeAxes(slide(x.shape.slice(1, -1), p, "pool"), unchanged(1));

export const undilated = (p: AvgPoolParams): MaxPoolParams => ({ ...p, dilation: p.kernel.map(() => 1) });

function inferPool(inputs: readonly TensorType[], p: MaxPoolParams, where: string): TensorType[] {
  arity(inputs, 1, 1, where);
  const [x] = inputs;
  const axes = slide(checkWindow(x, p, where), p, where);
  aFlag(p.ceilMode, "ceilMode", where);
  for (const { before, after, kernel, dilation } of axes) {
    const reach = dilation * (kernel - 1) + 1;
    if (!p.anyPadding && (before >= reach || after >= reach))
      throw new ShapeError(
        `${where}: padding is ${before} + ${after} but must be smaller than the kernel's reach of ${reach} ` +
          "on each side, or a window would see only border",
      );
  }
  const shape = [x.shape[0], ...axes.map((a) => a.out), x.shape[x.shape.length - 1]];
  checkShape(shape, "output", where);
  return [float32(shape)];
}

/** The record of n images of c channels under a window of three axes. */
export function emitPoolShape(
  e: Emitter,
  n: number,
  c: number,
  axes: readonly Axis[],
  x: Images,
  out: Images,
  countPadding = false,
): Address<"poolShape"> {
  return e.record(
    poolShape({
      ...{ n, c, ...windowLists(axes), after: axes.map((a) => a.after), countPadding: Number(countPadding) },
      ...{ xStrides: x.strides, outStrides: out.strides },
    }),
  );
}

/** Units of a pool: its output pixels. */
const unitsOf = (n: number, axes: readonly Axis[]): number => n * sizeOf(axes.map((a) => a.out));

/** The largest value under the window; padding is never the largest. */
export const maxPool: Op<MaxPoolParams> = {
  name: "maxPool",
  strided: { inputs: [0], outputs: true },
  infer: inferPool,
  forward(e, [x], [y], p) {
    const out = imagesOf(y);
    const n = x.shape[0];
    const c = x.shape[x.shape.length - 1];
    const pool = (to: Images, from: Images, axes: readonly Axis[]): void => {
      const shape = emitPoolShape(e, n, c, axes, from, to);
      e.call("pool_max_f32", unitsOf(n, axes), [to.base, from.base, shape]);
    };
    const axes = poolAxes(x, p);
    const [depth, height, width] = axes;
    const size = [depth.out, height.out, width.size];
    // Where windows stride over wide padding, what lies between could be larger than input and output by any factor.
    const between = sizeOf(size) <= 4 * (sizeOf(axes.map((a) => a.size)) + sizeOf(axes.map((a) => a.out)));
    if (!between || !poolSplits(depth.kernel * height.kernel, width.kernel, width.stride)) {
      pool(out, imagesOf(x), axes);
      return;
    }
    const columns = { base: e.scratch(4 * n * c * sizeOf(size)), strides: densePixelStrides(size, c) };
    pool(columns, imagesOf(x), [depth, height, unchanged(width.size)]);
    pool(out, columns, [unchanged(depth.out), unchanged(height.out), width]);
  },
};

/** The average under the window. */
export const avgPool: Op<AvgPoolParams> = {
  name: "avgPool",
  strided: { inputs: [0], outputs: true },
  infer(inputs, p, where) {
    aFlag(p.countIncludePad, "countIncludePad", where);
    if (!Array.isArray(p.kernel)) refuse(p.kernel, "kernel", where, "a list");
    return inferPool(inputs, undilated(p), where);
  },
  forward(e, [x], [y], p) {
    const axes = poolAxes(x, undilated(p));
    const n = x.shape[0];
    const c = x.shape[x.shape.length - 1];
    const shape = emitPoolShape(e, n, c, axes, imagesOf(x), imagesOf(y), p.countIncludePad);
    e.call("pool_average_f32", unitsOf(n, axes), [y.base, x.base, shape]);
  },
};

function inferGlobal(
  inputs: readonly TensorType[],
  { keepDims }: GlobalPoolParams,
  where: string,
): TensorType[] {
  arity(inputs, 1, 1, where);
  const [x] = inputs;
  requireFloats(x, where);
  aFlag(keepDims, "keepDims", where);
  const ones = spatialShape(x, where).map(() => 1);
  return [float32([x.shape[0], ...(keepDims ? ones : []), x.shape[x.shape.length - 1]])];
}

function global(e: Emitter, kind: "sum" | "max", { shape, base }: Value, out: Value): void {
  const reduce = sizeOf(shape.slice(1, -1));
  const reduction = { outer: shape[0], reduce, inner: shape[shape.length - 1] };
  reduceAxis(e, kind, out.base, base, reduction, reduce);
}

/** The largest value of every channel. */
export const globalMaxPool: Op<GlobalPoolParams> = {
  name: "globalMaxPool",
  infer: inferGlobal,
  forward(e, [x], [out]) {
    global(e, "max", x, out);
  },
};

/** The mean of every channel. */
export const globalAvgPool: Op<GlobalPoolParams> = {
  name: "globalAvgPool",
  infer: inferGlobal,
  forward(e, [x], [out]) {
    global(e, "sum", x, out);
  },
};
