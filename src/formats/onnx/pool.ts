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
import { type Axis, slide } from "../../ops/window.ts";
import { entry, padSpatial, padsOf, type Translation, type TranslationEntry } from "./call.ts";

/**
 * Pixels by which the last window reaches over the end. Opset 17's ceil_mode counts windows by another rule than ours, so that
 * padding is written instead.
 */
const overhang = (a: Axis): number =>
  Math.max(a.after, (a.out - 1) * a.stride + a.dilation * (a.kernel - 1) + 1 - a.size - a.before);

const writeMaxPool: Translation<MaxPoolParams> = (g, { inputs: [x], outputs: [y], params: p, where }) => {
  const axes = slide(x.shape.slice(1, -1), p, where);
  const pads = padsOf(axes.map((a) => ({ before: a.before, after: overhang(a) })));
  const attributes = { kernel_shape: p.kernel, strides: p.stride, dilations: p.dilation, pads };
  g.define(y, g.emit("MaxPool", [g.value(x, "first")], attributes), "first");
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
  entry(avgPool, writeAvgPool),
  entry(globalMaxPool, globalPool("GlobalMaxPool")),
  entry(globalAvgPool, globalPool("GlobalAveragePool")),
];
