// Layers that fold axes away.
import { argMax as argMaxOp, type ReduceKind, reduce as reduceOp } from "../ops/reduce.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

export interface ReduceConfig extends Named {
  kind: ReduceKind;
  /** Axes of the tensor, batch counted; negative from the back. */
  axes: readonly number[];
  /** Keep the axes, with size 1. Default false. */
  keepDims?: boolean;
}

/** Sum, mean, largest or smallest value over some axes. */
export const reduce = defineLayer<ReduceConfig>("reduce", {
  options: { kind: true, axes: true, keepDims: true },
  build: (g, c, [x]) =>
    g.op(reduceOp, [x], { kind: c.kind, axes: [...c.axes], keepDims: c.keepDims ?? false }),
});

export interface ArgMaxConfig extends Named {
  /** Axis of the tensor, batch counted. Default −1. */
  axis?: number;
  keepDims?: boolean;
}

/** Where the largest value lies along an axis, as int32. */
export const argMax = defineSimpleLayer<ArgMaxConfig>("argMax", {
  options: { axis: true, keepDims: true },
  build: (g, c, [x]) => g.op(argMaxOp, [x], { axis: c.axis ?? -1, keepDims: c.keepDims ?? false }),
});
