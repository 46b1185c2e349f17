// out[i] = f(a[i], b[i], c[i]) on views of 4-byte words, where a, b and c are broadcast to the shape of out: what models read from
// files need beyond activations and arithmetic. f is one of WORDS_* (abi-math.ts) with parameters p and q; the record (WORDS_*, too)
// says how out and the operands are walked, as in elementwise.ts. Functions of fewer operands are given some of them twice.
//
// One loop for all that a vector can do, one for the rest, with the choice of f inside: it is always the same one, which
// processors foresee, and a loop for each would be most of the code of this folder.
//
// Unit: WORDS_BLOCK words of a run, of which the last may be partial; runs are numbered with the innermost axis fastest.
import { exp_normal_f32x4, log_f32x4, one_plus_exp_f32x4 } from "./exp";
import {
  WORDS_A_STEP, WORDS_ACOS, WORDS_ACOSH, WORDS_ASIN, WORDS_ASINH, WORDS_ATAN, WORDS_ATAN2, WORDS_ATANH, WORDS_AXES,
  WORDS_B_STEP, WORDS_BLOCK, WORDS_C_STEP, WORDS_CBRT, WORDS_CEIL, WORDS_CELU, WORDS_COS, WORDS_COSH, WORDS_DIMS,
  WORDS_EQUAL, WORDS_ERF, WORDS_EXP2, WORDS_EXPM1, WORDS_FLOOR, WORDS_FLOOR_DIV, WORDS_FMOD, WORDS_INT_ABS,
  WORDS_INT_ADD, WORDS_INT_AND, WORDS_INT_DIV, WORDS_INT_EQUAL, WORDS_INT_FLOOR_DIV, WORDS_INT_FMOD, WORDS_INT_LEFT,
  WORDS_INT_LESS, WORDS_INT_LESS_OR_EQUAL, WORDS_INT_MAX, WORDS_INT_MIN, WORDS_INT_MOD, WORDS_INT_MUL,
  WORDS_INT_NOT_EQUAL, WORDS_INT_OR, WORDS_INT_POW, WORDS_INT_RIGHT, WORDS_INT_SIGN, WORDS_INT_SUB, WORDS_INT_XOR,
  WORDS_IS_FINITE, WORDS_IS_INF, WORDS_LESS, WORDS_LESS_OR_EQUAL, WORDS_LOG, WORDS_LOG1P, WORDS_LOG2, WORDS_MOD,
  WORDS_NOT_EQUAL, WORDS_POW, WORDS_ROUND, WORDS_RSQRT, WORDS_RUN, WORDS_SHRINK, WORDS_SIGN, WORDS_SIN, WORDS_SINH,
  WORDS_SQUARED_DIFFERENCE, WORDS_SWISH, WORDS_TAN, WORDS_THRESHOLD, WORDS_TO_FLOAT, WORDS_TO_INT, WORDS_TRUNC,
  WORDS_WHERE,
} from "./abi-math";
import {
  asinh64, atan2_64, atan64, atanh64, divide, exp64, expm1_64, log1p_64, log64, pow64, power, remainder, sine, sinh64,
} from "./scalar";
import { field, load_next, madd, splat, store_next } from "./simd";

const NUMBERS: usize = memory.data<f32>([
  1, Infinity,
  // 2^-126, 2^23, 23 · ln 2
  1.1754943508222875e-38, 8388608, 15.942385152878742,
]);
const ONE: usize = NUMBERS;
const INFINITY: usize = NUMBERS + 4;
const INTEGER_ONE: usize = memory.data<i32>([1]);
const SIGN: usize = memory.data<i32>([<i32>0x80000000]);

/** ln x of any x. Error <= 1.5 ulp. */
// @ts-ignore: decorator
@inline
function log(x: v128): v128 {
  const zero = f32x4.splat(0);
  const infinity = splat(INFINITY);
  const small = f32x4.lt(x, splat(NUMBERS + 8));
  const y = v128.bitselect(f32x4.mul(x, splat(NUMBERS + 12)), x, small);
  const usual = f32x4.sub(log_f32x4(y), v128.and(splat(NUMBERS + 16), small));
  // -Infinity for 0, NaN below, Infinity and NaN for themselves
  const unusual = f32x4.sub(f32x4.sqrt(x), v128.and(f32x4.eq(x, zero), infinity));
  return v128.bitselect(usual, unusual, v128.and(f32x4.gt(x, zero), f32x4.lt(x, infinity)));
}

