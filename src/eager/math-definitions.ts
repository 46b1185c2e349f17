// Eager ops that compute value by value or reduce, beyond those that are layers: what they are called, and what they are made of.
import type { Edge, Graph } from "../graph/graph.ts";
import { sizeOf } from "../graph/op.ts";
import { anAxis, aValue } from "../layers/checks.ts";
import type { LayerDefinition, LayerKind } from "../layers/layer.ts";
import { arithmetic, cast, compare, unary, where } from "../layers/math.ts";
import { type ReductionKind, reduction } from "../layers/reduction.ts";
import { activation } from "../ops/activation.ts";
import { compare as compareOp, type PairKind, pair } from "../ops/arithmetic.ts";
import { requireFloats } from "../ops/check.ts";
import { affine, binary } from "../ops/elementwise.ts";
import { argExtreme, cumulate } from "../ops/fold.ts";
import { cast as castOp, clip, MAP_KINDS, map } from "../ops/math.ts";
import { matmul } from "../ops/matmul.ts";
import { argMax } from "../ops/reduce.ts";
import { stopGradient } from "../ops/shape.ts";
import { aFlag, aList, aNumber, aWord, needed } from "../validate.ts";
import type { ArgMaxOptions } from "./elementwise.ts";
import type { CastOptions, ClipOptions, MatMulOptions } from "./math.ts";
import type { CumsumOptions, ReductionOptions, VarianceOptions } from "./reduction.ts";

const define = <C>(kind: string, definition: LayerDefinition<C>): LayerKind => ({ kind, definition });

/** Functions of each value by their names, which are those of `unary`. */
const UNARY = [
  ...["abs", "neg", "square", "sign"],
  ...["exp2", "expm1", "log", "log2", "log1p", "rsqrt", "reciprocal", "erf"],
  ...["floor", "ceil", "round", "trunc", "isNaN", "isInf", "isFinite"],
  ...["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"],
];

const ARITHMETIC = ["pow", "mod", "floorDiv", "squaredDifference", "atan2"];

const COMPARISONS = {
  equal: "equal",
  notEqual: "notEqual",
  greater: "greater",
  greaterEqual: "greaterOrEqual",
  less: "less",
  lessEqual: "lessOrEqual",
};

const LOGIC: Readonly<Record<string, PairKind>> = { logicalAnd: "and", logicalOr: "or", logicalXor: "xor" };

/** Reductions, and whether they are those of floats alone. */
const REDUCTIONS: readonly (readonly [name: string, op: ReductionKind, floats?: true])[] = [
  ["sum", "sum"],
  ["mean", "mean", true],
  ["prod", "prod"],
  ["amax", "max"],
  ["amin", "min"],
  ["logSumExp", "logSumExp", true],
  ["norm", "l2", true],
  ["any", "any"],
  ["all", "all"],
];

/** Ops that take numbers in place of tensors, in front of their options. */
export const TAKES_NUMBERS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...["add", "sub", "mul", "div", "min", "max", "where"],
  ...[...ARITHMETIC, ...Object.keys(COMPARISONS), ...Object.keys(LOGIC)],
]);

/** 1 where x is not 0, 0 elsewhere. */
const truth = (g: Graph, x: Edge): Edge => g.op(castOp, [x], { dtype: "int32", bool: true });

/**
 * The 2-norm from the sum of squares. sqrt has no derivative at 0: there the sum is taken as 1, so that what follows it, which is 0,
 * makes the gradient 0.
 */
function rootOf(g: Graph, sum: Edge): Edge {
  const zero = g.constant(new Float32Array(1), []);
  const isZero = g.op(castOp, [g.op(compareOp, [sum, zero], { op: "equal" })], { dtype: "float32" });
  const root = g.op(activation, [g.op(binary, [sum, isZero], { kind: "add" })], { kind: "sqrt" });
  return g.op(binary, [root, isZero], { kind: "sub" });
}

/** A kind with its option `op` fixed, which takes no other. */
const withOp = ({ definition }: LayerKind, kind: string, op: string): LayerKind =>
  define<object>(kind, {
    ...{ inputs: definition.inputs ?? [1, 1], options: {} },
    build(g, _, inputs, weights, where) {
      const [x] = inputs;
      const floats = definition === unary.definition && !MAP_KINDS.int32.includes(op);
      if (floats || op === "atan2") requireFloats(x, where);
      return definition.build(g, { op }, inputs, weights, where);
    },
  });

