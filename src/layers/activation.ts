// Activations, as layers and as the `activation` of another layer's config.
import { type ActivationKind, activation as activationOp, prelu as preluOp } from "../ops/activation.ts";
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from "../ops/softmax.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export type { ActivationConfig };

export interface ActivationLayerConfig extends Named {
  activation: ActivationConfig;
}

/** Any activation by name. */
export const activation = defineLayer<ActivationLayerConfig>("activation", {
  options: { activation: true },
  build: (g, c, [x]) => applyActivation(g, x, c.activation),
});

const simple = (kind: ActivationKind) =>
  defineSimpleLayer<Named>(kind, { options: {}, build: (g, _, [x]) => applyActivation(g, x, kind) });

export interface AlphaConfig extends Named {
  alpha?: number;
}

const withAlpha = (kind: ActivationKind) =>
  defineSimpleLayer<AlphaConfig>(kind, {
    options: { alpha: true },
    build: (g, c, [x]) => g.op(activationOp, [x], { kind, alpha: c.alpha }),
  });

/** max(x, 0) */
export const relu = simple("relu");
/** min(max(x, 0), 6) */
export const relu6 = simple("relu6");
/** x for x > 0, alpha * x below. alpha defaults to 0.01. */
export const leakyRelu = withAlpha("leakyRelu");
/** x for x > 0, alpha * (exp(x) − 1) below. alpha defaults to 1. */
export const elu = withAlpha("elu");
export const selu = simple("selu");
/** x * Phi(x), Phi the normal distribution function (exact, by erf). */
export const gelu = simple("gelu");
export const sigmoid = simple("sigmoid");
export const tanh = simple("tanh");
/** log(1 + exp(x)) */
export const softplus = simple("softplus");
/** x * sigmoid(x), also called swish */
export const silu = simple("silu");
/** x * tanh(softplus(x)) */
export const mish = simple("mish");
/** x * hardSigmoid(x) */
export const hardSwish = simple("hardSwish");
/** clamp(x / 6 + 1/2, 0, 1) */
export const hardSigmoid = simple("hardSigmoid");

export interface PReluConfig extends Named {
  /** One alpha for all channels instead of one each. */
  shared?: boolean;
  /** Another shape for alpha that broadcasts to the input's: `[h, w, c]` for one each place. */
  shape?: readonly number[];
  /** Default { constant: 0.25 }. */
  initializer?: Initializer;
}

/** x for x > 0, alpha[c] * x below, alpha learnt. Weights: alpha [c], or [1] when shared, or of the shape given. */
export const prelu = defineSimpleLayer<PReluConfig>("prelu", {
  options: { shared: true, shape: true, initializer: true },
  parameters: (c, [x]) => [
    {
      name: "alpha",
      shape: c.shape ?? [c.shared ? 1 : channels(x)],
      init: c.initializer ?? { constant: 0.25 },
    },
  ],
  build: (g, _, [x], w) => g.op(preluOp, [x, w.alpha], {}),
});

export interface AxisConfig extends Named {
  /** Axis of the tensor, batch counted; negative from the back. Default −1. */
  axis?: number;
}

/** exp(x) / sum of exp(x) along an axis. */
export const softmax = defineSimpleLayer<AxisConfig>("softmax", {
  options: { axis: true },
  build: (g, c, [x]) => g.op(softmaxOp, [x], { axis: c.axis ?? -1 }),
});
/** log of softmax along an axis. */
export const logSoftmax = defineSimpleLayer<AxisConfig>("logSoftmax", {
  options: { axis: true },
  build: (g, c, [x]) => g.op(logSoftmaxOp, [x], { axis: c.axis ?? -1 }),
});
