// Reductions over neighbouring axes: x is [outer, reduce, inner], dense, and out [outer, chunks, inner].
//
//   out[o, k, i] = Σ (or max, or min) of x[o, r, i] over the rows k * chunk <= r < (k + 1) * chunk
//
// A long reduction runs twice, first into chunks and then over them: all threads have work, the rounding error of a sum stays
// small, and the result does not depend on how the range is cut.
// Unit: REDUCE_BLOCK columns of one chunk: outer * ceil(reduce / chunk) * ceil(inner / REDUCE_BLOCK) in all.
import { REDUCE_BLOCK } from "./abi";
import { load_lanes, load_tail, splat, store_lanes, store_tail } from "./simd";

// Kinds of reduction, as literals.
// @ts-ignore: decorator
@inline const SUM: i32 = 0;
// @ts-ignore: decorator
@inline const MAX: i32 = 1;
// @ts-ignore: decorator
@inline const MIN: i32 = 2;

const LIMITS: usize = memory.data<f32>([-Infinity, Infinity]);

/** Sums, divided by `divisor`. */
export function reduce_sum_f32(
  out: usize, x: usize, reduce: i32, inner: i32, chunk: i32, divisor: f32, from: i32, to: i32,
): void {
  each_unit(SUM, out, x, reduce, inner, chunk, divisor, from, to);
}

/** Maxima. NaN propagates. */
export function reduce_max_f32(out: usize, x: usize, reduce: i32, inner: i32, chunk: i32, from: i32, to: i32): void {
  each_unit(MAX, out, x, reduce, inner, chunk, 1, from, to);
}

/** Minima. NaN propagates. */
export function reduce_min_f32(out: usize, x: usize, reduce: i32, inner: i32, chunk: i32, from: i32, to: i32): void {
  each_unit(MIN, out, x, reduce, inner, chunk, 1, from, to);
}

// @ts-ignore: decorator
@inline
function each_unit(
  kind: i32, out: usize, x: usize, reduce: i32, inner: i32, chunk: i32, divisor: f32, from: i32, to: i32,
): void {
  assert(reduce > 0 && inner > 0 && chunk > 0);
  const parts = (reduce - 1) / chunk + 1;
  const blocks = (inner - 1) / REDUCE_BLOCK + 1;
  let block = from % blocks;
  let part = from / blocks % parts;
  let o = from / blocks / parts;
  for (; from < to; from++) {
    const rows = min(chunk, reduce - part * chunk);
    const column = block * REDUCE_BLOCK;
    const width = min(REDUCE_BLOCK, inner - column);
    const p = x + (((<usize>o * reduce + part * chunk) * inner + column) << 2);
    const q = out + (((<usize>o * parts + part) * inner + column) << 2);
    if (kind == SUM) {
      if (inner < 4) sum_narrow(q, p, rows, inner, divisor);
      else sum_wide(q, p, rows, inner, width, divisor);
    } else if (kind == MAX) {
      if (inner < 4) max_narrow(q, p, rows, inner);
      else max_wide(q, p, rows, inner, width);
    } else {
      if (inner < 4) min_narrow(q, p, rows, inner);
      else min_wide(q, p, rows, inner, width);
    }
    if (++block == blocks) {
      block = 0;
      if (++part == parts) {
        part = 0;
        o++;
      }
    }
  }
}

function sum_wide(q: usize, p: usize, rows: i32, inner: i32, width: i32, divisor: f32): void {
  add_wide(q, p, rows, inner, width, divisor);
}

function max_wide(q: usize, p: usize, rows: i32, inner: i32, width: i32): void {
  extreme_wide(MAX, q, p, rows, inner, width);
}

function min_wide(q: usize, p: usize, rows: i32, inner: i32, width: i32): void {
  extreme_wide(MIN, q, p, rows, inner, width);
}

function sum_narrow(q: usize, p: usize, rows: i32, inner: i32, divisor: f32): void {
  add_narrow(q, p, rows, inner, divisor);
}

function max_narrow(q: usize, p: usize, rows: i32, inner: i32): void {
  extreme_narrow(MAX, q, p, rows, inner);
}

function min_narrow(q: usize, p: usize, rows: i32, inner: i32): void {
  extreme_narrow(MIN, q, p, rows, inner);
}

// --- Helpers ---

/** The reduction of two partial results. */
// @ts-ignore: decorator
@inline
function merge(kind: i32, a: v128, b: v128): v128 {
  if (kind == MAX) return f32x4.max(a, b);
  if (kind == MIN) return f32x4.min(a, b);
  return f32x4.add(a, b);
}

