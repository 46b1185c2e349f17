// Reductions that reduce.ts does not have: products, integers, the place of an extreme, and running sums and products.

import type { Emitter, Op, Value } from "../graph/op.ts";
import { sizeOf } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import {
  EXTREME_INT,
  EXTREME_LAST,
  EXTREME_MIN,
  FOLD_BEFORE,
  FOLD_BLOCK,
  FOLD_EACH,
  FOLD_INT_MAX,
  FOLD_INT_MIN,
  FOLD_INT_PROD,
  FOLD_INT_SUM,
  FOLD_LAST,
  FOLD_PROD,
  FOLD_SUM,
  WORDS_INT_DIV,
  WORDS_INT_EQUAL,
  WORDS_TO_FLOAT,
} from "../runtime/wasm.ts";
import { aFlag, oneOf } from "../validate.ts";
import { arity, axisOf, requireFloats } from "./check.ts";
import { alongAxis, argMax, axesOf, eachGroup, type Reduction, reducedShape } from "./reduce.ts";
import { emitWords, integerOperand, viewAs } from "./words.ts";

/** Units of work of fold.ts. */
const unitsOf = ({ outer, inner }: Reduction): number => outer * Math.ceil(inner / FOLD_BLOCK);

function emitFold(
  e: Emitter,
  out: Address,
  x: Address,
  reduction: Reduction,
  kind: number,
  mode: number,
  reverse: boolean,
): void {
  const { reduce, inner } = reduction;
  e.call("fold_words", unitsOf(reduction), [out, x, reduce, inner, kind, mode, Number(reverse)]);
}

const FOLDS: { readonly [dtype: string]: Readonly<Record<string, number>> } = {
  float32: { prod: FOLD_PROD },
  int32: {
    sum: FOLD_INT_SUM,
    mean: FOLD_INT_SUM,
    max: FOLD_INT_MAX,
    min: FOLD_INT_MIN,
    prod: FOLD_INT_PROD,
  },
};

export interface FoldParams {
  op: "sum" | "mean" | "max" | "min" | "prod";
  /** Axes to reduce; negative ones count from the back. */
  axes: readonly number[];
  /** Whether reduced axes stay, with size 1. */
  keepDims: boolean;
}

/** Reduces any set of axes of integers; or the product of floats. Sums wrap round at 32 bits, the mean is cut towards 0. */
export const fold: Op<FoldParams> = {
  name: "fold",
  infer(inputs, { op, axes, keepDims }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    oneOf(op, Object.keys(FOLDS[dtype]), `op for ${dtype}`, where);
    aFlag(keepDims, "keepDims", where);
    return [{ shape: reducedShape(shape, axesOf(axes, shape.length, where), keepDims), dtype }];
  },
  forward(e, [x], [out], { op, axes }) {
    const kind = FOLDS[x.dtype][op];
    eachGroup(e, out, x, axes, (to, from, reduction) =>
      emitFold(e, to, from, reduction, kind, FOLD_LAST, false),
    );
    const count = sizeOf(x.shape) / sizeOf(out.shape);
    if (op === "mean") emitWords(e, WORDS_INT_DIV, out, [out, integerOperand(e, count)]);
  },
};

export interface CumulateParams {
  op: "sum" | "prod";
  axis: number;
  /** Whether a value is left out of its own result. */
  exclusive: boolean;
  /** Whether it runs from the last value to the first. */
  reverse: boolean;
}

/** The sum or product of a value and those before it along an axis. */
export const cumulate: Op<CumulateParams> = {
  name: "cumulate",
  infer(inputs, { op, axis, exclusive, reverse }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    oneOf(op, ["sum", "prod"], "op", where);
    axisOf(axis, shape.length, where);
    aFlag(exclusive, "exclusive", where);
    aFlag(reverse, "reverse", where);
    return [{ shape, dtype }];
  },
  forward(e, [x], [out], { op, axis, exclusive, reverse }) {
    const reduction = alongAxis(x.shape, axisOf(axis, x.shape.length, "cumulate"));
    const [sum, product] = x.dtype === "float32" ? [FOLD_SUM, FOLD_PROD] : [FOLD_INT_SUM, FOLD_INT_PROD];
    const mode = exclusive ? FOLD_BEFORE : FOLD_EACH;
    emitFold(e, out.base, x.base, reduction, op === "sum" ? sum : product, mode, reverse);
  },
};

export interface ExtremeParams {
  op: "min" | "max";
  axis: number;
  keepDims: boolean;
  /** Whether the last of equal values is taken rather than the first. */
  last: boolean;
}

/** The index of the largest or smallest value along an axis, as int32; a NaN comes before any number. */
export const argExtreme: Op<ExtremeParams> = {
  name: "argExtreme",
  infer(inputs, { op, axis, keepDims, last }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape }] = inputs;
    oneOf(op, ["min", "max"], "op", where);
    aFlag(keepDims, "keepDims", where);
    aFlag(last, "last", where);
    const reduced = new Set([axisOf(axis, shape.length, where)]);
    return [{ shape: reducedShape(shape, reduced, keepDims), dtype: "int32" }];
  },
  forward(e, [x], [out], { op, axis, keepDims, last }) {
    // What nets end with has a faster kernel.
    if (x.dtype === "float32" && op === "max" && !last) {
      argMax.forward(e, [x], [out], { axis, keepDims });
      return;
    }
    const reduction = alongAxis(x.shape, axisOf(axis, x.shape.length, "argExtreme"));
    const kind =
      (x.dtype === "int32" ? EXTREME_INT : 0) | (op === "min" ? EXTREME_MIN : 0) | (last ? EXTREME_LAST : 0);
    const { reduce, inner } = reduction;
    e.call("extreme_words", unitsOf(reduction), [out.base, x.base, reduce, inner, kind]);
  },
};

export interface HardmaxParams {
  axis: number;
}

/** 1 at the first maximum along an axis, 0 elsewhere. */
export const hardmax: Op<HardmaxParams> = {
  name: "hardmax",
  infer(inputs, { axis }, where) {
    arity(inputs, 1, 1, where);
    requireFloats(inputs[0], where);
    axisOf(axis, inputs[0].shape.length, where);
    return [{ shape: inputs[0].shape, dtype: "float32" }];
  },
  forward(e, [x], [out], params) {
    const { shape } = x;
    const axis = axisOf(params.axis, shape.length, "hardmax");
    const kept = shape.map((size, i) => (i === axis ? 1 : size));
    const index = viewAs("int32", kept, e.scratch(sizeOf(kept) * 4));
    argMax.forward(e, [x], [index], { axis, keepDims: true });
    const along = shape.map((size, i) => (i === axis ? size : 1));
    const numbers = viewAs("int32", along, e.table(Array.from({ length: shape[axis] }, (_, i) => i)));
    const truth: Value = { ...out, dtype: "int32" };
    emitWords(e, WORDS_INT_EQUAL, truth, [numbers, index]);
    emitWords(e, WORDS_TO_FLOAT, out, [truth]);
  },
};
