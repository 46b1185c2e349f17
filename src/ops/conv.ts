// Convolution over one to three spatial axes, and its transpose. Filters are [k..., in / groups, out].
import { ShapeError } from "../errors.ts";
import { convAlgorithm, imagesPerChunk } from "../engine/plan.ts";
import type { Buffer } from "../engine/program.ts";
import { CONV_KD, CONV_N, CONV_OD, CONV_PF, CONV_SZ, CONV_DZ } from "../engine/wasm.ts";
import { type Activation, activate, clampOf } from "./activation.ts";
import { arity, checkShape, integer, perAxis, show } from "./check.ts";
import { multiply, packProduct, type Product, type Run } from "./gemm.ts";
import { type Emitter, fields, float32, type Op, sizeOf, type TensorType, type Value } from "./op.ts";
import { emitPad } from "./shape.ts";
import { type Axis, type Padding, type PaddingMode, slide } from "./window.ts";

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
    const [x, w, bias] = inputs;
    const { axes, c, oc } = geometry(inputs, p, "conv");
    const three = fill(axes);
    const facts = {
      inPerGroup: c / p.groups,
      outPerGroup: oc / p.groups,
      groups: p.groups,
      kernel: three.map((a) => a.kernel),
      stride: three.map((a) => a.stride),
    };
    const algorithm = convAlgorithm(facts);
    e.algorithm(algorithm);
    const [lo, hi] = clampOf(p.activation);
    const images = x.shape[0];
    // Depthwise skips taps that fall outside; everything else, and every border that is not zero, reads a padded copy.
    const bordered = three.some((a) => a.before > 0 || a.after > 0);
    const copy = bordered && (algorithm !== "depthwise" || p.paddingMode !== "zeros");
    const inside = copy ? three.map((a) => ({ ...a, size: a.before + a.size + a.after, before: 0, after: 0 })) : three;

    const imageIn = sizeOf(x.shape.slice(1)) * 4;
    const imageOut = sizeOf(y.shape.slice(1)) * 4;
    const imagePadded = sizeOf(inside.map((a) => a.size)) * c * 4;
    const chunk = copy ? imagesPerChunk(images, imagePadded) : images;
    const run = prepare(e, algorithm, inside, c, oc, p, w, bias, lo, hi);
    for (let n = 0; n < images; n += chunk) {
      const count = Math.min(chunk, images - n);
      let source = x.buffer.at(n * imageIn);
      if (copy) {
        const padded = e.scratch(count * imagePadded);
        emitPad(e, padded, source, count, three, c, p.paddingMode);
        source = padded;
      }
      run(count, source, y.buffer.at(n * imageOut));
    }
    activate(e, y, p.activation);
  },
  multiplyAdds([, w], [y]) {
    return (sizeOf(w.shape) / w.shape.at(-1)!) * sizeOf(y.shape);
  },
};

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
): (images: number, x: Buffer, y: Buffer) => void {
  const outs = axes.map((a) => a.out);
  const record = (images: number) =>
    e.record(
      fields({
        [CONV_N]: [images, ...axes.map((a) => a.size), c],
        [CONV_OD]: [...outs, oc],
        [CONV_KD]: axes.map((a) => a.kernel),
        [CONV_SZ]: axes.map((a) => a.stride),
        [CONV_DZ]: axes.map((a) => a.dilation),
        [CONV_PF]: axes.map((a) => a.before),
      }),
    );
  if (algorithm !== "gemm") {
    const kernel = algorithm === "direct" ? "direct_f32" : "depthwise_f32";
    const b = bias?.buffer ?? 0;
    return (images, x, y) =>
      e.call(kernel, images * outs[0] * outs[1], [y, x, w.buffer, b, record(images), lo, hi]);
  }
  const product: Product = {
    inputs: c / p.groups,
    outputs: oc / p.groups,
    groups: p.groups,
    filter: w,
    bias,
    taps: Array.from({ length: sizeOf(axes.map((a) => a.kernel)) }, (_, i) => i),
    runs: taps(axes, c, p.groups),
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
    );
}

