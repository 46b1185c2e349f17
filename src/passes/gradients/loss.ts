// Gradients of losses, with respect to predictions and to targets.
import type { Edge, Graph } from "../../graph/graph.ts";
import { float32, type Op, sizeOf } from "../../graph/op.ts";
import { affine, binary } from "../../ops/elementwise.ts";
import {
  binaryCrossEntropyWithLogits,
  type CrossEntropyParams,
  huber,
  type LossParams,
  meanAbsoluteError,
  meanSquaredError,
  rowsOf,
  softmaxCrossEntropy,
} from "../../ops/loss.ts";
import { logSoftmax } from "../../ops/softmax.ts";
import { LOSS_ABSOLUTE, LOSS_HUBER, LOSS_LOGITS, LOSS_SQUARE, MAP_BLOCK } from "../../runtime/wasm.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** The gradient with respect to the logits, from [logits, labels, dy]. */
export const crossEntropyGrad: Op<CrossEntropyParams> = {
  name: "softmaxCrossEntropyGrad",
  inPlace: true,
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, labels, dy], [out], { labelSmoothing = 0 }) {
    const rows = rowsOf(x);
    const c = x.shape[x.shape.length - 1];
    const indices = Number(labels.dtype === "int32");
    e.call("cross_entropy_grad_f32", rows, [
      out.base,
      x.base,
      labels.base,
      dy.base,
      c,
      indices,
      labelSmoothing,
      1 / rows,
    ]);
  },
};

/** The loss is linear in float targets. */
function withRespectToTarget(g: Graph, x: Edge, dy: Edge, { labelSmoothing = 0 }: CrossEntropyParams): Edge {
  const logs = g.op(logSoftmax, [x], { axis: -1 });
  const scale = (labelSmoothing - 1) / rowsOf(x);
  return g.op(affine, [g.op(binary, [logs, dy], { kind: "mul" })], { scale, offset: 0 });
}

interface LossGradParams {
  kind: number;
  delta: number;
}

/** From [x, target, dy]. */
export const lossGrad: Op<LossGradParams> = {
  name: "lossGrad",
  inPlace: true,
  infer: ([x]) => [float32(x.shape)],
  forward(e, [x, target, dy], [out], { kind, delta }) {
    const count = sizeOf(x.shape);
    e.call("loss_grad_f32", Math.ceil(count / MAP_BLOCK), [
      out.base,
      x.base,
      target.base,
      dy.base,
      count,
      kind,
      delta,
      1 / count,
    ]);
  },
};

/** The rule of a loss between [x, target] of one shape. */
const pointwise = (loss: Op<LossParams>, kind: number): GradientEntry =>
  gradientOf(loss, (g, { inputs, params: { delta = 1 } }, dy, wanted) => {
    const [x] = inputs;
    const logits = kind === LOSS_LOGITS;
    const times = (edge: Edge, scale: number): Edge => g.op(affine, [edge], { scale, offset: 0 });
    const dx =
      wanted[0] || (wanted[1] && !logits) ? g.op(lossGrad, [...inputs, dy], { kind, delta }) : undefined;
    const dTarget = (): Edge =>
      logits ? times(g.op(binary, [x, dy], { kind: "mul" }), -1 / sizeOf(x.shape)) : times(dx!, -1);
    return [wanted[0] ? dx : undefined, wanted[1] ? dTarget() : undefined];
  });

export const lossGradients: readonly GradientEntry[] = [
  gradientOf(softmaxCrossEntropy, (g, { inputs: [x, labels], params }, dy, wanted) => [
    wanted[0] ? g.op(crossEntropyGrad, [x, labels, dy], params) : undefined,
    // Class indices have no gradient.
    wanted[1] && labels.dtype === "float32" ? withRespectToTarget(g, x, dy, params) : undefined,
  ]),
  pointwise(meanSquaredError, LOSS_SQUARE),
  pointwise(meanAbsoluteError, LOSS_ABSOLUTE),
  pointwise(huber, LOSS_HUBER),
  pointwise(binaryCrossEntropyWithLogits, LOSS_LOGITS),
];
