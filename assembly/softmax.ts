// Softmax and its logarithm along an axis: x is [outer, reduce, inner], dense. With m = max and s = Σ exp(x - m) over r:
//
//   softmax       out[o, r, i] = exp(x[o, r, i] - m) / s
//   log softmax   out[o, r, i] = x[o, r, i] - m - log(s)
//
// out may be x. NaN propagates to its whole row through the sum, so that the maximum may drop it.
// Unit: a row where inner = 1; else SOFTMAX_BLOCK columns: outer * ceil(inner / SOFTMAX_BLOCK) in all.
import { SOFTMAX_BLOCK } from "./abi";
import { exp_negative_f32x4, log_f32x4 } from "./exp";
import {
  high_halves, high_pairs, load_lanes, load_piece, load_tail, low_halves, low_pairs, splat, store_lanes, store_tail,
  sum_lanes,
} from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);
// Rows up to this length are processed four at a time: the work per row would outweigh the work per element.
const SHORT: i32 = 64;
// Floats of a row whose sum is added to the sum of the row at once: keeps the rounding error of long rows small.
const SECTION: i32 = 2048;

export function softmax_f32(out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  each_unit(false, out, x, reduce, inner, from, to);
}

export function log_softmax_f32(out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  each_unit(true, out, x, reduce, inner, from, to);
}

// `log` is a run-time parameter below: a branch per vector costs next to nothing.

function each_unit(log: bool, out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  assert(reduce > 0 && inner > 0);
  if (inner == 1) {
    const row = <usize>reduce << 2;
    if (reduce <= SHORT)
      for (; from < to; from += 4) four_rows(log, out + row * from, x + row * from, reduce, to - from);
    else for (; from < to; from++) one_row(log, out + row * from, x + row * from, reduce);
    return;
  }
  const blocks = (inner - 1) / SOFTMAX_BLOCK + 1;
  const stride = <usize>inner << 2;
  for (; from < to; from++) {
    const o = from / blocks;
    const first = (from - o * blocks) * SOFTMAX_BLOCK;
    const end = min(first + SOFTMAX_BLOCK, inner);
    const offset = stride * o * reduce;
    let i = offset + (<usize>first << 2);
    if (end - first == SOFTMAX_BLOCK) {
      block(log, out + i, x + i, reduce, stride);
      continue;
    }
    for (let left = end - first; left > 0; left -= 4) {
      column(log, out + i, x + i, reduce, stride, min(4, left));
      i += 16;
    }
  }
}

/** The result from x (log softmax) or from exp(x - max) (softmax), with `last` from `of_sum`. */
// @ts-ignore: decorator
@inline
function result(log: bool, x: v128, max: v128, last: v128): v128 {
  return log ? f32x4.sub(f32x4.sub(x, max), last) : f32x4.mul(x, last);
}

/** The logarithm or the inverse of the sum, for the last pass. */
function of_sum(log: bool, sum: v128): v128 {
  return log ? log_f32x4(sum) : f32x4.div(f32x4.splat(1), sum);
}

// --- One row ---

/** The maximum of a row in all lanes. */
function row_max(p: usize, n: i32): v128 {
  let a = splat(MINUS_INFINITY), b = a, c = a, d = a;
  for (; n >= 16; n -= 16) {
    a = f32x4.pmax(a, v128.load(p));
    b = f32x4.pmax(b, v128.load(p, 16));
    c = f32x4.pmax(c, v128.load(p, 32));
    d = f32x4.pmax(d, v128.load(p, 48));
    p += 64;
  }
  for (; n >= 4; n -= 4) {
    a = f32x4.pmax(a, v128.load(p));
    p += 16;
  }
  if (n) b = f32x4.pmax(b, load_piece(p, n));
  a = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
  a = f32x4.pmax(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2));
}

