// What losses by name take as options.
import { ArgumentError } from "../errors.ts";
import {
  aFlag,
  aList,
  aNumberAbove,
  aNumberFrom,
  anOdd,
  aWord,
  type Check,
  type Checks,
  describe,
} from "../validate.ts";
import { anAxis as anInteger, aShare } from "./checks.ts";

export type LossKind =
  | "softmaxCrossEntropy"
  | "nll"
  | "focal"
  | "binaryCrossEntropy"
  | "meanSquaredError"
  | "meanAbsoluteError"
  | "huber"
  | "logCosh"
  | "poisson"
  | "klDivergence"
  | "cosineSimilarity"
  | "hinge"
  | "squaredHinge"
  | "categoricalHinge"
  | "dice"
  | "iou"
  | "ssim";

/** The options of losses; each kind takes some of them. */
export interface LossNumbers {
  /** huber: the distance at which the loss becomes linear. Default 1. */
  delta?: number;
  /** softmaxCrossEntropy: the part of every target, 0 to 1, that is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
  /**
   * softmaxCrossEntropy, nll, focal: a factor for each class, at least 0. Of class indices the mean is weighted: divided by the sum of the
   * targets' factors.
   */
  classWeights?: readonly number[];
  /** softmaxCrossEntropy, nll, focal, dice, iou: the class index that marks answers that do not count. Default: none. */
  ignoreIndex?: number;
  /** binaryCrossEntropy: a factor for targets of 1, or one per channel. Default 1. */
  positiveWeight?: number | readonly number[];
  /** focal: the exponent that makes easy answers count less. Default 2. */
  gamma?: number;
  /** focal with a value per score: the weight of targets of 1, those of 0 get 1 − alpha; −1: both get 1. Default 0.25. */
  alpha?: number;
  /** dice, iou: added to the numbers above and below the fraction. Default 1. */
  smooth?: number;
  /** dice, iou: whether each image has a score of its own, rather than all of a batch together. Default false. */
  perImage?: boolean;
  /** dice, iou: what makes probabilities of scores. Default: softmax where targets are class indices, else sigmoid. */
  activation?: "sigmoid" | "softmax" | "linear";
  /** ssim: the side of the Gaussian window, odd. Default 11. */
  window?: number;
  /** ssim: the deviation of the window, in pixels. Default 1.5. */
  sigma?: number;
  /** ssim: the range of values, from the darkest to the brightest that can be. Default 1. */
  range?: number;
}

/** A loss by name with its options. */
export interface LossOptions extends LossNumbers {
  kind: LossKind;
}

const aPositiveWeight: Check<number | readonly number[]> = (value, name, where) =>
  (Array.isArray(value) ? aList(aNumberFrom(0)) : aNumberFrom(0))(value, name, where);

const anAlpha: Check<number> = (value, name, where) => {
  if (value !== -1) aShare(value, name, where);
};

/** Options of losses of any kind. */
export const LOSS_NUMBERS = {
  delta: aNumberAbove(0),
  labelSmoothing: aShare,
  classWeights: aList(aNumberFrom(0)),
  ignoreIndex: anInteger,
  positiveWeight: aPositiveWeight,
  gamma: aNumberFrom(0),
  alpha: anAlpha,
  smooth: aNumberFrom(0),
  perImage: aFlag,
  activation: aWord("sigmoid", "softmax", "linear"),
  window: anOdd(1, 255),
  sigma: aNumberAbove(0),
  range: aNumberAbove(0),
} satisfies Checks<LossNumbers>;

/** The options that each kind takes. */
const TAKEN: Readonly<Record<LossKind, readonly (keyof LossNumbers)[]>> = {
  softmaxCrossEntropy: ["labelSmoothing", "classWeights", "ignoreIndex"],
  nll: ["classWeights", "ignoreIndex"],
  focal: ["gamma", "alpha", "classWeights", "ignoreIndex"],
  binaryCrossEntropy: ["positiveWeight"],
  meanSquaredError: [],
  meanAbsoluteError: [],
  huber: ["delta"],
  logCosh: [],
  poisson: [],
  klDivergence: [],
  cosineSimilarity: [],
  hinge: [],
  squaredHinge: [],
  categoricalHinge: [],
  dice: ["smooth", "perImage", "activation", "ignoreIndex"],
  iou: ["smooth", "perImage", "activation", "ignoreIndex"],
  ssim: ["window", "sigma", "range"],
};

export const LOSS_KINDS = Object.keys(TAKEN) as readonly LossKind[];

/** Throws ArgumentError for an option that this kind does not take. The options' own values have been checked. */
export function checkLossOptions({ kind, ...options }: LossOptions, where: string): void {
  const taken = TAKEN[kind];
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !(taken as readonly string[]).includes(name))
      throw new ArgumentError(
        `${where}: loss "${kind}" takes no ${describe(name)}; ${taken.length ? `it takes ${taken.join(", ")}` : "it has no options"}`,
      );
}
