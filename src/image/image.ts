// Images as hosts have them, and how the functions of this folder see them: arrays of pixels to read, and to write.

import { runtimeOf } from "../engine/base.ts";
import { ArgumentError, MemoryError, ShapeError } from "../errors.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Tensor } from "../tensor.ts";
import { refuse } from "../validate.ts";
import { type Drawable, drawn, isDrawable, readDrawable } from "./drawable.ts";
import { checkPixels, type Image, type PixelData, type PixelImage } from "./pixels.ts";

/** What an image may be: pixels in an array (an ImageData, too), a tensor [height, width, channels], or what a browser can draw. */
export type ImageLike = PixelImage<PixelData | Uint16Array> | Tensor | Drawable;

/** An image of the kind that came in. */
export type Same<I> = I extends Tensor
  ? Tensor
  : I extends { readonly colorSpace: unknown }
    ? I
    : I extends PixelImage<infer D>
      ? Image<D extends Uint16Array ? Uint8Array : D>
      : I;

/** A float image for one that came in. */
export type Floats<I> = I extends Tensor ? Tensor : Image<Float32Array>;

/** What every function that makes an image takes. */
export interface OutputOptions<I = ImageLike> {
  /** Float32 values that are neither rounded nor limited to 0..255. Default false; images of floats and tensors always give floats. */
  readonly float?: boolean;
  /** An image to write to, of the result's kind and size, which is returned: saves making one for every frame of a video. */
  readonly out?: I extends Tensor ? Tensor : PixelImage;
}

/** How an image is laid out. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** float32 rather than bytes. */
  readonly float: boolean;
}

/** Pixels to read. */
export interface Source extends Layout {
  readonly runtime: Runtime;
  /** The name of the function that was called, for messages. */
  readonly where: string;
  /** Whether the last channel is alpha. */
  readonly alpha: boolean;
  /** The values, row by row. Ask again after memory was allocated: that moves a tensor's. */
  values(): PixelData;
  /** An image of the same kind in another layout to write to, or `out` where it is given and fits. */
  target(layout: Layout, out?: unknown): Target;
}

/** Pixels to write, and what to return once that is done. */
export interface Target extends Layout {
  values(): PixelData;
  /** Whether one gray channel is to be stored as RGBA: an ImageData has no other layout. */
  readonly spread: boolean;
  result(): unknown;
  /** Lets go of what was made, because the call failed. */
  undo?(): void;
}

/** Whether images of so many channels end in alpha. */
export const hasAlpha = (channels: number): boolean => channels === 2 || channels === 4;

/** Whether the result has floats. */
export const isFloat = (source: Layout, options: { readonly float?: boolean }): boolean =>
  source.float || options.float === true;

/** Reads an image from a caller. Throws ArgumentError where it is none, ShapeError where its parts do not fit. */
export function readImage(engine: unknown, image: unknown, where: string): Source {
  const runtime = runtimeOf(engine, where);
  if (image instanceof Tensor) return tensorSource(runtime, image, where);
  const drawable = isDrawable(image);
  const pixels = drawable ? readDrawable(image, where) : checkPixels(image, "image", where);
  const { data, width, height, channels } = pixels;
  const canvas = drawable || isImageData(image);
  return {
    ...{ runtime, where, width, height, channels },
    float: data instanceof Float32Array,
    alpha: hasAlpha(channels),
    values: () => data,
    target(layout, out) {
      const spread = canvas && !layout.float && layout.channels === 1;
      const stored = spread ? { ...layout, channels: 4 } : layout;
      const made =
        out === undefined
          ? makeImage(stored, data, canvas, where)
          : checkOut(out, stored, data, canvas, where);
      const result = drawable && !layout.float && out === undefined ? () => drawn(made, image) : () => made;
      return { ...stored, spread, values: () => made.data, result };
    },
  };
}

/** The size of a tensor that is an image. Throws ArgumentError where it is none. */
export function tensorSize(image: Tensor, where: string): Omit<Layout, "float"> {
  const [height, width, channels] = image.shape;
  if (image.shape.length !== 3 || !image.size || channels > 4 || (image.dtype as string) !== "float32")
    return refuse(image, "image", where, "a float32 Tensor [height, width, channels] of 1 to 4 channels");
  return { width, height, channels };
}

function tensorSource(runtime: Runtime, image: Tensor, where: string): Source {
  image.check(runtime, where);
  const { width, height, channels } = tensorSize(image, where);
  const valuesOf = (tensor: Tensor): Float32Array => {
    const from = tensor.address(where) / 4;
    return runtime.memory.floats.subarray(from, from + tensor.size);
  };
  return {
    ...{ runtime, where, width, height, channels, float: true },
    alpha: hasAlpha(channels),
    values: () => valuesOf(image),
    target(layout, out) {
      const shape = [layout.height, layout.width, layout.channels];
      const stored = { ...layout, float: true };
      if (out !== undefined && !(out instanceof Tensor))
        refuse(out, "out", where, "a Tensor, as the image is");
      if (out instanceof Tensor) {
        out.check(runtime, where);
        if (out.block === image.block)
          throw new ArgumentError(`${where}: out shares memory with the image but must be another tensor`);
        if (out.shape.join() !== shape.join() || (out.dtype as string) !== "float32")
          refuse(out, "out", where, `a float32 Tensor of shape [${shape.join(",")}]`);
      }
      const made = (out as Tensor | undefined) ?? new Tensor(runtime, { shape, dtype: "float32" }, where);
      return {
        ...{ ...stored, spread: false },
        values: () => valuesOf(made),
        result() {
          made.changed();
          return made;
        },
        undo: () => out === undefined && made.dispose(),
      };
    },
  };
}

export const isImageData = (value: unknown): boolean =>
  typeof ImageData === "function" && value instanceof ImageData;

/** A new image: of the layout's type, and for bytes of the same kind of array. */
export function makeImage(layout: Layout, like: PixelData, canvas: boolean, where: string): Image {
  const { width, height, channels, float } = layout;
  const size = width * height * channels;
  try {
    if (canvas && !float) return Object.assign(new ImageData(width, height), { channels });
    const Bytes = like instanceof Uint8ClampedArray ? Uint8ClampedArray : Uint8Array;
    return { data: float ? new Float32Array(size) : new Bytes(size), width, height, channels };
  } catch (cause) {
    throw new MemoryError(`${where}: the result has ${show(layout, float)}, for which there is no memory`, {
      cause,
    });
  }
}

const show = ({ width, height, channels }: Layout, float: boolean): string =>
  `${width} x ${height} pixels of ${channels} ${float ? "floats" : "bytes"}`;

/** An image to write to: throws unless it has the layout of the result, and an array of its own. */
function checkOut(out: unknown, layout: Layout, image: PixelData, canvas: boolean, where: string): Image {
  const given = checkPixels(out, "out", where);
  if (given.data !== (out as Image).data) refuse((out as Image).data, "out.data", where, "bytes or floats");
  const { data } = given;
  const float = data instanceof Float32Array;
  const [has, wants] = [show({ ...given, float }, float), show(layout, layout.float)];
  if (has !== wants) throw new ShapeError(`${where}: out has ${has} but the result has ${wants}`);
  if (canvas && !layout.float && !isImageData(out)) refuse(out, "out", where, "an ImageData");
  const apart =
    data.buffer !== image.buffer ||
    data.byteOffset >= image.byteOffset + image.byteLength ||
    image.byteOffset >= data.byteOffset + data.byteLength;
  if (!apart) throw new ArgumentError(`${where}: out shares memory with the image but must be another`);
  return out as Image;
}
