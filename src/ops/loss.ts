// Losses: a scalar, the mean over the batch, as with PyTorch's `reduction="mean"`.

import { ShapeError } from "../errors.ts";
import { float32, type Op, type Shape, sizeOf, type TensorType } from "../graph/op.ts";
import { LOSS_ABSOLUTE, LOSS_HUBER, LOSS_LOGITS, LOSS_SQUARE, MAP_BLOCK } from "../runtime/wasm.ts";
import { finite, refuse } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";
import { reduceAxis } from "./reduce.ts";

export interface CrossEntropyParams {
  /** The part of every target, 0 to 1, that is spread evenly over all classes; default 0. */
  labelSmoothing?: number;
}

/** The index of the first label that is not a class from 0 to classes - 1, nor to be ignored; -1 if all are. */
export function wrongClass(labels: ArrayLike<number>, classes: number, ignoreIndex?: number): number {
  for (let i = 0; i < labels.length; i++)
    if (!(Number.isInteger(labels[i]) && labels[i] >= 0 && labels[i] < classes) && labels[i] !== ignoreIndex)
      return i;
  return -1;
}

export const rowsOf = (logits: TensorType): number => sizeOf(logits.shape.slice(0, -1));
const same = (a: Shape, b: Shape): boolean => String(a) === String(b);

/**
 * The cross-entropy of softmax(logits), [n, ..., c], over the last axis. Labels are classes, int32 [n, ...], or probabilities
 * of every class, float32 [n, ..., c]. Classes must be 0 to c - 1, which whoever writes them checks: for others the kernels
 * give NaN.
 */
export const softmaxCrossEntropy: Op<CrossEntropyParams> = {
  name: "softmaxCrossEntropy",
  infer(inputs, { labelSmoothing = 0 }, where) {
    arity(inputs, 2, 2, where);
    const [{ shape }, labels] = inputs;
    requireFloats(inputs[0], where);
    if (shape.length < 1)
      throw new ShapeError(`${where}: logits have shape ${show(shape)} but must be [n, ..., c]`);
    const wanted = labels.dtype === "int32" ? shape.slice(0, -1) : shape;
    if (!same(labels.shape, wanted))
      throw new ShapeError(
        `${where}: labels are ${labels.dtype} ${show(labels.shape)} but for logits ${show(shape)} must be ` +
          `int32 ${show(shape.slice(0, -1))} (classes) or float32 ${show(shape)} (probabilities)`,
      );
    if (!(finite(labelSmoothing, "labelSmoothing", where) >= 0 && labelSmoothing <= 1))
      refuse(labelSmoothing, "labelSmoothing", where, "from 0 to 1");
    return [float32([])];
  },
  forward(e, [x, labels], [out], { labelSmoothing = 0 }) {
    const rows = rowsOf(x);
    const losses = e.scratch(rows * 4);
    const c = x.shape[x.shape.length - 1];
    const sparse = Number(labels.dtype === "int32");
    e.call("cross_entropy_f32", rows, [losses, x.base, labels.base, c, sparse, labelSmoothing]);
    reduceAxis(e, "sum", out.base, losses, { outer: 1, reduce: rows, inner: 1 }, rows);
  },
};

export interface LossParams {
  /** huber: the distance at which the loss becomes linear; default 1. */
  delta?: number;
}

/** The mean of an element-wise loss of [x, target], which have the same shape. */
function elementwise(name: string, kind: number): Op<LossParams> {
  return {
    name,
    infer(inputs, { delta = 1 }, where) {
      arity(inputs, 2, 2, where);
      const [x, target] = inputs;
      requireFloats(x, where);
      requireFloats(target, where);
      if (!same(x.shape, target.shape))
        throw new ShapeError(
          `${where}: target has shape ${show(target.shape)} but must have the input's ${show(x.shape)}`,
        );
      if (!(finite(delta, "delta", where) > 0)) refuse(delta, "delta", where, "above 0");
      return [float32([])];
    },
    forward(e, [x, target], [out], { delta = 1 }) {
      const count = sizeOf(x.shape);
      const blocks = Math.ceil(count / MAP_BLOCK);
      const sums = e.scratch(blocks * 4);
      e.call("loss_f32", blocks, [sums, x.base, target.base, count, kind, delta]);
      reduceAxis(e, "sum", out.base, sums, { outer: 1, reduce: blocks, inner: 1 }, count);
    },
  };
}

/** The mean of (x - target)². */
export const meanSquaredError = elementwise("meanSquaredError", LOSS_SQUARE);

/** The mean of |x - target|. */
export const meanAbsoluteError = elementwise("meanAbsoluteError", LOSS_ABSOLUTE);

/** The mean of d² / 2 where d = |x - target| is at most delta, delta · (d - delta / 2) elsewhere. */
export const huber = elementwise("huber", LOSS_HUBER);

/** The mean cross-entropy of sigmoid(x) with targets from 0 to 1. */
export const binaryCrossEntropyWithLogits = elementwise("binaryCrossEntropyWithLogits", LOSS_LOGITS);

/** Losses that kernels compute, by name. */
export const LOSSES = {
  softmaxCrossEntropy,
  binaryCrossEntropy: binaryCrossEntropyWithLogits,
  meanSquaredError,
  meanAbsoluteError,
  huber,
};
