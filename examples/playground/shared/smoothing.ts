// Windows of smoothing, of equal strength.

/** Gaussian windows end three sigmas from the middle, as OpenCV's do for bytes. */
export const gaussianSize = (sigma: number): number => Math.max(1, Math.round(sigma * 6 + 1) | 1);

/** The odd size of the box whose standard deviation, √((n² − 1) / 12), is nearest to sigma. */
export const boxSize = (sigma: number): number =>
  2 * Math.round((Math.sqrt(12 * sigma * sigma + 1) - 1) / 2) + 1;

export const boxDeviation = (size: number): number => Math.sqrt((size * size - 1) / 12);
