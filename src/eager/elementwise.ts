// Types of eager arithmetic with NumPy broadcasting, reductions and losses.
import type * as layers from "../layers/elementwise.ts";
import type { SharedOptions } from "../layers/layer.ts";
import type { LossOptions } from "../layers/loss-options.ts";
import type * as reductions from "../layers/reduce.ts";
import type { DType, Tensor } from "../tensor.ts";
import type { Operand } from "./math.ts";

/** No activation by default. */
export interface MergeOptions extends SharedOptions<typeof layers.add> {}

/** scale 1, offset 0 by default. */
export interface RescaleOptions extends SharedOptions<typeof layers.rescale> {}

/** keepDims false by default. */
export interface ReduceOptions extends Omit<SharedOptions<typeof reductions.reduce>, "axes"> {
  /** Axes of x, negative from the back. Default: all. */
  axes?: readonly number[];
}

/** axis −1, keepDims false by default. */
export interface ArgMaxOptions extends SharedOptions<typeof reductions.argMax> {}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface ElementwiseOps {
  /** a + b */
  add<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** a − b */
  sub<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** a * b */
  mul<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** a / b */
  div<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** The smaller value. */
  min<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** The larger value. */
  max<D extends DType = "float32">(a: Operand<D>, b: Operand<D>, options?: MergeOptions): Tensor<D>;
  /** x * scale + offset */
  rescale(x: Tensor, options: RescaleOptions): Tensor;
  /** x */
  identity(x: Tensor): Tensor;

  /** Sum, mean, largest or smallest value over some axes. */
  reduce(x: Tensor, options: ReduceOptions): Tensor;
  /** The index of the largest value along an axis, the first of equals. */
  argMax(x: Tensor<DType>, options?: ArgMaxOptions): Tensor<"int32">;
  /** The index of the smallest value along an axis, the first of equals. */
  argMin(x: Tensor<DType>, options?: ArgMaxOptions): Tensor<"int32">;

  /**
   * The mean loss of predictions, a tensor of shape []. Kinds, their options, targets and which of them take logits: docs/training.md. The
   * target has the shape of x; where the kind allows it, it may be class indices, int32 [n, ...] for x [n, ..., c]. Throws ShapeError for a
   * class that is not in 0 to c − 1 nor `ignoreIndex`, ArgumentError for an option that the kind does not take.
   */
  loss(x: Tensor, target: Tensor<DType>, options: LossOptions): Tensor;
}