// Two forms by N. Juffa: a + a · P(a²) up to 475/512, and 1 - e^(Q(a) - a) above, where 4 gives 1.
const ERF: usize = memory.data<f32>([
  0.927734375, 4,
  -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1,
  -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1,
]);

/** The error function. Error <= 1.5 ulp. */
// @ts-ignore: decorator
@inline
function erf(x: v128): v128 {
  const sign = splat(SIGN);
  const s = f32x4.mul(x, x);
  let p = madd(splat(ERF + 8), s, splat(ERF + 12));
  p = madd(p, s, splat(ERF + 16));
  p = madd(p, s, splat(ERF + 20));
  p = madd(p, s, splat(ERF + 24));
  p = madd(p, s, splat(ERF + 28));
  p = madd(p, x, x);
  const a = f32x4.abs(x);
  const t = f32x4.pmin(a, splat(ERF + 4));
  const u = f32x4.mul(t, t);
  let q = madd(madd(splat(ERF + 32), t, splat(ERF + 36)), u, madd(splat(ERF + 40), t, splat(ERF + 44)));
  q = madd(q, t, splat(ERF + 48));
  q = madd(q, t, splat(ERF + 52));
  q = madd(q, t, splat(ERF + 56));
  q = f32x4.sub(splat(ONE), exp_normal_f32x4(madd(q, t, f32x4.neg(t))));
  return v128.bitselect(v128.bitselect(x, q, sign), p, f32x4.gt(a, splat(ERF)));
}

/** a above p, less q; a below -p, and q; 0 between. NaN gives 0. */
// @ts-ignore: decorator
@inline
function shrink(a: v128, p: v128, q: v128): v128 {
  const high = v128.and(f32x4.sub(a, q), f32x4.gt(a, p));
  const low = v128.and(f32x4.add(a, q), f32x4.lt(a, f32x4.neg(p)));
  return v128.bitselect(high, low, f32x4.gt(a, p));
}

/** A mask as 1 and 0. */
// @ts-ignore: decorator
@inline
function truth(mask: v128): v128 {
  return v128.and(mask, splat(INTEGER_ONE));
}

/** 1 and -1 for what the masks tell greater and less than 0, as floats; a elsewhere, which is 0 or NaN. */
// @ts-ignore: decorator
@inline
function sign(a: v128): v128 {
  const zero = f32x4.splat(0);
  const one = v128.or(v128.and(a, splat(SIGN)), splat(ONE));
  return v128.bitselect(one, a, v128.or(f32x4.gt(a, zero), f32x4.lt(a, zero)));
}

