// Operators on images that take pixels from elsewhere: other sizes, grids, boxes.

import type { Value } from "../import/value.ts";
import { type Call, type Operators, toFirst, toLast, upTo } from "./operator.ts";

const COORDINATES = {
  half_pixel: "halfPixel",
  half_pixel_symmetric: "halfPixelSymmetric",
  pytorch_half_pixel: "pytorchHalfPixel",
  asymmetric: "asymmetric",
  align_corners: "alignCorners",
  tf_half_pixel_for_nn: "tfHalfPixelForNN",
  tf_crop_and_resize: "tfCropAndResize",
} as const;
const ROUNDINGS = {
  round_prefer_floor: "roundPreferFloor",
  round_prefer_ceil: "roundPreferCeil",
  floor: "floor",
  ceil: "ceil",
} as const;

/** The words of a table, the first of which is the default. */
const keysOf = <K extends string>(table: Readonly<Record<K, string>>) =>
  Object.keys(table) as unknown as readonly [K, ...K[]];

/** A list that may be an input without values, which counts as not given. */
function floats(call: Call, i: number, name: string): number[] | undefined {
  if (!call.has(i)) return undefined;
  const { data } = call.constant(i, name);
  return data.length ? Array.from(data) : undefined;
}

/** How an axis changes: its new size, and the factor if that was given. */
interface Change {
  readonly axis: number;
  readonly size: number;
  readonly scale?: number;
}

function changesOf(
  call: Call,
  x: Value,
  axes: readonly number[],
  scales: number[] | undefined,
  sizes: number[] | undefined,
): Change[] {
  const list = sizes ?? scales ?? call.fail("neither scales nor sizes are given");
  if (list.length !== axes.length)
    call.fail(`${list.length} scales or sizes do not fit the input [${x.shape}]`);
  if (list.some((value) => !(value > 0))) call.fail(`scales or sizes [${list}] must be above 0`);
  const policy = call.attributes.word("keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller"]);
  if (sizes && policy !== "stretch") {
    const ratios = sizes.map((size, i) => size / x.shape[axes[i]]);
    const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
    // Halves go up.
    return axes.map((axis) => ({ axis, size: Math.floor(x.shape[axis] * scale + 0.5), scale }));
  }
  return axes.map((axis, i) => {
    if (sizes) return { axis, size: sizes[i] };
    // Factors are float32, whose products may miss a whole number by a little.
    const size = Math.floor(Math.fround(x.shape[axis] * list[i]));
    return { axis, size, scale: list[i] };
  });
}

/** What all axes of a Resize have in common. */
interface ResizeOptions {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubicA: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
  readonly extrapolation: number;
}

type Ranges = ReadonlyMap<number, readonly [begin: number, end: number]>;

function resize(call: Call): Value {
  const { attributes } = call;
  const x = call.input(0);
  const old = call.op === "Upsample" || call.opset < 11;
  const mode = attributes.word("mode", ["nearest", "linear", "cubic", "bilinear"]);
  const scales = attributes.floats("scales")?.slice() ?? floats(call, old ? 1 : 2, "scales");
  const sizes = old ? undefined : floats(call, 3, "sizes");
  const given = attributes.ints("axes")?.map((axis) => call.axis(axis, x.shape.length));
  const axes = given ?? upTo(x.shape.length);
  const options: ResizeOptions = {
    mode: mode === "bilinear" ? "linear" : mode,
    coordinates: old
      ? "asymmetric"
      : COORDINATES[attributes.word("coordinate_transformation_mode", keysOf(COORDINATES))],
    nearest: old ? "floor" : ROUNDINGS[attributes.word("nearest_mode", keysOf(ROUNDINGS))],
    cubicA: attributes.float("cubic_coeff_a") ?? -0.75,
    excludeOutside: attributes.flag("exclude_outside"),
    antialias: attributes.flag("antialias"),
    extrapolation: attributes.float("extrapolation_value") ?? 0,
  };
  const ranges = options.coordinates === "tfCropAndResize" ? rangesOf(call, axes) : undefined;
  const whole = (axis: number): boolean => !ranges || String(ranges.get(axis)) === "0,1";
  const changes = changesOf(call, x, axes, scales, sizes).filter(
    ({ axis, size, scale }) => size !== x.shape[axis] || (scale ?? 1) !== 1 || !whole(axis),
  );
  if (!old || mode !== "nearest") return interpolated(call, x, changes, options, ranges);
  // Before opset 11 no rounding was defined; onnxruntime rounds up where an axis shrinks.
  const shrinks = ({ axis, size }: Change): boolean => size < x.shape[axis];
  const grown = interpolated(
    call,
    x,
    changes.filter((change) => !shrinks(change)),
    options,
  );
  return interpolated(call, grown, changes.filter(shrinks), { ...options, nearest: "ceil" });
}

