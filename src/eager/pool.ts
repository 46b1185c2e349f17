// Types of eager pooling and normalisation: statistics over windows, maps or groups of channels.
import type * as adaptive from "../layers/adaptive-pool.ts";
import type { SharedOptions } from "../layers/layer.ts";
import type * as norms from "../layers/norm.ts";
import type * as pools from "../layers/pool.ts";
import type { Tensor } from "../tensor.ts";

/** stride as size, padding "valid", dilation 1, ceilMode false by default. */
export interface MaxPoolOptions extends SharedOptions<typeof pools.maxPool2d> {}

/** stride as size, padding "valid", ceilMode false, countIncludePad false by default. */
export interface AvgPoolOptions extends SharedOptions<typeof pools.avgPool2d> {}

export interface MaxUnpoolOptions {
  /** Spatial size of the result, that of what was pooled. */
  outputSize: readonly number[];
}

/** keepDims false by default. */
export interface GlobalPoolOptions extends SharedOptions<typeof pools.globalMaxPool> {}

export interface AdaptivePoolOptions extends SharedOptions<typeof adaptive.adaptiveAvgPool> {}

interface AffineOptions {
  /** [c] */
  gamma: Tensor;
  /** [c] */
  beta: Tensor;
}

/** epsilon 1e-5 by default. */
export interface BatchNormOptions extends SharedOptions<typeof norms.batchNorm>, AffineOptions {
  /** [c] */
  mean: Tensor;
  /** [c] */
  variance: Tensor;
}

/** epsilon 1e-5 by default. */
export interface GroupNormOptions extends SharedOptions<typeof norms.groupNorm>, AffineOptions {}

/** epsilon 1e-5 by default. */
export interface InstanceNormOptions extends SharedOptions<typeof norms.instanceNorm>, AffineOptions {}

/** axes [−1], epsilon 1e-5 by default. */
export interface LayerNormOptions extends SharedOptions<typeof norms.layerNorm> {
  /** The shape of the normalised axes. */
  gamma: Tensor;
  beta: Tensor;
}

/** axes [−1], epsilon 2^−23 by default. */
export interface RmsNormOptions extends SharedOptions<typeof norms.rmsNorm> {
  /** The shape of the normalised axes. */
  gamma: Tensor;
}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface PoolOps {
  /** The largest value of each window: [n, w, c] to [n, ow, c]. */
  maxPool1d(x: Tensor, options: MaxPoolOptions): Tensor;
  /** The largest value of each window: [n, h, w, c] to [n, oh, ow, c]. */
  maxPool2d(x: Tensor, options: MaxPoolOptions): Tensor;
  /** The largest value of each window: [n, d, h, w, c] to [n, od, oh, ow, c]. */
  maxPool3d(x: Tensor, options: MaxPoolOptions): Tensor;
  /** The mean of each window: [n, w, c] to [n, ow, c]. */
  avgPool1d(x: Tensor, options: AvgPoolOptions): Tensor;
  /** The mean of each window: [n, h, w, c] to [n, oh, ow, c]. */
  avgPool2d(x: Tensor, options: AvgPoolOptions): Tensor;
  /** The mean of each window: [n, d, h, w, c] to [n, od, oh, ow, c]. */
  avgPool3d(x: Tensor, options: AvgPoolOptions): Tensor;
  /**
   * The largest value of each window of x [n, ...spatial, c], and where it lies: its int32 index in x as [n, c, ...spatial], which
   * maxUnpool takes. One to three spatial axes.
   */
  maxPoolWithIndices(x: Tensor, options: MaxPoolOptions): [values: Tensor, indices: Tensor<"int32">];
  /** The values where their indices say, in [n, ...outputSize, c], and 0 elsewhere. */
  maxUnpool(x: Tensor, indices: Tensor<"int32">, options: MaxUnpoolOptions): Tensor;
  /** The largest value of each channel: [n, ..., c] to [n, c], or [n, 1, ..., c] with keepDims. */
  globalMaxPool(x: Tensor, options?: GlobalPoolOptions): Tensor;
  /** The mean of each channel: [n, ..., c] to [n, c], or [n, 1, ..., c] with keepDims. */
  globalAvgPool(x: Tensor, options?: GlobalPoolOptions): Tensor;

  /** The mean of each bin: [n, ..., c] to [n, ...size, c], with PyTorch's bins. */
  adaptiveAvgPool(x: Tensor, options: AdaptivePoolOptions): Tensor;
  /** The largest value of each bin: [n, ..., c] to [n, ...size, c], with PyTorch's bins. */
  adaptiveMaxPool(x: Tensor, options: AdaptivePoolOptions): Tensor;

  /** (x − mean) / sqrt(variance + epsilon) * gamma + beta, per channel of x [n, ..., c]. */
  batchNorm(x: Tensor, options: BatchNormOptions): Tensor;
  /** Normalises each group of channels of each image of x [n, ..., c] over its pixels, then applies gamma and beta. */
  groupNorm(x: Tensor, options: GroupNormOptions): Tensor;
  /** Normalises each channel of each image of x [n, ..., c] over its pixels, then applies gamma and beta. */
  instanceNorm(x: Tensor, options: InstanceNormOptions): Tensor;
  /** Normalises every part of x over its last axes, then applies gamma and beta. */
  layerNorm(x: Tensor, options: LayerNormOptions): Tensor;
  /** x / sqrt(mean of x² over the last axes + epsilon) * gamma. */
  rmsNorm(x: Tensor, options: RmsNormOptions): Tensor;
}
