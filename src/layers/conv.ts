// Convolution layers: dense, depthwise, separable, transposed, over one to three axes.
import { ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { conv } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv-transpose.ts";
import type { Padding, PaddingMode } from "../ops/window.ts";
import type { Shape } from "../tensor.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, type Named, type Parameter, required, spread, wantRank } from "./layer.ts";

interface ConvBase extends Named {
  /** Window size: one number for all axes, or one per axis. */
  kernel: number | readonly number[];
  /** Default 1. */
  stride?: number | readonly number[];
  /** Distance between the taps. Default 1. */
  dilation?: number | readonly number[];
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Whether a bias is added. Default true. */
  bias?: boolean;
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
  /** Channels are divided into this many groups, convolved apart. Default 1. */
  groups?: number;
}

export interface DepthwiseConvConfig extends ConvBase {
  /** Output channels per input channel. Default 1. */
  multiplier?: number;
  paddingMode?: PaddingMode;
}

export interface SeparableConvConfig extends DepthwiseConvConfig {
  filters: number;
}

export interface ConvTransposeConfig extends ConvBase {
  filters: number;
  groups?: number;
  /** Extra size at the end of each axis. Default 0. */
  outputPadding?: number | readonly number[];
}

const BASE = {
  kernel: true,
  stride: true,
  dilation: true,
  padding: true,
  bias: true,
  activation: true,
  kernelInitializer: true,
  biasInitializer: true,
} as const;

/** filter and bias of `filters` channels, each summing over `inputs` channels. */
function filterAndBias(
  c: ConvBase,
  axes: number,
  inputs: number,
  filters: number,
  where: string,
): Parameter[] {
  const taps = required(c.kernel, axes, "kernel, the size of its window", where);
  const kernel = {
    name: "kernel",
    shape: [...taps, inputs, filters],
    init: c.kernelInitializer ?? "glorotUniform",
  };
  const bias = { name: "bias", shape: [filters], init: c.biasInitializer ?? "zeros" };
  return c.bias === false ? [kernel] : [kernel, bias];
}

function divide(total: number, groups: number, what: string, where: string): number {
  if (!Number.isInteger(groups) || groups < 1 || total % groups !== 0)
    throw new ShapeError(`${where}: ${total} ${what} cannot be divided into ${groups} groups`);
  return total / groups;
}

/** filter and bias of a convolution in groups. */
function grouped(
  c: ConvBase & { filters: number; groups?: number },
  axes: number,
  x: Shape,
  where: string,
): Parameter[] {
  wantRank(x, axes, where);
  return filterAndBias(
    c,
    axes,
    divide(channels(x), c.groups ?? 1, "input channels", where),
    c.filters,
    where,
  );
}

const operands = (x: Edge, w: Readonly<Record<string, Edge>>): Edge[] =>
  w.bias ? [x, w.kernel, w.bias] : [x, w.kernel];

const window = (c: ConvBase, axes: number) => ({
  stride: spread(c.stride, axes, 1),
  dilation: spread(c.dilation, axes, 1),
  padding: c.padding ?? "valid",
});

const convLayer = (axes: number) =>
  defineLayer<ConvConfig>(`conv${axes}d`, {
    options: { ...BASE, filters: true, paddingMode: true, groups: true },
    parameters: (c, [x], where) => grouped(c, axes, x, where),
    build(g, c, [x], w) {
      const params = {
        ...window(c, axes),
        paddingMode: c.paddingMode ?? "zeros",
        groups: c.groups ?? 1,
      } as const;
      return applyActivation(g, g.op(conv, operands(x, w), params), c.activation);
    },
  });

const depthwiseLayer = (axes: number) =>
  defineLayer<DepthwiseConvConfig>(`depthwiseConv${axes}d`, {
    options: { ...BASE, multiplier: true, paddingMode: true },
    parameters(c, [x], where) {
      wantRank(x, axes, where);
      return filterAndBias(c, axes, 1, channels(x) * (c.multiplier ?? 1), where);
    },
    build(g, c, [x], w) {
      const params = {
        ...window(c, axes),
        paddingMode: c.paddingMode ?? "zeros",
        groups: channels(x.shape),
      } as const;
      return applyActivation(g, g.op(conv, operands(x, w), params), c.activation);
    },
  });

const separableLayer = (axes: number) =>
  defineLayer<SeparableConvConfig>(`separableConv${axes}d`, {
    options: { ...BASE, filters: true, multiplier: true, paddingMode: true },
    parameters(c, [x], where) {
      wantRank(x, axes, where);
      const middle = channels(x) * (c.multiplier ?? 1);
      const [depthwise] = filterAndBias({ ...c, bias: false }, axes, 1, middle, where);
      const [pointwise, ...bias] = filterAndBias({ ...c, kernel: 1 }, axes, middle, c.filters, where);
      return [{ ...depthwise, name: "depthwise" }, { ...pointwise, name: "pointwise" }, ...bias];
    },
    build(g, c, [x], w) {
      const paddingMode = c.paddingMode ?? "zeros";
      const deep = g.op(conv, [x, w.depthwise], {
        ...window(c, axes),
        paddingMode,
        groups: channels(x.shape),
      });
      const one = spread(1, axes, 1);
      const params = { stride: one, dilation: one, padding: "valid", paddingMode, groups: 1 } as const;
      const inputs = w.bias ? [deep, w.pointwise, w.bias] : [deep, w.pointwise];
      return applyActivation(g, g.op(conv, inputs, params), c.activation);
    },
  });

const transposeLayer = (axes: number) =>
  defineLayer<ConvTransposeConfig>(`convTranspose${axes}d`, {
    options: { ...BASE, filters: true, groups: true, outputPadding: true },
    parameters: (c, [x], where) => grouped(c, axes, x, where),
    build(g, c, [x], w) {
      const params = {
        ...window(c, axes),
        outputPadding: spread(c.outputPadding, axes, 0),
        groups: c.groups ?? 1,
      };
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
/** Depthwise, then 1x1, over [h, w, c]. Weights: depthwise, pointwise, bias. */
export const separableConv2d = separableLayer(2);

/** Transposed convolution over [w, c]. Weights: kernel [k, in / groups, filters], bias [filters]. */
export const convTranspose1d = transposeLayer(1);
/** Transposed convolution over [h, w, c]. Weights: kernel [kh, kw, in / groups, filters], bias [filters]. */
export const convTranspose2d = transposeLayer(2);
/** Transposed convolution over [d, h, w, c]. Weights: kernel [kd, kh, kw, in / groups, filters], bias [filters]. */
export const convTranspose3d = transposeLayer(3);
