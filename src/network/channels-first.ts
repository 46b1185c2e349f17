// Converts arrays between channels first, [n, c, ...spatial], and channels last, [n, ...spatial, c].
import { type Shape, sizeOf } from "../tensor.ts";

/** Copies images that are channels first, from index `first` of `from` on, to the beginning of `to`. `shape`: channels last. */
export function toChannelsLast(
  from: ArrayLike<number>,
  first: number,
  to: Float32Array | Int32Array,
  images: number,
  shape: Shape,
): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++)
    for (let channel = 0; channel < c; channel++) {
      const source = first + (n * c + channel) * pixels;
      const target = n * c * pixels + channel;
      for (let p = 0; p < pixels; p++) to[target + p * c] = from[source + p];
    }
}

/** Copies images that are channels last, from the beginning of `from`, to index `first` of `to` on. `shape`: channels last. */
export function toChannelsFirst(
  from: Float32Array | Int32Array,
  to: Float32Array | Int32Array,
  first: number,
  images: number,
  shape: Shape,
): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++)
    for (let channel = 0; channel < c; channel++) {
      const source = n * c * pixels + channel;
      const target = first + (n * c + channel) * pixels;
      for (let p = 0; p < pixels; p++) to[target + p] = from[source + p * c];
    }
}