const OVER_AXES = { axes: aList(anAxis), keepDims: aFlag };

const reductionOf = ([kind, op, floats]: (typeof REDUCTIONS)[number]): LayerKind =>
  define<ReductionOptions>(kind, {
    options: OVER_AXES,
    build(g, options, [x], weights, where) {
      if (floats) requireFloats(x, where);
      const sumOfSquares = op === "l2";
      const config = { ...options, op: sumOfSquares ? "sumSquare" : op } as const;
      const y = reduction.definition.build(g, config, [x], weights, where) as Edge;
      return sumOfSquares ? rootOf(g, y) : y;
    },
  });

const spreadOf = (kind: "variance" | "std"): LayerKind =>
  define<VarianceOptions>(kind, {
    options: { ...OVER_AXES, correction: aNumber },
    build(g, { correction = 1, ...over }, [x], weights, where) {
      requireFloats(x, where);
      const reduced = (op: ReductionKind, from: Edge, keepDims = over.keepDims): Edge =>
        reduction.definition.build(g, { ...over, keepDims, op }, [from], weights, where) as Edge;
      const apart = g.op(binary, [x, reduced("mean", x, true)], { kind: "sub" });
      const sum = reduced("sumSquare", apart);
      const count = sizeOf(x.shape) / sizeOf(sum.shape);
      const variance = g.op(affine, [sum], { scale: 1 / Math.max(count - correction, 0), offset: 0 });
      return kind === "std" ? rootOf(g, variance) : variance;
    },
  });

const argExtremeOf = (kind: string, op: "min" | "max"): LayerKind =>
  define<ArgMaxOptions>(kind, {
    options: { axis: anAxis, keepDims: aFlag },
    build: (g, { axis = -1, keepDims = false }, [x]) =>
      op === "max" && x.dtype === "float32"
        ? g.op(argMax, [x], { axis, keepDims })
        : g.op(argExtreme, [x], { op, axis, keepDims, last: false }),
  });

/** The definitions, by the names of their methods. */
export const mathDefinitions = (): LayerKind[] => [
  ...UNARY.map((name) => withOp(unary, name, name)),
  ...ARITHMETIC.map((name) => withOp(arithmetic, name, name)),
  ...Object.entries(COMPARISONS).map(([name, op]) => withOp(compare, name, op)),
  ...Object.entries(LOGIC).map(([name, op]) =>
    define<object>(name, {
      ...{ inputs: [2, 2], options: {} },
      build: (g, _, inputs) =>
        g.op(
          pair,
          inputs.map((x) => truth(g, x)),
          { op },
        ),
    }),
  ),
  define<object>("logicalNot", {
    options: {},
    build: (g, _, [x]) => g.op(map, [x.dtype === "int32" ? x : truth(g, x)], { op: "not" }),
  }),
  where,
  ...(["variance", "std"] as const).map(spreadOf),
  define<CastOptions>("cast", {
    options: { dtype: needed(aWord("float32", "int32"), '"int32"') },
    build: cast.definition.build,
  }),
  define<ClipOptions>("clip", {
    options: { min: aValue, max: aValue },
    build: (g, params, [x]) => g.op(clip, [x], params),
  }),
  define<object>("stopGradient", {
    ...{ options: {}, isView: true },
    build: (g, _, [x]) => g.op(stopGradient, [x], {}),
  }),
  define<MatMulOptions>("matmul", {
    ...{ inputs: [2, 2], options: { transposeA: aFlag, transposeB: aFlag } },
    build: (g, { transposeA = false, transposeB = false }, inputs) =>
      g.op(matmul, inputs, { transposeA, transposeB }),
  }),
  ...REDUCTIONS.map(reductionOf),
  argExtremeOf("argMax", "max"),
  argExtremeOf("argMin", "min"),
  define<CumsumOptions>("cumsum", {
    options: { axis: needed(anAxis, "1"), exclusive: aFlag, reverse: aFlag },
    build: (g, { axis, exclusive = false, reverse = false }, [x]) =>
      g.op(cumulate, [x], { op: "sum", axis, exclusive, reverse }),
  }),
];
