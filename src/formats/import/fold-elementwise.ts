// Folding what maps values one by one: unary functions, arithmetic with broadcasting, comparisons, choices and casts.
// Computed in f64 and rounded once, to what the type of the result holds.
import { ShapeError, UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { type Constant, lazyConstant } from "./constant.ts";
import { UNARY } from "./fold-functions.ts";
import { broadcast, broadcastStrides, countOf, type Folding, make, take, walk } from "./fold-shapes.ts";

const CHECKS: readonly string[] = ["isNaN", "isInf", "isFinite", "not"];

export const unary: Folding = ([x], { op, p, q }, budget, kind) => {
  if (typeof op !== "string" || !Object.hasOwn(UNARY, op))
    throw new UnsupportedError(`${kind}: ${describe(op)} of constants is not computed at load`);
  const map = UNARY[op];
  const type = CHECKS.includes(op) ? "bool" : x.type;
  const result = make(x.shape, type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    const [a, b] = [p, q] as (number | undefined)[];
    for (let i = 0; i < out.length; i++) out[i] = map(values[i], a, b);
  });
  return [result];
};

/** As BigInt where 32 bits do not hold them. */
const bits =
  (small: (a: number, b: number) => number, large: (a: bigint, b: bigint) => bigint) =>
  (a: number, b: number): number =>
    a === (a | 0) && b === (b | 0) ? small(a, b) : Number(large(BigInt(a), BigInt(b)));

const mod = (a: number, b: number): number => {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};

const OPERATIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // As Math.min: NaN propagates.
  min: Math.min,
  max: Math.max,
  pow: (a, b) => a ** b,
  mod,
  fmod: (a, b) => a % b,
  floorDiv: (a, b) => Math.floor(a / b),
  squaredDifference: (a, b) => (a - b) ** 2,
  atan2: Math.atan2,
  and: bits(
    (a, b) => a & b,
    (a, b) => a & b,
  ),
  or: bits(
    (a, b) => a | b,
    (a, b) => a | b,
  ),
  xor: bits(
    (a, b) => a ^ b,
    (a, b) => a ^ b,
  ),
  shiftLeft: (a, b) => a * 2 ** b,
  shiftRight: (a, b) => Math.floor(a / 2 ** b),
};
const BITS: readonly string[] = ["and", "or", "xor"];

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessOrEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterOrEqual: (a, b) => a >= b,
};

/** What a number becomes as an integer: towards 0, and 0 where it is none (x / 0). */
const whole = (value: number): number => (Number.isFinite(value) ? Math.trunc(value) + 0 : 0);

function pairwise(
  [a, b]: readonly Constant[],
  type: Constant["type"],
  map: (a: number, b: number) => number,
  budget: Parameters<Folding>[2],
  kind: string,
): Constant[] {
  const shape = broadcast([a.shape, b.shape], kind);
  const rank = shape.length;
  const result = make(shape, type, budget, kind, (out) => {
    const [x, y] = [take(a, budget, kind), take(b, budget, kind)];
    const strides = [broadcastStrides(a.shape, rank), broadcastStrides(b.shape, rank)];
    walk(shape, strides, [0, 0], (i, s, t) => {
      out[i] = map(x[s], y[t]);
    });
  });
  return [result];
}

export const arithmetic: Folding = (inputs, { op }, budget, kind) => {
  const [a, b] = inputs;
  const map = known(OPERATIONS, op, kind);
  const float = a.type === "float" || b.type === "float";
  if (float && BITS.includes(op as string))
    throw new UnsupportedError(`${kind}: "${op}" is known for integers, not for floats`);
  if (float) return pairwise(inputs, "float", map, budget, kind);
  const bool = a.type === "bool" && b.type === "bool" && BITS.includes(op as string);
  return pairwise(inputs, bool ? "bool" : "int", (x, y) => whole(map(x, y)), budget, kind);
};

export const compare: Folding = (inputs, { op }, budget, kind) => {
  const map = known(COMPARISONS, op, kind);
  return pairwise(inputs, "bool", (x, y) => Number(map(x, y)), budget, kind);
};

function known<T>(table: Readonly<Record<string, T>>, op: unknown, kind: string): T {
  if (typeof op === "string" && Object.hasOwn(table, op)) return table[op];
  throw new UnsupportedError(`${kind}: ${describe(op)} of constants is not computed at load`);
}

export const where: Folding = ([condition, a, b], _, budget, kind) => {
  if (a.type !== b.type) throw new ShapeError(`${kind}: chooses between ${a.type} and ${b.type}`);
  const shape = broadcast([condition.shape, a.shape, b.shape], kind);
  const strides = [condition, a, b].map((x) => broadcastStrides(x.shape, shape.length));
  const result = make(shape, a.type, budget, kind, (out) => {
    const [c, x, y] = [condition, a, b].map((input) => take(input, budget, kind));
    walk(shape, strides, [0, 0, 0], (i, s, t, u) => {
      out[i] = c[s] ? x[t] : y[u];
    });
  });
  return [result];
};

/** Casts of more values than these are made when they are asked for: weights. */
const LARGE = 2 ** 12;
const LARGEST = 2 ** 31;

export const cast: Folding = ([x], { dtype, bool }, budget, kind) => {
  const type = bool ? "bool" : dtype === "int32" ? "int" : "float";
  if (type === x.type || (type === "int" && x.type === "bool"))
    return [type === x.type ? x : lazyConstant(x.shape, type, () => x.data)];
  const map =
    type === "bool"
      ? (value: number): number => Number(value !== 0)
      : (value: number): number => Math.min(Math.max(Math.trunc(value) || 0, -LARGEST), LARGEST - 1);
  const read = (): Constant["data"] =>
    type === "float" ? new Float32Array(x.data) : Float64Array.from(x.data, map);
  if (countOf(x.shape) > LARGE) return [lazyConstant(x.shape, type, read)];
  return [make(x.shape, type, budget, kind, (out) => out.set(read()))];
};

export const clip: Folding = ([x], { min = -Infinity, max = Infinity }, budget, kind) => {
  // Integers stay integers.
  const [low, high] =
    x.type === "float"
      ? [min as number, max as number]
      : [Math.ceil(min as number), Math.floor(max as number)];
  const result = make(x.shape, x.type, budget, kind, (out) => {
    const values = take(x, budget, kind);
    for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(values[i], low), high);
  });
  return [result];
};
