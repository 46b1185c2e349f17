// Gradients of softmax and its logarithm, from their outputs.
import { float32, type Op } from "../../graph/op.ts";
import { axisOf } from "../../ops/check.ts";
import { alongAxis } from "../../ops/reduce.ts";
import { logSoftmax, type SoftmaxParams, softmax, softmaxUnits } from "../../ops/softmax.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

interface SoftmaxGradParams extends SoftmaxParams {
  /** Whether it was the logarithm. */
  log: boolean;
}

/** dx from dy and the op's output. */
const softmaxGrad: Op<SoftmaxGradParams> = {
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
];
