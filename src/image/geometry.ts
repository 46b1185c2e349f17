// Pixels at other places: no arithmetic, no engine. Row and column of every new pixel name the pixel it copies.
import { ShapeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { anInteger, aWord, type Checks, checkOptions, integer } from "../validate.ts";
import { type BorderMode, borderIndex } from "./band.ts";
import { aBorder, aPerChannel, type PerChannel } from "./checks.ts";
import { isImageData, makeImage, type Same, tensorSize } from "./image.ts";
import { checkPixels, type Image, MAX_SIDE, type PixelData, type PixelImage } from "./pixels.ts";

/** Images these functions take: pixels in an array (an ImageData, too), or a tensor [height, width, channels]. */
export type PlainImage = PixelImage | Tensor;

/** Pixel (x, y) of the result is pixel columns[x] + rows[y] of the image, counted row by row; where either is below 0, the fill. */
interface Places {
  readonly columns: Int32Array;
  readonly rows: Int32Array;
  /** By channel. */
  readonly fill?: readonly number[];
}

const indices = (count: number, index: (i: number) => number): Int32Array =>
  Int32Array.from({ length: count }, (_, i) => index(i));

/** An image of the same kind with pixels from other places. */
function moved<I extends PlainImage>(image: I, where: string, placesOf: (size: Image) => Places): Same<I> {
  if (image instanceof Tensor) {
    image.address(where);
    const { width, height, channels } = tensorSize(image, where);
    const pixels = { data: image.data(), width, height, channels };
    const places = placesOf(pixels);
    const shape = [places.rows.length, places.columns.length, channels];
    const data = new Float32Array(shape[0] * shape[1] * channels);
    copy(pixels, data, places);
    const made = new Tensor(image.runtime, { shape, dtype: "float32" }, where);
    made.write(data);
    return made as Same<I>;
  }
  const pixels = checkPixels(image, "image", where);
  const { data, channels } = pixels;
  const places = placesOf(pixels);
  const size = { width: places.columns.length, height: places.rows.length, channels };
  const made = makeImage({ ...size, float: data instanceof Float32Array }, data, isImageData(image), where);
  copy(pixels, made.data, places);
  return made as Same<I>;
}

function copy({ data, channels: c }: Image, out: PixelData, { columns, rows, fill }: Places): void {
  const n = columns.length;
  // Neighbours that stay neighbours are copied as a row.
  const runs = columns.every((column, i) => column >= 0 && column === columns[0] + i);
  for (let y = 0, q = 0; y < rows.length; y++, q += n * c) {
    const row = rows[y];
    if (runs && row >= 0) {
      const from = (row + columns[0]) * c;
      out.set(data.subarray(from, from + n * c), q);
      continue;
    }
    for (let x = 0; x < n; x++) {
      const column = columns[x];
      const p = (row + column) * c;
      for (let k = 0; k < c; k++) out[q + x * c + k] = row < 0 || column < 0 ? (fill?.[k] ?? 0) : data[p + k];
    }
  }
}

/** A part of an image. */
export interface CropOptions {
  /** The left edge. Default 0. */
  readonly x?: number;
  /** The upper edge. Default 0. */
  readonly y?: number;
  /** Default: up to the right edge. */
  readonly width?: number;
  /** Default: up to the lower edge. */
  readonly height?: number;
}

const CROP: Checks<CropOptions> = {
  x: anInteger(0, MAX_SIDE),
  y: anInteger(0, MAX_SIDE),
  width: anInteger(1, MAX_SIDE),
  height: anInteger(1, MAX_SIDE),
};

/** The rectangle of `width` x `height` pixels from (x, y) on. Throws ShapeError where it does not lie inside the image. */
export function crop<I extends PlainImage>(image: I, options: CropOptions): Same<I> {
  checkOptions("crop", options, CROP);
  return moved(image, "crop", (size) => {
    const { x = 0, y = 0, width = size.width - x, height = size.height - y } = options;
    if (width < 1 || height < 1 || x + width > size.width || y + height > size.height)
      throw new ShapeError(
        `crop: ${width} x ${height} pixels from (${x}, ${y}) on do not lie inside ${size.width} x ${size.height}`,
      );
    return { columns: indices(width, (i) => x + i), rows: indices(height, (i) => (y + i) * size.width) };
  });
}

export type FlipAxis = "horizontal" | "vertical";

export interface FlipOptions {
  /** "horizontal" swaps left and right, "vertical" top and bottom. Default "horizontal". */
  readonly axis?: FlipAxis;
}

const FLIP: Checks<FlipOptions> = { axis: aWord("horizontal", "vertical") };

/** The image mirrored. */
export function flip<I extends PlainImage>(image: I, options: FlipOptions = {}): Same<I> {
  checkOptions("flip", options, FLIP);
  const vertical = options.axis === "vertical";
  return moved(image, "flip", ({ width, height }) => ({
    columns: indices(width, (i) => (vertical ? i : width - 1 - i)),
    rows: indices(height, (i) => (vertical ? height - 1 - i : i) * width),
  }));
}

export interface Rotate90Options {
  /** How many quarter turns counterclockwise; clockwise below 0. Default 1. */
  readonly turns?: number;
}

const TURNS: Checks<Rotate90Options> = { turns: anInteger(-(2 ** 31)) };

/** The image turned by multiples of 90 degrees, counterclockwise as numpy's rot90. */
export function rotate90<I extends PlainImage>(image: I, options: Rotate90Options = {}): Same<I> {
  checkOptions("rotate90", options, TURNS);
  const turns = (((options.turns ?? 1) % 4) + 4) % 4;
  return moved(image, "rotate90", ({ width: w, height: h }) => {
    const down = (i: number): number => i * w;
    const up = (i: number): number => (h - 1 - i) * w;
    const right = (i: number): number => i;
    const left = (i: number): number => w - 1 - i;
    if (turns === 1) return { columns: indices(h, down), rows: indices(w, left) };
    if (turns === 2) return { columns: indices(w, left), rows: indices(h, up) };
    if (turns === 3) return { columns: indices(h, up), rows: indices(w, right) };
    return { columns: indices(w, right), rows: indices(h, down) };
  });
}

/** Pixels to add. */
export interface PadOptions {
  /** On every side that has no number of its own. Default 0. */
  readonly size?: number;
  readonly left?: number;
  readonly right?: number;
  readonly top?: number;
  readonly bottom?: number;
  /** How they are made. Default "zeros". */
  readonly border?: BorderMode;
  /** What "zeros" fills in instead of 0: a number for all channels, or one for each. */
  readonly value?: PerChannel;
}

const aSide = anInteger(0, MAX_SIDE);
const PAD: Checks<PadOptions> = {
  ...{ size: aSide, left: aSide, right: aSide, top: aSide, bottom: aSide },
  border: aBorder,
  value: aPerChannel(),
};

/** The image with pixels added around it, of a border as filters make it or of one colour. */
export function pad<I extends PlainImage>(image: I, options: PadOptions): Same<I> {
  checkOptions("pad", options, PAD);
  const {
    size = 0,
    left = size,
    right = size,
    top = size,
    bottom = size,
    border = "zeros",
    value = 0,
  } = options;
  return moved(image, "pad", ({ width, height, channels }) => {
    const fill = typeof value === "number" ? Array.from({ length: channels }, () => value) : value;
    if (fill.length !== channels)
      throw new ShapeError(`pad: value has ${fill.length} numbers but the image has ${channels} channels`);
    integer(width + left + right, "the new width", "pad", 1, MAX_SIDE);
    integer(height + top + bottom, "the new height", "pad", 1, MAX_SIDE);
    const rowOf = (i: number): number => borderIndex(i, height, border);
    return {
      columns: indices(width + left + right, (i) => borderIndex(i - left, width, border)),
      rows: indices(height + top + bottom, (i) => (rowOf(i - top) < 0 ? -1 : rowOf(i - top) * width)),
      fill,
    };
  });
}
