// Pictures from strangers: PNG and JPEG files as RGB images of convolith/image.
import jpeg from "jpeg-js";
import { PictureError } from "./picture-error.mjs";
import { decodePng, isPng, pngSize } from "./png.mjs";

/**
 * Throws PictureError.
 *
 * @param {Uint8Array} bytes
 * @param {{ maxPixels: number }} limits
 * @returns {import("convolith/image").Image<Uint8Array>}
 */
export function readPicture(bytes, { maxPixels }) {
  const png = isPng(bytes);
  if (!png && !isJpeg(bytes)) throw new PictureError(415, "this is neither a PNG nor a JPEG file");
  const { width, height } = png ? pngSize(bytes) : jpegSize(bytes);
  if (width < 1 || height < 1) throw new PictureError(400, `the picture has ${width} x ${height} pixels`);
  if (width * height > maxPixels)
    throw new PictureError(
      413,
      `the picture has ${width} x ${height} pixels; at most ${maxPixels} are taken`,
    );
  try {
    return png ? decodePng(bytes) : decodeJpeg(bytes, maxPixels);
  } catch (error) {
    if (error instanceof PictureError) throw error;
    throw new PictureError(400, `the file is broken: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {Uint8Array} bytes */
const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8;

/**
 * From the first frame header (markers 0xc0 to 0xcf without tables, 0xc4, 0xc8 and 0xcc).
 *
 * @param {Uint8Array} bytes
 */
function jpegSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = bytes[at + 1];
    if ((marker & 0xf0) === 0xc0 && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
  }
  throw new PictureError(400, "the file has no frame header");
}

/**
 * @param {Uint8Array} bytes
 * @param {number} maxPixels
 */
function decodeJpeg(bytes, maxPixels) {
  const limits = { maxResolutionInMP: maxPixels / 1e6, maxMemoryUsageInMB: 64 + (maxPixels * 32) / 2 ** 20 };
  const options = /** @type {const} */ ({ useTArray: true, formatAsRGBA: false, tolerantDecoding: false });
  const { data, width, height } = jpeg.decode(bytes, { ...options, ...limits });
  return { data, width, height, channels: 3 };
}
