// Layers that reduce axes to one value.
import { argMax as argMaxOp, type ReduceKind, reduce as reduceOp } from "../ops/reduce.ts";
import { aFlag, aList, aWord, needed } from "../validate.ts";
import { anAxis } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export type { ReduceKind };

export interface ReduceConfig extends Named {
  kind: ReduceKind;
  /** Axes of the tensor, batch counted; negative from the back. The eager op has a default: all. */
  axes: readonly number[];
  /** Keep the axes, with size 1. Default false. */
  keepDims?: boolean;
}

/** Sum, mean, largest or smallest value over some axes. */
export const reduce = defineLayer<ReduceConfig>("reduce", {
  options: {
    kind: needed(aWord("sum", "mean", "max", "min"), '"mean"'),
    axes: needed(aList(anAxis), "[1, 2]"),
    keepDims: aFlag,
  },
  eagerDefaults: ["axes"],
  build: (g, { kind, axes, keepDims = false }, [x]) =>
    g.op(reduceOp, [x], { kind, axes: axes ?? x.shape.map((_, i) => i), keepDims }),
});

export interface ArgMaxConfig extends Named {
  /** Axis of the tensor, batch counted; negative from the back. Default −1. */
  axis?: number;
  /** Keep the axis, with size 1. Default false. */
  keepDims?: boolean;
}

/** The index of the largest value along an axis, as int32; the first of equals. */
export const argMax = defineSimpleLayer<ArgMaxConfig>("argMax", {
  options: { axis: anAxis, keepDims: aFlag },
  build: (g, { axis = -1, keepDims = false }, [x]) => g.op(argMaxOp, [x], { axis, keepDims }),
});
