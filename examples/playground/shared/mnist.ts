// A drawing as MNIST would have it: "the images were size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", grey
// by anti-aliasing, then "centered in a 28x28 image by computing the center of mass" (Y. LeCun, C. Cortes, C. Burges: the MNIST database).

export const SIDE = 28;
const BOX = 20;

interface Drawing {
  /** RGBA, dark ink on light paper. */
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** 28 x 28 values, 0 (paper) to 1 (ink); undefined of an empty drawing. */
export function normalizeDigit({ data, width, height }: Drawing): Float32Array | undefined {
  const ink = (y: number, x: number) => 1 - data[4 * (y * width + x)] / 255;
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (ink(y, x) > 0.1) {
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
        left = Math.min(left, x);
        right = Math.max(right, x);
      }
  if (bottom < 0) return undefined;
  const scale = BOX / Math.max(bottom - top + 1, right - left + 1);

  // Every pixel of the drawing spreads its ink over the pixels of the box it covers: its square of `scale` pixels width.
  const box = new Float32Array(BOX * BOX);
  const [boxHeight, boxWidth] = [(bottom - top + 1) * scale, (right - left + 1) * scale];
  const [y0, x0] = [(BOX - boxHeight) / 2, (BOX - boxWidth) / 2];
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) {
      const value = ink(y, x);
      if (value === 0) continue;
      const [ya, xa] = [y0 + (y - top) * scale, x0 + (x - left) * scale];
      for (const [row, high] of shares(ya, ya + scale))
        for (const [column, wide] of shares(xa, xa + scale)) box[row * BOX + column] += value * high * wide;
    }

  let [mass, my, mx] = [0, 0, 0];
  for (let y = 0; y < BOX; y++)
    for (let x = 0; x < BOX; x++) {
      const value = box[y * BOX + x];
      mass += value;
      my += value * (y + 0.5);
      mx += value * (x + 0.5);
    }
  // Of a very lopsided drawing the centre gives way: no ink is cut off.
  const dy = clamp(Math.round(SIDE / 2 - my / mass), -Math.floor(y0), SIDE - Math.ceil(BOX - y0));
  const dx = clamp(Math.round(SIDE / 2 - mx / mass), -Math.floor(x0), SIDE - Math.ceil(BOX - x0));
  const digit = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < BOX; y++)
    for (let x = 0; x < BOX; x++) {
      const value = box[y * BOX + x];
      if (value > 0) digit[(y + dy) * SIDE + x + dx] = Math.min(1, value);
    }
  return digit;
}

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));

/** The pixels that [from, to) touches, each with how much of it is covered. */
function* shares(from: number, to: number): Generator<[number, number]> {
  for (let i = Math.max(0, Math.floor(from)); i < Math.min(BOX, to); i++) {
    const part = Math.min(to, i + 1) - Math.max(from, i);
    if (part > 0) yield [i, part];
  }
}
