// What normalisations share: the checks of their inputs, how the kernels see x, and its moments.

import { ShapeError } from "../errors.ts";
import { type Emitter, fields, type Shape, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { MOMENTS_ROWS } from "../runtime/plan.ts";
import { NORM_C, NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS } from "../runtime/wasm.ts";
import { arity, finite, requireFloats, show } from "./check.ts";
import { reduceUnits } from "./reduce.ts";

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
  if (finite(epsilon, "epsilon", where) < 0)
    throw new ShapeError(`${where}: epsilon is ${epsilon} but must be at least 0`);
  return c;
}

/** How many pixels of c channels make whole vectors. */
const wholeOf = (c: number): number => (c % 4 === 0 ? 1 : c % 2 === 0 ? 2 : 4);

/**
 * How often to repeat tables of c channels, so that a row of them is whole vectors and not too short.
 * Rows of 1, 2, 3, 5, ... floats would leave lanes empty.
 */
export function copiesOf(c: number): number {
  if (c >= 32 || (c >= 16 && c % 4 === 0)) return 1;
  const whole = wholeOf(c);
  return whole * Math.ceil(32 / (whole * c));
}

/** How kernels see x: [pictures, rows, columns], every picture with statistics of its own, taken over chunks of rows. */
export interface NormLayout {
  pictures: number;
  rows: number;
  columns: number;
  c: number;
  /** Pixels in a row. */
  copies: number;
  chunk: number;
  /** Chunks of a picture. */
  parts: number;
  /** Units of a kernel that walks all chunks. */
  units: number;
}

export function normLayout(shape: Shape, pictures: number): NormLayout {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape) / (pictures * c);
  // A table must serve whole rows of one picture, if need be of fewer copies.
  let copies = copiesOf(c);
  while (copies > 1 && pixels % copies !== 0) copies = Math.max(copies - wholeOf(c), 1);
  const rows = pixels / copies;
  const columns = copies * c;
  const chunk = Math.min(rows, MOMENTS_ROWS);
  const units = reduceUnits({ outer: pictures, reduce: rows, inner: columns }, chunk);
  return { pictures, rows, columns, c, copies, chunk, parts: Math.ceil(rows / chunk), units };
}

/** The record of a layout, for statistics over groups of channels. */
export function normRecord(e: Emitter, { rows, chunk, c, copies }: NormLayout, groups: number): Address {
  return e.table(
    fields({
      [NORM_ROWS]: [rows],
      [NORM_CHUNK]: [chunk],
      [NORM_C]: [c],
      [NORM_GROUPS]: [groups],
      [NORM_COPIES]: [copies],
    }),
  );
}

/** The moments of every chunk. */
export function emitMoments(e: Emitter, x: Value, layout: NormLayout): Address {
  const { pictures, rows, columns, chunk, parts, units } = layout;
  const moments = e.scratch(pictures * parts * 3 * columns * 4);
  e.call("norm_moments_f32", units, [moments, x.base, rows, columns, chunk]);
  return moments;
}
