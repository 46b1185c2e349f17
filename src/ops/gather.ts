// Taking rows and elements at indices that are known only when a program runs. Of an axis of n, −n to −1 count from the end; indices
// outside are clamped: to the first where they are below, to the last where they are above.
import { ArgumentError, ShapeError } from "../errors.ts";
import type { Op, Shape, TensorType } from "../graph/op.ts";
import { sizeOf } from "../graph/op.ts";
import { integer } from "../validate.ts";
import { type TakeParams, take } from "./boxes.ts";
import { arity, axisOf, checkShape, show } from "./check.ts";

/** Throws unless it is int32. */
export function requireIntegers(x: TensorType, name: string, where: string): void {
  if (x.dtype !== "int32") throw new ArgumentError(`${where}: ${name} is ${x.dtype} but must be int32`);
}

export interface GatherParams {
  axis: number;
  /** So many leading axes are the same in x and indices, and are walked together. */
  batchDims: number;
}

/** x, indices: out = x.shape[0 .. axis] + indices.shape[batchDims ..] + x.shape[axis + 1 ..]. */
export const gather: Op<GatherParams> = {
  name: "gather",
  infer(inputs, { axis, batchDims }, where) {
    arity(inputs, 2, 2, where);
    const [x, indices] = inputs;
    requireIntegers(indices, "input 1, the indices,", where);
    const a = axisOf(axis, x.shape.length, where);
    sameBatch(x.shape, indices.shape, batchDims, Math.min(a, indices.shape.length), where);
    const shape = [...x.shape.slice(0, a), ...indices.shape.slice(batchDims), ...x.shape.slice(a + 1)];
    checkShape(shape, "output", where);
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x, indices], [out], { axis, batchDims }) {
    const a = axisOf(axis, x.shape.length, "gather");
    const batches = sizeOf(x.shape.slice(0, batchDims));
    const outer = sizeOf(x.shape.slice(batchDims, a));
    const count = sizeOf(indices.shape.slice(batchDims));
    const run = sizeOf(x.shape.slice(a + 1));
    const dims = e.table([x.shape[a]]);
    const rows = outer * count;
    if (batches === 1 || outer === 1) {
      const shared = Number(batches === 1);
      e.call("gather_rows_f32", batches * rows, [
        ...([out.base, x.base, indices.base, dims, 1, count, shared, run] as const),
      ]);
      return;
    }
    e.loop(batches, (loop) =>
      e.call("gather_rows_f32", rows, [
        out.base.stepping(loop, rows * run * 4),
        x.base.stepping(loop, outer * x.shape[a] * run * 4),
        indices.base.stepping(loop, count * 4),
        ...([dims, 1, count, 1, run] as const),
      ]),
    );
  },
};

/** The same with indices that are known, in any order; for few runs of them `take` is better. */
export const gatherKnown: Op<TakeParams> = {
  name: "gatherKnown",
  infer: take.infer,
  forward(e, [x], [out], params) {
    const axis = axisOf(params.axis, x.shape.length, "gatherKnown");
    const outer = sizeOf(x.shape.slice(0, axis));
    const run = sizeOf(x.shape.slice(axis + 1));
    const count = params.indices.length;
    e.call("gather_rows_f32", outer * count, [
      ...([out.base, x.base, e.table(params.indices), e.table([x.shape[axis]])] as const),
      ...([1, count, 1, run] as const),
    ]);
  },
};

/** Throws unless two shapes begin with the same `batchDims` axes, of which there are `most` at most. */
function sameBatch(x: Shape, indices: Shape, batchDims: number, most: number, where: string): void {
  integer(batchDims, "batchDims", where, 0, most);
  for (let i = 0; i < batchDims; i++)
    if (x[i] !== indices[i])
      throw new ShapeError(
        `${where}: input ${show(x)} and indices ${show(indices)} differ on axis ${i}, one of ${batchDims} batch axes`,
      );
}

export interface GatherNDParams {
  batchDims: number;
}

