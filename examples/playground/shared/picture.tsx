// Pixels on a canvas.
import { useEffect, useRef } from "preact/hooks";

/** Pixels as the library has them: bytes, or floats of 0 to 255; 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array;
  readonly width: number;
  readonly height: number;
  readonly channels?: number;
}

/** RGBA bytes of any pixels; floats are rounded and limited to 0 to 255. */
export function toImageData({
  data,
  width,
  height,
  channels = data.length / (width * height),
}: Pixels): ImageData {
  const image = new ImageData(width, height);
  if (channels === 4) image.data.set(data);
  else
    for (let i = 0, from = 0, to = 0; i < width * height; i++, from += channels, to += 4) {
      const gray = channels < 3;
      image.data[to] = data[from];
      image.data[to + 1] = gray ? data[from] : data[from + 1];
      image.data[to + 2] = gray ? data[from] : data[from + 2];
      image.data[to + 3] = channels === 2 ? data[from + 1] : 255;
    }
  return image;
}

export interface PictureProps {
  readonly pixels: Pixels | undefined;
  /** Says what is to be seen: the text alternative. */
  readonly label: string;
  /** Shown below. Default: no caption. */
  readonly caption?: string;
  /** Whether pixels stay squares when enlarged. */
  readonly pixelated?: boolean;
  /** Width in CSS pixels. Default: as wide as there is room, at most the picture's own width. */
  readonly width?: number;
  readonly testid?: string;
}

/** A picture; smaller where there is less room. Its data-size is "WIDTHxHEIGHT" once drawn. */
export function Picture({ pixels, label, caption, pixelated, width, testid }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!pixels || !canvas.current) return;
    const { width: w, height: h } = pixels;
    if (canvas.current.width !== w) canvas.current.width = w;
    if (canvas.current.height !== h) canvas.current.height = h;
    // Kept in main memory, where the pixels come from, rather than on the graphics card.
    canvas.current.getContext("2d", { willReadFrequently: true })?.putImageData(toImageData(pixels), 0, 0);
  }, [pixels]);
  return (
    <figure class="picture">
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        class={pixelated ? "pixelated" : undefined}
        style={width ? { width: `${width}px` } : undefined}
        data-testid={testid}
        data-size={pixels ? `${pixels.width}x${pixels.height}` : undefined}
      />
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}
