// Pictures to cut up, made from digits: each stands somewhere on a ground of waves and noise, in a color that the ground has, too.
import { generator, PIXELS } from "../mnist/digits.mjs";

/** Pixels of a side. */
export const SIDE = 48;
const DIGIT = 28;

/**
 * Scenes [n, 48, 48, 3] with values from 0 to 1, and the masks [n, 48, 48, 1] of their digits: 1 where there is ink.
 *
 * @param {import("../mnist/digits.mjs").Digits} digits
 * @param {{ count: number, seed: number }} options
 */
export function makeScenes(digits, { count, seed }) {
  const random = generator(seed);
  /** @type {(low: number, high: number) => number} */
  const between = (low, high) => low + (high - low) * random();
  const x = new Float32Array(count * SIDE * SIDE * 3);
  const y = new Float32Array(count * SIDE * SIDE);
  for (let n = 0; n < count; n++) {
    const scene = x.subarray(n * SIDE * SIDE * 3, (n + 1) * SIDE * SIDE * 3);
    const mask = y.subarray(n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
    const [one, other, ink] = [0, 0, 0].map(() => [random(), random(), random()]);
    const waves = wavesOf(between);
    for (let p = 0; p < SIDE * SIDE; p++) {
      const share = waves(p % SIDE, Math.floor(p / SIDE));
      for (let c = 0; c < 3; c++)
        scene[p * 3 + c] = one[c] + share * (other[c] - one[c]) + between(-0.1, 0.1);
    }
    for (let k = between(1, 4); k >= 1; k--) {
      const image = Math.floor(random() * digits.y.length) * PIXELS;
      const [left, top] = [0, 0].map(() => Math.floor(between(0, SIDE - DIGIT + 1)));
      for (let q = 0; q < PIXELS; q++) {
        const p = (top + Math.floor(q / DIGIT)) * SIDE + left + (q % DIGIT);
        const covered = digits.x[image + q];
        for (let c = 0; c < 3; c++)
          scene[p * 3 + c] += covered * (ink[c] + between(-0.1, 0.1) - scene[p * 3 + c]);
        if (covered > 0.5) mask[p] = 1;
      }
    }
    for (let i = 0; i < scene.length; i++) scene[i] = Math.min(1, Math.max(0, scene[i]));
  }
  return { x, y };
}

/**
 * Three waves in random directions, added up: from 0 to 1.
 *
 * @param {(low: number, high: number) => number} between
 */
function wavesOf(between) {
  const waves = [0, 0, 0].map(() => {
    const [angle, length] = [between(0, Math.PI), between(5, 30)];
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)].map((v) => (2 * Math.PI * v) / length);
    return { dx, dy, phase: between(0, 2 * Math.PI) };
  });
  /** @type {(column: number, row: number) => number} */
  return (column, row) =>
    0.5 + waves.reduce((sum, { dx, dy, phase }) => sum + Math.sin(dx * column + dy * row + phase), 0) / 6;
}