/** Twelve partial results, where j is of column j % inner, reduced to the first `inner` (1 to 3) lanes. */
// @ts-ignore: decorator
@inline
function fold(kind: i32, a: v128, b: v128, c: v128, inner: i32): v128 {
  if (inner == 3) {
    const ab = merge(kind, a, v128.shuffle<f32>(a, b, 3, 4, 5, 3));
    const bc = merge(kind, v128.shuffle<f32>(b, c, 2, 3, 4, 2), v128.shuffle<f32>(c, c, 1, 2, 3, 1));
    return merge(kind, ab, bc);
  }
  let t = merge(kind, merge(kind, a, b), c);
  t = merge(kind, t, v128.shuffle<f32>(t, t, 2, 3, 0, 1));
  return inner == 2 ? t : merge(kind, t, v128.shuffle<f32>(t, t, 1, 0, 3, 2));
}

// --- Sums ---

// @ts-ignore: decorator
@inline
function add_wide(q: usize, p: usize, rows: i32, inner: i32, width: i32, divisor: f32): void {
  const stride = <usize>inner << 2;
  const divisors = f32x4.splat(divisor);
  for (; width >= 16; width -= 16) {
    add_columns(q, p, rows, stride, divisors);
    q += 64;
    p += 64;
  }
  for (; width > 0; width -= 4) {
    add_column(q, p, rows, stride, min(4, width), divisors);
    q += 16;
    p += 16;
  }
}

/** Sixteen columns, with two rows at a time. */
// @ts-ignore: decorator
@inline
function add_columns(q: usize, p: usize, rows: i32, stride: usize, divisors: v128): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (; rows >= 2; rows -= 2) {
    const next = p + stride;
    a0 = f32x4.add(a0, v128.load(p));
    a1 = f32x4.add(a1, v128.load(p, 16));
    a2 = f32x4.add(a2, v128.load(p, 32));
    a3 = f32x4.add(a3, v128.load(p, 48));
    b0 = f32x4.add(b0, v128.load(next));
    b1 = f32x4.add(b1, v128.load(next, 16));
    b2 = f32x4.add(b2, v128.load(next, 32));
    b3 = f32x4.add(b3, v128.load(next, 48));
    p = next + stride;
  }
  if (rows) {
    a0 = f32x4.add(a0, v128.load(p));
    a1 = f32x4.add(a1, v128.load(p, 16));
    a2 = f32x4.add(a2, v128.load(p, 32));
    a3 = f32x4.add(a3, v128.load(p, 48));
  }
  v128.store(q, f32x4.div(f32x4.add(a0, b0), divisors));
  v128.store(q, f32x4.div(f32x4.add(a1, b1), divisors), 16);
  v128.store(q, f32x4.div(f32x4.add(a2, b2), divisors), 32);
  v128.store(q, f32x4.div(f32x4.add(a3, b3), divisors), 48);
}

/** One to four columns, with four rows at a time. */
// @ts-ignore: decorator
@inline
function add_column(q: usize, p: usize, rows: i32, stride: usize, count: i32, divisors: v128): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (; rows >= 4; rows -= 4) {
    const half = p + 2 * stride;
    a0 = f32x4.add(a0, load_lanes(p, count));
    a1 = f32x4.add(a1, load_lanes(p + stride, count));
    a2 = f32x4.add(a2, load_lanes(half, count));
    a3 = f32x4.add(a3, load_lanes(half + stride, count));
    p = half + 2 * stride;
  }
  for (; rows > 0; rows--) {
    a0 = f32x4.add(a0, load_lanes(p, count));
    p += stride;
  }
  const sum = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  store_lanes(q, f32x4.div(sum, divisors), count);
}

/** One to three columns: rows are read as one run, twelve floats at a time, in which every lane keeps its column. */
// @ts-ignore: decorator
@inline
function add_narrow(q: usize, p: usize, rows: i32, inner: i32, divisor: f32): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0;
  let b0 = a0, b1 = a0, b2 = a0;
  let left = rows * inner;
  for (; left >= 24; left -= 24) {
    a0 = f32x4.add(a0, v128.load(p));
    a1 = f32x4.add(a1, v128.load(p, 16));
    a2 = f32x4.add(a2, v128.load(p, 32));
    b0 = f32x4.add(b0, v128.load(p, 48));
    b1 = f32x4.add(b1, v128.load(p, 64));
    b2 = f32x4.add(b2, v128.load(p, 80));
    p += 96;
  }
  if (left >= 12) {
    a0 = f32x4.add(a0, v128.load(p));
    a1 = f32x4.add(a1, v128.load(p, 16));
    a2 = f32x4.add(a2, v128.load(p, 32));
    p += 48;
    left -= 12;
  }
  let sum = fold(SUM, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), inner);
  for (; left > 0; left -= inner) {
    sum = f32x4.add(sum, load_tail(p, inner));
    p += <usize>inner << 2;
  }
  store_tail(q, f32x4.div(sum, f32x4.splat(divisor)), inner);
}

