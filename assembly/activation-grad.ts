// Gradients of activations: out[i] = dy[i] · f'(x[i]) over `count` contiguous floats. The derivative is computed from v, which
// is y = f(x) where the formula allows, else x. out may be dy, or v. Unit: a block of MAP_BLOCK floats; the last may be partial.
import {
  GRAD_ABS, GRAD_CLIP, GRAD_ELU, GRAD_ELU_X, GRAD_GELU, GRAD_GELU_TANH, GRAD_HARD_SWISH, GRAD_MISH, GRAD_POLYNOMIAL,
  GRAD_PRELU, GRAD_SOFTPLUS, GRAD_SOFTSIGN, MAP_BLOCK,
} from "./abi";
import { exp_negative_f32x4, exp_normal_f32x4, expm1_f32x4, normal_tail_f32x4 } from "./exp";
import { load_next, madd, splat, store_next } from "./simd";

const NUMBERS: usize = memory.data<f32>([
  1, 2, 3, 4, 0.5, 0.33333334,
  // 2·√(2/π), that times 0.044715, and three times that
  1.5957691216057308, 0.07135481627260025, 0.21406444881780074,
  // above it, tanh(softplus(x)) is 1
  30,
  // above it, a · Φ(-a) is 0
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

/** Derivatives that cost less than their loads. `kind` is a literal in the loops, so that only its branch is compiled. */
// @ts-ignore: decorator
@inline
function cheap(kind: i32, dy: v128, v: v128, p: v128, q: v128, r: v128): v128 {
  const zero = f32x4.splat(0);
  // p between 0 and r, q outside; r = NaN: no upper limit
  if (kind == GRAD_CLIP) {
    const outside = v128.or(f32x4.le(v, zero), f32x4.ge(v, r));
    return v128.bitselect(f32x4.mul(dy, q), f32x4.mul(dy, p), outside);
  }
  // p + y · (q + r · y)
  if (kind == GRAD_POLYNOMIAL) return f32x4.mul(dy, madd(v, madd(v, r, q), p));
  // q above 0, y + p below
  if (kind == GRAD_ELU) return f32x4.mul(dy, v128.bitselect(q, f32x4.add(v, p), f32x4.gt(v, zero)));
  // the sign of x, 0 at 0
  if (kind == GRAD_ABS) {
    const signed = v128.bitselect(f32x4.neg(dy), dy, f32x4.lt(v, zero));
    return v128.and(signed, f32x4.ne(v, zero));
  }
  // 0 above 0, x below: prelu with respect to its slope
  if (kind == GRAD_PRELU) return v128.andnot(f32x4.mul(dy, v), f32x4.gt(v, zero));
  // (1 - |y|)²
  if (kind == GRAD_SOFTSIGN) {
    const t = f32x4.sub(splat(ONE), f32x4.abs(v));
    return f32x4.mul(dy, f32x4.mul(t, t));
  }
  // HARD_SWISH: 0 up to -3, x / 3 + 1/2 between, 1 from 3 on
  const three = splat(THREE);
  const slope = v128.bitselect(splat(ONE), madd(v, splat(THIRD), splat(HALF)), f32x4.ge(v, three));
  return v128.andnot(f32x4.mul(dy, slope), f32x4.le(v, f32x4.neg(three)));
}

/** The other derivatives. Branching on `kind` at run time costs next to nothing beside them. */
// @ts-ignore: decorator
@inline
function costly(kind: i32, dy: v128, v: v128, p: v128, q: v128): v128 {
  const zero = f32x4.splat(0);
  const one = splat(ONE);
  // σ(x) = 1 - e^-y
  if (kind == GRAD_SOFTPLUS) return f32x4.mul(dy, f32x4.neg(expm1_f32x4(f32x4.neg(v))));
  // q above 0, p · e^x below
  if (kind == GRAD_ELU_X)
    return f32x4.mul(dy, v128.bitselect(q, f32x4.mul(p, exp_normal_f32x4(v)), f32x4.gt(v, zero)));
  // x · n / (n + 2) with n = e · (e + 2): n / (n + 2) + 4x · e · (e + 1) / (n + 2)²
  if (kind == GRAD_MISH) {
    const e = exp_normal_f32x4(f32x4.pmin(v, splat(MISH_MAX)));
    const n = f32x4.mul(e, f32x4.add(e, splat(TWO)));
    const w = f32x4.div(one, f32x4.add(n, splat(TWO)));
    const t = f32x4.mul(f32x4.mul(e, f32x4.add(e, one)), w);
    return f32x4.mul(dy, f32x4.mul(madd(f32x4.mul(v, splat(FOUR)), t, n), w));
  }
  // Φ(x) + x · φ(x)
  if (kind == GRAD_GELU) {
    const a = f32x4.pmin(f32x4.abs(v), splat(GELU_MAX));
    const tail = normal_tail_f32x4(a);
    const s = v128.bitselect(f32x4.sub(one, tail), tail, f32x4.gt(v, zero));
    const density = f32x4.mul(exp_negative_f32x4(f32x4.mul(f32x4.mul(a, a), splat(MINUS_HALF))), splat(DENSITY));
    return f32x4.mul(dy, madd(v, density, s));
  }
  // (x · σ(a))' = σ + x · a' · σ · (1 - σ): SILU with a = x, else a = 2·√(2/π) · (x + 0.044715·x³)
  let a = v, slope = v;
  if (kind == GRAD_GELU_TANH) {
    const square = f32x4.mul(v, v);
    a = f32x4.mul(v, madd(square, splat(GELU_3), splat(GELU_1)));
    slope = f32x4.mul(v, madd(square, splat(GELU_9), splat(GELU_1)));
  }
  // From e^-|a|, which is accurate on both sides of 0: σ = 1 / (1 + e) or e / (1 + e), σ · (1 - σ) = e / (1 + e)².
  const e = exp_negative_f32x4(f32x4.neg(f32x4.abs(a)));
  const u = f32x4.div(one, f32x4.add(e, one));
  const eu = f32x4.mul(e, u);
  return f32x4.mul(dy, madd(slope, f32x4.mul(eu, u), v128.bitselect(u, eu, f32x4.gt(a, zero))));
}

/** Whole pairs of vectors. */
// @ts-ignore: decorator
@inline
function pairs(kind: i32, out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  for (; left >= 8; left -= 8) {
    const a = cheap(kind, v128.load(dy), v128.load(v), p, q, r);
    const b = cheap(kind, v128.load(dy, 16), v128.load(v, 16), p, q, r);
    v128.store(out, a);
    v128.store(out, b, 16);
    out += 32;
    dy += 32;
    v += 32;
  }
}

// A function per kind: the optimiser merges loops that differ in a literal alone and lie side by side in one function.

function clip_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_CLIP, out, dy, v, left, p, q, r);
}

