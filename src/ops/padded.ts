// Images with a border round them: as they lie where there is one already, else as padded copies, a few images at a time.
import { type Emitter, sizeOf, type Value } from "../graph/op.ts";
import { type Chunk, forEachChunk } from "../runtime/chunks.ts";
import { imagesPerChunk } from "../runtime/plan.ts";
import { emitPad } from "./pad.ts";
import { densePixelStrides, type Images, type PaddingMode, pixelStrides } from "./window.ts";

/** How far a border reaches along depth, height and width. */
export interface BorderedAxis {
  readonly size: number;
  readonly before: number;
  readonly after: number;
}

export const hasBorder = (axes: readonly BorderedAxis[]): boolean =>
  axes.some((a) => a.before > 0 || a.after > 0);

/** The images without a border, or with one that lies round them already; `base` is that of the border's first pixel. */
export function asTheyLie(x: Value, axes: readonly BorderedAxis[]): Images {
  const strides = pixelStrides(x);
  return { base: x.base.plus(-axes.reduce((sum, a, i) => sum + a.before * strides[i + 1], 0)), strides };
}

/**
 * Writes `body` for padded copies of all images, a chunk at a time, so that they are still in L2 when they are read. `imageBytes`
 * is what else a chunk needs per image. With `firstApart` the first chunk is written on its own.
 */
export function forEachPadded(
  e: Emitter,
  x: Value,
  axes: readonly BorderedAxis[],
  mode: PaddingMode,
  body: (chunk: Chunk, images: Images) => void,
  { imageBytes = 0, firstApart = false } = {},
): void {
  const c = x.shape[x.shape.length - 1];
  const images = x.shape[0];
  const size = axes.map((a) => a.before + a.size + a.after);
  const bytes = sizeOf(size) * c * 4;
  const perChunk = imagesPerChunk(images, Math.max(bytes, imageBytes));
  const from = pixelStrides(x);
  const padded = { base: e.scratch(perChunk * bytes), strides: densePixelStrides(size, c) };
  forEachChunk(
    e,
    images,
    perChunk,
    (chunk) => {
      const source = { base: chunk.place(x.base, from[0]), strides: from };
      emitPad(e, padded, source, chunk.count, axes, c, mode);
      body(chunk, padded);
    },
    firstApart,
  );
}
