// Digits of MNIST in one small file for the page.
import { deflateRawSync } from "node:zlib";
import { PIXELS, readDigits } from "../mnist/digits.mjs";

/**
 * Deflated: two uint32 (how many images to train on, how many to test on), a byte per label, then a byte per pixel; images to train on
 * come first.
 *
 * @param {{ train: number, test: number }} counts
 */
export function packDigits({ train, test }) {
  const sets = readDigits({ test });
  const count = train + test;
  const bytes = new Uint8Array(8 + count * (1 + PIXELS));
  new Uint32Array(bytes.buffer, 0, 2).set([train, test]);
  bytes.set(sets.train.y.subarray(0, train), 8);
  bytes.set(sets.test.y, 8 + train);
  const pixels = bytes.subarray(8 + count);
  const ink = (/** @type {number} */ value) => Math.round(value * 255);
  pixels.set(sets.train.x.subarray(0, train * PIXELS).map(ink));
  pixels.set(sets.test.x.map(ink), train * PIXELS);
  return deflateRawSync(bytes, { level: 9 });
}
