// Derivatives of images: Sobel's and Scharr's operators, the Laplacian, the gradient.
import { ArgumentError } from "../errors.ts";
import {
  aFlag,
  aNumber,
  anInteger,
  aWord,
  type Check,
  type Checks,
  checkOptions,
  isIntegerFrom,
  refuse,
} from "../validate.ts";
import { Band, bandPitch, type BorderMode, Drain, Feed, produce, run, stripRows } from "./band.ts";
import type { ImageEngine } from "./engine.ts";
import { type Floats, type ImageLike, isFloat, type OutputOptions, readImage, type Same, type Source } from "./image.ts";

/** What all derivatives take. */
interface DerivativeOptions<I> extends OutputOptions<I> {
  /** Factor of the result. Default 1. */
  readonly scale?: number;
  /** What is added to the result after that: 128 shows signs in bytes. Default 0. */
  readonly bias?: number;
  /** What lies beyond the edges. Default "reflect101". */
  readonly border?: BorderMode;
}

export interface ScharrOptions<I = ImageLike> extends DerivativeOptions<I> {
  /** Order of the derivative across, 0 to 2. Default: 1, or 0 where `dy` is given. */
  readonly dx?: number;
  /** Order of the derivative down, 0 to 2. Default 0. */
  readonly dy?: number;
}

export interface SobelOptions<I = ImageLike> extends ScharrOptions<I> {
  /** Side of the window, odd, 1 to 31; 1 does not smooth. Default 3. */
  readonly size?: number;
}

export interface LaplacianOptions<I = ImageLike> extends DerivativeOptions<I> {
  /** Side of the window, odd, 1 to 31. Default 1. */
  readonly size?: number;
}

const DERIVATIVE = {
  scale: aNumber,
  bias: aNumber,
  border: aWord("reflect101", "reflect", "replicate", "zeros"),
  float: aFlag,
  out: true,
} as const;

/** The largest window: sums of bytes are exact in float32 up to size 11, and OpenCV goes no further either. */
const MAX_SIZE = 31;

const aSize: Check<number> = (value, name, where) => {
  if (!isIntegerFrom(value, 1, MAX_SIZE) || value % 2 === 0)
    refuse(value, name, where, `an odd integer from 1 to ${MAX_SIZE}`);
};

const ORDERS = { dx: anInteger(0), dy: anInteger(0) };
const SCHARR: Checks<ScharrOptions> = { ...ORDERS, ...DERIVATIVE };
const SOBEL: Checks<SobelOptions> = { ...SCHARR, size: aSize };

/** Both orders of a derivative, at least one of which is above 0 and none above `most`. */
function orders({ dx, dy = 0 }: ScharrOptions, most: number, why: string, where: string): [number, number] {
  const x = dx ?? (dy ? 0 : 1);
  if (x + dy < 1 || x > most || dy > most)
    throw new ArgumentError(`${where}: dx is ${x} and dy ${dy} but one must be above 0 and both at most ${why}`);
  return [x, dy];
}

/** Kernels of three taps: smoothing, first and second derivative. */
const SOBEL3 = [
  [1, 2, 1],
  [-1, 0, 1],
  [1, -2, 1],
] as const;
const ALONE = [0, 1, 0] as const;

export function sobel<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: SobelOptions<I> & { readonly float: true },
): Floats<I>;
export function sobel<I extends ImageLike>(engine: ImageEngine, image: I, options?: SobelOptions<I>): Same<I>;
export function sobel(engine: ImageEngine, image: ImageLike, options: SobelOptions = {}): unknown {
  checkOptions("sobel", options, SOBEL);
  const { size = 3 } = options;
  const most = Math.max(size, 3) - 1;
  const [dx, dy] = orders(options, most, `${most} for size ${size}`, "sobel");
  const source = readImage(engine, image, "sobel");
  const taps = (order: number): readonly number[] => (size === 1 && order === 0 ? ALONE : SOBEL3[order]);
  return separable3(source, taps(dx), taps(dy), options);
}

/** Filters bytes by three integers across and three down, whose sums stay below 2^15. */
function separable3(
  source: Source,
  kernelX: readonly number[],
  kernelY: readonly number[],
  options: DerivativeOptions<ImageLike>,
): unknown {
  const { width, height, channels, runtime, alpha } = source;
  const { border, scale = 1, bias = 0, out } = options;
  return produce(source, { width, height, channels, float: isFloat(source, options) }, out, (scratch, target) => {
    const n = width * channels;
    const rows = stripRows(bandPitch(n, 1, 4, 4) + bandPitch(n, 2, 8, 8) + bandPitch(n, 4), height);
    const feed = new Feed(scratch, source, { rows: rows + 2, left: 1, right: 1, ...(border && { border }) });
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
      if (alpha) throw Error("todo");
      drain.write(y, count);
    }
  });
}
