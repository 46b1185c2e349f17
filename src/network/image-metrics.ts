// Metrics of pictures: structural similarity.
import { ArgumentError } from "../errors.ts";
import { aNumberAbove, anOdd, checkOptions } from "../validate.ts";
import type { Metric } from "./metric.ts";
import type { Numbers } from "./samples.ts";

export interface SsimOptions {
  /** The side of the Gaussian window, odd. Default 11. */
  window?: number;
  /** The deviation of the window, in pixels. Default 1.5. */
  sigma?: number;
  /** The range of values, from the darkest to the brightest that can be. Default 1. */
  range?: number;
}

const OPTIONS = { window: anOdd(1, 255), sigma: aNumberAbove(0), range: aNumberAbove(0) };

/** Weighted means over a window along rows, then along columns, where it fits: of [h, w, c] values that `at` gives. */
function blurred(
  at: (i: number) => number,
  [h, w, c]: readonly number[],
  taps: readonly number[],
): Float64Array {
  const [oh, ow] = [h - taps.length + 1, w - taps.length + 1];
  const rows = new Float64Array(h * ow * c);
  for (let i = 0; i < rows.length; i++) {
    const from = Math.floor(i / (ow * c)) * w * c + (i % (ow * c));
    for (let k = 0; k < taps.length; k++) rows[i] += taps[k] * at(from + k * c);
  }
  const out = new Float64Array(oh * ow * c);
  for (let i = 0; i < out.length; i++)
    for (let k = 0; k < taps.length; k++) out[i] += taps[k] * rows[i + k * ow * c];
  return out;
}

/** SSIM (Wang et al. 2004) of images [h, w, c], the mean over all places where the window fits: 1 − the loss "ssim". */
export function ssim(options: SsimOptions = {}): Metric<{ sum: number; count: number }> {
  checkOptions("ssim", options, OPTIONS);
  const { window = 11, sigma = 1.5, range = 1 } = options;
  const gauss = Array.from({ length: window }, (_, i) =>
    Math.exp(-(((i - (window - 1) / 2) / sigma) ** 2) / 2),
  );
  const sum = gauss.reduce((a, b) => a + b, 0);
  const taps = gauss.map((v) => v / sum);
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
  const similarities = (a: Numbers, b: Numbers, from: number, shape: readonly number[]): Float64Array => {
    const blur = (f: (p: number, q: number) => number): Float64Array =>
      blurred((i) => f(a[from + i], b[from + i]), shape, taps);
    const [ma, mb] = [blur((p) => p), blur((_, q) => q)];
    const [aa, bb, ab] = [blur((p) => p * p), blur((_, q) => q * q), blur((p, q) => p * q)];
    return ma.map((m, i) => {
      const [squares, product] = [m * m + mb[i] * mb[i], m * mb[i]];
      const luminance = (2 * product + c1) / (squares + c1);
      return (luminance * (2 * (ab[i] - product) + c2)) / (aa[i] + bb[i] - squares + c2);
    });
  };
  return {
    name: "ssim",
    check({ targets, shape }) {
      const [h, w] = shape;
      if (targets === "indices" || shape.length !== 3 || h < window || w < window)
        throw new ArgumentError(
          `metrics: "ssim" is of images [h, w, c] of ${window} pixels at least, its window, but ${targets === "indices" ? "y holds class indices" : `the output has shape [${shape}]`}`,
        );
    },
    start: () => ({ sum: 0, count: 0 }),
    update(state, scores, targets, { images, shape }) {
      for (let n = 0; n < images; n++) {
        const all = similarities(scores, targets, (n * targets.length) / images, shape);
        state.sum += all.reduce((a, b) => a + b, 0);
        state.count += all.length;
      }
      return state;
    },
    result: ({ sum: total, count }) => total / count,
  };
}
