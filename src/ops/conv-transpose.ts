// Transposed convolution over one to three spatial axes. Filters are [k..., in / groups, out].

import { ShapeError } from "../errors.ts";
import { fields, float32, type Op, sizeOf, type TensorType } from "../graph/op.ts";
import { imagesPerChunk } from "../runtime/plan.ts";
import { CONV_DZ, CONV_KD, CONV_N, CONV_OD, CONV_PF, CONV_SZ } from "../runtime/wasm.ts";
import { activate, clampOf } from "./activation.ts";
import { checkShape, perAxis } from "./check.ts";
import { type ConvParams, operands } from "./conv.ts";
import { multiply, type Product, packProduct, type Run } from "./gemm.ts";
import { emitPad } from "./pad.ts";
import { type Padding, slide } from "./window.ts";

export interface ConvTransposeParams extends Omit<ConvParams, "paddingMode"> {
  /** Extra rows at the end of each axis of the output: 0 to the larger of stride and dilation, less 1. */
  outputPadding: readonly number[];
}

/** One axis of a transposed convolution. */
export interface TransposedAxis {
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
    const [lo, hi] = clampOf(p.activation);
    const images = x.shape[0];
    if (p.groups > 1 && p.groups === c && p.groups === oc) {
      const shape = fields({
        [CONV_N]: [images, ...axes.map((a) => a.size), c],
        [CONV_OD]: [...axes.map((a) => a.out), oc],
        [CONV_KD]: axes.map((a) => a.kernel),
        [CONV_SZ]: axes.map((a) => a.stride),
        [CONV_DZ]: axes.map((a) => a.dilation),
        [CONV_PF]: axes.map((a) => a.before),
      });
      e.algorithm("depthwise");
      const operands = [y.base, x.base, w.base, bias?.base ?? 0, e.table(shape), lo, hi];
      e.call("depthwise_transpose_f32", images * axes[0].out * axes[1].out, operands);
      activate(e, y, p.activation);
      return;
    }
    e.algorithm("gemm");
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
          const taps: number[] = [];
          const runs: Run[] = [];
          for (const z of pz.taps)
            for (const v of py.taps)
              for (const u of px.taps) {
                taps.push((z.tap * axes[1].kernel + v.tap) * axes[2].kernel + u.tap);
                const at = [z.shift, v.shift, u.shift].map((s, i) => (s + bordered[i].before) * strides[i]);
                runs.push({ offset: at[0] + at[1] + at[2], length: c / p.groups });
              }
          const product: Product = {
            inputs: c / p.groups,
            outputs: oc / p.groups,
            groups: p.groups,
            filter: w,
            bias,
            taps,
            runs,
          };
          const first = pz.phase * outStrides[0] + py.phase * outStrides[1] + px.phase * outStrides[2];
          return {
            counts: [pz.count, py.count, px.count],
            first,
            product,
            packed: packProduct(e, product),
          };
        }),
      ),
    );
    for (let n = 0; n < images; n += chunk) {
      const count = Math.min(chunk, images - n);
      let source = x.base.plus(n * imageIn);
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
        multiply(e, part.product, part.packed, grid, source, y.base.plus(n * imageOut), lo, hi);
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

/** The axes of a transposed convolution, settled; channels in and out. */
export function transposed(
  inputs: readonly TensorType[],
  p: ConvTransposeParams,
  where: string,
): { axes: TransposedAxis[]; c: number; oc: number } {
  const { axes, c, oc } = operands(inputs, p, where);
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
        return {
          size,
          out: size * stride + extra[i],
          kernel,
          stride,
          dilation,
          before: Math.floor(total / 2),
        };
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
