// out[i] = f(x[i]) for contiguous floats, which lie in rows with any strides (ROWS_* in abi.ts); a dense tensor is one row.
// f is one of ACTIVATION_*, with parameters p and q. out may be x, with the same strides.
import {
  ACTIVATION_ABS, ACTIVATION_AFFINE, ACTIVATION_CLAMP, ACTIVATION_ELU, ACTIVATION_EXP, ACTIVATION_GELU,
  ACTIVATION_GELU_TANH, ACTIVATION_HARD_SIGMOID, ACTIVATION_HARD_SWISH, ACTIVATION_LEAKY_RELU, ACTIVATION_MISH,
  ACTIVATION_NEG, ACTIVATION_NONE, ACTIVATION_SIGMOID, ACTIVATION_SILU, ACTIVATION_SOFTPLUS, ACTIVATION_SOFTSIGN,
  ACTIVATION_SQRT, ACTIVATION_TANH, MAP_BLOCK, ROWS_AXES, ROWS_DIMS, ROWS_RUN,
} from "./abi";
import {
  exp_f32x4, exp_normal_f32x4, expm1_f32x4, log1p_f32x4, normal_tail_f32x4, one_plus_exp_f32x4, tanh_f32x4,
} from "./exp";
import { clamp, field, load_next, madd, splat, store_next } from "./simd";

const NUMBERS: usize = memory.data<f32>([
  1, 2, 3, 6, 0.16666667,
  // -2·√(2/π), and that times 0.044715
  -1.5957691216057308, -0.07135481627260025,
  // above it, tanh(softplus(x)) is 1
  30,
  // above it, a · Φ(-a) is 0
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

/** f of four values. `kind` is a literal wherever this is called, so that only its branch is compiled. */
// @ts-ignore: decorator
@inline
function apply(kind: i32, x: v128, p: v128, q: v128): v128 {
  const zero = f32x4.splat(0);
  if (kind == ACTIVATION_CLAMP) return clamp(x, p, q);
  if (kind == ACTIVATION_LEAKY_RELU) return v128.bitselect(x, f32x4.mul(x, p), f32x4.gt(x, zero));
  if (kind == ACTIVATION_ELU)
    return v128.bitselect(f32x4.mul(x, q), f32x4.mul(expm1_f32x4(x), p), f32x4.gt(x, zero));
  if (kind == ACTIVATION_HARD_SIGMOID) return clamp(madd(x, p, q), zero, splat(ONE));
  if (kind == ACTIVATION_HARD_SWISH)
    return f32x4.mul(x, f32x4.mul(clamp(f32x4.add(x, splat(THREE)), zero, splat(SIX)), splat(SIXTH)));
  if (kind == ACTIVATION_AFFINE) return madd(x, p, q);
  if (kind == ACTIVATION_SOFTSIGN) return f32x4.div(x, f32x4.add(f32x4.abs(x), splat(ONE)));
  if (kind == ACTIVATION_ABS) return f32x4.abs(x);
  if (kind == ACTIVATION_NEG) return f32x4.neg(x);
  if (kind == ACTIVATION_SQRT) return f32x4.sqrt(x);
  if (kind == ACTIVATION_EXP) return exp_f32x4(x);
  if (kind == ACTIVATION_SIGMOID) return f32x4.div(splat(ONE), one_plus_exp_f32x4(f32x4.sub(zero, x)));
  if (kind == ACTIVATION_SILU) return f32x4.div(x, one_plus_exp_f32x4(f32x4.sub(zero, x)));
  if (kind == ACTIVATION_TANH) return tanh_f32x4(x);
  // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), which does not overflow
  if (kind == ACTIVATION_SOFTPLUS)
    return f32x4.add(f32x4.pmax(x, zero), log1p_f32x4(exp_f32x4(f32x4.sub(zero, f32x4.abs(x)))));
  // x · tanh(ln(1 + e)) = x · n / (n + 2) with n = e · (e + 2)
  if (kind == ACTIVATION_MISH) {
    const e = exp_normal_f32x4(f32x4.pmin(x, splat(MISH_MAX)));
    const two = splat(TWO);
    const n = f32x4.mul(e, f32x4.add(e, two));
    return f32x4.mul(x, f32x4.div(n, f32x4.add(n, two)));
  }
  // x · Φ(x) = max(x, 0) - |x| · Φ(-|x|), which has a small relative error on both sides of 0
  if (kind == ACTIVATION_GELU) {
    const a = f32x4.pmin(f32x4.abs(x), splat(GELU_MAX));
    return f32x4.sub(f32x4.pmax(x, zero), f32x4.mul(a, normal_tail_f32x4(a)));
  }
  // GELU_TANH: x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))) = x / (1 + e^(-2·√(2/π)·(…)))
  const u = f32x4.mul(x, madd(f32x4.mul(x, x), splat(GELU_3), splat(GELU_1)));
  return f32x4.div(x, one_plus_exp_f32x4(u));
}

/** The loop over `count` floats. A value's bits do not depend on its place in the run. */
// @ts-ignore: decorator
@inline
function map(kind: i32, out: usize, x: usize, count: i32, p: f32, q: f32): void {
  const pv = f32x4.splat(p);
  const qv = f32x4.splat(q);
  // Four vectors per iteration share the loads of the constants.
  for (; count >= 16; count -= 16) {
    const a = apply(kind, v128.load(x), pv, qv);
    const b = apply(kind, v128.load(x, 16), pv, qv);
    const c = apply(kind, v128.load(x, 32), pv, qv);
    const d = apply(kind, v128.load(x, 48), pv, qv);
    v128.store(out, a);
    v128.store(out, b, 16);
    v128.store(out, c, 32);
    v128.store(out, d, 48);
    x += 64;
    out += 64;
  }
  for (; count > 0; count -= 4) {
    store_next(out, apply(kind, load_next(x, count), pv, qv), count);
    x += 16;
    out += 16;
  }
}

// A function per kind: the optimiser merges loops that differ in a literal alone and lie side by side in one function.

function clamp_run(out: usize, x: usize, count: i32, p: f32, q: f32): void {
  map(ACTIVATION_CLAMP, out, x, count, p, q);
}

function leaky_relu_run(out: usize, x: usize, count: i32, p: f32, q: f32): void {
  map(ACTIVATION_LEAKY_RELU, out, x, count, p, q);
}

function elu_run(out: usize, x: usize, count: i32, p: f32, q: f32): void {
  map(ACTIVATION_ELU, out, x, count, p, q);
}

function hard_sigmoid_run(out: usize, x: usize, count: i32, p: f32, q: f32): void {
  map(ACTIVATION_HARD_SIGMOID, out, x, count, p, q);
}

function hard_swish_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_HARD_SWISH, out, x, count, 0, 0);
}

