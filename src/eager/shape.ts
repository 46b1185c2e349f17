// Types of eager ops that move values and change shapes. Axes count the batch; the result is always a copy.
import type { SharedOptions } from "../layers/layer.ts";
import type * as sizes from "../layers/resize.ts";
import type * as layers from "../layers/shape.ts";
import type { DType, Tensor } from "../tensor.ts";

export interface ReshapeOptions extends SharedOptions<typeof layers.reshape> {}

export interface TransposeOptions extends SharedOptions<typeof layers.transpose> {}

/** axis −1 by default. */
export interface ConcatOptions extends SharedOptions<typeof layers.concat> {}

/** axis −1 by default. */
export interface SplitOptions extends SharedOptions<typeof layers.split> {}

export interface SliceOptions extends SharedOptions<typeof layers.slice> {}

/** mode "constant", value 0 by default. */
export interface PadOptions extends SharedOptions<typeof layers.pad> {}

export interface CropOptions extends SharedOptions<typeof layers.crop> {}

/** order "dcr" by default. */
export interface BlockOptions extends SharedOptions<typeof layers.depthToSpace> {}

/** method "nearest", coordinates "halfPixel" by default. */
export interface ResizeOptions extends SharedOptions<typeof sizes.resize> {}

/** method "nearest", coordinates "halfPixel" by default. */
export interface UpsampleOptions extends SharedOptions<typeof sizes.upsample> {}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface ShapeOps {
  /** The same values under another shape: 0 keeps x's size on that axis, one −1 takes what is left. */
  reshape<D extends DType>(x: Tensor<D>, options: ReshapeOptions): Tensor<D>;
  /** [n, ...] to [n, m]. */
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
  pad(x: Tensor, options: PadOptions): Tensor;
  /** Cuts a border off: pairs [before, after], one per spatial axis or one per axis. */
  crop<D extends DType>(x: Tensor<D>, options: CropOptions): Tensor<D>;
  /** Interpolates to `size` pixels per spatial axis. */
  resize(x: Tensor, options: ResizeOptions): Tensor;
  /** Interpolates to `factor` times as many pixels per spatial axis. */
  upsample(x: Tensor, options: UpsampleOptions): Tensor;
  /** [n, h, w, c] to [n, h * block, w * block, c / block²]. */
  depthToSpace(x: Tensor, options: BlockOptions): Tensor;
  /** [n, h, w, c] to [n, h / block, w / block, c * block²]. */
  spaceToDepth(x: Tensor, options: BlockOptions): Tensor;
}
