// out[i] = dy[i] · f'(x[i]) over `count` floats, with the derivative taken from v: y = f(x) where the formula allows, else x.
// Lanes are neighbouring floats. out may be dy, or v. A unit is a block of MAP_BLOCK floats; the last may be partial.
import { GRAD_ABS, GRAD_CLIP, GRAD_ELU, GRAD_ELU_X, GRAD_GELU, GRAD_GELU_TANH, GRAD_HARD_SWISH, GRAD_MISH } from "./abi";
import { GRAD_POLYNOMIAL, GRAD_PRELU, GRAD_SILU, GRAD_SOFTPLUS, GRAD_SOFTSIGN, MAP_BLOCK } from "./abi";
import { exp_negative_f32x4, exp_normal_f32x4, expm1_f32x4, normal_tail_f32x4 } from "./exp";
import { load_next, madd, splat, store_next } from "./simd";

const NUMBERS: usize = memory.data<f32>([
  1, 2, 3, 4, 0.5, 0.33333334,
  // -2·√(2/π), that times 0.044715, and three times that
  -1.5957691216057308, -0.07135481627260025, -0.21406444881780074,
  // from here on tanh(softplus(x)) is 1
  30,
  // from here on a · Φ(-a) is 0
  14.5,
  // 1 / √(2π)
  0.3989422804014327, -0.5,
]);
const ONE: usize = NUMBERS;
const TWO: usize = NUMBERS + 4;
const THREE: usize = NUMBERS + 8;
const FOUR: usize = NUMBERS + 12;
const HALF: usize = NUMBERS + 16;
const THIRD: usize = NUMBERS + 20;
const GELU_1: usize = NUMBERS + 24;
const GELU_3: usize = NUMBERS + 28;
const GELU_9: usize = NUMBERS + 32;
const MISH_MAX: usize = NUMBERS + 36;
const GELU_MAX: usize = NUMBERS + 40;
const DENSITY: usize = NUMBERS + 44;
const MINUS_HALF: usize = NUMBERS + 48;

/** u · σ'(u)-like part and σ itself, both accurate on either side of 0: σ(a) + part · e / (1 + e)², e = e^-|a|. */
// @ts-ignore: decorator
@inline
function sigmoid_and_slope(a: v128, part: v128): v128 {
  const zero = f32x4.splat(0);
  const e = exp_negative_f32x4(f32x4.sub(zero, f32x4.abs(a)));
  const p = f32x4.div(splat(ONE), f32x4.add(e, splat(ONE)));
  const ep = f32x4.mul(e, p);
  const s = v128.bitselect(p, ep, f32x4.gt(a, zero));
  return madd(part, f32x4.mul(ep, p), s);
}

/** The gradient of four values. `kind` is a literal. */
// @ts-ignore: decorator
@inline
function apply(kind: i32, dy: v128, v: v128, p: v128, q: v128, r: v128): v128 {
  const zero = f32x4.splat(0);
  // p between 0 and r, q outside; no upper end when r is NaN
  if (kind == GRAD_CLIP) {
    const outside = v128.or(f32x4.le(v, zero), f32x4.ge(v, r));
    return v128.bitselect(f32x4.mul(dy, q), f32x4.mul(dy, p), outside);
  }
  // p + y · (q + r · y)
  if (kind == GRAD_POLYNOMIAL) return f32x4.mul(dy, madd(v, madd(v, r, q), p));
  // q above 0, y + p below
  if (kind == GRAD_ELU) return f32x4.mul(dy, v128.bitselect(q, f32x4.add(v, p), f32x4.gt(v, zero)));
  // q above 0, p · e^x below
  if (kind == GRAD_ELU_X)
    return f32x4.mul(dy, v128.bitselect(q, f32x4.mul(p, exp_normal_f32x4(v)), f32x4.gt(v, zero)));
  // the sign of x, 0 at 0
  if (kind == GRAD_ABS) {
    const turned = v128.bitselect(f32x4.neg(dy), dy, f32x4.lt(v, zero));
    return v128.and(turned, f32x4.ne(v, zero));
  }
  // 0 above 0, x below: what a slope of prelu meets
  if (kind == GRAD_PRELU) return v128.andnot(f32x4.mul(dy, v), f32x4.gt(v, zero));
  if (kind == GRAD_SOFTSIGN) {
    const t = f32x4.sub(splat(ONE), f32x4.abs(v));
    return f32x4.mul(dy, f32x4.mul(t, t));
  }
  // 0 up to -3, 1 from 3 on, x / 3 + 1/2 between
  if (kind == GRAD_HARD_SWISH) {
    const three = splat(THREE);
    const slope = v128.bitselect(splat(ONE), madd(v, splat(THIRD), splat(HALF)), f32x4.ge(v, three));
    return v128.andnot(f32x4.mul(dy, slope), f32x4.le(v, f32x4.neg(three)));
  }
  // σ(x) = 1 - e^-y
  if (kind == GRAD_SOFTPLUS) return f32x4.mul(dy, f32x4.neg(expm1_f32x4(f32x4.neg(v))));
  // (x · σ)' = σ + x · σ · (1 - σ)
  if (kind == GRAD_SILU) return f32x4.mul(dy, sigmoid_and_slope(v, v));
  // x · n / (n + 2) with n = e · (e + 2): n / (n + 2) + 4x · e · (e + 1) / (n + 2)²
  if (kind == GRAD_MISH) {
    const e = exp_normal_f32x4(f32x4.pmin(v, splat(MISH_MAX)));
    const n = f32x4.mul(e, f32x4.add(e, splat(TWO)));
    const w = f32x4.div(splat(ONE), f32x4.add(n, splat(TWO)));
    const t = f32x4.mul(f32x4.mul(e, f32x4.add(e, splat(ONE))), w);
    return f32x4.mul(dy, f32x4.mul(madd(f32x4.mul(v, splat(FOUR)), t, n), w));
  }
  // Φ(x) + x · φ(x)
  if (kind == GRAD_GELU) {
    const a = f32x4.pmin(f32x4.abs(v), splat(GELU_MAX));
    const tail = normal_tail_f32x4(a);
    const s = v128.bitselect(f32x4.sub(splat(ONE), tail), tail, f32x4.gt(v, zero));
    const density = f32x4.mul(exp_negative_f32x4(f32x4.mul(f32x4.mul(a, a), splat(MINUS_HALF))), splat(DENSITY));
    return f32x4.mul(dy, madd(v, density, s));
  }
  // x · σ(2u): σ + x · 2u' · σ · (1 - σ)
  const s = f32x4.mul(v, v);
  const u = f32x4.mul(v, madd(s, splat(GELU_3), splat(GELU_1)));
  const slope = f32x4.mul(v, madd(s, splat(GELU_9), splat(GELU_1)));
  return f32x4.mul(dy, sigmoid_and_slope(f32x4.neg(u), f32x4.neg(slope)));
}

