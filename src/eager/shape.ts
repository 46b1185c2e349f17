// Types of eager ops that move values and change shapes. Axes count the batch. The results of reshape, flatten, squeeze and expandDims
// share the memory of x; those of the others are copies.
import type { SharedOptions } from "../layers/layer.ts";
import type * as sizes from "../layers/resize.ts";
import type * as layers from "../layers/shape.ts";
import type { AxisPadMode } from "../ops/boxes.ts";
import type { DType, Shape, Tensor } from "../tensor.ts";

export interface ReshapeOptions extends SharedOptions<typeof layers.reshape> {}

export interface TransposeOptions extends SharedOptions<typeof layers.transpose> {}

/** axis −1 by default. */
export interface ConcatOptions extends SharedOptions<typeof layers.concat> {}

/** axis −1 by default. */
export interface SplitOptions extends SharedOptions<typeof layers.split> {}

export interface SliceOptions extends SharedOptions<typeof layers.slice> {}

/** value 0 by default. */
export interface PadOptions extends Omit<SharedOptions<typeof layers.pad>, "mode"> {
  /**
   * "reflect" mirrors at the outermost elements (c b | a b c | b a), "symmetric" at their edges (b a | a b c | c b), "replicate" repeats
   * them, "wrap" goes on at the other end. Default "constant".
   */
  mode?: AxisPadMode;
}

export interface CropOptions extends SharedOptions<typeof layers.crop> {}

/** order "dcr" by default. */
export interface BlockOptions extends SharedOptions<typeof layers.depthToSpace> {}

/** method "nearest", coordinates "halfPixel" by default. */
export interface ResizeOptions extends SharedOptions<typeof sizes.resize> {}

/** method "nearest", coordinates "halfPixel" by default. */
export interface UpsampleOptions extends SharedOptions<typeof sizes.upsample> {}

export interface StackOptions {
  /** The new axis of the result, negative from the back. Default 0. */
  axis?: number;
}

export interface UnstackOptions {
  /** Negative from the back. Default 0. */
  axis?: number;
}

export interface SqueezeOptions {
  /** Axes of size 1, negative from the back. Default: all of them. */
  axes?: readonly number[];
}

export interface ExpandDimsOptions {
  /** Where the new axis stands in the result, negative from the back. Default 0. */
  axis?: number;
}

export interface BroadcastOptions {
  shape: Shape;
}

export interface TileOptions {
  /** How often each axis is repeated. */
  repeats: readonly number[];
}

export interface ReverseOptions {
  /** Negative from the back. */
  axes: readonly number[];
}

export interface StridedSliceOptions {
  /** The first index taken of each axis. */
  begin: readonly number[];
  /** How many are taken of each axis. */
  size: readonly number[];
  /** From one index to the next, also backwards; not 0. */
  step: readonly number[];
}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface ShapeOps {
  /**
   * The same values under another shape: 0 keeps x's size on that axis, one −1 takes what is left. A view: it lies where x does, writing to
   * one changes the other, and the memory is free when both have been disposed. So it is with `flatten`, `squeeze` and `expandDims`.
   */
  reshape<D extends DType>(x: Tensor<D>, options: ReshapeOptions): Tensor<D>;
  /** [n, ...] to [n, m]. A view, as of `reshape`. */
  flatten<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** Axis i of the result is axis perm[i] of x. */
  transpose<D extends DType>(x: Tensor<D>, options: TransposeOptions): Tensor<D>;
  /** Joins tensors along an axis. */
  concat<D extends DType>(xs: readonly Tensor<D>[], options?: ConcatOptions): Tensor<D>;
  /** Cuts along an axis into parts of the given sizes. */
  split<D extends DType>(x: Tensor<D>, options: SplitOptions): Tensor<D>[];
  /** A part of each axis, from `begin` on; a size of −1 takes all that is left. */
  slice<D extends DType>(x: Tensor<D>, options: SliceOptions): Tensor<D>;
  /** Adds a border: pairs [before, after], one per spatial axis or one per axis. */
  pad<D extends DType>(x: Tensor<D>, options: PadOptions): Tensor<D>;
  /** Cuts a border off: pairs [before, after], one per spatial axis or one per axis. */
  crop<D extends DType>(x: Tensor<D>, options: CropOptions): Tensor<D>;
  /** Joins tensors of one shape along a new axis. */
  stack<D extends DType>(xs: readonly Tensor<D>[], options?: StackOptions): Tensor<D>;
  /** The parts of x along an axis, without that axis. */
  unstack<D extends DType>(x: Tensor<D>, options?: UnstackOptions): Tensor<D>[];
  /** Without axes of size 1. A view, as of `reshape`. */
  squeeze<D extends DType>(x: Tensor<D>, options?: SqueezeOptions): Tensor<D>;
  /** With a new axis of size 1. A view, as of `reshape`. */
  expandDims<D extends DType>(x: Tensor<D>, options?: ExpandDimsOptions): Tensor<D>;
  /** x repeated along axes of size 1, and along new axes in front, to a shape. */
  broadcastTo<D extends DType>(x: Tensor<D>, options: BroadcastOptions): Tensor<D>;
  /** x several times along each axis, as a whole: a b a b. */
  tile<D extends DType>(x: Tensor<D>, options: TileOptions): Tensor<D>;
  /** Some axes backwards. */
  reverse<D extends DType>(x: Tensor<D>, options: ReverseOptions): Tensor<D>;
  /** Every step-th index of each axis. */
  stridedSlice<D extends DType>(x: Tensor<D>, options: StridedSliceOptions): Tensor<D>;
  /** Interpolates to `size` pixels per spatial axis. */
  resize(x: Tensor, options: ResizeOptions): Tensor;
  /** Interpolates to `factor` times as many pixels per spatial axis. */
  upsample(x: Tensor, options: UpsampleOptions): Tensor;
  /** [n, h, w, c] to [n, h * block, w * block, c / block²]. */
  depthToSpace(x: Tensor, options: BlockOptions): Tensor;
  /** [n, h, w, c] to [n, h / block, w / block, c * block²]. */
  spaceToDepth(x: Tensor, options: BlockOptions): Tensor;
}
