// What each Keras layer class becomes: which layers of ours, with which config, and its weights in our order.
import { FormatError, UnsupportedError } from "../../errors.ts";
import type { ActivationConfig } from "../../layers/fused.ts";
import * as layers from "../../layers/index.ts";
import type { Layer } from "../../layers/layer.ts";
import { type Config, leak } from "./config.ts";
import { type OpenShape, showOpen } from "./weights.ts";

/** A tensor of the model being read: whose output it is, and what is known of its shape before it is compiled. */
export interface Value {
  readonly ref: string;
  /** Axes, batch counted. */
  readonly rank: number;
  /** Size of the last axis. */
  readonly channels: number | null;
}

type Outcome = Partial<Pick<Value, "rank" | "channels">>;

/** One call of a Keras layer, as a rule sees it. */
export interface Call {
  /** How messages name the layer. */
  readonly where: string;
  readonly config: Config;
  readonly inputs: readonly Value[];
  /** The values of one of its weights, which must have this shape. */
  weight(name: string, shape: OpenShape): Float32Array;
  /** The shape of a weight as the file has it. */
  shapeOf(name: string): readonly number[] | undefined;
  /**
   * Adds a layer of ours. The output is shaped like the first input but for what `out` says. The Keras layer's name goes
   * to the one without a `part`; the others are named "<layer>/<part>".
   */
  emit(
    layer: Layer,
    inputs: readonly Value[],
    out?: Outcome,
    weights?: Record<string, Float32Array>,
    part?: string,
  ): Value;
}

type Rule = (call: Call) => Value;

function channelsLast({ config }: Call): void {
  config.word("data_format", ["channels_last"], "channels_last");
}

/** The only input, of the rank the layer takes. */
function only({ inputs, where }: Call, rank?: number): Value {
  if (inputs.length !== 1) throw new FormatError(`${where}: reads ${inputs.length} tensors but takes one`);
  if (rank !== undefined && inputs[0].rank !== rank)
    throw new FormatError(
      `${where}: its input has ${inputs[0].rank} axes but must have ${rank}, batch counted`,
    );
  return inputs[0];
}

const over = (channels: number | null, divisor: number): number | null => channels && channels / divisor;
const times = (channels: number | null, factor: number): number | null => channels && channels * factor;

const BORDERS = ["valid", "same"] as const;

// Convolutions.

/** Stride, dilation and padding; "causal" sees nothing after its own place. */
function window({ config }: Call, axes: number, kernel: readonly number[]) {
  const stride = config.sizes("strides", axes, 1, 1);
  const dilation = config.sizes("dilation_rate", axes, 1, 1);
  const word = config.word("padding", axes === 1 ? ([...BORDERS, "causal"] as const) : BORDERS, "valid");
  const padding = word === "causal" ? [[(kernel[0] - 1) * dilation[0], 0] as const] : word;
  return { kernel, stride, dilation, padding };
}

function bias(call: Call, filters: number): Record<string, Float32Array> {
  return call.config.flag("use_bias", true) ? { bias: call.weight("bias", [filters]) } : {};
}

/** What convolutions and dense layers end with. */
function ending({ config }: Call, weights: object): { bias: boolean; activation: ActivationConfig } {
  return { bias: "bias" in weights, activation: config.activation() };
}

const convolution =
  (axes: number, layer: typeof layers.conv2d): Rule =>
  (call) => {
    channelsLast(call);
    const { config } = call;
    const x = only(call, axes + 2);
    const filters = config.integer("filters", 1);
    const groups = config.integer("groups", 1, 1);
    const kernel = config.sizes("kernel_size", axes, 1);
    const weights = {
      kernel: call.weight("kernel", [...kernel, over(x.channels, groups), filters]),
      ...bias(call, filters),
    };
    const params = {
      filters,
      ...window(call, axes, kernel),
      groups,
      ...ending(call, weights),
    };
    return call.emit(layer(params), [x], { channels: filters }, weights);
  };

