// Metrics of values: how far scores are from targets.
import { ArgumentError } from "../errors.ts";
import { aNumberAbove, checkOptions } from "../validate.ts";
import type { Metric } from "./metric.ts";
import type { Numbers } from "./samples.ts";

/** Throws where targets are class indices. */
const needsValues =
  (name: string): NonNullable<Metric["check"]> =>
  ({ targets }) => {
    if (targets === "indices")
      throw new ArgumentError(`metrics: "${name}" is of values, but y holds class indices`);
  };

interface Sum {
  sum: number;
  count: number;
}

/** The mean of what each score and its target give, and what is made of it. */
const meanOf =
  (name: string, of: (difference: number) => number, end: (mean: number) => number = (mean) => mean) =>
  (): Metric<Sum> => ({
    name,
    check: needsValues(name),
    start: () => ({ sum: 0, count: 0 }),
    update(state, scores, targets) {
      for (let i = 0; i < targets.length; i++) state.sum += of(scores[i] - targets[i]);
      state.count += targets.length;
      return state;
    },
    result: ({ sum, count }) => end(sum / count),
  });

/** The mean absolute error. */
export const mae = meanOf("mae", Math.abs);
/** The mean squared error. */
export const mse = meanOf("mse", (d) => d * d);
/** The root of the mean squared error. */
export const rmse = meanOf("rmse", (d) => d * d, Math.sqrt);

const squaresOf = (scores: Numbers, targets: Numbers, from: number, to: number): number => {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (scores[i] - targets[i]) ** 2;
  return sum;
};

export interface PsnrOptions {
  /** The range of values, from the darkest to the brightest that can be. Default 1. */
  range?: number;
}

/** The peak signal-to-noise ratio in dB, 10 · log10(range² / mean squared error) of each image, averaged over images. */
export function psnr(options: PsnrOptions = {}): Metric<Sum> {
  checkOptions("psnr", options, { range: aNumberAbove(0) });
  const { range = 1 } = options;
  return {
    name: "psnr",
    check: needsValues("psnr"),
    start: () => ({ sum: 0, count: 0 }),
    update(state, scores, targets, { images }) {
      const size = targets.length / images;
      for (let i = 0; i < images; i++) {
        const error = squaresOf(scores, targets, i * size, (i + 1) * size) / size;
        state.sum += 10 * Math.log10(range ** 2 / error);
      }
      state.count += images;
      return state;
    },
    result: ({ sum, count }) => sum / count,
  };
}

/** Of each channel: Σ (t − first)², Σ (t − first), Σ (score − t)², with its first target, and how many there are. */
interface Variances {
  readonly channels: { first: number; squares: number; sum: number; errors: number; count: number }[];
}

/** The coefficient of determination, 1 − Σ(score − t)² / Σ(t − mean)², of each channel, averaged over channels. */
export const r2 = (): Metric<Variances> => ({
  name: "r2",
  check: needsValues("r2"),
  start: () => ({ channels: [] }),
  update(state, scores, targets, { shape }) {
    const channels = shape.at(-1) ?? 1;
    for (let i = 0; i < targets.length; i++) {
      const t = targets[i];
      state.channels[i % channels] ??= { first: t, squares: 0, sum: 0, errors: 0, count: 0 };
      const channel = state.channels[i % channels];
      channel.squares += (t - channel.first) ** 2;
      channel.sum += t - channel.first;
      channel.errors += (scores[i] - t) ** 2;
      channel.count++;
    }
    return state;
  },
  result({ channels }) {
    const all = channels.map(({ squares, sum, errors, count }) => 1 - errors / (squares - sum ** 2 / count));
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  },
});
