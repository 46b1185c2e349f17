// Functions of two tensors with NumPy's broadcasting that elementwise.ts does not have: of floats, of integers, comparisons; and the
// choice between two tensors.

import { ArgumentError } from "../errors.ts";
import type { DType, Op, TensorType } from "../graph/op.ts";
import {
  WORDS_ATAN2,
  WORDS_EQUAL,
  WORDS_FLOOR_DIV,
  WORDS_FMOD,
  WORDS_INT_ADD,
  WORDS_INT_AND,
  WORDS_INT_DIV,
  WORDS_INT_EQUAL,
  WORDS_INT_FLOOR_DIV,
  WORDS_INT_FMOD,
  WORDS_INT_LEFT,
  WORDS_INT_LESS,
  WORDS_INT_LESS_OR_EQUAL,
  WORDS_INT_MAX,
  WORDS_INT_MIN,
  WORDS_INT_MOD,
  WORDS_INT_MUL,
  WORDS_INT_NOT_EQUAL,
  WORDS_INT_OR,
  WORDS_INT_POW,
  WORDS_INT_RIGHT,
  WORDS_INT_SUB,
  WORDS_INT_XOR,
  WORDS_LESS,
  WORDS_LESS_OR_EQUAL,
  WORDS_MOD,
  WORDS_NOT_EQUAL,
  WORDS_POW,
  WORDS_SQUARED_DIFFERENCE,
  WORDS_WHERE,
} from "../runtime/wasm.ts";
import { oneOf } from "../validate.ts";
import { arity, checkShape } from "./check.ts";
import { broadcastShape } from "./elementwise.ts";
import { emitWords } from "./words.ts";

const FLOAT_KINDS = {
  pow: WORDS_POW,
  mod: WORDS_MOD,
  fmod: WORDS_FMOD,
  floorDiv: WORDS_FLOOR_DIV,
  squaredDifference: WORDS_SQUARED_DIFFERENCE,
  atan2: WORDS_ATAN2,
} as const;

const INT_KINDS = {
  add: WORDS_INT_ADD,
  sub: WORDS_INT_SUB,
  mul: WORDS_INT_MUL,
  div: WORDS_INT_DIV,
  min: WORDS_INT_MIN,
  max: WORDS_INT_MAX,
  pow: WORDS_INT_POW,
  mod: WORDS_INT_MOD,
  fmod: WORDS_INT_FMOD,
  floorDiv: WORDS_INT_FLOOR_DIV,
  and: WORDS_INT_AND,
  or: WORDS_INT_OR,
  xor: WORDS_INT_XOR,
  shiftLeft: WORDS_INT_LEFT,
  shiftRight: WORDS_INT_RIGHT,
} as const;

const KINDS: Readonly<Record<DType, Readonly<Record<string, number>>>> = {
  float32: FLOAT_KINDS,
  int32: INT_KINDS,
};

export type PairKind = keyof typeof FLOAT_KINDS | keyof typeof INT_KINDS;

export interface PairParams {
  op: PairKind;
}

/** Throws unless both have one type. */
function sameType(a: TensorType, b: TensorType, where: string): void {
  if (a.dtype !== b.dtype)
    throw new ArgumentError(
      `${where}: inputs are ${a.dtype} and ${b.dtype} but must have one type: cast one`,
    );
}

/** a ∘ b, for what `binary` cannot do. Integers wrap round at 32 bits, and what is divided by 0 gives 0. */
export const pair: Op<PairParams> = {
  name: "pair",
  infer(inputs, { op }, where) {
    arity(inputs, 2, 2, where);
    const [a, b] = inputs;
    sameType(a, b, where);
    oneOf(op, Object.keys(KINDS[a.dtype]), `op for ${a.dtype}`, where);
    const shape = broadcastShape(a.shape, b.shape, where);
    checkShape(shape, "output", where);
    return [{ shape, dtype: a.dtype }];
  },
  forward(e, [a, b], [out], { op }) {
    emitWords(e, KINDS[a.dtype][op], out, [a, b]);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};

/** The kernel's kinds for floats and integers, and whether the operands change places. */
const COMPARISONS = {
  equal: [WORDS_EQUAL, WORDS_INT_EQUAL, false],
  notEqual: [WORDS_NOT_EQUAL, WORDS_INT_NOT_EQUAL, false],
  less: [WORDS_LESS, WORDS_INT_LESS, false],
  lessOrEqual: [WORDS_LESS_OR_EQUAL, WORDS_INT_LESS_OR_EQUAL, false],
  greater: [WORDS_LESS, WORDS_INT_LESS, true],
  greaterOrEqual: [WORDS_LESS_OR_EQUAL, WORDS_INT_LESS_OR_EQUAL, true],
} as const;

export type ComparisonKind = keyof typeof COMPARISONS;

export const COMPARISON_KINDS = Object.keys(COMPARISONS) as readonly ComparisonKind[];

export interface CompareParams {
  op: ComparisonKind;
}

/** 1 where a and b compare so, 0 elsewhere and where either is NaN (1 for notEqual); as int32. */
export const compare: Op<CompareParams> = {
  name: "compare",
  infer(inputs, { op }, where) {
    arity(inputs, 2, 2, where);
    const [a, b] = inputs;
    sameType(a, b, where);
    oneOf(op, COMPARISON_KINDS, "op", where);
    const shape = broadcastShape(a.shape, b.shape, where);
    checkShape(shape, "output", where);
    return [{ shape, dtype: "int32" }];
  },
  forward(e, [a, b], [out], { op }) {
    const [floats, integers, swapped] = COMPARISONS[op];
    emitWords(e, a.dtype === "float32" ? floats : integers, out, swapped ? [b, a] : [a, b]);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};

/** a where the condition (int32) is not 0, b elsewhere; all three broadcast. */
export const where: Op<object> = {
  name: "where",
  infer(inputs, _params, layer) {
    arity(inputs, 3, 3, layer);
    const [condition, a, b] = inputs;
    if (condition.dtype !== "int32")
      throw new ArgumentError(`${layer}: the condition is ${condition.dtype} but must be int32: 0 or not`);
    sameType(a, b, layer);
    const shape = broadcastShape(condition.shape, broadcastShape(a.shape, b.shape, layer), layer);
    checkShape(shape, "output", layer);
    return [{ shape, dtype: a.dtype }];
  },
  forward(e, [condition, a, b], [out]) {
    emitWords(e, WORDS_WHERE, out, [condition, a, b]);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};
