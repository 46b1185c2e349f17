// Activations, as layers and as the `activation` of another layer's config.
import { type ActivationKind, activation as activationOp, prelu as preluOp } from "../ops/activation.ts";
import { logSoftmax as logSoftmaxOp, softmax as softmaxOp } from "../ops/softmax.ts";
import type { Shape } from "../tensor.ts";
import { aFlag, aList, aNumber, needed } from "../validate.ts";
import { aCount, anActivation, anAxis, anInitializer, layerOnly } from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export type { ActivationConfig, ActivationKind };

export interface ActivationLayerConfig extends Named {
  /** A kind by name, or a kind with its alpha. */
  activation: ActivationConfig;
}

/** Any activation by name, also "geluTanh" and "hardSigmoidKeras", which have no layer of their own. */
export const activation = defineLayer<ActivationLayerConfig>("activation", {
  options: { activation: needed(anActivation, '"relu"') },
  build: (g, { activation }, [x]) => applyActivation(g, x, activation),
});

const simple = (kind: ActivationKind) =>
  defineSimpleLayer<Named>(kind, { options: {}, build: (g, _, [x]) => applyActivation(g, x, kind) });

export interface AlphaConfig extends Named {
  /** Default 0.01 for leakyRelu, 1 for elu. */
  alpha?: number;
}

const withAlpha = (kind: ActivationKind) =>
  defineSimpleLayer<AlphaConfig>(kind, {
    options: { alpha: aNumber },
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
/** elu with the scale and alpha of "Self-Normalizing Neural Networks". */
export const selu = simple("selu");
/** x * Phi(x), Phi the normal distribution function (exact, by erf). */
export const gelu = simple("gelu");
/** 1 / (1 + exp(−x)) */
export const sigmoid = simple("sigmoid");
/** tanh(x) */
export const tanh = simple("tanh");
/** log(1 + exp(x)) */
export const softplus = simple("softplus");
/** x / (1 + |x|) */
export const softsign = simple("softsign");
/** x * sigmoid(x), also called swish */
export const silu = simple("silu");
/** x * tanh(softplus(x)) */
export const mish = simple("mish");
/** x * hardSigmoid(x) */
export const hardSwish = simple("hardSwish");
/** clamp(x / 6 + 1/2, 0, 1) */
export const hardSigmoid = simple("hardSigmoid");
/** exp(x) */
export const exp = simple("exp");
/** |x| */
export const abs = simple("abs");
/** −x */
export const neg = simple("neg");
/** The square root of x. */
export const sqrt = simple("sqrt");

export interface PReluConfig extends Named {
  /** One alpha for all channels instead of one each. Default false. */
  shared?: boolean;
  /** Another shape for alpha that broadcasts to the input's, without batch: `[h, w, c]` for one per pixel and channel. */
  shape?: Shape;
  /** Default { constant: 0.25 }. */
  initializer?: Initializer;
}

/** x for x > 0, alpha[c] * x below, alpha learned. Weights: alpha [c], or [1] when shared, or of the shape given. */
export const prelu = defineSimpleLayer<PReluConfig, "shared" | "shape" | "initializer">("prelu", {
  options: {
    shared: layerOnly(aFlag),
    shape: layerOnly(aList(aCount)),
    initializer: layerOnly(anInitializer),
  },
  weights: ["alpha"],
  operands: 1,
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

const alongAxis = (kind: string, op: typeof softmaxOp) =>
  defineSimpleLayer<AxisConfig>(kind, {
    options: { axis: anAxis },
    build: (g, c, [x]) => g.op(op, [x], { axis: c.axis ?? -1 }),
  });

/** exp(x) / sum of exp(x) along an axis. */
export const softmax = alongAxis("softmax", softmaxOp);
/** log of softmax along an axis. */
export const logSoftmax = alongAxis("logSoftmax", logSoftmaxOp);