/** Output channels per input channel. TensorFlow.js forgets to save that of SeparableConv2D: then the weight tells. */
function multiplierOf({ config, shapeOf }: Call): number {
  return config.integer("depth_multiplier", 1, shapeOf("depthwise_kernel")?.at(-1) ?? 1);
}

// Kernels are [k..., in, multiplier], ours [k..., 1, in * multiplier]: the same bytes.
const depthwise =
  (axes: number, layer: typeof layers.depthwiseConv2d): Rule =>
  (call) => {
    channelsLast(call);
    const { config } = call;
    const x = only(call, axes + 2);
    const multiplier = multiplierOf(call);
    const kernel = config.sizes("kernel_size", axes, 1);
    const deep = call.weight("depthwise_kernel", [...kernel, x.channels, multiplier]);
    const filters = deep.length / kernel.reduce((a, b) => a * b);
    const weights = { kernel: deep, ...bias(call, filters) };
    const params = {
      multiplier,
      ...window(call, axes, kernel),
      ...ending(call, weights),
    };
    return call.emit(layer(params), [x], { channels: filters }, weights);
  };

const separable =
  (axes: number, layer: typeof layers.separableConv2d): Rule =>
  (call) => {
    channelsLast(call);
    const { config } = call;
    const x = only(call, axes + 2);
    const filters = config.integer("filters", 1);
    const multiplier = multiplierOf(call);
    const kernel = config.sizes("kernel_size", axes, 1);
    const ones = new Array<number>(axes).fill(1);
    const weights = {
      depthwise: call.weight("depthwise_kernel", [...kernel, x.channels, multiplier]),
      pointwise: call.weight("pointwise_kernel", [...ones, times(x.channels, multiplier), filters]),
      ...bias(call, filters),
    };
    const params = {
      filters,
      multiplier,
      ...window(call, axes, kernel),
      ...ending(call, weights),
    };
    return call.emit(layer(params), [x], { channels: filters }, weights);
  };

/** Output pixels beyond (W − 1)·S + F, below 0 when there are fewer: Keras' deconv_output_length. */
function beyond(reach: number, stride: number, same: boolean, outputPadding: number | undefined): number {
  if (outputPadding !== undefined) return outputPadding - (same ? 2 * Math.floor(reach / 2) : 0);
  return same ? stride - reach : Math.max(stride - reach, 0);
}

// Kernels are [k..., out, in], ours [k..., in, out]. What is cut off is the border of the convolution this one
// transposes: half before, an odd rest after.
const transposed =
  (axes: number, layer: typeof layers.convTranspose2d): Rule =>
  (call) => {
    channelsLast(call);
    const { config, where } = call;
    const x = only(call, axes + 2);
    const filters = config.integer("filters", 1);
    const kernel = config.sizes("kernel_size", axes, 1);
    const stride = config.sizes("strides", axes, 1, 1);
    const dilation = config.sizes("dilation_rate", axes, 1, 1);
    const same = config.word("padding", BORDERS, "valid") === "same";
    const extra = config.has("output_padding") ? config.sizes("output_padding", axes, 0) : undefined;
    const changes = kernel.map((k, i) => {
      const reach = dilation[i] * (k - 1) + 1;
      const change = beyond(reach, stride[i], same, extra?.[i]);
      const [least, most] = same ? [1 - reach, stride[i] - reach] : [0, stride[i] - 1];
      if (change < least || change > most)
        throw new FormatError(
          `${where}: output_padding ${extra?.[i]} does not go with kernel ${k}, stride ${stride[i]} and padding ` +
            `"${same ? "same" : "valid"}": a convolution of the output would not have the input's size`,
        );
      return change;
    });
    const cuts = changes.map((change) => Math.max(-change, 0));
    const padding = cuts.map((cut) => [Math.floor(cut / 2), cut - Math.floor(cut / 2)] as const);
    const outputPadding = changes.map((change) => Math.max(change, 0));

    const kept = call.weight("kernel", [...kernel, filters, x.channels]);
    const inputs = kept.length / filters / kernel.reduce((a, b) => a * b);
    const weights = { kernel: swapLast(kept, filters, inputs), ...bias(call, filters) };
    const params = { filters, kernel, stride, dilation, padding, outputPadding, ...ending(call, weights) };
    return call.emit(layer(params), [x], { channels: filters }, weights);
  };

