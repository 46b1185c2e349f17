// Weights of Gaussian filters.
import { finite, integer } from "../validate.ts";

/** The longest side of a kernel, dilation included: strips hold as many rows, with as many pixels more. */
export const MAX_KERNEL = 1023;

/** OpenCV's weights of small sizes where no sigma is given: binomials up to 5, for 7 and 9 something near. */
const SMALL: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  3: [0.25, 0.5, 0.25],
  5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
  7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
  9: [0.015625, 0.05078125, 0.1171875, 0.19921875, 0.234375, 0.19921875, 0.1171875, 0.05078125, 0.015625],
};

/**
 * The `size` weights exp(-(i - (size - 1) / 2)^2 / (2 sigma^2)), divided by their sum: OpenCV's getGaussianKernel. Where sigma is 0 or
 * not given it is 0.3 ((size - 1) / 2 - 1) + 0.8, and sizes 1, 3, 5, 7 and 9 have fixed weights: [1 2 1] / 4, [1 4 6 4 1] / 16.
 * A sigma below 0 counts as not given. Throws ArgumentError unless size is an integer from 1 to 1023 and sigma a finite number.
 */
export function gaussian1d(size: number, sigma = 0): number[] {
  integer(size, "size", "gaussian1d", 1, MAX_KERNEL);
  finite(sigma, "sigma", "gaussian1d");
  if (sigma <= 0 && SMALL[size]) return [...SMALL[size]];
  const s = sigma > 0 ? sigma : 0.3 * ((size - 1) / 2 - 1) + 0.8;
  const weights = Array.from({ length: size }, (_, i) => Math.exp(((i - (size - 1) / 2) / s) ** 2 / -2));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
}

/**
 * An odd number of such weights in 256ths, as integers that sum to 256: OpenCV's for bytes. Rounding errors are carried on from the outside to the
 * centre, which takes what is left.
 */
export function gaussianIntegers(size: number, sigma: number): number[] {
  const weights = gaussian1d(size, sigma);
  const middle = (size - 1) / 2;
  let error = 0;
  let left = 256;
  for (let i = 0; i < middle; i++) {
    const wanted = weights[i] * 256 + error;
    const whole = roundEven(wanted);
    error = wanted - whole;
    left -= 2 * whole;
    weights[i] = whole;
    weights[size - 1 - i] = whole;
  }
  weights[middle] = left;
  return weights;
}

/** The nearest integer; of two, the even one. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low & 1) : Math.round(x);
}
