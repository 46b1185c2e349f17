// Ops that move values by rules which strides cannot say: triangles, sequences of different lengths, and where values are not 0.
import { ArgumentError, ShapeError } from "../errors.ts";
import { type Op, sizeOf } from "../graph/op.ts";
import { aFlag } from "../validate.ts";
import { arity, axisOf, checkShape, show } from "./check.ts";
import { requireIntegers } from "./gather.ts";

export interface TriangleParams {
  /** The triangle on and above diagonal k is kept; otherwise that on and below it. The rest becomes 0. */
  upper: boolean;
  /** 0: the main diagonal; k of them further up, or down below 0. */
  k: number;
}

/** A triangle of the matrices on the last two axes. */
export const triangle: Op<TriangleParams> = {
  name: "triangle",
  infer(inputs, { upper, k }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    aFlag(upper, "upper", where);
    if (!Number.isSafeInteger(k)) throw new ArgumentError(`${where}: k is ${k} but must be an integer`);
    if (shape.length < 2)
      throw new ShapeError(
        `${where}: input ${show(shape)} has rank ${shape.length} but must have at least 2`,
      );
    return [{ shape: [...shape], dtype }];
  },
  forward(e, [x], [out], { upper, k }) {
    const [rows, columns] = x.shape.slice(-2);
    const diagonal = Math.max(-rows, Math.min(columns, k));
    e.call("triangle_f32", sizeOf(x.shape.slice(0, -1)), [
      ...([out.base, x.base, rows, columns, diagonal, Number(upper)] as const),
    ]);
  },
};

export interface ReverseSequenceParams {
  batchAxis: number;
  timeAxis: number;
}

/** x, lengths [batch]: the first lengths[b] steps of sequence b in reverse, the others as they are. Lengths are clamped. */
export const reverseSequence: Op<ReverseSequenceParams> = {
  name: "reverseSequence",
  infer(inputs, { batchAxis, timeAxis }, where) {
    arity(inputs, 2, 2, where);
    const [{ shape, dtype }, lengths] = inputs;
    requireIntegers(lengths, "input 1, the lengths,", where);
    const batch = axisOf(batchAxis, shape.length, where);
    if (batch === axisOf(timeAxis, shape.length, where))
      throw new ArgumentError(`${where}: batchAxis and timeAxis are both axis ${batch}`);
    if (String(lengths.shape) !== String(shape[batch]) || lengths.shape.length !== 1)
      throw new ShapeError(
        `${where}: lengths have shape ${show(lengths.shape)} but must be [${shape[batch]}], ` +
          `one for each index of axis ${batch} of the input ${show(shape)}`,
      );
    return [{ shape: [...shape], dtype }];
  },
  forward(e, [x, lengths], [out], params) {
    const batch = axisOf(params.batchAxis, x.shape.length, "reverseSequence");
    const time = axisOf(params.timeAxis, x.shape.length, "reverseSequence");
    const [a, b] = [Math.min(batch, time), Math.max(batch, time)];
    const [first, second] = [x.shape[a], x.shape[b]];
    const run = sizeOf(x.shape.slice(b + 1));
    e.call("reverse_sequence_f32", sizeOf(x.shape) / run, [
      ...([out.base, x.base, lengths.base, first, sizeOf(x.shape.slice(a + 1, b)), second, run] as const),
      Number(batch < time),
    ]);
  },
};

/** x to the indices of what is not 0 [rank, size], a column each in order and −1 behind the last, and how many [1]; both int32. */
export const nonZero: Op<object> = {
  name: "nonZero",
  infer(inputs, _params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    // A scalar is a list of one.
    const out = [Math.max(shape.length, 1), sizeOf(shape)];
    checkShape(out, "output", where);
    return [
      { shape: out, dtype: "int32" },
      { shape: [1], dtype: "int32" },
    ];
  },
  forward(e, [x], [out, count]) {
    const dims = x.shape.length > 0 ? x.shape : [1];
    e.call("non_zero_f32", 1, [
      ...([out.base, count.base, x.base, e.table(dims), dims.length, sizeOf(dims)] as const),
      Number(x.dtype === "int32"),
    ]);
  },
};
