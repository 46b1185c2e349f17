// Tables of interpolation along one axis, by ONNX's definition of Resize: which pixels make an output pixel, and with what weights.
import { UnsupportedError } from "../errors.ts";

/**
 * Where output pixel i of an axis of `size` pixels lies, for a factor `scale` = out / size:
 * - `"halfPixel"`: (i + 1/2) / scale − 1/2; `"pytorchHalfPixel"`: 0 where there is but one output pixel
 * - `"halfPixelSymmetric"`: halfPixel about the centre of the image, whatever a scale that is no exact ratio cuts off
 * - `"asymmetric"`: i / scale; `"tfHalfPixelForNN"`: (i + 1/2) / scale
 * - `"alignCorners"`: i · (size − 1) / (size · scale − 1)
 * - `"tfCropAndResize"`: the same in the part of the image that `roi` names
 */
export type InterpolateCoordinates =
  | "halfPixel"
  | "halfPixelSymmetric"
  | "pytorchHalfPixel"
  | "asymmetric"
  | "alignCorners"
  | "tfHalfPixelForNN"
  | "tfCropAndResize";

export type InterpolateMode = "nearest" | "linear" | "cubic";

/** How the position of a nearest pixel is rounded; halves go down or up. */
export type NearestRounding = "roundPreferFloor" | "roundPreferCeil" | "floor" | "ceil";

/** One axis and what is asked of it. */
export interface AxisOptions {
  /** Pixels before and after. */
  size: number;
  out: number;
  /** The factor, where it was given; else it is out / size exactly. */
  scale?: number | undefined;
  mode: InterpolateMode;
  coordinates: InterpolateCoordinates;
  nearest: NearestRounding;
  cubicA: number;
  /** Whether pixels outside the image get no weight, rather than be those at its edge. */
  excludeOutside: boolean;
  /** Whether shrinking averages over as many pixels as make one. */
  antialias: boolean;
  /** For tfCropAndResize: where the crop begins and ends, as shares of the image. */
  roi?: readonly [begin: number, end: number] | undefined;
}

export interface AxisTable {
  /** The first pixel of each output pixel; -1 where it lies outside a crop. */
  starts: Int32Array;
  /** Pixels of each output pixel. */
  taps: number;
  /** Their weights, `taps` for each output pixel; absent where a pixel is copied. */
  weights?: Float32Array;
}

function position(i: number, { size, out, scale, coordinates, roi = [0, 1] }: AxisOptions): number {
  // Without a factor of its own: in whole numbers as far as possible, so that halves stay halves.
  const [per, length] = scale === undefined ? [out / size, out] : [scale, scale * size];
  const shrink = (at: number): number => (scale === undefined ? (at * size) / out : at / scale);
  switch (coordinates) {
    case "halfPixel":
      return shrink(i + 0.5) - 0.5;
    case "pytorchHalfPixel":
      return out > 1 ? shrink(i + 0.5) - 0.5 : 0;
    case "halfPixelSymmetric":
      return (size / 2) * (1 - out / (per * size)) + shrink(i + 0.5) - 0.5;
    case "asymmetric":
      return shrink(i);
    case "tfHalfPixelForNN":
      return shrink(i + 0.5);
    case "alignCorners":
      return length === 1 || out === 1 ? 0 : (i * (size - 1)) / (length - 1);
    case "tfCropAndResize": {
      const [begin, end] = roi;
      if (out === 1) return ((begin + end) * (size - 1)) / 2;
      return begin * (size - 1) + (i * (end - begin) * (size - 1)) / (length - 1);
    }
  }
}

function round(at: number, rounding: NearestRounding): number {
  switch (rounding) {
    case "roundPreferFloor":
      return Math.ceil(at - 0.5);
    case "roundPreferCeil":
      return Math.floor(at + 0.5);
    case "floor":
      return Math.floor(at);
    case "ceil":
      return Math.ceil(at);
  }
}

const linear = (x: number): number => Math.max(1 - Math.abs(x), 0);

/** Keys' cubic. */
function cubic(x: number, a: number): number {
  x = Math.abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/** Of one axis: more would take seconds to make, and as much memory as images. */
const MOST_WEIGHTS = 2 ** 24;

/** The table of an axis. Throws UnsupportedError for one of too many weights. */
export function axisTable(o: AxisOptions): AxisTable {
  const { size, out, mode } = o;
  const starts = new Int32Array(out);
  const at = Array.from({ length: out }, (_, i) => position(i, o));
  const outside = (x: number): boolean => o.coordinates === "tfCropAndResize" && (x < 0 || x > size - 1);
  const clamp = (i: number): number => Math.min(Math.max(i, 0), size - 1);
  if (mode === "nearest") {
    at.forEach((x, i) => {
      starts[i] = outside(x) ? -1 : clamp(round(x, o.nearest));
    });
    return { starts, taps: 1 };
  }
  const reach = mode === "linear" ? 1 : 2;
  const squeeze = o.antialias ? Math.min(Math.max(o.scale ?? out / size, 1 / size), 1) : 1;
  // As many taps as fit: the weights of those outside go to the pixel at the edge.
  const wide = 2 * Math.ceil(reach / squeeze);
  const taps = Math.min(wide, size);
  if (out * taps > MOST_WEIGHTS)
    throw new UnsupportedError(
      `interpolate: ${out} pixels of ${taps} of ${size} each: an axis may have ${MOST_WEIGHTS} weights`,
    );
  const weights = new Float32Array(out * taps);
  const [all, own] = [new Float64Array(wide), new Float64Array(taps)];
  at.forEach((x, i) => {
    if (outside(x)) {
      starts[i] = -1;
      return;
    }
    const first = Math.floor(x) - wide / 2 + 1;
    let sum = 0;
    for (let t = 0; t < wide; t++) {
      const distance = (first + t - x) * squeeze;
      const left = o.excludeOutside && clamp(first + t) !== first + t;
      all[t] = left ? 0 : mode === "linear" ? linear(distance) : cubic(distance, o.cubicA);
      sum += all[t];
    }
    if (squeeze === 1 && !o.excludeOutside) sum = 1;
    starts[i] = Math.min(Math.max(first, 0), size - taps);
    own.fill(0);
    for (let t = 0; t < wide; t++) own[clamp(first + t) - starts[i]] += all[t] / sum;
    weights.set(own, i * taps);
  });
  return { starts, taps, weights };
}
