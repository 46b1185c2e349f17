// Losses: one number, the mean over the batch, as PyTorch's `reduction="mean"` has it.

import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { float32, type Op, type Shape, sizeOf, type TensorType } from "../graph/op.ts";
import { LOSS_HUBER, LOSS_L1, LOSS_LOGITS, LOSS_SQUARE, MAP_BLOCK } from "../runtime/wasm.ts";
import { arity, finite, requireFloats, show } from "./check.ts";
import { affine, binary } from "./elementwise.ts";
import { reduceStretch } from "./reduce.ts";
import { logSoftmax } from "./softmax.ts";

export interface CrossEntropyParams {
  /** The share of every target that goes to all classes alike; 0. */
  labelSmoothing?: number;
}

/** Where the first label lies that is no class from 0 to classes - 1; -1 where all are. */
export function wrongClass(labels: ArrayLike<number>, classes: number): number {
  for (let i = 0; i < labels.length; i++)
    if (!(Number.isInteger(labels[i]) && labels[i] >= 0 && labels[i] < classes)) return i;
  return -1;
}

const rowsOf = (logits: TensorType): number => sizeOf(logits.shape.slice(0, -1));
const same = (a: Shape, b: Shape): boolean => String(a) === String(b);

/**
 * The cross-entropy of softmax(logits), [n, ..., c], over the last axis. Labels are classes, int32 [n, ...], or the chance of
 * every class, float32 [n, ..., c]. A class must be 0 to c - 1, which only who writes them can check: of others the kernels
 * make NaN.
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
          `int32 ${show(shape.slice(0, -1))} (classes) or float32 ${show(shape)} (chances)`,
      );
    if (!(finite(labelSmoothing, "labelSmoothing", where) >= 0 && labelSmoothing <= 1))
      throw new ShapeError(`${where}: labelSmoothing is ${labelSmoothing} but must be from 0 to 1`);
    return [float32([])];
  },
  forward(e, [x, labels], [out], { labelSmoothing = 0 }) {
    const rows = rowsOf(x);
    const losses = e.scratch(rows * 4);
    const numbers = [x.shape[x.shape.length - 1], Number(labels.dtype === "int32"), labelSmoothing];
    e.call("cross_entropy_f32", rows, [losses, x.base, labels.base, ...numbers]);
    reduceStretch(e, "sum", out.base, losses, { outer: 1, reduce: rows, inner: 1 }, rows);
  },
  gradient(g, { inputs, params }, [dy], wanted) {
    if (!dy) return [];
    const p = params as CrossEntropyParams;
    const [x, labels] = inputs;
    return [
      wanted[0] ? g.op(crossEntropyGrad, [x, labels, dy], p) : undefined,
      // Classes have none; the loss is linear in chances.
      wanted[1] && labels.dtype === "float32" ? byChances(g, x, dy, p) : undefined,
    ];
  },
};

function byChances(g: Graph, x: Edge, dy: Edge, { labelSmoothing = 0 }: CrossEntropyParams): Edge {
  const logs = g.op(logSoftmax, [x], { axis: -1 });
  const scale = (labelSmoothing - 1) / rowsOf(x);
  return g.op(affine, [g.op(binary, [logs, dy], { kind: "mul" })], { scale, offset: 0 });
}

/** From [logits, labels, dy]. */
const crossEntropyGrad: Op<CrossEntropyParams> = {
  name: "softmaxCrossEntropyGrad",
  inPlace: true,
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, labels, dy], [out], { labelSmoothing = 0 }) {
    const rows = rowsOf(x);
    const c = x.shape[x.shape.length - 1];
    const numbers = [c, Number(labels.dtype === "int32"), labelSmoothing, 1 / rows];
    e.call("cross_entropy_grad_f32", rows, [out.base, x.base, labels.base, dy.base, ...numbers]);
  },
};

export interface LossParams {
  /** huber: where squares end and distances begin; 1. */
  delta?: number;
}

interface LossGradParams {
  kind: number;
  delta: number;
}

/** From [x, target, dy]. */
const lossGrad: Op<LossGradParams> = {
  name: "lossGrad",
  inPlace: true,
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, target, dy], [out], { kind, delta }) {
    const count = sizeOf(x.shape);
    const buffers = [out.base, x.base, target.base, dy.base];
    e.call("loss_grad_f32", Math.ceil(count / MAP_BLOCK), [...buffers, count, kind, delta, 1 / count]);
  },
};

/** A loss value by value between [x, target] of one shape, and its mean. */
function between(name: string, kind: number): Op<LossParams> {
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
      if (!(finite(delta, "delta", where) > 0))
        throw new ShapeError(`${where}: delta is ${delta} but must be above 0`);
      return [float32([])];
    },
    forward(e, [x, target], [out], { delta = 1 }) {
      const count = sizeOf(x.shape);
      const blocks = Math.ceil(count / MAP_BLOCK);
      const sums = e.scratch(blocks * 4);
      e.call("loss_f32", blocks, [sums, x.base, target.base, count, kind, delta]);
      reduceStretch(e, "sum", out.base, sums, { outer: 1, reduce: blocks, inner: 1 }, count);
    },
    gradient(g, { inputs, params }, [dy], wanted) {
      if (!dy) return [];
      const [x] = inputs;
      const logits = kind === LOSS_LOGITS;
      const times = (edge: Edge, scale: number): Edge => g.op(affine, [edge], { scale, offset: 0 });
      const byX =
        wanted[0] || (wanted[1] && !logits)
          ? g.op(lossGrad, [...inputs, dy], { kind, delta: (params as LossParams).delta ?? 1 })
          : undefined;
      const byTarget = (): Edge =>
        logits ? times(g.op(binary, [x, dy], { kind: "mul" }), -1 / sizeOf(x.shape)) : times(byX!, -1);
      return [wanted[0] ? byX : undefined, wanted[1] ? byTarget() : undefined];
    },
  };
}

/** The mean of (x - target)². */
export const meanSquaredError = between("meanSquaredError", LOSS_SQUARE);

/** The mean of |x - target|. */
export const l1 = between("l1", LOSS_L1);

/** The mean of d² / 2 where d = |x - target| is at most delta, delta · (d - delta / 2) elsewhere. */
export const huber = between("huber", LOSS_HUBER);

/** The mean cross-entropy of sigmoid(x) and a target from 0 to 1. */
export const binaryCrossEntropyWithLogits = between("binaryCrossEntropyWithLogits", LOSS_LOGITS);

export type LossKind = "softmaxCrossEntropy" | "binaryCrossEntropy" | "meanSquaredError" | "l1" | "huber";

// biome-ignore lint/suspicious/noExplicitAny: losses take parameters of their own
export const LOSSES: Readonly<Record<LossKind, Op<any>>> = {
  softmaxCrossEntropy,
  binaryCrossEntropy: binaryCrossEntropyWithLogits,
  meanSquaredError,
  l1,
  huber,
};
