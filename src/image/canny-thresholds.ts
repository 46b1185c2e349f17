// The thresholds of Canny's method: as they are given, or from the image.
import { run, Scratch } from "./band.ts";
import { type Aperture, GradientStrips } from "./canny-gradient.ts";
import type { Source } from "./image.ts";

export interface Thresholds {
  readonly low: number;
  readonly high: number;
}

/** High over low where only one is known: Canny recommends two to three. */
const RATIO = 2;

/** What thresholds for an aperture are divided by, as its derivatives are: OpenCV's. */
export const divisor = (aperture: Aperture): number => (aperture === 7 ? 16 : 1);

/** OpenCV's limit of thresholds that are squared. */
const LIMIT = 32767;

/** Thresholds as the magnitudes of GradientStrips are compared with: integers, the smaller first. */
export function wholeThresholds(
  { low, high }: Thresholds,
  aperture: Aperture,
  l2: boolean,
): [number, number] {
  const whole = (threshold: number): number => {
    const limited = Math.min(threshold / divisor(aperture), LIMIT);
    return Math.floor(l2 ? limited * limited : limited);
  };
  return [whole(Math.min(low, high)), whole(Math.max(low, high))];
}

/** The thresholds given; one from the other, or both from the magnitudes of the image, where they are not. */
export function chooseThresholds(
  source: Source,
  { low, high }: Partial<Thresholds>,
  aperture: Aperture,
  l2: boolean,
): Thresholds {
  if (low !== undefined) return { low, high: high ?? low * RATIO };
  const top = high ?? otsu(histogram(source, aperture, l2)) * divisor(aperture);
  return { low: top / RATIO, high: top };
}

/** Magnitudes are below it: the largest are 24,480 of an aperture of 5. */
const BINS = 2 ** 15;

/** How many pixels have which magnitude, rounded down. */
function histogram(source: Source, aperture: Aperture, l2: boolean): Uint32Array {
  const { width, height, runtime } = source;
  const scratch = new Scratch(source);
  try {
    const gradient = new GradientStrips(scratch, source, aperture, l2);
    const { rows, magnitude } = gradient;
    const tables = scratch.upload(new Int32Array(2 * BINS));
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      gradient.load(y, count);
      const args = [tables, magnitude.row(1), magnitude.pitch, l2 ? 1 : 0, width, count] as const;
      run(runtime, "image_histogram", 1, ...args);
    }
    const counts = new Uint32Array(scratch.bytes.buffer, tables, 2 * BINS);
    return counts.slice(0, BINS).map((even, i) => even + counts[BINS + i]);
  } finally {
    scratch.free();
  }
}

/** The value that divides a histogram into two classes with the largest variance between them (Otsu 1979); of several the first. */
function otsu(counts: Uint32Array): number {
  let [all, sum] = [0, 0];
  counts.forEach((count, value) => {
    all += count;
    sum += count * value;
  });
  let [best, threshold, below, belowSum] = [0, 0, 0, 0];
  counts.forEach((count, value) => {
    if (count === 0) return;
    below += count;
    belowSum += count * value;
    const above = all - below;
    const variance = above && (belowSum * all - sum * below) ** 2 / (below * above);
    if (variance > best) [best, threshold] = [variance, value];
  });
  return threshold;
}
