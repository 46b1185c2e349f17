// Sums, means, extremes and places of extremes along axes.

import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, type Shape, sizeOf } from "../graph/op.ts";
import type { Address } from "../runtime/address.ts";
import { reductionChunk } from "../runtime/plan.ts";
import { ARGMAX_BLOCK, REDUCE_BLOCK } from "../runtime/wasm.ts";
import { arity, axisOf, requireFloats, show } from "./check.ts";

export type ReduceKind = "sum" | "mean" | "max" | "min";

export interface ReduceParams {
  kind: ReduceKind;
  /** Axes that go; negative ones count from the back. None: nothing is reduced. */
  axes: readonly number[];
  /** Leave the axes that go with size 1. */
  keepDims: boolean;
}

export interface ArgMaxParams {
  axis: number;
  keepDims: boolean;
}

/** A dense tensor seen as three axes, the middle one of which is reduced. */
export interface Stretch {
  outer: number;
  reduce: number;
  inner: number;
}

/** Units of work of a `reduce_*_f32` kernel. */
export function reduceUnits({ outer, reduce, inner }: Stretch, chunk: number): number {
  return outer * Math.ceil(reduce / chunk) * Math.ceil(inner / REDUCE_BLOCK);
}

/** Reduces one stretch of axes; sums end up divided by `divisor`. */
export function reduceStretch(
  e: Emitter,
  kind: "sum" | "max" | "min",
  out: Address,
  x: Address,
  stretch: Stretch,
  divisor = 1,
): void {
  const { outer, reduce, inner } = stretch;
  const chunk = reductionChunk(stretch.reduce, stretch.inner);
  const parts = Math.ceil(reduce / chunk);
  const to = parts === 1 ? out : e.scratch(outer * parts * inner * 4);
  const units = reduceUnits(stretch, chunk);
  if (kind === "sum")
    e.call("reduce_sum_f32", units, [to, x, reduce, inner, chunk, parts === 1 ? divisor : 1]);
  else e.call(`reduce_${kind}_f32`, units, [to, x, reduce, inner, chunk]);
  if (parts > 1) reduceStretch(e, kind, out, to, { outer, reduce: parts, inner }, divisor);
}

/** Which axes go, each once, from the front. */
export function axesOf(axes: readonly number[], rank: number, where: string): Set<number> {
  const set = new Set<number>();
  for (const axis of axes) {
    const a = axisOf(axis, rank, where);
    if (set.has(a)) throw new ShapeError(`${where}: axes are ${show(axes)}, which name axis ${a} twice`);
    set.add(a);
  }
  return set;
}

export function reducedShape(shape: Shape, gone: ReadonlySet<number>, keepDims: boolean): Shape {
  return keepDims ? shape.map((d, i) => (gone.has(i) ? 1 : d)) : shape.filter((_, i) => !gone.has(i));
}

/** The shape with neighbours of one kind, kept or gone, merged, and without axes of size 1. */
function merged(shape: Shape, gone: ReadonlySet<number>): { size: number; goes: boolean }[] {
  const list: { size: number; goes: boolean }[] = [];
  shape.forEach((size, i) => {
    const last = list.at(-1);
    if (size === 1) return;
    if (last?.goes === gone.has(i)) last.size *= size;
    else list.push({ size, goes: gone.has(i) });
  });
  return list;
}

/** Any set of axes: one pass per stretch of neighbouring axes, the longest first. */
export const reduce: Op<ReduceParams> = {
  name: "reduce",
  infer(inputs, { axes, keepDims }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    return [float32(reducedShape(x.shape, axesOf(axes, x.shape.length, where), keepDims))];
  },
  forward(e, [x], [out], { kind, axes }) {
    const list = merged(x.shape, axesOf(axes, x.shape.length, "reduce"));
    const fold = kind === "mean" ? "sum" : kind;
    const divisor = kind === "mean" ? sizeOf(x.shape) / sizeOf(out.shape) : 1;
    const size = (): number => list.reduce((product, axis) => product * axis.size, 1);
    // Nothing goes: a reduction over an axis of size 1.
    if (!list.some((axis) => axis.goes))
      return reduceStretch(e, fold, out.base, x.base, { outer: 1, reduce: 1, inner: size() });
    let from = x.base;
    for (let left = list.filter((axis) => axis.goes).length; left > 0; left--) {
      const at = list.reduce(
        (best, axis, i) => (axis.goes && axis.size > (list[best]?.size ?? 0) ? i : best),
        -1,
      );
      const outer = list.slice(0, at).reduce((product, axis) => product * axis.size, 1);
      const [{ size: length }] = list.splice(at, 1);
      const to = left === 1 ? out.base : e.scratch(size() * 4);
      const stretch = { outer, reduce: length, inner: size() / outer };
      reduceStretch(e, fold, to, from, stretch, left === 1 ? divisor : 1);
      from = to;
    }
  },
};

/** The place of the largest value, as int32: the first of equals; a NaN is larger than any number. */
export const argMax: Op<ArgMaxParams> = {
  name: "argMax",
  infer(inputs, { axis, keepDims }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    requireFloats(x, where);
    const gone = new Set([axisOf(axis, x.shape.length, where)]);
    return [{ shape: reducedShape(x.shape, gone, keepDims), dtype: "int32" }];
  },
  forward(e, [x], [out], { axis }) {
    const { outer, reduce, inner } = alongAxis(x.shape, axisOf(axis, x.shape.length, "argMax"));
    e.call("argmax_f32", outer * Math.ceil(inner / ARGMAX_BLOCK), [out.base, x.base, reduce, inner]);
  },
};

/** One axis as a stretch. */
export function alongAxis(shape: Shape, axis: number): Stretch {
  return { outer: sizeOf(shape.slice(0, axis)), reduce: shape[axis], inner: sizeOf(shape.slice(axis + 1)) };
}
