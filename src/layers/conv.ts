// Convolution layers: dense, depthwise, separable, transposed, over one to three spatial axes.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { perAxis } from "../ops/check.ts";
import { conv } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv-transpose.ts";
import type { Padding, PaddingMode } from "../ops/window.ts";
import type { Shape } from "../tensor.ts";
import { aFlag, aWord, needed } from "../validate.ts";
import {
  aConvPadding,
  aCount,
  anActivation,
  anInitializer,
  aPadding,
  aPerAxis,
  layerOnly,
} from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, type Named, type Parameter, type PerAxis } from "./layer.ts";
import { standardized } from "./standardize.ts";

interface ConvBase extends Named {
  /** Window size: one number for all axes, or one per axis. */
  kernel: PerAxis;
  /** Default 1. */
  stride?: PerAxis;
  /** Distance between the taps. Default 1. */
  dilation?: PerAxis;
  /** Default "valid". See `Padding`. Over one axis also "causal": in front alone, so that no output sees what comes after it. */
  padding?: Padding | "causal";
  /** Whether a bias is added. Default true. */
  bias?: boolean;
  /** Applied to the result. Default none. */
  activation?: ActivationConfig;
  /** Default "glorotUniform". */
  kernelInitializer?: Initializer;
  /** Default "zeros". */
  biasInitializer?: Initializer;
}

export interface ConvConfig extends ConvBase {
  /** Output channels. */
  filters: number;
  /** What the border holds. Default "zeros". */
  paddingMode?: PaddingMode;
  /** Channels are divided into this many groups, convolved separately. Default 1. */
  groups?: number;
  /**
   * Whether the filter is standardised before it is used: for each output channel to mean 0 and variance 1, (w − mean) /
   * sqrt(variance + 1e-5). Qiao et al., 2019. Default false.
   */
  weightStandardization?: boolean;
}

export interface DepthwiseConvConfig extends ConvBase {
  /** Output channels per input channel. Default 1. */
  multiplier?: number;
  /** What the border holds. Default "zeros". */
  paddingMode?: PaddingMode;
}

export interface SeparableConvConfig extends DepthwiseConvConfig {
  /** Output channels. */
  filters: number;
}

export interface ConvTransposeConfig extends Omit<ConvBase, "padding"> {
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Output channels. */
  filters: number;
  /** Channels are divided into this many groups, convolved separately. Default 1. */
  groups?: number;
  /** Extra size at the end of each axis. Default 0. */
  outputPadding?: PerAxis;
}

/** Options that describe the weights of a convolution. */
type ConvWeightOptions = "kernel" | "bias" | "kernelInitializer" | "biasInitializer";

const BASE = {
  kernel: layerOnly(needed(aPerAxis(1), "3")),
  stride: aPerAxis(1),
  dilation: aPerAxis(1),
  padding: aConvPadding,
  bias: layerOnly(aFlag),
  activation: anActivation,
  kernelInitializer: layerOnly(anInitializer),
  biasInitializer: layerOnly(anInitializer),
};

const filters = layerOnly(needed(aCount, "16"));
const multiplier = layerOnly(aCount);
const paddingMode = aWord("zeros", "reflect", "replicate");

const WEIGHTS = ["kernel", "bias"];

/** filter and bias of `filters` channels, each summing over `inputs` channels. */
function filterAndBias(
  c: ConvBase,
  axes: number,
  inputs: number,
  filters: number,
  where: string,
): Parameter[] {
  const taps = perAxis(c.kernel, axes, "kernel", where, 1);
  const kernel = {
    name: "kernel",
    shape: [...taps, inputs, filters],
    init: c.kernelInitializer ?? "glorotUniform",
  };
  const bias = { name: "bias", shape: [filters], init: c.biasInitializer ?? "zeros" };
  return c.bias === false ? [kernel] : [kernel, bias];
}

/** filter and bias of a convolution in groups. */
function grouped(
  c: ConvBase & { filters: number; groups?: number },
  axes: number,
  x: Shape,
  where: string,
): Parameter[] {
  const { groups = 1 } = c;
  const inputs = channels(x);
  if (inputs % groups !== 0)
    throw new ShapeError(`${where}: ${inputs} input channels cannot be divided into ${groups} groups`);
  return filterAndBias(c, axes, inputs / groups, c.filters, where);
}

const operands = (x: Edge, w: Readonly<Record<string, Edge>>): Edge[] =>
  w.bias ? [x, w.kernel, w.bias] : [x, w.kernel];

type Window = Pick<ConvConfig, "stride" | "dilation" | "padding" | "paddingMode">;

/** `taps` is the size of the filter's window. */
function windowOf(c: Window, axes: number, taps: Shape, where: string) {
  const dilation = perAxis(c.dilation ?? 1, axes, "dilation", where, 1);
  return {
    stride: perAxis(c.stride ?? 1, axes, "stride", where, 1),
    dilation,
    padding: paddingOf(c.padding, axes, (taps[0] - 1) * dilation[0], where),
  };
}

function paddingOf(
  padding: Window["padding"] = "valid",
  axes: number,
  reach: number,
  where: string,
): Padding {
  if (padding !== "causal") return padding;
  if (axes === 1) return [[reach, 0]];
  throw new ArgumentError(
    `${where}: padding is "causal", which is for one spatial axis, but there are ${axes}`,
  );
}

