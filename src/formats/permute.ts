// Axes of many values in another order: filters are transposed when a model is loaded, so this is most of the time that takes.
import { type Shape, sizeOf } from "../tensor.ts";

type Values = Float32Array | Float64Array | Int32Array;

/** Values along each side of a block that stays in the cache. */
const BLOCK = 16;

/** Axes of the result with where its neighbours lie in `values`, joined where they lie one after the other. */
function joinedAxes(shape: Shape, strides: readonly number[]): { size: number; from: number }[] {
  const joined: { size: number; from: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = joined.at(-1);
    if (last && last.from === size * strides[axis]) {
      last.size *= size;
      last.from = strides[axis];
    } else joined.push({ size, from: strides[axis] });
  });
  return joined;
}

/**
 * Fills `out`, whose axes have those sizes; neighbours along axis i lie strides[i] apart in `values`, which is dense: one axis has stride 1.
 */
export function permute(out: Values, values: Values, shape: Shape, strides: readonly number[]): void {
  if (sizeOf(shape) === 0) return;
  const axes = joinedAxes(shape, strides);
  const last = axes.length - 1;
  if (last <= 0) {
    out.set(values);
    return;
  }
  const to = axes.map((_, i) => axes.slice(i + 1).reduce((product, { size }) => product * size, 1));
  // The axis along which values lie side by side; the last one is that along which they are written so.
  const inner = axes.findIndex(({ from }) => from === 1);
  const outer = axes.map((_, i) => i).filter((i) => i !== inner && i !== last);
  const index = outer.map(() => 0);
  for (let [at, source] = [0, 0]; ; ) {
    if (inner === last) out.set(values.subarray(source, source + axes[last].size), at);
    else turn(out, values, at, source, axes[inner].size, axes[last].size, to[inner], axes[last].from);
    let i = outer.length - 1;
    for (; i >= 0; i--) {
      const { size, from } = axes[outer[i]];
      at += to[outer[i]];
      source += from;
      if (++index[i] < size) break;
      at -= size * to[outer[i]];
      source -= size * from;
      index[i] = 0;
    }
    if (i < 0) return;
  }
}

/** out[at + r · outPitch + c] = values[source + r + c · pitch], in blocks. */
function turn(
  out: Values,
  values: Values,
  at: number,
  source: number,
  rows: number,
  columns: number,
  outPitch: number,
  pitch: number,
): void {
  for (let r0 = 0; r0 < rows; r0 += BLOCK) {
    const r1 = Math.min(r0 + BLOCK, rows);
    for (let c0 = 0; c0 < columns; c0 += BLOCK) {
      const c1 = Math.min(c0 + BLOCK, columns);
      for (let r = r0; r < r1; r++) {
        const row = at + r * outPitch;
        const from = source + r;
        for (let c = c0; c < c1; c++) out[row + c] = values[from + c * pitch];
      }
    }
  }
}
