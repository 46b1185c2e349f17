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

const places = (length: number, taps: number, border: NaiveOptions["border"]): number[] =>
  Array.from({ length: length + taps - 1 }, (_, i) => inside(i - (taps >> 1), length, border));

/**
 * scale * correlation + bias of every colour; alpha is kept. A Uint8ClampedArray rounds halves to even and limits to 0..255 itself, as
 * the engine does.
 */
export function naiveFilter(
  { data, width, height }: Pixels,
  kernel: readonly (readonly number[])[],
  { border, scale, bias }: NaiveOptions,
): Uint8ClampedArray<ArrayBuffer> {
  const [kh, kw] = [kernel.length, kernel[0].length];
  const rows = places(height, kh, border);
  const columns = places(width, kw, border);
  const out = new Uint8ClampedArray(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const pixel = (y * width + x) * 4;
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < kh; i++) {
          const row = rows[y + i];
          if (row < 0) continue;
          for (let j = 0; j < kw; j++) {
            const column = columns[x + j];
            if (column >= 0) sum += kernel[i][j] * data[(row * width + column) * 4 + c];
          }
        }
        out[pixel + c] = scale * sum + bias;
      }
      out[pixel + 3] = data[pixel + 3];
    }
  return out;
}
