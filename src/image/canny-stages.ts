// Every step of Canny's method as a picture: to look at, and to choose thresholds by.
import { checkOptions } from "../validate.ts";
import { Scratch } from "./band.ts";
import { type CannyOptions, edges, grayBytes, STAGES, smoothed } from "./canny.ts";
import { type Aperture, GradientStrips } from "./canny-gradient.ts";
import { chooseThresholds, divisor, wholeThresholds } from "./canny-thresholds.ts";
import type { ImageEngine } from "./engine.ts";
import { type ImageLike, readImage, type Source } from "./image.ts";
import type { Image } from "./pixels.ts";

type Bytes = Image<Uint8Array | Uint8ClampedArray>;
type Floats = Image<Float32Array>;

/** Images of one channel, in the order in which they are made. */
export interface CannyStages {
  readonly gray: Bytes;
  /** The same as `gray` where nothing was smoothed. */
  readonly smoothed: Bytes;
  /** Sobel's derivative to the right. */
  readonly dx: Floats;
  /** Sobel's derivative downwards. */
  readonly dy: Floats;
  /** |dx| + |dy|, or with `l2` sqrt(dx² + dy²): what `low` and `high` are compared with. */
  readonly magnitude: Floats;
  /** The direction of the gradient in degrees, one of 0 (to the right or left), 45 (down to the right), 90 and 135. */
  readonly direction: Bytes;
  /** The magnitude where it is largest in that direction, else 0. */
  readonly thinned: Floats;
  /** 255 where that is above `high`, 128 where it is above `low`, else 0. */
  readonly thresholds: Bytes;
  /** What `canny` gives: 255 where there is an edge, else 0. */
  readonly edges: Bytes;
  readonly low: number;
  readonly high: number;
}

export type CannyStagesOptions = Omit<CannyOptions, "out">;

/** Canny's method step by step, as `canny` does it with the same options. */
export function cannyStages(
  engine: ImageEngine,
  image: ImageLike,
  options: CannyStagesOptions = {},
): CannyStages {
  const where = "cannyStages";
  checkOptions(where, options, STAGES);
  const source = readImage(engine, image, where);
  const gray = grayBytes(engine, source);
  const smooth = smoothed(engine, gray, options);
  const { aperture = 3, l2 = false } = options;
  const { low, high } = chooseThresholds(smooth, options, aperture, l2);
  const derivatives = derive(smooth, aperture, l2);
  const [weak, strong] = wholeThresholds({ low, high }, aperture, l2);
  return {
    ...{ gray: bytesOf(gray), smoothed: bytesOf(smooth) },
    ...thin(smooth, derivatives, weak, strong, (m) => (l2 ? Math.sqrt(m) : m) * divisor(aperture)),
    ...scaled(smooth, derivatives, divisor(aperture)),
    edges: edges(gray, smooth, { low, high }, options) as Bytes,
    ...{ low, high },
  };
}

const bytesOf = ({ width, height, values }: Source): Bytes => ({
  ...{ data: values() as Uint8Array, width, height, channels: 1 },
});

/** As Canny's method computes them: `magnitude` has a border of one zero on all sides. */
interface Derivatives {
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  readonly magnitude: Int32Array;
}

function derive(source: Source, aperture: Aperture, l2: boolean): Derivatives {
  const { width, height } = source;
  const [dx, dy] = [new Int16Array(width * height), new Int16Array(width * height)];
  const magnitude = new Int32Array((width + 2) * (height + 2));
  const scratch = new Scratch(source);
  try {
    const gradient = new GradientStrips(scratch, source, aperture, l2);
    for (let y = 0; y < height; y += gradient.rows) {
      const count = Math.min(gradient.rows, height - y);
      gradient.load(y, count);
      const { buffer } = scratch.bytes;
      for (let i = 1; i <= count; i++) {
        const row = y + i - 1;
        dx.set(new Int16Array(buffer, gradient.dx.row(i), width), row * width);
        dy.set(new Int16Array(buffer, gradient.dy.row(i), width), row * width);
        const from = gradient.magnitude.row(i);
        const values = l2 ? new Int32Array(buffer, from, width) : new Int16Array(buffer, from, width);
        magnitude.set(values, (row + 1) * (width + 2) + 1);
      }
    }
  } finally {
    scratch.free();
  }
  return { dx, dy, magnitude };
}

/** The tangent of 22.5 degrees in 2^15ths: OpenCV's. That of 67.5 degrees is larger by 2. */
const TANGENT = 13573;
const ONE = 2 ** 15;

type Thinned = Pick<CannyStages, "magnitude" | "direction" | "thinned" | "thresholds">;

/** Directions, and what is largest in them; `show` makes numbers of magnitudes that thresholds can be compared with. */
function thin(
  { width, height }: Source,
  { dx, dy, magnitude }: Derivatives,
  low: number,
  high: number,
  show: (magnitude: number) => number,
): Thinned {
  const size = { width, height, channels: 1 };
  const shown = { ...size, data: new Float32Array(width * height) };
  const thinned = { ...size, data: new Float32Array(width * height) };
  const direction = { ...size, data: new Uint8Array(width * height) };
  const thresholds = { ...size, data: new Uint8Array(width * height) };
  const pitch = width + 2;
  for (let i = 0; i < dx.length; i++) {
    const at = (Math.floor(i / width) + 1) * pitch + (i % width) + 1;
    const m = magnitude[at];
    shown.data[i] = show(m);
    if (m === 0) continue;
    const [x, y] = [Math.abs(dx[i]), Math.abs(dy[i])];
    const rising = dx[i] < 0 !== dy[i] < 0;
    const degrees = y * ONE < x * TANGENT ? 0 : y * ONE > x * (TANGENT + 2 * ONE) ? 90 : rising ? 135 : 45;
    direction.data[i] = degrees;
    const step = { 0: 1, 45: pitch + 1, 90: pitch, 135: pitch - 1 }[degrees]!;
    // Of two that are equal the first stays; on diagonals neither, as in OpenCV.
    const [before, after] = [magnitude[at - step], magnitude[at + step]];
    if (m <= before || m < after || (m === after && degrees % 90 !== 0)) continue;
    thinned.data[i] = shown.data[i];
    thresholds.data[i] = m > high ? 255 : m > low ? 128 : 0;
  }
  return { magnitude: shown, direction, thinned, thresholds };
}

function scaled(
  { width, height }: Source,
  { dx, dy }: Derivatives,
  by: number,
): Pick<CannyStages, "dx" | "dy"> {
  const image = (values: Int16Array): Floats => ({
    ...{ data: Float32Array.from(values, (v) => v * by), width, height, channels: 1 },
  });
  return { dx: image(dx), dy: image(dy) };
}