/** Matrices [..., rows, columns] to [..., columns, rows]. */
function swapLast(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let m = 0; m < data.length; m += rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) out[m + c * rows + r] = data[m + r * columns + c];
  return out;
}

const dense: Rule = (call) => {
  const { config } = call;
  const x = only(call);
  const units = config.integer("units", 1);
  const weights = { kernel: call.weight("kernel", [x.channels, units]), ...bias(call, units) };
  const params = { units, ...ending(call, weights) };
  return call.emit(layers.dense(params), [x], { channels: units }, weights);
};

// Pooling.

const pooling =
  (axes: number, layer: typeof layers.maxPool2d | typeof layers.avgPool2d): Rule =>
  (call) => {
    channelsLast(call);
    const x = only(call, axes + 2);
    const size = call.config.sizes("pool_size", axes, 1, 2);
    const stride = call.config.sizes("strides", axes, 1, size);
    return call.emit(layer({ size, stride, padding: call.config.word("padding", BORDERS, "valid") }), [x]);
  };

const globalPooling =
  (axes: number, layer: typeof layers.globalAvgPool): Rule =>
  (call) => {
    channelsLast(call);
    const x = only(call, axes + 2);
    const keepDims = call.config.flag("keepdims", false);
    return call.emit(layer({ keepDims }), [x], { rank: keepDims ? x.rank : 2 });
  };

// Normalisation.

const batchNorm: Rule = (call) => {
  const { config, where } = call;
  const x = only(call);
  const axis = config.axis("axis", -1);
  if (axis !== -1 && axis !== x.rank - 1)
    throw new UnsupportedError(
      `${where}: axis is ${axis} but only the last of its input's ${x.rank} axes is supported`,
    );
  const mean = call.weight("moving_mean", [x.channels]);
  const c = mean.length;
  const weights = { ...scaleAndCenter(call, c), mean, variance: call.weight("moving_variance", [c]) };
  return call.emit(
    layers.batchNorm({ epsilon: config.number("epsilon", 1e-3) }),
    [x],
    { channels: c },
    weights,
  );
};

function scaleAndCenter({ config, weight }: Call, c: number): { gamma: Float32Array; beta: Float32Array } {
  const gamma = config.flag("scale", true) ? weight("gamma", [c]) : new Float32Array(c).fill(1);
  return { gamma, beta: config.flag("center", true) ? weight("beta", [c]) : new Float32Array(c) };
}

/** Of a list of features, layer normalisation is group normalisation with one group. */
const layerNorm: Rule = (call) => {
  const { config, where } = call;
  const x = only(call);
  const axis = config.axis("axis", -1);
  if (x.rank !== 2 || (axis !== -1 && axis !== 1) || x.channels === null)
    throw new UnsupportedError(
      `${where}: layer normalisation is only supported over the features of [batch, features], not over axis ${axis} of ${x.rank}`,
    );
  const norm = layers.groupNorm({ groups: 1, epsilon: config.number("epsilon", 1e-3) });
  return call.emit(norm, [x], {}, scaleAndCenter(call, x.channels));
};

// Activations as layers.

const activation =
  (read: (config: Config) => ActivationConfig): Rule =>
  (call) =>
    call.emit(layers.activation({ activation: read(call.config) }), [only(call)]);

