// Layers that change the spatial size by interpolation.
import { type ResizeCoordinates, type ResizeMethod, resize as resizeOp } from "../ops/resize.ts";
import { defineLayer, given, type Named, type PerAxis, required, spatialAxes } from "./layer.ts";

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

const modeOf = (c: InterpolationConfig) =>
  ({ method: c.method ?? "nearest", coordinates: c.coordinates ?? "halfPixel" }) as const;

/** Every spatial axis a whole number of times as long. */
export const upsample = defineLayer<UpsampleConfig>("upsample", {
  options: { factor: true, method: true, coordinates: true },
  build(g, c, [x], _, where) {
    const factor = required(c.factor, spatialAxes(x), "factor", where);
    return g.op(resizeOp, [x], { size: factor.map((f, i) => f * x.shape[i + 1]), ...modeOf(c) });
  },
});

/** Every spatial axis of the given size. */
export const resize = defineLayer<ResizeConfig>("resize", {
  options: { size: true, method: true, coordinates: true },
  build: (g, c, [x], _, where) => g.op(resizeOp, [x], { size: given(c.size, "size", where), ...modeOf(c) }),
});
