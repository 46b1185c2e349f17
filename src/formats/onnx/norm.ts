// Normalisation as ONNX nodes.
import { type Edge, floatsOf, numbersOf } from "../../graph/graph.ts";
import { type LayerNormParams, layerNorm } from "../../ops/layer-norm.ts";
import { type LrnParams, lrn } from "../../ops/lrn.ts";
import {
  type BatchNormParams,
  batchNorm,
  type GroupNormParams,
  groupNorm,
  instanceNorm,
} from "../../ops/norm.ts";
import { sizeOf } from "../../tensor.ts";
import { entry, perChannel, type Translation, type TranslationEntry } from "./call.ts";
import { channelsFirst, type OnnxGraph } from "./graph.ts";

/** As a product and a sum per channel, if its numbers are known: what a file has as such, or what is channels last. */
function writeScaled(
  g: OnnxGraph,
  x: Edge,
  y: Edge,
  [gamma, beta, mean, variance]: readonly Float32Array[],
  epsilon: number,
): void {
  const layout = g.layout(x);
  const scale = Array.from(gamma, (v, i) => v / Math.sqrt(variance[i] + epsilon));
  const offset = Array.from(beta, (v, i) => v - mean[i] * scale[i]);
  const rank = x.shape.length;
  const dims =
    layout === "first" && rank > 2 ? [gamma.length, ...new Array(rank - 2).fill(1)] : [gamma.length];
  let made = g.value(x, layout);
  if (scale.some((v) => v !== 1)) made = g.emit("Mul", [made, g.floats(scale, dims)]);
  if (offset.some((v) => v !== 0)) made = g.emit("Add", [made, g.floats(offset, dims)]);
  if (made === g.value(x, layout)) g.alias(y, x);
  else g.define(y, made, layout);
}

const writeBatchNorm: Translation<BatchNormParams> = (
  g,
  { inputs: [x, ...vectors], outputs: [y], params: { epsilon } },
) => {
  const known = vectors.map(floatsOf);
  if (known.every((data) => data !== undefined) && (epsilon === 0 || g.layout(x) === "last"))
    return writeScaled(
      g,
      x,
      y,
      known.map((data) => numbersOf(data) as Float32Array),
      epsilon,
    );
  const operands = [g.value(x, "first"), ...vectors.map((v) => g.plain(v))];
  g.define(y, g.emit("BatchNormalization", operands, { epsilon: { float: epsilon } }), "first");
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

const writeLayerNorm: Translation<LayerNormParams> = (
  g,
  { inputs: [x, gamma, beta], outputs, params: { axes, epsilon } },
) => {
  const rank = x.shape.length;
  const own = x.shape.slice(rank - axes.length);
  const scale = gamma ? g.value(gamma, "last") : g.floats(new Array(sizeOf(own)).fill(1), own);
  const operands = [g.value(x, "last"), scale, ...(beta ? [g.value(beta, "last")] : [])];
  const attributes = { axis: rank - axes.length, epsilon: { float: epsilon } };
  g.emitAll("LayerNormalization", operands, attributes, 3).forEach((name, i) => {
    g.define(outputs[i], name, "last");
  });
};

const writeLrn: Translation<LrnParams> = (g, { inputs: [x], outputs: [y], params: p }) => {
  const attributes = {
    size: p.size,
    alpha: { float: p.alpha },
    beta: { float: p.beta },
    bias: { float: p.bias },
  };
  const shape = channelsFirst(x.shape);
  const from = g.value(x, "first");
  if (shape.length === 4) return g.define(y, g.emit("LRN", [from], attributes), "first");
  // Runtimes take images alone.
  const c = x.shape.at(-1) ?? 1;
  const n = x.shape.length > 1 ? x.shape[0] : 1;
  const made = g.emit("LRN", [g.reshape(from, [n, c, sizeOf(shape) / (n * c), 1])], attributes);
  g.define(y, g.reshape(made, shape), "first");
};

export const normTranslations: readonly TranslationEntry[] = [
  entry(batchNorm, writeBatchNorm),
  entry(groupNorm, writeGroupNorm),
  entry(instanceNorm, writeInstanceNorm),
  entry(layerNorm, writeLayerNorm),
  entry(lrn, writeLrn),
];
