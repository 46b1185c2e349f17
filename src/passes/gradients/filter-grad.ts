// Gradients of filters and biases: outer products of input pixels and gradient pixels, summed over all pixels.

import { ShapeError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { type Emitter, fields, float32, type Op, sizeOf, type Value } from "../../graph/op.ts";
import { arity, show } from "../../ops/check.ts";
import { runsOf } from "../../ops/conv.ts";
import { merge, pixels } from "../../ops/gemm.ts";
import { emitPad } from "../../ops/pad.ts";
import { reduce } from "../../ops/reduce.ts";
import { type Axis, type PaddingMode, threeAxes } from "../../ops/window.ts";
import type { Address } from "../../runtime/address.ts";
import {
  convAlgorithm,
  filterGradBlock,
  filterGradChunk,
  filterGradStrips,
  imagesPerChunk,
  PANEL_PIXEL,
  panelsOf,
  winogradGradChunk,
  winogradStep,
  winogradTiles,
} from "../../runtime/plan.ts";
import {
  CONV_DZ,
  CONV_N,
  CONV_OD,
  CONV_PF,
  DEPTHWISE_GRAD_BLOCK,
  FILTER_GRAD_ADD,
  FILTER_GRAD_BLOCK,
  FILTER_GRAD_GROUP_X,
  FILTER_GRAD_GROUPS,
  FILTER_GRAD_N,
  FILTER_GRAD_P,
  FILTER_GRAD_PANEL,
  FILTER_GRAD_STRIPS,
  FILTER_GRAD_TAP,
  WINOGRAD_ACROSS,
  WINOGRAD_DOWN,
  WINOGRAD_M,
} from "../../runtime/wasm.ts";

export interface FilterGradParams {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  /** The border before the input; after it there is as much as the last window reaches. */
  before: readonly number[];
  paddingMode: PaddingMode;
  groups: number;
}

/**
 * The gradient of a convolution by its filter, of x [n, ..., c] and dy [n, ..., out]:
 * dw[tap][c][n] = sum over pixels o of x[o * stride + tap * dilation − before][c] * dy[o][n].
 */
export const convFilterGrad: Op<FilterGradParams> = {
  name: "convFilterGrad",
  infer(inputs, { kernel, groups }, where) {
    arity(inputs, 2, 2, where);
    const [x, dy] = inputs;
    if (x.shape[0] !== dy.shape[0] || x.shape.length !== dy.shape.length)
      throw new ShapeError(`${where}: input ${show(x.shape)} and gradient ${show(dy.shape)} do not match`);
    return [float32([...kernel, x.shape.at(-1)! / groups, dy.shape.at(-1)!])];
  },
  forward(e, [x, dy], [dw], p) {
    const three = (values: readonly number[], missing: number): number[] => threeAxes(values, missing);
    const [kernel, stride, dilation] = [p.kernel, p.stride, p.dilation].map((values) => three(values, 1));
    const before = three(p.before, 0);
    const out = three(dy.shape.slice(1, -1), 1);
    const axes = three(x.shape.slice(1, -1), 1).map((size, i) => {
      const last = (out[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1;
      return {
        ...{ size, out: out[i], kernel: kernel[i], stride: stride[i], dilation: dilation[i] },
        ...{ before: before[i], after: Math.max(0, last - before[i] - size) },
      };
    });
    const facts = {
      inPerGroup: x.shape.at(-1)! / p.groups,
      outPerGroup: dy.shape.at(-1)! / p.groups,
      ...{ groups: p.groups, kernel, stride, dilation, out, images: x.shape[0], winograd: e.winograd },
    };
    if (p.paddingMode === "zeros" && /^winograd[24]$/.test(convAlgorithm(facts)))
      emitWinogradGrad(e, dw, x, dy, axes);
    else emitFilterGrad(e, dw.base, x, dy, axes, p.groups, p.paddingMode);
  },
  multiplyAdds([, dy], [dw]) {
    return (sizeOf(dw.shape) / dw.shape.at(-1)!) * sizeOf(dy.shape);
  },
};

/** x is [images, ..., c], dy is [images, ..., out]; axes are depth, height, width. A few images at a time. */
export function emitFilterGrad(
  e: Emitter,
  dw: Address,
  x: Pick<Value, "shape" | "base">,
  dy: Pick<Value, "shape" | "base">,
  axes: readonly Axis[],
  groups: number,
  mode: PaddingMode,
): void {
  const images = x.shape[0];
  const [c, oc] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const copy = axes.some((a) => a.before > 0 || a.after > 0);
  const inside = axes.map((a) => ({ ...a, size: a.before + a.size + a.after }));
  const [, height, width] = inside.map((a) => a.size);
  const outs = axes.map((a) => a.out);
  const imagePixels = sizeOf(outs);
  const imageIn = sizeOf(axes.map((a) => a.size)) * c * 4;
  const imagePadded = sizeOf(inside.map((a) => a.size)) * c * 4;
  const depthwise = groups > 1 && groups === c && groups === oc;
  const packedPixel = depthwise ? oc * 4 : groups * panelsOf(oc / groups) * PANEL_PIXEL;
  const chunk = imagesPerChunk(images, Math.max(imagePadded, imagePixels * packedPixel));
  const part = filterGradChunk(chunk * imagePixels, packedPixel);
  const table = pixels(e, {
    counts: [chunk, ...outs],
    input: [imagePadded, ...axes.map((a, i) => a.stride * [height * width, width, 1][i] * c * 4)],
    output: [imagePixels, outs[1] * outs[2], outs[2], 1].map((step) => step * oc * 4),
    first: 0,
  });
  const tap = inside[2].dilation * c * 4;
  const strips = depthwise ? tapsOf(inside, c) : stripsOf(inside, c, groups);
  const stripTable = e.table(strips.flat());
  const padded = copy ? e.scratch(chunk * imagePadded) : undefined;
  const packed = e.scratch(depthwise ? 0 : part * packedPixel);
  e.algorithm(depthwise ? "depthwise" : "gemm");
  for (let n = 0; n < images; n += chunk) {
    const count = Math.min(chunk, images - n);
    let source = x.base.plus(n * imageIn);
    if (padded) {
      emitPad(e, padded, source, count, axes, c, mode);
      source = padded;
    }
    const all = count * imagePixels;
    for (let first = 0; first < all; first += part) {
      const P = Math.min(part, all - first);
      const panel = P * PANEL_PIXEL;
      const blocks = {
        [FILTER_GRAD_P]: [P],
        [FILTER_GRAD_BLOCK]: [filterGradBlock(P)],
        [FILTER_GRAD_STRIPS]: [strips.length],
        [FILTER_GRAD_ADD]: [n + first > 0 ? 1 : 0],
      };
      if (depthwise) {
        const record = e.table(fields({ ...blocks, [FILTER_GRAD_N]: [c], [FILTER_GRAD_TAP]: [tap] }));
        const from = dy.base.plus(n * imagePixels * oc * 4);
        e.call("depthwise_filter_grad_f32", strips.length * Math.ceil(c / DEPTHWISE_GRAD_BLOCK), [
          ...[dw, source, from, table.plus(first * 8), stripTable, record],
        ]);
        continue;
      }
      const from = dy.base.plus((n * imagePixels + first) * oc * 4);
      e.call("pack_pixels_f32", P, [packed, from, oc / groups, groups, panel]);
      const record = fields({
        ...blocks,
        [FILTER_GRAD_N]: [oc / groups],
        [FILTER_GRAD_GROUPS]: [groups],
        [FILTER_GRAD_GROUP_X]: [(c / groups) * 4],
        [FILTER_GRAD_PANEL]: [panel],
      });
      e.call("filter_grad_f32", groups * strips.length * panelsOf(oc / groups), [
        ...[dw, source, packed, table.plus(first * 8), stripTable, e.table(record)],
      ]);
    }
  }
}

/** The same for 3x3 filters by way of Winograd's tiles; axes are [1, h, w]. */
function emitWinogradGrad(e: Emitter, dw: Value, x: Value, dy: Value, axes: readonly Axis[]): void {
  const points = 36;
  const [c, oc] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const [down, across] = axes.slice(1).map((a) => winogradTiles(a.out, a.dilation, 4) / a.dilation);
  const shape = e.table(
    fields({
      [CONV_N]: [x.shape[0], ...axes.map((a) => a.size), c],
      [CONV_OD]: [...axes.map((a) => a.out), oc],
      [CONV_DZ]: axes.map((a) => a.dilation),
      [CONV_PF]: axes.map((a) => a.before),
      [WINOGRAD_ACROSS]: [across],
      [WINOGRAD_DOWN]: [down],
      [WINOGRAD_M]: [4],
    }),
  );
  const tiles = x.shape[0] * across * axes[2].dilation * down * axes[1].dilation;
  const chunk = winogradGradChunk(tiles, c, oc);
  const panels = panelsOf(oc);
  const step = winogradStep(chunk * c * 4);
  const panel = winogradStep(chunk * PANEL_PIXEL);
  const inputs = e.scratch(points * step);
  const gradients = e.scratch(points * panels * panel);
  const products = e.scratch(points * c * oc * 4);
  const table = pixels(e, {
    ...{ counts: [1, 1, 1, chunk], input: [0, 0, 0, c * 4], output: [0, 0, 0, 0], first: 0 },
  });
  const strips = filterGradStrips(c).map(([first, rows]) => [first * 4, first, rows]);
  const stripTable = e.table(strips.flat());
  e.algorithm("winograd4");
  for (let first = 0; first < tiles; first += chunk) {
    const P = Math.min(chunk, tiles - first);
    e.call("winograd_input_f4_f32", P, [inputs, x.base, shape, step, first]);
    e.call("winograd_grad_f4_f32", P, [gradients, dy.base, shape, panel, first]);
    const record = fields({
      [FILTER_GRAD_P]: [P],
      [FILTER_GRAD_BLOCK]: [filterGradBlock(P)],
      [FILTER_GRAD_N]: [oc],
      [FILTER_GRAD_STRIPS]: [strips.length],
      [FILTER_GRAD_GROUPS]: [points],
      [FILTER_GRAD_GROUP_X]: [step],
      [FILTER_GRAD_PANEL]: [panel],
      [FILTER_GRAD_ADD]: [first > 0 ? 1 : 0],
    });
    e.call("filter_grad_f32", points * strips.length * panels, [
      ...[products, inputs, gradients, table, stripTable, e.table(record)],
    ]);
  }
  e.call("winograd_filter_grad_f4_f32", c, [dw.base, products, c, oc]);
}

/** Runs of rows: where each begins in a window in bytes, the first row, and rows. */
function stripsOf(axes: readonly Axis[], c: number, groups: number): number[][] {
  let row = 0;
  return merge(runsOf(axes, c, groups)).flatMap(({ offset, length }) => {
    const strips = filterGradStrips(length).map(([first, rows]) => [offset + first * 4, row + first, rows]);
    row += length;
    return strips;
  });
}

/** Lines of taps, at most three together: where each strip begins in a window in bytes, its first tap, and taps. */
function tapsOf(axes: readonly Axis[], c: number): number[][] {
  const runs = runsOf(axes, c, c);
  const strips: number[][] = [];
  for (let tap = 0; tap < runs.length; ) {
    const left = axes[2].kernel - (tap % axes[2].kernel);
    const taps = Math.ceil(left / Math.ceil(left / 3));
    strips.push([runs[tap].offset, tap, taps]);
    tap += taps;
  }
  return strips;
}

/** The gradient of a bias: the sum over all pixels. */
export function biasGradient(g: Graph, dy: Edge): Edge {
  const axes = dy.shape.slice(0, -1).map((_, i) => i);
  return g.op(reduce, [dy], { kind: "sum", axes, keepDims: false });
}
