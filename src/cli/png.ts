// PNG files as 8-bit images, and back.
import { type DecodedPng, decode, encode } from "fast-png";
import { FileError } from "./command.ts";
import type { Decoded, Picture } from "./picture.ts";

/** What every PNG file begins with. */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

/** As images have it, and four gigabytes of RGBA. */
const [MAX_SIDE, MAX_PIXELS] = [65535, 2 ** 30];
/** Deflate makes at most so many bytes of one. */
const MAX_RATIO = 1032;
const COLOR_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Throws FileError. */
export function decodePng(bytes: Uint8Array): Decoded {
  checkHeader(bytes);
  const png = decode(bytes, { checkCrc: true });
  return { image: toImage(png), depth: png.depth };
}

/** A header may say anything: what it says is held against the file's size before memory is asked for. */
function checkHeader(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33) throw new FileError("the file ends in its header");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, color, interlaced] = [bytes[24], bytes[25], bytes[28] !== 0];
  const sides = width >= 1 && height >= 1 && width <= MAX_SIDE && height <= MAX_SIDE;
  if (!sides || width * height > MAX_PIXELS)
    throw new FileError(`the header says ${width} x ${height} pixels, which is not read`);
  const size = Math.ceil((width * depth * (COLOR_CHANNELS[color] ?? 1)) / 8) * height;
  if (size > bytes.length * MAX_RATIO)
    throw new FileError(
      `the header says ${width} x ${height} pixels, but the file has ${bytes.length} bytes`,
    );
  if (interlaced && depth < 8) throw new FileError(`interlaced images of ${depth} bits are not read`);
}

/** Palettes become RGB or RGBA, a transparent color alpha, and samples of any depth bytes. */
function toImage(png: DecodedPng): Picture {
  const { width, height, channels, depth, palette, transparency } = png;
  const samples = depth < 8 ? unpack(png) : png.data;
  if (palette && channels === 1) return fromPalette(samples, width, height, palette);
  const white = 2 ** depth - 1;
  const keyed = transparency !== undefined && transparency.length >= channels;
  const outChannels = channels + Number(keyed);
  const data = new Uint8Array(width * height * outChannels);
  const scale = 255 / white;
  for (let p = 0; p < width * height; p++) {
    let transparent = keyed;
    for (let c = 0; c < channels; c++) {
      const sample = samples[p * channels + c];
      data[p * outChannels + c] = Math.round(sample * scale);
      if (keyed && sample !== transparency[c]) transparent = false;
    }
    if (keyed) data[p * outChannels + channels] = transparent ? 0 : 255;
  }
  return { data, width, height, channels: outChannels };
}

/** Rows of 1, 2 or 4 bits a pixel begin on bytes. */
function unpack({ data, width, height, depth }: DecodedPng): Uint8Array {
  const [each, mask] = [8 / depth, 2 ** depth - 1];
  const pitch = Math.ceil(width / each);
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      samples[y * width + x] =
        (data[y * pitch + Math.floor(x / each)] >> (8 - depth * ((x % each) + 1))) & mask;
  return samples;
}

function fromPalette(
  samples: ArrayLike<number>,
  width: number,
  height: number,
  palette: number[][],
): Picture {
  const channels = palette.some((color) => color.length === 4) ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let p = 0; p < width * height; p++) {
    const color = palette[samples[p]];
    if (!color) throw new FileError(`a pixel has color ${samples[p]} of a palette of ${palette.length}`);
    data.set(color, p * channels);
  }
  return { data, width, height, channels };
}

export const encodePng = (image: Picture): Uint8Array => encode(image);
