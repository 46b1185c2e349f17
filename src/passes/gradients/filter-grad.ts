// Gradients of filters and biases: outer products of input pixels and gradient pixels, summed over all pixels.

import { ShapeError } from "../../errors.ts";
import type { Edge, Graph } from "../../graph/graph.ts";
import { type Emitter, float32, type Op, sizeOf, type Value } from "../../graph/op.ts";
import { arity, show } from "../../ops/check.ts";
import { windowRuns } from "../../ops/conv-geometry.ts";
import { mergeRuns, pixelTable } from "../../ops/gemm.ts";
import { forEachPadded, forEachPatches, hasBorder, isFar, patchImages } from "../../ops/padded.ts";
import { reduce } from "../../ops/reduce.ts";
import { type Axis, densePixelStrides, type PaddingMode, pixelStrides, threeAxes } from "../../ops/window.ts";
import { tilesOfPhase } from "../../ops/winograd.ts";
import type { Address } from "../../runtime/address.ts";
import { type Chunk, forEachChunk } from "../../runtime/chunks.ts";
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
} from "../../runtime/plan.ts";
import { filterGradShape, winogradShape } from "../../runtime/records.ts";
import { DEPTHWISE_GRAD_BLOCK } from "../../runtime/wasm.ts";

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
    const [kernel, stride, dilation] = [p.kernel, p.stride, p.dilation].map((values) => threeAxes(values, 1));
    const before = threeAxes(p.before, 0);
    const out = threeAxes(dy.shape.slice(1, -1), 1);
    const axes = threeAxes(x.shape.slice(1, -1), 1).map((size, i) => {
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

/** x is [images, ..., c], dy is [images, ..., out], both dense; axes are depth, height, width. A few images at a time. */
export function emitFilterGrad(
  e: Emitter,
  dw: Address,
  x: Value,
  dy: Value,
  axes: readonly Axis[],
  groups: number,
  mode: PaddingMode,
): void {
  const images = x.shape[0];
  const [c, oc] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const inside = axes.map((a) => ({ ...a, size: a.before + a.size + a.after }));
  const outs = axes.map((a) => a.out);
  const imagePixels = sizeOf(outs);
  const depthwise = groups > 1 && groups === c && groups === oc;
  const packedPixel = depthwise ? oc * 4 : groups * panelsOf(oc / groups) * PANEL_PIXEL;
  const far = hasBorder(axes) && isFar(axes, c, mode);
  const dense = densePixelStrides(
    inside.map((a) => a.size),
    c,
  );
  const view = far ? patchImages(axes, c) : { axes: inside, strides: dense };
  const { strides } = view;
  const imageBytes = Math.max(strides[0], imagePixels * packedPixel);
  const perChunk = imagesPerChunk(images, imageBytes);
  const part = filterGradChunk(perChunk * imagePixels, packedPixel);
  const table = pixelTable(e, {
    counts: [perChunk, ...outs],
    input: [strides[0], ...view.axes.map((a, i) => a.stride * strides[i + 1])],
    output: densePixelStrides(outs, oc),
    first: 0,
  });
  const strips = depthwise ? tapStrips(view.axes, strides, c) : rowStrips(view.axes, strides, c / groups);
  const stripTable = e.table(strips.flat());
  const packed = e.scratch(depthwise ? 4 : part * packedPixel);
  e.algorithm(depthwise ? "depthwise" : "gemm");
  const shape = (pixels: number, add: boolean) => ({
    pixels,
    block: filterGradBlock(pixels),
    strips: strips.length,
    add: Number(add),
  });
  /** The gradients of some images, a part of their pixels at a time; each adds to the ones before. */
  const write = ({ count, first, place }: Chunk, source: Address): void => {
    const from = place(dy.base, imagePixels * oc * 4);
    forEachChunk(
      e,
      count * imagePixels,
      part,
      (pixels) => {
        const rows = pixels.place(table, 8);
        const own = shape(pixels.count, !(first && pixels.first));
        if (depthwise) {
          const record = e.record(
            filterGradShape({
              ...own,
              n: c,
              groupX: strides[3] * view.axes[2].dilation,
              groups: 1,
              panel: 0,
            }),
          );
          e.call("depthwise_filter_grad_f32", strips.length * Math.ceil(c / DEPTHWISE_GRAD_BLOCK), [
            ...([dw, source, from, rows, stripTable, record] as const),
          ]);
          return;
        }
        const panel = pixels.count * PANEL_PIXEL;
        const channels = oc / groups;
        e.call("pack_pixels_f32", pixels.count, [
          packed,
          pixels.place(from, oc * 4),
          channels,
          groups,
          panel,
        ]);
        const record = e.record(
          filterGradShape({ ...own, n: channels, groups, groupX: (c / groups) * 4, panel }),
        );
        e.call("filter_grad_f32", groups * strips.length * panelsOf(channels), [
          ...([dw, source, packed, rows, stripTable, record] as const),
        ]);
      },
      first,
    );
  };
  const options = { imageBytes, firstApart: true };
  if (far) forEachPatches(e, x, axes, mode, (chunk, patches) => write(chunk, patches.base), options);
  else if (hasBorder(axes))
    forEachPadded(e, x, axes, mode, (chunk, padded) => write(chunk, padded.base), options);
  else forEachChunk(e, images, perChunk, (chunk) => write(chunk, chunk.place(x.base, strides[0])), true);
}

/** The same for 3x3 filters by way of Winograd's tiles; axes are [1, h, w]. */
function emitWinogradGrad(e: Emitter, dw: Value, x: Value, dy: Value, axes: readonly Axis[]): void {
  const points = 36;
  const [c, oc] = [x.shape.at(-1)!, dy.shape.at(-1)!];
  const [, height, width] = axes;
  const tiles = tilesOfPhase(axes, 4);
  const flat = ([image, , row, pixel]: readonly number[]): number[] => [image, row, pixel];
  const shape = e.record(
    winogradShape({
      ...{ n: x.shape[0], c, oc, tiles, m: 4 },
      size: [height.size, width.size],
      out: [height.out, width.out],
      dilation: [height.dilation, width.dilation],
      before: [height.before, width.before],
      xStrides: flat(pixelStrides(x)),
      outStrides: flat(pixelStrides(dy)),
    }),
  );
  const all = x.shape[0] * tiles[0] * height.dilation * tiles[1] * width.dilation;
  const chunk = winogradGradChunk(all, c, oc);
  const panels = panelsOf(oc);
  const pointBytes = winogradStep(chunk * c * 4);
  const panel = winogradStep(chunk * PANEL_PIXEL);
  const inputs = e.scratch(points * pointBytes);
  const gradients = e.scratch(points * panels * panel);
  const products = e.scratch(points * c * oc * 4);
  const counts = [1, 1, 1, chunk];
  const table = pixelTable(e, { counts, input: [0, 0, 0, c * 4], output: [0, 0, 0, 0], first: 0 });
  const strips = filterGradStrips(c).map(([first, rows]) => [first * 4, first, rows]);
  const stripTable = e.table(strips.flat());
  e.algorithm("winograd4");
  forEachChunk(
    e,
    all,
    chunk,
    ({ count, first, start }) => {
      e.call("winograd_input_f4_f32", count, [inputs, x.base, shape, pointBytes, start]);
      e.call("winograd_grad_f4_f32", count, [gradients, dy.base, shape, panel, start]);
      const record = filterGradShape({
        ...{ pixels: count, block: filterGradBlock(count), strips: strips.length, add: Number(!first) },
        ...{ n: oc, groups: points, groupX: pointBytes, panel },
      });
      e.call("filter_grad_f32", points * strips.length * panels, [
        ...([products, inputs, gradients, table, stripTable, e.record(record)] as const),
      ]);
    },
    true,
  );
  e.call("winograd_filter_grad_f4_f32", c, [dw.base, products, c, oc]);
}

/** Strips of rows: where each begins in a window in bytes, its first row, and rows. */
function rowStrips(axes: readonly Axis[], strides: readonly number[], channels: number): number[][] {
  let row = 0;
  return mergeRuns(windowRuns(axes, strides.slice(1), channels)).flatMap(({ offset, length }) => {
    const strips = filterGradStrips(length).map(([first, rows]) => [offset + first * 4, row + first, rows]);
    row += length;
    return strips;
  });
}

/** Lines of taps, at most three together: where each strip begins in a window in bytes, its first tap, and taps. */
function tapStrips(axes: readonly Axis[], strides: readonly number[], c: number): number[][] {
  const runs = windowRuns(axes, strides.slice(1), c);
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
