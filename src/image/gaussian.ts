// Gaussian windows.
import { finite, integer, refuse } from "../validate.ts";

/** OpenCV's binomial windows for small sizes without a sigma. */
const FIXED: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  3: [0.25, 0.5, 0.25],
  5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
  7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
};

/**
 * exp(−x² / 2σ²) for the distances x from the middle, divided by their sum: OpenCV's getGaussianKernel. Where sigma is absent or not above 0,
 * sizes 1, 3, 5 and 7 have fixed values, and others sigma = 0.3 ((size − 1) / 2 − 1) + 0.8. Throws ArgumentError unless size is odd.
 */
export function gaussian1d(size: number, sigma = 0): number[] {
  integer(size, "size", "gaussian1d", 1, 65535);
  if (size % 2 === 0) refuse(size, "size", "gaussian1d", `odd, such as ${size - 1} or ${size + 1}`);
  finite(sigma, "sigma", "gaussian1d");
  if (sigma <= 0 && size in FIXED) return [...FIXED[size]];
  const spread = sigma > 0 ? sigma : 0.15 * size + 0.35;
  const half = (size - 1) / 2;
  const values = Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - half) / spread) ** 2));
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / sum);
}
