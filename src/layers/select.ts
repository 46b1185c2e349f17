// Kinds of layers that only imported models have: the best of many values or boxes.
import { nonMaxSuppression as suppressOp, nonMaxSuppressionTf as suppressTfOp } from "../ops/suppress.ts";
import { topK as topKOp } from "../ops/top-k.ts";
import { aFlag, type Check, needed, refuse } from "../validate.ts";
import { aCount, anAxis } from "./checks.ts";
import { defineLayer, type Named } from "./layer.ts";

export interface TopKConfig extends Named {
  k: number;
  /** Default −1. */
  axis?: number;
  /** Whether the largest are taken (the default), or the smallest. */
  largest?: boolean;
  /** They are in order in any case. */
  sorted?: boolean;
}

/** Values along an axis and their indices as int32: the best first, of equal ones the lower index; NaN is greater than any number. */
export const topK = defineLayer<TopKConfig>("topK", {
  options: { k: needed(aCount, "5"), axis: anAxis, largest: aFlag, sorted: aFlag },
  build: (g, { k, axis = -1, largest = true }, [x]) => g.apply(topKOp, [x], { k, axis, largest }),
});

/** Any number, infinite ones too. */
const aThreshold: Check<number> = (value, name, where) => {
  if (typeof value !== "number" || Number.isNaN(value)) refuse(value, name, where, "a number");
};

const suppression = {
  maxOutput: needed(aCount, "100"),
  iouThreshold: aThreshold,
  scoreThreshold: aThreshold,
};

interface SuppressionConfig extends Named {
  maxOutput: number;
  /** A box that overlaps a selected one by more is suppressed. Default 0 (ONNX) or 0.5 (TensorFlow). */
  iouThreshold?: number;
  /** Only scores above it count. Default: all but -Infinity and NaN. */
  scoreThreshold?: number;
}

export interface NonMaxSuppressionConfig extends SuppressionConfig {
  /** Boxes selected of each class at most. */
  maxOutput: number;
  /** Whether boxes are (x centre, y centre, width, height). Default false: two opposite corners. */
  center?: boolean;
}

/**
 * ONNX's: boxes [n, count, 4], scores [n, classes, count] to rows (batch, class, box) [n * classes * min(maxOutput, count), 3] int32, -1
 * behind the last, and how many [1].
 */
export const nonMaxSuppression = defineLayer<NonMaxSuppressionConfig>("nonMaxSuppression", {
  options: { ...suppression, center: aFlag },
  inputs: [2, 2],
  build: (g, { maxOutput, iouThreshold = 0, scoreThreshold = -Infinity, center = false }, inputs) =>
    g.apply(suppressOp, inputs, { maxOutput, iouThreshold, scoreThreshold, center }),
});

export interface NonMaxSuppressionTfConfig extends SuppressionConfig {
  /** Above 0, overlapping boxes lose score by a Gaussian instead of being suppressed at once. Default 0. */
  softSigma?: number;
}

/**
 * TensorFlow's: boxes [count, 4], scores [count] to the boxes selected [maxOutput] int32, their scores [maxOutput], both 0 behind the
 * last, and how many [1].
 */
export const nonMaxSuppressionTf = defineLayer<NonMaxSuppressionTfConfig>("nonMaxSuppressionTf", {
  options: { ...suppression, softSigma: aThreshold },
  inputs: [2, 2],
  build: (g, { maxOutput, iouThreshold = 0.5, scoreThreshold = -Infinity, softSigma = 0 }, inputs) =>
    g.apply(suppressTfOp, inputs, { maxOutput, iouThreshold, scoreThreshold, softSigma }),
});
