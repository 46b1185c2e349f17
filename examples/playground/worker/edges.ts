// Canny's edge detector, every stage as a picture.
import { canny, cannyStages, type Image } from "convolith/image";
import { engine } from "./engine.ts";
import { timed } from "./timing.ts";

export interface EdgeOptions {
  /** Absent: the picture is not smoothed. */
  readonly sigma?: number;
  /** Absent: chosen from the picture. */
  readonly low?: number;
  readonly high?: number;
  readonly aperture: 3 | 5 | 7;
  readonly l2: boolean;
}

/** One channel of bytes. */
const gray = (width: number, height: number, data: Uint8ClampedArray): Image<Uint8ClampedArray> => ({
  ...{ width, height, data },
  channels: 1,
});

const largest = (values: ArrayLike<number>): number => {
  let most = 1e-9;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
};

const count = (values: ArrayLike<number>, holds: (value: number) => boolean): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (holds(values[i])) sum++;
  return sum;
};

/** The pixels of an ImageData as an image whose gray is one channel. */
const plain = ({ data, width, height }: ImageData): Image<Uint8ClampedArray> => ({
  ...{ data, width, height },
  channels: 4,
});

/** A colour for each direction of the gradient in degrees: to the right or left, down right or up left, down or up, down left or up right. */
const DIRECTIONS: Readonly<Record<number, readonly number[]>> = {
  0: [230, 85, 70],
  45: [225, 175, 50],
  90: [70, 140, 230],
  135: [120, 190, 90],
};

export async function edgeStages(picture: ImageData, options: EdgeOptions) {
  const e = await engine();
  const stages = cannyStages(e, plain(picture), options);
  const { width, height } = picture;
  const { dx, dy, magnitude, thinned, thresholds, edges, low, high } = stages;
  const one = (values: ArrayLike<number>, value: (v: number) => number) =>
    gray(
      width,
      height,
      Uint8ClampedArray.from({ length: width * height }, (_, i) => value(values[i])),
    );
  const slope = largest(magnitude.data);
  const signed = Math.max(largest(dx.data), largest(dy.data));
  const direction = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    if (magnitude.data[i] > low) direction.set(DIRECTIONS[stages.direction.data[i]], 3 * i);
  }
  return {
    pictures: {
      gray: stages.gray,
      smoothed: stages.smoothed,
      dx: one(dx.data, (v) => 128 + (127 * v) / signed),
      dy: one(dy.data, (v) => 128 + (127 * v) / signed),
      magnitude: one(magnitude.data, (v) => (255 * v) / slope),
      direction: { data: direction, width, height, channels: 3 },
      thinned: one(thinned.data, (v) => (255 * v) / slope),
      thresholds,
      edges,
    },
    low,
    high,
    steepest: slope,
    counts: {
      thinned: count(thinned.data, (v) => v > 0),
      weak: count(thresholds.data, (v) => v > 0 && v < 255),
      strong: count(thresholds.data, (v) => v === 255),
      edges: count(edges.data, (v) => v === 255),
    },
  };
}

export async function timeEdges(picture: ImageData, options: EdgeOptions): Promise<number> {
  const e = await engine();
  return timed(() => canny(e, plain(picture), options)).ms;
}
