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

const size = (grid: Grid): [number, number] => [grid.length, grid[0].length];
const rows = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, y) =>
    Array.from({ length: width }, (_, x) => values[y * width + x]),
  );

/** engine.conv2d of one channel with one kernel. */
export async function convolve(grid: Grid, kernel: Grid, options: ConvolveOptions): Promise<number[][]> {
  const e = await engine();
  using x = e.tensor(grid.flat(), [1, ...size(grid), 1]);
  using w = e.tensor(kernel.flat(), [...size(kernel), 1, 1]);
  using y = e.conv2d(x, w, options);
  return rows(y.data(), y.shape[2]);
}