/** The part of each axis that is resized, as shares of it. */
function rangesOf(call: Call, axes: readonly number[]): Ranges | undefined {
  const roi = floats(call, 1, "roi");
  if (!roi) return undefined;
  if (roi.length !== 2 * axes.length) call.fail(`roi has ${roi.length} values for ${axes.length} axes`);
  return new Map(axes.map((axis, i) => [axis, [roi[i], roi[i + axes.length]] as const]));
}

function interpolated(
  call: Call,
  x: Value,
  changes: readonly Change[],
  options: ResizeOptions,
  ranges?: Ranges,
): Value {
  const { w } = call;
  if (!changes.length) return x;
  const spatial = changes.every(({ axis }) => axis > 1);
  const config = {
    axes: changes.map(({ axis }) => (spatial ? axis - 1 : axis)),
    sizes: changes.map(({ size }) => size),
    ...(changes[0].scale !== undefined && { scales: changes.map(({ scale }) => scale) }),
    ...options,
    ...(ranges && { roi: changes.map(({ axis }) => ranges.get(axis)) }),
  };
  if (!spatial)
    return w.layer("interpolate", [x], config, { perImage: changes[0].axis > 0, types: [x.type] })[0];
  const [y] = w.layer("interpolate", [toLast(w, x)], config, { perImage: true, types: [x.type] });
  return toFirst(w, y);
}

const GRID_MODES = {
  bilinear: "bilinear",
  linear: "bilinear",
  nearest: "nearest",
  bicubic: "bicubic",
  cubic: "bicubic",
} as const;

function gridSample(call: Call): Value {
  const { w, attributes } = call;
  const x = call.input(0);
  if (x.shape.length !== 4)
    call.refuse(`its input has shape [${x.shape}]; only images [n, c, h, w] have an equivalent here`);
  const config = {
    mode: GRID_MODES[attributes.word("mode", keysOf(GRID_MODES))],
    padding: attributes.word("padding_mode", ["zeros", "border", "reflection"]),
    alignCorners: attributes.flag("align_corners"),
  };
  const [y] = w.layer("gridSample", [toLast(w, x), call.input(1)], config, { perImage: true });
  return toFirst(w, y);
}

function roiAlign(call: Call): Value {
  const { w, attributes, opset } = call;
  const x = call.input(0);
  // Before opset 16, rois began at whole pixels.
  const initial = opset < 16 ? "output_half_pixel" : "half_pixel";
  const mode = attributes.string("coordinate_transformation_mode") ?? initial;
  if (mode !== "half_pixel" && mode !== "output_half_pixel")
    call.refuse(`coordinate_transformation_mode is ${mode}`);
  const config = {
    mode: attributes.word("mode", ["avg", "max"]),
    outputHeight: attributes.int("output_height") ?? 1,
    outputWidth: attributes.int("output_width") ?? 1,
    samplingRatio: attributes.int("sampling_ratio") ?? 0,
    spatialScale: attributes.float("spatial_scale") ?? 1,
    halfPixel: mode === "half_pixel",
  };
  return toFirst(w, w.layer("roiAlign", [toLast(w, x), call.input(1), call.input(2)], config)[0]);
}

export const IMAGES: Operators = {
  GridSample: gridSample,
  Resize: resize,
  RoiAlign: roiAlign,
  Upsample: resize,
};
