// Folding what picks values by indices, and puts them by indices.
import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Shape } from "../../tensor.ts";
import { describe, type Json } from "../../validate.ts";
import { type Constant, constant } from "./constant.ts";
import {
  axisOf,
  broadcastStrides,
  countOf,
  type Folding,
  integers,
  make,
  sizesOf,
  stridesOf,
  take,
  walk,
} from "./fold-shapes.ts";

/** An index into an axis, counted from the back where negative. */
function indexOf(value: number, size: number, kind: string): number {
  const index = value < 0 ? value + size : value;
  if (!(index >= 0 && index < size))
    throw new ShapeError(`${kind}: index ${value} is outside an axis of size ${size}`);
  return index;
}

/** The second input, or what the config says in its place. */
function indicesOf([, given]: readonly Constant[], { indices, indicesShape }: Json, kind: string): Constant {
  if (given) return given;
  const data = Float64Array.from(integers(indices, "indices", kind));
  return constant(sizesOf(indicesShape, "indicesShape", kind), "int", data);
}

export const gather: Folding = (inputs, config, budget, kind) => {
  const [x] = inputs;
  const axis = axisOf(config.axis, x.shape.length, kind);
  const indices = indicesOf(inputs, config, kind);
  const inner = countOf(x.shape.slice(axis + 1));
  const outer = countOf(x.shape.slice(0, axis));
  const size = x.shape[axis];
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const result = make(shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const from = Array.from(take(indices, budget, kind), (index) => indexOf(index, size, kind) * inner);
    let to = 0;
    for (let o = 0; o < outer; o++)
      for (const start of from) {
        const begin = o * size * inner + start;
        out.set(values.subarray(begin, begin + inner), to);
        to += inner;
      }
  });
  return [result];
};

export const gatherElements: Folding = ([x, indices], config, budget, kind) => {
  const rank = x.shape.length;
  const axis = axisOf(config.axis, rank, kind);
  if (indices.shape.length !== rank || indices.shape.some((d, i) => i !== axis && d > x.shape[i]))
    throw new ShapeError(`${kind}: indices ${describe(indices.shape)} do not fit ${describe(x.shape)}`);
  const strides = stridesOf(x.shape);
  const others = strides.map((stride, i) => (i === axis ? 0 : stride));
  const result = make(indices.shape, x.type, budget, kind, (out) => {
    const [values, along] = [take(x, budget, kind), take(indices, budget, kind)];
    walk(indices.shape, [others], [0], (i, from) => {
      out[i] = values[from + indexOf(along[i], x.shape[axis], kind) * strides[axis]];
    });
  });
  return [result];
};

/** How tuples of indices, the last axis of `indices`, read and write x: where each begins, and how long a slice is. */
function slices(
  x: Shape,
  indices: Shape,
  batch: number,
  kind: string,
): { depth: number; tuples: number; length: number; offset(data: Constant["data"], tuple: number): number } {
  const depth = indices.at(-1);
  const valid =
    depth !== undefined &&
    Number.isInteger(batch) &&
    batch >= 0 &&
    batch < indices.length &&
    batch + depth <= x.length &&
    x.slice(0, batch).every((d, i) => d === indices[i]);
  if (!valid)
    throw new ShapeError(
      `${kind}: indices ${describe(indices)} do not fit a tensor ${describe(x)} with ${batch} batch axes`,
    );
  const strides = stridesOf(x);
  const tuples = countOf(indices.slice(0, -1));
  const images = countOf(x.slice(0, batch));
  const image = countOf(x.slice(batch));
  return {
    depth,
    tuples,
    length: countOf(x.slice(batch + depth)),
    offset(data, tuple) {
      let at = Math.floor(tuple / (tuples / images)) * image;
      for (let k = 0; k < depth; k++)
        at += indexOf(data[tuple * depth + k], x[batch + k], kind) * strides[batch + k];
      return at;
    },
  };
}

export const gatherND: Folding = ([x, indices], { batchDims = 0 }, budget, kind) => {
  const batch = batchDims as number;
  const { depth, tuples, length, offset } = slices(x.shape, indices.shape, batch, kind);
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)];
  const result = make(shape, x.type, budget, kind, (out) => {
    const [values, data] = [take(x, budget, kind), take(indices, budget, kind)];
    for (let t = 0; t < tuples; t++) {
      const from = offset(data, t);
      out.set(values.subarray(from, from + length), t * length);
    }
  });
  return [result];
};

const SCATTERS: Readonly<Record<string, (old: number, value: number) => number>> = {
  none: (_, value) => value,
  add: (old, value) => old + value,
  mul: (old, value) => old * value,
  min: Math.min,
  max: Math.max,
};

export const scatterND: Folding = ([x, indices, updates], { op = "none" }, budget, kind) => {
  const { depth, tuples, length, offset } = slices(x.shape, indices.shape, 0, kind);
  const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
  if (wanted.join() !== updates.shape.join())
    throw new ShapeError(`${kind}: updates are ${describe(updates.shape)} but must be ${describe(wanted)}`);
  if (typeof op !== "string" || !Object.hasOwn(SCATTERS, op))
    throw new UnsupportedError(`${kind}: ${describe(op)} of constants is not computed at load`);
  const combine = SCATTERS[op];
  const result = make(x.shape, x.type, budget, kind, (out) => {
    const [data, added] = [take(indices, budget, kind), take(updates, budget, kind)];
    out.set(take(x, budget, kind));
    for (let t = 0; t < tuples; t++) {
      const to = offset(data, t);
      for (let i = 0; i < length; i++) out[to + i] = combine(out[to + i], added[t * length + i]);
    }
  });
  return [result];
};

export const oneHot: Folding = ([indices], { depth, axis = -1, on = 1, off = 0, dtype }, budget, kind) => {
  const [size] = sizesOf([depth], "depth", kind);
  const rank = indices.shape.length + 1;
  const at = axisOf(axis, rank, kind);
  const shape = [...indices.shape.slice(0, at), size, ...indices.shape.slice(at)];
  const strides = stridesOf(shape);
  const type = dtype === "int32" ? "int" : "float";
  const result = make(shape, type, budget, kind, (out) => {
    const data = take(indices, budget, kind);
    out.fill(off as number);
    walk(indices.shape, [strides.filter((_, i) => i !== at)], [0], (i, to) => {
      const index = data[i] < 0 ? data[i] + size : data[i];
      if (index >= 0 && index < size) out[to + index * strides[at]] = on as number;
    });
  });
  return [result];
};

export const expand: Folding = ([x], { shape: wanted }, budget, kind) => {
  const target = sizesOf(wanted, "shape", kind);
  const rank = Math.max(target.length, x.shape.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const own = x.shape[i - rank + x.shape.length] ?? 1;
    const other = target[i - rank + target.length] ?? 1;
    if (own !== 1 && other !== 1 && own !== other)
      throw new ShapeError(`${kind}: ${describe(x.shape)} does not broadcast to ${describe(wanted)}`);
    return own === 1 ? other : own;
  });
  const result = make(shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    walk(shape, [broadcastStrides(x.shape, rank)], [0], (i, from) => {
      out[i] = values[from];
    });
  });
  return [result];
};