// --- Maxima and minima ---
// pmax and pmin are one instruction but drop NaNs: a mask collects these and is or-ed into the result.

// @ts-ignore: decorator
@inline
function extreme(kind: i32, best: v128, x: v128): v128 {
  return kind == MAX ? f32x4.pmax(best, x) : f32x4.pmin(best, x);
}

/** Adds to a mask the lanes where x is NaN: all ones, which is a NaN. */
// @ts-ignore: decorator
@inline
function add_nans(nans: v128, x: v128): v128 {
  return v128.or(nans, f32x4.ne(x, x));
}

// @ts-ignore: decorator
@inline
function identity(kind: i32): v128 {
  return splat(kind == MAX ? LIMITS : LIMITS + 4);
}

// @ts-ignore: decorator
@inline
function extreme_wide(kind: i32, q: usize, p: usize, rows: i32, inner: i32, width: i32): void {
  const stride = <usize>inner << 2;
  for (; width >= 16; width -= 16) {
    extreme_columns(kind, q, p, rows, stride);
    q += 64;
    p += 64;
  }
  for (; width > 0; width -= 4) {
    extreme_column(kind, q, p, rows, stride, min(4, width));
    q += 16;
    p += 16;
  }
}

/** Sixteen columns. */
// @ts-ignore: decorator
@inline
function extreme_columns(kind: i32, q: usize, p: usize, rows: i32, stride: usize): void {
  let a0 = identity(kind), a1 = a0, a2 = a0, a3 = a0;
  let n0 = f32x4.splat(0), n1 = n0, n2 = n0, n3 = n0;
  for (; rows > 0; rows--) {
    const x0 = v128.load(p);
    const x1 = v128.load(p, 16);
    const x2 = v128.load(p, 32);
    const x3 = v128.load(p, 48);
    a0 = extreme(kind, a0, x0);
    a1 = extreme(kind, a1, x1);
    a2 = extreme(kind, a2, x2);
    a3 = extreme(kind, a3, x3);
    n0 = add_nans(n0, x0);
    n1 = add_nans(n1, x1);
    n2 = add_nans(n2, x2);
    n3 = add_nans(n3, x3);
    p += stride;
  }
  v128.store(q, v128.or(a0, n0));
  v128.store(q, v128.or(a1, n1), 16);
  v128.store(q, v128.or(a2, n2), 32);
  v128.store(q, v128.or(a3, n3), 48);
}

/** One to four columns, with two rows at a time. */
// @ts-ignore: decorator
@inline
function extreme_column(kind: i32, q: usize, p: usize, rows: i32, stride: usize, count: i32): void {
  let a = identity(kind), b = a;
  let nans = f32x4.splat(0);
  for (; rows >= 2; rows -= 2) {
    const x = load_lanes(p, count);
    const y = load_lanes(p + stride, count);
    a = extreme(kind, a, x);
    b = extreme(kind, b, y);
    nans = add_nans(add_nans(nans, x), y);
    p += 2 * stride;
  }
  if (rows) {
    const x = load_lanes(p, count);
    a = extreme(kind, a, x);
    nans = add_nans(nans, x);
  }
  store_lanes(q, v128.or(extreme(kind, a, b), nans), count);
}

/** One to three columns, read as in `add_narrow`. */
// @ts-ignore: decorator
@inline
function extreme_narrow(kind: i32, q: usize, p: usize, rows: i32, inner: i32): void {
  let a = identity(kind), b = a, c = a;
  let na = f32x4.splat(0), nb = na, nc = na;
  let left = rows * inner;
  for (; left >= 12; left -= 12) {
    const x = v128.load(p);
    const y = v128.load(p, 16);
    const z = v128.load(p, 32);
    a = extreme(kind, a, x);
    b = extreme(kind, b, y);
    c = extreme(kind, c, z);
    na = add_nans(na, x);
    nb = add_nans(nb, y);
    nc = add_nans(nc, z);
    p += 48;
  }
  let best = fold(kind, v128.or(a, na), v128.or(b, nb), v128.or(c, nc), inner);
  for (; left > 0; left -= inner) {
    best = merge(kind, best, load_tail(p, inner));
    p += <usize>inner << 2;
  }
  store_tail(q, best, inner);
}
