// Normalisation layers.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { activation } from "../ops/activation.ts";
import { show } from "../ops/check.ts";
import { affine, type BinaryKind, binary } from "../ops/elementwise.ts";
import { layerNorm as layerNormOp } from "../ops/layer-norm.ts";
import {
  batchNorm as batchNormOp,
  groupNorm as groupNormOp,
  instanceNorm as instanceNormOp,
} from "../ops/norm.ts";
import { axesOf, reduce } from "../ops/reduce.ts";
import type { Shape } from "../tensor.ts";
import { aList, aNumber, aNumberFrom, needed } from "../validate.ts";
import { aCount, anAxis, anInitializer, aShare, layerOnly } from "./checks.ts";
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
    g.activeTraining?.batchNorm?.(g, x, w, epsilon, momentum) ??
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

export interface LayerNormConfig extends NormConfig {
  /** The axes normalised together, which must be the last ones, without the batch; negative ones count from the back. Default [−1]. */
  axes?: readonly number[];
}

const LAST = [-1];

/** The sizes of the axes that are normalised together: the last ones, and not all. */
function normalisedShape({ axes = LAST }: LayerNormConfig, x: Shape, where: string): Shape {
  const set = axesOf(axes, x.length, where);
  const first = x.length - set.size;
  if (!set.size || !first || x.some((_, i) => set.has(i) !== i >= first))
    throw new ArgumentError(
      `${where}: axes are [${axes}] but must be the last of input ${show(x)}, without axis 0, the batch`,
    );
  return x.slice(first);
}

/** Every image, or every part of one, normalised over its last axes. Weights: gamma and beta, of the shape of those axes. */
export const layerNorm = defineSimpleLayer<LayerNormConfig>("layerNorm", {
  options: { epsilon: aNumber, axes: aList(anAxis) },
  weights: AFFINE,
  parameters(c, [x], where) {
    const shape = normalisedShape(c, x, where);
    return [
      { name: "gamma", shape, init: "ones" },
      { name: "beta", shape, init: "zeros" },
    ];
  },
  build: (g, { axes = LAST, epsilon = 1e-5 }, [x], w) =>
    g.op(layerNormOp, [x, w.gamma, w.beta], { axes, epsilon }),
});

/** PyTorch's default: the distance from 1 to the next float32. */
const ROUNDING = 2 ** -23;

export interface RmsNormConfig extends Named {
  /** Added to the mean of squares. Default 2^−23, PyTorch's. */
  epsilon?: number;
  /** As layerNorm's. Default [−1]. */
  axes?: readonly number[];
}

/** x / sqrt(mean of x² over its last axes + epsilon) · gamma. Zhang and Sennrich, 2019. Weights: gamma, of the shape of those axes. */
export const rmsNorm = defineSimpleLayer<RmsNormConfig>("rmsNorm", {
  options: { epsilon: aNumberFrom(0), axes: aList(anAxis) },
  weights: ["gamma"],
  parameters: (c, [x], where) => [{ name: "gamma", shape: normalisedShape(c, x, where), init: "ones" }],
  build(g, { axes = LAST, epsilon = ROUNDING }, [x], { gamma }, where) {
    const apply = (kind: BinaryKind, a: Edge, b: Edge): Edge => g.op(binary, [a, b], { kind });
    const own = normalisedShape({ axes }, x.shape, where);
    if (show(own) !== show(gamma.shape))
      throw new ShapeError(
        `${where}: gamma has shape ${show(gamma.shape)} but must have that of the normalised axes, ${show(own)}`,
      );
    const mean = g.op(reduce, [apply("mul", x, x)], { kind: "mean", axes, keepDims: true });
    const shifted = g.op(affine, [mean], { scale: 1, offset: epsilon });
    return apply("mul", apply("div", x, g.op(activation, [shifted], { kind: "sqrt" })), gamma);
  },
});
