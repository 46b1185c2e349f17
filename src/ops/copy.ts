// A copy of a value: what an op reads that needs dense inputs, where the value lies in a wider one or has a border round it.
import type { Op } from "../graph/op.ts";
import { arity } from "./check.ts";
import { copyValue } from "./strided.ts";

export const copy: Op<object> = {
  name: "copy",
  strided: { inputs: [0], outputs: true },
  infer(inputs, _params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    return [{ shape: [...shape], dtype }];
  },
  forward(e, [x], [out]) {
    copyValue(e, out, x);
  },
};
