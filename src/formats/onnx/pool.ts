// Pooling of windows and of whole maps as ONNX nodes.
import {
  type AvgPoolParams,
  avgPool,
  type GlobalPoolParams,
  globalAvgPool,
  globalMaxPool,
  type MaxPoolParams,
  maxPool,
} from "../../ops/pool.ts";
import {
  type MaxPoolIndicesParams,
  type MaxUnpoolParams,
  maxPoolIndices,
  maxUnpool,
} from "../../ops/pool-index.ts";
import { type Axis, slide } from "../../ops/window.ts";
import { entry, padSpatial, padsOf, refuse, type Translation, type TranslationEntry } from "./call.ts";

const NONE = { before: 0, after: 0 };

/**
 * Pixels by which the last window reaches over the end. Opset 17's ceil_mode counts windows by another rule than ours, so that
 * padding is written instead.
 */
const overhang = (a: Axis): number =>
  Math.max(a.after, (a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 - a.size - a.before);

const maxPoolAttributes = (p: MaxPoolParams, axes: readonly Axis[]) => ({
  kernel_shape: p.kernel,
  strides: p.stride,
  dilations: p.dilation,
  pads: padsOf(axes.map((a) => ({ before: a.before, after: overhang(a) }))),
});

const writeMaxPool: Translation<MaxPoolParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const axes = slide(x.shape.slice(1, -1), p, where);
  const attributes = maxPoolAttributes(p, axes);
  let from = g.value(x, "first");
  // Runtimes take no padding as wide as a window: it is written as what is never the largest.
  if (axes.some((a) => Math.max(a.before, overhang(a)) >= a.kernel)) {
    const amounts = g.ints(
      padsOf([NONE, NONE, ...axes.map((a) => ({ before: a.before, after: overhang(a) }))]),
    );
    from = g.emit("Pad", [from, amounts, g.scalar(-Infinity)], { mode: "constant" });
    attributes.pads = attributes.pads.map(() => 0);
  }
  g.define(y, g.emit("MaxPool", [from], attributes), "first");
};

const writeMaxPoolIndices: Translation<MaxPoolIndicesParams> = (
  g,
  { inputs: [x], outputs: [y, indices], params: p, where },
) => {
  const axes = slide(x.shape.slice(1, -1), p, where);
  const attributes = { ...maxPoolAttributes(p, axes), storage_order: p.order };
  const [largest, places] = g.emitAll("MaxPool", [g.value(x, "first")], attributes, 2);
  g.define(y, largest, "first");
  g.define(indices, g.cast(places, "int32"), "first");
};

const writeMaxUnpool: Translation<MaxUnpoolParams> = (
  g,
  { inputs: [x, indices], outputs: [y], params: { outputSize, indexSize = outputSize }, where },
) => {
  const small = x.shape.slice(1, -1);
  // (small − 1) · 1 + kernel, which is the size of what the indices count in.
  const kernel = indexSize.map((size, i) => size - small[i] + 1);
  if (kernel.some((size) => size < 1)) refuse(where, "its result is smaller than its input");
  const places = g.cast(g.value(indices, "first"), "int64");
  const attributes = { kernel_shape: kernel, strides: kernel.map(() => 1) };
  let made = g.emit("MaxUnpool", [g.value(x, "first"), places], attributes);
  const rest = outputSize.map((size, i) => ({ before: 0, after: size - indexSize[i] }));
  if (rest.some(({ after }) => after !== 0)) made = padSpatial(g, made, rest);
  g.define(y, made, "first");
};

const writeAvgPool: Translation<AvgPoolParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const dilation = p.kernel.map(() => 1);
  const axes = slide(x.shape.slice(1, -1), { ...p, dilation }, where);
  let from = g.value(x, "first");
  let ends = axes.map((a) => ({ before: a.before, after: overhang(a) }));
  if (p.countIncludePad && padsOf(axes).some((pad) => pad > 0)) {
    // Padding counts, but not what reaches over it: the padding becomes part of the input, the rest stays an attribute.
    from = padSpatial(g, from, axes);
    ends = axes.map((a) => ({ before: 0, after: overhang(a) - a.after }));
  }
  const attributes = { kernel_shape: p.kernel, strides: p.stride, pads: padsOf(ends), count_include_pad: 0 };
  g.define(y, g.emit("AveragePool", [from], attributes), "first");
};

const globalPool =
  (op: string): Translation<GlobalPoolParams> =>
  (g, { inputs: [x], outputs: [y], params }) => {
    const pooled = g.emit(op, [g.value(x, "first")]);
    g.define(y, params.keepDims ? pooled : g.emit("Flatten", [pooled], { axis: 1 }), "first");
  };

export const poolTranslations: readonly TranslationEntry[] = [
  entry(maxPool, writeMaxPool),
  entry(maxPoolIndices, writeMaxPoolIndices),
  entry(maxUnpool, writeMaxUnpool),
  entry(avgPool, writeAvgPool),
  entry(globalMaxPool, globalPool("GlobalMaxPool")),
  entry(globalAvgPool, globalPool("GlobalAveragePool")),
];