// @ts-ignore: decorator
@inline
function apply(kind: i32, a: v128, b: v128, c: v128, p: v128, q: v128): v128 {
  switch (kind) {
    case WORDS_LOG: return log(a);
    case WORDS_ERF: return erf(a);
    case WORDS_FLOOR: return f32x4.floor(a);
    case WORDS_CEIL: return f32x4.ceil(a);
    case WORDS_ROUND: return f32x4.nearest(a);
    case WORDS_TRUNC: return f32x4.trunc(a);
    case WORDS_SIGN: return sign(a);
    case WORDS_RSQRT: return f32x4.div(splat(ONE), f32x4.sqrt(a));
    case WORDS_THRESHOLD: return v128.and(a, f32x4.gt(a, p));
    case WORDS_SHRINK: return shrink(a, p, q);
    case WORDS_SWISH: return f32x4.div(a, one_plus_exp_f32x4(f32x4.mul(a, p)));
    case WORDS_IS_INF: return truth(f32x4.eq(f32x4.abs(a), splat(INFINITY)));
    case WORDS_IS_FINITE: return truth(f32x4.lt(f32x4.abs(a), splat(INFINITY)));
    case WORDS_TO_INT: return i32x4.trunc_sat_f32x4_s(a);
    case WORDS_TO_FLOAT: return f32x4.convert_i32x4_s(a);
    case WORDS_INT_ABS: return i32x4.abs(a);
    case WORDS_INT_SIGN: return i32x4.sub(i32x4.shr_s(a, 31), i32x4.gt_s(a, i32x4.splat(0)));
    case WORDS_EQUAL: return truth(f32x4.eq(a, b));
    case WORDS_NOT_EQUAL: return truth(f32x4.ne(a, b));
    case WORDS_LESS: return truth(f32x4.lt(a, b));
    case WORDS_LESS_OR_EQUAL: return truth(f32x4.le(a, b));
    case WORDS_INT_EQUAL: return truth(i32x4.eq(a, b));
    case WORDS_INT_NOT_EQUAL: return truth(i32x4.ne(a, b));
    case WORDS_INT_LESS: return truth(i32x4.lt_s(a, b));
    case WORDS_INT_LESS_OR_EQUAL: return truth(i32x4.le_s(a, b));
    case WORDS_SQUARED_DIFFERENCE: {
      const difference = f32x4.sub(a, b);
      return f32x4.mul(difference, difference);
    }
    case WORDS_FLOOR_DIV: return f32x4.floor(f32x4.div(a, b));
    case WORDS_INT_ADD: return i32x4.add(a, b);
    case WORDS_INT_SUB: return i32x4.sub(a, b);
    case WORDS_INT_MUL: return i32x4.mul(a, b);
    case WORDS_INT_MIN: return i32x4.min_s(a, b);
    case WORDS_INT_MAX: return i32x4.max_s(a, b);
    case WORDS_INT_AND: return v128.and(a, b);
    case WORDS_INT_OR: return v128.or(a, b);
    case WORDS_INT_XOR: return v128.xor(a, b);
    default: return v128.bitselect(c, b, i32x4.eq(a, i32x4.splat(0)));
  }
}

