// Non-maximum suppression: of boxes that overlap, those with the highest scores. How many there are is known only at run time: outputs
// have room for all that may be, and a count.
import { ShapeError } from "../errors.ts";
import { float32, type Op, type TensorType } from "../graph/op.ts";
import { suppression } from "../runtime/records.ts";
import { aFlag, integer, refuse } from "../validate.ts";
import { arity, checkShape, rank, requireFloats, show } from "./check.ts";

export interface SuppressParams {
  /** Boxes selected of each class at most. */
  maxOutput: number;
  /** A box that overlaps a selected one by more (intersection over union) is suppressed. */
  iouThreshold: number;
  /** Only boxes with scores above it are looked at; one of -Infinity or NaN never is. */
  scoreThreshold: number;
}

function checkThresholds(
  inputs: readonly TensorType[],
  { maxOutput, iouThreshold, scoreThreshold }: SuppressParams,
  where: string,
): void {
  arity(inputs, 2, 2, where);
  for (const input of inputs) requireFloats(input, where);
  integer(maxOutput, "maxOutput", where, 1);
  if (typeof iouThreshold !== "number") refuse(iouThreshold, "iouThreshold", where, "a number");
  if (typeof scoreThreshold !== "number") refuse(scoreThreshold, "scoreThreshold", where, "a number");
}

export interface NonMaxSuppressionParams extends SuppressParams {
  /** Whether a box is (x centre, y centre, width, height), rather than two opposite corners. */
  center: boolean;
}

/**
 * ONNX's: boxes [n, count, 4], scores [n, classes, count] to rows (batch, class, box) [n · classes · min(maxOutput, count), 3] in order,
 * −1 behind the last, and how many [1]; all int32.
 */
export const nonMaxSuppression: Op<NonMaxSuppressionParams> = {
  name: "nonMaxSuppression",
  infer(inputs, params, where) {
    checkThresholds(inputs, params, where);
    aFlag(params.center, "center", where);
    const [boxes, scores] = inputs;
    rank(boxes, 3, "[n, count, 4]", "input 0, the boxes,", where);
    rank(scores, 3, "[n, classes, count]", "input 1, the scores,", where);
    const [n, count, four] = boxes.shape;
    const [m, classes, scored] = scores.shape;
    if (four !== 4 || n !== m || count !== scored)
      throw new ShapeError(
        `${where}: boxes ${show(boxes.shape)} and scores ${show(scores.shape)} ` +
          "must be [n, count, 4] and [n, classes, count]",
      );
    const shape = [n * classes * Math.min(params.maxOutput, count), 3];
    checkShape(shape, "output", where);
    return [
      { shape, dtype: "int32" },
      { shape: [1], dtype: "int32" },
    ];
  },
  forward(e, [boxes, scores], [out, count], { maxOutput, iouThreshold, scoreThreshold, center }) {
    const [images, classes, size] = scores.shape;
    const record = suppression({
      ...{ images, classes, boxes: size, most: Math.min(maxOutput, size), center: Number(center) },
      ...{ iou: iouThreshold, threshold: scoreThreshold, scale: 0 },
    });
    const scratch = e.scratch(12 * size);
    const args = [out.base, 0, count.base, boxes.base, scores.base, scratch, e.record(record)] as const;
    e.call("non_max_suppression_f32", 1, [...args]);
  },
};

export interface NonMaxSuppressionTfParams extends SuppressParams {
  /** Above 0, overlapping boxes lose score by a Gaussian of this width instead of being suppressed at once. */
  softSigma: number;
}

/**
 * TensorFlow's (NonMaxSuppressionV3 to V5, padded): boxes [count, 4] of two opposite corners, scores [count] to the boxes selected
 * [maxOutput] int32, their scores [maxOutput], both 0 behind the last, and how many [1] int32.
 */
export const nonMaxSuppressionTf: Op<NonMaxSuppressionTfParams> = {
  name: "nonMaxSuppressionTf",
  infer(inputs, params, where) {
    checkThresholds(inputs, params, where);
    const { maxOutput, softSigma } = params;
    if (!(typeof softSigma === "number" && softSigma >= 0))
      refuse(softSigma, "softSigma", where, "a number of at least 0");
    const [boxes, scores] = inputs;
    if (String(boxes.shape) !== String([scores.shape[0], 4]) || scores.shape.length !== 1)
      throw new ShapeError(
        `${where}: boxes ${show(boxes.shape)} and scores ${show(scores.shape)} must be [count, 4] and [count]`,
      );
    checkShape([maxOutput], "output", where);
    return [{ shape: [maxOutput], dtype: "int32" }, float32([maxOutput]), { shape: [1], dtype: "int32" }];
  },
  forward(e, [boxes, scores], [out, outScores, count], params) {
    const { maxOutput, iouThreshold, scoreThreshold, softSigma } = params;
    const [size] = scores.shape;
    const record = suppression({
      ...{ images: 1, classes: 1, boxes: size, most: maxOutput, center: 0 },
      ...{ iou: iouThreshold, threshold: scoreThreshold, scale: softSigma > 0 ? -0.5 / softSigma : 0 },
    });
    const scratch = e.scratch(12 * size);
    const args = [out.base, outScores.base, count.base, boxes.base, scores.base, scratch] as const;
    e.call("non_max_suppression_f32", 1, [...args, e.record(record)]);
  },
};
