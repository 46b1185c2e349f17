// Sparse matrices along the spatial axes of [n, ...spatial, c]: what resizing, padding by pixels and averaging are, and what their
// gradients are made of, which are the same matrices from the other side.

import { ShapeError } from "../../errors.ts";
import { type Emitter, fields, float32, type Op, sizeOf } from "../../graph/op.ts";
import { arity, show } from "../../ops/check.ts";
import { stridedCopy } from "../../ops/strided.ts";
import type { Address } from "../../runtime/address.ts";
import { combinesAtOnce, combinesTurned } from "../../runtime/plan.ts";
import {
  COMBINE_C,
  COMBINE_PIXELS,
  COMBINE_PIXELS_X,
  COMBINE_ROWS,
  COMBINE_ROWS_X,
  COMBINE_SHARES,
  COMBINE_TABLES,
} from "../../runtime/wasm.ts";

/** What a pixel takes of which source. */
export type Share = readonly [source: number, weight: number];

/** What every pixel of an axis takes of the pixels of another. */
export interface Combination {
  /** Pixels of the other. */
  readonly from: number;
  readonly shares: readonly (readonly Share[])[];
}

export interface CombineParams {
  /** One per spatial axis. */
  readonly axes: readonly Combination[];
}

/** The axis of `size` pixels made by `share`, which gives what pixel i takes. */
export function combination(from: number, size: number, share: (i: number) => readonly Share[]): Combination {
  return { from, shares: Array.from({ length: size }, (_, i) => share(i)) };
}

/** The adjoint: what a pixel gave it takes, in equal shares. */
export function transposed({ from, shares }: Combination): Combination {
  const back: Share[][] = Array.from({ length: from }, () => []);
  shares.forEach((list, i) => {
    for (const [source, weight] of list) if (weight !== 0) back[source].push([i, weight]);
  });
  return { from: shares.length, shares: back };
}

/** Whether every pixel is the one in its place. */
export const isIdentity = ({ from, shares }: Combination): boolean =>
  from === shares.length &&
  shares.every((list, i) => list.length === 1 && list[0][0] === i && list[0][1] === 1);

/** Every pixel of every axis is a sum of weighted pixels. */
export const combine: Op<CombineParams> = {
  name: "combine",
  infer(inputs, { axes }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    if (show(x.shape.slice(1, -1)) !== show(axes.map((axis) => axis.from)))
      throw new ShapeError(
        `${where}: input ${show(x.shape)} does not have the ${show(axes.map((axis) => axis.from))} pixels to combine`,
      );
    return [float32([x.shape[0], ...axes.map((axis) => axis.shares.length), x.shape[x.shape.length - 1]])];
  },
  forward(e, [x], [out], { axes }) {
    const sizes = [...x.shape];
    let from = x.base;
    const steps = stepsOf(axes, x.shape[x.shape.length - 1]);
    steps.forEach((step, i) => {
      const last = axes.length - 1;
      const rows = step[0] < last ? axes[step[0]] : ALONE;
      const pixels = step[step.length - 1] === last ? axes[last] : ALONE;
      const outer = sizeOf(sizes.slice(0, step[0] + 1));
      const inner = sizeOf(sizes.slice(step[step.length - 1] + 2));
      for (const k of step) sizes[k + 1] = axes[k].shares.length;
      const to = i === steps.length - 1 ? out.base : e.scratch(sizeOf(sizes) * 4);
      if (rows === ALONE && combinesTurned(inner, runsOf(pixels)))
        emitTurned(e, to, from, outer, pixels, inner);
      else emitCombine(e, to, from, outer, rows, pixels, inner);
      from = to;
    });
  },
};

const ALONE: Combination = { from: 1, shares: [[[0, 1]]] };

/** Axes in the order in which they are combined, those that shrink first; the last two at once where that takes fewer steps. */
function stepsOf(axes: readonly Combination[], c: number): number[][] {
  const growth = (k: number): number => axes[k].shares.length / axes[k].from;
  const work = (k: number): number =>
    axes[k].shares.reduce((sum, list) => sum + list.length, 0) / axes[k].shares.length;
  const steps = axes.flatMap((axis, k) => (isIdentity(axis) ? [] : [[k]]));
  const last = axes.length - 1;
  if (steps.length === 0) return [[last]];
  const pair = steps.slice(-2).flat();
  if (
    pair[0] === last - 1 &&
    pair[1] === last &&
    !combinesTurned(c, runsOf(axes[last])) &&
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
  rows: Combination,
  pixels: Combination,
  c: number,
): void {
  const shares = [...rows.shares.flat(), ...pixels.shares.flat()];
  const starts = ({ shares: lists }: Combination): number[] => {
    let at = 0;
    return [0, ...lists.map((list) => (at += list.length))];
  };
  const sources = ({ shares: lists }: Combination, step: number): number[] =>
    lists.flat().map(([source]) => source * step * 4);
  const record = fields({
    [COMBINE_ROWS]: [rows.shares.length],
    [COMBINE_ROWS_X]: [rows.from],
    [COMBINE_PIXELS]: [pixels.shares.length],
    [COMBINE_PIXELS_X]: [pixels.from],
    [COMBINE_C]: [c],
    [COMBINE_SHARES]: [rows.shares.flat().length],
    [COMBINE_TABLES]: [
      ...starts(rows),
      ...starts(pixels),
      ...runsOf(pixels),
      ...sources(rows, pixels.from * c),
      ...sources(pixels, c),
    ],
  });
  const weights = e.constant(Float32Array.from(shares, ([, weight]) => weight));
  const units = outer * rows.shares.length;
  e.call("combine_f32", units, [out, x, e.table(record), weights]);
}

/** The same for pixels of few channels, as rows of a picture that lies on its side: [outer, pixels, c] made of such. */
function emitTurned(
  e: Emitter,
  out: Address,
  x: Address,
  outer: number,
  pixels: Combination,
  c: number,
): void {
  const turn = (to: Address, from: Address, rows: number, columns: number): void =>
    stridedCopy(e, to, from, [
      { size: columns, out: rows * c, x: c },
      { size: rows, out: c, x: columns * c },
      { size: c, out: 1, x: 1 },
    ]);
  const size = pixels.shares.length;
  const [before, after] = [pixels.from, size].map((columns) => e.scratch(columns * outer * c * 4));
  turn(before, x, outer, pixels.from);
  emitCombine(e, after, before, 1, pixels, ALONE, outer * c);
  turn(out, after, size, outer);
}

/** How many pixels, from each one on, take the same shares of sources one further each: they are one long row of channels. */
function runsOf({ shares }: Combination): number[] {
  const follows = (list: readonly Share[], next: readonly Share[]): boolean =>
    list.length === next.length &&
    list.every(([source, weight], k) => next[k][0] === source + 1 && next[k][1] === weight);
  const runs = shares.map(() => 1);
  for (let i = shares.length - 2; i >= 0; i--) if (follows(shares[i], shares[i + 1])) runs[i] += runs[i + 1];
  return runs;
}
