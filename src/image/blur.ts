// Gaussian blur, and sharpening by it.
import { ArgumentError } from "../errors.ts";
import {
  aFlag,
  aNumberAbove,
  aNumberFrom,
  type Check,
  type Checks,
  checkOptions,
  isIntegerFrom,
  refuse,
} from "../validate.ts";
import { type BorderMode, bandPitch, Drain, Feed, produce, run, stripRows } from "./band.ts";
import { aBorder, aFilterBorder } from "./checks.ts";
import type { ImageEngine } from "./engine.ts";
import { gaussian1d, gaussianIntegers, MAX_KERNEL } from "./gaussian.ts";
import { type Floats, type ImageLike, isFloat, type OutputOptions, readImage, type Same } from "./image.ts";
import { type FilterBorder, filterAll } from "./rows.ts";
import { makeStage } from "./stage.ts";
import type { Filter } from "./taps.ts";
import { aFloat, aPair, linesFilter, type Pair, pairOf } from "./window.ts";

export interface GaussianOptions<I = ImageLike> extends OutputOptions<I> {
  /** Odd sides of the window, or [vertical, horizontal]. Default: from sigma, 6 sigma + 1 for bytes, 8 sigma + 1 for floats. */
  readonly size?: Pair;
  /** The standard deviation in pixels, or [vertical, horizontal]. Default: from the size, see `gaussian1d`. */
  readonly sigma?: Pair;
  /** Default "reflect101". */
  readonly border?: FilterBorder;
}

const aSize: Check<number> = (value, name, where) => {
  if (!isIntegerFrom(value, 0, MAX_KERNEL) || (value !== 0 && value % 2 === 0))
    refuse(value, name, where, `an odd integer up to ${MAX_KERNEL}: the window has a centre`);
};

const GAUSSIAN: Checks<GaussianOptions> = {
  ...{ size: aPair(aSize), sigma: aPair(aNumberFrom(0)) },
  border: aFilterBorder,
  ...{ float: aFlag, out: true },
};

/**
 * Gaussian blur, OpenCV's: bytes to bytes in its fixed point (weights in 256ths, rounded once), equal to it byte for byte; floats to 1e-5.
 * Throws ArgumentError for an even size, and where neither size nor sigma is given.
 */
export function gaussianBlur<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: GaussianOptions<I> & { readonly float: true },
): Floats<I>;
export function gaussianBlur<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: GaussianOptions<I>,
): Same<I>;
export function gaussianBlur(engine: ImageEngine, image: ImageLike, options: GaussianOptions): unknown {
  const where = "gaussianBlur";
  checkOptions(where, options, GAUSSIAN);
  const source = readImage(engine, image, where);
  const float = isFloat(source, options);
  const filter = gaussianFilter(options, !float, where);
  return filterAll(source, [filter], { border: options.border, float }, [options.out])[0];
}

/** Standard deviations that windows reach to: OpenCV's. */
const REACH = { bytes: 3, floats: 4 };

/** The filter of a Gaussian blur, of bytes to bytes or else of floats. */
export function gaussianFilter(
  { size = 0, sigma = 0 }: GaussianOptions,
  bytes: boolean,
  where: string,
): Filter {
  const sigmas = pairOf(sigma);
  const [down, across] = pairOf(size).map((given, i) => {
    if (given === 0 && sigmas[i] === 0)
      throw new ArgumentError(
        `${where}: size and sigma are both missing or 0: give one, as { sigma: 1.5 } or { size: 5 }`,
      );
    // The nearest integer, then the next odd one.
    const reach = bytes ? REACH.bytes : REACH.floats;
    const side = given || Math.round(sigmas[i] * reach * 2 + 1) | 1;
    if (!(side <= MAX_KERNEL && sigmas[i] < MAX_KERNEL))
      throw new ArgumentError(
        `${where}: sigma is ${sigmas[i]} but must be below ${MAX_KERNEL / (2 * reach)}`,
      );
    return bytes ? gaussianIntegers(side, sigmas[i]) : gaussian1d(side, sigmas[i]);
  });
  const filter = linesFilter(down, across, { scale: 1, bias: 0, dilation: [1, 1], bytes }, where);
  return bytes ? { ...filter, integers: { shift: 16, even: false } } : filter;
}

export interface UnsharpOptions<I = ImageLike> extends OutputOptions<I> {
  /** The standard deviation of the blur, in pixels. Default 1. */
  readonly sigma?: number;
  /** How much of the difference is added. Default 1. */
  readonly amount?: number;
  /** Differences below it, in the image's units, are left as they are. Default 0. */
  readonly threshold?: number;
  /** Default "reflect". */
  readonly border?: BorderMode;
}

const UNSHARP: Checks<UnsharpOptions> = {
  ...{ sigma: aNumberAbove(0), amount: aFloat, threshold: aNumberFrom(0) },
  border: aBorder,
  ...{ float: aFlag, out: true },
};

/** Standard deviations that the window reaches to: scikit-image's. */
const TRUNCATE = 4;

/**
 * Sharpens: x + amount * (x - blurred), blurred by a Gaussian of 2 * round(4 sigma) + 1 pixels, as scikit-image's unsharp_mask without its
 * clipping. Bytes are rounded and saturated once, at the end.
 */
export function unsharpMask<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: UnsharpOptions<I> & { readonly float: true },
): Floats<I>;
export function unsharpMask<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options?: UnsharpOptions<I>,
): Same<I>;
export function unsharpMask(engine: ImageEngine, image: ImageLike, options: UnsharpOptions = {}): unknown {
  const where = "unsharpMask";
  checkOptions(where, options, UNSHARP);
  const source = readImage(engine, image, where);
  const { sigma = 1, amount = 1, threshold = 0, border = "reflect" } = options;
  const radius = Math.floor(TRUNCATE * sigma + 0.5);
  if (!(2 * radius + 1 <= MAX_KERNEL))
    throw new ArgumentError(`${where}: sigma is ${sigma} but must be below ${MAX_KERNEL / (2 * TRUNCATE)}`);
  const weights = gaussian1d(2 * radius + 1, sigma);
  const filter = linesFilter(weights, weights, { scale: 1, bias: 0, dilation: [1, 1], bytes: false }, where);
  const { width, height, channels, runtime } = source;
  const float = isFloat(source, options);
  return produce(source, { width, height, channels, float }, options.out, (scratch, target) => {
    const side = radius * channels;
    const pitch = bandPitch(width * channels, 4, side, side);
    const rows = Math.min(height, Math.max(stripRows(pitch, height), radius));
    const feed = new Feed(scratch, source, {
      ...{ rows: rows + 2 * radius, float: true, left: radius, right: radius },
      border,
    });
    const drain = new Drain(scratch, target, { rows, float: true });
    const blur = makeStage(scratch, filter, { width, channels, pitch, rows, float: true });
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      const centre = feed.rows(y - radius, y + count + radius) + radius * pitch;
      blur.run(drain.address, drain.pitch, centre, pitch, count);
      const args = [drain.address, centre, drain.pitch, pitch, amount, threshold, width * channels] as const;
      run(runtime, "image_unsharp_f32", count, ...args);
      drain.write(y, count);
    }
  });
}
