// Dropout: every value is 0 with the chance `rate`, or else grows to keep the mean.

import { ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { MAP_BLOCK } from "../runtime/wasm.ts";
import { arity, finite, integer, requireFloats, show } from "./check.ts";

export interface DropoutParams {
  /** The chance of a value to be dropped, in [0, 1). */
  rate: number;
  /** Tells the dropouts of one net apart: each has a number of its own. */
  stream: number;
}

/**
 * Of [x, state], with state an int32 [4] that the host writes before each step: the two words of a seed, the two words of the
 * step. Which values fall depends on these, the stream and the place of a value, on nothing else: so the gradient is the same op.
 */
export const dropout: Op<DropoutParams> = {
  name: "dropout",
  inPlace: true,
  infer(inputs, { rate, stream }, where) {
    arity(inputs, 2, 2, where);
    const [x, state] = inputs;
    requireFloats(x, where);
    if (!(finite(rate, "rate", where) >= 0 && rate < 1))
      throw new ShapeError(`${where}: rate is ${rate} but must be at least 0 and below 1`);
    integer(stream, "stream", where, 0);
    if (state.dtype !== "int32" || show(state.shape) !== "[4]")
      throw new ShapeError(`${where}: state is ${state.dtype} ${show(state.shape)} but must be int32 [4]`);
    return [float32(x.shape)];
  },
  forward(e, [x, state], [out], { rate, stream }) {
    const count = sizeOf(x.shape);
    // As an unsigned word, of which an i32 argument takes the bits.
    const threshold = Math.min(Math.round(rate * 2 ** 32), 2 ** 32 - 1) | 0;
    const units = Math.ceil(count / MAP_BLOCK);
    e.call("dropout_f32", units, [out.base, x.base, state.base, count, stream, threshold, 1 / (1 - rate)]);
  },
};
