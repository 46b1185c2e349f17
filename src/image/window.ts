// Kernels and sizes as callers give them, and the filters they make.

import { ArgumentError, ShapeError } from "../errors.ts";
import { asNumbers, type Check, refuse } from "../validate.ts";
import { MAX_KERNEL } from "./gaussian.ts";
import type { Kernel } from "./kernels.ts";
import { fitsIntegers } from "./stage.ts";
import { type Filter, type Line, limits, type Tap } from "./taps.ts";

/** A number for both axes, or one each: [vertical, horizontal]. */
export type Pair = number | readonly [number, number];

/** Kernels compute with float32: a larger number would be infinite there. */
export const aFloat: Check<number> = (value, name, where) => {
  if (typeof value !== "number" || !Number.isFinite(Math.fround(value)))
    refuse(value, name, where, "a finite number that float32 can hold");
};

/** A check of a pair whose numbers pass another. */
export const aPair =
  (check: Check<number>): Check<Pair> =>
  (value, name, where) => {
    if (!Array.isArray(value)) return check(value, name, where);
    if (value.length !== 2) refuse(value, name, where, "a number or a list of two: [vertical, horizontal]");
    value.forEach((each, i) => {
      check(each, `${name}[${i}]`, where);
    });
  };

export const pairOf = (pair: Pair): readonly [number, number] =>
  typeof pair === "number" ? [pair, pair] : [pair[0], pair[1]];

/** A row of weights from a caller, copied. */
export function readWeights(value: unknown, name: string, where: string): number[] {
  const weights = Array.from(asNumbers(value, name, where));
  if (weights.length < 1 || weights.length > MAX_KERNEL)
    throw new ShapeError(`${where}: ${name} has ${weights.length} weights but must have 1 to ${MAX_KERNEL}`);
  const bad = weights.findIndex((weight) => !Number.isFinite(weight));
  if (bad >= 0) refuse(weights[bad], `${name}[${bad}]`, where, "a finite number");
  return weights;
}

/** A kernel from a caller, copied. */
export function readKernel(value: unknown, name: string, where: string): number[][] {
  if (!Array.isArray(value) || value.length === 0)
    return refuse(value, name, where, "a list of rows of numbers, as [[0, 1, 0], [1, -4, 1], [0, 1, 0]]");
  // Not by map: a list may have holes.
  const rows = Array.from(value, (row, y) => readWeights(row, `${name}[${y}]`, where));
  for (const [y, row] of rows.entries())
    if (row.length !== rows[0].length)
      throw new ShapeError(
        `${where}: ${name}[${y}] has ${row.length} weights but ${name}[0] has ${rows[0].length}: rows must be as long as one another`,
      );
  if (rows.length > MAX_KERNEL)
    throw new ShapeError(`${where}: ${name} has ${rows.length} rows but may have ${MAX_KERNEL}`);
  return rows;
}

/** What a kernel becomes beside its weights. */
export interface Terms {
  readonly scale: number;
  readonly bias: number;
  readonly dilation: readonly [y: number, x: number];
  /** Whether bytes come out of bytes. */
  readonly bytes: boolean;
}

type Window = Pick<Filter, "before" | "after">;

function windowOf(h: number, w: number, dilation: readonly [number, number], where: string): Window {
  const sides = [h, w].map((size, i) => {
    const before = Math.floor(size / 2) * dilation[i];
    return { before, after: (size - 1) * dilation[i] - before };
  });
  for (const { before, after } of sides)
    if (before + after + 1 > MAX_KERNEL)
      throw new ArgumentError(
        `${where}: the kernel with its dilation has a side of ${before + after + 1} pixels but may have ${MAX_KERNEL}`,
      );
  const [y, x] = sides;
  return { before: [y.before, x.before], after: [y.after, x.after] };
}

/** The weights that are not zero, with their distances from the centre. */
const lineOf = (weights: readonly number[], dilation: number): Line =>
  weights
    .map((weight, i) => ({ at: (i - Math.floor(weights.length / 2)) * dilation, weight }))
    .filter(({ weight }) => weight !== 0);

/** The least number of bits, up to 16, that all the numbers must be shifted left by to be integers. */
function fractionBits(numbers: readonly number[]): number | undefined {
  for (let bits = 0; bits <= 16; bits++)
    if (numbers.every((x) => Number.isInteger(x * 2 ** bits))) return bits;
  return undefined;
}

/** Sums of integers up to this are exact in float32, in whatever order. */
const EXACT = 2 ** 24;