/** max_value for x >= max_value, x above 0, negative_slope · x below. */
const relu: Rule = (call) => {
  const { config, where } = call;
  const x = only(call);
  const slope = config.number("negative_slope", 0);
  const top = config.has("max_value") ? config.number("max_value") : Infinity;
  if (config.number("threshold", 0) !== 0)
    throw new UnsupportedError(`${where}: a threshold is not supported`);
  if (slope !== 0 && top !== Infinity)
    throw new UnsupportedError(`${where}: negative_slope and max_value together are not supported`);
  if (top <= 0)
    throw new UnsupportedError(`${where}: max_value is ${top} but only values above 0 are supported`);
  if (slope !== 0) return call.emit(layers.leakyRelu({ alpha: slope }), [x]);
  if (top === Infinity) return call.emit(layers.relu(), [x]);
  if (top === 6) return call.emit(layers.relu6(), [x]);
  const scaled = call.emit(layers.rescale({ scale: 6 / top }), [x], {}, {}, "scale");
  const clamped = call.emit(layers.relu6(), [scaled], {}, {}, "relu6");
  return call.emit(layers.rescale({ scale: top / 6 }), [clamped]);
};

const prelu: Rule = (call) => {
  const x = only(call);
  const file = call.shapeOf("alpha");
  if (file && file.length !== x.rank - 1)
    throw new FormatError(
      `${call.where}: weight "alpha" has shape ${showOpen(file)} but must have ${x.rank - 1} axes, all of the input's but the batch`,
    );
  const alpha = call.weight("alpha", file ?? new Array<null>(x.rank - 1).fill(null));
  // All that is shared has size 1: one alpha in all, one per channel, or one per place.
  const shape = file!;
  if (alpha.length === 1) return call.emit(layers.prelu({ shared: true }), [x], {}, { alpha });
  if (alpha.length === shape.at(-1)) return call.emit(layers.prelu(), [x], {}, { alpha });
  return call.emit(layers.prelu({ shape }), [x], {}, { alpha });
};

const softmax: Rule = (call) => {
  const x = only(call);
  const axis = call.config.axis("axis", -1);
  if ((axis < 0 ? axis + x.rank : axis) === 0)
    throw new UnsupportedError(`${call.where}: axis ${axis} is the batch`);
  return call.emit(layers.softmax({ axis }), [x]);
};

// Several inputs.

function several({ inputs, where }: Call, least: number, most: number): void {
  if (inputs.length < least || inputs.length > most)
    throw new FormatError(
      `${where}: reads ${inputs.length} tensors but takes ${least === most ? least : `at least ${least}`}`,
    );
}

/** Inputs of fewer axes get axes of size 1 behind the batch: Keras' rule, where NumPy's would put them before it. */
function sameRank(call: Call): Value[] {
  const rank = Math.max(...call.inputs.map((x) => x.rank));
  return call.inputs.map((x, i) => {
    if (x.rank === rank) return x;
    if (x.rank > 3 || (x.rank === 3 && x.channels === null))
      throw new UnsupportedError(
        `${call.where}: merging tensors of ${x.rank} and ${rank} axes is not supported`,
      );
    const ones = new Array<number>(rank - x.rank).fill(1);
    const rest = x.rank === 3 ? [-1, x.channels!] : [-1];
    return call.emit(layers.reshape({ shape: [...ones, ...rest] }), [x], { rank }, {}, `expand_${i + 1}`);
  });
}

/** Channels after broadcasting. */
function broadcast(values: readonly Value[]): number | null {
  const all = values.map((x) => x.channels);
  return all.find((c) => c !== null && c > 1) ?? (all.includes(null) ? null : 1);
}

const merge =
  (layer: typeof layers.add, most = Number.POSITIVE_INFINITY): Rule =>
  (call) => {
    several(call, 2, most);
    const xs = sameRank(call);
    return call.emit(layer(), xs, { channels: broadcast(xs) });
  };

