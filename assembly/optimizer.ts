// One step of an optimizer over the `count` weights of a block, in place on weights and state. PyTorch's formulas.
// `hyper` holds the f32 numbers that change from step to step (HYPER_*); `rule` those that stay (RULE_*).
// Unit: MAP_BLOCK floats.
import { HYPER_RATE, HYPER_ROOT, HYPER_STEP, MAP_BLOCK, RULE_DECAY, RULE_EPSILON, RULE_KEEP, RULE_KEEP_SQUARE } from "./abi";
import { RULE_MOMENTUM, RULE_SHRINK, RULE_TAKE, RULE_TAKE_SQUARE } from "./abi";
import { load_next, madd, splat, store_next } from "./simd";

// @ts-ignore: decorator
@inline
function number(record: usize, index: i32): v128 {
  return splat(record + (<usize>index << 2));
}

/**
 * g = grad + decay · w; v = momentum · v + g; w -= rate · v, with Nesterov rate · (g + momentum · v). Without a `velocity`
 * (0) w -= rate · g.
 */
export function sgd_f32(
  w: usize, grad: usize, velocity: usize, hyper: usize, rule: usize, nesterov: i32, count: i32, from: i32, to: i32,
): void {
  const rate = f32x4.neg(number(hyper, HYPER_RATE));
  const momentum = number(rule, RULE_MOMENTUM), decay = number(rule, RULE_DECAY);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  for (let i = <usize>from * MAP_BLOCK << 2; left > 0; left -= 4, i += 16) {
    const value = load_next(w + i, left);
    let g = madd(value, decay, load_next(grad + i, left));
    if (velocity) {
      const v = madd(load_next(velocity + i, left), momentum, g);
      store_next(velocity + i, v, left);
      g = nesterov ? madd(v, momentum, g) : v;
    }
    store_next(w + i, madd(g, rate, value), left);
  }
}

/**
 * g = grad + decay · w; w -= rate · shrink · w; m = keep · m + take · g; s = keep2 · s + take2 · g²;
 * w -= step · m / (√s · root + epsilon), where step = rate / (1 - keep^t), root = 1 / √(1 - keep2^t).
 */
export function adam_f32(
  w: usize, grad: usize, mean: usize, square: usize, hyper: usize, rule: usize, count: i32, from: i32, to: i32,
): void {
  const step = number(hyper, HYPER_STEP), root = number(hyper, HYPER_ROOT);
  const shrink = f32x4.neg(f32x4.mul(number(hyper, HYPER_RATE), number(rule, RULE_SHRINK)));
  const decay = number(rule, RULE_DECAY), epsilon = number(rule, RULE_EPSILON);
  const keep = number(rule, RULE_KEEP), take = number(rule, RULE_TAKE);
  const keep2 = number(rule, RULE_KEEP_SQUARE), take2 = number(rule, RULE_TAKE_SQUARE);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  for (let i = <usize>from * MAP_BLOCK << 2; left > 0; left -= 4, i += 16) {
    const value = load_next(w + i, left);
    const g = madd(value, decay, load_next(grad + i, left));
    const m = madd(load_next(mean + i, left), keep, f32x4.mul(g, take));
    const s = madd(load_next(square + i, left), keep2, f32x4.mul(f32x4.mul(g, g), take2));
    store_next(mean + i, m, left);
    store_next(square + i, s, left);
    const by = f32x4.div(f32x4.mul(m, step), madd(f32x4.sqrt(s), root, epsilon));
    store_next(w + i, f32x4.sub(madd(value, shrink, value), by), left);
  }
}

/**
 * g = grad + decay · w; s = keep2 · s + take2 · g²; d = g / (√s + epsilon), centred by m = keep2 · m + take2 · g:
 * d = g / (√(s - m²) + epsilon); v = momentum · v + d; w -= rate · v. `mean` and `velocity` may be 0: none.
 * keep2 = take2 = 1 and neither of them is Adagrad.
 */
export function rmsprop_f32(
  w: usize, grad: usize, square: usize, mean: usize, velocity: usize, hyper: usize, rule: usize, count: i32,
  from: i32, to: i32,
): void {
  const rate = f32x4.neg(number(hyper, HYPER_RATE));
  const decay = number(rule, RULE_DECAY), epsilon = number(rule, RULE_EPSILON), momentum = number(rule, RULE_MOMENTUM);
  const keep2 = number(rule, RULE_KEEP_SQUARE), take2 = number(rule, RULE_TAKE_SQUARE);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  for (let i = <usize>from * MAP_BLOCK << 2; left > 0; left -= 4, i += 16) {
    const value = load_next(w + i, left);
    const g = madd(value, decay, load_next(grad + i, left));
    let s = madd(load_next(square + i, left), keep2, f32x4.mul(f32x4.mul(g, g), take2));
    store_next(square + i, s, left);
    if (mean) {
      const m = madd(load_next(mean + i, left), keep2, f32x4.mul(g, take2));
      store_next(mean + i, m, left);
      s = f32x4.pmax(f32x4.sub(s, f32x4.mul(m, m)), f32x4.splat(0));
    }
    let d = f32x4.div(g, f32x4.add(f32x4.sqrt(s), epsilon));
    if (velocity) {
      d = madd(load_next(velocity + i, left), momentum, d);
      store_next(velocity + i, d, left);
    }
    store_next(w + i, madd(d, rate, value), left);
  }
}

/** From a sum of squares what limits its root: scale = min(1, limit / (norm + 1e-6)), norm = √total. One unit. */
export function norm_limit_f32(scale: usize, norm: usize, total: usize, limit: f32, from: i32, to: i32): void {
  if (from >= to) return;
  const root = sqrt(load<f32>(total));
  const by = limit / (root + 0.000001);
  // A NaN stays one.
  store<f32>(scale, by >= 1 ? 1 : by);
  store<f32>(norm, root);
}
