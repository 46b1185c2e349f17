// Canny's edges.
import {
  aFlag,
  aNumberAbove,
  aNumberFrom,
  anOdd,
  type Check,
  type Checks,
  checkOptions,
  refuse,
} from "../validate.ts";
import { Band, Drain, produce, run, type Scratch } from "./band.ts";
import { type Aperture, GradientStrips, smoothBytes } from "./canny-gradient.ts";
import { chooseThresholds, type Thresholds, wholeThresholds } from "./canny-thresholds.ts";
import type { ImageEngine } from "./engine.ts";
import { MAX_KERNEL } from "./gaussian.ts";
import { makeGray } from "./gray.ts";
import {
  type ImageLike,
  type OutputOptions,
  readImage,
  type Same,
  type Source,
  type Target,
} from "./image.ts";

export interface CannyOptions<I = ImageLike> extends Pick<OutputOptions<I>, "out"> {
  /**
   * Pixels are candidates where the magnitude of the gradient is above `low`, and edges where it is above `high` or a path of candidates
   * leads to such a pixel. One alone: high is twice low. Default: `high` is Otsu's threshold of the magnitudes.
   */
  readonly low?: number;
  readonly high?: number;
  /** Standard deviation of a Gaussian blur that comes first. Default: no blur, or from `size` where that is given. */
  readonly sigma?: number;
  /** Side of the blur's window, odd. Default: from `sigma`, 6 sigma + 1. */
  readonly size?: number;
  /** Side of Sobel's window: 3, 5 or 7. Default 3. */
  readonly aperture?: Aperture;
  /** The magnitude is sqrt(dx² + dy²) rather than |dx| + |dy|. Default false. */
  readonly l2?: boolean;
}

const anAperture: Check<Aperture> = (value, name, where) => {
  if (value !== 3 && value !== 5 && value !== 7) refuse(value, name, where, "3, 5 or 7");
};

/** The blur of the largest window. */
const MAX_SIGMA = (MAX_KERNEL - 1) / 6;

/** @internal */
export const STAGES: Checks<Omit<CannyOptions, "out">> = {
  low: aNumberFrom(0),
  high: aNumberFrom(0),
  sigma(value, name, where) {
    aNumberAbove(0)(value, name, where);
    if ((value as number) > MAX_SIGMA) refuse(value, name, where, `at most ${MAX_SIGMA}`);
  },
  size: anOdd(1, MAX_KERNEL),
  aperture: anAperture,
  l2: aFlag,
};
const CANNY: Checks<CannyOptions> = { ...STAGES, out: true };

/**
 * Edges by Canny's method (J. Canny 1986), for bytes equal to OpenCV's Canny byte for byte: Sobel's derivatives dx and dy of the gray image,
 * edges replicated; their magnitude; of each pixel whether its magnitude is the largest in the direction of the gradient, rounded to one
 * of four; two thresholds, and candidates that strong pixels lead to. Colours are made gray first as by `toGray`, floats are rounded to bytes.
 *
 * The result has one channel of 0 and 255, without alpha; an ImageData or a canvas holds it as RGBA. Thresholds are compared with the
 * magnitude of Sobel's sums, which grow with the aperture: up to 2040 for 3, 24,480 for 5, 326,400 for 7. Without thresholds `high` is the
 * one that parts the magnitudes best (N. Otsu 1979; for Canny: M. Fang, G. Yue and Q. Yu 2009) and `low` its half.
 * `cannyStages` gives every step as a picture.
 */
export function canny<I extends ImageLike>(engine: ImageEngine, image: I, options?: CannyOptions<I>): Same<I>;
export function canny(engine: ImageEngine, image: ImageLike, options: CannyOptions = {}): unknown {
  checkOptions("canny", options, CANNY);
  const source = readImage(engine, image, "canny");
  const gray = smoothed(engine, grayBytes(engine, source), options);
  const { aperture = 3, l2 = false } = options;
  const thresholds = chooseThresholds(gray, options, aperture, l2);
  return edges(source, gray, thresholds, options);
}

/** The image as gray bytes. */
export function grayBytes(engine: ImageEngine, source: Source): Source {
  const { width, height, channels, float, where } = source;
  const values = source.values();
  // A tensor's values move when memory grows: these stay.
  const data = float && channels > 1 ? values.slice() : values;
  const pixels = readImage(engine, { data, width, height, channels }, where);
  const gray = channels > 1 ? readImage(engine, makeGray(pixels), where) : pixels;
  if (!float) return gray;
  // Rounded half to even and saturated, as every function does with floats that become bytes.
  return readImage(engine, { data: new Uint8ClampedArray(gray.values()), width, height }, where);
}

/** Gray bytes, smoothed where that is asked for. The window's side comes from sigma as in OpenCV. */
export function smoothed(engine: ImageEngine, gray: Source, { size, sigma = 0 }: CannyOptions): Source {
  if (size === undefined && sigma === 0) return gray;
  return readImage(engine, smoothBytes(gray, size ?? Math.round(sigma * 6 + 1) | 1, sigma), gray.where);
}

/** Addresses that wait while edges are traced: more only cost time. */
const STACK = 1 << 14;

/** The edges of gray bytes, as an image of the source's kind. */
export function edges(source: Source, gray: Source, thresholds: Thresholds, options: CannyOptions): unknown {
  const { width, height, float } = source;
  const { aperture = 3, l2 = false, out } = options;
  const [low, high] = wholeThresholds(thresholds, aperture, l2);
  return produce(source, { width, height, channels: 1, float }, out, (scratch, target) => {
    const gradient = new GradientStrips(scratch, gray, aperture, l2);
    const map = new Band(scratch, height + 2, width, 1, 1, 1);
    const stack = scratch.allocate(STACK * 4);
    const write = writer(scratch, target, gradient.rows);
    for (const row of [map.row(0), map.row(height + 1)]) scratch.bytes.fill(0, row - 1, row + width + 1);
    const { runtime } = gray;
    const { rows, dx, dy, magnitude } = gradient;
    const kernel = l2 ? "image_canny_thin_squares" : "image_canny_thin";
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      gradient.load(y, count);
      run(
        runtime,
        kernel,
        count,
        ...([map.row(y + 1), magnitude.row(1), dx.row(1), dy.row(1)] as const),
        ...([map.pitch, magnitude.pitch, dx.pitch, low, high, width] as const),
      );
    }
    run(runtime, "image_canny_trace", 1, map.row(1), stack, map.pitch, STACK, width, height);
    for (let y = 0; y < height; y += rows) write(y, Math.min(rows, height - y), map.row(y + 1), map.pitch);
  });
}

/** Writes rows of the map of edges, from row `y` on. */
function writer(scratch: Scratch, target: Target, rows: number) {
  const { runtime } = scratch;
  const { width, float } = target;
  const drain = new Drain(scratch, target, { rows, float });
  const bytes = float ? new Band(scratch, rows, width, 1) : drain;
  return (y: number, count: number, from: number, pitch: number): void => {
    run(runtime, "image_canny_edges", count, bytes.address, from, bytes.pitch, pitch, width);
    if (bytes !== drain)
      run(runtime, "image_widen", count, drain.address, bytes.address, drain.pitch, bytes.pitch, width);
    drain.write(y, count);
  };
}
