// Convolution over one to three spatial axes. Filters are [k..., in / groups, out].

import { ShapeError } from "../errors.ts";
import { type Emitter, fields, float32, type Op, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { convAlgorithm, depthwisePads, imagesPerChunk, isWinograd, planDepthwise } from "../runtime/plan.ts";
import { CONV_DZ, CONV_KD, CONV_N, CONV_OD, CONV_PF, CONV_SZ } from "../runtime/wasm.ts";
import { type Activation, activate, checkActivation, clampOf } from "./activation.ts";
import { arity, checkShape, integer, perAxis, requireFloats, show } from "./check.ts";
import { multiply, type Product, packProduct, type Run } from "./gemm.ts";
import { emitPad } from "./pad.ts";
import { type Axis, type Padding, type PaddingMode, slide } from "./window.ts";
import { prepareWinograd } from "./winograd.ts";

export interface ConvParams {
  stride: readonly number[];
  dilation: readonly number[];
  padding: Padding;
  paddingMode: PaddingMode;
  groups: number;
  /** Applied to the result where it is made. */
  activation?: Activation;
}

const LAYOUTS = ["", "[n, w, c]", "[n, h, w, c]", "[n, d, h, w, c]"];

/**
 * Cross-correlation, as every deep-learning library calls convolution:
 * y[o][n] = b[n] + sum over taps and channels of x[o * stride + tap * dilation − before][c] * w[tap][c][n].
 */
export const conv: Op<ConvParams> = {
  name: "conv",
  infer(inputs, p, where) {
    const { axes, oc } = geometry(inputs, p, where);
    const shape = [inputs[0].shape[0], ...axes.map((a) => a.out), oc];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, inputs, [y], p) {
    emitConv(e, inputs, y, p, false);
  },
  multiplyAdds([, w], [y]) {
    return multiplyAdds(w, y);
  },
};

/**
 * sum + conv(x), written over the sum: the end of a residual block in one pass. Inputs are the sum [n, ..., out], then those of
 * conv. Written by fusion, where `accumulates` holds.
 */
export const convAdd: Op<ConvParams> = {
  name: "convAdd",
  alias: "update",
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
  multiplyAdds([, , w], [y]) {
    return multiplyAdds(w, y);
  },
};

/** Whether convolutions with this filter can add to what their output holds: all but depthwise and single-channel ones. */
export const accumulates = (filter: TensorType): boolean => filter.shape.at(-2)! > 1;

const multiplyAdds = (w: TensorType, y: TensorType): number =>
  (sizeOf(w.shape) / w.shape.at(-1)!) * sizeOf(y.shape);

function emitConv(e: Emitter, inputs: readonly Value[], y: Value, p: ConvParams, accumulate: boolean): void {
  const [x, w, bias] = inputs;
  const { axes, c, oc } = geometry(inputs, p, "conv");
  const three = fill(axes);
  const facts = {
    inPerGroup: c / p.groups,
    outPerGroup: oc / p.groups,
    groups: p.groups,
    kernel: three.map((a) => a.kernel),
    stride: three.map((a) => a.stride),
    dilation: three.map((a) => a.dilation),
    out: three.map((a) => a.out),
    images: x.shape[0],
    winograd: e.winograd,
  };
  const algorithm = convAlgorithm(facts);
  e.algorithm(algorithm);
  const [lo, hi] = clampOf(p.activation);
  const images = x.shape[0];
  // Winograd and most depthwise ones skip what falls outside; all else, and borders that are not zero, read a padded copy.
  const bordered = three.some((a) => a.before > 0 || a.after > 0);
  const skips = isWinograd(algorithm) || (algorithm === "depthwise" && !depthwisePads(facts));
  const copy = bordered && !(skips && p.paddingMode === "zeros");
  const inside = copy
    ? three.map((a) => ({ ...a, size: a.before + a.size + a.after, before: 0, after: 0 }))
    : three;

  const imageIn = sizeOf(x.shape.slice(1)) * 4;
  const imageOut = sizeOf(y.shape.slice(1)) * 4;
  const imagePadded = sizeOf(inside.map((a) => a.size)) * c * 4;
  const chunk = copy ? imagesPerChunk(images, imagePadded) : images;
  const run = prepare(e, algorithm, inside, c, oc, p, w, bias, lo, hi, accumulate);
  for (let n = 0; n < images; n += chunk) {
    const count = Math.min(chunk, images - n);
    let source = x.base.plus(n * imageIn);
    if (copy) {
      const padded = e.scratch(count * imagePadded);
      emitPad(e, padded, source, count, three, c, p.paddingMode);
      source = padded;
    }
    run(count, source, y.base.plus(n * imageOut));
  }
  activate(e, y, p.activation);
}

/** Packs what can be packed once, and gives back what emits the convolution of some images. */
function prepare(
  e: Emitter,
  algorithm: ReturnType<typeof convAlgorithm>,
  axes: readonly Axis[],
  c: number,
  oc: number,
  p: ConvParams,
  w: Value,
  bias: Value | undefined,
  lo: number,
  hi: number,
  accumulate: boolean,
): (images: number, x: Address, y: Address) => void {
  if (isWinograd(algorithm)) return prepareWinograd(e, algorithm, axes, c, oc, w, bias, lo, hi, accumulate);
  const outs = axes.map((a) => a.out);
  const record = (images: number) =>
    e.table(
      fields({
        [CONV_N]: [images, ...axes.map((a) => a.size), c],
        [CONV_OD]: [...outs, oc],
        [CONV_KD]: axes.map((a) => a.kernel),
        [CONV_SZ]: axes.map((a) => a.stride),
        [CONV_DZ]: axes.map((a) => a.dilation),
        [CONV_PF]: axes.map((a) => a.before),
      }),
    );
  const taps = sizeOf(axes.map((a) => a.kernel));
  const rows = outs[0] * outs[1];
  if (algorithm === "direct")
    return (images, x, y) =>
      e.call("direct_f32", images * rows, [y, x, w.base, bias?.base ?? 0, record(images), lo, hi]);
  if (algorithm === "depthwise") {
    const { blocks, packedBytes } = planDepthwise(oc, taps);
    const packed = e.packed(bias ? [w, bias] : [w], packedBytes, (to) =>
      e.call("pack_depthwise_f32", blocks, [to, w.base, bias?.base ?? 0, taps, oc]),
    );
    return (images, x, y) => e.call("depthwise_f32", images * rows, [y, x, packed, record(images), lo, hi]);
  }
  const product: Product = {
    inputs: c / p.groups,
    outputs: oc / p.groups,
    groups: p.groups,
    filter: w,
    bias,
    taps: Array.from({ length: taps }, (_, i) => i),
    runs: runsOf(axes, c, p.groups),
  };
  const packed = packProduct(e, product);
  const [, h, width] = axes.map((a) => a.size);
  const pixel = c * 4;
  return (images, x, y) =>
    multiply(
      e,
      product,
      packed,
      {
        counts: [images, ...outs],
        input: [
          axes[0].size * h * width * pixel,
          axes[0].stride * h * width * pixel,
          axes[1].stride * width * pixel,
          axes[2].stride * pixel,
        ],
        output: [sizeOf(outs) * oc * 4, outs[1] * outs[2] * oc * 4, outs[2] * oc * 4, oc * 4],
        first: 0,
      },
      x,
      y,
      lo,
      hi,
      accumulate,
    );
}

/** The runs of input a pixel sums over, one per tap; those that touch are merged later. */
export function runsOf(
  axes: readonly Pick<Axis, "size" | "kernel" | "dilation">[],
  c: number,
  groups: number,
): Run[] {
  const [z, y, x] = axes;
  const runs: Run[] = [];
  for (let kz = 0; kz < z.kernel; kz++)
    for (let ky = 0; ky < y.kernel; ky++)
      for (let kx = 0; kx < x.kernel; kx++)
        runs.push({
          offset: ((kz * z.dilation * y.size + ky * y.dilation) * x.size + kx * x.dilation) * c * 4,
          length: c / groups,
        });
  return runs;
}

/** Three axes: leading ones of size 1 in front of what there is. */
function fill(axes: readonly Axis[]): Axis[] {
  const one: Axis = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
  return [...new Array<Axis>(3 - axes.length).fill(one), ...axes];
}

/** What both directions share: ranks, channels, groups and bias checked. */
export function operands(
  inputs: readonly TensorType[],
  { groups, activation }: Pick<ConvParams, "groups" | "activation">,
  where: string,
): { axes: number; c: number; oc: number } {
  arity(inputs, 2, 3, where);
  if (activation) checkActivation(activation, where);
  const [x, w, bias] = inputs;
  const axes = w.shape.length - 2;
  if (axes < 1 || axes > 3)
    throw new ShapeError(
      `${where}: the filter has rank ${w.shape.length} (shape ${show(w.shape)}) but must have rank 3, 4 or 5 ([k..., in / groups, out])`,
    );
  if (x.shape.length !== axes + 2)
    throw new ShapeError(
      `${where}: input has rank ${x.shape.length} (shape ${show(x.shape)}) but the filter ${show(w.shape)} expects rank ${axes + 2} (${LAYOUTS[axes]})`,
    );
  checkShape(x.shape, "input", where);
  checkShape(w.shape, "filter", where);
  for (const input of inputs) requireFloats(input, where);
  integer(groups, "groups", where, 1);
  const c = x.shape[axes + 1];
  const oc = w.shape[axes + 1];
  if (w.shape[axes] * groups !== c)
    throw new ShapeError(
      `${where}: input has ${c} channels but the filter expects ${w.shape[axes] * groups} (filter ${show(w.shape)}, groups ${groups})`,
    );
  if (oc % groups !== 0)
    throw new ShapeError(
      `${where}: ${oc} filters cannot be divided into ${groups} groups (filter ${show(w.shape)})`,
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc))
    throw new ShapeError(
      `${where}: bias has shape ${show(bias.shape)} but must have shape [${oc}], one per filter`,
    );
  return { axes, c, oc };
}

export function geometry(
  inputs: readonly TensorType[],
  p: ConvParams,
  where: string,
): { axes: Axis[]; c: number; oc: number } {
  const { axes, c, oc } = operands(inputs, p, where);
  const kernel = inputs[1].shape.slice(0, axes);
  const window = {
    kernel,
    stride: perAxis(p.stride, axes, "stride", where, 1),
    dilation: perAxis(p.dilation, axes, "dilation", where, 1),
    padding: p.padding,
  };
  const slid = slide(inputs[0].shape.slice(1, 1 + axes), window, where);
  if (!["zeros", "reflect", "replicate"].includes(p.paddingMode))
    throw new ShapeError(
      `${where}: paddingMode is ${JSON.stringify(p.paddingMode)} but must be "zeros", "reflect" or "replicate"`,
    );
  if (p.paddingMode === "reflect")
    for (const a of slid)
      if (a.before >= a.size || a.after >= a.size)
        throw new ShapeError(
          `${where}: reflect padding of ${a.before} + ${a.after} needs an input longer than each side, but it has ${a.size}`,
        );
  return { axes: slid, c, oc };
}