/** The filter of a kernel: separable and in integers where that is right and saves work. */
export function kernelFilter(kernel: Kernel, terms: Terms, where: string): Filter {
  const { scale, bias, dilation, bytes } = terms;
  const window = windowOf(kernel.length, kernel[0].length, dilation, where);
  const rows = kernel.map((row) => row.map((weight) => weight * scale));
  checkFinite(rows.flat(), where);
  const cy = Math.floor(rows.length / 2);
  const cx = Math.floor(rows[0].length / 2);
  const tapsOf = (matrix: Kernel): Tap[] =>
    matrix.flatMap((row, y) =>
      row.flatMap((weight, x) =>
        weight === 0 ? [] : [{ y: (y - cy) * dilation[0], x: (x - cx) * dilation[1], weight }],
      ),
    );
  const taps = tapsOf(rows);
  const linesOf = ([down, across]: readonly [number[], number[]]): { down: Line; across: Line } => ({
    down: lineOf(down, dilation[0]),
    across: lineOf(across, dilation[1]),
  });
  const useful = ({ down, across }: { down: Line; across: Line }): boolean =>
    taps.length > 1.5 * (down.length + across.length) + 2;
  if (!bytes) {
    const factors = factorFloats(rows);
    const lines = factors && linesOf(factors);
    return { ...window, weights: lines && useful(lines) ? lines : taps, bias };
  }
  // For bytes only what gives exactly the sum of all products, rounded once.
  const shift = fractionBits([...rows.flat(), bias]);
  if (shift === undefined) return { ...window, weights: taps, bias };
  const unit = 2 ** shift;
  const whole = rows.map((row) => row.map((weight) => weight * unit));
  const factors = factorIntegers(whole);
  const lines = factors && linesOf(factors);
  const integers = { shift, even: true };
  const separable = { ...window, weights: lines!, bias: bias * unit, integers };
  if (lines && useful(lines) && fitsIntegers(separable)) return separable;
  const direct = { ...window, weights: tapsOf(whole), bias: bias * unit, integers };
  if (fitsIntegers(direct)) return direct;
  const { least, most } = limits(direct.weights);
  if (lines && useful(lines) && Math.max(most, -least) + Math.abs(direct.bias) < EXACT)
    return { ...window, weights: { down: scaled(lines.down, 1 / unit), across: lines.across }, bias };
  return { ...window, weights: taps, bias };
}

const scaled = (line: Line, by: number): Line => line.map(({ at, weight }) => ({ at, weight: weight * by }));

/** The filter of two lines of weights. */
export function linesFilter(
  down: readonly number[],
  across: readonly number[],
  { scale, bias, dilation, bytes }: Terms,
  where: string,
): Filter {
  const window = windowOf(down.length, across.length, dilation, where);
  const first = down.map((weight) => weight * scale);
  checkFinite([...first, ...across], where);
  const floats = {
    ...{ ...window, bias },
    weights: { down: lineOf(first, dilation[0]), across: lineOf(across, dilation[1]) },
  };
  const bits = [fractionBits(first), fractionBits(across)];
  if (!bytes || bits[0] === undefined || bits[1] === undefined) return floats;
  const shift = bits[0] + bits[1];
  const { weights } = floats;
  const integers = {
    ...window,
    weights: { down: scaled(weights.down, 2 ** bits[0]), across: scaled(weights.across, 2 ** bits[1]) },
    ...{ bias: bias * 2 ** shift, integers: { shift, even: true } },
  };
  return Number.isInteger(integers.bias) && fitsIntegers(integers) ? integers : floats;
}

function checkFinite(weights: readonly number[], where: string): void {
  const bad = weights.find((weight) => !Number.isFinite(Math.fround(weight)));
  if (bad !== undefined)
    throw new ArgumentError(`${where}: a weight times the scale is ${bad} but must be a finite float32`);
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

type Factors = readonly [down: number[], across: number[]];

/** Two lines of integers whose products are exactly a matrix of integers. */
function factorIntegers(matrix: Kernel): Factors | undefined {
  const row = matrix.find((weights) => weights.some((weight) => weight !== 0));
  if (!row) return undefined;
  const divisor = row.reduce(gcd, 0);
  const across = row.map((weight) => weight / divisor);
  const x = across.findIndex((weight) => weight !== 0);
  const down = matrix.map((weights) => weights[x] / across[x]);
  const exact = matrix.every((weights, i) => weights.every((weight, j) => weight === down[i] * across[j]));
  return exact && down.every(Number.isInteger) ? [down, across] : undefined;
}

/** How far products may be from a kernel's weights, relative to the largest: the rounding of a float32. */
const RANK_TOLERANCE = 1e-7;

/** Two lines whose products are a matrix, but for rounding. */
function factorFloats(matrix: Kernel): Factors | undefined {
  let [y, x] = [0, 0];
  matrix.forEach((weights, i) => {
    weights.forEach((weight, j) => {
      if (Math.abs(weight) > Math.abs(matrix[y][x])) [y, x] = [i, j];
    });
  });
  const largest = matrix[y][x];
  if (largest === 0) return undefined;
  const down = matrix.map((weights) => weights[x]);
  const across = matrix[y].map((weight) => weight / largest);
  const limit = RANK_TOLERANCE * Math.abs(largest);
  const near = matrix.every((weights, i) =>
    weights.every((weight, j) => Math.abs(weight - down[i] * across[j]) <= limit),
  );
  return near ? [down, across] : undefined;
}
