// The values of a weight in another order of axes: files and layers do not agree on it.
import { type Shape, sizeOf } from "../tensor.ts";
import { permute } from "./permute.ts";

/** Axis i of the result is axis perm[i] of the data. The data itself where no value moves. */
export function transpose<Data extends Float32Array | Int32Array>(
  data: Data,
  shape: Shape,
  perm: readonly number[],
): Data {
  // Axes of size 1 do not move any value.
  const long = perm.filter((axis) => shape[axis] > 1);
  if (data.length === 0 || long.every((axis, i) => i === 0 || axis > long[i - 1])) return data;
  const out = (
    data instanceof Int32Array ? new Int32Array(data.length) : new Float32Array(data.length)
  ) as Data;
  permute(
    out,
    data,
    perm.map((axis) => shape[axis]),
    perm.map((axis) => sizeOf(shape.slice(axis + 1))),
  );
  return out;
}
