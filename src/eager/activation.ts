// Types of eager activations: one value in, one value out. The result has the shape of x.
import type * as layers from "../layers/activation.ts";
import type { SharedOptions } from "../layers/layer.ts";
import type { DType, Tensor } from "../tensor.ts";

export interface ActivationOptions extends SharedOptions<typeof layers.activation> {}

/** alpha 0.01 for leakyRelu, 1 for elu by default. */
export interface AlphaOptions extends SharedOptions<typeof layers.leakyRelu> {}

/** axis −1 by default. */
export interface SoftmaxOptions extends SharedOptions<typeof layers.softmax> {}

/** Errors of all methods: ArgumentError for what is no tensor or option, ShapeError for what does not fit, DisposedError, MemoryError. */
export interface ActivationOps {
  /** Any activation by name: `engine.activation(x, { activation: "geluTanh" })`. */
  activation(x: Tensor, options: ActivationOptions): Tensor;
  /** max(x, 0) */
  relu(x: Tensor): Tensor;
  /** min(max(x, 0), 6) */
  relu6(x: Tensor): Tensor;
  /** x for x > 0, alpha * x below. */
  leakyRelu(x: Tensor, options?: AlphaOptions): Tensor;
  /** x for x > 0, alpha * (exp(x) − 1) below. */
  elu(x: Tensor, options?: AlphaOptions): Tensor;
  /** elu with the scale and alpha of "Self-Normalizing Neural Networks". */
  selu(x: Tensor): Tensor;
  /** x * Phi(x), Phi the normal distribution function. */
  gelu(x: Tensor): Tensor;
  /** 1 / (1 + exp(−x)) */
  sigmoid(x: Tensor): Tensor;
  /** tanh(x) */
  tanh(x: Tensor): Tensor;
  /** log(1 + exp(x)) */
  softplus(x: Tensor): Tensor;
  /** x / (1 + |x|) */
  softsign(x: Tensor): Tensor;
  /** x * sigmoid(x), also called swish. */
  silu(x: Tensor): Tensor;
  /** x * tanh(softplus(x)) */
  mish(x: Tensor): Tensor;
  /** x * hardSigmoid(x) */
  hardSwish(x: Tensor): Tensor;
  /** clamp(x / 6 + 1/2, 0, 1) */
  hardSigmoid(x: Tensor): Tensor;
  /** exp(x) */
  exp(x: Tensor): Tensor;
  /** |x| */
  abs<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** −x */
  neg<D extends DType>(x: Tensor<D>): Tensor<D>;
  /** The square root of x. */
  sqrt(x: Tensor): Tensor;
  /** x for x > 0, alpha * x below. alpha is [c], [1], or another shape that broadcasts to x's. */
  prelu(x: Tensor, alpha: Tensor): Tensor;
  /** exp(x) / sum of exp(x) along an axis. */
  softmax(x: Tensor, options?: SoftmaxOptions): Tensor;
  /** The logarithm of softmax along an axis. */
  logSoftmax(x: Tensor, options?: SoftmaxOptions): Tensor;
}
