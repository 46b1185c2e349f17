// Derivatives of images: Sobel's and Scharr's operators, the Laplacian.
import { ArgumentError } from "../errors.ts";
import { aFlag, aNumber, anInteger, anOdd, type Checks, checkOptions } from "../validate.ts";
import { Band, type BorderMode, bandPitch, Drain, Feed, produce, run, stripRows } from "./band.ts";
import { aFilterBorder } from "./checks.ts";
import type { ImageEngine } from "./engine.ts";
import {
  type Floats,
  type ImageLike,
  isFloat,
  type OutputOptions,
  readImage,
  type Same,
  type Source,
} from "./image.ts";
import { derivative1d, laplacianKernel } from "./kernels.ts";
import { type FilterBorder, filterAll } from "./rows.ts";
import { aFloat, kernelFilter, linesFilter } from "./window.ts";

/** What all derivatives take. */
export interface DerivativeOptions<I = ImageLike> extends OutputOptions<I> {
  /** Multiplies the derivative. Default 1. */
  readonly scale?: number;
  /** Added after that: 128 lets bytes show both signs. Default 0. */
  readonly bias?: number;
  /** What lies beyond the edge; "valid": only windows that lie inside the image, which makes the result smaller. Default "reflect101". */
  readonly border?: FilterBorder;
}

export interface ScharrOptions<I = ImageLike> extends DerivativeOptions<I> {
  /** How often to derive to the right. Default: 1, or 0 where `dy` is given. */
  readonly dx?: number;
  /** How often to derive downwards. Default 0. */
  readonly dy?: number;
}

export interface SobelOptions<I = ImageLike> extends ScharrOptions<I> {
  /** Side of the window, odd, from 1 to 31; 1 is 3 along the derivative and does not smooth. Default 3. */
  readonly size?: number;
}

export interface LaplacianOptions<I = ImageLike> extends DerivativeOptions<I> {
  /** Side of the window, odd, from 1 to 31; 1 is that of the four neighbours. Default 1, as in OpenCV. */
  readonly size?: number;
}

/** OpenCV's largest. */
export const MAX_SIZE = 31;

const DERIVATIVE: Checks<DerivativeOptions> = {
  ...{ scale: aNumber, bias: aFloat, border: aFilterBorder },
  ...{ float: aFlag, out: true },
};
const SCHARR: Checks<ScharrOptions> = { ...DERIVATIVE, dx: anInteger(0, 1), dy: anInteger(0, 1) };
const SOBEL: Checks<SobelOptions> = {
  ...{ ...DERIVATIVE, size: anOdd(1, MAX_SIZE) },
  ...{ dx: anInteger(0, MAX_SIZE - 1), dy: anInteger(0, MAX_SIZE - 1) },
};
const LAPLACIAN: Checks<LaplacianOptions> = { ...DERIVATIVE, size: anOdd(1, MAX_SIZE) };

type AsFloat = { readonly float: true };

/**
 * Sobel's derivative of orders `dx` and `dy` (Sobel and Feldman 1968; OpenCV's Sobel): the image correlated with the kernel whose factors are
 * derivative1d(dx, size) across and derivative1d(dy, size) down, for size 3 and dx 1 [-1 0 1] and [1 2 1]; times `scale`, plus `bias`.
 * Bytes are rounded and saturated, so that negative derivatives become 0: ask for floats, or add a bias. Alpha stays as it is.
 * Throws ArgumentError where both orders are 0 or one is not below the size.
 */
export function sobel<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: SobelOptions<I> & AsFloat,
): Floats<I>;
export function sobel<I extends ImageLike>(engine: ImageEngine, image: I, options?: SobelOptions<I>): Same<I>;
export function sobel(engine: ImageEngine, image: ImageLike, options: SobelOptions = {}): unknown {
  const where = "sobel";
  checkOptions(where, options, SOBEL);
  const { size = 3, dy = 0, dx = dy ? 0 : 1 } = options;
  const most = Math.max(size, 3) - 1;
  if (dx + dy === 0 || dx > most || dy > most)
    throw new ArgumentError(
      `${where}: dx is ${dx} and dy is ${dy}, but for size ${size} each must be from 0 to ${most}, and one above 0`,
    );
  const source = readImage(engine, image, where);
  return separable(source, derivative1d(dx, size), derivative1d(dy, size), options);
}

/** What Scharr's operator smooths with. */
export const SCHARR_SMOOTH = [3, 10, 3];