/** f of two floats, or of one. */
function apply_float(kind: i32, a: f32, b: f32, p: f32): f32 {
  const x = <f64>a;
  switch (kind) {
    // Powers of two come out whole: their quotient is rounded to f32.
    case WORDS_LOG2: return <f32>(log64(x) * 1.4426950408889634);
    case WORDS_LOG1P: return <f32>log1p_64(x);
    case WORDS_EXPM1: return <f32>expm1_64(x);
    case WORDS_EXP2: return <f32>exp64(x * 0.6931471805599453);
    case WORDS_SIN: return <f32>sine(a, 0);
    case WORDS_COS: return <f32>sine(a, 1);
    case WORDS_TAN: return <f32>(sine(a, 0) / sine(a, 1));
    case WORDS_ASIN: return <f32>atan64(x / sqrt((1 - x) * (1 + x)));
    case WORDS_ACOS: return <f32>(2 * atan64(sqrt((1 - x) / (1 + x))));
    case WORDS_ATAN: return <f32>atan64(x);
    case WORDS_SINH: return <f32>sinh64(x);
    case WORDS_COSH: {
      const e = exp64(x);
      return <f32>((e + 1 / e) * 0.5);
    }
    case WORDS_ASINH: return <f32>asinh64(x);
    case WORDS_ACOSH: return <f32>log64(x + sqrt(x - 1) * sqrt(x + 1));
    case WORDS_ATANH: return <f32>atanh64(x);
    case WORDS_CBRT: return <f32>copysign(exp64(log64(abs(x)) * (1.0 / 3)), x);
    case WORDS_CELU: return <f32>(max(x, 0) + min(0, <f64>p * expm1_64(x / p)));
    case WORDS_POW: return <f32>pow64(x, b);
    case WORDS_ATAN2: return <f32>atan2_64(x, b);
  }
  assert(kind == WORDS_MOD || kind == WORDS_FMOD);
  const r = a % b;
  return kind == WORDS_MOD && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/** f of two integers. */
function apply_int(kind: i32, a: i32, b: i32): i32 {
  switch (kind) {
    case WORDS_INT_DIV: return divide(a, b);
    case WORDS_INT_FMOD: return remainder(a, b);
    case WORDS_INT_POW: return power(a, b);
    case WORDS_INT_LEFT: return <u32>b < 32 ? a << b : 0;
    case WORDS_INT_RIGHT: return a >> min(<u32>b, 31);
  }
  assert(kind == WORDS_INT_MOD || kind == WORDS_INT_FLOOR_DIV);
  const r = remainder(a, b);
  const apart = r != 0 && (r < 0) != (b < 0);
  if (kind == WORDS_INT_MOD) return apart ? r + b : r;
  return divide(a, b) - i32(apart);
}

/** The last 1 to 3 words of an operand; all the same where it has no step. */
// @ts-ignore: decorator
@inline
function last_words(p: usize, step: i32, first: i32, count: i32): v128 {
  return step && count ? load_next(p + first * step, count) : splat(p);
}

/**
 * `count` contiguous words of out, four at a time. An operand without a step is one word. What is left at the end is read before the
 * loop and written after it: no call inside, see README.md.
 */
function vectors(
  kind: i32, out: usize, a: usize, b: usize, c: usize, a_step: i32, b_step: i32, c_step: i32, p: f32, q: f32, count: i32,
): void {
  const pv = f32x4.splat(p), qv = f32x4.splat(q);
  const left = count & 3;
  const a0 = last_words(a, a_step, count - left, left);
  const b0 = last_words(b, b_step, count - left, left);
  const c0 = last_words(c, c_step, count - left, left);
  while (count > 0) {
    const whole = count >= 4;
    const va = whole && a_step ? v128.load(a) : a0;
    const vb = whole && b_step ? v128.load(b) : b0;
    const vc = whole && c_step ? v128.load(c) : c0;
    const y = apply(kind, va, vb, vc, pv, qv);
    if (!whole) {
      store_next(out, y, left);
      return;
    }
    v128.store(out, y);
    count -= 4;
    out += 16;
    a += a_step << 2;
    b += b_step << 2;
    c += c_step << 2;
  }
}

/** The same, one word at a time. */
function singles(kind: i32, out: usize, a: usize, b: usize, a_step: i32, b_step: i32, p: f32, count: i32): void {
  for (; count > 0; count--) {
    if (kind >= WORDS_INT_DIV) store<i32>(out, apply_int(kind, load<i32>(a), load<i32>(b)));
    else store<f32>(out, apply_float(kind, load<f32>(a), load<f32>(b), p));
    out += 4;
    a += a_step;
    b += b_step;
  }
}

export function map_words(
  out: usize, a: usize, b: usize, c: usize, wordRows: usize, kind: i32, p: f32, q: f32, from: i32, to: i32,
): void {
  const run = field(wordRows, WORDS_RUN);
  const a_step = field(wordRows, WORDS_A_STEP);
  const b_step = field(wordRows, WORDS_B_STEP);
  const c_step = field(wordRows, WORDS_C_STEP);
  const axes = field(wordRows, WORDS_AXES);
  const blocks = (run - 1) / WORDS_BLOCK + 1;
  assert(axes >= 1 && run > 0);
  for (; from < to; from++) {
    let rest = from / blocks;
    const first = (from - rest * blocks) * WORDS_BLOCK;
    const count = min(WORDS_BLOCK, run - first);
    let q_out = out + (<usize>first << 2);
    let q_a = a + first * a_step;
    let q_b = b + first * b_step;
    let q_c = c + first * c_step;
    for (let axis = 0; axis < axes; axis++) {
      const entry = wordRows + <usize>((WORDS_DIMS + 5 * axis) << 2);
      const size = field(entry, 0);
      const next = rest / size;
      const i = rest - next * size;
      q_out += i * field(entry, 1);
      q_a += i * field(entry, 2);
      q_b += i * field(entry, 3);
      q_c += i * field(entry, 4);
      rest = next;
    }
    assert(rest == 0);
    if (kind <= WORDS_WHERE) vectors(kind, q_out, q_a, q_b, q_c, a_step, b_step, c_step, p, q, count);
    else singles(kind, q_out, q_a, q_b, a_step, b_step, p, count);
  }
}
