// Eager activations: one value in, one value out. The result has the shape of x.
import * as layers from "../layers/activation.ts";
import type { SharedOptions } from "../layers/layer.ts";
import type { Tensor } from "../tensor.ts";
import { EagerPool } from "./eager-pool.ts";

export interface ActivationOptions extends SharedOptions<typeof layers.activation> {}

/** alpha 0.01 for leakyRelu, 1 for elu by default. */
export interface AlphaOptions extends SharedOptions<typeof layers.leakyRelu> {}

/** axis −1 by default. */
export interface SoftmaxOptions extends SharedOptions<typeof layers.softmax> {}

/** Errors of all methods: ShapeError for options that do not fit, DisposedError, MemoryError. */
export abstract class EagerActivation extends EagerPool {
  /** Any activation by name: `engine.activation(x, { activation: "geluTanh" })`. */
  activation(x: Tensor, options: ActivationOptions): Tensor {
    return this.one(layers.activation, x, options);
  }
  /** max(x, 0) */
  relu(x: Tensor): Tensor {
    return this.one(layers.relu, x);
  }
  /** min(max(x, 0), 6) */
  relu6(x: Tensor): Tensor {
    return this.one(layers.relu6, x);
  }
  /** x for x > 0, alpha * x below. */
  leakyRelu(x: Tensor, options?: AlphaOptions): Tensor {
    return this.one(layers.leakyRelu, x, options);
  }
  /** x for x > 0, alpha * (exp(x) − 1) below. */
  elu(x: Tensor, options?: AlphaOptions): Tensor {
    return this.one(layers.elu, x, options);
  }
  /** elu with the scale and alpha of "Self-Normalizing Neural Networks". */
  selu(x: Tensor): Tensor {
    return this.one(layers.selu, x);
  }
  /** x * Phi(x), Phi the normal distribution function. */
  gelu(x: Tensor): Tensor {
    return this.one(layers.gelu, x);
  }
  /** 1 / (1 + exp(−x)) */
  sigmoid(x: Tensor): Tensor {
    return this.one(layers.sigmoid, x);
  }
  /** tanh(x) */
  tanh(x: Tensor): Tensor {
    return this.one(layers.tanh, x);
  }
  /** log(1 + exp(x)) */
  softplus(x: Tensor): Tensor {
    return this.one(layers.softplus, x);
  }
  /** x / (1 + |x|) */
  softsign(x: Tensor): Tensor {
    return this.one(layers.softsign, x);
  }
  /** x * sigmoid(x), also called swish. */
  silu(x: Tensor): Tensor {
    return this.one(layers.silu, x);
  }
  /** x * tanh(softplus(x)) */
  mish(x: Tensor): Tensor {
    return this.one(layers.mish, x);
  }
  /** x * hardSigmoid(x) */
  hardSwish(x: Tensor): Tensor {
    return this.one(layers.hardSwish, x);
  }
  /** clamp(x / 6 + 1/2, 0, 1) */
  hardSigmoid(x: Tensor): Tensor {
    return this.one(layers.hardSigmoid, x);
  }
  /** exp(x) */
  exp(x: Tensor): Tensor {
    return this.one(layers.exp, x);
  }
  /** |x| */
  abs(x: Tensor): Tensor {
    return this.one(layers.abs, x);
  }
  /** −x */
  neg(x: Tensor): Tensor {
    return this.one(layers.neg, x);
  }
  /** The square root of x. */
  sqrt(x: Tensor): Tensor {
    return this.one(layers.sqrt, x);
  }
  /** x for x > 0, alpha * x below. alpha is [c], [1], or another shape that broadcasts to x's. */
  prelu(x: Tensor, alpha: Tensor): Tensor {
    return this.one(layers.prelu, x, {}, alpha);
  }
  /** exp(x) / sum of exp(x) along an axis. */
  softmax(x: Tensor, options?: SoftmaxOptions): Tensor {
    return this.one(layers.softmax, x, options);
  }
  /** The logarithm of softmax along an axis. */
  logSoftmax(x: Tensor, options?: SoftmaxOptions): Tensor {
    return this.one(layers.logSoftmax, x, options);
  }
}
