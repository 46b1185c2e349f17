// Images as plain objects: an array of pixels and its size.
import { ShapeError } from "../errors.ts";
import { integer, refuse } from "../validate.ts";

/** Bytes from 0 to 255, or floats of any range. */
export type PixelData = Uint8Array | Uint8ClampedArray | Float32Array;

/** Pixels row by row, channels last: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
export interface PixelImage<D extends PixelData | Uint16Array = PixelData> {
  /** Values of 16 bits, as PNG files may have, are read as bytes: 65535 is 255. */
  readonly data: D;
  readonly width: number;
  readonly height: number;
  /** 1 to 4. Default: what `data` holds for every pixel. */
  readonly channels?: number;
}

/** An image as functions return it. */
export interface Image<D extends PixelData = PixelData> extends PixelImage<D> {
  readonly channels: number;
}

/** The most pixels across or down. */
export const MAX_SIDE = 65535;

const PLAIN = "an ImageData, { data, width, height }, a Tensor [h, w, c] or a canvas";
const ARRAYS = "a Uint8Array, a Uint8ClampedArray or a Float32Array";

/** Throws unless it is an object with data, width, height and channels that fit one another. */
export function checkPixels(image: unknown, name: string, where: string): Image {
  if (typeof image !== "object" || image === null || !("data" in image))
    return refuse(image, name, where, PLAIN);
  const { data, width, height, channels } = image as PixelImage<PixelData | Uint16Array>;
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  if (!["Uint8Array", "Uint8ClampedArray", "Float32Array", "Uint16Array"].includes(kind))
    return refuse(data, `${name}.data`, where, ARRAYS);
  integer(width, `${name}.width`, where, 1, MAX_SIDE);
  integer(height, `${name}.height`, where, 1, MAX_SIDE);
  if (channels !== undefined) integer(channels, `${name}.channels`, where, 1, 4);
  const each = data.length / (width * height);
  if (channels === undefined ? ![1, 2, 3, 4].includes(each) : each !== channels) {
    const of = channels === undefined ? "" : ` of ${channels} ${channels === 1 ? "channel" : "channels"}`;
    const wanted = channels === undefined ? "1 to 4 values each" : `${width * height * channels}`;
    throw new ShapeError(
      `${where}: ${name}.data has ${data.length} values, but ${width} x ${height} pixels${of} need ${wanted}`,
    );
  }
  const values = kind === "Uint16Array" ? Uint8Array.from(data, (v) => Math.round(v / 257)) : data;
  return { data: values as PixelData, width, height, channels: each };
}