/** Stores exp(x - max) in out for softmax, and sums it; then the last pass, which for log softmax reads x again. */
function one_row(log: bool, q: usize, p: usize, n: i32): void {
  const max = row_max(p, n);
  let row_sum = f32x4.splat(0);
  let t = p;
  let u = q;
  let left = n;
  while (left >= 8) {
    let sum = f32x4.splat(0);
    const rest = left > SECTION ? left - SECTION : left & 7;
    for (; left > rest; left -= 8) {
      const d = exp_negative_f32x4(f32x4.sub(v128.load(t), max));
      const e = exp_negative_f32x4(f32x4.sub(v128.load(t, 16), max));
      if (!log) {
        v128.store(u, d);
        v128.store(u, e, 16);
      }
      sum = f32x4.add(sum, f32x4.add(d, e));
      t += 32;
      u += 32;
    }
    row_sum = f32x4.add(row_sum, sum);
  }
  for (; left > 0; left -= 4) {
    const e = exp_negative_f32x4(f32x4.sub(load_piece(t, left), max));
    if (!log) store_lanes(u, e, min(left, 4));
    row_sum = f32x4.add(row_sum, e);
    t += 16;
    u += 16;
  }
  const last = of_sum(log, f32x4.splat(sum_lanes(row_sum)));
  t = log ? p : q;
  for (; n >= 4; n -= 4) {
    v128.store(q, result(log, v128.load(t), max, last));
    t += 16;
    q += 16;
  }
  if (n) store_tail(q, result(log, load_tail(t, n), max, last), n);
}

// --- Four short rows at once ---

/** Where there are fewer than four rows, the last is processed again for those that are missing. */
function four_rows(log: bool, q: usize, p: usize, n: i32, rows: i32): void {
  const row = <usize>n << 2;
  const one = rows > 1 ? row : 0;
  const two = rows > 2 ? row << 1 : one;
  const three = rows > 3 ? row + (row << 1) : two;

  let a = splat(MINUS_INFINITY), b = a, c = a, d = a;
  let t = p;
  for (let left = n; left > 0; left -= 4) {
    a = f32x4.pmax(a, load_piece(t, left));
    b = f32x4.pmax(b, load_piece(t + one, left));
    c = f32x4.pmax(c, load_piece(t + two, left));
    d = f32x4.pmax(d, load_piece(t + three, left));
    t += 16;
  }
  const ab = f32x4.pmax(low_pairs(a, b), high_pairs(a, b));
  const cd = f32x4.pmax(low_pairs(c, d), high_pairs(c, d));
  const max = f32x4.pmax(low_halves(ab, cd), high_halves(ab, cd));
  const m0 = lane(max, 0), m1 = lane(max, 1), m2 = lane(max, 2), m3 = lane(max, 3);

  a = b = c = d = f32x4.splat(0);
  t = p;
  let u = q;
  for (let left = n; left > 0; left -= 4) {
    // All loads come before all stores: rows may be the same, and out may be x.
    const x0 = load_piece(t, left), x1 = load_piece(t + one, left);
    const x2 = load_piece(t + two, left), x3 = load_piece(t + three, left);
    const e0 = exp_negative_f32x4(f32x4.sub(x0, m0)), e1 = exp_negative_f32x4(f32x4.sub(x1, m1));
    a = f32x4.add(a, e0);
    b = f32x4.add(b, e1);
    const e2 = exp_negative_f32x4(f32x4.sub(x2, m2)), e3 = exp_negative_f32x4(f32x4.sub(x3, m3));
    c = f32x4.add(c, e2);
    d = f32x4.add(d, e3);
    if (!log) {
      const count = min(left, 4);
      store_lanes(u, e0, count);
      store_lanes(u + one, e1, count);
      store_lanes(u + two, e2, count);
      store_lanes(u + three, e3, count);
    }
    t += 16;
    u += 16;
  }
  const sum_ab = f32x4.add(low_pairs(a, b), high_pairs(a, b));
  const sum_cd = f32x4.add(low_pairs(c, d), high_pairs(c, d));
  const last = of_sum(log, f32x4.add(low_halves(sum_ab, sum_cd), high_halves(sum_ab, sum_cd)));
  const l0 = lane(last, 0), l1 = lane(last, 1), l2 = lane(last, 2), l3 = lane(last, 3);

  for (let left = n; left > 0; left -= 4) {
    const count = min(left, 4);
    const from = log ? p : q;
    const x0 = load_lanes(from, count), x1 = load_lanes(from + one, count);
    const x2 = load_lanes(from + two, count), x3 = load_lanes(from + three, count);
    store_lanes(q, result(log, x0, m0, l0), count);
    store_lanes(q + one, result(log, x1, m1, l1), count);
    store_lanes(q + two, result(log, x2, m2, l2), count);
    store_lanes(q + three, result(log, x3, m3, l3), count);
    p += 16;
    q += 16;
  }
}

