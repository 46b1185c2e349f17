// Folding what moves values: other orders of axes, parts, joins, borders, repetitions; and constants made of a rule.
import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Shape } from "../../tensor.ts";
import { describe } from "../../validate.ts";
import { permute } from "../permute.ts";
import { type Constant, lazyConstant } from "./constant.ts";
import {
  axisOf,
  countOf,
  type FoldBudget,
  type Folding,
  integers,
  make,
  sizesOf,
  stridesOf,
  take,
  valuesOf,
  walk,
} from "./fold-shapes.ts";

/** Results with more values than these are made when they are asked for: weights. */
const LARGE = 2 ** 12;
/** How many of those may be made of one another, as each makes the one before it again. */
const DEEPEST = 4;
const depths = new WeakMap<Constant, number>();

/** What `fill` makes of x: now, or when it is asked for. */
function moved(
  x: Constant,
  shape: Shape,
  budget: FoldBudget,
  kind: string,
  fill: (out: Constant["data"], values: Constant["data"]) => void,
): Constant {
  const depth = (depths.get(x) ?? 0) + 1;
  if (countOf(shape) <= LARGE || depth > DEEPEST)
    return make(shape, x.type, budget, kind, (out) => fill(out, take(x, budget, kind)));
  const lazy = lazyConstant(shape, x.type, () => {
    const out = valuesOf(x.type, countOf(shape));
    fill(out, x.data);
    return out;
  });
  depths.set(lazy, depth);
  return lazy;
}

export const transpose: Folding = ([x], { perm }, budget, kind) => {
  const rank = x.shape.length;
  const order = integers(perm, "perm", kind, rank);
  if (new Set(order).size !== rank || order.some((axis) => axis < 0 || axis >= rank))
    throw new ShapeError(
      `${kind}: perm is ${describe(perm)} but must hold each axis of ${describe(x.shape)} once`,
    );
  const shape = order.map((axis) => x.shape[axis]);
  const strides = stridesOf(x.shape);
  const result = moved(x, shape, budget, kind, (out, values) => {
    permute(
      out,
      values,
      shape,
      order.map((axis) => strides[axis]),
    );
  });
  return [result];
};

export const reshape: Folding = ([x], config, _, kind) => {
  const shape = sizesOf(config.shape, "shape", kind);
  if (countOf(shape) !== countOf(x.shape))
    throw new ShapeError(`${kind}: ${describe(x.shape)} cannot take the shape ${describe(shape)}`);
  const depth = depths.get(x);
  const same = lazyConstant(shape, x.type, () => x.data);
  if (depth === undefined) return [same];
  depths.set(same, depth);
  return [same];
};

export const concat: Folding = (inputs, config, budget, kind) => {
  const [first] = inputs;
  const rank = first.shape.length;
  const axis = axisOf(config.axis ?? -1, rank, kind);
  for (const { shape, type } of inputs)
    if (
      type !== first.type ||
      shape.length !== rank ||
      shape.some((d, i) => i !== axis && d !== first.shape[i])
    )
      throw new ShapeError(
        `${kind}: ${type} ${describe(shape)} cannot be joined to ${first.type} ${describe(first.shape)} on axis ${axis}`,
      );
  const total = inputs.reduce((sum, { shape }) => sum + shape[axis], 0);
  const shape = first.shape.map((d, i) => (i === axis ? total : d));
  const outer = countOf(shape.slice(0, axis));
  const row = countOf(shape.slice(axis));
  const result = make(shape, first.type, budget, kind, (out) => {
    let to = 0;
    for (const x of inputs) {
      const length = countOf(x.shape.slice(axis));
      if (!length) continue;
      const values = take(x, budget, kind);
      for (let o = 0; o < outer; o++) out.set(values.subarray(o * length, (o + 1) * length), o * row + to);
      to += length;
    }
  });
  return [result];
};

