// Layers that change the spatial size by interpolation.

import { perAxis } from "../ops/check.ts";
import { type ResizeCoordinates, type ResizeMethod, resize as resizeOp } from "../ops/resize.ts";
import { aList, aWord, needed } from "../validate.ts";
import { aCount, aPerAxis } from "./checks.ts";
import { defineLayer, type Named, type PerAxis, spatialAxes } from "./layer.ts";

export type { ResizeCoordinates, ResizeMethod };

interface InterpolationConfig extends Named {
  /** Default "nearest". */
  method?: ResizeMethod;
  /** How output pixels map to input pixels. Default "halfPixel". */
  coordinates?: ResizeCoordinates;
}

export interface UpsampleConfig extends InterpolationConfig {
  /** A whole factor: one number for all spatial axes, or one per axis. */
  factor: PerAxis;
}

export interface ResizeConfig extends InterpolationConfig {
  /** Output pixels per spatial axis. */
  size: readonly number[];
}

const MODE = {
  method: aWord("nearest", "linear"),
  coordinates: aWord("halfPixel", "alignCorners", "asymmetric"),
};

const modeOf = (c: InterpolationConfig) =>
  ({ method: c.method ?? "nearest", coordinates: c.coordinates ?? "halfPixel" }) as const;

/** Every spatial axis a whole number of times as long. */
export const upsample = defineLayer<UpsampleConfig>("upsample", {
  options: { factor: needed(aPerAxis(1), "2"), ...MODE },
  build(g, c, [x], _, where) {
    const factor = perAxis(c.factor, spatialAxes(x), "factor", where, 1);
    return g.op(resizeOp, [x], { size: factor.map((f, i) => f * x.shape[i + 1]), ...modeOf(c) });
  },
});

/** Every spatial axis of the given size. */
export const resize = defineLayer<ResizeConfig>("resize", {
  options: { size: needed(aList(aCount), "[224, 224]"), ...MODE },
  build: (g, c, [x]) => g.op(resizeOp, [x], { size: c.size, ...modeOf(c) }),
});
