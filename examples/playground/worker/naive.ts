// The filter as one writes it first: plain loops over pixels, taps and colours. What the engine is timed against, and checked against.
import type { BorderMode } from "convolith/image";

/** Pixels of four bytes each, as a canvas has them. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

export interface NaiveOptions {
  readonly border: Exclude<BorderMode, "valid">;
  readonly scale: number;
  readonly bias: number;
}

/** The pixel that stands for the one at `i`, which may lie outside; -1 where nothing does. */
function inside(i: number, length: number, border: NaiveOptions["border"]): number {
  if (i >= 0 && i < length) return i;
  if (border === "zeros") return -1;
  if (border === "replicate" || length === 1) return i < 0 ? 0 : length - 1;
  // Reflected again until it lies inside: a kernel may be larger than the picture.
  const skipped = border === "reflect101" ? 0 : 1;
  while (i < 0 || i >= length) i = i < 0 ? -i - skipped : 2 * length - 2 + skipped - i;
  return i;
}

const places = (length: number, taps: number, border: NaiveOptions["border"]): Int32Array =>
  Int32Array.from({ length: length + taps - 1 }, (_, i) => inside(i - (taps >> 1), length, border));

/**
 * scale * correlation + bias of every colour; alpha is kept. Written as quickly as plain loops get: typed arrays, the places at the border
 * found ahead, three sums at once. A Uint8ClampedArray rounds halves to even and limits to 0..255, as the engine does.
 */
export function naiveFilter(
  { data, width, height }: Pixels,
  kernel: readonly (readonly number[])[],
  { border, scale, bias }: NaiveOptions,
): Uint8ClampedArray<ArrayBuffer> {
  const [kh, kw] = [kernel.length, kernel[0].length];
  const weights = Float64Array.from(kernel.flat());
  const rows = places(height, kh, border);
  const columns = places(width, kw, border);
  const out = new Uint8ClampedArray(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let i = 0; i < kh; i++) {
        const row = rows[y + i];
        if (row < 0) continue;
        for (let j = 0; j < kw; j++) {
          const column = columns[x + j];
          if (column < 0) continue;
          const from = (row * width + column) * 4;
          const weight = weights[i * kw + j];
          red += weight * data[from];
          green += weight * data[from + 1];
          blue += weight * data[from + 2];
        }
      }
      const to = (y * width + x) * 4;
      out[to] = scale * red + bias;
      out[to + 1] = scale * green + bias;
      out[to + 2] = scale * blue + bias;
      out[to + 3] = data[to + 3];
    }
  return out;
}
