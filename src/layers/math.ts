// Layers of models read from files that compute value by value. No axis is special to them, and inputs may be int32.

import type { Edge, Graph } from "../graph/graph.ts";
import { ACTIVATION_KINDS, type ActivationKind } from "../ops/activation.ts";
import {
  COMPARISON_KINDS,
  type ComparisonKind,
  compare as compareOp,
  type PairKind,
  pair,
  where as whereOp,
} from "../ops/arithmetic.ts";
import { type BinaryKind, binary } from "../ops/elementwise.ts";
import { cast as castOp, clip as clipOp, MAP_KINDS, type MapKind, map } from "../ops/math.ts";
import type { DType } from "../tensor.ts";
import { aFlag, aNumber, type Check, needed, oneOf } from "../validate.ts";
import { applyActivation } from "./fused.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

/** One of some words. */
const aWordOf =
  <W extends string>(words: readonly string[]): Check<W> =>
  (value, name, where) =>
    oneOf(value, words, name, where);

export type UnaryKind = ActivationKind | MapKind | "square" | "identity";

export interface UnaryConfig extends Named {
  op: UnaryKind;
  /** Parameters, for those that have some: the alpha of an activation is p. */
  p?: number;
  q?: number;
}

const UNARY_KINDS = [
  ...new Set([...ACTIVATION_KINDS, ...MAP_KINDS.float32, ...MAP_KINDS.int32, "square", "identity"]),
];

/** The hard sigmoids that other layers can apply to their result, by slope and offset. */
const HARD_SIGMOIDS: readonly (readonly [kind: ActivationKind, p: number, q: number])[] = [
  ["hardSigmoid", 1 / 6, 0.5],
  ["hardSigmoidKeras", 0.2, 0.5],
];

/** Slopes come as float32 from files. */
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-7;

/** An activation that does what a function of floats does, which the layer before can apply; undefined where there is none. */
function activationOf({ op, p, q }: UnaryConfig): ActivationKind | undefined {
  if (op === "hardSigmoid" || op === "hardSigmoidKeras") {
    const [, slope, offset] = HARD_SIGMOIDS.find(([kind]) => kind === op)!;
    const found = HARD_SIGMOIDS.find(([, a, b]) => near(p ?? slope, a) && near(q ?? offset, b));
    return found?.[0];
  }
  if (op === "swish") return (p ?? 1) === 1 ? "silu" : undefined;
  return (ACTIVATION_KINDS as readonly string[]).includes(op) ? (op as ActivationKind) : undefined;
}

function floats(g: Graph, c: UnaryConfig, x: Edge): Edge {
  const { op, p, q } = c;
  if (op === "square") return g.op(binary, [x, x], { kind: "mul" });
  const kind = activationOf(c);
  if (kind === "leakyRelu" || kind === "elu") return applyActivation(g, x, { kind, alpha: p });
  if (kind) return applyActivation(g, x, kind);
  const name = op === "hardSigmoidKeras" ? "hardSigmoid" : (op as MapKind);
  return g.op(map, [x], { op: name, p, q });
}

/**
 * A function of each value. Floats: every activation, log, erf, floor, round (halves to even), sin and more; thresholdedRelu
 * (x above p, else 0), shrink (x + q below -p, x - q above p, else 0), hardSigmoid (p * x + q from 0 to 1), celu (alpha p), scaledElu
 * (elu with alpha p, times q), swish (x * sigmoid(p * x)). Floats to int32: isNaN, isFinite, and isInf (p = 1 or -1: of that sign
 * alone). int32: not (1 where x is 0), abs, neg, sign, square, relu, bitNot.
 */
export const unary = defineLayer<UnaryConfig>("unary", {
  options: { op: needed(aWordOf<UnaryKind>(UNARY_KINDS), '"log"'), p: aNumber, q: aNumber },
  build(g, c, [x]) {
    if (c.op === "identity" || c.op === "linear") return x;
    return x.dtype === "float32" ? floats(g, c, x) : g.op(map, [x], { op: c.op as MapKind });
  },
});

export type ArithmeticKind = BinaryKind | PairKind;

export interface ArithmeticConfig extends Named {
  op: ArithmeticKind;
}

const BINARY_KINDS: readonly string[] = ["add", "sub", "mul", "div", "min", "max"] satisfies BinaryKind[];
const ARITHMETIC_KINDS = [
  ...BINARY_KINDS,
  ...["pow", "mod", "fmod", "floorDiv", "squaredDifference", "atan2"],
  ...["and", "or", "xor", "shiftLeft", "shiftRight"],
];

/**
 * a ∘ b of one type, with NumPy broadcasting: add, sub, mul, div, min, max, pow, mod (with the sign of b), fmod (of a), floorDiv,
 * squaredDifference; floats: atan2; int32: and, or, xor, shiftLeft, shiftRight. Integers wrap round at 32 bits, div cuts towards 0,
 * and what is divided by 0 is 0.
 */
export const arithmetic = defineLayer<ArithmeticConfig>("arithmetic", {
  options: { op: needed(aWordOf<ArithmeticKind>(ARITHMETIC_KINDS), '"add"') },
  inputs: [2, 2],
  build(g, { op }, [a, b]) {
    if (a.dtype === "float32" && b.dtype === "float32" && BINARY_KINDS.includes(op))
      return g.op(binary, [a, b], { kind: op as BinaryKind });
    if (a.dtype === "int32" && op === "squaredDifference") {
      const difference = g.op(pair, [a, b], { op: "sub" });
      return g.op(pair, [difference, difference], { op: "mul" });
    }
    return g.op(pair, [a, b], { op: op as PairKind });
  },
});

export interface CompareConfig extends Named {
  op: ComparisonKind;
}

/** 1 where a and b compare so, 0 elsewhere, as int32, with NumPy broadcasting. */
export const compare = defineLayer<CompareConfig>("compare", {
  options: { op: needed(aWordOf<ComparisonKind>(COMPARISON_KINDS), '"less"') },
  inputs: [2, 2],
  build: (g, { op }, [a, b]) => g.op(compareOp, [a, b], { op }),
});

/** a where the condition (int32) is not 0, b elsewhere: inputs condition, a and b, with NumPy broadcasting. */
export const where = defineSimpleLayer<Named>("where", {
  options: {},
  inputs: [3, 3],
  build: (g, _, inputs) => g.op(whereOp, inputs, {}),
});

export interface CastConfig extends Named {
  dtype: DType;
  /** Whether the values become 0 and 1: what is not 0 is 1. Default false. */
  bool?: boolean;
}

/** The values as another type. Floats are cut towards 0; NaN becomes 0, and what is too large the nearest integer there is. */
export const cast = defineLayer<CastConfig>("cast", {
  options: { dtype: needed(aWordOf<DType>(["float32", "int32"]), '"int32"'), bool: aFlag },
  build: (g, { dtype, bool = false }, [x]) =>
    x.dtype === dtype && !bool ? x : g.op(castOp, [x], { dtype, bool }),
});

export interface ClipConfig extends Named {
  /** Default none. */
  min?: number;
  /** Default none. */
  max?: number;
}

/** min(max(x, min), max) */
export const clip = defineSimpleLayer<ClipConfig>("clip", {
  options: { min: aNumber, max: aNumber },
  build(g, { min, max }, [x]) {
    if (min === undefined && max === undefined) return x;
    // What the layer before can apply to its result.
    const floats = x.dtype === "float32";
    if (floats && min === 0 && max === undefined) return applyActivation(g, x, "relu");
    if (floats && min === 0 && max === 6) return applyActivation(g, x, "relu6");
    return g.op(clipOp, [x], { min, max });
  },
});
