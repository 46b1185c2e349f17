// Reductions along axes as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import { axisOf } from "../../ops/check.ts";
import { type ArgMaxParams, argMax, type ReduceParams, reduce } from "../../ops/reduce.ts";
import { axisIn, entry, type Translation, type TranslationEntry } from "./call.ts";
import type { Layout, OnnxGraph } from "./graph.ts";
import { DATA_TYPE } from "./proto.ts";

const REDUCE = { sum: "ReduceSum", mean: "ReduceMean", max: "ReduceMax", min: "ReduceMin" } as const;

/** The layout to reduce in, and the one that the result then has. */
function layoutsOf(g: OnnxGraph, x: Edge, axes: readonly number[], keepDims: boolean): [Layout, Layout] {
  const layout = g.layout(x);
  const rank = x.shape.length;
  if (layout === "last" || rank < 3 || keepDims) return [layout, layout];
  // Without channels, the axes that are left have our order. With channels they are still first, if the batch is left too.
  if (axes.includes(rank - 1)) return ["first", "last"];
  return axes.includes(0) ? ["last", "last"] : ["first", "first"];
}

const writeReduce: Translation<ReduceParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  if (p.axes.length === 0) return g.alias(y, x);
  const rank = x.shape.length;
  const ours = p.axes.map((axis) => axisOf(axis, rank, where));
  const [layout, result] = layoutsOf(g, x, ours, p.keepDims);
  const axes = ours.map((axis) => axisIn(layout, axis, rank)).sort((a, b) => a - b);
  const from = g.value(x, layout);
  const keepdims = Number(p.keepDims);
  // In opset 17 only ReduceSum takes its axes as an input; the others have an attribute.
  const reduced =
    p.kind === "sum"
      ? g.emit("ReduceSum", [from, g.ints(axes)], { keepdims })
      : g.emit(REDUCE[p.kind], [from], { axes, keepdims });
  g.define(y, reduced, result);
};

const writeArgMax: Translation<ArgMaxParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const rank = x.shape.length;
  const ours = axisOf(p.axis, rank, where);
  const [layout, result] = layoutsOf(g, x, [ours], p.keepDims);
  const attributes = { axis: axisIn(layout, ours, rank), keepdims: Number(p.keepDims) };
  const index = g.emit("ArgMax", [g.value(x, layout)], attributes);
  g.define(y, g.emit("Cast", [index], { to: DATA_TYPE.int32 }), result);
};

export const reduceTranslations: readonly TranslationEntry[] = [
  entry(reduce, writeReduce),
  entry(argMax, writeArgMax),
];
