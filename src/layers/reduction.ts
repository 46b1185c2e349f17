// Layers of models read from files that reduce an axis or run along it. No axis is special to them, and inputs may be int32.
import type { Edge, Graph } from "../graph/graph.ts";
import { isEmpty } from "../graph/op.ts";
import { activation } from "../ops/activation.ts";
import { binary } from "../ops/elementwise.ts";
import {
  argExtreme as argExtremeOp,
  cumulate as cumulateOp,
  type FoldParams,
  fold,
  hardmax as hardmaxOp,
} from "../ops/fold.ts";
import { cast, clip, map } from "../ops/math.ts";
import { type ReduceKind, reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/shape.ts";
import { aFlag, aList, aWord, needed } from "../validate.ts";
import { anAxis } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export type ReductionKind =
  | ReduceKind
  | "prod"
  | "l1"
  | "l2"
  | "sumSquare"
  | "logSum"
  | "logSumExp"
  | "any"
  | "all";

export interface ReductionConfig extends Named {
  op: ReductionKind;
  /** Negative ones count from the back. Default all. */
  axes?: readonly number[];
  /** Keep the axes, with size 1. Default false. */
  keepDims?: boolean;
}

type Axes = Pick<FoldParams, "axes" | "keepDims">;

/** The largest float: what -Infinity and Infinity are limited to where a difference is taken. */
const LARGEST = 3.4028234663852886e38;

const log = (g: Graph, x: Edge): Edge => g.op(map, [x], { op: "log" });
const square = (g: Graph, x: Edge): Edge => g.op(binary, [x, x], { kind: "mul" });
const sum = (g: Graph, x: Edge, over: Axes): Edge => g.op(reduce, [x], { kind: "sum", ...over });

/** m + ln Σ e^(x - m), where m is the largest value. */
function logSumExp(g: Graph, x: Edge, { axes, keepDims }: Axes): Edge {
  // There is no largest value: the logarithm of 0.
  if (isEmpty(x)) return log(g, sum(g, x, { axes, keepDims }));
  const largest = g.op(reduce, [x], { kind: "max", axes, keepDims: true });
  // If all are -Infinity, so is the logarithm: of Σ e^-Infinity.
  const m = g.op(clip, [largest], { min: -LARGEST, max: LARGEST });
  const e = g.op(activation, [g.op(binary, [x, m], { kind: "sub" })], { kind: "exp" });
  const y = g.op(binary, [log(g, sum(g, e, { axes, keepDims: true })), m], { kind: "add" });
  if (keepDims) return y;
  const { shape } = fold.infer([{ shape: x.shape, dtype: "int32" }], { op: "sum", axes, keepDims }, "")[0];
  return g.op(reshape, [y], { shape });
}

function floats(g: Graph, op: ReductionKind, x: Edge, over: Axes): Edge {
  switch (op) {
    case "prod":
      return g.op(fold, [x], { op, ...over });
    case "l1":
      return sum(g, g.op(activation, [x], { kind: "abs" }), over);
    case "l2":
      return g.op(activation, [sum(g, square(g, x), over)], { kind: "sqrt" });
    case "sumSquare":
      return sum(g, square(g, x), over);
    case "logSum":
      return log(g, sum(g, x, over));
    case "logSumExp":
      return logSumExp(g, x, over);
    case "any":
    case "all":
      return truth(g, op, x, over);
    default:
      return g.op(reduce, [x], { kind: op, ...over });
  }
}

function integers(g: Graph, op: ReductionKind, x: Edge, over: Axes): Edge {
  switch (op) {
    case "any":
    case "all":
      return truth(g, op, x, over);
    case "l1":
      return g.op(fold, [g.op(map, [x], { op: "abs" })], { op: "sum", ...over });
    case "sumSquare":
      return g.op(fold, [g.op(map, [x], { op: "square" })], { op: "sum", ...over });
    case "l2":
    case "logSum":
    case "logSumExp": {
      const y = floats(g, op, g.op(cast, [x], { dtype: "float32" }), over);
      return g.op(cast, [y], { dtype: "int32" });
    }
    default:
      return g.op(fold, [x], { op, ...over });
  }
}

/** Whether any value, or each, is not 0; as int32. */
function truth(g: Graph, op: "any" | "all", x: Edge, over: Axes): Edge {
  const ones = g.op(cast, [x], { dtype: "int32", bool: true });
  // Of nothing there is no maximum, but a sum and a product.
  const [any, all] = isEmpty(x) ? (["sum", "prod"] as const) : (["max", "min"] as const);
  return g.op(fold, [ones], { op: op === "any" ? any : all, ...over });
}

/**
 * Some axes as one value: sum, mean, max, min, prod; l1 (Σ |x|), l2 (√Σ x²), sumSquare, logSum, logSumExp; any and all (1 or 0 as
 * int32). The sum of int32 wraps round at 32 bits; means and roots are cut towards 0.
 */
export const reduction = defineLayer<ReductionConfig>("reduction", {
  options: {
    op: needed(
      aWord(
        "sum",
        "mean",
        "max",
        "min",
        "prod",
        "l1",
        "l2",
        "sumSquare",
        "logSum",
        "logSumExp",
        "any",
        "all",
      ),
      '"sum"',
    ),
    axes: aList(anAxis),
    keepDims: aFlag,
  },
  build(g, { op, axes, keepDims = false }, [x]) {
    const over = { axes: axes ?? x.shape.map((_, i) => i), keepDims };
    return (x.dtype === "float32" ? floats : integers)(g, op, x, over);
  },
});

export interface ArgExtremeConfig extends Named {
  op: "min" | "max";
  /** Negative from the back. Default −1. */
  axis?: number;
  /** Keep the axis, with size 1. Default false. */
  keepDims?: boolean;
  /** The last of equal values rather than the first. Default false. */
  last?: boolean;
}

/** The index of the largest or smallest value along an axis, as int32; a NaN comes before any number. */
export const argExtreme = defineLayer<ArgExtremeConfig>("argExtreme", {
  options: { op: needed(aWord("min", "max"), '"max"'), axis: anAxis, keepDims: aFlag, last: aFlag },
  build: (g, { op, axis = -1, keepDims = false, last = false }, [x]) =>
    g.op(argExtremeOp, [x], { op, axis, keepDims, last }),
});

export interface HardmaxConfig extends Named {
  /** Negative from the back. Default −1. */
  axis?: number;
}

/** 1 at the first maximum along an axis, 0 elsewhere. */
export const hardmax = defineSimpleLayer<HardmaxConfig>("hardmax", {
  options: { axis: anAxis },
  build: (g, { axis = -1 }, [x]) => g.op(hardmaxOp, [x], { axis }),
});

export interface CumulateConfig extends Named {
  op: "sum" | "prod";
  axis: number;
  /** A value is left out of its own result. Default false. */
  exclusive?: boolean;
  /** From the last value to the first. Default false. */
  reverse?: boolean;
}

/** The sum or product of each value and those before it along an axis. */
export const cumulate = defineLayer<CumulateConfig>("cumulate", {
  options: {
    op: needed(aWord("sum", "prod"), '"sum"'),
    axis: needed(anAxis, "1"),
    exclusive: aFlag,
    reverse: aFlag,
  },
  build: (g, { op, axis, exclusive = false, reverse = false }, [x]) =>
    g.op(cumulateOp, [x], { op, axis, exclusive, reverse }),
});
