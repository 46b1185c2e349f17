// The median of a window.
import { anOdd, type Checks, checkOptions, needed } from "../validate.ts";
import { Band, bandPitch, Drain, Feed, produce, run, stripRows } from "./band.ts";
import type { ImageEngine } from "./engine.ts";
import { type ImageLike, type OutputOptions, readImage, type Same } from "./image.ts";

export interface MedianOptions<I = ImageLike> extends Pick<OutputOptions<I>, "out"> {
  /** Side of the window, odd, 1 to 255. */
  readonly size: number;
}

/** A histogram of a window counts in 16 bits, one of a column in 8. */
const MAX_SIZE = 255;

/** Bytes of the histogram of a column, and of a window: see assembly/image-median-large.ts. */
const COLUMN = 272;
const WINDOW = 656;

const OPTIONS: Checks<MedianOptions> = { size: needed(anOdd(1, MAX_SIZE), "5"), out: true };

/**
 * The median of the `size` x `size` values round every pixel, channel by channel: takes away specks and keeps edges. Edges are
 * replicated, alpha stays as it is. In images of floats a NaN makes the medians of all windows that hold it NaN. Sizes 3 and 5 are
 * fastest; the time for larger ones hardly depends on the size for bytes, and grows with its square for floats.
 *
 * Throws ArgumentError for a size that is even, below 1 or above 255.
 */
export function medianBlur<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: MedianOptions<I>,
): Same<I>;
export function medianBlur(engine: ImageEngine, image: ImageLike, options: MedianOptions): unknown {
  checkOptions("medianBlur", options, OPTIONS);
  const source = readImage(engine, image, "medianBlur");
  const { size, out } = options;
  const { width, height, channels, float, alpha, runtime } = source;
  return produce(source, { width, height, channels, float }, out, (scratch, target) => {
    const n = width * channels;
    const value = float ? 4 : 1;
    const radius = size >> 1;
    const margin = radius * channels;
    const small = size === 3 || size === 5;
    const strip = stripRows((small ? size + 2 : 2) * bandPitch(n, value, margin, margin), height);
    // Of large windows no more rows are kept from strip to strip than are made.
    const rows = small ? strip : Math.min(height, Math.max(strip, size));
    const feed = new Feed(scratch, source, {
      ...{ rows: rows + size, left: radius, right: radius, border: "replicate" },
    });
    const drain = new Drain(scratch, target, { rows, float });
    const sorted = small && new Band(scratch, rows * size, n, value, margin, margin);
    const histograms =
      small || float ? 0 : scratch.allocate(channels * ((width + size - 1) * COLUMN + WINDOW));
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      const above = feed.rows(y - radius - 1, y + count + radius);
      const windows = above + feed.pitch;
      const { address, pitch } = drain;
      const pitches = [pitch, feed.pitch] as const;
      if (sorted)
        run(
          runtime,
          "image_median_small",
          count,
          ...([address, windows, sorted.address, ...pitches, sorted.pitch] as const),
          ...([channels * value, n * value, size, float ? 1 : 0] as const),
        );
      else if (float)
        run(runtime, "image_median_f32", count, address, windows, ...pitches, channels * 4, size, n);
      else
        run(
          runtime,
          "image_median_u8",
          channels,
          ...([address, above, histograms, ...pitches, channels, size, width, count, y ? 0 : 1] as const),
        );
      if (alpha) drain.keepAlpha(windows + radius * feed.pitch, feed.pitch, count);
      drain.write(y, count);
    }
  });
}
