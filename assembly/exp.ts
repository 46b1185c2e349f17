// Four values at a time: e^x, e^x - 1, ln x, ln(1 + x), tanh x and the tail of the normal distribution.
// Constants lie in memory and are loaded where they are used (an L1 hit each), see simd.ts for why; vectors that one iteration
// of a loop processes share the loads. Errors are the largest found in dense sweeps of the arguments against float64, rounded
// up, in ulps of the exact result (2^-149 where it is below 2^-126).
import { madd, splat } from "./simd";

// e^x = 2^n · e^r with n = round(x / ln 2) and |r| <= ln 2 / 2.
const EXP: usize = memory.data<f32>([
  // e^x is 0 below -104 and Infinity above 89; e^x - 1 is -1 below -20
  -104, 89, -20,
  // 1 / ln 2, and -ln 2 in two parts, the first of 9 bits so that its product with n is exact (Cephes)
  1.4426950408889634, -0.693359375, 0.000212194440054690581,
  // 1.5 · 2^23 plus 254 or 127: added to n, its low bits are n plus 254 or 127
  12583166, 12583039,
  // e^r = 1 + r + r² · (c2 + c3·r + … + c6·r⁴), c6 first: minimax, relative error 3.2e-9
  0.001382073387503624, 0.008368677459657192, 0.04166826605796814, 0.1666652113199234, 0.4999999403953552, 1,
  // below -88, n is -127, which as a biased exponent makes the factor 0
  -88, 2,
]);

/** e^r - 1 for |r| <= 0.4. */
// @ts-ignore: decorator
@inline
function expm1_core(r: v128): v128 {
  const s = f32x4.mul(r, r);
  const high = madd(splat(EXP + 32), s, madd(splat(EXP + 36), r, splat(EXP + 40)));
  const low = madd(splat(EXP + 44), r, splat(EXP + 48));
  return madd(s, madd(high, s, low), r);
}

/** x - n · ln 2. */
// @ts-ignore: decorator
@inline
function reduce(x: v128, n: v128): v128 {
  return madd(n, splat(EXP + 20), madd(n, splat(EXP + 16), x));
}

/**
 * e^x. -Infinity gives 0, NaN propagates. Error <= 1.00 ulp, 1.04 in the relaxed build, results below 2^-126
 * included (every float was tried).
 */
// @ts-ignore: decorator
@inline
export function exp_f32x4(x: v128): v128 {
  // pmax and pmin return their first argument when either is NaN.
  const y = f32x4.pmin(f32x4.pmax(x, splat(EXP)), splat(EXP + 4));
  const magic = splat(EXP + 24);
  const t = madd(y, splat(EXP + 12), magic);
  const q = expm1_core(reduce(y, f32x4.sub(t, magic)));
  // 2^n in two factors: results below 2^-126 are rounded once, and those up to the largest float do not overflow.
  const half = i32x4.shr_u(t, 1);
  const power = i32x4.shl(half, 23);
  return f32x4.mul(madd(power, q, power), i32x4.shl(i32x4.sub(t, half), 23));
}

/** e^x, but 0 below 2^-126 and Infinity from 2^127.5 on. */
// @ts-ignore: decorator
@inline
export function exp_normal_f32x4(x: v128): v128 {
  return exp_normal(x, false);
}

/** 1 + e^x, from e^x as in `exp_normal_f32x4`. */
// @ts-ignore: decorator
@inline
export function one_plus_exp_f32x4(x: v128): v128 {
  return exp_normal(x, true);
}

// @ts-ignore: decorator
@inline
function exp_normal(x: v128, plus_one: bool): v128 {
  const y = f32x4.pmin(f32x4.pmax(x, splat(EXP + 56)), splat(EXP + 4));
  const magic = splat(EXP + 28);
  const t = madd(y, splat(EXP + 12), magic);
  const one = splat(EXP + 52);
  const e = f32x4.add(expm1_core(reduce(y, f32x4.sub(t, magic))), one);
  // The factor may be Infinity, which only the product may be multiplied by.
  const power = i32x4.shl(t, 23);
  return plus_one ? madd(e, power, one) : f32x4.mul(e, power);
}

/** e^(x + low) for x <= 0 and |low| < 0.05, more accurate than of the rounded sum; results below 2^-126 are 0. */
// @ts-ignore: decorator
@inline
function exp_split(x: v128, low: v128, split: bool): v128 {
  const y = f32x4.pmax(x, splat(EXP + 56));
  const magic = splat(EXP + 28);
  const t = madd(y, splat(EXP + 12), magic);
  let r = reduce(y, f32x4.sub(t, magic));
  if (split) r = f32x4.add(r, low);
  const power = i32x4.shl(t, 23);
  return madd(power, expm1_core(r), power);
}

/** e^x for x <= 0, with the error and limits of `exp_normal_f32x4`. */
// @ts-ignore: decorator
@inline
export function exp_negative_f32x4(x: v128): v128 {
  return exp_split(x, x, false);
}

/** e^x - 1 for x <= 0 only. Error <= 1.0 ulp in both builds, however near 0. */
// @ts-ignore: decorator
@inline
export function expm1_f32x4(x: v128): v128 {
  const y = f32x4.pmax(x, splat(EXP + 8));
  const magic = splat(EXP + 28);
  const t = madd(y, splat(EXP + 12), magic);
  const power = i32x4.shl(t, 23);
  const q = expm1_core(reduce(y, f32x4.sub(t, magic)));
  return madd(power, q, f32x4.sub(power, splat(EXP + 52)));
}

