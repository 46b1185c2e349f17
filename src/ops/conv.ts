// Convolution over one to three spatial axes. Filters are [k..., in / groups, out].
import { ShapeError } from "../errors.ts";
import {
  type Border,
  type Emitter,
  factorsOf,
  float32,
  type Op,
  type PlanOptions,
  sizeOf,
  type TensorType,
  type Value,
} from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import type { Chunk } from "../runtime/chunks.ts";
import {
  type ConvAlgorithm,
  type ConvFacts,
  convAlgorithm,
  depthwisePads,
  isWinograd,
  NOMINAL_IMAGES,
  planDepthwise,
} from "../runtime/plan.ts";
import { convShape, epilogue } from "../runtime/records.ts";
import { epilogueOf } from "./activation.ts";
import { checkShape, show } from "./check.ts";
import {
  type ConvParams,
  convGeometry,
  convMultiplyAdds,
  coversBorder,
  windowRuns,
} from "./conv-geometry.ts";
import { multiplyInChunks, type Product, packProduct } from "./gemm.ts";
import { asTheyLie, forEachPadded, forEachPatches, hasBorder, isFar, patchImages } from "./padded.ts";
import { type Axis, densePixelStrides, type Images, pixelStrides, threeAxes, unchanged } from "./window.ts";
import { prepareWinograd } from "./winograd.ts";

/**
 * Cross-correlation, as every deep-learning library calls convolution:
 * y[o][n] = b[n] + sum over taps and channels of x[o * stride + tap * dilation − before][c] * w[tap][c][n].
 */
export const conv: Op<ConvParams> = {
  name: "conv",
  strided: { inputs: [0], outputs: true },
  infer(inputs, p, where) {
    const { axes, oc } = convGeometry(inputs, p, where);
    const shape = [inputs[0].shape[0], ...axes.map((a) => a.out), oc];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, inputs, [y], p) {
    emitConv(e, inputs, y, p, false);
  },
  borders: (inputs, p, plan) => [borderOf(inputs, p, plan)],
  multiplyAdds: ([, w], [y]) => convMultiplyAdds(w, y),
};

/**
 * sum + conv(x), written over the sum: the end of a residual block in one pass. Inputs are the sum [n, ..., out], then those of
 * conv. Written by fusion, where `accumulates` holds.
 */
export const convAdd: Op<ConvParams> = {
  name: "convAdd",
  alias: "update",
  strided: { inputs: [0, 1], outputs: true },
  infer([sum, ...inputs], p, where) {
    const [type] = conv.infer(inputs, p, where);
    if (show(sum.shape) !== show(type.shape))
      throw new ShapeError(
        `${where}: the sum has shape ${show(sum.shape)} but the convolution gives ${show(type.shape)}`,
      );
    return [type];
  },
  forward(e, [, ...inputs], [y], p) {
    emitConv(e, inputs, y, p, true);
  },
  borders: ([, ...inputs], p, plan) => [undefined, borderOf(inputs, p, plan)],
  multiplyAdds: ([, , w], [y]) => convMultiplyAdds(w, y),
};

/** Whether convolutions with this filter can add to what their output holds: all but depthwise and single-channel ones. */
export const accumulates = (filter: TensorType): boolean => filter.shape.at(-2)! > 1;

/** What the choice of an algorithm looks at. */
function factsOf(
  axes: readonly Axis[],
  c: number,
  oc: number,
  groups: number,
  { winograd }: Pick<PlanOptions, "winograd">,
): ConvFacts {
  return {
    inPerGroup: c / groups,
    outPerGroup: oc / groups,
    groups,
    kernel: axes.map((a) => a.kernel),
    stride: axes.map((a) => a.stride),
    dilation: axes.map((a) => a.dilation),
    out: axes.map((a) => a.out),
    images: NOMINAL_IMAGES,
    winograd,
  };
}

/** Zeros that should lie round x, so that the algorithm need not make a padded copy. Winograd's skips what lies outside. */
function borderOf(inputs: readonly TensorType[], p: ConvParams, plan: PlanOptions): Border | undefined {
  const { axes, c, oc } = convGeometry(inputs, p, "conv");
  const three = threeAxes(axes, unchanged(1));
  if (p.paddingMode !== "zeros" || !hasBorder(axes) || isFar(three, c, "zeros")) return undefined;
  const algorithm = convAlgorithm(factsOf(three, c, oc, p.groups, plan));
  return isWinograd(algorithm) ? undefined : axes.map((a) => [a.before, a.after]);
}

