// sharp (libvips, native code): raw pixels in, raw pixels out, one thread.
import type { Sharp } from "sharp";
import type { Picture, PictureRow } from "../image-rows.ts";
import type { PicturePeer } from "./opencv.ts";

export type SharpLibrary = typeof import("sharp")["default"];

export async function sharpLibrary(): Promise<SharpLibrary> {
  const { default: sharp } = await import("sharp");
  sharp.concurrency(1);
  // It would give the answer of the last run again.
  sharp.cache(false);
  return sharp;
}

/** Undefined where sharp has nothing that does the same. */
export function sharpRunner(
  sharp: SharpLibrary,
  row: PictureRow,
  { data, width, height, channels }: Picture,
): PicturePeer | undefined {
  const pipeline: ((image: Sharp) => Sharp) | undefined = row.sharp;
  if (!pipeline) return undefined;
  const out = new Uint8Array(row.result.width * row.result.height * row.result.channels);
  return {
    async run() {
      const image = pipeline(sharp(data, { raw: { width, height, channels } }));
      out.set(await (channels === 1 ? image.toColourspace("b-w") : image).raw().toBuffer());
    },
    output: () => out,
    dispose() {},
  };
}
