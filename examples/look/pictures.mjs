// Pictures of three digits, in three of four places.
import { generator, PIXELS } from "../mnist/digits.mjs";

/** Pixels of a side. */
export const SIDE = 56;

/**
 * Pictures [n, 56, 56] of two by two digits of which one is missing, and for each [n, 10]: 1 for a digit that is there.
 *
 * @param {import("../mnist/digits.mjs").Digits} from @param {number} count @param {number} seed
 */
export function makePictures(from, count, seed) {
  const random = generator(seed);
  const [x, y] = [new Float32Array(count * SIDE * SIDE), new Float32Array(count * 10)];
  for (let n = 0; n < count; n++) {
    const missing = Math.floor(random() * 4);
    for (const cell of [0, 1, 2, 3].filter((cell) => cell !== missing)) {
      const image = Math.floor(random() * from.y.length);
      y[n * 10 + from.y[image]] = 1;
      const corner = (n * SIDE + 28 * (cell >> 1)) * SIDE + 28 * (cell % 2);
      for (let row = 0; row < 28; row++) {
        const at = image * PIXELS + row * 28;
        x.set(from.x.subarray(at, at + 28), corner + row * SIDE);
      }
    }
  }
  return { x, y };
}
