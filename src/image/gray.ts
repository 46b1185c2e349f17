// Colours to gray.
import { aFlag, type Checks, checkOptions } from "../validate.ts";
import { bandPitch, Drain, Feed, produce, run, stripRows } from "./band.ts";
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

export type GrayOptions<I = ImageLike> = OutputOptions<I>;

const OPTIONS: Checks<OutputOptions> = { float: aFlag, out: true };

/**
 * 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), for bytes in OpenCV's fixed point. One channel comes out, without alpha; an ImageData or a
 * canvas holds it as RGBA.
 */
export function toGray<I extends ImageLike>(
  engine: ImageEngine,
  image: I,
  options: GrayOptions<I> & { readonly float: true },
): Floats<I>;
export function toGray<I extends ImageLike>(engine: ImageEngine, image: I, options?: GrayOptions<I>): Same<I>;
export function toGray(engine: ImageEngine, image: ImageLike, options: GrayOptions = {}): unknown {
  checkOptions("toGray", options, OPTIONS);
  return makeGray(readImage(engine, image, "toGray"), options);
}

/** The gray image of one that was read. */
export function makeGray(source: Source, options: GrayOptions = {}): unknown {
  const { width, height, channels, runtime } = source;
  const float = isFloat(source, options);
  const kernel = source.float || float || channels < 3 ? "image_gray_f32" : "image_gray_u8";
  return produce(source, { width, height, channels: 1, float }, options.out, (scratch, target) => {
    const floats = kernel === "image_gray_f32";
    const rows = stripRows(bandPitch(width * channels, floats ? 4 : 1), height);
    const feed = new Feed(scratch, source, { rows, float: floats });
    const drain = new Drain(scratch, target, { rows, float: floats });
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      const from = feed.rows(y, y + count);
      run(runtime, kernel, count, drain.address, from, drain.pitch, feed.pitch, channels, width);
      drain.write(y, count);
    }
  });
}