export const split: Folding = ([x], config, budget, kind) => {
  const axis = axisOf(config.axis ?? -1, x.shape.length, kind);
  const sizes = sizesOf(config.sizes, "sizes", kind);
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[axis])
    throw new ShapeError(`${kind}: sizes are ${describe(sizes)} but axis ${axis} has ${x.shape[axis]}`);
  const outer = countOf(x.shape.slice(0, axis));
  const inner = countOf(x.shape.slice(axis + 1));
  const row = inner * x.shape[axis];
  const values = take(x, budget, kind);
  let begin = 0;
  return sizes.map((size) => {
    const from = begin * inner;
    begin += size;
    const shape = x.shape.map((d, i) => (i === axis ? size : d));
    return make(shape, x.type, budget, kind, (out) => {
      for (let o = 0; o < outer; o++)
        out.set(values.subarray(o * row + from, o * row + from + size * inner), o * size * inner);
    });
  });
};

export const stridedSlice: Folding = ([x], config, budget, kind) => {
  const rank = x.shape.length;
  const begin = integers(config.begin, "begin", kind, rank);
  const shape = sizesOf(config.size, "size", kind);
  const step = config.step === undefined ? x.shape.map(() => 1) : integers(config.step, "step", kind, rank);
  const inside = (index: number, axis: number): boolean => index >= 0 && index < x.shape[axis];
  const fits = (size: number, axis: number): boolean =>
    size === 0 || (inside(begin[axis], axis) && inside(begin[axis] + (size - 1) * step[axis], axis));
  if (shape.length !== rank || !shape.every(fits))
    throw new ShapeError(
      `${kind}: begin ${describe(begin)}, size ${describe(shape)}, step ${describe(step)} leave ${describe(x.shape)}`,
    );
  const strides = stridesOf(x.shape);
  const result = make(shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const along = strides.map((stride, axis) => stride * step[axis]);
    const start = begin.reduce((sum, index, axis) => sum + index * strides[axis], 0);
    walk(shape, [along], [start], (i, from) => {
      out[i] = values[from];
    });
  });
  return [result];
};

/** The result where the value at each index of each axis is one of x: `from[axis][index]`, or -1 for none of them. */
function picked(
  x: Constant,
  shape: Shape,
  from: readonly (readonly number[])[],
  value: number,
  budget: FoldBudget,
  kind: string,
): Constant {
  return make(shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const strides = stridesOf(x.shape);
    const rank = shape.length;
    const index = new Array<number>(rank).fill(0);
    for (let i = 0; i < out.length; i++) {
      let at = 0;
      for (let axis = 0; axis < rank && at >= 0; axis++) {
        const own = from[axis][index[axis]];
        at = own < 0 ? -1 : at + own * strides[axis];
      }
      out[i] = at < 0 ? value : values[at];
      for (let axis = rank - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    }
  });
}

export const tile: Folding = ([x], config, budget, kind) => {
  const repeats = sizesOf(config.repeats, "repeats", kind);
  if (repeats.length !== x.shape.length)
    throw new ShapeError(`${kind}: repeats are ${describe(repeats)} but the tensor is ${describe(x.shape)}`);
  const shape = x.shape.map((d, i) => d * repeats[i]);
  const from = tables(shape, budget, kind, (i, axis) => i % x.shape[axis]);
  return [picked(x, shape, from, 0, budget, kind)];
};

/** What to read for each index of each axis, of a shape that the budget allows. */
function tables(
  shape: Shape,
  budget: FoldBudget,
  kind: string,
  read: (i: number, axis: number) => number,
): number[][] {
  // One size may be huge where another is 0.
  for (const d of shape) budget.work(d, kind);
  return countOf(shape)
    ? shape.map((d, axis) => Array.from({ length: d }, (_, i) => read(i, axis)))
    : shape.map(() => []);
}

