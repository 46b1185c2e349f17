// The largest or smallest values along an axis, in order.
import { ShapeError } from "../errors.ts";
import type { Op } from "../graph/op.ts";
import { aFlag, integer } from "../validate.ts";
import { arity, axisOf, show } from "./check.ts";
import { alongAxis } from "./reduce.ts";

export interface TopKParams {
  k: number;
  axis: number;
  largest: boolean;
}

/** Values, and their indices as int32: the best first, of equal ones the lower index; a NaN is greater than any number. */
export const topK: Op<TopKParams> = {
  name: "topK",
  infer(inputs, { k, axis, largest }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    const a = axisOf(axis, shape.length, where);
    integer(k, "k", where, 1);
    aFlag(largest, "largest", where);
    if (k > shape[a])
      throw new ShapeError(
        `${where}: k is ${k} but axis ${a} of the input ${show(shape)} has only ${shape[a]}`,
      );
    return [
      { shape: shape.with(a, k), dtype },
      { shape: shape.with(a, k), dtype: "int32" },
    ];
  },
  forward(e, [x], [values, indices], { k, axis, largest }) {
    const { outer, reduce, inner } = alongAxis(x.shape, axisOf(axis, x.shape.length, "topK"));
    const integers = Number(x.dtype === "int32");
    e.call("top_k_f32", outer * inner, [
      ...([values.base, indices.base, x.base, reduce, k, inner, integers, Number(!largest)] as const),
    ]);
  },
};
