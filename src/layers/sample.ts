// Interpolation in the forms that imported models alone have: along any axes, and of pixels that a grid or boxes name.
import { asResize, COORDINATES, interpolate as interpolateOp, ROUNDINGS } from "../ops/interpolate.ts";
import type { InterpolateCoordinates, InterpolateMode, NearestRounding } from "../ops/interpolate-table.ts";
import { resize } from "../ops/resize.ts";
import {
  type CropAndResizeParams,
  cropAndResize as cropAndResizeOp,
  type RoiAlignParams,
  roiAlign as roiAlignOp,
} from "../ops/sample.ts";
import {
  aFlag,
  aList,
  aNumber,
  aNumberAbove,
  anInteger,
  aWord,
  type Check,
  needed,
  refuse,
} from "../validate.ts";
import { aCount, anAxis } from "./checks.ts";
import { GRID_SAMPLE, type GridSampleOptions } from "./grid-sample.ts";
import { defineLayer, defineSimpleLayer, type Named } from "./layer.ts";

/** ONNX's Resize. Lists have an entry for each of `axes`. */
export interface InterpolateConfig extends Named {
  /** The axes that change; negative ones count from the back. */
  axes: readonly number[];
  /** Their new sizes. */
  sizes: readonly number[];
  /** The factors, where these were given rather than the sizes. Default: new by old size, exactly. */
  scales?: readonly number[];
  /** Default "nearest". */
  mode?: InterpolateMode;
  /** Where output pixels lie in the input. Default "halfPixel". */
  coordinates?: InterpolateCoordinates;
  /** How "nearest" rounds. Default "roundPreferFloor": halves go down. */
  nearest?: NearestRounding;
  /** The coefficient a of "cubic". Default −0.75. */
  cubicA?: number;
  /** Whether pixels outside the image have no weight, rather than be those at its edge. Default false. */
  excludeOutside?: boolean;
  /** Whether shrinking averages over all pixels. Default false. */
  antialias?: boolean;
  /** What "tfCropAndResize" holds outside the image. Default 0. */
  extrapolation?: number;
  /** Where crops of "tfCropAndResize" begin and end, as shares of the image. Default [0, 1]. */
  roi?: readonly (readonly [begin: number, end: number])[];
}

const aRange: Check<readonly [begin: number, end: number]> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 2) refuse(value, name, where, "a pair [begin, end]");
  aList(aNumber)(value, name, where);
};

/** Other sizes for some axes, by interpolation. int32 is taken where "nearest" only copies. */
export const interpolate = defineLayer<InterpolateConfig>("interpolate", {
  options: {
    axes: needed(aList(anAxis), "[1, 2]"),
    sizes: needed(aList(aCount), "[224, 224]"),
    scales: aList(aNumberAbove(0)),
    mode: aWord("nearest", "linear", "cubic"),
    coordinates: aWord(...COORDINATES),
    nearest: aWord(...ROUNDINGS),
    cubicA: aNumber,
    excludeOutside: aFlag,
    antialias: aFlag,
    extrapolation: aNumber,
    roi: aList(aRange),
  },
  eager: false,
  build(g, { name: _, ...c }, [x], _weights, where) {
    const params = {
      ...({ mode: "nearest", coordinates: "halfPixel", nearest: "roundPreferFloor" } as const),
      ...{ cubicA: -0.75, excludeOutside: false, antialias: false, extrapolation: 0 },
      ...c,
    };
    interpolateOp.infer([x], params, where);
    const same = asResize(x, params);
    return same ? g.op(resize, [x], same) : g.op(interpolateOp, [x], params);
  },
});

export interface GridSampleConfig extends Named, GridSampleOptions {}

/**
 * [x [n, h, w, c], grid [n, oh, ow, 2]] to [n, oh, ow, c]: x at each x and y of the grid, from -1 to 1. Defaults: mode "bilinear",
 * padding "zeros", alignCorners false.
 */
export const gridSample = defineSimpleLayer<GridSampleConfig>("gridSample", { ...GRID_SAMPLE, eager: false });

export interface RoiAlignConfig extends Named, Partial<RoiAlignParams> {}

/**
 * [x [n, h, w, c], rois [r, 4] (x1, y1, x2, y2), batch int32 [r]] to [r, outputHeight, outputWidth, c]. Defaults: mode "avg", output 1 x 1,
 * samplingRatio 0 (a sample per pixel), spatialScale 1, halfPixel true.
 */
export const roiAlign = defineSimpleLayer<RoiAlignConfig>("roiAlign", {
  options: {
    mode: aWord("avg", "max"),
    outputHeight: aCount,
    outputWidth: aCount,
    samplingRatio: anInteger(0),
    spatialScale: aNumber,
    halfPixel: aFlag,
  },
  inputs: [3, 3],
  eager: false,
  build: (g, { name: _, ...c }, inputs) =>
    g.op(roiAlignOp, inputs, {
      ...({
        mode: "avg",
        outputHeight: 1,
        outputWidth: 1,
        samplingRatio: 0,
        spatialScale: 1,
        halfPixel: true,
      } as const),
      ...c,
    }),
});

export interface CropAndResizeConfig
  extends Named,
    Pick<CropAndResizeParams, "height" | "width">,
    Partial<Pick<CropAndResizeParams, "method" | "extrapolation">> {}

/**
 * [x [n, h, w, c], boxes [r, 4] (y1, x1, y2, x2 as shares of the image), boxIndex int32 [r]] to [r, height, width, c], TensorFlow's
 * CropAndResize. Defaults: method "bilinear", extrapolation 0.
 */
export const cropAndResize = defineLayer<CropAndResizeConfig>("cropAndResize", {
  options: {
    height: needed(aCount, "14"),
    width: needed(aCount, "14"),
    method: aWord("bilinear", "nearest"),
    extrapolation: aNumber,
  },
  inputs: [3, 3],
  eager: false,
  build: (g, { height, width, method = "bilinear", extrapolation = 0 }, inputs) =>
    g.op(cropAndResizeOp, inputs, { height, width, method, extrapolation }),
});