/** Where a border takes its values from, of n: i counts from the first of the tensor, and may be outside. */
const BORDERS: Readonly<Record<string, (i: number, n: number) => number>> = {
  constant: () => -1,
  replicate: (i, n) => Math.min(Math.max(i, 0), n - 1),
  wrap: (i, n) => ((i % n) + n) % n,
  reflect(i, n) {
    const period = Math.max(2 * (n - 1), 1);
    const j = ((i % period) + period) % period;
    return Math.min(j, period - j);
  },
  symmetric(i, n) {
    const j = ((i % (2 * n)) + 2 * n) % (2 * n);
    return Math.min(j, 2 * n - 1 - j);
  },
};

export const padAxes: Folding = ([x], { pads, mode = "constant", value = 0 }, budget, kind) => {
  if (!Array.isArray(pads) || pads.length !== x.shape.length)
    throw new ShapeError(`${kind}: pads are ${describe(pads)} but the tensor is ${describe(x.shape)}`);
  const pairs = pads.map((pair) => integers(pair, "a pair of pads", kind, 2));
  const shape = sizesOf(
    x.shape.map((d, i) => d + pairs[i][0] + pairs[i][1]),
    "the padded shape",
    kind,
  );
  if (typeof mode !== "string" || !Object.hasOwn(BORDERS, mode))
    throw new UnsupportedError(`${kind}: mode ${describe(mode)} of constants is not computed at load`);
  if (mode !== "constant" && x.shape.some((d, i) => d === 0 && shape[i] > 0))
    throw new ShapeError(`${kind}: an empty axis of ${describe(x.shape)} has nothing to put into a border`);
  const border = BORDERS[mode];
  const from = tables(shape, budget, kind, (i, axis) => {
    const n = x.shape[axis];
    const own = i - pairs[axis][0];
    return own >= 0 && own < n ? own : border(own, n);
  });
  return [picked(x, shape, from, value as number, budget, kind)];
};

export const reverse: Folding = ([x], config, budget, kind) => {
  const rank = x.shape.length;
  const axes = integers(config.axes, "axes", kind).map((axis) => axisOf(axis, rank, kind));
  const from = tables(x.shape, budget, kind, (i, axis) => (axes.includes(axis) ? x.shape[axis] - 1 - i : i));
  return [picked(x, x.shape, from, 0, budget, kind)];
};

export const trilu: Folding = ([x], { upper = true, k = 0 }, budget, kind) => {
  const [rows, columns] = x.shape.slice(-2);
  if (columns === undefined) throw new ShapeError(`${kind}: ${describe(x.shape)} has no rows and columns`);
  const result = make(x.shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    for (let i = 0; i < out.length; i++) {
      const above = (i % columns) - (Math.floor(i / columns) % rows) - (k as number);
      out[i] = (upper ? above >= 0 : above <= 0) ? values[i] : 0;
    }
  });
  return [result];
};

/** The one value of a constant. */
function single(x: Constant, name: string, kind: string): number {
  if (countOf(x.shape) !== 1)
    throw new ShapeError(`${kind}: ${name} has shape ${describe(x.shape)} but must be one value`);
  return x.data[0];
}

export const range: Folding = ([first, limit, delta], _, budget, kind) => {
  const start = single(first, "start", kind);
  const step = single(delta, "delta", kind);
  const length = Math.max(Math.ceil((single(limit, "limit", kind) - start) / step), 0);
  if (step === 0 || !Number.isFinite(length))
    throw new ShapeError(`${kind}: from ${start} by ${step} to ${limit.data[0]} never ends`);
  const result = make([length], first.type, budget, kind, (out) => {
    for (let i = 0; i < length; i++) out[i] = start + i * step;
  });
  return [result];
};

/** The most axes a shape that is made at load may have. */
const MAX_AXES = 64;

export const fill: Folding = ([shape, value], _, budget, kind) => {
  if (shape.shape.length !== 1 || shape.shape[0] > MAX_AXES)
    throw new ShapeError(`${kind}: the shape has shape ${describe(shape.shape)} but must be a list of sizes`);
  const sizes = sizesOf([...shape.data], "shape", kind);
  const filled = single(value, "value", kind);
  return [make(sizes, value.type, budget, kind, (out) => out.fill(filled))];
};