function affine_run(out: usize, x: usize, count: i32, p: f32, q: f32): void {
  map(ACTIVATION_AFFINE, out, x, count, p, q);
}

function softsign_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_SOFTSIGN, out, x, count, 0, 0);
}

function abs_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_ABS, out, x, count, 0, 0);
}

function neg_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_NEG, out, x, count, 0, 0);
}

function sqrt_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_SQRT, out, x, count, 0, 0);
}

function exp_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_EXP, out, x, count, 0, 0);
}

function sigmoid_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_SIGMOID, out, x, count, 0, 0);
}

function silu_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_SILU, out, x, count, 0, 0);
}

function tanh_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_TANH, out, x, count, 0, 0);
}

function softplus_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_SOFTPLUS, out, x, count, 0, 0);
}

function mish_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_MISH, out, x, count, 0, 0);
}

function gelu_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_GELU, out, x, count, 0, 0);
}

function gelu_tanh_run(out: usize, x: usize, count: i32): void {
  map(ACTIVATION_GELU_TANH, out, x, count, 0, 0);
}

/** out[i] = f(x[i]) for `count` contiguous floats; out may be x. ACTIVATION_NONE does nothing. */
export function activate_run(kind: i32, out: usize, x: usize, count: i32, p: f32, q: f32): void {
  switch (kind) {
    case ACTIVATION_CLAMP: return clamp_run(out, x, count, p, q);
    case ACTIVATION_LEAKY_RELU: return leaky_relu_run(out, x, count, p, q);
    case ACTIVATION_ELU: return elu_run(out, x, count, p, q);
    case ACTIVATION_HARD_SIGMOID: return hard_sigmoid_run(out, x, count, p, q);
    case ACTIVATION_HARD_SWISH: return hard_swish_run(out, x, count);
    case ACTIVATION_AFFINE: return affine_run(out, x, count, p, q);
    case ACTIVATION_SOFTSIGN: return softsign_run(out, x, count);
    case ACTIVATION_ABS: return abs_run(out, x, count);
    case ACTIVATION_NEG: return neg_run(out, x, count);
    case ACTIVATION_SQRT: return sqrt_run(out, x, count);
    case ACTIVATION_EXP: return exp_run(out, x, count);
    case ACTIVATION_SIGMOID: return sigmoid_run(out, x, count);
    case ACTIVATION_SILU: return silu_run(out, x, count);
    case ACTIVATION_TANH: return tanh_run(out, x, count);
    case ACTIVATION_SOFTPLUS: return softplus_run(out, x, count);
    case ACTIVATION_MISH: return mish_run(out, x, count);
    case ACTIVATION_GELU: return gelu_run(out, x, count);
    case ACTIVATION_GELU_TANH: return gelu_tanh_run(out, x, count);
    default: assert(kind == ACTIVATION_NONE);
  }
}

/**
 * out = f(x) over rows of contiguous floats. Unit: a block of MAP_BLOCK floats of a row (256 bytes), of which the last may be
 * partial; rows are numbered with the innermost axis fastest.
 */
export function activation_f32(
  out: usize, x: usize, stridedRows: usize, kind: i32, p: f32, q: f32, from: i32, to: i32,
): void {
  const run = field(stridedRows, ROWS_RUN);
  const axes = field(stridedRows, ROWS_AXES);
  const rows = field(stridedRows, ROWS_DIMS);
  const out_row = field(stridedRows, ROWS_DIMS + 1);
  const x_row = field(stridedRows, ROWS_DIMS + 2);
  const blocks = (run + MAP_BLOCK - 1) / MAP_BLOCK;
  assert(run > 0 && axes >= 1 && kind != ACTIVATION_NONE);
  while (from < to) {
    // Block `block` of row `row` on the innermost axis; `rest` counts the outer axes.
    const index = from / blocks;
    let block = from - index * blocks;
    let rest = index / rows;
    const row = index - rest * rows;
    const end = min(to, (rest + 1) * rows * blocks);
    let q_out = out + row * out_row;
    let q_x = x + row * x_row;
    for (let axis = 1; axis < axes; axis++) {
      const entry = stridedRows + <usize>((ROWS_DIMS + 3 * axis) << 2);
      const size = field(entry, 0);
      const next = rest / size;
      const i = rest - next * size;
      q_out += i * field(entry, 1);
      q_x += i * field(entry, 2);
      rest = next;
    }
    assert(rest == 0);
    while (from < end) {
      const count = min(end - from, blocks - block);
      const first = block * MAP_BLOCK;
      const bytes = <usize>first << 2;
      activate_run(kind, q_out + bytes, q_x + bytes, min(count * MAP_BLOCK, run - first), p, q);
      q_out += out_row;
      q_x += x_row;
      from += count;
      block = 0;
    }
  }
}
