// Images of another size: which tables (resize-tables.ts) and which computation (resize-strips.ts) a method is.
import { ArgumentError } from "../errors.ts";
import { aFlag, anInteger, aWord, type Checks, checkOptions } from "../validate.ts";
import { produce } from "./band.ts";
import type { ImageEngine } from "./engine.ts";
import {
  type Floats,
  type ImageLike,
  isFloat,
  type Layout,
  type OutputOptions,
  readImage,
  type Same,
  type Source,
} from "./image.ts";
import { MAX_SIDE } from "./pixels.ts";
import { type Compute, halve, mix, mixBytes, pick } from "./resize-strips.ts";
import {
  areaPositions,
  areaTable,
  cubicTable,
  linearTable,
  positions,
  type ResizeMethod,
} from "./resize-tables.ts";

export interface ResizeOptions<I = ImageLike> extends OutputOptions<I> {
  /** Pixels across, 1 to 65535. Default: what keeps the proportions for `height`. */
  readonly width?: number;
  /** Pixels down, 1 to 65535. Default: what keeps the proportions for `width`. */
  readonly height?: number;
  /** Default "linear". */
  readonly method?: ResizeMethod;
}

const OPTIONS: Checks<ResizeOptions> = {
  width: anInteger(1, MAX_SIDE),
  height: anInteger(1, MAX_SIDE),
  method: aWord("nearest", "linear", "cubic", "area"),
  float: aFlag,
  out: true,
};

/** One side that keeps the proportions. */
const proportional = (side: number, of: number, to: number): number =>
  Math.max(1, Math.min(MAX_SIDE, Math.round((side * to) / of)));

/**
 * The image in another size, by OpenCV's conventions (pixel centres at halves):
 * - "nearest": the pixel at floor(i · size / out).
 * - "linear": mixes the two nearest pixels of each axis; at exactly half the size the mean of 2 x 2 pixels. Leaves pixels out where it
 *   shrinks by more than 2: take "area" then.
 * - "cubic": mixes four (Keys' kernel with a = −0.75); may go beyond the range of the input.
 * - "area": the mean over the area of each new pixel; where an axis enlarges, a mixture of two pixels as in OpenCV.
 *
 * Alpha is resized like any other channel. Bytes to bytes "linear" equals OpenCV's fixed point; "cubic" is computed in floats, where OpenCV
 * rounds weights to 11 bits: they may differ by 1. Throws ArgumentError unless width or height is given.
 */
export function resize<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: ResizeOptions<I> & { readonly float: true },
): Floats<I>;
export function resize<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: ResizeOptions<I>,
): Same<I>;
export function resize(engine: ImageEngine, image: ImageLike, options: ResizeOptions): unknown {
  checkOptions("resize", options, OPTIONS);
  const source = readImage(engine, image, "resize");
  const { method = "linear" } = options;
  if (options.width === undefined && options.height === undefined)
    throw new ArgumentError(
      "resize: width and height are missing: give both, or one to keep the proportions",
    );
  const width = options.width ?? proportional(source.width, source.height, options.height!);
  const height = options.height ?? proportional(source.height, source.width, options.width!);
  const float = isFloat(source, options);
  const layout: Layout = { width, height, channels: source.channels, float };
  const compute = methodFor(source, layout, method);
  return produce(source, layout, options.out, (scratch, target) => compute(scratch, source, target));
}

/** How a method computes an image of that layout. */
function methodFor(source: Source, out: Layout, method: ResizeMethod): Compute {
  const [fx, fy] = [source.width / out.width, source.height / out.height];
  const bytes = !source.float && !out.float;
  if (method === "nearest") return pick;
  // Linear weights at half the size are those of the mean.
  const half = bytes && method !== "cubic" && fx === 2 && fy === 2;
  // OpenCV rounds means of two channels to even, and others up.
  if (half && source.channels !== 2) return halve;
  if (half || (method === "area" && fx >= 1 && fy >= 1)) {
    const sums = Number.isInteger(fx) && Number.isInteger(fy);
    const [x, y] = [areaTable(source.width, out.width, sums), areaTable(source.height, out.height, sums)];
    return mix(x, y, sums ? 1 / (fx * fy) : 1);
  }
  const places = method === "area" ? areaPositions : positions;
  const [x, y] = [places(source.width, out.width), places(source.height, out.height)];
  if (method === "cubic") return mix(cubicTable(source.width, x), cubicTable(source.height, y));
  return bytes ? mixBytes(x, y) : mix(linearTable(source.width, x), linearTable(source.height, y));
}
