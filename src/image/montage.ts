// A contact sheet: images side by side, as one image.
import { ArgumentError, ShapeError } from "../errors.ts";
import {
  aList,
  anInteger,
  aText,
  type Check,
  type Checks,
  checkOptions,
  integer,
  refuse,
} from "../validate.ts";
import {
  aColorMap,
  aDisplayRange,
  type ColorMapName,
  colorsOf,
  type DisplayRange,
  displayScale,
  pixelsOf,
  rangeOf,
} from "./colormap.ts";
import { drawText, GLYPH_HEIGHT, textWidth } from "./font.ts";
import type { PlainImage } from "./geometry.ts";
import { hasAlpha } from "./image.ts";
import type { Kernel } from "./kernels.ts";
import { type Image, MAX_SIDE } from "./pixels.ts";

/** RGB bytes, or one number for gray. */
export type Color = number | readonly [red: number, green: number, blue: number];

export interface MontageOptions {
  /** Tiles in a row. Default: as many as make the sheet about square. */
  readonly columns?: number;
  /** Pixels between tiles, and around all. Default 4. */
  readonly gap?: number;
  /** Default 255, white. Images with alpha are laid over it. */
  readonly background?: Color;
  /** How many pixels across and down each pixel of an image becomes. Default 1. */
  readonly scale?: number;
  /** The colours of gray images and of kernels. Default "gray". */
  readonly colorMap?: ColorMapName;
  /** What is black and what white, for each image on its own. Default: 0 and 255 for bytes, "auto" for floats, "symmetric" for floats in "coolwarm". */
  readonly range?: DisplayRange;
  /** A line under each image: letters, digits and a few signs. */
  readonly labels?: readonly string[];
  /** The size of their letters: 1 is 5 pixels by 7, or 9 with what hangs below the line. Default 1. */
  readonly labelScale?: number;
}

const aColor: Check<Color> = (value, name, where) => {
  const parts = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && value.length !== 3)
    refuse(value, name, where, "a number or [red, green, blue]");
  for (const part of parts) anInteger(0, 255)(part, name, where);
};

const OPTIONS: Checks<MontageOptions> = {
  columns: anInteger(1),
  gap: anInteger(0, MAX_SIDE),
  background: aColor,
  scale: anInteger(1, MAX_SIDE),
  colorMap: aColorMap,
  range: aDisplayRange,
  labels: aList(aText),
  labelScale: anInteger(1, MAX_SIDE),
};

/** A kernel as an image of floats. */
function kernelPixels(kernel: readonly unknown[], name: string, where: string): Image {
  const rows = kernel as Kernel;
  const width = Array.isArray(rows[0]) ? rows[0].length : 0;
  if (width === 0 || !rows.every((row) => Array.isArray(row) && row.length === width))
    return refuse(kernel, name, where, "an image or a kernel, rows of one length");
  return { data: Float32Array.from(rows.flat()), width, height: rows.length, channels: 1 };
}

/**
 * Images, or kernels, side by side in rows, as RGB bytes. They may differ in size, channels and type; each stands in the middle of a tile of the
 * size of the largest, under it its label. Channels of floats are shown over one range. Throws ArgumentError for an empty list.
 */
export function montage(
  images: readonly (PlainImage | Kernel)[],
  options: MontageOptions = {},
): Image<Uint8Array> {
  checkOptions("montage", options, OPTIONS);
  if (!Array.isArray(images)) return refuse(images, "images", "montage", "a list of images");
  if (images.length === 0)
    throw new ArgumentError("montage: the list of images is empty but must hold one at least");
  const { gap = 4, background = 255, scale = 1, colorMap = "gray", labels, labelScale = 1 } = options;
  if (labels && labels.length !== images.length)
    throw new ShapeError(`montage: there are ${labels.length} labels but ${images.length} images`);
  const tiles = images.map((image, i) => {
    const name = `images[${i}]`;
    return Array.isArray(image) ? kernelPixels(image, name, "montage") : pixelsOf(image, name, "montage");
  });
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(tiles.length)), tiles.length);
  const rows = Math.ceil(tiles.length / columns);
  const most = (sizes: readonly number[]): number => sizes.reduce((a, b) => Math.max(a, b), 0);
  const cell = Math.max(
    scale * most(tiles.map(({ width }) => width)),
    labelScale * most((labels ?? []).map(textWidth)),
  );
  const picture = scale * most(tiles.map(({ height }) => height));
  // Two rows of pixels between an image and its label.
  const pitch = picture + (labels ? labelScale * (GLYPH_HEIGHT + 2) : 0);
  const width = integer(columns * (cell + gap) + gap, "the width of the sheet", "montage", 1, MAX_SIDE);
  const height = integer(rows * (pitch + gap) + gap, "the height of the sheet", "montage", 1, MAX_SIDE);
  const [red, green, blue] =
    typeof background === "number" ? [background, background, background] : background;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) data.set([red, green, blue], i);
  // Black on a light ground, white on a dark one (ITU-R BT.601).
  const ink = 0.299 * red + 0.587 * green + 0.114 * blue > 127 ? 0 : 255;
  const sheet: Image<Uint8Array> = { data, width, height, channels: 3 };
  tiles.forEach((tile, i) => {
    const x = gap + (i % columns) * (cell + gap);
    const y = gap + Math.floor(i / columns) * (pitch + gap);
    const left = x + Math.floor((cell - scale * tile.width) / 2);
    const top = y + Math.floor((picture - scale * tile.height) / 2);
    draw(
      sheet,
      tile,
      left,
      top,
      scale,
      colorMap,
      options.range ?? rangeOf(tile.data, tile.channels > 2 ? "gray" : colorMap),
    );
    if (!labels) return;
    const start = x + Math.floor((cell - labelScale * textWidth(labels[i])) / 2);
    const line = y + picture + 2 * labelScale;
    drawText(labels[i], (a, b) => {
      for (let v = 0; v < labelScale; v++) {
        const q = 3 * ((line + b * labelScale + v) * width + start + a * labelScale);
        data.fill(ink, q, q + 3 * labelScale);
      }
    });
  });
  return sheet;
}

/** Draws an image with its upper left corner at (left, top). */
function draw(
  sheet: Image<Uint8Array>,
  image: Image,
  left: number,
  top: number,
  scale: number,
  map: ColorMapName,
  range: DisplayRange,
): void {
  const { data, width, height, channels: c } = image;
  const [factor, offset] = displayScale(image, range);
  const colors = c < 3 ? colorsOf(map) : undefined;
  const levels = new Uint8ClampedArray(3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const p = (y * width + x) * c;
      for (let k = 0; k < (colors ? 1 : 3); k++) levels[k] = data[p + k] * factor + offset;
      if (colors) levels.set(colors.subarray(3 * levels[0], 3 * levels[0] + 3));
      const alpha = hasAlpha(c) ? Math.max(0, Math.min(255, data[p + c - 1])) / 255 : 1;
      for (let v = 0; v < scale; v++) {
        let q = 3 * ((top + y * scale + v) * sheet.width + left + x * scale);
        for (let u = 0; u < scale; u++, q += 3)
          for (let k = 0; k < 3; k++)
            sheet.data[q + k] = Math.round(levels[k] * alpha + sheet.data[q + k] * (1 - alpha));
      }
    }
}
