// Pooling layers: windows and whole maps, over one to three spatial axes.
import { perAxis } from "../ops/check.ts";
import {
  avgPool,
  globalAvgPool as globalAvgPoolOp,
  globalMaxPool as globalMaxPoolOp,
  maxPool,
} from "../ops/pool.ts";
import type { Padding } from "../ops/window.ts";
import { aFlag, needed } from "../validate.ts";
import { aPadding, aPerAxis } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named, type PerAxis } from "./layer.ts";

interface PoolConfig extends Named {
  /** Window size: one number for all axes, or one per axis. */
  size: PerAxis;
  /** Default: the window size, so that windows do not overlap. */
  stride?: PerAxis;
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Whether the last window may reach past the end. Default false. */
  ceilMode?: boolean;
}

export interface MaxPoolConfig extends PoolConfig {
  /** Distance between the taps. Default 1. */
  dilation?: PerAxis;
}

export interface AvgPoolConfig extends PoolConfig {
  /** Whether padding counts as zeros in the mean (PyTorch's default) or is left out (Keras's). Default false. */
  countIncludePad?: boolean;
}

const WINDOW = {
  size: needed(aPerAxis(1), "2"),
  stride: aPerAxis(1),
  padding: aPadding,
  ceilMode: aFlag,
};

const windowOf = (c: PoolConfig, axes: number, where: string) => ({
  kernel: perAxis(c.size, axes, "size", where, 1),
  stride: perAxis(c.stride ?? c.size, axes, "stride", where, 1),
  padding: c.padding ?? ("valid" as const),
  ceilMode: c.ceilMode ?? false,
});

const maxLayer = (axes: number) =>
  defineLayer<MaxPoolConfig>(`maxPool${axes}d`, {
    options: { ...WINDOW, dilation: aPerAxis(1) },
    axes,
    build: (g, c, [x], _, where) =>
      g.op(maxPool, [x], {
        ...windowOf(c, axes, where),
        dilation: perAxis(c.dilation ?? 1, axes, "dilation", where, 1),
      }),
  });

const avgLayer = (axes: number) =>
  defineLayer<AvgPoolConfig>(`avgPool${axes}d`, {
    options: { ...WINDOW, countIncludePad: aFlag },
    axes,
    build: (g, c, [x], _, where) =>
      g.op(avgPool, [x], { ...windowOf(c, axes, where), countIncludePad: c.countIncludePad ?? false }),
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

const globalLayer = (kind: string, op: typeof globalMaxPoolOp) =>
  defineSimpleLayer<GlobalPoolConfig>(kind, {
    options: { keepDims: aFlag },
    build: (g, c, [x]) => g.op(op, [x], { keepDims: c.keepDims ?? false }),
  });

/** The largest value of each channel over all spatial axes. */
export const globalMaxPool = globalLayer("globalMaxPool", globalMaxPoolOp);
/** The mean of each channel over all spatial axes. */
export const globalAvgPool = globalLayer("globalAvgPool", globalAvgPoolOp);
