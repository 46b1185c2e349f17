// Losses and their gradients.
//
//   softmax cross-entropy over rows of c classes, with target t (one-hot or given) smoothed to t' = (1 - s) · t + s / c:
//     out[row] = Σ t' · (log Σ e^x - x)     dx = (softmax(x) · Σ t' - t') · dy · factor
//   element-wise losses between x and t, summed by blocks: squared, absolute, Huber, and the cross-entropy of sigmoid(x)
//
// dy is one float in memory, because another kernel computes it.
import { LOSS_ABSOLUTE, LOSS_LOGITS, LOSS_POWER, LOSS_SQUARE, MAP_BLOCK } from "./abi";
import { exp_negative_f32x4, log1p_f32x4, log_f32x4 } from "./exp";
import { load_next, madd, splat, store_next, sum_lanes } from "./simd";

const NUMBERS: usize = memory.data<f32>([-Infinity, 1, 0.5]);
const MINUS_INFINITY: usize = NUMBERS;
const ONE: usize = NUMBERS + 4;
const HALF: usize = NUMBERS + 8;
const SIGN: usize = memory.data<i32>([<i32>0x80000000]);
const LANES: usize = memory.data<i32>([0, 1, 2, 3]);

// --- Softmax cross-entropy ---

/** The maximum of a row in all lanes. */
function row_max(p: usize, n: i32): v128 {
  let a = splat(MINUS_INFINITY);
  for (; n > 0; n -= 4, p += 16) a = f32x4.pmax(a, logits(p, n));
  a = f32x4.pmax(a, v128.shuffle<f32>(a, a, 2, 3, 0, 1));
  return f32x4.pmax(a, v128.shuffle<f32>(a, a, 1, 0, 3, 2));
}

/** The first min(left, 4) floats of a row; -Infinity, whose exponential is 0, in the other lanes. */
// @ts-ignore: decorator
@inline
function logits(p: usize, left: i32): v128 {
  return v128.bitselect(load_next(p, left), splat(MINUS_INFINITY), lanes_in(left));
}

/** A mask of the first min(left, 4) lanes. */
// @ts-ignore: decorator
@inline
function lanes_in(left: i32): v128 {
  return i32x4.lt_s(v128.load(LANES), i32x4.splat(left));
}

/**
 * The loss of each row; NaN where a label is not in 0 to c - 1. `target` holds labels (i32, one per row) when `sparse`, else c
 * floats per row. Unit: one row.
 */
export function cross_entropy_f32(
  out: usize, x: usize, target: usize, c: i32, sparse: i32, smoothing: f32, from: i32, to: i32,
): void {
  assert(c > 0);
  for (; from < to; from++) {
    const p = x + ((<usize>from * c) << 2);
    const t = target + ((<usize>from * c) << 2);
    const max = row_max(p, c);
    // Σ e^(x - max), Σ (max - x), Σ t and Σ t · (max - x).
    let exps = f32x4.splat(0), all = exps, weights = exps, given = exps;
    let i: usize = 0;
    for (let left = c; left > 0; left -= 4, i += 16) {
      const d = f32x4.sub(logits(p + i, left), max);
      exps = f32x4.add(exps, exp_negative_f32x4(d));
      const below = v128.and(f32x4.neg(d), lanes_in(left));
      all = f32x4.add(all, below);
      if (!sparse) {
        const weight = load_next(t + i, left);
        weights = f32x4.add(weights, weight);
        given = madd(weight, below, given);
      }
    }
    const log = f32x4.extract_lane(log_f32x4(f32x4.splat(sum_lanes(exps))), 0);
    let weight: f32 = 1, own: f32 = NaN;
    if (sparse) {
      const label = load<i32>(target + (<usize>from << 2));
      if (<u32>label < <u32>c) own = f32x4.extract_lane(max, 0) - load<f32>(p + (<usize>label << 2));
    } else {
      weight = sum_lanes(weights);
      own = sum_lanes(given);
    }
    let loss = log * ((1 - smoothing) * weight + smoothing) + (1 - smoothing) * own;
    if (smoothing > 0) loss += smoothing / <f32>c * sum_lanes(all);
    store<f32>(out + (<usize>from << 2), loss);
  }
}

