// Non-maximum suppression as ONNX nodes: ONNX gives as many rows as there are, a network as many as there may be.
import {
  type NonMaxSuppressionParams,
  type NonMaxSuppressionTfParams,
  nonMaxSuppression,
  nonMaxSuppressionTf,
  type SuppressParams,
} from "../../ops/suppress.ts";
import { entry, fillUp, refuse, type Translation, type TranslationEntry } from "./call.ts";
import type { OnnxGraph } from "./graph.ts";

/** Rows (batch, class, box) of int64. */
function select(
  g: OnnxGraph,
  boxes: string,
  scores: string,
  { maxOutput, iouThreshold, scoreThreshold }: SuppressParams,
  center: boolean,
): string {
  const limits = [g.ints([maxOutput]), g.floats([iouThreshold], [1])];
  if (scoreThreshold !== -Infinity) limits.push(g.floats([scoreThreshold], [1]));
  const attributes = { center_point_box: Number(center) };
  return g.emit("NonMaxSuppression", [boxes, scores, ...limits], attributes);
}

const writeSuppression: Translation<NonMaxSuppressionParams> = (
  g,
  { inputs: [boxes, scores], outputs: [rows, count], params },
) => {
  const selected = select(g, g.value(boxes, "last"), g.value(scores, "last"), params, params.center);
  const found = g.emit("Shape", [selected], { start: 0, end: 1 });
  g.define(rows, g.cast(fillUp(g, selected, 0, 2, found, rows.shape[0], -1), "int32"), "last");
  g.define(count, g.cast(found, "int32"), "last");
};

const writeSuppressionTf: Translation<NonMaxSuppressionTfParams> = (
  g,
  { inputs: [boxes, scores], outputs: [indices, best, count], params, where },
) => {
  if (params.softSigma > 0) refuse(where, "overlapping boxes lose score rather than be suppressed");
  const [size] = scores.shape;
  const all = g.reshape(g.value(scores, "last"), [1, 1, size]);
  const selected = select(g, g.reshape(g.value(boxes, "last"), [1, size, 4]), all, params, false);
  const chosen = g.emit("Gather", [selected, g.ints([2], [])], { axis: 1 });
  const found = g.emit("Shape", [chosen], { start: 0, end: 1 });
  const most = indices.shape[0];
  g.define(indices, g.cast(fillUp(g, chosen, 0, 1, found, most, 0), "int32"), "last");
  const taken = g.emit("Gather", [g.value(scores, "last"), chosen], { axis: 0 });
  g.define(best, fillUp(g, taken, 0, 1, found, most, 0, "float32"), "last");
  g.define(count, g.cast(found, "int32"), "last");
};

export const selectTranslations: readonly TranslationEntry[] = [
  entry(nonMaxSuppression, writeSuppression),
  entry(nonMaxSuppressionTf, writeSuppressionTf),
];
