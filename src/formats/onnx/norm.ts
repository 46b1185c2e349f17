// Normalisation as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import {
  type BatchNormParams,
  batchNorm,
  type GroupNormParams,
  groupNorm,
  instanceNorm,
} from "../../ops/norm.ts";
import { entry, perChannel, type Translation, type TranslationEntry } from "./call.ts";
import { channelsFirst, type OnnxGraph } from "./graph.ts";

const writeBatchNorm: Translation<BatchNormParams> = (
  g,
  { inputs: [x, ...vectors], outputs: [y], params },
) => {
  const operands = [g.value(x, "first"), ...vectors.map((v) => g.plain(v))];
  g.define(y, g.emit("BatchNormalization", operands, { epsilon: { float: params.epsilon } }), "first");
};

/** Opset 17 has no group normalisation: groups become channels of an instance normalisation, gamma and beta follow. */
function normaliseGroups(
  g: OnnxGraph,
  [x, gamma, beta]: readonly Edge[],
  [y]: readonly Edge[],
  groups: number,
  epsilon: number,
): void {
  const shape = channelsFirst(x.shape);
  const rows = g.reshape(g.value(x, "first"), [shape[0], groups, -1]);
  const [ones, zeros] = [1, 0].map((v) => g.floats(new Array(groups).fill(v), [groups]));
  const normed = g.emit("InstanceNormalization", [rows, ones, zeros], { epsilon: { float: epsilon } });
  const [scale, shift] = [gamma, beta].map((v) => perChannel(g, v, shape.length));
  const scaled = g.emit("Mul", [g.reshape(normed, shape), scale]);
  g.define(y, g.emit("Add", [scaled, shift]), "first");
}

const writeGroupNorm: Translation<GroupNormParams> = (g, { inputs, outputs, params }) =>
  normaliseGroups(g, inputs, outputs, params.groups, params.epsilon);

const writeInstanceNorm: Translation<BatchNormParams> = (g, { inputs, outputs, params }) => {
  const [x, gamma, beta] = inputs;
  // ONNX's op needs a spatial axis, which [n, c] does not have.
  if (x.shape.length < 3) return normaliseGroups(g, inputs, outputs, x.shape[1], params.epsilon);
  const operands = [g.value(x, "first"), g.plain(gamma), g.plain(beta)];
  const attributes = { epsilon: { float: params.epsilon } };
  g.define(outputs[0], g.emit("InstanceNormalization", operands, attributes), "first");
};

export const normTranslations: readonly TranslationEntry[] = [
  entry(batchNorm, writeBatchNorm),
  entry(groupNorm, writeGroupNorm),
  entry(instanceNorm, writeInstanceNorm),
];
