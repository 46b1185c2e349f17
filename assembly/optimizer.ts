// One step of an optimizer over the `count` weights of a tensor, in place on weights and state, by PyTorch's formulas.
// `hyper` holds the f32 numbers that change from step to step (HYPER_*), `rule` those that do not (RULE_*).
// Unit: MAP_BLOCK floats.
import {
  HYPER_DIRECT, HYPER_RATE, HYPER_ROOT, HYPER_STEP, MAP_BLOCK, RULE_DECAY, RULE_EPSILON, RULE_KEEP, RULE_KEEP_SQUARE,
  RULE_MOMENTUM, RULE_SHRINK, RULE_TAKE, RULE_TAKE_SQUARE,
} from "./abi";
import { load_next, madd, splat, store_next } from "./simd";

// @ts-ignore: decorator
@inline
function number(record: usize, index: i32): v128 {
  return splat(record + (<usize>index << 2));
}

/** The smallest normal number. */
const NORMAL: usize = memory.data<f32>([1.1754943508222875e-38]);

/**
 * State as it is stored: denormal numbers become 0. What decays would end among them and stay there, and many processors compute with
 * them a hundred times slower. NaN is kept.
 */
// @ts-ignore: decorator
@inline
function flushed(x: v128): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), splat(NORMAL)));
}

/** Four floats, or the first `left` where the vector is not whole. */
// @ts-ignore: decorator
@inline
function load_vector(whole: bool, p: usize, left: i32): v128 {
  return whole ? v128.load(p) : load_next(p, left);
}

// @ts-ignore: decorator
@inline
function store_vector(whole: bool, p: usize, x: v128, left: i32): void {
  if (whole) v128.store(p, x);
  else store_next(p, x, left);
}

/**
 * g = grad + decay · w; v = momentum · v + g; w -= rate · v, with Nesterov's momentum rate · (g + momentum · v). Without
 * `velocity` (0): w -= rate · g.
 */
export function sgd_f32(
  w: usize, grad: usize, velocity: usize, hyper: usize, rule: usize, nesterov: i32, count: i32, from: i32, to: i32,
): void {
  const rate = f32x4.neg(number(hyper, HYPER_RATE));
  const momentum = number(rule, RULE_MOMENTUM), decay = number(rule, RULE_DECAY);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  for (; left >= 4; left -= 4, i += 16) sgd(true, w, grad, velocity, i, left, nesterov, rate, momentum, decay);
  if (left > 0) sgd(false, w, grad, velocity, i, left, nesterov, rate, momentum, decay);
}

// @ts-ignore: decorator
@inline
function sgd(
  whole: bool, w: usize, grad: usize, velocity: usize, i: usize, left: i32, nesterov: i32, rate: v128, momentum: v128,
  decay: v128,
): void {
  const value = load_vector(whole, w + i, left);
  let g = madd(value, decay, load_vector(whole, grad + i, left));
  if (velocity) {
    const v = madd(load_vector(whole, velocity + i, left), momentum, g);
    store_vector(whole, velocity + i, flushed(v), left);
    g = nesterov ? madd(v, momentum, g) : v;
  }
  store_vector(whole, w + i, madd(g, rate, value), left);
}

/**
 * g = grad + decay · w; m = keep · m + take · g; s = keep2 · s + take2 · g²; r = √s · root + epsilon;
 * w -= rate · shrink · w + (step · m + direct · g) / r, where step = rate / (1 - keep^t), root = 1 / √(1 - keep2^t). Nadam takes some of
 * its step from g itself, the others none. With `largest` (AMSGrad) s is its largest value so far in r. Without `square` (Adamax)
 * r = largest = max(keep2 · largest, |g| + epsilon). `out` is w; elsewhere it takes the change alone, and w stays (LAMB).
 */
export function adam_f32(
  out: usize, w: usize, grad: usize, mean: usize, square: usize, largest: usize, hyper: usize, rule: usize, count: i32,
  from: i32, to: i32,
): void {
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  for (; left >= 4; left -= 4, i += 16) adam(true, out, w, grad, mean, square, largest, i, left, hyper, rule);
  if (left > 0) adam(false, out, w, grad, mean, square, largest, i, left, hyper, rule);
}