/** The runs of input a pixel sums over, one per tap; those that touch are merged later. */
function taps(axes: readonly Axis[], c: number, groups: number): Run[] {
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
function operands(inputs: readonly TensorType[], groups: number, where: string): { axes: number; c: number; oc: number } {
  arity(inputs, 2, 3, where);
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
  integer(groups, "groups", where, 1);
  const c = x.shape[axes + 1];
  const oc = w.shape[axes + 1];
  if (w.shape[axes] * groups !== c)
    throw new ShapeError(
      `${where}: input has ${c} channels but the filter expects ${w.shape[axes] * groups} (filter ${show(w.shape)}, groups ${groups})`,
    );
  if (oc % groups !== 0)
    throw new ShapeError(`${where}: ${oc} filters cannot be divided into ${groups} groups (filter ${show(w.shape)})`);
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== oc))
    throw new ShapeError(`${where}: bias has shape ${show(bias.shape)} but must have shape [${oc}], one per filter`);
  return { axes, c, oc };
}

function geometry(inputs: readonly TensorType[], p: ConvParams, where: string): { axes: Axis[]; c: number; oc: number } {
  const { axes, c, oc } = operands(inputs, p.groups, where);
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

export interface ConvTransposeParams extends Omit<ConvParams, "paddingMode"> {
  /** Extra rows at the end of each axis of the output: 0 to the larger of stride and dilation, less 1. */
  outputPadding: readonly number[];
}

/** One axis of a transposed convolution. */
interface TransposedAxis {
  size: number;
  out: number;
  kernel: number;
  stride: number;
  dilation: number;
  /** What the convolution this one transposes had as border before its input. */
  before: number;
}

/**
 * Transposed convolution, the adjoint of `conv`: every input pixel spreads its filter over the output,
 * y[i * stride + tap * dilation − before][n] += x[i][c] * w[tap][c][n], with y of
 * (W − 1)·S − P + D·(K − 1) + 1 + outputPadding pixels; "same" gives W·S (Keras).
 */
export const convTranspose: Op<ConvTransposeParams> = {
  name: "convTranspose",
  infer(inputs, p, where) {
    const { axes, oc } = transposed(inputs, p, where);
    const shape = [inputs[0].shape[0], ...axes.map((a) => a.out), oc];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  // Output pixels fall into stride[0] * stride[1] * stride[2] phases; within one, each pixel sums over the same taps of
  // neighbouring input pixels: an ordinary convolution of stride 1 with a part of the filter. Nothing is zero-stuffed.
  forward(e, inputs, [y], p) {
    const [x, w, bias] = inputs;
    const { axes: given, c, oc } = transposed(inputs, p, "convTranspose");
    const axes = [...new Array<TransposedAxis>(3 - given.length).fill(ONE), ...given];
    e.algorithm("gemm");
    const [lo, hi] = clampOf(p.activation);
    const images = x.shape[0];
    // One border serves all phases.
    const phases = axes.map(phasesOf);
    const bordered = axes.map((a, i) => {
      const shifts = phases[i].flatMap((ph) => ph.taps.map((t) => t.shift));
      const ends = phases[i].flatMap((ph) => ph.taps.map((t) => t.shift + ph.count - a.size));
      return { size: a.size, before: Math.max(0, ...shifts.map((s) => -s)), after: Math.max(0, ...ends) };
    });
    const size = bordered.map((b) => b.before + b.size + b.after);
    const copy = bordered.some((b) => b.before > 0 || b.after > 0);
    const imageIn = sizeOf(x.shape.slice(1)) * 4;
    const imageOut = sizeOf(y.shape.slice(1)) * 4;
    const imagePadded = sizeOf(size) * c * 4;
    const chunk = copy ? imagesPerChunk(images, imagePadded) : images;
    const strides = [size[1] * size[2] * c * 4, size[2] * c * 4, c * 4];
    const outs = axes.map((a) => a.out);
    const outStrides = [outs[1] * outs[2] * oc * 4, outs[2] * oc * 4, oc * 4];

    const parts = phases[0].flatMap((pz) =>
      phases[1].flatMap((py) =>
        phases[2].map((px) => {
          const product: Product = {
            inputs: c / p.groups,
            outputs: oc / p.groups,
            groups: p.groups,
            filter: w,
            bias,
            taps: [],
            runs: [],
          };
          const taps: number[] = [];
          const runs: Run[] = [];
          for (const z of pz.taps)
            for (const v of py.taps)
              for (const u of px.taps) {
                taps.push((z.tap * axes[1].kernel + v.tap) * axes[2].kernel + u.tap);
                const at = [z.shift, v.shift, u.shift].map((s, i) => (s + bordered[i].before) * strides[i]);
                runs.push({ offset: at[0] + at[1] + at[2], length: c / p.groups });
              }
          const whole = { ...product, taps, runs };
          const first = pz.phase * outStrides[0] + py.phase * outStrides[1] + px.phase * outStrides[2];
          return { counts: [pz.count, py.count, px.count], first, product: whole, packed: packProduct(e, whole) };
        }),
      ),
    );
    for (let n = 0; n < images; n += chunk) {
      const count = Math.min(chunk, images - n);
      let source = x.buffer.at(n * imageIn);
      if (copy) {
        const padded = e.scratch(count * imagePadded);
        emitPad(e, padded, source, count, bordered, c, "zeros");
        source = padded;
      }
      for (const part of parts) {
        const grid = {
          counts: [count, ...part.counts],
          input: [imagePadded, ...strides],
          output: [imageOut, ...outStrides.map((s, i) => s * axes[i].stride)],
          first: part.first,
        };
        multiply(e, part.product, part.packed, grid, source, y.buffer.at(n * imageOut), lo, hi);
      }
    }
    activate(e, y, p.activation);
  },
  multiplyAdds([x, w]) {
    return (sizeOf(w.shape) / x.shape.at(-1)!) * sizeOf(x.shape);
  },
};

const ONE: TransposedAxis = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0 };

interface Phase {
  /** Output pixels phase, phase + stride, ...: this many. */
  count: number;
  phase: number;
  /** The taps that reach them, and how far from pixel q of the phase their input pixel lies: q + shift. */
  taps: { tap: number; shift: number }[];
}

function phasesOf(a: TransposedAxis): Phase[] {
  const phases: Phase[] = [];
  for (let phase = 0; phase < Math.min(a.stride, a.out); phase++) {
    const taps: Phase["taps"] = [];
    for (let tap = 0; tap < a.kernel; tap++) {
      const from = phase + a.before - tap * a.dilation;
      if (from % a.stride === 0) taps.push({ tap, shift: from / a.stride });
    }
    phases.push({ phase, count: Math.ceil((a.out - phase) / a.stride), taps });
  }
  return phases;
}

function transposed(
  inputs: readonly TensorType[],
  p: ConvTransposeParams,
  where: string,
): { axes: TransposedAxis[]; c: number; oc: number } {
  const { axes, c, oc } = operands(inputs, p.groups, where);
  const strides = perAxis(p.stride, axes, "stride", where, 1);
  const dilations = perAxis(p.dilation, axes, "dilation", where, 1);
  const extra = perAxis(p.outputPadding, axes, "outputPadding", where, 0);
  const sizes = inputs[0].shape.slice(1, 1 + axes);
  return {
    c,
    oc,
    axes: sizes.map((size, i) => {
      const kernel = inputs[1].shape[i];
      const stride = strides[i];
      const dilation = dilations[i];
      const reach = dilation * (kernel - 1) + 1;
      if (extra[i] > 0 && extra[i] >= Math.max(stride, dilation))
        throw new ShapeError(
          `${where}: outputPadding is ${extra[i]} but must be below the larger of stride ${stride} and dilation ${dilation}`,
        );
      if (p.padding === "same") {
        const total = Math.max(reach - stride, 0);
        return { size, out: size * stride + extra[i], kernel, stride, dilation, before: Math.floor(total / 2) };
      }
      // The border of the convolution whose transpose this is: independent of the size, so slide() may be asked of any that fits.
      const [{ before, after }] = slide(
        [reach],
        { kernel: [kernel], stride: [1], dilation: [dilation], padding: pick(p.padding, i, axes) },
        where,
      );
      const out = (size - 1) * stride - before - after + reach + extra[i];
      if (out < 1)
        throw new ShapeError(
          `${where}: the output would have (W − 1)·S − P + F = (${size} − 1)·${stride} − ${before + after} + ${reach} = ${out} pixels; use less padding`,
        );
      return { size, out, kernel, stride, dilation, before };
    }),
  };
}

/** The padding of one axis alone. A malformed list is passed on whole for slide() to refuse. */
function pick(padding: Padding, i: number, axes: number): Padding {
  if (typeof padding === "string" || typeof padding === "number" || padding.length !== axes) return padding;
  return [padding[i]] as Padding;
}
