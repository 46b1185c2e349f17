// Gradients of products over axes, and of running sums.
import { UnsupportedError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { cumulate, fold } from "../../ops/fold.ts";
import { axesOf } from "../../ops/reduce.ts";
import { transpose } from "../../ops/shape.ts";
import { algebraOf, keptShape } from "./algebra.ts";
import { reshapeTo } from "./broadcast.ts";
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

export const foldGradients: readonly GradientEntry[] = [
  gradientOf(fold, (g, { inputs: [x], params: { axes } }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    // Of floats it is a product.
    return [algebraOf(g).mul(productOfOthers(g, x, axes), reshapeTo(g, dy, keptShape(x, axes)))];
  }),
  gradientOf(cumulate, (g, { inputs: [x], params, where }, dy) => {
    if (x.dtype !== "float32") return [undefined];
    if (params.op === "prod") throw new UnsupportedError(`${where}: running products have no gradient`);
    return [g.op(cumulate, [dy], { ...params, reverse: !params.reverse })];
  }),
];
