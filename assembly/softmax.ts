// Softmax over one axis: x is [outer, reduce, inner], dense; m and s are taken over r.
//   softmax:     out[o, r, i] = exp(x[o, r, i] - m) / s
//   log softmax: out[o, r, i] = x[o, r, i] - m - log(s)  with m = max x[o, r, i], s = sum exp(x[o, r, i] - m)
// out may be x. A NaN in a row makes the whole row NaN through the sum, so the maximum need not carry it.
// Unit: a row where inner = 1; else SOFTMAX_BLOCK columns: outer * ceil(inner / SOFTMAX_BLOCK) in all.
import { SOFTMAX_BLOCK } from "./abi";
import { exp_f32x4 } from "./exp";
import { load_lanes, load_tail, splat, store_lanes, store_tail, sum_lanes } from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);
// Lane masks: the vector that begins at element 3 - count has its first `count` lanes set.
const MASKS: usize = memory.data<i32>([-1, -1, -1, 0, 0, 0]);
// Floats of a row that are added up before they join the total: keeps the rounding error of long rows small.
const SECTION: i32 = 2048;

export function softmax_f32(out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  each_unit(false, out, x, reduce, inner, from, to);
}

export function log_softmax_f32(out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  each_unit(true, out, x, reduce, inner, from, to);
}

// @ts-ignore: decorator
@inline
function each_unit(log: bool, out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  assert(reduce > 0 && inner > 0);
  if (inner == 1) {
    const row = <usize>reduce << 2;
    for (; from < to; from++) {
      if (log) log_softmax_row(out + row * from, x + row * from, reduce);
      else softmax_row(out + row * from, x + row * from, reduce);
    }
    return;
  }
  const blocks = (inner - 1) / SOFTMAX_BLOCK + 1;
  const stride = <usize>inner << 2;
  for (; from < to; from++) {
    const o = from / blocks;
    const first = (from - o * blocks) * SOFTMAX_BLOCK;
    const end = min(first + SOFTMAX_BLOCK, inner);
    const offset = stride * o * reduce;
    let at = offset + (<usize>first << 2);
    if (end - first == SOFTMAX_BLOCK) {
      if (log) log_softmax_block(out + at, x + at, reduce, stride);
      else softmax_block(out + at, x + at, reduce, stride);
      continue;
    }
    for (let left = end - first; left > 0; left -= 4) {
      if (log) log_softmax_column(out + at, x + at, reduce, stride, min(4, left));
      else softmax_column(out + at, x + at, reduce, stride, min(4, left));
      at += 16;
    }
  }
}

// --- Along a row ---

/** The last one to three floats of a row; -Infinity, which adds nothing, in the other lanes. */
// @ts-ignore: decorator
@inline
function load_last(p: usize, count: i32): v128 {
  return v128.bitselect(load_tail(p, count), splat(MINUS_INFINITY), v128.load(MASKS + ((3 - count) << 2)));
}

/** The largest of a row in all lanes. */
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
  if (n) b = f32x4.pmax(b, load_last(p, n));
  a = f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d));
  a = f32x4.pmax(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2));
}

/** The sum of exp(x - max) over a row; the exponentials are kept at q where `keep`. */
// @ts-ignore: decorator
@inline
function row_sum(keep: bool, q: usize, p: usize, n: i32, max: v128): f32 {
  let total = f32x4.splat(0);
  while (n >= 4) {
    let sum = f32x4.splat(0);
    const rest = n > SECTION ? n - SECTION : n & 3;
    for (; n > rest; n -= 4) {
      const e = exp_f32x4(f32x4.sub(v128.load(p), max));
      if (keep) v128.store(q, e);
      sum = f32x4.add(sum, e);
      p += 16;
      q += 16;
    }
    total = f32x4.add(total, sum);
  }
  if (n) {
    const e = exp_f32x4(f32x4.sub(load_last(p, n), max));
    if (keep) store_tail(q, e, n);
    total = f32x4.add(total, e);
  }
  return sum_lanes(total);
}

function softmax_row(q: usize, p: usize, n: i32): void {
  const scale = f32x4.splat(1 / row_sum(true, q, p, n, row_max(p, n)));
  for (; n >= 8; n -= 8) {
    v128.store(q, f32x4.mul(v128.load(q), scale));
    v128.store(q, f32x4.mul(v128.load(q, 16), scale), 16);
    q += 32;
  }
  if (n >= 4) {
    v128.store(q, f32x4.mul(v128.load(q), scale));
    q += 16;
    n -= 4;
  }
  if (n) store_tail(q, f32x4.mul(load_tail(q, n), scale), n);
}

function log_softmax_row(q: usize, p: usize, n: i32): void {
  const max = row_max(p, n);
  const log = f32x4.splat(Mathf.log(row_sum(false, 0, p, n, max)));
  for (; n >= 4; n -= 4) {
    v128.store(q, f32x4.sub(f32x4.sub(v128.load(p), max), log));
    p += 16;
    q += 16;
  }
  if (n) store_tail(q, f32x4.sub(f32x4.sub(load_tail(p, n), max), log), n);
}

// --- Across rows: a block of sixteen columns, or one to four ---

function softmax_block(q: usize, p: usize, rows: i32, stride: usize): void {
  columns(false, 4, 4, q, p, rows, stride);
}

function log_softmax_block(q: usize, p: usize, rows: i32, stride: usize): void {
  columns(true, 4, 4, q, p, rows, stride);
}

function softmax_column(q: usize, p: usize, rows: i32, stride: usize, count: i32): void {
  columns(false, 1, count, q, p, rows, stride);
}

function log_softmax_column(q: usize, p: usize, rows: i32, stride: usize, count: i32): void {
  columns(true, 1, count, q, p, rows, stride);
}

/** exp(x - max); stored at q where the exponentials are wanted. */
// @ts-ignore: decorator
@inline
function term(log: bool, q: usize, p: usize, count: i32, max: v128): v128 {
  const e = exp_f32x4(f32x4.sub(load_lanes(p, count), max));
  if (!log) store_lanes(q, e, count);
  return e;
}

// @ts-ignore: decorator
@inline
function finish(log: bool, q: usize, p: usize, count: i32, max: v128, last: v128): void {
  if (log) store_lanes(q, f32x4.sub(f32x4.sub(load_lanes(p, count), max), last), count);
  else store_lanes(q, f32x4.mul(load_lanes(q, count), last), count);
}

/** What the last pass needs of the sum: its logarithm or its inverse. */
// @ts-ignore: decorator
@inline
function of_sum(log: bool, sum: v128): v128 {
  if (!log) return f32x4.div(f32x4.splat(1), sum);
  return f32x4(
    Mathf.log(f32x4.extract_lane(sum, 0)),
    Mathf.log(f32x4.extract_lane(sum, 1)),
    Mathf.log(f32x4.extract_lane(sum, 2)),
    Mathf.log(f32x4.extract_lane(sum, 3)),
  );
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
    finish(log, q, p, count, m0, s0);
    if (vectors == 4) {
      finish(log, q + 16, p + 16, 4, m1, s1);
      finish(log, q + 32, p + 32, 4, m2, s2);
      finish(log, q + 48, p + 48, 4, m3, s3);
    }
    p += stride;
    q += stride;
  }
}