const SIGN: usize = memory.data<i32>([<i32>0x80000000]);

/** tanh x = -m / (m + 2), m = e^(-2|x|) - 1, with the sign of x. Error <= 2.6 ulp in both builds. */
// @ts-ignore: decorator
@inline
export function tanh_f32x4(x: v128): v128 {
  const sign = splat(SIGN);
  const a = v128.or(x, sign);
  const m = expm1_f32x4(f32x4.add(a, a));
  return v128.bitselect(x, f32x4.div(m, f32x4.add(m, splat(EXP + 60))), sign);
}

// ln x = n · ln 2 + ln(1 + f), with 1 + f in [√½, √2].
const LOG: usize = memory.data<f32>([
  // ln 2 in two parts (as above)
  0.693359375, -0.000212194440054690581,
  1, 0.5, -0.5, 0.41421356,
  // ln(1 + f) = f - f²/2 + f³ · (c0 + c1·f + … + c7·f⁷), c7 first: minimax, relative error 5.9e-9
  -0.07635894417762756, 0.1276211440563202, -0.13159753382205963, 0.14201609790325165, -0.16623401641845703,
  0.20001240074634552, -0.2500081956386566, 0.3333333134651184,
]);

/** ln(1 + f) - f for f in [√½ - 1, √2 - 1]. */
// @ts-ignore: decorator
@inline
function log1p_core(f: v128): v128 {
  const s = f32x4.mul(f, f);
  const q = f32x4.mul(s, s);
  const p3 = madd(splat(LOG + 24), f, splat(LOG + 28));
  const p2 = madd(splat(LOG + 32), f, splat(LOG + 36));
  const p1 = madd(splat(LOG + 40), f, splat(LOG + 44));
  const p0 = madd(splat(LOG + 48), f, splat(LOG + 52));
  const p = madd(madd(p3, s, p2), q, madd(p1, s, p0));
  return madd(f32x4.mul(s, f), p, f32x4.mul(s, splat(LOG + 16)));
}

/** The bits of √½. */
const ROOT_HALF: usize = memory.data<i32>([0x3f3504f3]);

/** ln x for finite x of at least 2^-126; NaN propagates. Error <= 0.9 ulp in both builds. */
// @ts-ignore: decorator
@inline
export function log_f32x4(x: v128): v128 {
  const power = i32x4.shr_s(i32x4.sub(x, splat(ROOT_HALF)), 23);
  const n = f32x4.convert_i32x4_s(power);
  const f = f32x4.sub(i32x4.sub(x, i32x4.shl(power, 23)), splat(LOG + 8));
  const low = madd(n, splat(LOG + 4), log1p_core(f));
  // x - x restores NaN, whose bits have been split.
  return f32x4.add(madd(n, splat(LOG), f32x4.add(f, low)), f32x4.sub(x, x));
}

/** ln(1 + u) for u in [0, 1]. Error <= 1.5 ulp in both builds, however small u. */
// @ts-ignore: decorator
@inline
export function log1p_f32x4(u: v128): v128 {
  // Above √2 - 1: ln(1 + u) = ln 2 + ln(1 + (u - 1) / 2).
  const far = f32x4.gt(u, splat(LOG + 20));
  const f = v128.bitselect(f32x4.mul(f32x4.sub(u, splat(LOG + 8)), splat(LOG + 12)), u, far);
  const low = f32x4.add(v128.and(far, splat(LOG + 4)), log1p_core(f));
  return f32x4.add(v128.and(far, splat(LOG)), f32x4.add(f, low));
}

// Φ(-a) = e^(-a²/2) · P(a) / Q(a) for a in [0, 14.5]: minimax, relative error 8e-9. All coefficients are
// positive, so that nothing cancels.
const TAIL: usize = memory.data<f32>([
  -0.5,
  0.004079386126250029, 0.040417011827230453, 0.18264314532279968, 0.4375741183757782, 0.5,
  0.01022538635879755, 0.10131686180830002, 0.46789342164993286, 1.2001701593399048, 1.6730329990386963, 1,
]);

/**
 * Φ(-a) = erfc(a / √2) / 2, the probability that a normal variable is below -a, for a in [0, 14.5]; 0 from 13.25 on.
 * Error <= 7.5 ulp, 6.3 in the relaxed build.
 */
// @ts-ignore: decorator
@inline
export function normal_tail_f32x4(a: v128): v128 {
  let p = madd(splat(TAIL + 4), a, splat(TAIL + 8));
  p = madd(p, a, splat(TAIL + 12));
  p = madd(p, a, splat(TAIL + 16));
  p = madd(p, a, splat(TAIL + 20));
  let q = madd(splat(TAIL + 24), a, splat(TAIL + 28));
  q = madd(q, a, splat(TAIL + 32));
  q = madd(q, a, splat(TAIL + 36));
  q = madd(q, a, splat(TAIL + 40));
  q = madd(q, a, splat(TAIL + 44));
  // a² = top² + (a - top) · (a + top), where top has 12 bits, so that its square is exact.
  const top = i32x4.shl(i32x4.shr_u(a, 12), 12);
  const half = splat(TAIL);
  const rest = f32x4.mul(f32x4.mul(f32x4.sub(a, top), f32x4.add(a, top)), half);
  return f32x4.div(f32x4.mul(exp_split(f32x4.mul(f32x4.mul(top, top), half), rest, true), p), q);
}
