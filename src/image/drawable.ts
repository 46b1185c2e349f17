// What browsers can draw: read by drawing it on a canvas, and made from pixels again.
import { UnsupportedError } from "../errors.ts";
import type { Image } from "./pixels.ts";

/** An ImageBitmap, a VideoFrame, a canvas, an <img> or a <video>, as far as its size goes. */
export type Drawable =
  | { readonly width: number; readonly height: number; close(): void }
  | { readonly displayWidth: number; readonly displayHeight: number; close(): void }
  | { readonly width: number; readonly height: number; getContext(kind: "2d"): unknown }
  | { readonly naturalWidth: number; readonly naturalHeight: number }
  | { readonly videoWidth: number; readonly videoHeight: number };

/** By the names of their classes: a host has some of them, and a page may hold those of another realm. */
const KINDS =
  /^\[object (ImageBitmap|VideoFrame|OffscreenCanvas|HTMLCanvasElement|HTMLImageElement|HTMLVideoElement)\]$/;

export const isDrawable = (value: unknown): value is CanvasImageSource =>
  KINDS.test(Object.prototype.toString.call(value));

const kindOf = (drawable: CanvasImageSource): string =>
  KINDS.exec(Object.prototype.toString.call(drawable))![1];

/** The pixels of what can be drawn, RGBA. Throws UnsupportedError where it has none, or may not be read. */
export function readDrawable(drawable: CanvasImageSource, where: string): Image {
  const size = drawable as unknown as Readonly<Record<string, number | undefined>>;
  const width = size.displayWidth ?? size.naturalWidth ?? size.videoWidth ?? size.width ?? 0;
  const height = size.displayHeight ?? size.naturalHeight ?? size.videoHeight ?? size.height ?? 0;
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(drawable, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return { data: data as Uint8ClampedArray, width, height, channels: 4 };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnsupportedError(
      `${where}: the pixels of the ${kindOf(drawable)} (${width} x ${height}) cannot be read: ${why}`,
      { cause },
    );
  }
}

/** An image of the kind of `like`: a bitmap, a frame with the same time stamp, or a canvas. */
export function drawn({ data, width, height }: Image, like: CanvasImageSource): unknown {
  const kind = kindOf(like);
  const onPage = kind.startsWith("HTML");
  const canvas = onPage
    ? Object.assign(document.createElement("canvas"), { width, height })
    : new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.putImageData(new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height), 0, 0);
  if (kind === "ImageBitmap") return (canvas as OffscreenCanvas).transferToImageBitmap();
  if (kind === "VideoFrame")
    return new VideoFrame(canvas, { timestamp: (like as unknown as { timestamp: number }).timestamp });
  return canvas;
}
