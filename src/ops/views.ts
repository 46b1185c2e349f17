// Ops that need no kernel, or less of one, once the layout pass has decided where values lie.
import type { Op } from "../graph/op.ts";
import { copyValue, partOf } from "./strided.ts";

/** A slice, a split or a concatenation whose outputs lie where they should already. */
export const view: Op<object> = {
  name: "view",
  strided: { inputs: "all", outputs: true },
  infer: () => {
    throw new Error("internal: a view is written by the layout pass");
  },
  forward(e) {
    e.algorithm("view");
  },
};

/** A concatenation along an axis (counted from the front) of which some inputs were written where they belong; the others, listed by number, are copied. */
export const concatRest: Op<{ axis: number; copied: readonly number[] }> = {
  name: "concatRest",
  strided: { inputs: "all", outputs: true },
  infer: view.infer,
  forward(e, inputs, [out], { axis, copied }) {
    const origin = out.shape.map(() => 0);
    let start = 0;
    inputs.forEach((x, i) => {
      if (copied.includes(i)) copyValue(e, partOf(out, origin.with(axis, start), x.shape), x);
      start += x.shape[axis];
    });
  },
};
