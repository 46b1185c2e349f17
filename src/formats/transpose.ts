// The values of a weight in another order of axes: files and layers do not agree on it.
import { type Shape, sizeOf } from "../tensor.ts";

/** Axis i of the result is axis perm[i] of the data. The data itself where no value moves. */
export function transpose(data: Float32Array, shape: Shape, perm: readonly number[]): Float32Array {
  // Axes of size 1 do not move any value.
  const long = perm.filter((axis) => shape[axis] > 1);
  if (long.every((axis, i) => i === 0 || axis > long[i - 1])) return data;
  const sizes = long.map((axis) => shape[axis]);
  const strides = long.map((axis) => sizeOf(shape.slice(axis + 1)));
  const inner = long.length - 1;
  const index = long.map(() => 0);
  const out = new Float32Array(data.length);
  let from = 0;
  for (let to = 0; to < out.length; ) {
    for (let i = 0; i < sizes[inner]; i++) out[to++] = data[from + i * strides[inner]];
    // To the next index of the outer axes.
    for (let axis = inner - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < sizes[axis]) break;
      from -= sizes[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return out;
}
