// Pixels of images [n, h, w, c] taken where a grid or boxes say, which are values of a run.
import { ArgumentError, ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf, type TensorType } from "../graph/op.ts";
import { boxShape } from "../runtime/records.ts";
import {
  SAMPLE_BORDER,
  SAMPLE_CUBIC,
  SAMPLE_LINEAR,
  SAMPLE_NEAREST,
  SAMPLE_REFLECTION,
  SAMPLE_ZEROS,
} from "../runtime/wasm.ts";
import { aFlag, finite, integer, oneOf } from "../validate.ts";
import { arity, checkShape, rank, requireFloats, show } from "./check.ts";

const MODES = { nearest: SAMPLE_NEAREST, bilinear: SAMPLE_LINEAR, bicubic: SAMPLE_CUBIC } as const;
const PADDINGS = { zeros: SAMPLE_ZEROS, border: SAMPLE_BORDER, reflection: SAMPLE_REFLECTION } as const;

export interface GridSampleParams {
  mode: keyof typeof MODES;
  /** What lies outside the image: nothing, the outer pixels, or the image mirrored. */
  padding: keyof typeof PADDINGS;
  /** Whether -1 and 1 are the centres of the outer pixels, or their outer edges. */
  alignCorners: boolean;
}

export interface RoiAlignParams {
  /** What becomes of the samples in a bin: their mean, or the largest product of a pixel and its weight (as ONNX has it). */
  mode: "avg" | "max";
  outputHeight: number;
  outputWidth: number;
  /** Samples along each axis of a bin; 0: one per pixel, rounded up, and at most 1024. */
  samplingRatio: number;
  /** Pixels of x per unit of the rois. */
  spatialScale: number;
  /** Whether pixel centres lie at halves; rois may be smaller than a pixel then. */
  halfPixel: boolean;
}

export interface CropAndResizeParams {
  height: number;
  width: number;
  method: "bilinear" | "nearest";
  /** What a crop holds outside its image. */
  extrapolation: number;
}

function checkImages(x: TensorType, where: string): void {
  requireFloats(x, where);
  rank(x, 4, "[n, h, w, c]", "input", where);
}

/** Boxes [r, 4] and the int32 number [r] of the image of each. */
function checkBoxes(boxes: TensorType, index: TensorType, name: string, where: string): number {
  requireFloats(boxes, where);
  if (boxes.shape.length !== 2 || boxes.shape[1] !== 4)
    throw new ShapeError(`${where}: ${name} have shape ${show(boxes.shape)} but must have shape [r, 4]`);
  const [count] = boxes.shape;
  if (index.shape.length !== 1 || index.shape[0] !== count)
    throw new ShapeError(
      `${where}: the images' numbers have shape ${show(index.shape)} but must have shape [${count}], one for each of the ${name}`,
    );
  if (index.dtype !== "int32")
    throw new ArgumentError(`${where}: the images' numbers are ${index.dtype} but must be int32`);
  return count;
}

/** [x [n, h, w, c], grid [n, oh, ow, 2]] to [n, oh, ow, c]: x at each x and y of the grid, from -1 to 1. */
export const gridSample: Op<GridSampleParams> = {
  name: "gridSample",
  infer(inputs, { mode, padding, alignCorners }, where) {
    arity(inputs, 2, 2, where);
    const [x, grid] = inputs;
    checkImages(x, where);
    requireFloats(grid, where);
    const [n, , , c] = x.shape;
    if (grid.shape.length !== 4 || grid.shape[0] !== n || grid.shape[3] !== 2)
      throw new ShapeError(
        `${where}: grid has shape ${show(grid.shape)} but must have shape [${n}, h, w, 2] for input ${show(x.shape)}`,
      );
    oneOf(mode, Object.keys(MODES), "mode", where);
    oneOf(padding, Object.keys(PADDINGS), "padding", where);
    aFlag(alignCorners, "alignCorners", where);
    const shape = [...grid.shape.slice(0, 3), c];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x, grid], [out], { mode, padding, alignCorners }) {
    const [n, h, w, c] = x.shape;
    const pixels = out.shape[1] * out.shape[2];
    e.call("grid_sample_f32", n * pixels, [
      ...([out.base, x.base, grid.base, h, w, c, pixels] as const),
      ...([MODES[mode], PADDINGS[padding], Number(alignCorners)] as const),
    ]);
  },
};

/** [x [n, h, w, c], rois [r, 4] (x1, y1, x2, y2), batch int32 [r]] to [r, outputHeight, outputWidth, c]. */
export const roiAlign: Op<RoiAlignParams> = {
  name: "roiAlign",
  infer(inputs, p, where) {
    arity(inputs, 3, 3, where);
    const [x, rois, batch] = inputs;
    checkImages(x, where);
    const count = checkBoxes(rois, batch, "rois", where);
    oneOf(p.mode, ["avg", "max"], "mode", where);
    integer(p.outputHeight, "outputHeight", where, 1);
    integer(p.outputWidth, "outputWidth", where, 1);
    integer(p.samplingRatio, "samplingRatio", where, 0, 64);
    finite(p.spatialScale, "spatialScale", where);
    aFlag(p.halfPixel, "halfPixel", where);
    const shape = [count, p.outputHeight, p.outputWidth, x.shape[3]];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x, rois, batch], [out], p) {
    const [n, h, w, c] = x.shape;
    const shape = boxShape({
      ...{ n, size: [h, w], c, out: [p.outputHeight, p.outputWidth], mode: Number(p.mode === "max") },
      ...{ samples: p.samplingRatio, half: Number(p.halfPixel), value: p.spatialScale },
    });
    e.call("roi_align_f32", sizeOf(out.shape) / c, [
      out.base,
      x.base,
      rois.base,
      batch.base,
      e.record(shape),
    ]);
  },
};

/**
 * [x [n, h, w, c], boxes [r, 4] (y1, x1, y2, x2 as shares of the image), boxIndex int32 [r]] to [r, height, width, c], by TensorFlow's
 * definition. A box of an image that is not there is extrapolation throughout.
 */
export const cropAndResize: Op<CropAndResizeParams> = {
  name: "cropAndResize",
  infer(inputs, { height, width, method, extrapolation }, where) {
    arity(inputs, 3, 3, where);
    const [x, boxes, index] = inputs;
    checkImages(x, where);
    const count = checkBoxes(boxes, index, "boxes", where);
    integer(height, "height", where, 1);
    integer(width, "width", where, 1);
    oneOf(method, ["bilinear", "nearest"], "method", where);
    finite(extrapolation, "extrapolation", where);
    const shape = [count, height, width, x.shape[3]];
    checkShape(shape, "output", where);
    return [float32(shape)];
  },
  forward(e, [x, boxes, index], [out], { height, width, method, extrapolation }) {
    const [n, h, w, c] = x.shape;
    const shape = boxShape({
      ...{ n, size: [h, w], c, out: [height, width], mode: MODES[method] },
      ...{ samples: 0, half: 0, value: extrapolation },
    });
    e.call("crop_resize_f32", sizeOf(out.shape) / c, [
      out.base,
      x.base,
      boxes.base,
      index.base,
      e.record(shape),
    ]);
  },
};
