// Softmax and its logarithm along one axis.

import { float32, type Op } from "../graph/op.ts";
import { SOFTMAX_BLOCK } from "../runtime/wasm.ts";
import { arity, axisOf, requireFloats } from "./check.ts";
import { alongAxis, type Stretch } from "./reduce.ts";

export interface SoftmaxParams {
  /** Negative: from the back. */
  axis: number;
}

interface SoftmaxGradParams extends SoftmaxParams {
  /** Whether it was the logarithm. */
  log: boolean;
}

/** dx from dy and the softmax. */
const softmaxGrad: Op<SoftmaxGradParams> = {
  name: "softmaxGrad",
  inPlace: true,
  infer: ([dy]) => [float32(dy.shape)],
  forward(e, [dy, y], [out], { axis, log }) {
    const stretch = alongAxis(y.shape, axisOf(axis, y.shape.length, "softmaxGrad"));
    const { reduce, inner } = stretch;
    e.call("softmax_grad_f32", unitsOf(stretch), [out.base, dy.base, y.base, reduce, inner, Number(log)]);
  },
};

function unitsOf({ outer, inner }: Stretch): number {
  return inner === 1 ? outer : outer * Math.ceil(inner / SOFTMAX_BLOCK);
}

function along(name: string, kernel: "softmax_f32" | "log_softmax_f32"): Op<SoftmaxParams> {
  return {
    name,
    inPlace: true,
    infer(inputs, { axis }, where) {
      arity(inputs, 1, 1, where);
      const [x] = inputs;
      requireFloats(x, where);
      axisOf(axis, x.shape.length, where);
      return [float32(x.shape)];
    },
    forward(e, [x], [out], { axis }) {
      const stretch = alongAxis(x.shape, axisOf(axis, x.shape.length, name));
      e.call(kernel, unitsOf(stretch), [out.base, x.base, stretch.reduce, stretch.inner]);
    },
    gradient(g, { outputs, params }, [dy], [wanted]) {
      if (!dy || !wanted) return [];
      const { axis } = params as SoftmaxParams;
      return [g.op(softmaxGrad, [dy, ...outputs], { axis, log: kernel === "log_softmax_f32" })];
    },
  };
}

/** exp(x) over the sum of exp(x) along the axis. */
export const softmax: Op<SoftmaxParams> = along("softmax", "softmax_f32");

/** x less the logarithm of the sum of exp(x) along the axis. */
export const logSoftmax: Op<SoftmaxParams> = along("logSoftmax", "log_softmax_f32");
