// Interpolation along any axes, by ONNX's definition of Resize: one axis after the other, each by a table.
import { ArgumentError } from "../errors.ts";
import { type Op, type Shape, sizeOf, type TensorType } from "../graph/op.ts";
import { aFlag, finite, oneOf, refuse } from "../validate.ts";
import { arity, checkShape, perAxis } from "./check.ts";
import {
  type AxisTable,
  axisTable,
  type InterpolateCoordinates,
  type InterpolateMode,
  type NearestRounding,
} from "./interpolate-table.ts";
import { axesOf } from "./reduce.ts";
import { linearIndices, nearestIndices, type ResizeParams } from "./resize.ts";

export interface InterpolateParams {
  /** The axes that change, and their new sizes; all lists have an entry for each. */
  axes: readonly number[];
  sizes: readonly number[];
  /** The factors as they were given; where absent they are those of the sizes, exactly. */
  scales?: readonly number[] | undefined;
  mode: InterpolateMode;
  coordinates: InterpolateCoordinates;
  nearest: NearestRounding;
  cubicA: number;
  excludeOutside: boolean;
  antialias: boolean;
  /** What lies outside the image, with tfCropAndResize. */
  extrapolation: number;
  roi?: readonly (readonly [begin: number, end: number])[] | undefined;
}

export type { AxisTable };

/** An axis counted from the front, its new size and its table. */
interface TabledAxis {
  axis: number;
  out: number;
  table: AxisTable;
}

export const COORDINATES = [
  ...(["halfPixel", "halfPixelSymmetric", "pytorchHalfPixel", "asymmetric", "alignCorners"] as const),
  ...(["tfHalfPixelForNN", "tfCropAndResize"] as const),
];
export const ROUNDINGS = ["roundPreferFloor", "roundPreferCeil", "floor", "ceil"] as const;

function checkParams(x: TensorType, p: InterpolateParams, where: string): void {
  const axes = axesOf(p.axes, x.shape.length, where);
  oneOf(p.mode, ["nearest", "linear", "cubic"], "mode", where);
  oneOf(p.coordinates, COORDINATES, "coordinates", where);
  oneOf(p.nearest, ROUNDINGS, "nearest", where);
  finite(p.cubicA, "cubicA", where);
  finite(p.extrapolation, "extrapolation", where);
  aFlag(p.excludeOutside, "excludeOutside", where);
  aFlag(p.antialias, "antialias", where);
  if (!Array.isArray(p.sizes)) refuse(p.sizes, "sizes", where, `a list of ${axes.size}`);
  perAxis(p.sizes, axes.size, "sizes", where, 1);
  for (const [list, name] of [
    [p.scales, "scales"],
    [p.roi, "roi"],
  ] as const)
    if (list && list.length !== axes.size) refuse(list, name, where, `a list of ${axes.size}, one per axis`);
  p.scales?.forEach((scale, i) => {
    if (!(finite(scale, `scales[${i}]`, where) > 0)) refuse(scale, `scales[${i}]`, where, "above 0");
  });
  if (x.dtype !== "float32" && (p.mode !== "nearest" || p.coordinates === "tfCropAndResize"))
    throw new ArgumentError(
      `${where}: input is ${x.dtype} but must be float32, except for mode "nearest" without crops`,
    );
}

/** The axes that are not copied as they are. */
export function interpolationsOf(x: Shape, p: InterpolateParams): TabledAxis[] {
  const { axes, sizes, scales, roi, ...rest } = p;
  return axes.flatMap((given, i) => {
    const axis = given < 0 ? given + x.length : given;
    const [size, out] = [x[axis], sizes[i]];
    const table = axisTable({ ...rest, size, out, scale: scales?.[i], roi: roi?.[i] });
    return isIdentity(table, size, out) ? [] : [{ axis, out, table }];
  });
}

function isIdentity({ starts, taps, weights }: AxisTable, size: number, out: number): boolean {
  if (size !== out) return false;
  if (!weights) return starts.every((start, i) => start === i);
  return starts.every((start, i) => {
    const own = weights.subarray(i * taps, (i + 1) * taps);
    return start >= 0 && own.every((w, t) => w === Number(start + t === i));
  });
}

export const interpolate: Op<InterpolateParams> = {
  name: "interpolate",
  infer(inputs, p, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    checkParams(x, p, where);
    const shape = [...x.shape];
    p.axes.forEach((axis, i) => {
      shape[axis < 0 ? axis + shape.length : axis] = p.sizes[i];
    });
    checkShape(shape, "output", where);
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x], [out], p) {
    const shape = [...x.shape];
    // Those that shrink most come first: the others have less to do then.
    const axes = interpolationsOf(x.shape, p).sort(
      (a, b) => a.out / x.shape[a.axis] - b.out / x.shape[b.axis],
    );
    let from = x.base;
    const pass = (axis: number, size: number, table: AxisTable, last: boolean): void => {
      const [old, inner] = [shape[axis], sizeOf(shape.slice(axis + 1))];
      shape[axis] = size;
      const to = last ? out.base : e.scratch(sizeOf(shape) * 4);
      e.call("interpolate_f32", sizeOf(shape) / inner, [
        ...([to, from, e.table(table.starts), table.weights ? e.constant(table.weights) : 0] as const),
        ...([table.taps, old, size, inner, p.extrapolation] as const),
      ]);
      from = to;
    };
    axes.forEach(({ axis, out: size, table }, i) => {
      pass(axis, size, table, i === axes.length - 1);
    });
    // Nothing changes: a copy, as one row.
    if (axes.length === 0) {
      e.call("interpolate_f32", 1, [
        ...([out.base, x.base, e.table([0]), 0, 1, 1, 1, sizeOf(shape), 0] as const),
      ]);
    }
  },
};

/** No image is longer: the tables of two ops are not compared for an axis beyond, which would take seconds. */
const LONGEST = 2 ** 16;

/**
 * The same as options of `resize`, which is faster, where that gives it: for floats of [n, ...spatial, c] whose spatial axes alone
 * change, by the tables that it makes.
 */
export function asResize({ shape, dtype }: TensorType, p: InterpolateParams): ResizeParams | undefined {
  if (dtype !== "float32" || p.mode === "cubic" || shape.length < 3 || shape.length > 5) return undefined;
  if (p.sizes.some((size) => size > LONGEST)) return undefined;
  const axes = interpolationsOf(shape, p);
  if (axes.length === 0 || axes.some(({ axis }) => axis === 0 || axis === shape.length - 1)) return undefined;
  const size = shape.slice(1, -1);
  for (const { axis, out } of axes) size[axis - 1] = out;
  const coordinates = (["halfPixel", "asymmetric", "alignCorners"] as const).find((way) =>
    axes.every(({ axis, out, table }) => {
      if (p.mode === "nearest") {
        const indices = nearestIndices(shape[axis], out, way);
        return table.starts.every((start, i) => start === indices[i]);
      }
      const { indices, weights } = linearIndices(shape[axis], out, way);
      return table.starts.every((start, i) => {
        const own = Array.from(table.weights!.subarray(i * table.taps, (i + 1) * table.taps));
        const expected = (t: number): number =>
          start + t === indices[i] ? 1 - weights[i] : start + t === indices[i] + 1 ? weights[i] : 0;
        return start >= 0 && own.every((w, t) => Math.abs(w - expected(t)) <= 1e-6);
      });
    }),
  );
  return coordinates && { size, method: p.mode, coordinates };
}
