// What the families of folding share: shapes, which may be empty, walked in order, and the budget that bounds what is made.
import { ShapeError, UnsupportedError } from "../../errors.ts";
import type { Shape } from "../../tensor.ts";
import { describe, type Json } from "../../validate.ts";
import { type Constant, constant } from "./constant.ts";

/** Computes the outputs of a kind for constants. */
export type Folding = (
  inputs: readonly Constant[],
  config: Json,
  budget: FoldBudget,
  kind: string,
) => Constant[];

/** How many values are moved at most, per value that may be kept. */
const WORK_PER_BYTE = 32;
/** Bytes that one value counts: integers take 8. */
const BYTES = 8;

/** How many bytes constants that are computed while a model is read may take: a few bytes of a file can ask for any number. */
export class FoldBudget {
  readonly #limit: number;
  #kept = 0;
  #work = 0;

  /** Default 2^28 bytes. */
  constructor(limit: number = 2 ** 28) {
    this.#limit = limit;
  }

  /** Throws UnsupportedError where a result of that shape is too much. Ask before allocating it. */
  result(shape: Shape, kind: string): number {
    const size = countOf(shape);
    this.#kept += size * BYTES;
    if (!(this.#kept <= this.#limit))
      throw new UnsupportedError(
        `${kind}: constants of shape ${describe(shape)} need more than the ${this.#limit} bytes that may be computed at load`,
      );
    this.work(size, kind);
    return size;
  }

  /** That many values are read, or looked at. */
  work(count: number, kind: string): void {
    this.#work += count * BYTES;
    if (!(this.#work <= this.#limit * WORK_PER_BYTE))
      throw new UnsupportedError(
        `${kind}: computing the constants of this model takes more than ${(this.#limit * WORK_PER_BYTE) / BYTES} steps`,
      );
  }
}

/** Number of values: of an empty shape 0, however large its other sizes. */
export function countOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return shape.includes(0) ? 0 : size;
}

/** Values from one index along an axis to the next. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/** An axis, counted from the back where negative, of that many. */
export function axisOf(value: unknown, rank: number, kind: string): number {
  if (!Number.isInteger(value) || (value as number) < -rank || (value as number) >= rank)
    throw new ShapeError(`${kind}: axis is ${describe(value)} but the tensor has rank ${rank}`);
  return (value as number) < 0 ? (value as number) + rank : (value as number);
}

/** The values of a constant that a result of type `type` holds. */
export const valuesOf = (type: Constant["type"], size: number): Constant["data"] =>
  type === "float" ? new Float32Array(size) : new Float64Array(size);

/** A constant of `shape`, for which the budget has room, with the values that `fill` puts there. */
export function make(
  shape: Shape,
  type: Constant["type"],
  budget: FoldBudget,
  kind: string,
  fill: (out: Constant["data"]) => void,
): Constant {
  const out = valuesOf(type, budget.result(shape, kind));
  if (out.length) fill(out);
  return constant(shape, type, out);
}

/** Takes the values of a constant, which may be computed for it. */
export function take(x: Constant, budget: FoldBudget, kind: string): Constant["data"] {
  budget.work(countOf(x.shape), kind);
  return x.data;
}

/**
 * Calls `visit` for every index of `shape` in order, with offsets into tensors whose strides along its axes are given: 0 repeats,
 * negative goes backwards.
 */
export function walk(
  shape: Shape,
  strides: readonly (readonly number[])[],
  starts: readonly number[],
  visit: (i: number, a: number, b: number, c: number) => void,
): void {
  const count = countOf(shape);
  const rank = shape.length;
  const index = new Array<number>(rank).fill(0);
  const none: readonly number[] = new Array<number>(rank).fill(0);
  const [first, second = none, third = none] = strides;
  let [a, b = 0, c = 0] = starts;
  for (let i = 0; i < count; i++) {
    visit(i, a, b, c);
    for (let axis = rank - 1; axis >= 0; axis--) {
      a += first[axis];
      b += second[axis];
      c += third[axis];
      if (++index[axis] < shape[axis]) break;
      a -= first[axis] * shape[axis];
      b -= second[axis] * shape[axis];
      c -= third[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/** The shape that NumPy broadcasts all of them to. */
export function broadcast(shapes: readonly Shape[], kind: string): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const d = shape[i - rank + shape.length] ?? 1;
      if (d !== 1 && size !== 1 && d !== size)
        throw new ShapeError(
          `${kind}: shapes ${shapes.map((s) => describe(s)).join(" and ")} do not broadcast`,
        );
      if (d !== 1) size = d;
    }
    return size;
  });
}

/** Strides of a tensor of `shape` as one of that rank, 0 along the axes it is repeated on. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const own = stridesOf(shape).map((stride, i) => (shape[i] === 1 ? 0 : stride));
  return [...new Array<number>(rank - shape.length).fill(0), ...own];
}

/** A list of integers from a config. */
export function integers(value: unknown, name: string, kind: string, length?: number): readonly number[] {
  const valid = Array.isArray(value) && value.every((v) => Number.isSafeInteger(v));
  if (!valid || (length !== undefined && value.length !== length))
    throw new ShapeError(
      `${kind}: ${name} is ${describe(value)} but must be a list of ${length ?? "some"} integers`,
    );
  return value;
}

/** Sizes from a config, or from values: none negative. */
export function sizesOf(value: unknown, name: string, kind: string): readonly number[] {
  const sizes = integers(value, name, kind);
  if (sizes.some((d) => d < 0))
    throw new ShapeError(`${kind}: ${name} is ${describe(value)} but no size may be negative`);
  return sizes;
}
