// Gradients of products over axes, and of running sums and products.
import type { Edge, Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { padAxes, stridedSlice } from "../../ops/boxes.ts";
import { axisOf } from "../../ops/check.ts";
import { type CumulateParams, cumulate, fold } from "../../ops/fold.ts";
import { axesOf } from "../../ops/reduce.ts";
import { transpose } from "../../ops/shape.ts";
import { algebraOf, keptShape } from "./algebra.ts";
import { reshapeTo, zeros } from "./broadcast.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** For each value the product of all others over some axes: of those before it, times those behind it. Right also for zeros. */
function productOfOthers(g: Graph, x: Edge, axes: readonly number[]): Edge {
  const reduced = axesOf(axes, x.shape.length, "fold");
  const all = x.shape.map((_, i) => i);
  const perm = [...all.filter((i) => !reduced.has(i)), ...all.filter((i) => reduced.has(i))];
  const moved = g.op(transpose, [x], { perm });
  const length = sizeOf([...reduced].map((i) => x.shape[i]));
  const rows = reshapeTo(g, moved, [sizeOf(x.shape) / length, length]);
  const run = (reverse: boolean): Edge =>
    g.op(cumulate, [rows], { op: "prod", axis: 1, exclusive: true, reverse });
  const others = reshapeTo(g, algebraOf(g).mul(run(false), run(true)), moved.shape);
  return g.op(transpose, [others], { perm: all.map((i) => perm.indexOf(i)) });
}

/** What is `by` places further along an axis in the direction of running, and `fill` behind the end. */
function further(g: Graph, x: Edge, axis: number, reverse: boolean, by: number, fill: number): Edge {
  const along = (value: number): number[] => x.shape.map((_, i) => (i === axis ? value : 0));
  const part = g.op(stridedSlice, [x], {
    begin: along(reverse ? 0 : by),
    size: x.shape.with(axis, x.shape[axis] - by),
    step: x.shape.map(() => 1),
  });
  const pads = along(by).map((n): [number, number] => (reverse ? [n, 0] : [0, n]));
  return g.op(padAxes, [part], { pads, mode: "constant", value: fill });
}

/**
 * dx of running products, without dividing, so that zeros are right: the product of what comes before a value, times the sum s of what comes
 * behind it, s_i = dy_i + x_(i+1) · s_(i+1). Twice as many terms are summed in every round.
 */
function runningProductGradient(g: Graph, x: Edge, dy: Edge, params: CumulateParams): Edge {
  const a = algebraOf(g);
  const { exclusive, reverse } = params;
  const axis = axisOf(params.axis, x.shape.length, "cumulate");
  const length = x.shape[axis];
  const next = (edge: Edge, by: number, fill: number): Edge => further(g, edge, axis, reverse, by, fill);
  if (length === 1) return exclusive ? zeros(g, x.shape) : dy;
  let factor = next(x, 1, 1);
  let sum = exclusive ? next(dy, 1, 0) : dy;
  for (let by = 1; by < length; by *= 2) {
    sum = a.add(sum, a.mul(factor, next(sum, by, 0)));
    factor = a.mul(factor, next(factor, by, 1));
  }
  return a.mul(g.op(cumulate, [x], { ...params, axis, exclusive: true }), sum);
}

export const foldGradients: readonly GradientEntry[] = [
  gradientOf(fold, (g, { inputs: [x], params: { axes } }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    // Of floats it is a product.
    return [algebraOf(g).mul(productOfOthers(g, x, axes), reshapeTo(g, dy, keptShape(x, axes)))];
  }),
  gradientOf(cumulate, (g, { inputs: [x], params }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    if (params.op === "prod") return [runningProductGradient(g, x, dy, params)];
    return [g.op(cumulate, [dy], { ...params, reverse: !params.reverse })];
  }),
];