/** x [b..., d_1, ..., d_q, ...rest], indices [b..., ...places, q]: out [b..., ...places, ...rest]. */
export const gatherND: Op<GatherNDParams> = {
  name: "gatherND",
  infer(inputs, { batchDims }, where) {
    arity(inputs, 2, 2, where);
    const [x, indices] = inputs;
    requireIntegers(indices, "input 1, the indices,", where);
    if (indices.shape.length === 0)
      throw new ShapeError(`${where}: indices are a scalar but must have at least one axis`);
    const most = Math.min(x.shape.length, indices.shape.length) - 1;
    sameBatch(x.shape, indices.shape, batchDims, Math.max(most, 0), where);
    const q = indices.shape[indices.shape.length - 1];
    if (batchDims + q > x.shape.length)
      throw new ShapeError(
        `${where}: indices ${show(indices.shape)} have ${q} numbers each but input ${show(x.shape)} ` +
          `has ${x.shape.length - batchDims} axes behind ${batchDims} batch axes`,
      );
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batchDims + q)];
    checkShape(shape, "output", where);
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x, indices], [out], { batchDims }) {
    const q = indices.shape[indices.shape.length - 1];
    const count = sizeOf(indices.shape.slice(batchDims, -1));
    const run = sizeOf(x.shape.slice(batchDims + q));
    e.call("gather_rows_f32", sizeOf(x.shape.slice(0, batchDims)) * count, [
      ...([out.base, x.base, indices.base, e.table(x.shape.slice(batchDims, batchDims + q))] as const),
      ...([q, count, 0, run] as const),
    ]);
  },
};

export interface GatherElementsParams {
  axis: number;
}

/** x, indices of the same rank: out[i_0, ...] = x[i_0, ..., indices[i_0, ...], ...], of the shape of indices. */
export const gatherElements: Op<GatherElementsParams> = {
  name: "gatherElements",
  infer(inputs, params, where) {
    arity(inputs, 2, 2, where);
    const [x, indices] = inputs;
    checkElements(x, indices, axisOf(params.axis, x.shape.length, where), where);
    return [{ shape: [...indices.shape], dtype: x.dtype }];
  },
  forward(e, [x, indices], [out], params) {
    const axis = axisOf(params.axis, x.shape.length, "gatherElements");
    const { axes, dims, runs } = elementRuns(indices.shape, x.strides, axis);
    e.call("gather_elements_f32", runs, [
      ...([out.base, x.base, indices.base, e.table(dims)] as const),
      ...([axes, x.shape[axis], x.strides[axis]] as const),
    ]);
  },
};

/** Throws unless indices are int32 and fit into x on every axis but one. */
export function checkElements(x: TensorType, indices: TensorType, axis: number, where: string): void {
  requireIntegers(indices, "input 1, the indices,", where);
  const fits = indices.shape.every((size, i) => i === axis || size <= x.shape[i]);
  if (indices.shape.length !== x.shape.length || !fits)
    throw new ShapeError(
      `${where}: indices have shape ${show(indices.shape)} but must have the rank of input ${show(x.shape)} ` +
        `and be no longer on any axis but axis ${axis}`,
    );
}

/**
 * The axes of indices, joined where possible and innermost first: size and stride in the indexed tensor, 0 along the axis of the
 * indices. The first is the run.
 */
export function elementRuns(
  shape: Shape,
  strides: readonly number[],
  axis: number,
): { axes: number; dims: number[]; runs: number } {
  const list: { size: number; stride: number }[] = [];
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    const stride = i === axis ? 0 : strides[i];
    const inner = list.at(-1);
    if (inner && stride === inner.stride * inner.size) inner.size *= shape[i];
    else list.push({ size: shape[i], stride });
  }
  if (list.length === 0) list.push({ size: 1, stride: 0 });
  return {
    axes: list.length,
    dims: list.flatMap(({ size, stride }) => [size, stride]),
    runs: list.slice(1).reduce((product, { size }) => product * size, 1),
  };
}