function polynomial_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_POLYNOMIAL, out, dy, v, left, p, q, r);
}

function elu_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_ELU, out, dy, v, left, p, q, r);
}

function softsign_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_SOFTSIGN, out, dy, v, left, p, q, r);
}

function abs_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_ABS, out, dy, v, left, p, q, r);
}

function hard_swish_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_HARD_SWISH, out, dy, v, left, p, q, r);
}

function prelu_pairs(out: usize, dy: usize, v: usize, left: i32, p: v128, q: v128, r: v128): void {
  pairs(GRAD_PRELU, out, dy, v, left, p, q, r);
}

/** `kind` is one of GRAD_*; p, q and r are its parameters, if it has any. */
export function activation_grad_f32(
  out: usize, dy: usize, v: usize, count: i32, kind: i32, p: f32, q: f32, r: f32, from: i32, to: i32,
): void {
  assert(from >= 0 && to <= (count + MAP_BLOCK - 1) / MAP_BLOCK);
  const pv = f32x4.splat(p), qv = f32x4.splat(q), rv = f32x4.splat(r);
  let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK;
  let i = <usize>from * MAP_BLOCK << 2;
  if (kind < GRAD_SOFTPLUS) {
    if (kind == GRAD_CLIP) clip_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else if (kind == GRAD_POLYNOMIAL) polynomial_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else if (kind == GRAD_ELU) elu_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else if (kind == GRAD_SOFTSIGN) softsign_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else if (kind == GRAD_ABS) abs_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else if (kind == GRAD_HARD_SWISH) hard_swish_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    else prelu_pairs(out + i, dy + i, v + i, left, pv, qv, rv);
    i += <usize>(left & ~7) << 2;
    left &= 7;
  }
  for (; left > 0; left -= 4, i += 16) {
    const d = load_next(dy + i, left);
    const w = load_next(v + i, left);
    store_next(out + i, kind < GRAD_SOFTPLUS ? any_cheap(kind, d, w, pv, qv, rv) : costly(kind, d, w, pv, qv), left);
  }
}

/** One vector of any kind, for the remainder of a run. */
function any_cheap(kind: i32, dy: v128, v: v128, p: v128, q: v128, r: v128): v128 {
  return cheap(kind, dy, v, p, q, r);
}

/** out[i] = x[i] > 0 ? dy[i] : scaled[i]. out may be any input. Unit: a block of MAP_BLOCK floats. */
export function select_f32(out: usize, dy: usize, x: usize, scaled: usize, count: i32, from: i32, to: i32): void {
  let i = <usize>from * MAP_BLOCK << 2;
  for (let left = min(to * MAP_BLOCK, count) - from * MAP_BLOCK; left > 0; left -= 4, i += 16) {
    const positive = f32x4.gt(load_next(x + i, left), f32x4.splat(0));
    store_next(out + i, v128.bitselect(load_next(dy + i, left), load_next(scaled + i, left), positive), left);
  }
}
