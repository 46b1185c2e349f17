// Canny's edges.
import {
  aFlag,
  aNumberAbove,
  aNumberFrom,
  anInteger,
  type Check,
  type Checks,
  checkOptions,
  refuse,
} from "../validate.ts";
import { Band, Drain, produce, run, type Scratch } from "./band.ts";
import { type Aperture, GradientStrips } from "./canny-gradient.ts";
import type { ImageEngine } from "./engine.ts";
import { toGray } from "./gray.ts";
import { type ImageLike, readImage, type Same, type Source, type Target } from "./image.ts";
import type { Image } from "./pixels.ts";

export interface CannyOptions<I = ImageLike> {
  readonly low?: number;
  readonly high?: number;
  readonly sigma?: number;
  readonly size?: number;
  readonly aperture?: Aperture;
  readonly l2?: boolean;
  readonly out?: Same<I>;
}

const anAperture: Check<Aperture> = (value, name, where) => {
  if (value !== 3 && value !== 5 && value !== 7) refuse(value, name, where, "3, 5 or 7");
};

/** @internal */
export const CANNY: Checks<CannyOptions> = {
  low: aNumberFrom(0),
  high: aNumberFrom(0),
  sigma: aNumberAbove(0),
  size: anInteger(1),
  aperture: anAperture,
  l2: aFlag,
  out: true,
};

export interface Thresholds {
  readonly low: number;
  readonly high: number;
}

/** Thresholds as whole numbers, as magnitudes are compared with: see GradientStrips. */
export function wholeThresholds(
  { low, high }: Thresholds,
  aperture: Aperture,
  l2: boolean,
): [number, number] {
  const scale = aperture === 7 ? 1 / 16 : 1;
  const [a, b] = low < high ? [low, high] : [high, low];
  const whole = (t: number): number => {
    const limited = Math.min(t * scale, 32767);
    return Math.floor(l2 ? limited * limited : limited);
  };
  return [whole(a), whole(b)];
}

export function canny<I extends ImageLike>(engine: ImageEngine, image: I, options?: CannyOptions<I>): Same<I>;
export function canny(engine: ImageEngine, image: ImageLike, options: CannyOptions = {}): unknown {
  checkOptions("canny", options, CANNY);
  const source = readImage(engine, image, "canny");
  const gray = readImage(engine, smoothed(engine, grayBytes(engine, source), options), "canny");
  const { width, height, float } = source;
  return produce(source, { width, height, channels: 1, float }, options.out, (scratch, target) => {
    const { aperture = 3, l2 = false, low = 1, high = 2 } = options;
    const [weak, strong] = wholeThresholds({ low, high }, aperture, l2);
    trace(scratch, gray, aperture, l2, weak, strong, target);
  });
}

/** The image as gray bytes. */
export function grayBytes(engine: ImageEngine, source: Source): Image {
  const { width, height, channels } = source;
  const pixels = { data: source.values(), width, height, channels };
  const gray = channels === 1 ? pixels : toGray(engine, pixels);
  // Rounded half to even and saturated, as every function does with floats that become bytes.
  return source.float ? { ...gray, data: Uint8ClampedArray.from(gray.data) } : gray;
}

function smoothed(engine: ImageEngine, gray: Image, { size, sigma }: CannyOptions): Image {
  return gray;
}

/** Addresses that wait while edges are traced. */
const STACK = 1 << 16;

function trace(
  scratch: Scratch,
  gray: Source,
  aperture: Aperture,
  l2: boolean,
  low: number,
  high: number,
  target: Target,
): void {
  const { runtime, width, height } = gray;
  const gradient = new GradientStrips(scratch, gray, aperture, l2);
  const map = new Band(scratch, height + 2, width, 1, 1, 1);
  const stack = scratch.allocate(STACK * 4);
  const { rows, dx, dy, magnitude } = gradient;
  const drain = new Drain(scratch, target, { rows, float: target.float });
  const bytes = target.float ? new Band(scratch, rows, width, 1) : drain;
  const kernel = l2 ? "image_canny_thin_squares" : "image_canny_thin";
  for (const row of [map.row(0), map.row(height + 1)]) scratch.bytes.fill(0, row - 1, row + width + 1);
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
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    run(runtime, "image_canny_edges", count, bytes.address, map.row(y + 1), bytes.pitch, map.pitch, width);
    if (bytes !== drain)
      run(runtime, "image_widen", count, drain.address, bytes.address, drain.pitch, bytes.pitch, width);
    drain.write(y, count);
  }
}
