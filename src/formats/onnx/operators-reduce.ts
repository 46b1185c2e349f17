// Operators along axes: sums and extremes, softmax, cumulative sums, the largest values.

import type { Value } from "../import/value.ts";
import { type Call, ELEMENTS, type Operators, type Translate, type Typed, upTo } from "./operator.ts";
import { matrixShape } from "./operators-shape.ts";

/** Reductions that give their input where there are no axes. */
const KEEP: readonly string[] = ["sum", "mean", "max", "min", "prod"];

const reduction =
  (op: string): Translate =>
  (call) => {
    const { w, attributes } = call;
    const x = call.input(0);
    const keepDims = (attributes.int("keepdims") ?? 1) !== 0;
    const noop = attributes.flag("noop_with_empty_axes");
    const given = call.intsOf("axes", 1);
    const axes = given?.length ? given.map((axis) => call.axis(axis, x.shape.length)) : upTo(x.shape.length);
    if (noop && !given?.length) {
      if (!KEEP.includes(op)) call.refuse("it has no axes (noop_with_empty_axes)");
      return x;
    }
    return w.reduction(op, x, axes, keepDims);
  };

const argExtreme =
  (op: "min" | "max"): Translate =>
  (call) => {
    const { w, attributes } = call;
    const keepDims = (attributes.int("keepdims") ?? 1) !== 0;
    const last = attributes.flag("select_last_index");
    const value = w.argExtreme(op, call.input(0), attributes.int("axis") ?? 0, keepDims, last);
    return { value, element: ELEMENTS.int64 };
  };

/** Before opset 13, all axes from `axis` on are taken as one. */
const softmax =
  (kind: string): Translate =>
  (call) => {
    const { w, attributes } = call;
    const x = call.input(0);
    const rank = x.shape.length;
    const axis = call.axis(attributes.int("axis") ?? (call.opset < 13 ? 1 : -1), rank);
    const rest = x.shape.slice(axis + 1);
    if (call.opset >= 13 || rest.every((size) => size === 1)) return w.alongAxis(kind, x, axis)[0];
    const flat = w.reshape(x, matrixShape(call, x, axis));
    return w.reshape(w.alongAxis(kind, flat, 1)[0], x.shape);
  };

function cumSum(call: Call): Value {
  const { w, attributes } = call;
  const axis = call.number(1, "axis") ?? 0;
  const config = { op: "sum", exclusive: attributes.flag("exclusive"), reverse: attributes.flag("reverse") };
  const x = call.input(0);
  return w.alongAxis("cumulate", x, axis, config, [x.type])[0];
}

function topK(call: Call): Typed[] {
  const { w, attributes } = call;
  const x = call.input(0);
  const k = attributes.int("k") ?? call.number(1, "k") ?? call.fail("k is missing");
  const axis = call.axis(attributes.int("axis") ?? -1, x.shape.length);
  if (!(k >= 1 && k <= x.shape[axis])) call.fail(`k is ${k}, but axis ${axis} has ${x.shape[axis]}`);
  const largest = (attributes.int("largest") ?? 1) !== 0;
  attributes.ignore("sorted");
  const [values, indices] = w.alongAxis("topK", x, axis, { k, largest, sorted: true }, [x.type, "int"]);
  return [
    { value: values, element: call.element(0) },
    { value: indices, element: ELEMENTS.int64 },
  ];
}

export const REDUCTIONS: Operators = {
  ArgMax: argExtreme("max"),
  ArgMin: argExtreme("min"),
  CumSum: cumSum,
  Hardmax: softmax("hardmax"),
  LogSoftmax: softmax("logSoftmax"),
  ReduceL1: reduction("l1"),
  ReduceL2: reduction("l2"),
  ReduceLogSum: reduction("logSum"),
  ReduceLogSumExp: reduction("logSumExp"),
  ReduceMax: reduction("max"),
  ReduceMean: reduction("mean"),
  ReduceMin: reduction("min"),
  ReduceProd: reduction("prod"),
  ReduceSum: reduction("sum"),
  ReduceSumSquare: reduction("sumSquare"),
  Softmax: softmax("softmax"),
  TopK: topK,
};
