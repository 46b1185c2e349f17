// Zeros in the border round a value.
import { type Emitter, type Op, sizeOf, type Value } from "../graph/op.ts";
import { borderShape } from "../runtime/records.ts";
import { arity } from "./check.ts";
import { pixelStrides, threeAxes } from "./window.ts";

/** Writes the call that fills the border of a value [n, ...spatial, c] with zeros. A value without a border needs none. */
export function emitBorder(e: Emitter, value: Value): void {
  const { shape, border } = value;
  if (!border?.some(([before, after]) => before + after > 0)) return;
  const n = shape[0];
  const size = threeAxes(shape.slice(1, -1), 1);
  const pairs = threeAxes(border, [0, 0]);
  const before = pairs.map((pair) => pair[0]);
  const after = pairs.map((pair) => pair[1]);
  const strides = pixelStrides(value);
  const record = borderShape({ n, size, c: shape[shape.length - 1], before, after, strides });
  const rows = [0, 1].map((i) => before[i] + size[i] + after[i]);
  e.call("fill_border_f32", n * sizeOf(rows), [value.base, e.record(record)]);
}

/** Fills the border round its input with zeros. It has no output. */
export const zeroBorder: Op<object> = {
  name: "zeroBorder",
  strided: { inputs: [0] },
  infer(inputs, _params, where) {
    arity(inputs, 1, 1, where);
    return [];
  },
  forward(e, [x]) {
    emitBorder(e, x);
  },
};
