// Dropout: every value is 0 with probability `rate`, else divided by 1 - rate, which keeps the mean.

import { ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { MAP_BLOCK } from "../runtime/wasm.ts";
import { finite, integer, refuse } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";

export interface DropoutParams {
  /** The probability that a value is dropped, in [0, 1). */
  rate: number;
  /** A number of its own for each dropout of a network, so that they draw different numbers. */
  stream: number;
}

/**
 * [x, state], with state an int32 [4] that the host writes before each step: the two words of a seed, and two of the step's number.
 * Which values are dropped depends on these, the stream and a value's index alone, so that the gradient is the same op on dy.
 */
export const dropout: Op<DropoutParams> = {
  name: "dropout",
  inPlace: true,
  infer(inputs, { rate, stream }, where) {
    arity(inputs, 2, 2, where);
    const [x, state] = inputs;
    requireFloats(x, where);
    if (!(finite(rate, "rate", where) >= 0 && rate < 1))
      refuse(rate, "rate", where, "at least 0 and below 1");
    integer(stream, "stream", where, 0);
    if (state.dtype !== "int32" || show(state.shape) !== "[4]")
      throw new ShapeError(`${where}: state is ${state.dtype} ${show(state.shape)} but must be int32 [4]`);
    return [float32(x.shape)];
  },
  forward(e, [x, state], [out], { rate, stream }) {
    const count = sizeOf(x.shape);
    // An unsigned word, passed as the i32 of the same bits.
    const threshold = Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1) | 0;
    const units = Math.ceil(count / MAP_BLOCK);
    e.call("dropout_f32", units, [out.base, x.base, state.base, count, stream, threshold, 1 / (1 - rate)]);
  },
};
