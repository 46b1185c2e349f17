// Types of eager ops that read and write at indices, which are int32 tensors. Of an axis of n, −n to −1 count from the end.
import type { GridSampleOptions } from "../layers/grid-sample.ts";
import type { DType, Tensor } from "../tensor.ts";

export interface GatherOptions {
  /** The axis of x that is indexed, negative from the back. Default 0. */
  axis?: number;
  /** So many leading axes are the same in x and indices, and are walked together. Default 0. */
  batchDims?: number;
}

export interface GatherElementsOptions {
  /** Negative from the back. Default 0. */
  axis?: number;
}

export interface ScatterOptions {
  /** What an update does to what is there: "none" replaces it. Default "none". */
  op?: "none" | "add" | "mul" | "min" | "max";
}

export interface ScatterElementsOptions extends ScatterOptions, GatherElementsOptions {}

export interface OneHotOptions<D extends DType = DType> {
  /** The size of the new axis. */
  depth: number;
  /** Where the new axis stands in the result, negative from the back. Default −1. */
  axis?: number;
  /** Default 1. */
  on?: number;
  /** Default 0. */
  off?: number;
  /** Default "float32". */
  dtype?: D;
}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface GatherOps {
  /** Takes indices of an axis, in whose place the axes of the indices stand. Indices outside are clamped. */
  gather<D extends DType>(x: Tensor<D>, indices: Tensor<"int32">, options?: GatherOptions): Tensor<D>;
  /** out[i, j] = x[indices[i, j], j] for axis 0, of the shape of indices. Indices outside are clamped. */
  gatherElements<D extends DType>(
    x: Tensor<D>,
    indices: Tensor<"int32">,
    options?: GatherElementsOptions,
  ): Tensor<D>;
  /** x, indices [..., q]: what x holds at each list of q indices. Indices outside are clamped. */
  gatherND<D extends DType>(x: Tensor<D>, indices: Tensor<"int32">): Tensor<D>;
  /** x with an update at each list of q indices [..., q], one after the other; those outside are left out. */
  scatterND<D extends DType>(
    x: Tensor<D>,
    indices: Tensor<"int32">,
    updates: Tensor<D>,
    options?: ScatterOptions,
  ): Tensor<D>;
  /** x with the updates where gatherElements would read them; those outside are left out. */
  scatterElements<D extends DType>(
    x: Tensor<D>,
    indices: Tensor<"int32">,
    updates: Tensor<D>,
    options?: ScatterElementsOptions,
  ): Tensor<D>;
  /**
   * x [n, h, w, c] at each x and y of the grid [n, oh, ow, 2], which go from -1 to 1: [n, oh, ow, c], as PyTorch's grid_sample. Its gradient is
   * that of mode "bilinear" with padding "zeros" or "border".
   */
  gridSample(x: Tensor, grid: Tensor, options?: GridSampleOptions): Tensor;
  /** A new axis that is `on` at the index and `off` elsewhere; all off where the index is outside. */
  oneHot<D extends DType = "float32">(indices: Tensor<"int32">, options: OneHotOptions<D>): Tensor<D>;
}
