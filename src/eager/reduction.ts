// Types of eager reductions and of ops that run along an axis.
import type { DType, Tensor } from "../tensor.ts";

/** keepDims false by default. */
export interface ReductionOptions {
  /** Axes of x, negative from the back. Default: all. */
  axes?: readonly number[];
  /** Whether reduced axes stay, with size 1. Default false. */
  keepDims?: boolean;
}

export interface VarianceOptions extends ReductionOptions {
  /** The sum of squares is divided by the number of values less this. Default 1, as in PyTorch; NumPy has 0. */
  correction?: number;
}

export interface CumsumOptions {
  axis: number;
  /** Whether a value is left out of its own sum. Default false. */
  exclusive?: boolean;
  /** Whether it runs from the last value to the first. Default false. */
  reverse?: boolean;
}

export interface TopKOptions {
  k: number;
  /** Negative from the back. Default −1. */
  axis?: number;
  /** Whether the largest are taken, or the smallest. Default true. */
  largest?: boolean;
}

/**
 * `engine.max(a, b)` and `engine.min(a, b)` are elementwise; the largest and smallest value over axes are amax and amin.
 * Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError.
 */
export interface ReductionOps {
  /** The sum over axes. */
  sum<D extends DType>(x: Tensor<D>, options?: ReductionOptions): Tensor<D>;
  /** The mean over axes. */
  mean(x: Tensor, options?: ReductionOptions): Tensor;
  /** The product over axes. */
  prod<D extends DType>(x: Tensor<D>, options?: ReductionOptions): Tensor<D>;
  /** The largest value over axes. */
  amax<D extends DType>(x: Tensor<D>, options?: ReductionOptions): Tensor<D>;
  /** The smallest value over axes. */
  amin<D extends DType>(x: Tensor<D>, options?: ReductionOptions): Tensor<D>;
  /** log(sum of exp(x)) over axes, without overflow. */
  logSumExp(x: Tensor, options?: ReductionOptions): Tensor;
  /** The 2-norm over axes: sqrt(sum of x²). Its gradient is 0 where it is 0. */
  norm(x: Tensor, options?: ReductionOptions): Tensor;
  /** The sum of squared differences from the mean over axes, divided by the number of values less `correction`. NaN where that is 0. */
  variance(x: Tensor, options?: VarianceOptions): Tensor;
  /** The square root of the variance. Its gradient is 0 where it is 0. */
  std(x: Tensor, options?: VarianceOptions): Tensor;
  /** 1 where any value over axes is not 0, otherwise 0. */
  any(x: Tensor<DType>, options?: ReductionOptions): Tensor<"int32">;
  /** 1 where no value over axes is 0, otherwise 0. */
  all(x: Tensor<DType>, options?: ReductionOptions): Tensor<"int32">;
  /** The sum of each value and those before it along an axis. */
  cumsum<D extends DType>(x: Tensor<D>, options: CumsumOptions): Tensor<D>;
  /** The largest values along an axis and their int32 indices, the largest first: [values, indices]. */
  topK<D extends DType>(x: Tensor<D>, options: TopKOptions): [values: Tensor<D>, indices: Tensor<"int32">];
}
