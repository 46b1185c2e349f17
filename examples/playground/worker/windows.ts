// Sliding windows over small grids: convolution and pooling.
import type { Padding } from "convolith";
import { engine } from "./engine.ts";

/** A grid of numbers: rows of equal length. */
export type Grid = readonly (readonly number[])[];

export interface ConvolveOptions {
  readonly stride: number;
  readonly dilation: number;
  readonly padding: Padding;
}

const sizeOf = (grid: Grid): [number, number] => [grid.length, grid[0].length];
const rows = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, y) =>
    Array.from({ length: width }, (_, x) => values[y * width + x]),
  );

/** engine.conv2d of one channel with one kernel. */
export async function convolve(grid: Grid, kernel: Grid, options: ConvolveOptions): Promise<number[][]> {
  const e = await engine();
  using x = e.tensor(grid.flat(), [1, ...sizeOf(grid), 1]);
  using w = e.tensor(kernel.flat(), [...sizeOf(kernel), 1, 1]);
  using y = e.conv2d(x, w, options);
  return rows(y.data(), y.shape[2]);
}

export interface PoolOptions {
  readonly size: number;
  readonly stride: number;
  /** One window over everything; size and stride do not matter then. */
  readonly global: boolean;
}

/** Both kinds of pooling of x [1, h, w, c]. */
async function pooled(
  values: ArrayLike<number>,
  shape: readonly number[],
  { size, stride, global }: PoolOptions,
) {
  const e = await engine();
  using x = e.tensor(values, shape);
  using max = global ? e.globalMaxPool(x, { keepDims: true }) : e.maxPool2d(x, { size, stride });
  using average = global ? e.globalAvgPool(x, { keepDims: true }) : e.avgPool2d(x, { size, stride });
  const [, height, width] = max.shape;
  return { max: max.data() as Float32Array, average: average.data() as Float32Array, height, width };
}

/** engine.maxPool2d and engine.avgPool2d of a grid, or the global ones. */
export async function pool(
  grid: Grid,
  options: PoolOptions,
): Promise<{ max: number[][]; average: number[][] }> {
  const { max, average, width } = await pooled(grid.flat(), [1, ...sizeOf(grid), 1], options);
  return { max: rows(max, width), average: rows(average, width) };
}

/** The same of a photo. */
export async function poolPhoto({ data, width, height }: ImageData, options: PoolOptions) {
  const small = await pooled(data, [1, height, width, 4], options);
  const picture = (values: Float32Array) => ({
    data: Uint8ClampedArray.from(values),
    width: small.width,
    height: small.height,
    channels: 4,
  });
  return { max: picture(small.max), average: picture(small.average) };
}
