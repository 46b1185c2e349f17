// Layers in which every pixel, or every channel, is weighted by the whole map: attention, and squeeze-and-excite.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import { dense } from "../ops/dense.ts";
import { affine, binary } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { globalAvgPool } from "../ops/pool.ts";
import { reshape, transpose } from "../ops/shape.ts";
import { softmax } from "../ops/softmax.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { aFlag, needed } from "../validate.ts";
import { aCount, anActivation, aShare, layerOnly } from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import { channels, defineLayer, defineSimpleLayer, type Named, type Parameter } from "./layer.ts";

export interface MultiHeadAttentionConfig extends Named {
  /** How many maps of attention are made side by side. */
  heads: number;
  /** Numbers of a query and of a key, in each head. Default: the query's channels divided by `heads`, which must divide them. */
  keyDim?: number;
  /** Numbers of a value, in each head. Default: keyDim. */
  valueDim?: number;
  /** Whether biases are added to queries, keys, values and the output. Default true. */
  bias?: boolean;
  /** The probability with which a weight of the attention is dropped in training. Default 0. */
  dropout?: number;
}

/** Numbers in each head. */
function dimensionsOf({ heads, keyDim, valueDim }: MultiHeadAttentionConfig, query: Shape, where: string) {
  const d = keyDim ?? channels(query) / heads;
  if (!Number.isInteger(d))
    throw new ArgumentError(
      `${where}: heads is ${heads}, which does not divide the ${channels(query)} channels of the query; give keyDim`,
    );
  return { keyDim: d, valueDim: valueDim ?? d };
}

/** The weights of a matrix and, maybe, its bias. */
const projection = (name: string, from: number, to: number, bias = true): Parameter[] => {
  const kernel: Parameter = { name, shape: [from, to], init: "glorotUniform" };
  return bias ? [kernel, { name: `${name}Bias`, shape: [to], init: "zeros" }] : [kernel];
};

/** x · kernel + bias over the last axis. */
function project(g: Graph, x: Edge, weights: Readonly<Record<string, Edge>>, name: string): Edge {
  const bias = weights[`${name}Bias`];
  return g.op(dense, bias ? [x, weights[name], bias] : [x, weights[name]], {});
}

/** [n, ..., heads · d] as [n, heads, pixels, d]. */
function headsOf(g: Graph, x: Edge, heads: number, where: string): Edge {
  const [n, c] = [x.shape[0], channels(x.shape)];
  if (c % heads !== 0)
    throw new ShapeError(`${where}: heads is ${heads} but must divide ${c} projected channels`);
  const apart = g.op(reshape, [x], { shape: [n, sizeOf(x.shape.slice(1, -1)), heads, c / heads] });
  return g.op(transpose, [apart], { perm: [0, 2, 1, 3] });
}

/**
 * softmax(query · keyᵀ / sqrt(keyDim)) · value in several heads, as in PyTorch's MultiheadAttention: every pixel of the query [n, ..., c]
 * reads every pixel of key and value. Inputs: the query, which is key and value, too, where no others are given; or query and key,
 * which is the value; or all three. The output has the query's shape. Weights, with d = heads * keyDim and v = heads * valueDim: query
 * [c, d], key [ck, d], value [cv, v], output [v, c], and queryBias, keyBias, valueBias, outputBias. Time and memory grow with the
 * square of the number of pixels.
 */
export const multiHeadAttention = defineLayer<
  MultiHeadAttentionConfig,
  "keyDim" | "valueDim" | "bias" | "dropout"
>("multiHeadAttention", {
  options: {
    heads: needed(aCount, "4"),
    keyDim: layerOnly(aCount),
    valueDim: layerOnly(aCount),
    bias: layerOnly(aFlag),
    dropout: layerOnly(aShare),
  },
  inputs: [1, 3],
  weights: ["query", "key", "value", "output"].flatMap((name) => [name, `${name}Bias`]),
  parameters(c, [query, key = query, value = key], where) {
    const { heads } = c;
    const { keyDim, valueDim } = dimensionsOf(c, query, where);
    return [
      ...projection("query", channels(query), heads * keyDim, c.bias),
      ...projection("key", channels(key), heads * keyDim, c.bias),
      ...projection("value", channels(value), heads * valueDim, c.bias),
      ...projection("output", heads * valueDim, channels(query), c.bias),
    ];
  },
  build(g, c, [query, key = query, value = key], weights, where) {
    for (const x of [query, key, value])
      if (x.shape.length < 3)
        throw new ShapeError(
          `${where}: input has shape ${show(x.shape)} but must be [n, ..., c], with pixels`,
        );
    if (show(key.shape.slice(0, -1)) !== show(value.shape.slice(0, -1)))
      throw new ShapeError(
        `${where}: key has shape ${show(key.shape)} and value ${show(value.shape)}, but they must differ in their channels alone`,
      );
    const [q, k, v] = Object.entries({ query, key, value }).map(([name, x]) =>
      headsOf(g, project(g, x, weights, name), c.heads, where),
    );
    const scaled = g.op(affine, [q], { scale: 1 / Math.sqrt(channels(q.shape)), offset: 0 });
    const scores = g.op(matmul, [scaled, k], { transposeA: false, transposeB: true });
    const shares = g.op(softmax, [scores], { axis: -1 });
    const kept = c.dropout ? (g.activeTraining?.dropout(g, shares, c.dropout) ?? shares) : shares;
    const read = g.op(matmul, [kept, v], { transposeA: false, transposeB: false });
    const together = g.op(transpose, [read], { perm: [0, 2, 1, 3] });
    const shape = [...query.shape.slice(0, -1), c.heads * channels(v.shape)];
    return project(g, g.op(reshape, [together], { shape }), weights, "output");
  },
});

export interface SqueezeExciteConfig extends Named {
  /** The channels are squeezed to so many times fewer, one at least. Default 16. */
  ratio?: number;
  /** After the squeezing. Default "relu". */
  activation?: ActivationConfig;
  /** What makes factors of channels. Default "sigmoid". */
  gate?: ActivationConfig;
}

/**
 * Scales each channel of [n, ..., c] by a factor made of the means of all channels: x · gate(activation(mean · reduce + reduceBias) ·
 * expand + expandBias). Hu et al., 2018. Weights, with s = c / ratio: reduce [c, s], reduceBias [s], expand [s, c], expandBias [c].
 */
export const squeezeExcite = defineSimpleLayer<SqueezeExciteConfig, "ratio">("squeezeExcite", {
  options: { ratio: layerOnly(aCount), activation: anActivation, gate: anActivation },
  weights: ["reduce", "reduceBias", "expand", "expandBias"],
  parameters({ ratio = 16 }, [x]) {
    const squeezed = Math.max(1, Math.floor(channels(x) / ratio));
    return [...projection("reduce", channels(x), squeezed), ...projection("expand", squeezed, channels(x))];
  },
  build(g, { activation = "relu", gate = "sigmoid" }, [x], weights) {
    const means = g.op(globalAvgPool, [x], { keepDims: true });
    const squeezed = applyActivation(g, project(g, means, weights, "reduce"), activation);
    const factors = applyActivation(g, project(g, squeezed, weights, "expand"), gate);
    return g.op(binary, [x, factors], { kind: "mul" });
  },
});
