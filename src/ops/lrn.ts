// Local response normalisation: each channel divided by a power of the squares of its neighbours.
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { finite, integer } from "../validate.ts";
import { arity, requireFloats } from "./check.ts";

export interface LrnParams {
  /** Channels that are summed: floor((size − 1) / 2) before each, and as many or one more after it. */
  size: number;
  alpha: number;
  beta: number;
  bias: number;
}

/** x / (bias + alpha / size · sum of x² over neighbouring channels)^beta of [..., c]. */
export const lrn: Op<LrnParams> = {
  name: "lrn",
  infer(inputs, { size, alpha, beta, bias }, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    integer(size, "size", where, 1);
    finite(alpha, "alpha", where);
    finite(beta, "beta", where);
    finite(bias, "bias", where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x], [out], { size, alpha, beta, bias }) {
    const c = x.shape.at(-1) ?? 1;
    const before = Math.floor((size - 1) / 2);
    // Windows wider than all channels see no more than these.
    const [first, last] = [before, size - 1 - before].map((reach) => Math.min(reach, c));
    e.call("lrn_f32", sizeOf(x.shape) / c, [out.base, x.base, c, first, last, alpha / size, beta, bias]);
  },
};
