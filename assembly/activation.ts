// out[i] = f(x[i]) over `count` floats. out may be x. Lanes are neighbouring floats, whatever the shape.
// A unit is a block of MAP_BLOCK floats (256 bytes, whole cache lines); the last may be partial.
import { MAP_BLOCK } from "./abi";
import { exp_f32x4, exp_normal_f32x4, one_plus_exp_f32x4, expm1_f32x4, log1p_f32x4, normal_tail_f32x4, tanh_f32x4 } from "./exp";
import { load_next, madd, splat, store_next } from "./simd";

// Which f: a literal at every call of `map`, so that only its branch is compiled.
const enum Kind {
  CLAMP,
  LEAKY_RELU,
  ELU,
  HARD_SIGMOID,
  HARD_SWISH,
  AFFINE,
  SOFTSIGN,
  ABS,
  NEG,
  SQRT,
  EXP,
  SIGMOID,
  SILU,
  TANH,
  SOFTPLUS,
  MISH,
  GELU,
  GELU_TANH,
}

const NUMBERS: usize = memory.data<f32>([
  1, 2, 3, 6, 0.16666667,
  // -2·√(2/π), and that times 0.044715
  -1.5957691216057308, -0.07135481627260025,
  // from here on tanh(softplus(x)) is 1
  30,
  // from here on a · Φ(-a) is 0
  14.5,
]);
const ONE: usize = NUMBERS;
const TWO: usize = NUMBERS + 4;
const THREE: usize = NUMBERS + 8;
const SIX: usize = NUMBERS + 12;
const SIXTH: usize = NUMBERS + 16;
const GELU_1: usize = NUMBERS + 20;
const GELU_3: usize = NUMBERS + 24;
const MISH_MAX: usize = NUMBERS + 28;
const GELU_MAX: usize = NUMBERS + 32;

/** pmax and pmin take their first argument when one is NaN: x stands first and stays NaN. */
// @ts-ignore: decorator
@inline
function limit(x: v128, lo: v128, hi: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, lo), hi);
}

/** f of four values. */
// @ts-ignore: decorator
@inline
function apply(kind: Kind, x: v128, p: v128, q: v128): v128 {
  const zero = f32x4.splat(0);
  if (kind == Kind.CLAMP) return limit(x, p, q);
  if (kind == Kind.LEAKY_RELU) return v128.bitselect(x, f32x4.mul(x, p), f32x4.gt(x, zero));
  // q · x above 0, p · (e^x - 1) below
  if (kind == Kind.ELU)
    return v128.bitselect(f32x4.mul(x, q), f32x4.mul(expm1_f32x4(x), p), f32x4.gt(x, zero));
  if (kind == Kind.HARD_SIGMOID) return limit(madd(x, p, q), zero, splat(ONE));
  if (kind == Kind.HARD_SWISH)
    return f32x4.mul(x, f32x4.mul(limit(f32x4.add(x, splat(THREE)), zero, splat(SIX)), splat(SIXTH)));
  if (kind == Kind.AFFINE) return madd(x, p, q);
  if (kind == Kind.SOFTSIGN) return f32x4.div(x, f32x4.add(f32x4.abs(x), splat(ONE)));
  if (kind == Kind.ABS) return f32x4.abs(x);
  if (kind == Kind.NEG) return f32x4.neg(x);
  if (kind == Kind.SQRT) return f32x4.sqrt(x);
  if (kind == Kind.EXP) return exp_f32x4(x);
  if (kind == Kind.SIGMOID) {
    const one = splat(ONE);
    return f32x4.div(one, one_plus_exp_f32x4(f32x4.sub(zero, x)));
  }
  if (kind == Kind.SILU) return f32x4.div(x, one_plus_exp_f32x4(f32x4.sub(zero, x)));
  if (kind == Kind.TANH) return tanh_f32x4(x);
  // ln(1 + e^x), without overflow
  if (kind == Kind.SOFTPLUS)
    return f32x4.add(f32x4.pmax(x, zero), log1p_f32x4(exp_f32x4(f32x4.sub(zero, f32x4.abs(x)))));
  // x · tanh(ln(1 + e)) = x · n / (n + 2) with n = e · (e + 2)
  if (kind == Kind.MISH) {
    const e = exp_normal_f32x4(f32x4.pmin(x, splat(MISH_MAX)));
    const two = splat(TWO);
    const n = f32x4.mul(e, f32x4.add(e, two));
    return f32x4.mul(x, f32x4.div(n, f32x4.add(n, two)));
  }
  // x · Φ(x) = max(x, 0) - |x| · Φ(-|x|): accurate in relative terms on both sides
  if (kind == Kind.GELU) {
    const a = f32x4.pmin(f32x4.abs(x), splat(GELU_MAX));
    return f32x4.sub(f32x4.pmax(x, zero), f32x4.mul(a, normal_tail_f32x4(a)));
  }
  // x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))) = x / (1 + e^(-2·√(2/π)·(…)))
  const u = f32x4.mul(x, madd(f32x4.mul(x, x), splat(GELU_3), splat(GELU_1)));
  return f32x4.div(x, one_plus_exp_f32x4(u));
}

