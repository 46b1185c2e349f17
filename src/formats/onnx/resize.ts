// Resampling of images as ONNX nodes.
import { axisOf } from "../../ops/check.ts";
import { type InterpolateParams, interpolate } from "../../ops/interpolate.ts";
import { type ResizeParams, resize } from "../../ops/resize.ts";
import { type GridSampleParams, gridSample, type RoiAlignParams, roiAlign } from "../../ops/sample.ts";
import { arranged, entry, range, refuse, type Translation, type TranslationEntry } from "./call.ts";

const COORDINATES = {
  halfPixel: "half_pixel",
  halfPixelSymmetric: "half_pixel_symmetric",
  pytorchHalfPixel: "pytorch_half_pixel",
  alignCorners: "align_corners",
  asymmetric: "asymmetric",
  tfCropAndResize: "tf_crop_and_resize",
} as const;

const ROUNDINGS = {
  roundPreferFloor: "round_prefer_floor",
  roundPreferCeil: "round_prefer_ceil",
  floor: "floor",
  ceil: "ceil",
} as const;

const writeResize: Translation<ResizeParams> = (g, { inputs: [x], outputs: [y], params: p }) => {
  const from = g.value(x, "first");
  const scales = p.size.map((size, i) => size / x.shape[i + 1]);
  // Whole factors are exact in float32. Other sizes are given as sizes, with batch and channels read from the input.
  const target = scales.every(Number.isInteger)
    ? [g.floats([1, 1, ...scales], [scales.length + 2])]
    : ["", g.emit("Concat", [g.emit("Shape", [from], { start: 0, end: 2 }), g.ints(p.size)], { axis: 0 })];
  const attributes = {
    mode: p.method,
    coordinate_transformation_mode: COORDINATES[p.coordinates],
    nearest_mode: p.coordinates === "asymmetric" ? "floor" : "round_prefer_ceil",
  };
  g.define(y, g.emit("Resize", [from, "", ...target], attributes), "first");
};

const writeInterpolate: Translation<InterpolateParams> = (
  g,
  { inputs: [x], outputs: [y], params: p, where },
) => {
  const { coordinates } = p;
  if (coordinates === "tfHalfPixelForNN") refuse(where, 'coordinates "tfHalfPixelForNN"');
  const rank = x.shape.length;
  const ours = p.axes.map((axis) => axisOf(axis, rank, where));
  // Runtimes interpolate the last axes of what is channels first.
  const inner = rank > 2 && ours.every((axis) => axis > 0 && axis < rank - 1);
  const layout = inner ? "first" : g.layout(x);
  const from = g.value(x, layout);
  /** A list with one number per axis of the input, of which some are given. */
  const full = (list: readonly number[], rest: number): readonly number[] =>
    arranged(
      range(rank).map((axis) => list[ours.indexOf(axis)] ?? rest),
      layout,
    );
  const fitting = p.scales?.every((scale, i) => Math.floor(scale * x.shape[ours[i]]) === p.sizes[i]);
  const exact = p.sizes.map((size, i) => size / x.shape[ours[i]]);
  const scales = fitting ? p.scales : !p.scales && exact.every(Number.isInteger) ? exact : undefined;
  const begins = full(p.roi?.map(([begin]) => begin) ?? [], 0);
  const ends = full(p.roi?.map(([, end]) => end) ?? [], 1);
  const roi = coordinates === "tfCropAndResize" ? g.floats([...begins, ...ends], [2 * rank]) : "";
  let target: string[];
  if (scales) target = [g.floats(full(scales, 1), [rank])];
  else if (!g.open) target = ["", g.ints(arranged(y.shape, layout))];
  else {
    const batch = g.emit("Shape", [from], { start: 0, end: 1 });
    target = ["", g.emit("Concat", [batch, g.ints(arranged(y.shape, layout).slice(1))], { axis: 0 })];
  }
  const attributes = {
    mode: p.mode,
    coordinate_transformation_mode: COORDINATES[coordinates],
    nearest_mode: ROUNDINGS[p.nearest],
    cubic_coeff_a: { float: p.cubicA },
    exclude_outside: Number(p.excludeOutside),
    extrapolation_value: { float: p.extrapolation },
    ...(p.antialias && { antialias: 1 }),
  };
  g.define(y, g.emit("Resize", [from, roi, ...target], attributes), layout);
};

const writeGridSample: Translation<GridSampleParams> = (
  g,
  { inputs: [x, grid], outputs: [y], params: { mode, padding, alignCorners } },
) => {
  const attributes = { mode, padding_mode: padding, align_corners: Number(alignCorners) };
  g.define(y, g.emit("GridSample", [g.value(x, "first"), g.value(grid, "last")], attributes), "first");
};

const writeRoiAlign: Translation<RoiAlignParams> = (
  g,
  { inputs: [x, rois, batch], outputs: [y], params: p },
) => {
  const attributes = {
    mode: p.mode,
    output_height: p.outputHeight,
    output_width: p.outputWidth,
    sampling_ratio: p.samplingRatio,
    spatial_scale: { float: p.spatialScale },
    coordinate_transformation_mode: p.halfPixel ? "half_pixel" : "output_half_pixel",
  };
  const operands = [g.value(x, "first"), g.value(rois, "last"), g.indices(batch)];
  g.define(y, g.emit("RoiAlign", operands, attributes), "first");
};

export const resizeTranslations: readonly TranslationEntry[] = [
  entry(resize, writeResize),
  entry(interpolate, writeInterpolate),
  entry(gridSample, writeGridSample),
  entry(roiAlign, writeRoiAlign),
];
