// Weights and feature maps as small pictures.
import type { Pixels } from "./picture.tsx";
import type { Theme } from "./theme.ts";

type Rgb = readonly [number, number, number];
/** As --negative, --positive and --sunken of style.css. */
const COLOURS: Record<Theme, { negative: Rgb; positive: Rgb; zero: Rgb }> = {
  light: { negative: [61, 123, 224], positive: [224, 83, 61], zero: [241, 242, 239] },
  dark: { negative: [91, 149, 245], positive: [240, 116, 95], zero: [35, 41, 46] },
};

/** Kernel `k` of weights [side, side, inputs, count], its first input: blue below 0, red above, `largest` in full colour. */
export function kernelPicture(
  weights: Float32Array,
  {
    side,
    inputs = 1,
    count,
    k,
    largest,
  }: { side: number; inputs?: number; count: number; k: number; largest: number },
  theme: Theme,
): Pixels {
  const data = new Uint8ClampedArray(side * side * 4);
  const { negative, positive, zero } = COLOURS[theme];
  for (let i = 0; i < side * side; i++) {
    const value = weights[i * inputs * count + k];
    const part = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
    const full = value < 0 ? negative : positive;
    for (let c = 0; c < 3; c++) data[4 * i + c] = zero[c] + (full[c] - zero[c]) * part;
    data[4 * i + 3] = 255;
  }
  return { data, width: side, height: side, channels: 4 };
}

/** Channel `k` of maps [height, width, count] in grey, `largest` white. */
export function mapPicture(
  maps: Float32Array,
  {
    width,
    height,
    count,
    k,
    largest,
  }: { width: number; height: number; count: number; k: number; largest: number },
): Pixels {
  const data = new Uint8ClampedArray(width * height);
  if (largest > 0) for (let i = 0; i < data.length; i++) data[i] = (255 * maps[i * count + k]) / largest;
  return { data, width, height, channels: 1 };
}

/** The largest absolute value; 0 of none. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}
