// What normalisations share: the checks of their inputs, how the kernels see x, its moments, and the pass that applies tables.

import { ShapeError } from "../errors.ts";
import { type Emitter, type Shape, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { MOMENTS_ROWS } from "../runtime/plan.ts";
import { epilogue, normShape, stridedRows } from "../runtime/records.ts";
import { finite, refuse } from "../validate.ts";
import { type Activation, epilogueOf } from "./activation.ts";
import { arity, requireFloats, show } from "./check.ts";
import { reduceUnits } from "./reduce.ts";
import { collapseAxes, countRuns, dimsOf } from "./rows.ts";

/** Checks [x, ...vectors of c] and gives c. */
export function checkNorm(
  inputs: readonly TensorType[],
  names: readonly string[],
  epsilon: number,
  where: string,
): number {
  arity(inputs, names.length + 1, names.length + 1, where);
  for (const input of inputs) requireFloats(input, where);
  const [{ shape }, ...vectors] = inputs;
  if (shape.length < 2)
    throw new ShapeError(
      `${where}: input has shape ${show(shape)} but must be [n, ..., c], of rank 2 at least`,
    );
  const c = shape[shape.length - 1];
  vectors.forEach((v, i) => {
    if (v.shape.length !== 1 || v.shape[0] !== c)
      throw new ShapeError(
        `${where}: ${names[i]} has shape ${show(v.shape)} but must be [${c}], ` +
          `one number per channel of input ${show(shape)}`,
      );
  });
  if (finite(epsilon, "epsilon", where) < 0) refuse(epsilon, "epsilon", where, "at least 0");
  return c;
}

/** The fewest pixels of c channels that make whole vectors. */
const wholePixels = (c: number): number => (c % 4 === 0 ? 1 : c % 2 === 0 ? 2 : 4);

/** Pixels in a row of a table, so that it is whole vectors and at least 32 floats: rows of 1, 2, 3, 5, ... would leave lanes empty. */
export function copiesOf(c: number): number {
  if (c >= 32 || (c >= 16 && c % 4 === 0)) return 1;
  const whole = wholePixels(c);
  return whole * Math.ceil(32 / (whole * c));
}

/** How the kernels see a dense x: [slices, rows, columns], with statistics per slice, taken over chunks of rows. */
export interface NormLayout {
  slices: number;
  rows: number;
  columns: number;
  c: number;
  /** Pixels in a row. */
  copies: number;
  /** Rows of a chunk, and chunks of a slice. */
  chunk: number;
  parts: number;
  /** Units of a kernel that walks all chunks. */
  units: number;
}

export function normLayout(shape: Shape, slices: number): NormLayout {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape) / (slices * c);
  // Rows must not cross slices: fewer copies where these do not divide the pixels of a slice.
  let copies = copiesOf(c);
  while (copies > 1 && pixels % copies !== 0) copies = Math.max(copies - wholePixels(c), 1);
  const rows = pixels / copies;
  const columns = copies * c;
  const chunk = Math.min(rows, MOMENTS_ROWS);
  const units = reduceUnits({ outer: slices, reduce: rows, inner: columns }, chunk);
  return { slices, rows, columns, c, copies, chunk, parts: Math.ceil(rows / chunk), units };
}

/** The record of a layout, for statistics over groups of channels. */
export const normRecord = (
  e: Emitter,
  { rows, chunk, c, copies }: NormLayout,
  groups: number,
): Address<"normShape"> => e.record(normShape({ rows, chunk, c, groups, copies }));

/** The moments of every chunk, [slices, chunks, 3, columns]. */
export function emitMoments(e: Emitter, x: Value, layout: NormLayout): Address {
  const { slices, rows, columns, chunk, parts, units } = layout;
  const moments = e.scratch(slices * parts * 3 * columns * 4);
  e.call("norm_moments_f32", units, [moments, x.base, rows, columns, chunk]);
  return moments;
}

/**
 * Writes the calls of out = (x - centre) * scale + shift by a table per slice, with rows of `copies` pixels, and of the
 * activation after it. With more than one slice x and out must be dense, and `copies` divide the pixels of a slice.
 */
export function emitChannelAffine(
  e: Emitter,
  out: Value,
  x: Value,
  tables: Address,
  { copies, slices }: Pick<NormLayout, "copies" | "slices">,
  activation?: Activation,
): void {
  const c = x.shape[x.shape.length - 1];
  const columns = copies * c;
  const end = e.record(epilogue({ accumulate: 0, ...epilogueOf(activation) }));
  const { run, outer } = collapseAxes(out.shape, [out.strides, x.strides]);
  /** `count` rows of `floats` each in every run, from `offset` on. */
  const emitRows = (offset: number, floats: number, count: number): void => {
    const axes = [{ size: count, strides: [floats * 4, floats * 4] }, ...outer].filter((a) => a.size > 1);
    if (axes.length === 0) axes.push({ size: 1, strides: [0, 0] });
    const rows = e.record(stridedRows({ run: floats, ...dimsOf(axes) }));
    const units = countRuns(axes);
    const [q, p] = [out, x].map((value) => value.base.plus(offset));
    e.call("channel_affine_f32", units, [q, p, tables, rows, columns, units / slices, end]);
  };
  const whole = Math.floor(run.size / columns);
  const rest = run.size - whole * columns;
  if (whole > 0) emitRows(0, columns, whole);
  if (rest > 0) emitRows(whole * columns * 4, c, rest / c);
}