/** The gradient with respect to x; NaN in rows whose label is not in 0 to c - 1. out may be x. Unit: one row. */
export function cross_entropy_grad_f32(
  out: usize, x: usize, target: usize, dy: usize, c: i32, sparse: i32, smoothing: f32, factor: f32, from: i32, to: i32,
): void {
  assert(c > 0);
  const scale = load<f32>(dy) * factor;
  for (; from < to; from++) {
    const row = (<usize>from * c) << 2;
    const p = x + row;
    const q = out + row;
    const t = target + row;
    const max = row_max(p, c);
    let exps = f32x4.splat(0), weights = exps;
    let i: usize = 0;
    for (let left = c; left > 0; left -= 4, i += 16) {
      const e = exp_negative_f32x4(f32x4.sub(logits(p + i, left), max));
      exps = f32x4.add(exps, e);
      if (!sparse) weights = f32x4.add(weights, load_next(t + i, left));
      store_next(q + i, e, left);
    }
    const label = sparse ? load<i32>(target + (<usize>from << 2)) : 0;
    const own: f32 = <u32>label < <u32>c ? scale : NaN;
    const weight: f32 = sparse ? 1 : (1 - smoothing) * sum_lanes(weights) + smoothing;
    const share = f32x4.splat(weight * own / sum_lanes(exps));
    const floor = f32x4.splat(-own * smoothing / <f32>c);
    const kept = f32x4.splat(-own * (1 - smoothing));
    i = 0;
    for (let left = c; left > 0; left -= 4, i += 16) {
      let d = madd(load_next(q + i, left), share, floor);
      if (!sparse) d = madd(load_next(t + i, left), kept, d);
      store_next(q + i, d, left);
    }
    if (sparse && <u32>label < <u32>c) {
      const target_q = q + (<usize>label << 2);
      store<f32>(target_q, load<f32>(target_q) - own * (1 - smoothing));
    }
  }
}

// --- Element-wise losses ---
// `kind` is a run-time parameter: outputs of a network are few, and so is the work of its loss.

/** The terms of four values. */
// @ts-ignore: decorator
@inline
function term(kind: i32, x: v128, t: v128, delta: v128): v128 {
  // max(x, 0) - x · t + ln(1 + e^-|x|)
  if (kind == LOSS_LOGITS) {
    const negative = v128.or(x, splat(SIGN));
    const linear = madd(f32x4.neg(x), t, f32x4.pmax(x, f32x4.splat(0)));
    return f32x4.add(linear, log1p_f32x4(exp_negative_f32x4(negative)));
  }
  if (kind == LOSS_POWER) return f32x4.mul(x, x);
  const d = f32x4.sub(x, t);
  if (kind == LOSS_SQUARE) return f32x4.mul(d, d);
  const a = f32x4.abs(d);
  if (kind == LOSS_ABSOLUTE) return a;
  // d² / 2 where |d| <= delta, delta · (|d| - delta / 2) elsewhere
  const m = f32x4.pmin(a, delta);
  return f32x4.mul(m, madd(m, f32x4.neg(splat(HALF)), a));
}

/** The derivative with respect to x. */
// @ts-ignore: decorator
@inline
function slope(kind: i32, x: v128, t: v128, delta: v128): v128 {
  const zero = f32x4.splat(0);
  const one = splat(ONE);
  if (kind == LOSS_LOGITS) {
    const e = exp_negative_f32x4(v128.or(x, splat(SIGN)));
    const p = f32x4.div(one, f32x4.add(e, one));
    return f32x4.sub(v128.bitselect(p, f32x4.mul(e, p), f32x4.gt(x, zero)), t);
  }
  const d = f32x4.sub(x, t);
  if (kind == LOSS_SQUARE) return f32x4.add(d, d);
  if (kind == LOSS_ABSOLUTE) return v128.and(v128.bitselect(d, one, splat(SIGN)), f32x4.ne(d, zero));
  return f32x4.pmin(f32x4.pmax(d, f32x4.neg(delta)), delta);
}

/** Sums of MAP_BLOCK terms each, of which the last may have fewer. `kind` is one of LOSS_*. Unit: one sum. */
export function loss_f32(out: usize, x: usize, t: usize, count: i32, kind: i32, delta: f32, from: i32, to: i32): void {
  const deltas = f32x4.splat(delta);
  for (; from < to; from++) {
    let sum = f32x4.splat(0);
    let i = <usize>from * MAP_BLOCK << 2;
    for (let left = min(MAP_BLOCK, count - from * MAP_BLOCK); left > 0; left -= 4, i += 16) {
      const terms = term(kind, load_next(x + i, left), load_next(t + i, left), deltas);
      sum = f32x4.add(sum, v128.and(terms, lanes_in(left)));
    }
    store<f32>(out + (<usize>from << 2), sum_lanes(sum));
  }
}

/** dx = derivative · dy · factor. out may be x or t. Unit: MAP_BLOCK floats. */
export function loss_grad_f32(
  out: usize, x: usize, t: usize, dy: usize, count: i32, kind: i32, delta: f32, factor: f32, from: i32, to: i32,
): void {
  const deltas = f32x4.splat(delta);
  const scale = f32x4.splat(load<f32>(dy) * factor);
  let i = <usize>from * MAP_BLOCK << 2;
  for (let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK; left > 0; left -= 4, i += 16) {
    const d = slope(kind, load_next(x + i, left), load_next(t + i, left), deltas);
    store_next(out + i, f32x4.mul(d, scale), left);
  }
}
