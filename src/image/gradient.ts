// The gradient of an image: both derivatives, its magnitude and its angle.
import { Tensor } from "../tensor.ts";
import { anOdd, aWord, type Checks, checkOptions, refuse } from "../validate.ts";
import { type BorderMode, bandPitch, Drain, Feed, produceAll, run, stripRows } from "./band.ts";
import { aBorder } from "./checks.ts";
import { MAX_SIZE, SCHARR_SMOOTH, separable } from "./derivative.ts";
import type { ImageEngine } from "./engine.ts";
import { makeGray } from "./gray.ts";
import { type Floats, type ImageLike, readImage, type Source } from "./image.ts";
import { derivative1d } from "./kernels.ts";

export interface GradientOptions {
  /** Side of Sobel's window, odd, from 3 to 31; Scharr's has 3. Default 3. */
  readonly size?: number;
  /** Default "sobel". */
  readonly kernel?: "sobel" | "scharr";
  /** What lies beyond the edge. Default "reflect101". */
  readonly border?: BorderMode;
}

/** Float images of one channel. */
export interface Gradient<I = ImageLike> {
  /** The derivative to the right. */
  readonly dx: Floats<I>;
  /** The derivative downwards. */
  readonly dy: Floats<I>;
  /** sqrt(dx² + dy²). */
  readonly magnitude: Floats<I>;
  /** atan2(dy, dx), in radians from -π to π: 0 is to the right, π/2 downwards. */
  readonly angle: Floats<I>;
}

const OPTIONS: Checks<GradientOptions> = {
  size: anOdd(3, MAX_SIZE),
  kernel: aWord("sobel", "scharr"),
  border: aBorder,
};

/**
 * The gradient of the gray image (`toGray`), by Sobel's or Scharr's first derivatives: { dx, dy, magnitude, angle }, float images of one
 * channel, tensors for a tensor. The angle is exact to 4e-7 and 0 where both derivatives are.
 * Throws ArgumentError for an even size, or one other than 3 with Scharr's kernel.
 */
export function gradient<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: GradientOptions = {},
): Gradient<I> {
  const where = "gradient";
  checkOptions(where, options, OPTIONS);
  const { size = 3, kernel = "sobel", border = "reflect101" } = options;
  if (kernel === "scharr" && size !== 3) refuse(size, "size", where, "3 with Scharr's kernel");
  const along = derivative1d(1, size);
  const across = kernel === "scharr" ? SCHARR_SMOOTH : derivative1d(0, size);
  const source = readImage(engine, image, where);
  const made: unknown[] = [];
  const gray = grayOf(engine, image, source);
  try {
    const from = gray === undefined ? source : readImage(engine, gray, where);
    for (const [x, y] of [
      [along, across],
      [across, along],
    ])
      made.push(separable(from, x, y, { float: true, border }));
    const [dx, dy] = made.map((derivative) => readImage(engine, derivative, where));
    made.push(...polar(dx, dy));
    const [x, y, magnitude, angle] = made as Floats<I>[];
    return { dx: x, dy: y, magnitude, angle };
  } catch (error) {
    made.forEach(release);
    throw error;
  } finally {
    release(gray);
  }
}

const release = (image: unknown): void => {
  if (image instanceof Tensor) image.dispose();
};

/** The image in gray, unless it has one channel. */
function grayOf(
  engine: ImageEngine,
  image: ImageLike,
  { width, height, channels, values, where }: Source,
): unknown {
  if (channels === 1) return undefined;
  const pixels = image instanceof Tensor ? image : { data: values(), width, height, channels };
  return makeGray(readImage(engine, pixels, where));
}

/** Magnitude and angle of float images. */
function polar(dx: Source, dy: Source): unknown[] {
  const { width, height, runtime } = dx;
  const layout = { width, height, channels: 1, float: true };
  return produceAll(dx, [layout, layout], [], (scratch, targets) => {
    const rows = stripRows(4 * bandPitch(width, 4), height);
    const [x, y] = [dx, dy].map((source) => new Feed(scratch, source, { rows }));
    const [magnitude, angle] = targets.map((target) => new Drain(scratch, target, { rows, float: true }));
    for (let row = 0; row < height; row += rows) {
      const count = Math.min(rows, height - row);
      const inputs = [x.rows(row, row + count), y.rows(row, row + count)] as const;
      const pitches = [magnitude.pitch, x.pitch] as const;
      run(runtime, "image_polar_f32", count, magnitude.address, angle.address, ...inputs, ...pitches, width);
      magnitude.write(row, count);
      angle.write(row, count);
    }
  });
}
