// How kernels walk values that lie with any strides: as runs of contiguous floats, with as few axes round them as possible.

import type { Emitter, Shape, Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { stridedRows } from "../runtime/records.ts";
import { MAP_BLOCK } from "../runtime/wasm.ts";

/** An axis along which several values are walked together, and the byte stride of each. */
export interface SharedAxis {
  size: number;
  strides: number[];
}

/** Axes innermost first. Along `run` every value is contiguous or, with stride 0, repeated; `outer` has one axis at least. */
export interface Walk {
  run: SharedAxis;
  outer: SharedAxis[];
}

/** Drops the axes of size 1, and joins neighbours where every value is walked as along one axis. */
export function collapseAxes(shape: Shape, strides: readonly (readonly number[])[]): Walk {
  const axes: SharedAxis[] = [];
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    const axis = { size: shape[i], strides: strides.map((list) => list[i]) };
    const inner = axes.at(-1);
    if (inner && axis.strides.every((stride, v) => stride === inner.strides[v] * inner.size))
      inner.size *= axis.size;
    else axes.push(axis);
  }
  const contiguous = axes[0]?.strides.every((stride) => stride === 4 || stride === 0);
  const run = contiguous ? axes.shift()! : { size: 1, strides: strides.map(() => 4) };
  return { run, outer: axes.length > 0 ? axes : [{ size: 1, strides: strides.map(() => 0) }] };
}

/** Axes as records list them: how many, and the size and strides of each. */
export const dimsOf = (axes: readonly SharedAxis[]): { axes: number; dims: number[] } => ({
  axes: axes.length,
  dims: axes.flatMap(({ size, strides }) => [size, ...strides]),
});

/** The runs that axes round them make. */
export const countRuns = (axes: readonly SharedAxis[]): number =>
  axes.reduce((count, { size }) => count * size, 1);

/** Two values of one shape as rows of contiguous floats: the record of them, the floats of a row, and how many rows there are. */
export function rowsOf(
  e: Pick<Emitter, "record">,
  out: Value,
  x: Value,
): { rows: Address<"stridedRows">; run: number; count: number } {
  const { run, outer } = collapseAxes(out.shape, [out.strides, x.strides]);
  const rows = e.record(stridedRows({ run: run.size, ...dimsOf(outer) }));
  return { rows, run: run.size, count: countRuns(outer) };
}

/** Writes the call that applies an activation, one of ACTIVATION_* with its parameters, to every value of x. */
export function emitActivation(e: Emitter, out: Value, x: Value, kind: number, p: number, q: number): void {
  const { rows, run, count } = rowsOf(e, out, x);
  e.call("activation_f32", count * Math.ceil(run / MAP_BLOCK), [out.base, x.base, rows, kind, p, q]);
}
