// Numbers as colours.

import { ArgumentError, ShapeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { aWord, type Check, type Checks, checkOptions, finite, refuse } from "../validate.ts";
import type { PlainImage } from "./geometry.ts";
import { hasAlpha } from "./image.ts";
import { checkPixels, type Image, type PixelData } from "./pixels.ts";

/**
 * Colours at equal distances, mixed between: viridis and magma of matplotlib (van der Walt and Smith 2015, CC0), the diverging "coolwarm" of
 * Moreland ("Diverging Color Maps for Scientific Visualization", 2009), whose middle stands for 0.
 */
const COLORS = {
  gray: ["000000", "ffffff"],
  viridis: "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725".split(" "),
  magma: "000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf".split(" "),
  coolwarm: "3b4cc0 6282ea 8db0fe b8d0f9 dddddd f5c4ad f49a7b de604d b40426".split(" "),
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ColorMapName = keyof typeof COLORS;

/** Which values the ends of a colour map stand for: least and largest of the image, −m and m with the largest magnitude m, or two numbers. */
export type DisplayRange = "auto" | "symmetric" | readonly [low: number, high: number];

export const aColorMap: Check<ColorMapName> = aWord("gray", "viridis", "magma", "coolwarm");

export const aDisplayRange: Check<DisplayRange> = (value, name, where) => {
  if (value === "auto" || value === "symmetric") return;
  if (!Array.isArray(value) || value.length !== 2)
    refuse(value, name, where, `"auto", "symmetric" or [low, high]`);
  const [low, high] = value as [number, number];
  finite(low, `${name}[0]`, where);
  finite(high, `${name}[1]`, where);
  if (low >= high)
    throw new ArgumentError(`${where}: ${name} is [${low},${high}] but its first must be the lesser`);
};

/** 256 colours, RGB. */
export function colorsOf(name: ColorMapName): Uint8Array {
  const points = COLORS[name].map((hex) => [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)));
  const made = new Uint8Array(3 * 256);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (points.length - 1);
    const at = Math.min(Math.floor(place), points.length - 2);
    for (let k = 0; k < 3; k++)
      made[3 * i + k] = Math.round(points[at][k] + (place - at) * (points[at + 1][k] - points[at][k]));
  }
  return made;
}

/** Pixels of an array, or copied out of a tensor [height, width, channels]. */
export function pixelsOf(image: unknown, name: string, where: string): Image {
  if (!(image instanceof Tensor)) return checkPixels(image, name, where);
  image.address(where);
  const { shape } = image;
  if (shape.length !== 3 || shape[2] > 4)
    throw new ShapeError(
      `${where}: ${name} has shape [${shape.join(",")}] but must be [h, w, c] of 1 to 4 channels`,
    );
  return { data: image.data(), width: shape[1], height: shape[0], channels: shape[2] };
}

/** The default: bytes are shown as they are, floats from their least to their largest, with a diverging map around 0. */
export const rangeOf = (data: PixelData, map: ColorMapName): DisplayRange =>
  !(data instanceof Float32Array) ? [0, 255] : map === "coolwarm" ? "symmetric" : "auto";

/** value · scale + offset is 0 at the low end and 255 at the high one. Values that are not finite do not count; alpha does not either. */
export function displayScale(
  { data, channels }: Image,
  range: DisplayRange,
): readonly [scale: number, offset: number] {
  let [low, high] = typeof range === "string" ? [Infinity, -Infinity] : range;
  const colours = hasAlpha(channels) ? channels - 1 : channels;
  if (typeof range === "string") {
    for (let i = 0; i < data.length; i += channels)
      for (let k = i; k < i + colours; k++)
        if (Number.isFinite(data[k])) {
          low = Math.min(low, data[k]);
          high = Math.max(high, data[k]);
        }
    if (range === "symmetric") {
      high = Math.max(Math.abs(low), Math.abs(high));
      low = -high;
    }
  }
  // All alike: 0 stays 0 with "auto", and is the middle with "symmetric".
  if (!(high > low)) return [0, range === "symmetric" ? 127.5 : 0];
  const scale = 255 / (high - low);
  return [scale, -low * scale];
}

export interface ColorMapOptions {
  /** Default: 0 to 255 for bytes, "auto" for floats, "symmetric" for floats in "coolwarm". */
  readonly range?: DisplayRange;
}

const OPTIONS: Checks<ColorMapOptions> = { range: aDisplayRange };

/**
 * A gray image in the colours of a map: RGB bytes. "coolwarm" is for values around 0, as of derivatives and kernels. Throws ShapeError where the
 * image has colours of its own.
 */
export function colorMap(
  image: PlainImage,
  name: ColorMapName,
  options: ColorMapOptions = {},
): Image<Uint8Array> {
  aColorMap(name, "the map", "colorMap");
  checkOptions("colorMap", options, OPTIONS);
  const pixels = pixelsOf(image, "image", "colorMap");
  const { data, width, height, channels } = pixels;
  if (channels > 2)
    throw new ShapeError(`colorMap: the image has ${channels} channels but must be gray; take toGray first`);
  const colors = colorsOf(name);
  const [scale, offset] = displayScale(pixels, options.range ?? rangeOf(data, name));
  const made = new Uint8Array(width * height * 3);
  const level = new Uint8ClampedArray(1);
  for (let p = 0, q = 0; q < made.length; p += channels, q += 3) {
    level[0] = data[p] * scale + offset;
    for (let k = 0; k < 3; k++) made[q + k] = colors[3 * level[0] + k];
  }
  return { data: made, width, height, channels: 3 };
}
