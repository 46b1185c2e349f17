// Normalisation layers.
import {
  batchNorm as batchNormOp,
  groupNorm as groupNormOp,
  instanceNorm as instanceNormOp,
} from "../ops/norm.ts";
import { aNumber, needed } from "../validate.ts";
import { aCount, anInitializer, aShare, layerOnly } from "./checks.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, defineSimpleLayer, type Named, type Parameter } from "./layer.ts";

export interface NormConfig extends Named {
  /** Added to the variance. Default 1e-5. */
  epsilon?: number;
}

const AFFINE = ["gamma", "beta"];

const gammaAndBeta = (
  c: number,
  gamma: Initializer | undefined = "ones",
  beta: Initializer | undefined = "zeros",
): Parameter[] => [
  { name: "gamma", shape: [c], init: gamma },
  { name: "beta", shape: [c], init: beta },
];

export interface BatchNormConfig extends NormConfig {
  /** Default "ones". */
  gammaInitializer?: Initializer;
  /** Default "zeros". */
  betaInitializer?: Initializer;
  /** The weight of a batch's statistics in the running averages, in training. Default 0.1 (Keras counts 1 minus that). */
  momentum?: number;
  /** Default "zeros". */
  meanInitializer?: Initializer;
  /** Default "ones". */
  varianceInitializer?: Initializer;
}

type BatchNormLayerOnly =
  | "gammaInitializer"
  | "betaInitializer"
  | "momentum"
  | "meanInitializer"
  | "varianceInitializer";

/**
 * (x − mean) / sqrt(variance + epsilon) * gamma + beta, with the running statistics, or in training with those of the batch.
 * Weights: gamma, beta, mean, variance, all [c].
 */
export const batchNorm = defineSimpleLayer<BatchNormConfig, BatchNormLayerOnly>("batchNorm", {
  options: {
    epsilon: aNumber,
    gammaInitializer: layerOnly(anInitializer),
    betaInitializer: layerOnly(anInitializer),
    momentum: layerOnly(aShare),
    meanInitializer: layerOnly(anInitializer),
    varianceInitializer: layerOnly(anInitializer),
  },
  weights: [...AFFINE, "mean", "variance"],
  parameters: (c, [x]) => [
    ...gammaAndBeta(channels(x), c.gammaInitializer, c.betaInitializer),
    { name: "mean", shape: [channels(x)], init: c.meanInitializer ?? "zeros", trainable: false },
    { name: "variance", shape: [channels(x)], init: c.varianceInitializer ?? "ones", trainable: false },
  ],
  build: (g, { epsilon = 1e-5, momentum = 0.1 }, [x], w) =>
    g.activeTraining?.batchNorm(g, x, w, epsilon, momentum) ??
    g.op(batchNormOp, [x, w.gamma, w.beta, w.mean, w.variance], { epsilon }),
});

export interface GroupNormConfig extends NormConfig {
  /** Channels are divided into this many groups; each is normalised over its channels and all pixels. */
  groups: number;
}

/** Each group of channels of each image normalised over its pixels. Weights: gamma [c], beta [c]. */
export const groupNorm = defineLayer<GroupNormConfig>("groupNorm", {
  options: { epsilon: aNumber, groups: needed(aCount, "4") },
  weights: AFFINE,
  parameters: (_, [x]) => gammaAndBeta(channels(x)),
  build: (g, { groups, epsilon = 1e-5 }, [x], w) =>
    g.op(groupNormOp, [x, w.gamma, w.beta], { groups, epsilon }),
});

/** Each channel of each image normalised over its pixels. Weights: gamma [c], beta [c]. */
export const instanceNorm = defineSimpleLayer<NormConfig>("instanceNorm", {
  options: { epsilon: aNumber },
  weights: AFFINE,
  parameters: (_, [x]) => gammaAndBeta(channels(x)),
  build: (g, { epsilon = 1e-5 }, [x], w) => g.op(instanceNormOp, [x, w.gamma, w.beta], { epsilon }),
});
