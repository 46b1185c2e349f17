// Transposed convolution over one to three spatial axes. Filters are [k..., in / groups, out].

import { ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { transposedScatters } from "../runtime/plan.ts";
import { convShape, epilogue } from "../runtime/records.ts";
import { epilogueOf } from "./activation.ts";
import { checkShape, perAxis } from "./check.ts";
import { type ConvParams, convOperands, coversBorder, type Run } from "./conv-geometry.ts";
import { emitScattered } from "./conv-scatter.ts";
import { multiplyInChunks, type Product, packProduct } from "./gemm.ts";
import { emitFill } from "./pad.ts";
import { asTheyLie, type BorderedAxis, forEachPadded, hasBorder } from "./padded.ts";
import {
  type Axis,
  checkPadding,
  checkSpan,
  densePixelStrides,
  type Padding,
  pixelStrides,
  slide,
  windowLists,
} from "./window.ts";

export interface ConvTransposeParams extends Omit<ConvParams, "paddingMode"> {
  /** Extra rows at the end of each axis of the output: 0 to the larger of stride and dilation, less 1. */
  outputPadding: readonly number[];
}

/** One axis of a transposed convolution; `before` is the border that the convolution it transposes had before its input. */
export type TransposedAxis = Omit<Axis, "after">;

/**
 * Transposed convolution, the adjoint of `conv`: every input pixel spreads its filter over the output,
 * y[i * stride + tap * dilation − before][n] += x[i][c] * w[tap][c][n], with y of
 * (W − 1)·S − P + D·(K − 1) + 1 + outputPadding pixels; "same" gives W·S (Keras).
 */
export const convTranspose: Op<ConvTransposeParams> = {
  name: "convTranspose",
  strided: { inputs: [0], outputs: true },
  infer(inputs, p, where) {
    const { axes, oc } = transposed(inputs, p, where);
    const shape = [inputs[0].shape[0], ...axes.map((a) => a.out), oc];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  // Output pixels fall into stride[0] * stride[1] * stride[2] phases; within one, each pixel sums over the same taps of
  // neighbouring input pixels: an ordinary convolution of stride 1 with a part of the filter. Nothing is zero-stuffed. Phases that no
  // tap reaches hold the bias alone: where there are any, all of the output is filled with it first.
  forward(e, inputs, [y], p) {
    const [x, w, bias] = inputs;
    const { axes: given, c, oc } = transposed(inputs, p, "convTranspose");
    const axes = threeTransposed(given);
    const images = x.shape[0];
    const yStrides = pixelStrides(y);
    const end = e.record(epilogue({ accumulate: 0, ...epilogueOf(p.activation) }));
    if (isDepthwise(p, c, oc)) {
      const shape = convShape({
        ...{ n: images, c, oc, xStrides: pixelStrides(x), outStrides: yStrides },
        ...windowLists(axes),
      });
      e.algorithm("depthwise");
      e.call("depthwise_transpose_f32", images * axes[0].out * axes[1].out, [
        ...([y.base, x.base, w.base, bias?.base ?? 0, e.record(shape), end] as const),
      ]);
      return;
    }
    const phases = axes.map(phasesOf);
    if (scatters(axes, phases, oc / p.groups)) {
      e.algorithm("scatter");
      emitScattered(e, inputs, y, axes, p.groups, p.activation);
      return;
    }
    e.algorithm("gemm");
    const bordered = borderOf(axes, phases);
    const copy = hasBorder(bordered) && !coversBorder(x.border, bordered.slice(3 - given.length));
    const size = bordered.map((b) => b.before + b.size + b.after);
    const strides = copy ? densePixelStrides(size, c) : pixelStrides(x);
    const packed = productsOf(axes, phases, bordered, strides, c, oc, p.groups, w, bias).map((part) => ({
      ...{ counts: part.counts, packed: packProduct(e, part.product) },
      first: part.phase.reduce((sum, phase, i) => sum + phase * yStrides[i + 1], 0),
    }));
    if (axes.some((a, i) => phases[i].length < Math.min(a.stride, a.out))) {
      if (bias || p.activation) {
        const counts = [images, ...axes.map((a) => a.out)];
        const product = { inputs: c / p.groups, outputs: oc / p.groups, groups: p.groups, filter: w, bias };
        const none = packProduct(e, { ...product, taps: [], runs: [] });
        const grid = { counts, input: [0, 0, 0, 0], output: yStrides, first: 0 };
        multiplyInChunks(e, none, grid, x.base, y.base, end);
      } else emitFill(e, y, 0);
    }
    const output = [yStrides[0], ...axes.map((a, i) => a.stride * yStrides[i + 1])];
    const write = (count: number, from: Address, to: Address): void => {
      for (const { counts, packed: product, first } of packed)
        multiplyInChunks(
          e,
          product,
          { counts: [count, ...counts], input: strides, output, first },
          from,
          to,
          end,
        );
    };
    if (copy)
      forEachPadded(e, x, bordered, "zeros", ({ count, place }, padded) =>
        write(count, padded.base, place(y.base, yStrides[0])),
      );
    else write(images, asTheyLie(x, bordered).base, y.base);
  },
  borders(inputs, p) {
    const { axes, c, oc } = transposed(inputs, p, "convTranspose");
    if (isDepthwise(p, c, oc)) return [];
    const phases = axes.map(phasesOf);
    const bordered = borderOf(axes, phases);
    return hasBorder(bordered) && !scatters(axes, phases, oc / p.groups)
      ? [bordered.map((a) => [a.before, a.after])]
      : [];
  },
  multiplyAdds([x, w]) {
    return (sizeOf(w.shape) / x.shape.at(-1)!) * sizeOf(x.shape);
  },
};

const ONE: TransposedAxis = { size: 1, out: 1, kernel: 1, stride: 1, dilation: 1, before: 0 };

/** Depth, height and width. */
const threeTransposed = (axes: readonly TransposedAxis[]): TransposedAxis[] => [
  ...new Array<TransposedAxis>(3 - axes.length).fill(ONE),
  ...axes,
];

const isDepthwise = ({ groups }: Pick<ConvTransposeParams, "groups">, c: number, oc: number): boolean =>
  groups > 1 && groups === c && groups === oc;

/** Whether the products of pixels and taps are far fewer than those of phases, most of which meet only the border. */
function scatters(
  axes: readonly TransposedAxis[],
  phases: readonly (readonly Phase[])[],
  oc: number,
): boolean {
  const products = sizeOf(axes.map((a) => a.size * a.kernel));
  const inPhases = sizeOf(
    phases.map((own) => own.reduce((sum, { count, taps }) => sum + count * taps.length, 0)),
  );
  return transposedScatters(products, inPhases, products * oc * 4);
}

/** How far the phases of each axis read beyond the input: one border serves them all. */
function borderOf(axes: readonly TransposedAxis[], phases: readonly (readonly Phase[])[]): BorderedAxis[] {
  return axes.map(({ size }, i) => {
    let [before, after] = [0, 0];
    for (const { taps, count } of phases[i])
      for (const { shift } of taps) {
        before = Math.max(before, -shift);
        after = Math.max(after, shift + count - size);
      }
    return { size, before, after };
  });
}

/** The product of every combination of phases: its phase and pixels along each axis. */
function productsOf(
  axes: readonly TransposedAxis[],
  [planes, rows, columns]: readonly (readonly Phase[])[],
  bordered: readonly BorderedAxis[],
  strides: readonly number[],
  c: number,
  oc: number,
  groups: number,
  filter: Value,
  bias: Value | undefined,
): { counts: number[]; phase: number[]; product: Product }[] {
  const offset = (shifts: readonly number[]): number =>
    shifts.reduce((sum, s, i) => sum + (s + bordered[i].before) * strides[i + 1], 0);
  return planes.flatMap((pz) =>
    rows.flatMap((py) =>
      columns.map((px) => {
        const taps: number[] = [];
        const runs: Run[] = [];
        for (const z of pz.taps)
          for (const y of py.taps)
            for (const x of px.taps) {
              taps.push((z.tap * axes[1].kernel + y.tap) * axes[2].kernel + x.tap);
              runs.push({ offset: offset([z.shift, y.shift, x.shift]), length: c / groups });
            }
        const product = { inputs: c / groups, outputs: oc / groups, groups, filter, bias, taps, runs };
        return {
          counts: [pz.count, py.count, px.count],
          phase: [pz.phase, py.phase, px.phase],
          product,
        };
      }),
    ),
  );
}

interface Phase {
  /** Output pixels phase, phase + stride, ...: this many. */
  count: number;
  phase: number;
  /** The taps that reach them, and how far from pixel q of the phase their input pixel lies: q + shift. */
  taps: { tap: number; shift: number }[];
}

/** The phases that some tap reaches: one per tap at most, however large the stride. */
function phasesOf({ size, out, kernel, stride, dilation, before }: TransposedAxis): Phase[] {
  const phases = new Map<number, Phase>();
  for (let tap = 0; tap < kernel; tap++) {
    const first = tap * dilation - before;
    const phase = ((first % stride) + stride) % stride;
    const count = Math.ceil((out - phase) / stride);
    const shift = (phase - first) / stride;
    // Taps that meet no input pixel would only make the border wider.
    if (phase >= out || shift >= size || shift + count <= 0) continue;
    const taps = phases.get(phase)?.taps ?? [];
    taps.push({ tap, shift });
    phases.set(phase, { phase, count, taps });
  }
  return [...phases.values()].sort((a, b) => a.phase - b.phase);
}

/** The axes of a transposed convolution, resolved; channels in and out. Throws ShapeError. */
export function transposed(
  inputs: readonly TensorType[],
  p: ConvTransposeParams,
  where: string,
): { axes: TransposedAxis[]; c: number; oc: number } {
  const { axes, c, oc } = convOperands(inputs, p, where);
  const strides = perAxis(p.stride, axes, "stride", where, 1);
  const dilations = perAxis(p.dilation, axes, "dilation", where, 1);
  const extra = perAxis(p.outputPadding, axes, "outputPadding", where, 0);
  const sizes = inputs[0].shape.slice(1, 1 + axes);
  checkPadding(p.padding, axes, where);
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
        const before = Math.floor(total / 2);
        const out = size * stride + extra[i];
        checkSpan(out, total, { kernel, stride, dilation }, where);
        return { size, out, kernel, stride, dilation, before };
      }
      // The border of the convolution whose transpose this is: independent of the size, so slide() may be asked of any that fits.
      const [{ before, after }] = slide(
        [reach],
        { kernel: [kernel], stride: [1], dilation: [dilation], padding: pick(p.padding, i) },
        where,
      );
      const out = (size - 1) * stride - before - after + reach + extra[i];
      if (out < 1)
        throw new ShapeError(
          `${where}: the output would have (W − 1)·S − P + F = (${size} − 1)·${stride} − ${before + after} + ${reach} = ${out} pixels; use less padding`,
        );
      checkSpan(out, before + after, { kernel, stride, dilation }, where);
      return { size, out, kernel, stride, dilation, before };
    }),
  };
}

/** The padding of one axis alone. */
function pick(padding: Padding, i: number): Padding {
  return Array.isArray(padding) ? ([padding[i]] as Padding) : padding;
}
