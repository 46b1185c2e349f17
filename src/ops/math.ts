// Functions of one tensor, value by value, that only models read from files need; and conversions between float32 and int32.

import { ArgumentError } from "../errors.ts";
import type { DType, Emitter, Op, Value } from "../graph/op.ts";
import {
  ACTIVATION_CLAMP,
  ACTIVATION_ELU,
  ACTIVATION_HARD_SIGMOID,
  WORDS_ACOS,
  WORDS_ACOSH,
  WORDS_ASIN,
  WORDS_ASINH,
  WORDS_ATAN,
  WORDS_ATANH,
  WORDS_CBRT,
  WORDS_CEIL,
  WORDS_CELU,
  WORDS_COS,
  WORDS_COSH,
  WORDS_EQUAL,
  WORDS_ERF,
  WORDS_EXP2,
  WORDS_EXPM1,
  WORDS_FLOOR,
  WORDS_INT_ABS,
  WORDS_INT_EQUAL,
  WORDS_INT_MAX,
  WORDS_INT_MIN,
  WORDS_INT_MUL,
  WORDS_INT_NOT_EQUAL,
  WORDS_INT_SIGN,
  WORDS_INT_SUB,
  WORDS_INT_XOR,
  WORDS_IS_FINITE,
  WORDS_IS_INF,
  WORDS_LOG,
  WORDS_LOG1P,
  WORDS_LOG2,
  WORDS_NOT_EQUAL,
  WORDS_ROUND,
  WORDS_RSQRT,
  WORDS_SHRINK,
  WORDS_SIGN,
  WORDS_SIN,
  WORDS_SINH,
  WORDS_SWISH,
  WORDS_TAN,
  WORDS_THRESHOLD,
  WORDS_TO_FLOAT,
  WORDS_TO_INT,
  WORDS_TRUNC,
} from "../runtime/wasm.ts";
import { aFlag, describe, integer, oneOf, refuse } from "../validate.ts";
import { arity } from "./check.ts";
import { emitBroadcast } from "./elementwise.ts";
import { emitActivation } from "./rows.ts";
import { emitWords, floatOperand, integerOperand } from "./words.ts";

/** Functions of floats that a kernel has as they are. */
const FLOAT_KINDS = {
  log: WORDS_LOG,
  log2: WORDS_LOG2,
  log1p: WORDS_LOG1P,
  expm1: WORDS_EXPM1,
  exp2: WORDS_EXP2,
  floor: WORDS_FLOOR,
  ceil: WORDS_CEIL,
  round: WORDS_ROUND,
  trunc: WORDS_TRUNC,
  sign: WORDS_SIGN,
  rsqrt: WORDS_RSQRT,
  erf: WORDS_ERF,
  sin: WORDS_SIN,
  cos: WORDS_COS,
  tan: WORDS_TAN,
  asin: WORDS_ASIN,
  acos: WORDS_ACOS,
  atan: WORDS_ATAN,
  sinh: WORDS_SINH,
  cosh: WORDS_COSH,
  asinh: WORDS_ASINH,
  acosh: WORDS_ACOSH,
  atanh: WORDS_ATANH,
  cbrt: WORDS_CBRT,
  thresholdedRelu: WORDS_THRESHOLD,
  shrink: WORDS_SHRINK,
  celu: WORDS_CELU,
  isInf: WORDS_IS_INF,
  isFinite: WORDS_IS_FINITE,
} as const;

/** Where p is 1 by default; p and q are 0 elsewhere. */
const ONE_BY_DEFAULT = ["celu", "swish", "thresholdedRelu"];

const FLOAT_OPS = ["reciprocal", "hardSigmoid", "scaledElu", "swish"] as const;
const TRUTH_OPS = ["isNaN", "isInf", "isFinite"] as const;
const INT_OPS = ["not", "abs", "neg", "sign", "square", "bitNot", "relu"] as const;

export type MapKind =
  | keyof typeof FLOAT_KINDS
  | (typeof FLOAT_OPS)[number]
  | (typeof TRUTH_OPS)[number]
  | (typeof INT_OPS)[number];

/** The kinds of each type of input. */
export const MAP_KINDS: Readonly<Record<DType, readonly string[]>> = {
  float32: [...Object.keys(FLOAT_KINDS), ...FLOAT_OPS, "isNaN"],
  int32: INT_OPS,
};

export interface MapParams {
  op: MapKind;
  p?: number;
  q?: number;
}

/** Throws unless it is a number: infinities are, NaN is not. */
export function limit(value: unknown, name: string, where: string): void {
  if (typeof value !== "number" || Number.isNaN(value)) refuse(value, name, where, "a number");
}

