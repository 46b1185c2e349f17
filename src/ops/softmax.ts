// Softmax and its logarithm along an axis.

import { float32, type Op } from "../graph/op.ts";
import { SOFTMAX_BLOCK } from "../runtime/wasm.ts";
import { arity, axisOf, requireFloats } from "./check.ts";
import { alongAxis, type Reduction } from "./reduce.ts";

export interface SoftmaxParams {
  /** Counts from the back where negative. */
  axis: number;
}

export function softmaxUnits({ outer, inner }: Reduction): number {
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
      const reduction = alongAxis(x.shape, axisOf(axis, x.shape.length, name));
      e.call(kernel, softmaxUnits(reduction), [out.base, x.base, reduction.reduce, reduction.inner]);
    },
  };
}

/** exp(x) divided by the sum of exp(x) along the axis. */
export const softmax: Op<SoftmaxParams> = along("softmax", "softmax_f32");

/** x minus the logarithm of the sum of exp(x) along the axis. */
export const logSoftmax: Op<SoftmaxParams> = along("logSoftmax", "log_softmax_f32");
