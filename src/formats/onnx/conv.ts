// Convolution, transposed convolution and patches of images as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import { conv } from "../../ops/conv.ts";
import type { ConvParams } from "../../ops/conv-geometry.ts";
import { type ConvTransposeParams, convTranspose, transposed } from "../../ops/conv-transpose.ts";
import { type Im2colParams, im2col } from "../../ops/im2col.ts";
import { slide } from "../../ops/window.ts";
import {
  entry,
  padSpatial,
  padsOf,
  perChannel,
  range,
  type Translation,
  type TranslationEntry,
} from "./call.ts";
import type { OnnxGraph } from "./graph.ts";

/** [k..., in / groups, out] as [out, in / groups, k...]. */
function filter(g: OnnxGraph, edge: Edge): string {
  const { shape } = edge;
  const axes = shape.length - 2;
  const perm = [axes + 1, axes, ...range(axes)];
  const dims = perm.map((axis) => shape[axis]);
  return g.weight(edge, shape, perm, dims);
}

const writeConv: Translation<ConvParams> = (g, { inputs: [x, w, bias], outputs: [y], params: p, where }) => {
  const kernel = w.shape.slice(0, -2);
  const axes = slide(x.shape.slice(1, -1), { ...p, kernel }, where);
  let from = g.value(x, "first");
  let pads = padsOf(axes);
  // Conv pads with zeros only.
  if (p.paddingMode !== "zeros" && pads.some((pad) => pad > 0)) {
    from = padSpatial(g, from, axes, p.paddingMode);
    pads = pads.map(() => 0);
  }
  const operands = [from, filter(g, w), ...(bias ? [g.plain(bias)] : [])];
  const attributes = {
    kernel_shape: kernel,
    strides: p.stride,
    dilations: p.dilation,
    pads,
    group: p.groups,
  };
  g.define(y, g.emit("Conv", operands, attributes), "first");
};

const writeConvTranspose: Translation<ConvTransposeParams> = (
  g,
  { inputs, outputs: [y], params: p, where },
) => {
  const [x, w, bias] = inputs;
  const kernel = w.shape.slice(0, -2);
  const last = kernel.length;
  const outs = w.shape[last + 1] / p.groups;
  // [k..., in / groups, groups, out / groups] as [groups, in / groups, out / groups, k...].
  const split = [...kernel, w.shape[last], p.groups, outs];
  const perm = [last + 1, last, last + 2, ...range(last)];
  const weight = g.weight(w, split, perm, [x.shape[last + 1], outs, ...kernel]);
  // ONNX crops both ends by `pads` and adds `output_padding` at the end, which must be less than the stride or dilation.
  const ends = transposed(inputs, p, where).axes.map((a) => {
    const full = (a.size - 1) * a.stride + a.dilation * (a.kernel - 1) + 1;
    const missing = a.out + a.before - full;
    const extra = Math.min(Math.max(missing, 0), Math.max(a.stride, a.dilation) - 1);
    return { before: a.before, after: Math.max(-missing, 0), extra, rest: Math.max(missing, 0) - extra };
  });
  const attributes = {
    kernel_shape: kernel,
    strides: p.stride,
    dilations: p.dilation,
    pads: padsOf(ends),
    output_padding: ends.map((e) => e.extra),
    group: p.groups,
  };
  const operands = [g.value(x, "first"), weight];
  if (ends.every((e) => e.rest === 0)) {
    if (bias) operands.push(g.plain(bias));
    return g.define(y, g.emit("ConvTranspose", operands, attributes), "first");
  }
  // What output_padding cannot add is padded; these pixels hold the bias, so it is added behind.
  const rest = ends.map((e) => ({ before: 0, after: e.rest }));
  let made = padSpatial(g, g.emit("ConvTranspose", operands, attributes), rest);
  if (bias) made = g.emit("Add", [made, perChannel(g, bias, y.shape.length)]);
  g.define(y, made, "first");
};

/** The places of the taps of a window, row by row. */
const tapsOf = (kernel: readonly number[]): number[][] =>
  kernel.reduce<number[][]>((taps, k) => taps.flatMap((tap) => range(k).map((i) => [...tap, i])), [[]]);

/** For each tap the pixels that it meets: a slice with the window's stride. All of them, one behind the other, are the patches. */
const writeIm2col: Translation<Im2colParams> = (g, { inputs: [x], outputs: [y], params, where }) => {
  const axes = slide(x.shape.slice(1, -1), params, where);
  let from = g.value(x, "first");
  if (padsOf(axes).some((pad) => pad > 0)) from = padSpatial(g, from, axes);
  const [spatial, steps] = [g.ints(axes.map((_, i) => i + 2)), g.ints(params.stride)];
  const slices = tapsOf(params.kernel).map((tap) => {
    const starts = tap.map((k, i) => k * params.dilation[i]);
    const ends = starts.map((start, i) => start + (axes[i].out - 1) * params.stride[i] + 1);
    return g.emit("Slice", [from, g.ints(starts), g.ints(ends), spatial, steps]);
  });
  g.define(y, g.emit("Concat", slices, { axis: 1 }), "first");
};

export const convTranslations: readonly TranslationEntry[] = [
  entry(conv, writeConv),
  entry(convTranspose, writeConvTranspose),
  entry(im2col, writeIm2col),
];
