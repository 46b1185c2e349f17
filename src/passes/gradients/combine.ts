// Sparse matrices along the spatial axes of [n, ...spatial, c]: what resizing, padding by pixels and averaging are, whose gradients
// are the transposed matrices.
import { ShapeError } from "../../errors.ts";
import { type Emitter, float32, type Op, sizeOf } from "../../graph/op.ts";
import { arity, show } from "../../ops/check.ts";
import { stridedCopy } from "../../ops/strided.ts";
import type { Address } from "../../runtime/address.ts";
import { combinesAtOnce, combinesTransposed } from "../../runtime/plan.ts";
import { combineShape } from "../../runtime/records.ts";
import { type GradientEntry, gradientOf } from "./rule.ts";

/** One entry of a row that is not 0. */
export type Term = readonly [column: number, weight: number];

/** Output pixels of an axis (rows) as weighted sums of its input pixels (columns). */
export interface SparseMatrix {
  readonly columns: number;
  readonly rows: readonly (readonly Term[])[];
}

export interface CombineParams {
  /** One per spatial axis. */
  readonly axes: readonly SparseMatrix[];
}

/** The matrix whose row i has the terms `terms(i)`. */
export function sparseMatrix(
  columns: number,
  rows: number,
  terms: (i: number) => readonly Term[],
): SparseMatrix {
  return { columns, rows: Array.from({ length: rows }, (_, i) => terms(i)) };
}

export function transposed({ columns, rows }: SparseMatrix): SparseMatrix {
  const back: Term[][] = Array.from({ length: columns }, () => []);
  rows.forEach((terms, i) => {
    for (const [column, weight] of terms) if (weight !== 0) back[column].push([i, weight]);
  });
  return { columns: rows.length, rows: back };
}

export const isIdentity = ({ columns, rows }: SparseMatrix): boolean =>
  columns === rows.length &&
  rows.every((terms, i) => terms.length === 1 && terms[0][0] === i && terms[0][1] === 1);

/** Multiplies every spatial axis by its matrix. */
export const combine: Op<CombineParams> = {
  name: "combine",
  infer(inputs, { axes }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    const columns = axes.map((axis) => axis.columns);
    if (show(x.shape.slice(1, -1)) !== show(columns))
      throw new ShapeError(
        `${where}: input ${show(x.shape)} does not have the ${show(columns)} pixels to combine`,
      );
    return [float32([x.shape[0], ...axes.map((axis) => axis.rows.length), x.shape[x.shape.length - 1]])];
  },
  forward(e, [x], [out], { axes }) {
    const sizes = [...x.shape];
    const last = axes.length - 1;
    let from = x.base;
    const steps = stepsOf(axes, x.shape[x.shape.length - 1]);
    steps.forEach((step, i) => {
      const rows = step[0] < last ? axes[step[0]] : ONE;
      const pixels = step[step.length - 1] === last ? axes[last] : ONE;
      const outer = sizeOf(sizes.slice(0, step[0] + 1));
      const inner = sizeOf(sizes.slice(step[step.length - 1] + 2));
      for (const k of step) sizes[k + 1] = axes[k].rows.length;
      const to = i === steps.length - 1 ? out.base : e.scratch(sizeOf(sizes) * 4);
      if (rows === ONE && combinesTransposed(inner, runsOf(pixels)))
        emitTransposed(e, to, from, outer, pixels, inner);
      else emitCombine(e, to, from, outer, rows, pixels, inner);
      from = to;
    });
  },
};

/** The identity of one pixel. */
const ONE: SparseMatrix = { columns: 1, rows: [[[0, 1]]] };

/** Axes in the order in which they are combined, those that shrink first; the last two at once where that takes fewer additions. */
function stepsOf(axes: readonly SparseMatrix[], c: number): number[][] {
  const growth = (k: number): number => axes[k].rows.length / axes[k].columns;
  const work = (k: number): number => axes[k].rows.flat().length / axes[k].rows.length;
  const steps = axes.flatMap((axis, k) => (isIdentity(axis) ? [] : [[k]]));
  const last = axes.length - 1;
  if (steps.length === 0) return [[last]];
  const pair = steps.slice(-2).flat();
  if (
    pair[0] === last - 1 &&
    pair[1] === last &&
    !combinesTransposed(c, runsOf(axes[last])) &&
    combinesAtOnce(work(last - 1), growth(last - 1), work(last), growth(last))
  )
    steps.splice(-2, 2, pair);
  const growthOf = (step: readonly number[]): number => step.reduce((product, k) => product * growth(k), 1);
  return steps.sort((a, b) => growthOf(a) - growthOf(b));
}

/** Writes the call that makes [outer, rows, pixels, c]. */
function emitCombine(
  e: Emitter,
  out: Address,
  x: Address,
  outer: number,
  rows: SparseMatrix,
  pixels: SparseMatrix,
  c: number,
): void {
  const rowTerms = rows.rows.flat();
  const pixelTerms = pixels.rows.flat();
  const offsets = (terms: readonly Term[], stride: number): number[] =>
    terms.map(([column]) => column * stride);
  const tables = [
    ...rowStarts(rows),
    ...rowStarts(pixels),
    ...runsOf(pixels),
    ...offsets(rowTerms, pixels.columns * c * 4),
    ...offsets(pixelTerms, c * 4),
  ];
  const weights = Float32Array.from([...rowTerms, ...pixelTerms], ([, weight]) => weight);
  const shape = combineShape({
    ...{ rows: rows.rows.length, rowsX: rows.columns, pixels: pixels.rows.length, pixelsX: pixels.columns },
    ...{ c, rowTerms: rowTerms.length },
  });
  e.call("combine_f32", outer * rows.rows.length, [
    ...([out, x, e.table(tables), e.constant(weights), e.record(shape)] as const),
  ]);
}

/** Where the terms of each row begin, and where those of the last one end. */
function rowStarts({ rows }: SparseMatrix): number[] {
  let start = 0;
  return [0, ...rows.map((terms) => (start += terms.length))];
}

/** The same for pixels of few channels: transposed to rows of an image [pixels, outer, c], combined, and transposed back. */
function emitTransposed(
  e: Emitter,
  out: Address,
  x: Address,
  outer: number,
  pixels: SparseMatrix,
  c: number,
): void {
  const transpose = (to: Address, from: Address, rows: number, columns: number): void =>
    stridedCopy(e, to, from, [
      { size: columns, out: rows * c * 4, x: c * 4 },
      { size: rows, out: c * 4, x: columns * c * 4 },
      { size: c, out: 4, x: 4 },
    ]);
  const size = pixels.rows.length;
  const [before, after] = [pixels.columns, size].map((columns) => e.scratch(columns * outer * c * 4));
  transpose(before, x, outer, pixels.columns);
  emitCombine(e, after, before, 1, pixels, ONE, outer * c);
  transpose(out, after, size, outer);
}

/** How many pixels, from each one on, have the same terms of columns one further each: they are one long row of channels. */
function runsOf({ rows }: SparseMatrix): number[] {
  const follows = (terms: readonly Term[], next: readonly Term[]): boolean =>
    terms.length === next.length &&
    terms.every(([column, weight], k) => next[k][0] === column + 1 && next[k][1] === weight);
  const runs = rows.map(() => 1);
  for (let i = rows.length - 2; i >= 0; i--) if (follows(rows[i], rows[i + 1])) runs[i] += runs[i + 1];
  return runs;
}

export const combineGradients: readonly GradientEntry[] = [
  gradientOf(combine, (g, { params: { axes } }, dy) => [g.op(combine, [dy], { axes: axes.map(transposed) })]),
];