/** Lane i in all four. */
// @ts-ignore: decorator
@inline
function lane(x: v128, i: i32): v128 {
  if (i == 0) return v128.shuffle<f32>(x, x, 0, 0, 0, 0);
  if (i == 1) return v128.shuffle<f32>(x, x, 1, 1, 1, 1);
  if (i == 2) return v128.shuffle<f32>(x, x, 2, 2, 2, 2);
  return v128.shuffle<f32>(x, x, 3, 3, 3, 3);
}

// --- Across rows: sixteen columns, or one to four ---

function block(log: bool, q: usize, p: usize, rows: i32, stride: usize): void {
  columns(log, 4, 4, q, p, rows, stride);
}

function column(log: bool, q: usize, p: usize, rows: i32, stride: usize, count: i32): void {
  columns(log, 1, count, q, p, rows, stride);
}

/** exp(x - max), which for softmax is stored at q. */
// @ts-ignore: decorator
@inline
function term(log: bool, q: usize, p: usize, count: i32, max: v128): v128 {
  const e = exp_negative_f32x4(f32x4.sub(load_lanes(p, count), max));
  if (!log) store_lanes(q, e, count);
  return e;
}

// @ts-ignore: decorator
@inline
function store_result(log: bool, q: usize, p: usize, count: i32, max: v128, last: v128): void {
  store_lanes(q, result(log, load_lanes(log ? p : q, count), max, last), count);
}

/** One or four vectors of `count` columns. */
// @ts-ignore: decorator
@inline
function columns(log: bool, vectors: i32, count: i32, q: usize, p: usize, rows: i32, stride: usize): void {
  let m0 = splat(MINUS_INFINITY), m1 = m0, m2 = m0, m3 = m0;
  let t = p;
  for (let r = rows; r > 0; r--) {
    m0 = f32x4.pmax(m0, load_lanes(t, count));
    if (vectors == 4) {
      m1 = f32x4.pmax(m1, v128.load(t, 16));
      m2 = f32x4.pmax(m2, v128.load(t, 32));
      m3 = f32x4.pmax(m3, v128.load(t, 48));
    }
    t += stride;
  }
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let u = q;
  t = p;
  for (let r = rows; r > 0; r--) {
    s0 = f32x4.add(s0, term(log, u, t, count, m0));
    if (vectors == 4) {
      s1 = f32x4.add(s1, term(log, u + 16, t + 16, 4, m1));
      s2 = f32x4.add(s2, term(log, u + 32, t + 32, 4, m2));
      s3 = f32x4.add(s3, term(log, u + 48, t + 48, 4, m3));
    }
    t += stride;
    u += stride;
  }
  s0 = of_sum(log, s0);
  if (vectors == 4) {
    s1 = of_sum(log, s1);
    s2 = of_sum(log, s2);
    s3 = of_sum(log, s3);
  }
  for (let r = rows; r > 0; r--) {
    store_result(log, q, p, count, m0, s0);
    if (vectors == 4) {
      store_result(log, q + 16, p + 16, 4, m1, s1);
      store_result(log, q + 32, p + 32, 4, m2, s2);
      store_result(log, q + 48, p + 48, 4, m3, s3);
    }
    p += stride;
    q += stride;
  }
}
