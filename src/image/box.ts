// Box blur, by running sums.
import { aFlag, anInteger, type Checks, checkOptions, needed } from "../validate.ts";
import { Band, type BorderMode, bandPitch, Drain, Feed, produce, run } from "./band.ts";
import { aBorder } from "./checks.ts";
import type { ImageEngine } from "./engine.ts";
import { type Floats, type ImageLike, isFloat, type OutputOptions, readImage, type Same } from "./image.ts";
import { aPair, type Pair, pairOf } from "./window.ts";

export interface BoxOptions<I = ImageLike> extends OutputOptions<I> {
  /** Sides of the window, or [vertical, horizontal]. */
  readonly size: Pair;
  /** Default "reflect101". */
  readonly border?: BorderMode;
}

/** The longest side: sums of so many rows of so many bytes fit 32 bits. */
const MAX_SIZE = 4095;

const OPTIONS: Checks<BoxOptions> = {
  size: needed(aPair(anInteger(1, MAX_SIZE)), "5"),
  border: aBorder,
  ...{ float: aFlag, out: true },
};

/** The most rows whose sum of bytes fits 16 bits. */
const MOST_ROWS = 257;

/** Bytes of all the rows of a strip: what a second-level cache holds. */
const STRIP_BYTES = 320 * 1024;

/**
 * The mean of a window of pixels around [floor(h / 2), floor(w / 2)], as OpenCV's blur, bytes rounded as it does. The time does not depend
 * on the size. Sums run along: a NaN or an infinity in a float image spreads to the right and downwards.
 * Throws ArgumentError unless the size is of integers from 1 to 4095.
 */
export function boxBlur<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: BoxOptions<I> & { readonly float: true },
): Floats<I>;
export function boxBlur<I extends ImageLike>(engine: ImageEngine, image: I, options: BoxOptions<I>): Same<I>;
export function boxBlur(engine: ImageEngine, image: ImageLike, options: BoxOptions): unknown {
  const where = "boxBlur";
  checkOptions(where, options, OPTIONS);
  const source = readImage(engine, image, where);
  const [h, w] = pairOf(options.size);
  const { border } = options;
  const { width, height, channels, alpha, runtime } = source;
  const float = isFloat(source, options);
  // Alpha is copied from rows of the type that is made.
  const integers = !source.float && h <= MOST_ROWS && !(float && alpha);
  return produce(source, { width, height, channels, float }, options.out, (scratch, target) => {
    const left = Math.floor(w / 2);
    const right = w - 1 - left;
    const size = integers ? 1 : 4;
    const wide = (left + width + right) * channels;
    const pitch = bandPitch(width * channels, size, left * channels, right * channels);
    // Sums are of twice the bytes; the output's rows are at most as large as the sums'.
    const rows = Math.min(height, Math.max(1, Math.floor(STRIP_BYTES / (pitch * 5)), Math.ceil(h / 2)));
    const feed = new Feed(scratch, source, { ...{ rows: rows + h, float: !integers, left, right }, border });
    // Blocks of columns end up to 31 values after a row.
    const sums = new Band(scratch, rows + 1, wide + BLOCK, size * 2);
    const drain = new Drain(scratch, target, { rows, float: float || !integers });
    const means = meansOf(h * w, float);
    const before = Math.floor(h / 2);
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      // The row that leaves the first window, too.
      const from = feed.rows(y - before - 1, y - before - 1 + count + h);
      const start = from - left * channels * size;
      const columns = [sums.address, start, sums.pitch, feed.pitch, h, count, y === 0 ? 1 : 0] as const;
      const [place, line] = [drain.address, sums.row(1)];
      if (integers) {
        run(runtime, "image_box_columns_u8", Math.ceil(wide / BLOCK), ...columns);
        const { scale, add } = means;
        const args = [
          place,
          line,
          drain.pitch,
          sums.pitch,
          w,
          channels,
          scale,
          add,
          float ? 1 : 0,
          width,
        ] as const;
        run(runtime, "image_box_rows_u8", count, ...args);
      } else {
        run(runtime, "image_box_columns_f32", Math.ceil(wide / 4), ...columns);
        const args = [place, line, drain.pitch, sums.pitch, w, channels, 1 / (h * w), width] as const;
        run(runtime, "image_box_rows_f32", count, ...args);
      }
      if (alpha) drain.keepAlpha(from + (before + 1) * feed.pitch, feed.pitch, count);
      drain.write(y, count);
      sums.keep(scratch, count, 1);
    }
  });
}

/** Values of a block of image_box_columns_u8. */
const BLOCK = 32;

/**
 * An area of at most so many pixels is divided by with 23 bits of its reciprocal, and a half rounded up, as OpenCV does. (For powers of two
 * OpenCV 4.6 adds 1 too much: of areas of 2 it makes 1 from zeros. Here all means are the nearest bytes.)
 */
const SMALL_AREA = 256;

function meansOf(area: number, float: boolean): { scale: number; add: number } {
  if (float || area > SMALL_AREA) return { scale: 1 / area, add: -1 };
  const exact = 2 ** 23 / area;
  const scale = Math.floor(exact);
  const half = Math.floor(area / 2);
  if (exact === scale) return { scale, add: half };
  return exact - scale < 0.5 ? { scale, add: half + 1 } : { scale: scale + 1, add: half };
}
