// Pixels of images where a grid says: an eager op, and a kind of layer that models read from files have.
import { type GridSampleParams, gridSample } from "../ops/sample.ts";
import { aFlag, aWord } from "../validate.ts";
import type { LayerDefinition } from "./layer.ts";

export interface GridSampleOptions {
  /** How pixels are read between their centres. Default "bilinear". */
  mode?: GridSampleParams["mode"];
  /** What lies outside the image: nothing, the outer pixels, or the image mirrored. Default "zeros". */
  padding?: GridSampleParams["padding"];
  /** Whether -1 and 1 are the centres of the outer pixels, or their outer edges. Default false. */
  alignCorners?: boolean;
}

export const GRID_SAMPLE = {
  options: {
    mode: aWord("nearest", "bilinear", "bicubic"),
    padding: aWord("zeros", "border", "reflection"),
    alignCorners: aFlag,
  },
  inputs: [2, 2],
  build: (g, { mode = "bilinear", padding = "zeros", alignCorners = false }, inputs) =>
    g.op(gridSample, inputs, { mode, padding, alignCorners }),
} satisfies LayerDefinition<GridSampleOptions>;