function emitConv(e: Emitter, inputs: readonly Value[], y: Value, p: ConvParams, accumulate: boolean): void {
  const [x, w, bias] = inputs;
  const { axes: given, c, oc } = convGeometry(inputs, p, "conv");
  const axes = threeAxes(given, unchanged(1));
  const facts = factsOf(axes, c, oc, p.groups, e);
  const yStrides = pixelStrides(y);
  let algorithm = convAlgorithm(facts);
  // Lanes of "direct" run over pixels, which must be dense for it.
  const densePixels = (strides: readonly number[]): boolean => strides[3] === c * 4;
  const zeros = p.paddingMode === "zeros";
  const far = hasBorder(axes) && isFar(axes, c, p.paddingMode);
  if (far && !zeros && isWinograd(algorithm)) algorithm = "gemm";
  if (algorithm === "direct" && (far || !densePixels(yStrides))) algorithm = "depthwise";
  e.algorithm(algorithm);
  // Winograd's and some depthwise ones skip what lies outside; all others, and borders that are not zero, read a border.
  const lies = zeros && coversBorder(x.border, given);
  const skips = isWinograd(algorithm) || (algorithm === "depthwise" && (far || !depthwisePads(facts)));
  const copy =
    (hasBorder(axes) && !lies && !(skips && zeros)) ||
    (algorithm === "direct" && !densePixels(pixelStrides(x)));
  const asWindow = copy || (lies && !isWinograd(algorithm));
  const inside = asWindow
    ? axes.map((a) => ({ ...a, size: a.before + a.size + a.after, before: 0, after: 0 }))
    : axes;
  const end = e.record(epilogue({ accumulate: Number(accumulate), ...epilogueOf(p.activation) }));
  const patches = copy && far;
  const dense = densePixelStrides(
    inside.map((a) => a.size),
    c,
  );
  const images = patches ? patchImages(axes, c) : { axes: inside, strides: copy ? dense : pixelStrides(x) };
  const write = prepare(e, algorithm, images.axes, images.strides, c, oc, p.groups, w, bias, end);
  const each = ({ count, place }: Chunk, copies: Images): void =>
    write(count, copies, { base: place(y.base, yStrides[0]), strides: yStrides });
  if (patches) forEachPatches(e, x, axes, p.paddingMode, each);
  else if (copy) forEachPadded(e, x, axes, p.paddingMode, each);
  else write(x.shape[0], asTheyLie(x, asWindow ? axes : []), { base: y.base, strides: yStrides });
}

/** Packs what can be packed once, and gives back what writes the convolution of some images, which have these strides. */
function prepare(
  e: Emitter,
  algorithm: ConvAlgorithm,
  axes: readonly Axis[],
  strides: readonly number[],
  c: number,
  oc: number,
  groups: number,
  w: Value,
  bias: Value | undefined,
  end: Address<"epilogue">,
): (images: number, x: Images, y: Images) => void {
  if (isWinograd(algorithm)) {
    const run = prepareWinograd(e, algorithm, axes, c, oc, w, bias, end);
    const flat = ({ base, strides: [image, , row, pixel] }: Images) => ({
      base,
      strides: [image, row, pixel],
    });
    return (images, x, y) => run(images, flat(x), flat(y));
  }
  const outs = axes.map((a) => a.out);
  const record = (images: number, x: Images, y: Images) =>
    e.record(
      convShape({
        ...{ n: images, c, oc, out: outs, xStrides: x.strides, outStrides: y.strides },
        size: axes.map((a) => a.size),
        kernel: axes.map((a) => a.kernel),
        stride: axes.map((a) => a.stride),
        dilation: axes.map((a) => a.dilation),
        before: axes.map((a) => a.before),
      }),
    );
  const taps = sizeOf(axes.map((a) => a.kernel));
  const rows = outs[0] * outs[1];
  if (algorithm === "direct")
    return (images, x, y) =>
      e.call("direct_f32", images * rows, [
        ...([y.base, x.base, w.base, bias?.base ?? 0, record(images, x, y), end] as const),
      ]);
  if (algorithm === "depthwise") {
    const { blocks, packedBytes } = planDepthwise(oc, taps);
    const [values, scale] = factorsOf(w);
    const packed = e.packed(bias ? [w, bias] : [w], packedBytes, (to) =>
      e.call("pack_depthwise_f32", blocks, [to, values, scale, bias?.base ?? 0, taps, oc]),
    );
    return (images, x, y) =>
      e.call("depthwise_f32", images * rows, [y.base, x.base, packed, record(images, x, y), end]);
  }
  const product: Product = {
    inputs: c / groups,
    outputs: oc / groups,
    groups,
    filter: w,
    bias,
    taps: Array.from({ length: taps }, (_, i) => i),
    runs: windowRuns(axes, strides.slice(1), c / groups),
  };
  const packed = packProduct(e, product);
  const input = [strides[0], ...axes.map((a, i) => a.stride * strides[i + 1])];
  return (images, x, y) => {
    const grid = { counts: [images, ...outs], input, output: y.strides, first: 0 };
    multiplyInChunks(e, packed, grid, x.base, y.base, end);
  };
}
