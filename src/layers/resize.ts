// Layers that change the size of a map by interpolation.
import { type ResizeCoordinates, type ResizeMethod, resize as resizeOp } from "../ops/resize.ts";
import { defineLayer, type Named, spread } from "./layer.ts";

interface InterpolationConfig extends Named {
  /** Default "nearest". */
  method?: ResizeMethod;
  /** How output pixels are laid over input pixels. Default "halfPixel". */
  coordinates?: ResizeCoordinates;
}

export interface UpsampleConfig extends InterpolationConfig {
  /** Whole factor: one number for all spatial axes, or one per axis. */
  factor: number | readonly number[];
}

export interface ResizeConfig extends InterpolationConfig {
  /** Output pixels per spatial axis. */
  size: readonly number[];
}

const how = (c: InterpolationConfig) =>
  ({ method: c.method ?? "nearest", coordinates: c.coordinates ?? "halfPixel" }) as const;

/** Every spatial axis a whole number of times as long. */
export const upsample = defineLayer<UpsampleConfig>("upsample", {
  options: { factor: true, method: true, coordinates: true },
  build(g, c, [x]) {
    const spatial = x.shape.slice(1, -1);
    const factor = spread(c.factor, spatial.length, 1);
    return g.op(resizeOp, [x], { size: spatial.map((d, i) => d * factor[i]), ...how(c) });
  },
});

/** Every spatial axis of the given size. */
export const resize = defineLayer<ResizeConfig>("resize", {
  options: { size: true, method: true, coordinates: true },
  build: (g, c, [x]) => g.op(resizeOp, [x], { size: c.size, ...how(c) }),
});