/**
 * Scharr's first derivative (H. Scharr 2000; OpenCV's Scharr): [-1 0 1] along and [3 10 3] across, whose direction is more exact than that of
 * Sobel's 3 x 3. `dx` 1 to the right, or `dy` 1 downwards; everything else as in `sobel`.
 * Throws ArgumentError unless one of both is 1.
 */
export function scharr<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: ScharrOptions<I> & AsFloat,
): Floats<I>;
export function scharr<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options?: ScharrOptions<I>,
): Same<I>;
export function scharr(engine: ImageEngine, image: ImageLike, options: ScharrOptions = {}): unknown {
  const where = "scharr";
  checkOptions(where, options, SCHARR);
  const { dy = 0, dx = dy ? 0 : 1 } = options;
  if (dx + dy !== 1)
    throw new ArgumentError(`${where}: dx is ${dx} and dy is ${dy}, but one must be 1 and one 0`);
  const source = readImage(engine, image, where);
  const [along, across] = [derivative1d(1), SCHARR_SMOOTH];
  return dx ? separable(source, along, across, options) : separable(source, across, along, options);
}

/**
 * The Laplacian, the sum of both second derivatives (OpenCV's Laplacian): laplacianKernel(size), for size 1 [0 1 0; 1 -4 1; 0 1 0], for
 * others the sum of Sobel's second derivatives, for 3 [2 0 2; 0 -8 0; 2 0 2]. Everything else as in `sobel`.
 */
export function laplacian<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: LaplacianOptions<I> & AsFloat,
): Floats<I>;
export function laplacian<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options?: LaplacianOptions<I>,
): Same<I>;
export function laplacian(engine: ImageEngine, image: ImageLike, options: LaplacianOptions = {}): unknown {
  const where = "laplacian";
  checkOptions(where, options, LAPLACIAN);
  const source = readImage(engine, image, where);
  const { size = 1, scale = 1, bias = 0, border, out } = options;
  const float = isFloat(source, options);
  const terms = { scale, bias, dilation: [1, 1], bytes: !float } as const;
  const filter = kernelFilter(laplacianKernel(size), terms, where);
  return filterAll(source, [filter], { border, float }, [out])[0];
}

/** The largest product of two weights of three: Scharr's. */
const MAX_WEIGHT = 10;

/** Correlation with the products of both kernels. */
export function separable(
  source: Source,
  kernelX: readonly number[],
  kernelY: readonly number[],
  options: DerivativeOptions,
): unknown {
  const { scale = 1, bias = 0, border, out } = options;
  const float = isFloat(source, options);
  const small = kernelX.length <= 3 && kernelY.length <= 3;
  const finite = Number.isFinite(Math.fround(scale * MAX_WEIGHT));
  const bytesToFloats = float && !source.float && !source.alpha;
  if (small && finite && bytesToFloats && border !== "valid")
    return separable3(source, centred(kernelX), centred(kernelY), options);
  const terms = { scale, bias, dilation: [1, 1], bytes: !float } as const;
  return filterAll(source, [linesFilter(kernelY, kernelX, terms, source.where)], { border, float }, [out])[0];
}

/** One or three weights as three. */
const centred = (kernel: readonly number[]): readonly number[] =>
  kernel.length === 1 ? [0, kernel[0], 0] : kernel;

/** The same for bytes that become floats, and kernels of three integers whose sums stay below 2^15. */
function separable3(
  source: Source,
  kernelX: readonly number[],
  kernelY: readonly number[],
  { border, scale = 1, bias = 0, out }: DerivativeOptions,
): unknown {
  const { width, height, channels, runtime } = source;
  return produce(source, { width, height, channels, float: true }, out, (scratch, target) => {
    const n = width * channels;
    const rows = stripRows(bandPitch(n, 1, 4, 4) + bandPitch(n, 2, 8, 8) + bandPitch(n, 4), height);
    const feed = new Feed(scratch, source, {
      ...{ rows: rows + 2, left: 1, right: 1, border: border as BorderMode },
    });
    const columns = new Band(scratch, rows, n, 2, 8, 8);
    const drain = new Drain(scratch, target, { rows, float: true });
    const table = new ArrayBuffer(24);
    new Int16Array(table).set([...kernelY, ...kernelX]);
    new Float32Array(table).set([scale, bias], 4);
    const taps = scratch.upload(new Int32Array(table));
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      const from = feed.rows(y - 1, y + count + 1);
      run(
        runtime,
        "image_separable3_u8",
        count,
        ...([drain.address, from, columns.address, taps] as const),
        ...([drain.pitch, feed.pitch, columns.pitch, channels, n] as const),
      );
      drain.write(y, count);
    }
  });
}