function convolve(
  g: Graph,
  c: Window,
  axes: number,
  groups: number,
  inputs: readonly Edge[],
  where: string,
): Edge {
  const { paddingMode = "zeros" } = c;
  return g.op(conv, inputs, { ...windowOf(c, axes, inputs[1].shape, where), paddingMode, groups });
}

const convLayer = (axes: number) =>
  defineLayer<ConvConfig, "filters" | ConvWeightOptions>(`conv${axes}d`, {
    options: { ...BASE, filters, paddingMode, groups: aCount, weightStandardization: aFlag },
    axes,
    weights: WEIGHTS,
    operands: 1,
    parameters: (c, [x], where) => grouped(c, axes, x, where),
    build(g, c, [x], w, where) {
      const kernel = c.weightStandardization ? standardized(g, w.kernel) : w.kernel;
      const inputs = operands(x, { ...w, kernel });
      return applyActivation(g, convolve(g, c, axes, c.groups ?? 1, inputs, where), c.activation);
    },
  });

const depthwiseLayer = (axes: number) =>
  defineLayer<DepthwiseConvConfig, "multiplier" | ConvWeightOptions>(`depthwiseConv${axes}d`, {
    options: { ...BASE, multiplier, paddingMode },
    axes,
    weights: WEIGHTS,
    operands: 1,
    parameters: (c, [x], where) => filterAndBias(c, axes, 1, channels(x) * (c.multiplier ?? 1), where),
    build: (g, c, [x], w, where) =>
      applyActivation(g, convolve(g, c, axes, channels(x.shape), operands(x, w), where), c.activation),
  });

const separableLayer = (axes: number) =>
  defineLayer<SeparableConvConfig, "filters" | "multiplier" | ConvWeightOptions>(`separableConv${axes}d`, {
    options: { ...BASE, filters, multiplier, paddingMode },
    axes,
    weights: ["depthwise", "pointwise", "bias"],
    operands: 2,
    parameters(c, [x], where) {
      const middle = channels(x) * (c.multiplier ?? 1);
      const [depthwise] = filterAndBias({ ...c, bias: false }, axes, 1, middle, where);
      const [pointwise, ...bias] = filterAndBias({ ...c, kernel: 1 }, axes, middle, c.filters, where);
      return [{ ...depthwise, name: "depthwise" }, { ...pointwise, name: "pointwise" }, ...bias];
    },
    build(g, c, [x], { depthwise, pointwise, bias }, where) {
      const deep = convolve(g, c, axes, channels(x.shape), [x, depthwise], where);
      const y = convolve(g, {}, axes, 1, operands(deep, { kernel: pointwise, bias }), where);
      return applyActivation(g, y, c.activation);
    },
  });

const transposeLayer = (axes: number) =>
  defineLayer<ConvTransposeConfig, "filters" | ConvWeightOptions>(`convTranspose${axes}d`, {
    options: { ...BASE, padding: aPadding, filters, groups: aCount, outputPadding: aPerAxis(0) },
    axes,
    weights: WEIGHTS,
    operands: 1,
    parameters: (c, [x], where) => grouped(c, axes, x, where),
    build(g, c, [x], w, where) {
      const outputPadding = perAxis(c.outputPadding ?? 0, axes, "outputPadding", where, 0);
      const window = windowOf(c, axes, w.kernel.shape, where);
      const params = { ...window, outputPadding, groups: c.groups ?? 1 };
      return applyActivation(g, g.op(convTranspose, operands(x, w), params), c.activation);
    },
  });

/** Convolution over [w, c]. Weights: kernel [k, in / groups, filters], bias [filters]. */
export const conv1d = convLayer(1);
/** Convolution over [h, w, c]. Weights: kernel [kh, kw, in / groups, filters], bias [filters]. */
export const conv2d = convLayer(2);
/** Convolution over [d, h, w, c]. Weights: kernel [kd, kh, kw, in / groups, filters], bias [filters]. */
export const conv3d = convLayer(3);

/** Each channel on its own, over [w, c]. Weights: kernel [k, 1, in * multiplier], bias. */
export const depthwiseConv1d = depthwiseLayer(1);
/** Each channel on its own, over [h, w, c]. Weights: kernel [kh, kw, 1, in * multiplier], bias. */
export const depthwiseConv2d = depthwiseLayer(2);
/** Each channel on its own, over [d, h, w, c]. Weights: kernel [kd, kh, kw, 1, in * multiplier], bias. */
export const depthwiseConv3d = depthwiseLayer(3);

/** Depthwise, then 1x1, over [w, c]. Weights: depthwise [k, 1, in * multiplier], pointwise [1, in * multiplier, filters], bias. */
export const separableConv1d = separableLayer(1);
/**
 * Depthwise, then 1x1, over [h, w, c]. Weights: depthwise [kh, kw, 1, in * multiplier], pointwise [1, 1, in * multiplier, filters],
 * bias [filters].
 */
export const separableConv2d = separableLayer(2);

/** Transposed convolution over [w, c]. Weights: kernel [k, in / groups, filters], bias [filters]. */
export const convTranspose1d = transposeLayer(1);
/** Transposed convolution over [h, w, c]. Weights: kernel [kh, kw, in / groups, filters], bias [filters]. */
export const convTranspose2d = transposeLayer(2);
/** Transposed convolution over [d, h, w, c]. Weights: kernel [kd, kh, kw, in / groups, filters], bias [filters]. */
export const convTranspose3d = transposeLayer(3);
