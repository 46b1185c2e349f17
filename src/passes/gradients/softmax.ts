// Gradients of softmax and its logarithm, from their outputs.
import type { Edge } from "../../graph/graph.ts";
import { float32, type Op } from "../../graph/op.ts";
import { axisOf } from "../../ops/check.ts";
import { alongAxis } from "../../ops/reduce.ts";
import { logSoftmax, type SoftmaxParams, softmax, softmaxUnits } from "../../ops/softmax.ts";
import { algebraOf } from "./algebra.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

interface SoftmaxGradParams extends SoftmaxParams {
  /** Whether it was the logarithm. */
  log: boolean;
}

/** dx from dy and the op's output. */
export const softmaxGrad: Op<SoftmaxGradParams> = {
  name: "softmaxGrad",
  inPlace: true,
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, y], [out], { axis, log }) {
    const reduction = alongAxis(y.shape, axisOf(axis, y.shape.length, "softmaxGrad"));
    const { reduce, inner } = reduction;
    e.call("softmax_grad_f32", softmaxUnits(reduction), [
      out.base,
      dy.base,
      y.base,
      reduce,
      inner,
      Number(log),
    ]);
  },
};

export const softmaxGradients: readonly GradientEntry[] = [
  gradientOf(softmax, (g, { outputs, params }, dy) => [
    g.op(softmaxGrad, [dy, ...outputs], { ...params, log: false }),
  ]),
  gradientOf(logSoftmax, (g, { outputs, params }, dy) => [
    g.op(softmaxGrad, [dy, ...outputs], { ...params, log: true }),
  ]),
  // With sums along the axis: dx = y (dy − Σ dy y), or for the logarithm dx = dy − e^y Σ dy.
  gradientOf(softmaxGrad, (g, { inputs: [dy, y], params }, ddx, wanted) => {
    const { axis, log } = params;
    const m = algebraOf(g);
    const sum = (edge: Edge): Edge => m.reduce("sum", edge, [axis]);
    if (log) {
      const p = m.activation("exp", y);
      return whereWanted(wanted, [
        () => m.sub(ddx, sum(m.mul(ddx, p))),
        () => m.affine(m.mul(m.mul(ddx, p), sum(dy)), -1),
      ]);
    }
    return whereWanted(wanted, [
      () => g.op(softmaxGrad, [ddx, y], params),
      () => m.sub(m.mul(ddx, m.sub(dy, sum(m.mul(dy, y)))), m.mul(dy, sum(m.mul(ddx, y)))),
    ]);
  }),
];
