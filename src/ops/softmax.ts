// Softmax and its logarithm along one axis.

import { float32, type Op } from "../graph/op.ts";
import { SOFTMAX_BLOCK } from "../runtime/wasm.ts";
import { arity, axisOf, requireFloats } from "./check.ts";
import { alongAxis, type Stretch } from "./reduce.ts";

export interface SoftmaxParams {
  /** Negative: from the back. */
  axis: number;
}

export function softmaxUnits({ outer, inner }: Stretch): number {
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
      e.call(kernel, softmaxUnits(stretch), [out.base, x.base, stretch.reduce, stretch.inner]);
    },
  };
}

/** exp(x) over the sum of exp(x) along the axis. */
export const softmax: Op<SoftmaxParams> = along("softmax", "softmax_f32");

/** x less the logarithm of the sum of exp(x) along the axis. */
export const logSoftmax: Op<SoftmaxParams> = along("logSoftmax", "log_softmax_f32");