const average: Rule = (call) => {
  several(call, 2, Number.POSITIVE_INFINITY);
  const xs = sameRank(call);
  const sum = call.emit(layers.add(), xs, { channels: broadcast(xs) }, {}, "sum");
  return call.emit(layers.rescale({ scale: 1 / xs.length }), [sum]);
};

const concatenate: Rule = (call) => {
  several(call, 1, Number.POSITIVE_INFINITY);
  const { inputs, where } = call;
  const [{ rank }] = inputs;
  const axis = call.config.axis("axis", -1);
  const place = axis < 0 ? axis + rank : axis;
  if (inputs.some((x) => x.rank !== rank) || place < 0 || place >= rank)
    throw new FormatError(
      `${where}: cannot join tensors of ${inputs.map((x) => x.rank).join(", ")} axes along axis ${axis}`,
    );
  if (place === 0) throw new UnsupportedError(`${where}: axis ${axis} is the batch`);
  const channels = inputs.map((x) => x.channels);
  const sum = channels.reduce((a, b) => (a === null || b === null ? null : a + b));
  return call.emit(layers.concat({ axis }), inputs, { channels: place === rank - 1 ? sum : channels[0] });
};

// Sizes and shapes.

// Factors are whole, so that every way of picking the nearest pixel agrees; bilinear is TensorFlow.js' own, i · in / out.
const upsampling =
  (axes: number): Rule =>
  (call) => {
    channelsLast(call);
    const x = only(call, axes + 2);
    const factor = call.config.sizes("size", axes, 1, 2);
    const bilinear =
      call.config.word("interpolation", axes === 2 ? ["nearest", "bilinear"] : ["nearest"], "nearest") ===
      "bilinear";
    return call.emit(
      layers.upsample({ factor, method: bilinear ? "linear" : "nearest", coordinates: "asymmetric" }),
      [x],
    );
  };

const padding =
  (axes: number): Rule =>
  (call) => {
    channelsLast(call);
    return call.emit(layers.pad({ padding: call.config.pairs("padding", axes, 1) }), [only(call, axes + 2)]);
  };

const cropping =
  (axes: number): Rule =>
  (call) => {
    channelsLast(call);
    const usual = axes === 2 ? 0 : 1;
    return call.emit(layers.crop({ cropping: call.config.pairs("cropping", axes, usual) }), [
      only(call, axes + 2),
    ]);
  };

const flatten: Rule = (call) => {
  channelsLast(call);
  const x = only(call);
  return call.emit(layers.flatten(), [x], { rank: 2, channels: x.rank === 2 ? x.channels : null });
};

const reshape: Rule = (call) => {
  const target = call.config.values.target_shape;
  if (!Array.isArray(target) || target.some((d) => d !== null && !Number.isInteger(d)))
    throw new FormatError(
      `${call.where}: target_shape is ${JSON.stringify(target)} but must be a list of integers`,
    );
  const shape: number[] = target.map((d) => (d === null || d < 0 ? -1 : d));
  if (shape.filter((d) => d < 0).length > 1)
    throw new FormatError(`${call.where}: target_shape ${showOpen(target)} leaves more than one size open`);
  const last = shape.at(-1) ?? null;
  return call.emit(layers.reshape({ shape }), [only(call)], {
    rank: shape.length + 1,
    channels: last === -1 ? null : last,
  });
};

const permute: Rule = (call) => {
  const x = only(call);
  const dims = call.config.sizes("dims", x.rank - 1, 1);
  if (new Set(dims).size !== dims.length || Math.max(...dims) > dims.length)
    throw new FormatError(`${call.where}: dims ${showOpen(dims)} must hold each of 1 to ${dims.length} once`);
  return call.emit(layers.permute({ order: dims }), [x], {
    channels: dims.at(-1) === dims.length ? x.channels : null,
  });
};

const repeatVector: Rule = (call) => {
  const row = call.emit(layers.reshape({ shape: [1, -1] }), [only(call, 2)], { rank: 3 }, {}, "row");
  return call.emit(layers.upsample({ factor: call.config.integer("n", 1) }), [row]);
};

