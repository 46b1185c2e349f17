// Folding what takes many values to one: reductions, the place of the largest, running sums.
import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Shape } from "../../tensor.ts";
import { describe } from "../../validate.ts";
import type { Constant } from "./constant.ts";
import { axisOf, countOf, type Folding, integers, make, stridesOf, take, walk } from "./fold-shapes.ts";

interface Reducer {
  readonly start: number;
  add(sum: number, value: number): number;
  end?(sum: number, count: number): number;
}

const SUM: Reducer = { start: 0, add: (sum, x) => sum + x };
const SQUARES: Reducer = { start: 0, add: (sum, x) => sum + x * x };

const REDUCERS: Readonly<Record<string, Reducer>> = {
  sum: SUM,
  mean: { ...SUM, end: (sum, count) => sum / count },
  max: { start: -Infinity, add: Math.max },
  min: { start: Infinity, add: Math.min },
  prod: { start: 1, add: (product, x) => product * x },
  l1: { start: 0, add: (sum, x) => sum + Math.abs(x) },
  sumSquare: SQUARES,
  l2: { ...SQUARES, end: Math.sqrt },
  logSum: { ...SUM, end: Math.log },
  any: { start: 0, add: (any, x) => (any || x !== 0 ? 1 : 0) },
  all: { start: 1, add: (all, x) => (all && x !== 0 ? 1 : 0) },
};

/** Cut towards 0, as `cast` does: no integer is infinite, or NaN. */
const whole = (sum: number): number => {
  if (Number.isNaN(sum)) return 0;
  return Number.isFinite(sum) ? Math.trunc(sum) + 0 : sum > 0 ? 2 ** 31 - 1 : -(2 ** 31);
};

export const reduction: Folding = ([x], { op, axes, keepDims }, budget, kind) => {
  const rank = x.shape.length;
  const gone = new Set(integers(axes, "axes", kind).map((axis) => axisOf(axis, rank, kind)));
  const kept = x.shape.map((d, i) => (gone.has(i) ? 1 : d));
  const shape = keepDims ? kept : kept.filter((_, i) => !gone.has(i));
  const count = countOf(x.shape.filter((_, i) => gone.has(i)));
  const strides = stridesOf(kept).map((stride, i) => (gone.has(i) ? 0 : stride));
  const logSumExp = op === "logSumExp";
  if (!logSumExp && (typeof op !== "string" || !Object.hasOwn(REDUCERS, op)))
    throw new UnsupportedError(`${kind}: ${describe(op)} of constants is not computed at load`);
  const type = op === "any" || op === "all" ? x.type : x.type === "bool" ? "int" : x.type;
  const result = make(shape, type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const sums = new Float64Array(out.length);
    const reduce = ({ start, add, end }: Reducer): void => {
      sums.fill(start);
      walk(x.shape, [strides], [0], (i, to) => {
        sums[to] = add(sums[to], values[i]);
      });
      if (end) for (let i = 0; i < sums.length; i++) sums[i] = end(sums[i], count);
    };
    if (!logSumExp) reduce(REDUCERS[op as string]);
    else {
      reduce(REDUCERS.max);
      const most = sums.map((max) => (Number.isFinite(max) ? max : 0));
      sums.fill(0);
      walk(x.shape, [strides], [0], (i, to) => {
        sums[to] += Math.exp(values[i] - most[to]);
      });
      for (let i = 0; i < sums.length; i++) sums[i] = Math.log(sums[i]) + most[i];
    }
    for (let i = 0; i < sums.length; i++) out[i] = x.type === "float" ? sums[i] : whole(sums[i]);
  });
  return [result];
};

/** Calls `visit` with where each line along an axis begins, in order, and the step along it. */
function lines(shape: Shape, axis: number, visit: (start: number, step: number, line: number) => void): void {
  const step = countOf(shape.slice(axis + 1));
  const outer = countOf(shape.slice(0, axis));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < step; i++) visit(o * step * shape[axis] + i, step, o * step + i);
}

export const argExtreme: Folding = ([x], { op, axis, keepDims, last }, budget, kind) => {
  const along = axisOf(axis, x.shape.length, kind);
  const length = x.shape[along];
  if (length === 0) throw new ShapeError(`${kind}: axis ${along} of ${describe(x.shape)} is empty`);
  const shape = x.shape.flatMap((d, i) => (i !== along ? [d] : keepDims ? [1] : []));
  const result = make(shape, "int", budget, kind, (out) => {
    const values = take(x, budget, kind);
    // NaN comes before any number.
    const before = (a: number, b: number): boolean =>
      Number.isNaN(a) ? !Number.isNaN(b) : op === "min" ? a < b : a > b;
    lines(x.shape, along, (start, step, line) => {
      let best = 0;
      for (let k = 1; k < length; k++) {
        const [value, most] = [values[start + k * step], values[start + best * step]];
        if (before(value, most) || (last && !before(most, value))) best = k;
      }
      out[line] = best;
    });
  });
  return [result];
};

export const cumulate: Folding = ([x], { op, axis, exclusive, reverse }, budget, kind) => {
  const along = axisOf(axis, x.shape.length, kind);
  const length = x.shape[along];
  const type: Constant["type"] = x.type === "bool" ? "int" : x.type;
  const result = make(x.shape, type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const product = op === "prod";
    lines(x.shape, along, (start, step) => {
      let running = product ? 1 : 0;
      for (let k = 0; k < length; k++) {
        const at = start + (reverse ? length - 1 - k : k) * step;
        const next = product ? running * values[at] : running + values[at];
        out[at] = exclusive ? running : next;
        running = next;
      }
    });
  });
  return [result];
};
