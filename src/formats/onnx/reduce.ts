// Reductions along axes, and what runs along an axis, as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import { axisOf } from "../../ops/check.ts";
import {
  argExtreme,
  type CumulateParams,
  cumulate,
  type ExtremeParams,
  type FoldParams,
  fold,
  type HardmaxParams,
  hardmax,
} from "../../ops/fold.ts";
import { type ArgMaxParams, argMax, type ReduceParams, reduce } from "../../ops/reduce.ts";
import { sizeOf } from "../../tensor.ts";
import { axisIn, entry, refuse, type Translation, type TranslationEntry } from "./call.ts";
import type { Layout, OnnxGraph } from "./graph.ts";

const REDUCE = {
  sum: "ReduceSum",
  mean: "ReduceMean",
  max: "ReduceMax",
  min: "ReduceMin",
  prod: "ReduceProd",
} as const;

/** The layout to reduce in, and the one that the result then has. */
function layoutsOf(g: OnnxGraph, x: Edge, axes: readonly number[], keepDims: boolean): [Layout, Layout] {
  const layout = g.layout(x);
  const rank = x.shape.length;
  if (layout === "last" || rank < 3 || keepDims) return [layout, layout];
  // Without channels, the axes that are left have our order. With channels they are still first, if the batch is left too.
  if (axes.includes(rank - 1)) return ["first", "last"];
  return axes.includes(0) ? ["last", "last"] : ["first", "first"];
}

/** Reduces axes of a value, and gives the name and layout of the result. */
function reduceAxes(
  g: OnnxGraph,
  x: Edge,
  op: keyof typeof REDUCE,
  given: readonly number[],
  keepDims: boolean,
  where: string,
): [name: string, layout: Layout] {
  const rank = x.shape.length;
  const ours = given.map((axis) => axisOf(axis, rank, where));
  const [layout, result] = layoutsOf(g, x, ours, keepDims);
  const axes = ours.map((axis) => axisIn(layout, axis, rank)).sort((a, b) => a - b);
  const from = g.value(x, layout);
  const keepdims = Number(keepDims);
  // In opset 17 only ReduceSum takes its axes as an input; the others have an attribute.
  const name =
    op === "sum" || g.opset > 17
      ? g.emit(REDUCE[op], [from, g.ints(axes)], { keepdims })
      : g.emit(REDUCE[op], [from], { axes, keepdims });
  return [name, result];
}

const writeReduce: Translation<ReduceParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  if (p.axes.length === 0) return g.alias(y, x);
  g.define(y, ...reduceAxes(g, x, p.kind, p.axes, p.keepDims, where));
};

const writeFold: Translation<FoldParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  if (p.axes.length === 0) return g.alias(y, x);
  const mean = p.op === "mean";
  const [made, layout] = reduceAxes(g, x, mean ? "sum" : p.op, p.axes, p.keepDims, where);
  // Integers are cut towards 0.
  const count = sizeOf(x.shape) / sizeOf(y.shape);
  g.define(y, mean ? g.emit("Div", [made, g.numbers([count], [], "int32")]) : made, layout);
};

function writeExtreme(
  g: OnnxGraph,
  x: Edge,
  y: Edge,
  op: string,
  p: ArgMaxParams,
  last: boolean,
  where: string,
): void {
  const rank = x.shape.length;
  const ours = axisOf(p.axis, rank, where);
  const [layout, result] = layoutsOf(g, x, [ours], p.keepDims);
  const attributes = {
    axis: axisIn(layout, ours, rank),
    keepdims: Number(p.keepDims),
    ...(last && { select_last_index: 1 }),
  };
  g.define(y, g.cast(g.emit(op, [g.value(x, layout)], attributes), "int32"), result);
}

const writeArgMax: Translation<ArgMaxParams> = (g, { inputs: [x], outputs: [y], params, where }) =>
  writeExtreme(g, x, y, "ArgMax", params, false, where);

const writeArgExtreme: Translation<ExtremeParams> = (g, { inputs: [x], outputs: [y], params, where }) =>
  writeExtreme(g, x, y, params.op === "max" ? "ArgMax" : "ArgMin", params, params.last, where);

const writeHardmax: Translation<HardmaxParams> = (g, { inputs: [x], outputs: [y], params, where }) => {
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = axisIn(layout, axisOf(params.axis, rank, where), rank);
  g.define(y, g.emit("Hardmax", [g.value(x, layout)], { axis }), layout);
};

const writeCumulate: Translation<CumulateParams> = (g, { inputs: [x], outputs: [y], params, where }) => {
  const { op, axis: given, exclusive, reverse } = params;
  if (op === "prod") refuse(where, "there is no running product");
  const layout = g.layout(x);
  const rank = x.shape.length;
  const axis = g.ints([axisIn(layout, axisOf(given, rank, where), rank)], []);
  const attributes = { exclusive: Number(exclusive), reverse: Number(reverse) };
  g.define(y, g.emit("CumSum", [g.value(x, layout), axis], attributes), layout);
};

export const reduceTranslations: readonly TranslationEntry[] = [
  entry(reduce, writeReduce),
  entry(fold, writeFold),
  entry(argMax, writeArgMax),
  entry(argExtreme, writeArgExtreme),
  entry(hardmax, writeHardmax),
  entry(cumulate, writeCumulate),
];