// Constants are loaded where they are used, an L1 hit each: there are more of them than registers.

// @ts-ignore: decorator
@inline
function adam(
  whole: bool, out: usize, w: usize, grad: usize, mean: usize, square: usize, largest: usize, i: usize, left: i32,
  hyper: usize, rule: usize,
): void {
  const value = load_vector(whole, w + i, left);
  const g = madd(value, number(rule, RULE_DECAY), load_vector(whole, grad + i, left));
  const m = madd(load_vector(whole, mean + i, left), number(rule, RULE_KEEP), f32x4.mul(g, number(rule, RULE_TAKE)));
  store_vector(whole, mean + i, flushed(m), left);
  const keep = number(rule, RULE_KEEP_SQUARE), epsilon = number(rule, RULE_EPSILON);
  let root: v128;
  if (square) {
    const taken = f32x4.mul(f32x4.mul(g, g), number(rule, RULE_TAKE_SQUARE));
    let s = madd(load_vector(whole, square + i, left), keep, taken);
    store_vector(whole, square + i, flushed(s), left);
    if (largest) {
      s = f32x4.max(s, load_vector(whole, largest + i, left));
      store_vector(whole, largest + i, flushed(s), left);
    }
    root = madd(f32x4.sqrt(s), number(hyper, HYPER_ROOT), epsilon);
  } else {
    root = f32x4.max(f32x4.mul(load_vector(whole, largest + i, left), keep), f32x4.add(f32x4.abs(g), epsilon));
    store_vector(whole, largest + i, flushed(root), left);
  }
  const shrink = f32x4.mul(number(hyper, HYPER_RATE), number(rule, RULE_SHRINK));
  const kept = madd(f32x4.neg(shrink), value, out == w ? value : f32x4.splat(0));
  const steps = madd(g, number(hyper, HYPER_DIRECT), f32x4.mul(m, number(hyper, HYPER_STEP)));
  store_vector(whole, out + i, f32x4.sub(kept, f32x4.div(steps, root)), left);
}

/** w -= rate · (shrink · w + sign(keep · m + take · g)); m = keep2 · m + take2 · g, with g = grad + decay · w. */
export function lion_f32(
  w: usize, grad: usize, mean: usize, hyper: usize, rule: usize, count: i32, from: i32, to: i32,
): void {
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  for (; left > 0; left -= 4, i += 16) {
    const value = load_next(w + i, left), m = load_next(mean + i, left);
    const g = madd(value, number(rule, RULE_DECAY), load_next(grad + i, left));
    const c = madd(m, number(rule, RULE_KEEP), f32x4.mul(g, number(rule, RULE_TAKE)));
    const kept = madd(m, number(rule, RULE_KEEP_SQUARE), f32x4.mul(g, number(rule, RULE_TAKE_SQUARE)));
    store_next(mean + i, flushed(kept), left);
    const rate = number(hyper, HYPER_RATE), zero = f32x4.splat(0), one = f32x4.splat(1);
    // Neither above nor below 0 keeps what it is: 0, or NaN.
    let sign = v128.bitselect(one, c, f32x4.gt(c, zero));
    sign = v128.bitselect(f32x4.neg(one), sign, f32x4.lt(c, zero));
    const change = madd(value, number(rule, RULE_SHRINK), sign);
    store_next(w + i, madd(f32x4.neg(rate), change, value), left);
  }
}

/**
 * g = grad + decay · w; s = keep2 · s + take2 · g²; d = g · √(delta + epsilon) / √(s + epsilon); delta = keep2 · delta + take2 · d²;
 * w -= rate · d.
 */