const rescaling: Rule = (call) => {
  for (const key of ["scale", "offset"])
    if (Array.isArray(call.config.values[key]))
      throw new UnsupportedError(`${call.where}: one ${key} per channel is not supported, only one number`);
  const params = { scale: call.config.number("scale"), offset: call.config.number("offset", 0) };
  return call.emit(layers.rescale(params), [only(call)]);
};

/** Does something in training only. */
const identity: Rule = (call) => call.emit(layers.identity(), [only(call)]);
const dropout: Rule = (call) => call.emit(layers.dropout({ rate: call.config.number("rate") }), [only(call)]);

const RULES: Readonly<Record<string, Rule>> = {
  Conv1D: convolution(1, layers.conv1d),
  Conv2D: convolution(2, layers.conv2d),
  Conv3D: convolution(3, layers.conv3d),
  DepthwiseConv1D: depthwise(1, layers.depthwiseConv1d),
  DepthwiseConv2D: depthwise(2, layers.depthwiseConv2d),
  SeparableConv1D: separable(1, layers.separableConv1d),
  SeparableConv2D: separable(2, layers.separableConv2d),
  Conv1DTranspose: transposed(1, layers.convTranspose1d),
  Conv2DTranspose: transposed(2, layers.convTranspose2d),
  Conv3DTranspose: transposed(3, layers.convTranspose3d),
  Dense: dense,

  MaxPooling1D: pooling(1, layers.maxPool1d),
  MaxPooling2D: pooling(2, layers.maxPool2d),
  MaxPooling3D: pooling(3, layers.maxPool3d),
  AveragePooling1D: pooling(1, layers.avgPool1d),
  AveragePooling2D: pooling(2, layers.avgPool2d),
  AveragePooling3D: pooling(3, layers.avgPool3d),
  GlobalMaxPooling1D: globalPooling(1, layers.globalMaxPool),
  GlobalMaxPooling2D: globalPooling(2, layers.globalMaxPool),
  GlobalMaxPooling3D: globalPooling(3, layers.globalMaxPool),
  GlobalAveragePooling1D: globalPooling(1, layers.globalAvgPool),
  GlobalAveragePooling2D: globalPooling(2, layers.globalAvgPool),
  GlobalAveragePooling3D: globalPooling(3, layers.globalAvgPool),

  BatchNormalization: batchNorm,
  BatchNormalizationV1: batchNorm,
  LayerNormalization: layerNorm,

  Activation: activation((c) => c.activation()),
  ReLU: relu,
  LeakyReLU: activation(leak),
  PReLU: prelu,
  ELU: activation((c) => ({ kind: "elu", alpha: c.number("alpha", 1) })),
  Softmax: softmax,

  Add: merge(layers.add),
  Subtract: merge(layers.sub, 2),
  Multiply: merge(layers.mul),
  Average: average,
  Maximum: merge(layers.max),
  Minimum: merge(layers.min),
  Concatenate: concatenate,

  UpSampling1D: upsampling(1),
  UpSampling2D: upsampling(2),
  UpSampling3D: upsampling(3),
  ZeroPadding1D: padding(1),
  ZeroPadding2D: padding(2),
  ZeroPadding3D: padding(3),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  Cropping3D: cropping(3),
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: repeatVector,
  Rescaling: rescaling,

  Dropout: dropout,
  SpatialDropout1D: identity,
  SpatialDropout2D: identity,
  SpatialDropout3D: identity,
  AlphaDropout: identity,
  GaussianDropout: identity,
  GaussianNoise: identity,
  ActivityRegularization: identity,
};

/** The rule for a Keras class. */
export function ruleOf(className: string, where: string): Rule {
  if (!Object.hasOwn(RULES, className))
    throw new UnsupportedError(`${where}: layers of class ${className} are not supported`);
  return RULES[className];
}