function emitFloats(e: Emitter, out: Value, x: Value, { op, p, q = 0 }: MapParams): void {
  const first = p ?? (ONE_BY_DEFAULT.includes(op) ? 1 : 0);
  if (op === "reciprocal") emitBroadcast(e, "div_f32", out, floatOperand(e, 1), x);
  else if (op === "hardSigmoid") emitActivation(e, out, x, ACTIVATION_HARD_SIGMOID, first, q);
  else if (op === "scaledElu") emitActivation(e, out, x, ACTIVATION_ELU, first * q, q);
  else if (op === "swish") emitWords(e, WORDS_SWISH, out, [x], -first);
  else if (op === "isNaN") emitWords(e, WORDS_NOT_EQUAL, out, [x, x]);
  else if (op === "isInf" && first !== 0)
    emitWords(e, WORDS_EQUAL, out, [x, floatOperand(e, first * Infinity)]);
  else emitWords(e, FLOAT_KINDS[op as keyof typeof FLOAT_KINDS], out, [x], first, q);
}

/** The kernel's kind for a function of integers, and the operands round x. */
function integerWords(e: Emitter, x: Value, op: MapKind): [kind: number, operands: Value[]] {
  switch (op) {
    case "abs":
      return [WORDS_INT_ABS, [x]];
    case "sign":
      return [WORDS_INT_SIGN, [x]];
    case "square":
      return [WORDS_INT_MUL, [x, x]];
    case "neg":
      return [WORDS_INT_SUB, [integerOperand(e, 0), x]];
    case "bitNot":
      return [WORDS_INT_XOR, [x, integerOperand(e, -1)]];
    case "relu":
      return [WORDS_INT_MAX, [x, integerOperand(e, 0)]];
    default:
      return [WORDS_INT_EQUAL, [x, integerOperand(e, 0)]];
  }
}

/** A function of each value: of floats, of floats to 0 or 1 as int32, or of integers. */
export const map: Op<MapParams> = {
  name: "map",
  infer(inputs, { op, p = 0, q = 0 }, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    oneOf(op, MAP_KINDS[dtype], `op for ${dtype}`, where);
    limit(p, "p", where);
    limit(q, "q", where);
    if (op === "isInf") integer(p, "p", where, -1, 1);
    const truth = (TRUTH_OPS as readonly string[]).includes(op);
    return [{ shape, dtype: truth ? "int32" : dtype }];
  },
  forward(e, [x], [out], params) {
    if (x.dtype === "float32") {
      emitFloats(e, out, x, params);
      return;
    }
    const [kind, operands] = integerWords(e, x, params.op);
    emitWords(e, kind, out, operands);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};

export interface CastParams {
  dtype: DType;
  /** Whether the values become 0 and 1: what is not 0 is 1. */
  bool?: boolean;
}

/** The values as another type. Floats are cut towards 0, NaN becomes 0, and what is too large the nearest integer there is. */
export const cast: Op<CastParams> = {
  name: "cast",
  infer(inputs, { dtype, bool = false }, where) {
    arity(inputs, 1, 1, where);
    oneOf(dtype, ["float32", "int32"], "dtype", where);
    aFlag(bool, "bool", where);
    if (dtype === inputs[0].dtype && !bool)
      throw new ArgumentError(`${where}: dtype is ${describe(dtype)}, which the input has already`);
    return [{ shape: inputs[0].shape, dtype }];
  },
  forward(e, [x], [out], { dtype, bool }) {
    const floats = x.dtype === "float32";
    if (bool) {
      const [kind, zero] = floats ? [WORDS_NOT_EQUAL, floatOperand] : [WORDS_INT_NOT_EQUAL, integerOperand];
      emitWords(e, kind, out, [x, zero(e, 0)]);
    } else emitWords(e, floats ? WORDS_TO_INT : WORDS_TO_FLOAT, out, [x]);
    if (bool && dtype === "float32") emitWords(e, WORDS_TO_FLOAT, out, [out]);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};

export interface ClipParams {
  min?: number;
  max?: number;
}

/** min(max(x, min), max). NaN stays. */
export const clip: Op<ClipParams> = {
  name: "clip",
  infer(inputs, { min = -Infinity, max = Infinity }, where) {
    arity(inputs, 1, 1, where);
    limit(min, "min", where);
    limit(max, "max", where);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  forward(e, [x], [out], { min = -Infinity, max = Infinity }) {
    if (x.dtype === "float32") {
      emitActivation(e, out, x, ACTIVATION_CLAMP, min, max);
      return;
    }
    const whole = (v: number): number => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1);
    // The integers between the limits, where these are fractions.
    emitWords(e, WORDS_INT_MAX, out, [x, integerOperand(e, Math.ceil(whole(min)))]);
    emitWords(e, WORDS_INT_MIN, out, [out, integerOperand(e, Math.floor(whole(max)))]);
  },
  inPlace: true,
  strided: { inputs: "all", outputs: true },
};