export function adadelta_f32(
  w: usize, grad: usize, square: usize, delta: usize, hyper: usize, rule: usize, count: i32, from: i32, to: i32,
): void {
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  for (; left > 0; left -= 4, i += 16) {
    const value = load_next(w + i, left), before = load_next(delta + i, left);
    const g = madd(value, number(rule, RULE_DECAY), load_next(grad + i, left));
    const keep = number(rule, RULE_KEEP_SQUARE), take = number(rule, RULE_TAKE_SQUARE);
    const epsilon = number(rule, RULE_EPSILON);
    const s = madd(load_next(square + i, left), keep, f32x4.mul(f32x4.mul(g, g), take));
    store_next(square + i, flushed(s), left);
    const d = f32x4.mul(f32x4.div(f32x4.sqrt(f32x4.add(before, epsilon)), f32x4.sqrt(f32x4.add(s, epsilon))), g);
    store_next(delta + i, flushed(madd(before, keep, f32x4.mul(f32x4.mul(d, d), take))), left);
    store_next(w + i, madd(f32x4.neg(number(hyper, HYPER_RATE)), d, value), left);
  }
}

/**
 * g = grad + decay · w; s = keep2 · s + take2 · g²; d = g / (√s + epsilon), centred by m = keep2 · m + take2 · g:
 * d = g / (√(s - m²) + epsilon); v = momentum · v + d; w -= rate · v. `mean` and `velocity` may be 0 (none).
 * Adagrad is keep2 = take2 = 1 without mean and velocity.
 */
export function rmsprop_f32(
  w: usize, grad: usize, square: usize, mean: usize, velocity: usize, hyper: usize, rule: usize, count: i32, from: i32,
  to: i32,
): void {
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  for (; left >= 4; left -= 4, i += 16) rmsprop(true, w, grad, square, mean, velocity, i, left, hyper, rule);
  if (left > 0) rmsprop(false, w, grad, square, mean, velocity, i, left, hyper, rule);
}

// @ts-ignore: decorator
@inline
function rmsprop(
  whole: bool, w: usize, grad: usize, square: usize, mean: usize, velocity: usize, i: usize, left: i32, hyper: usize,
  rule: usize,
): void {
  const value = load_vector(whole, w + i, left);
  const g = madd(value, number(rule, RULE_DECAY), load_vector(whole, grad + i, left));
  const keep = number(rule, RULE_KEEP_SQUARE), take = number(rule, RULE_TAKE_SQUARE);
  let s = madd(load_vector(whole, square + i, left), keep, f32x4.mul(f32x4.mul(g, g), take));
  store_vector(whole, square + i, flushed(s), left);
  if (mean) {
    const m = madd(load_vector(whole, mean + i, left), keep, f32x4.mul(g, take));
    store_vector(whole, mean + i, flushed(m), left);
    s = f32x4.pmax(f32x4.sub(s, f32x4.mul(m, m)), f32x4.splat(0));
  }
  let d = f32x4.div(g, f32x4.add(f32x4.sqrt(s), number(rule, RULE_EPSILON)));
  if (velocity) {
    d = madd(load_vector(whole, velocity + i, left), number(rule, RULE_MOMENTUM), d);
    store_vector(whole, velocity + i, flushed(d), left);
  }
  store_vector(whole, w + i, madd(f32x4.neg(number(hyper, HYPER_RATE)), d, value), left);
}

/** norm = √sum, of a sum of squares, and scale = min(1, limit / (norm + 1e-6)), which clips a gradient. One unit. */
export function norm_limit_f32(scale: usize, norm: usize, sum: usize, limit: f32, from: i32, to: i32): void {
  if (from >= to) return;
  const root = sqrt(load<f32>(sum));
  const factor = limit / (root + 0.000001);
  // NaN propagates.
  store<f32>(scale, factor >= 1 ? 1 : factor);
  store<f32>(norm, root);
}

/**
 * The factor of LAMB's change of a tensor, as the rate of `sgd_f32`: out = -rate · ‖w‖ / ‖change‖, of sums of squares, where the change
 * was made with that rate; -1 where one of them is 0. One unit.
 */
export function trust_rate_f32(out: usize, weights: usize, changes: usize, hyper: usize, from: i32, to: i32): void {
  if (from >= to) return;
  const w = sqrt(load<f32>(weights)), change = sqrt(load<f32>(changes));
  const rate = load<f32>(hyper + (HYPER_RATE << 2));
  store<f32>(out, w == 0 || change == 0 ? -1 : (-rate * w) / change);
}
