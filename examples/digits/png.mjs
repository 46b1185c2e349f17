// PNG files from strangers, as RGB. A small file can say that it holds a huge picture, or unpack to gigabytes: both are found out before
// memory is asked for.
import { decode } from "fast-png";
import { Unzlib } from "fflate";
import { PictureError } from "./picture-error.mjs";

/** @import { DecodedPng } from "fast-png" */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Signature, IHDR. */
const HEADER = 33;
/** What a picture needs; the rest is text, color profiles and animation. */
const NEEDED = ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"];
const CHANNELS = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/** @param {Uint8Array} bytes */
export const isPng = (bytes) => SIGNATURE.every((byte, i) => bytes[i] === byte);

/**
 * The size that the header says, before anything is unpacked. Throws PictureError.
 *
 * @param {Uint8Array} bytes
 */
export function pngSize(bytes) {
  if (bytes.length < HEADER) throw new PictureError(400, "the file ends in its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * Throws where the file is broken.
 *
 * @param {Uint8Array} bytes
 */
export function decodePng(bytes) {
  const { width, height } = pngSize(bytes);
  const [depth, color, interlaced] = [bytes[24], CHANNELS.get(bytes[25]) ?? 4, bytes[28] !== 0];
  if (interlaced && depth < 8)
    throw new PictureError(415, `interlaced PNG files of ${depth} bits are not read`);
  // A row begins with its filter's number; interlacing makes up to seven pictures of it, with 15/8 of the rows at most.
  const unpacked = (Math.ceil((width * color * depth) / 8) + 8) * height * (interlaced ? 2 : 1) + 64;
  return toRgb(decode(checked(bytes, unpacked)));
}

/**
 * The file with the chunks that a picture needs, after its data was unpacked once to count its bytes.
 *
 * @param {Uint8Array} bytes
 * @param {number} limit Most bytes that the picture's data may unpack to.
 */
function checked(bytes, limit) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  const counter = new Unzlib((part) => {
    count += part.length;
    if (count > limit) throw new PictureError(400, "the file holds more data than its picture has");
  });
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "IDAT") counter.push(bytes.subarray(at + 8, Math.min(end - 4, bytes.length)));
    if (NEEDED.includes(type)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  const whole = new Uint8Array(kept.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of kept) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Palettes are looked up, gray becomes RGB, 16 bits become 8, and what is transparent lies on white.
 *
 * @param {DecodedPng} png
 */
function toRgb(png) {
  const { width, height, channels, depth, palette } = png;
  const samples = depth < 8 ? unpack(png) : png.data;
  const white = 2 ** depth - 1;
  const colors = channels < 3 ? 1 : 3;
  const data = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    const entry = palette?.[samples[p]];
    const alpha = entry
      ? (entry[3] ?? 255) / 255
      : channels > colors
        ? samples[p * channels + colors] / white
        : 1;
    for (let c = 0; c < 3; c++) {
      const value = entry ? entry[c] : (samples[p * channels + (colors === 1 ? 0 : c)] * 255) / white;
      data[p * 3 + c] = Math.round(value * alpha + 255 * (1 - alpha));
    }
  }
  return { data, width, height, channels: 3 };
}

/**
 * Rows of 1, 2 or 4 bits a pixel begin on bytes.
 *
 * @param {DecodedPng} png
 */
function unpack({ data, width, height, depth }) {
  const [each, mask] = [8 / depth, 2 ** depth - 1];
  const pitch = Math.ceil(width / each);
  return Uint8Array.from({ length: width * height }, (_, p) => {
    const [x, y] = [p % width, Math.floor(p / width)];
    return (data[y * pitch + Math.floor(x / each)] >> (8 - depth * ((x % each) + 1))) & mask;
  });
}
