// Sums, means, maxima and minima over axes, and the index of the maximum along an axis.

import { ArgumentError } from "../errors.ts";
import { type Emitter, float32, type Op, type Shape, sizeOf, type Value } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { reductionChunk } from "../runtime/plan.ts";
import { ARGMAX_BLOCK, REDUCE_BLOCK } from "../runtime/wasm.ts";
import { aFlag, describe, oneOf, refuse } from "../validate.ts";
import { arity, axisOf, requireFloats } from "./check.ts";

export type ReduceKind = "sum" | "mean" | "max" | "min";

export interface ReduceParams {
  kind: ReduceKind;
  /** Axes to reduce; negative ones count from the back. */
  axes: readonly number[];
  /** Whether reduced axes stay, with size 1. */
  keepDims: boolean;
}

export interface ArgMaxParams {
  axis: number;
  keepDims: boolean;
}

/** A dense tensor seen as three axes, of which the middle one is reduced. */
export interface Reduction {
  outer: number;
  reduce: number;
  inner: number;
}

/** Units of work of a `reduce_*_f32` kernel. */
export function reduceUnits({ outer, reduce, inner }: Reduction, chunk: number): number {
  return outer * Math.ceil(reduce / chunk) * Math.ceil(inner / REDUCE_BLOCK);
}

/** Writes the calls that reduce the middle axis; sums are divided by `divisor`. */
export function reduceAxis(
  e: Emitter,
  kind: "sum" | "max" | "min",
  out: Address,
  x: Address,
  reduction: Reduction,
  divisor = 1,
): void {
  const { outer, reduce, inner } = reduction;
  const chunk = reductionChunk(reduce, inner);
  const parts = Math.ceil(reduce / chunk);
  const to = parts === 1 ? out : e.scratch(outer * parts * inner * 4);
  const units = reduceUnits(reduction, chunk);
  if (kind === "sum")
    e.call("reduce_sum_f32", units, [to, x, reduce, inner, chunk, parts === 1 ? divisor : 1]);
  else e.call(`reduce_${kind}_f32`, units, [to, x, reduce, inner, chunk]);
  if (parts > 1) reduceAxis(e, kind, out, to, { outer, reduce: parts, inner }, divisor);
}

/** The axes to reduce, counted from the front; throws where one is named twice. */
export function axesOf(axes: readonly number[], rank: number, where: string): Set<number> {
  const set = new Set<number>();
  if (!Array.isArray(axes)) return refuse(axes, "axes", where, "a list of axes");
  for (const axis of axes) {
    const a = axisOf(axis, rank, where);
    if (set.has(a))
      throw new ArgumentError(`${where}: axes are ${describe(axes)}, which name axis ${a} twice`);
    set.add(a);
  }
  return set;
}

export function reducedShape(shape: Shape, reduced: ReadonlySet<number>, keepDims: boolean): Shape {
  return keepDims ? shape.map((d, i) => (reduced.has(i) ? 1 : d)) : shape.filter((_, i) => !reduced.has(i));
}

/** The shape without axes of size 1, and with neighbours joined that are both reduced or both kept. */
function joinAxes(shape: Shape, reduced: ReadonlySet<number>): { size: number; reduced: boolean }[] {
  const list: { size: number; reduced: boolean }[] = [];
  shape.forEach((size, i) => {
    const last = list.at(-1);
    if (size === 1) return;
    if (last?.reduced === reduced.has(i)) last.size *= size;
    else list.push({ size, reduced: reduced.has(i) });
  });
  return list;
}

/**
 * Writes one pass for each group of neighbouring axes, the longest first, that reduces the middle axis of what it is given; `pass`
 * is told which is the last, and writes `out`.
 */
export function eachGroup(
  e: Emitter,
  out: Value,
  x: Value,
  axes: readonly number[],
  pass: (out: Address, x: Address, reduction: Reduction, last: boolean) => void,
): void {
  const list = joinAxes(x.shape, axesOf(axes, x.shape.length, "reduce"));
  const size = (): number => list.reduce((product, axis) => product * axis.size, 1);
  // No axis longer than 1: a reduction over an axis of size 1.
  if (!list.some((axis) => axis.reduced)) {
    pass(out.base, x.base, { outer: 1, reduce: 1, inner: size() }, true);
    return;
  }
  let from = x.base;
  for (let left = list.filter((axis) => axis.reduced).length; left > 0; left--) {
    const longest = list.reduce(
      (best, axis, i) => (axis.reduced && axis.size > (list[best]?.size ?? 0) ? i : best),
      -1,
    );
    const outer = list.slice(0, longest).reduce((product, axis) => product * axis.size, 1);
    const [{ size: length }] = list.splice(longest, 1);
    const to = left === 1 ? out.base : e.scratch(size() * 4);
    pass(to, from, { outer, reduce: length, inner: size() / outer }, left === 1);
    from = to;
  }
}

/** Reduces any set of axes: one pass for each group of neighbours, the longest first. */
export const reduce: Op<ReduceParams> = {
  name: "reduce",
  infer(inputs, { kind, axes, keepDims }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    oneOf(kind, ["sum", "mean", "max", "min"], "kind", where);
    aFlag(keepDims, "keepDims", where);
    return [float32(reducedShape(x.shape, axesOf(axes, x.shape.length, where), keepDims))];
  },
  forward(e, [x], [out], { kind, axes }) {
    const fold = kind === "mean" ? "sum" : kind;
    const divisor = kind === "mean" ? sizeOf(x.shape) / sizeOf(out.shape) : 1;
    eachGroup(e, out, x, axes, (to, from, reduction, last) =>
      reduceAxis(e, fold, to, from, reduction, last ? divisor : 1),
    );
  },
};

/** The index of the maximum, as int32: the first of equal ones; a NaN is greater than any number. */
export const argMax: Op<ArgMaxParams> = {
  name: "argMax",
  infer(inputs, { axis, keepDims }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    aFlag(keepDims, "keepDims", where);
    const reduced = new Set([axisOf(axis, x.shape.length, where)]);
    return [{ shape: reducedShape(x.shape, reduced, keepDims), dtype: "int32" }];
  },
  forward(e, [x], [out], { axis }) {
    const { outer, reduce, inner } = alongAxis(x.shape, axisOf(axis, x.shape.length, "argMax"));
    e.call("argmax_f32", outer * Math.ceil(inner / ARGMAX_BLOCK), [out.base, x.base, reduce, inner]);
  },
};

/** The reduction of one axis. */
export function alongAxis(shape: Shape, axis: number): Reduction {
  return { outer: sizeOf(shape.slice(0, axis)), reduce: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}