/** The loop round `apply`. p and q are the parameters of f, if it has any. */
// @ts-ignore: decorator
@inline
function map(kind: Kind, out: usize, x: usize, count: i32, p: f32, q: f32, from: i32, to: i32): void {
  assert(from >= 0 && to <= (count + MAP_BLOCK - 1) / MAP_BLOCK);
  const first = from * MAP_BLOCK;
  let left = min(to * MAP_BLOCK, count) - first;
  let src = x + (<usize>first << 2);
  let dst = out + (<usize>first << 2);
  const pv = f32x4.splat(p);
  const qv = f32x4.splat(q);
  // Four vectors in a turn share the loads of the constants.
  for (; left >= 16; left -= 16) {
    const a = apply(kind, v128.load(src), pv, qv);
    const b = apply(kind, v128.load(src, 16), pv, qv);
    const c = apply(kind, v128.load(src, 32), pv, qv);
    const d = apply(kind, v128.load(src, 48), pv, qv);
    v128.store(dst, a);
    v128.store(dst, b, 16);
    v128.store(dst, c, 32);
    v128.store(dst, d, 48);
    src += 64;
    dst += 64;
  }
  for (; left > 0; left -= 4) {
    store_next(dst, apply(kind, load_next(src, left), pv, qv), left);
    src += 16;
    dst += 16;
  }
}

/** min(max(x, lo), hi), NaN stays NaN: ReLU is (0, Infinity), ReLU6 (0, 6), a copy (-Infinity, Infinity). */
export function clamp_f32(out: usize, x: usize, count: i32, lo: f32, hi: f32, from: i32, to: i32): void {
  map(Kind.CLAMP, out, x, count, lo, hi, from, to);
}

/** x above 0, alpha · x below. */
export function leaky_relu_f32(out: usize, x: usize, count: i32, alpha: f32, from: i32, to: i32): void {
  map(Kind.LEAKY_RELU, out, x, count, alpha, 0, from, to);
}

/** scale · x above 0, scale · alpha · (e^x - 1) below. SELU is one of them. */
export function elu_f32(out: usize, x: usize, count: i32, alpha: f32, scale: f32, from: i32, to: i32): void {
  map(Kind.ELU, out, x, count, alpha * scale, scale, from, to);
}

/** min(max(slope · x + offset, 0), 1). */
export function hard_sigmoid_f32(
  out: usize, x: usize, count: i32, slope: f32, offset: f32, from: i32, to: i32,
): void {
  map(Kind.HARD_SIGMOID, out, x, count, slope, offset, from, to);
}

/** x · min(max(x + 3, 0), 6) / 6. */
export function hard_swish_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.HARD_SWISH, out, x, count, 0, 0, from, to);
}

/** scale · x + offset. */
export function affine_f32(
  out: usize, x: usize, count: i32, scale: f32, offset: f32, from: i32, to: i32,
): void {
  map(Kind.AFFINE, out, x, count, scale, offset, from, to);
}

/** x / (1 + |x|). */
export function softsign_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.SOFTSIGN, out, x, count, 0, 0, from, to);
}

/** |x|. */
export function abs_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.ABS, out, x, count, 0, 0, from, to);
}

/** -x. */
export function neg_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.NEG, out, x, count, 0, 0, from, to);
}

/** √x. */
export function sqrt_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.SQRT, out, x, count, 0, 0, from, to);
}

/** e^x. */
export function exp_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.EXP, out, x, count, 0, 0, from, to);
}

/** 1 / (1 + e^-x). Error <= 2.6 ulp above 2^-126; a smaller result may be 0. */
export function sigmoid_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.SIGMOID, out, x, count, 0, 0, from, to);
}

/** x / (1 + e^-x). Error <= 2.6 ulp above x = -87. */
export function silu_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.SILU, out, x, count, 0, 0, from, to);
}

/** tanh x. Error <= 2.6 ulp. */
export function tanh_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.TANH, out, x, count, 0, 0, from, to);
}

/** ln(1 + e^x). Error <= 1.7 ulp. */
export function softplus_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.SOFTPLUS, out, x, count, 0, 0, from, to);
}

/** x · tanh(ln(1 + e^x)). Error <= 4.7 ulp above x = -87. */
export function mish_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.MISH, out, x, count, 0, 0, from, to);
}

/** x · Φ(x), Φ the normal distribution function. Error <= 8 ulp above x = -12.9. -Infinity gives 0. */
export function gelu_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.GELU, out, x, count, 0, 0, from, to);
}

/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). Error <= 4 ulp above 0, more in the left tail. */
export function gelu_tanh_f32(out: usize, x: usize, count: i32, from: i32, to: i32): void {
  map(Kind.GELU_TANH, out, x, count, 0, 0, from, to);
}