/** The loop round `apply`. */
// @ts-ignore: decorator
@inline
function map(
  kind: i32, out: usize, dy: usize, v: usize, left: i32, p: f32, q: f32, r: f32,
): void {
  const pv = f32x4.splat(p), qv = f32x4.splat(q), rv = f32x4.splat(r);
  for (; left > 0; left -= 4) {
    store_next(out, apply(kind, load_next(dy, left), load_next(v, left), pv, qv, rv), left);
    out += 16;
    dy += 16;
    v += 16;
  }
}

/** `kind` is one of GRAD_*; p, q and r are its numbers, if it has any. */
export function activation_grad_f32(
  out: usize, dy: usize, v: usize, count: i32, kind: i32, p: f32, q: f32, r: f32, from: i32, to: i32,
): void {
  assert(from >= 0 && to <= (count + MAP_BLOCK - 1) / MAP_BLOCK);
  const first = from * MAP_BLOCK;
  const left = min(to * MAP_BLOCK, count) - first;
  const at = <usize>first << 2;
  out += at;
  dy += at;
  v += at;
  if (kind == GRAD_CLIP) map(GRAD_CLIP, out, dy, v, left, p, q, r);
  else if (kind == GRAD_POLYNOMIAL) map(GRAD_POLYNOMIAL, out, dy, v, left, p, q, r);
  else if (kind == GRAD_ELU) map(GRAD_ELU, out, dy, v, left, p, q, r);
  else if (kind == GRAD_ELU_X) map(GRAD_ELU_X, out, dy, v, left, p, q, r);
  else if (kind == GRAD_ABS) map(GRAD_ABS, out, dy, v, left, p, q, r);
  else if (kind == GRAD_PRELU) map(GRAD_PRELU, out, dy, v, left, p, q, r);
  else if (kind == GRAD_SOFTSIGN) map(GRAD_SOFTSIGN, out, dy, v, left, p, q, r);
  else if (kind == GRAD_HARD_SWISH) map(GRAD_HARD_SWISH, out, dy, v, left, p, q, r);
  else if (kind == GRAD_SOFTPLUS) map(GRAD_SOFTPLUS, out, dy, v, left, p, q, r);
  else if (kind == GRAD_SILU) map(GRAD_SILU, out, dy, v, left, p, q, r);
  else if (kind == GRAD_MISH) map(GRAD_MISH, out, dy, v, left, p, q, r);
  else if (kind == GRAD_GELU) map(GRAD_GELU, out, dy, v, left, p, q, r);
  else map(GRAD_GELU_TANH, out, dy, v, left, p, q, r);
}

/** out[i] = x[i] > 0 ? dy[i] : scaled[i]. out may be any of them. */
export function select_f32(
  out: usize, dy: usize, x: usize, scaled: usize, count: i32, from: i32, to: i32,
): void {
  const first = from * MAP_BLOCK;
  const at = <usize>first << 2;
  out += at;
  dy += at;
  x += at;
  scaled += at;
  for (let left = min(to * MAP_BLOCK, count) - first; left > 0; left -= 4) {
    const above = f32x4.gt(load_next(x, left), f32x4.splat(0));
    store_next(out, v128.bitselect(load_next(dy, left), load_next(scaled, left), above), left);
    out += 16;
    dy += 16;
    x += 16;
    scaled += 16;
  }
}
