// Pooling layers: windows and whole maps, over one to three axes.
import {
  avgPool,
  globalAvgPool as globalAvgPoolOp,
  globalMaxPool as globalMaxPoolOp,
  maxPool,
} from "../ops/pool.ts";
import type { Padding } from "../ops/window.ts";
import { defineLayer, defineSimpleLayer, type Named, required, spread } from "./layer.ts";

interface PoolConfig extends Named {
  /** Window size: one number for all axes, or one per axis. */
  size: number | readonly number[];
  /** Default: the window size, so that windows do not overlap. */
  stride?: number | readonly number[];
  /** Default "valid". */
  padding?: Padding;
  /** Whether a last window may hang over the end. Default false. */
  ceilMode?: boolean;
}

export interface MaxPoolConfig extends PoolConfig {
  /** Distance between the taps. Default 1. */
  dilation?: number | readonly number[];
}

export interface AvgPoolConfig extends PoolConfig {
  /** Whether padding counts as zeros in the mean (PyTorch's default) or not at all (Keras, the default here). */
  countIncludePad?: boolean;
}

const WINDOW = { size: true, stride: true, padding: true, ceilMode: true } as const;

const window = (c: PoolConfig, axes: number, where: string) => ({
  kernel: required(c.size, axes, "size, that of its window", where),
  stride: spread(c.stride ?? c.size, axes, 1),
  padding: c.padding ?? ("valid" as const),
  ceilMode: c.ceilMode ?? false,
});

const maxLayer = (axes: number) =>
  defineLayer<MaxPoolConfig>(`maxPool${axes}d`, {
    options: { ...WINDOW, dilation: true },
    build: (g, c, [x], _, where) =>
      g.op(maxPool, [x], { ...window(c, axes, where), dilation: spread(c.dilation, axes, 1) }),
  });

const avgLayer = (axes: number) =>
  defineLayer<AvgPoolConfig>(`avgPool${axes}d`, {
    options: { ...WINDOW, countIncludePad: true },
    build: (g, c, [x], _, where) =>
      g.op(avgPool, [x], { ...window(c, axes, where), countIncludePad: c.countIncludePad ?? false }),
  });

/** The largest value of each window of [w, c], per channel. */
export const maxPool1d = maxLayer(1);
/** The largest value of each window of [h, w, c], per channel. */
export const maxPool2d = maxLayer(2);
/** The largest value of each window of [d, h, w, c], per channel. */
export const maxPool3d = maxLayer(3);
/** The mean of each window of [w, c], per channel. */
export const avgPool1d = avgLayer(1);
/** The mean of each window of [h, w, c], per channel. */
export const avgPool2d = avgLayer(2);
/** The mean of each window of [d, h, w, c], per channel. */
export const avgPool3d = avgLayer(3);

export interface GlobalPoolConfig extends Named {
  /** Keep the spatial axes, with size 1. Default false: [..., c] becomes [c]. */
  keepDims?: boolean;
}

/** The largest value of each channel over all spatial axes. */
export const globalMaxPool = defineSimpleLayer<GlobalPoolConfig>("globalMaxPool", {
  options: { keepDims: true },
  build: (g, c, [x]) => g.op(globalMaxPoolOp, [x], { keepDims: c.keepDims ?? false }),
});
/** The mean of each channel over all spatial axes. */
export const globalAvgPool = defineSimpleLayer<GlobalPoolConfig>("globalAvgPool", {
  options: { keepDims: true },
  build: (g, c, [x]) => g.op(globalAvgPoolOp, [x], { keepDims: c.keepDims ?? false }),
});
