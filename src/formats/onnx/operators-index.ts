// Operators that pick values by indices, put them by indices, or select boxes.

import type { Value } from "../import/value.ts";
import { type Call, ELEMENTS, type Operators, type Typed } from "./operator.ts";

function gatherElements(call: Call): Value {
  const x = call.input(0);
  const axis = call.axis(call.attributes.int("axis") ?? 0, x.shape.length);
  return call.w.layer("gatherElements", [x, call.input(1)], { axis }, { types: [x.type] })[0];
}

function gatherND(call: Call): Value {
  const x = call.input(0);
  const batchDims = call.attributes.int("batch_dims") ?? 0;
  return call.w.layer("gatherND", [x, call.input(1)], { batchDims }, { types: [x.type] })[0];
}

const reductionOf = (call: Call) => call.attributes.word("reduction", ["none", "add", "mul", "min", "max"]);

function scatterND(call: Call): Value {
  const x = call.input(0);
  const inputs = [x, call.input(1), call.input(2)];
  return call.w.layer("scatterND", inputs, { op: reductionOf(call) }, { types: [x.type] })[0];
}

function scatterElements(call: Call): Value {
  const x = call.input(0);
  const axis = call.axis(call.attributes.int("axis") ?? 0, x.shape.length);
  const inputs = [x, call.input(1), call.input(2)];
  return call.w.layer("scatterElements", inputs, { axis, op: reductionOf(call) }, { types: [x.type] })[0];
}

/** The value at an index, and one elsewhere; both may be computed at run time. */
function oneHot(call: Call): Typed {
  const { w } = call;
  const indices = call.input(0);
  const depth = call.number(1, "depth") ?? call.fail("depth is missing");
  const axis = call.axis(call.attributes.int("axis") ?? -1, indices.shape.length + 1);
  const values = call.input(2);
  const [hot] = w.layer(
    "oneHot",
    [w.cast(indices, "int")],
    { depth, axis, dtype: "int32" },
    { types: ["int"] },
  );
  const pick = (i: number): Value => w.gather(values, w.ints(i), 0);
  return { value: w.where(w.cast(hot, "bool"), pick(1), pick(0)), element: call.element(2) };
}

/** Rows beyond those that are selected are -1: how many there are is known at run time alone. */
function nonMaxSuppression(call: Call): Typed {
  const { w, attributes } = call;
  const [boxes, scores] = [call.input(0), call.input(1)];
  const wanted = call.number(2, "max_output_boxes_per_class") ?? 0;
  const iouThreshold = call.number(3, "iou_threshold") ?? 0;
  const scoreThreshold = call.number(4, "score_threshold");
  const center = attributes.flag("center_point_box");
  if (wanted < 1) call.refuse("max_output_boxes_per_class is 0: nothing is selected");
  const maxOutput = Math.min(wanted, boxes.shape[1]);
  const config = { maxOutput, iouThreshold, ...(scoreThreshold !== undefined && { scoreThreshold }), center };
  const [value] = w.layer("nonMaxSuppression", [boxes, scores], config, { types: ["int", "int"] });
  return { value, element: ELEMENTS.int64 };
}

export const INDICES: Operators = {
  Gather: (call) => call.w.gather(call.input(0), call.input(1), call.attributes.int("axis") ?? 0),
  GatherElements: gatherElements,
  GatherND: gatherND,
  NonMaxSuppression: nonMaxSuppression,
  OneHot: oneHot,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
