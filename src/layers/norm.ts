// Normalisation layers.

import { batchNormTrain, updateStatistics } from "../ops/batch-norm-train.ts";
import {
  batchNorm as batchNormOp,
  groupNorm as groupNormOp,
  instanceNorm as instanceNormOp,
} from "../ops/norm.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, defineSimpleLayer, type Named, type Parameter } from "./layer.ts";

export interface NormConfig extends Named {
  /** Added to the variance. Default 1e-5 (Keras files bring their own 1e-3). */
  epsilon?: number;
}

const affine = (c: number): Parameter[] => [
  { name: "gamma", shape: [c], init: "ones" },
  { name: "beta", shape: [c], init: "zeros" },
];

export interface BatchNormConfig extends NormConfig {
  /** Default "ones". */
  gammaInitializer?: Initializer;
  /** Default "zeros". */
  betaInitializer?: Initializer;
  /** The share of a batch's statistics in the running ones while it is trained. Default 0.1 (Keras says 1 minus that). */
  momentum?: number;
  /** Default "zeros". */
  meanInitializer?: Initializer;
  /** Default "ones". */
  varianceInitializer?: Initializer;
}

/**
 * (x − mean) / sqrt(variance + epsilon) * gamma + beta, with the running statistics, or those of the batch while it is trained.
 * Weights: gamma, beta, mean, variance, all [c].
 */
export const batchNorm = defineSimpleLayer<BatchNormConfig>("batchNorm", {
  options: {
    epsilon: true,
    gammaInitializer: true,
    betaInitializer: true,
    momentum: true,
    meanInitializer: true,
    varianceInitializer: true,
  },
  parameters: (c, [x]) => [
    { name: "gamma", shape: [channels(x)], init: c.gammaInitializer ?? "ones" },
    { name: "beta", shape: [channels(x)], init: c.betaInitializer ?? "zeros" },
    { name: "mean", shape: [channels(x)], init: c.meanInitializer ?? "zeros", trainable: false },
    { name: "variance", shape: [channels(x)], init: c.varianceInitializer ?? "ones", trainable: false },
  ],
  build(g, { epsilon = 1e-5, momentum = 0.1 }, [x], w) {
    const { learning } = g;
    if (!learning) return g.op(batchNormOp, [x, w.gamma, w.beta, w.mean, w.variance], { epsilon });
    const [y] = g.apply(batchNormTrain, [x, w.gamma, w.beta], { epsilon });
    learning.updates.push(...updateStatistics(g, y.node!, { mean: w.mean, variance: w.variance }, momentum));
    return y;
  },
});

export interface GroupNormConfig extends NormConfig {
  /** Channels are divided into this many groups; each is normalised over its channels and all pixels. */
  groups: number;
}

/** Weights: gamma [c], beta [c]. */
export const groupNorm = defineLayer<GroupNormConfig>("groupNorm", {
  options: { epsilon: true, groups: true },
  parameters: (_, [x]) => affine(channels(x)),
  build: (g, c, [x], w) =>
    g.op(groupNormOp, [x, w.gamma, w.beta], { groups: c.groups, epsilon: c.epsilon ?? 1e-5 }),
});

/** Each channel of each image normalised over its pixels. Weights: gamma [c], beta [c]. */
export const instanceNorm = defineSimpleLayer<NormConfig>("instanceNorm", {
  options: { epsilon: true },
  parameters: (_, [x]) => affine(channels(x)),
  build: (g, c, [x], w) => g.op(instanceNormOp, [x, w.gamma, w.beta], { epsilon: c.epsilon ?? 1e-5 }),
});
