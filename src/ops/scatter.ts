// Writing rows and elements to indices that are known only when a program runs. Of an axis of n, −n to −1 count from the end; what is
// to go outside is left out.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { DType, Op, TensorType } from "../graph/op.ts";
import { sizeOf } from "../graph/op.ts";
import { MERGE_ADD, MERGE_INTEGERS, MERGE_MAX, MERGE_MIN, MERGE_MUL, MERGE_SET } from "../runtime/wasm.ts";
import { aFlag, integer, oneOf } from "../validate.ts";
import { checkWord, fillWith, wordOf } from "./boxes.ts";
import { arity, axisOf, checkShape, show } from "./check.ts";
import { checkElements, elementRuns, requireIntegers } from "./gather.ts";
import { copyValue } from "./strided.ts";

export const MERGES = ["none", "add", "mul", "min", "max"] as const;
export type Merge = (typeof MERGES)[number];

const CODES: Record<Merge, number> = {
  none: MERGE_SET,
  add: MERGE_ADD,
  mul: MERGE_MUL,
  min: MERGE_MIN,
  max: MERGE_MAX,
};

const codeOf = (merge: Merge, dtype: DType): number =>
  CODES[merge] + (dtype === "int32" ? MERGE_INTEGERS : 0);

export interface ScatterNDParams {
  /** What an update does to what is there: "none" replaces it. Updates of the same place count one after the other. */
  op: Merge;
}

function checkUpdates(x: TensorType, updates: TensorType, shape: readonly number[], where: string): void {
  if (updates.dtype !== x.dtype)
    throw new ArgumentError(`${where}: updates are ${updates.dtype} but input 0 is ${x.dtype}`);
  if (String(updates.shape) !== String(shape))
    throw new ShapeError(
      `${where}: updates have shape ${show(updates.shape)} but input ${show(x.shape)} and its indices need ${show(shape)}`,
    );
}

/** x [d_1, ..., d_q, ...rest], indices [...places, q], updates [...places, ...rest]: x with the updates. */
export const scatterND: Op<ScatterNDParams> = {
  name: "scatterND",
  strided: { inputs: [0] },
  infer(inputs, { op }, where) {
    arity(inputs, 3, 3, where);
    const [x, indices, updates] = inputs;
    oneOf(op, MERGES, "op", where);
    requireIntegers(indices, "input 1, the indices,", where);
    const q = indices.shape.at(-1);
    if (q === undefined || q > x.shape.length)
      throw new ShapeError(
        `${where}: indices have shape ${show(indices.shape)} but the last axis must have at most ${x.shape.length}, ` +
          `the rank of input ${show(x.shape)}`,
      );
    checkUpdates(x, updates, [...indices.shape.slice(0, -1), ...x.shape.slice(q)], where);
    return [{ shape: [...x.shape], dtype: x.dtype }];
  },
  forward(e, [x, indices, updates], [out], { op }) {
    const q = indices.shape[indices.shape.length - 1];
    copyValue(e, out, x);
    e.call("scatter_rows_f32", 1, [
      ...([out.base, indices.base, updates.base, e.table(x.shape.slice(0, q))] as const),
      ...([q, sizeOf(indices.shape.slice(0, -1)), sizeOf(x.shape.slice(q)), codeOf(op, x.dtype)] as const),
    ]);
  },
};

export interface ScatterElementsParams extends ScatterNDParams {
  axis: number;
}

/** x, indices and updates of the same rank: x with out[i_0, ..., indices[i_0, ...], ...] updated by updates[i_0, ...]. */
export const scatterElements: Op<ScatterElementsParams> = {
  name: "scatterElements",
  strided: { inputs: [0] },
  infer(inputs, params, where) {
    arity(inputs, 3, 3, where);
    const [x, indices, updates] = inputs;
    oneOf(params.op, MERGES, "op", where);
    checkElements(x, indices, axisOf(params.axis, x.shape.length, where), where);
    checkUpdates(x, updates, indices.shape, where);
    return [{ shape: [...x.shape], dtype: x.dtype }];
  },
  forward(e, [x, indices, updates], [out], params) {
    const axis = axisOf(params.axis, x.shape.length, "scatterElements");
    const { axes, dims, runs } = elementRuns(indices.shape, out.strides, axis);
    copyValue(e, out, x);
    e.call("scatter_elements_f32", 1, [
      ...([out.base, indices.base, updates.base, e.table(dims)] as const),
      ...([axes, x.shape[axis], out.strides[axis], runs, codeOf(params.op, x.dtype)] as const),
    ]);
  },
};

export interface OneHotParams {
  depth: number;
  /** Where the new axis stands in the output; negative from the back. */
  axis: number;
  on: number;
  off: number;
  dtype: DType;
  /** Whether −depth to −1 count from the end; otherwise they are outside. */
  wrap: boolean;
}

/** A new axis that is `on` at the index and `off` elsewhere; everywhere where the index is outside. */
export const oneHot: Op<OneHotParams> = {
  name: "oneHot",
  infer(inputs, { depth, axis, on, off, dtype, wrap }, where) {
    arity(inputs, 1, 1, where);
    const [indices] = inputs;
    requireIntegers(indices, "input", where);
    integer(depth, "depth", where, 1);
    oneOf(dtype, ["float32", "int32"], "dtype", where);
    checkWord(on, dtype, "on", where);
    checkWord(off, dtype, "off", where);
    aFlag(wrap, "wrap", where);
    const shape = [...indices.shape];
    shape.splice(axisOf(axis, shape.length + 1, where), 0, depth);
    checkShape(shape, "output", where);
    return [{ shape, dtype }];
  },
  forward(e, [indices], [out], { depth, axis, on, off, dtype, wrap }) {
    const inner = sizeOf(indices.shape.slice(axisOf(axis, out.shape.length, "oneHot")));
    fillWith(e, out, off);
    e.call("one_hot_f32", sizeOf(indices.shape), [
      ...([out.base, indices.base, e.table([wordOf(on, dtype)]), depth, inner, Number(wrap)] as const),
    ]);
  },
};
