// Pooling over one to three spatial axes of [n, ...spatial, c].

import { ShapeError } from "../errors.ts";
import {
  type Emitter,
  fields,
  float32,
  type Op,
  type Shape,
  sizeOf,
  type TensorType,
  type Value,
} from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { poolSplits } from "../runtime/plan.ts";
import {
  POOL_AFTER,
  POOL_BEFORE,
  POOL_C,
  POOL_COUNT_PADDING,
  POOL_DILATION,
  POOL_KERNEL,
  POOL_OUT,
  POOL_SIZE,
  POOL_STRIDE,
} from "../runtime/wasm.ts";
import { arity, checkShape, perAxis, requireFloats, show } from "./check.ts";
import { reduceStretch } from "./reduce.ts";
import { type Axis, type Padding, slide } from "./window.ts";

export interface AvgPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  padding: Padding;
  /** The last window may hang over the end (PyTorch's rule). */
  ceilMode: boolean;
  /** Divide by the taps on the border too (not by those past it). */
  countIncludePad: boolean;
}

export interface MaxPoolParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  /** The last window may hang over the end (PyTorch's rule). */
  ceilMode: boolean;
}

export interface GlobalPoolParams {
  /** [n, 1, 1, c] rather than [n, c]. */
  keepDims: boolean;
}

function spatial({ shape }: TensorType, where: string): Shape {
  if (shape.length < 3 || shape.length > 5)
    throw new ShapeError(
      `${where}: input has rank ${shape.length} (shape ${show(shape)}) but must have rank 3 to 5 ` +
        "([n, ...spatial, c] with one to three spatial axes)",
    );
  return shape.slice(1, -1);
}

export const undilated = (p: AvgPoolParams): MaxPoolParams => ({ ...p, dilation: p.kernel.map(() => 1) });

export function axesOf(x: TensorType, p: MaxPoolParams, where: string): Axis[] {
  return slide(spatial(x, where), p, where);
}

function inferPool(inputs: readonly TensorType[], p: MaxPoolParams, where: string): TensorType[] {
  arity(inputs, 1, 1, where);
  const [x] = inputs;
  requireFloats(x, where);
  const rank = spatial(x, where).length;
  perAxis(p.kernel, rank, "kernel", where, 1);
  perAxis(p.stride, rank, "stride", where, 1);
  perAxis(p.dilation, rank, "dilation", where, 1);
  const axes = axesOf(x, p, where);
  for (const { before, after, kernel, dilation } of axes) {
    const reach = dilation * (kernel - 1) + 1;
    if (before >= reach || after >= reach)
      throw new ShapeError(
        `${where}: padding is ${before} + ${after} but must be smaller than the kernel's reach of ${reach} ` +
          "on each side, or a window would see only border",
      );
  }
  const shape = [x.shape[0], ...axes.map((a) => a.out), x.shape[x.shape.length - 1]];
  checkShape(shape, "output", where);
  return [float32(shape)];
}

/** The axes of a window, always three: depth, height, width. */
export function threePoolAxes(x: TensorType, p: MaxPoolParams): Axis[] {
  const axes = axesOf(x, p, "pool");
  return [...[LONE, LONE, LONE].slice(axes.length), ...axes];
}

/** An axis of one pixel under a window of one. */
const LONE: Axis = still(1);

/** An axis that a window leaves as it is. */
function still(size: number): Axis {
  return { size, out: size, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
}

/** Writes the call; the axes are depth, height and width. */
export function emitPool(
  e: Emitter,
  kernel: "pool_max_f32" | "pool_average_f32" | "pool_max_grad_f32",
  out: Address,
  from: readonly Address[],
  axes: readonly Axis[],
  [n, c]: readonly number[],
  countPadding = false,
): void {
  const three = (pick: (axis: Axis) => number): number[] => axes.map(pick);
  const record = fields({
    [POOL_SIZE]: three((a) => a.size),
    [POOL_OUT]: three((a) => a.out),
    [POOL_KERNEL]: three((a) => a.kernel),
    [POOL_STRIDE]: three((a) => a.stride),
    [POOL_DILATION]: three((a) => a.dilation),
    [POOL_BEFORE]: three((a) => a.before),
    [POOL_AFTER]: three((a) => a.after),
    [POOL_C]: [c],
    [POOL_COUNT_PADDING]: [Number(countPadding)],
  });
  // Forward by pixels of the output, backward by rows of the input.
  const units = kernel === "pool_max_grad_f32" ? axes[0].size * axes[1].size : sizeOf(three((a) => a.out));
  e.call(kernel, n * units, [out, ...from, e.table(record)]);
}

export const ends = ({ shape }: Value): number[] => [shape[0], shape[shape.length - 1]];

/** The largest value under the window; the border never wins. */
export const maxPool: Op<MaxPoolParams> = {
  name: "maxPool",
  infer: inferPool,
  forward(e, [x], [out], p) {
    const axes = threePoolAxes(x, p);
    const [depth, height, width] = axes;
    const [n, c] = ends(x);
    let from = x.base;
    if (poolSplits(depth.kernel * height.kernel, width.kernel, width.stride)) {
      const columns = e.scratch(4 * n * depth.out * height.out * width.size * c);
      emitPool(e, "pool_max_f32", columns, [from], [depth, height, still(width.size)], [n, c]);
      from = columns;
      axes.splice(0, 2, still(depth.out), still(height.out));
    }
    emitPool(e, "pool_max_f32", out.base, [from], axes, [n, c]);
  },
};

/** The average under the window. */
export const avgPool: Op<AvgPoolParams> = {
  name: "avgPool",
  infer: (inputs, p, where) => inferPool(inputs, undilated(p), where),
  forward(e, [x], [out], p) {
    const axes = threePoolAxes(x, undilated(p));
    emitPool(e, "pool_average_f32", out.base, [x.base], axes, ends(x), p.countIncludePad);
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
  const ones = spatial(x, where).map(() => 1);
  return [float32([x.shape[0], ...(keepDims ? ones : []), x.shape[x.shape.length - 1]])];
}

function global(e: Emitter, kind: "sum" | "max", { shape, base }: Value, out: Value): void {
  const reduce = sizeOf(shape.slice(1, -1));
  const stretch = { outer: shape[0], reduce, inner: shape[shape.length - 1] };
  reduceStretch(e, kind, out.base, base, stretch, reduce);
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
