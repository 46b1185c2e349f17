// Images with a border round them: as they lie where there is one already, else as padded copies, a few images at a time.
// Where those would be out of proportion, as the patches under the windows.
import { ShapeError } from "../errors.ts";
import { type Emitter, sizeOf, type Value } from "../graph/op.ts";
import { type Chunk, forEachChunk } from "../runtime/chunks.ts";
import { imagesPerChunk, MAX_BYTES, padsBy } from "../runtime/plan.ts";
import { convShape } from "../runtime/records.ts";
import { emitPad } from "./pad.ts";
import {
  type Axis,
  densePixelStrides,
  type Images,
  type PaddingMode,
  pixelStrides,
  windowLists,
} from "./window.ts";

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
 * Patches of c channels, [images, ...windows, ...taps, c], as images over which windows slide that do not overlap: their axes, and
 * bytes from image to image, plane to plane, row to row, pixel to pixel.
 */
export function patchImages(axes: readonly Axis[], c: number): { axes: Axis[]; strides: number[] } {
  const [od, oh, ow] = axes.map((a) => a.out);
  const [kd, kh, kw] = axes.map((a) => a.kernel);
  const steps = [oh * ow * kd, ow * kd * kh, kd * kh * kw];
  const pixel = c * 4;
  return {
    axes: axes.map((a, i) => ({
      ...{ ...a, size: (a.out - 1) * steps[i] + a.kernel },
      ...{ stride: steps[i], dilation: 1, before: 0, after: 0 },
    })),
    strides: [od * steps[0] * kh * kw * pixel, kh * kw * pixel, kw * pixel, pixel],
  };
}

/** Whether padded copies of images of c channels would be out of proportion to input and work. A mirrored border never is. */
export const isFar = (axes: readonly Axis[], c: number, mode: PaddingMode): boolean =>
  mode !== "reflect" &&
  !padsBy(
    sizeOf(axes.map((a) => a.before + a.size + a.after)) * c * 4,
    (sizeOf(axes.map((a) => a.size)) + sizeOf(axes.map((a) => a.out * a.kernel))) * c * 4,
  );

interface CopyOptions {
  /** What else a chunk needs per image. */
  readonly imageBytes?: number;
  /** Whether the first chunk is written on its own. */
  readonly firstApart?: boolean;
}

/**
 * Writes `body` for padded copies of all images, a chunk at a time, so that they are still in L2 when they are read.
 */
export function forEachPadded(
  e: Emitter,
  x: Value,
  axes: readonly BorderedAxis[],
  mode: PaddingMode,
  body: (chunk: Chunk, images: Images) => void,
  options?: CopyOptions,
): void {
  const c = x.shape[x.shape.length - 1];
  const size = axes.map((a) => a.before + a.size + a.after);
  const fill = (to: Images, from: Images, count: number) => emitPad(e, to, from, count, axes, c, mode);
  forEachCopy(e, x, densePixelStrides(size, c), fill, body, options);
}

/** The same for the patches under all windows; `patches` are those of `patchImages`. */
export function forEachPatches(
  e: Emitter,
  x: Value,
  axes: readonly Axis[],
  mode: PaddingMode,
  body: (chunk: Chunk, patches: Images) => void,
  options?: CopyOptions,
): void {
  const c = x.shape[x.shape.length - 1];
  const fill = (to: Images, from: Images, n: number) => {
    const record = convShape({
      ...{ n, c, oc: c, ...windowLists(axes), xStrides: from.strides, outStrides: to.strides },
    });
    const rows = n * axes[0].out * axes[1].out;
    e.call("im2col_f32", rows, [to.base, from.base, e.record(record), Number(mode === "replicate")]);
  };
  forEachCopy(e, x, patchImages(axes, c).strides, fill, body, options);
}

/** `strides` are those of the copies. */
function forEachCopy(
  e: Emitter,
  x: Value,
  strides: readonly number[],
  fill: (to: Images, from: Images, count: number) => void,
  body: (chunk: Chunk, images: Images) => void,
  { imageBytes = 0, firstApart = false }: CopyOptions = {},
): void {
  const images = x.shape[0];
  const [bytes] = strides;
  const perChunk = imagesPerChunk(images, Math.max(bytes, imageBytes));
  if (bytes > MAX_BYTES)
    throw new ShapeError(
      `padding: an image ${x.shape.slice(1).join(" x ")} with its border would take ${bytes} bytes but may take at most ` +
        `${MAX_BYTES}; use less padding or smaller windows`,
    );
  const from = pixelStrides(x);
  const copies = { base: e.scratch(perChunk * bytes), strides };
  forEachChunk(
    e,
    images,
    perChunk,
    (chunk) => {
      fill(copies, { base: chunk.place(x.base, from[0]), strides: from }, chunk.count);
      body(chunk, copies);
    },
    firstApart,
  );
}
