// Vector primitives that all kernels share. The only file that knows relaxed SIMD.
// Load vector constants from memory, or splat a loaded scalar, before the loop: V8 13 and later re-materialise a v128.const at
// every use inside a loop.

/** a * b + c: fused (one rounding) in the relaxed build where the machine can, two roundings in the baseline build. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Limits every lane to [lo, hi]. NaN propagates, as in PyTorch's clamp: pmax and pmin, one instruction each, keep x then. */
// @ts-ignore: decorator
@inline
export function clamp(x: v128, lo: v128, hi: v128): v128 {
  return f32x4.pmin(f32x4.pmax(x, lo), hi);
}

/** The float at `p` in all four lanes. */
// @ts-ignore: decorator
@inline
export function splat(p: usize): v128 {
  return v128.load32_splat(p);
}

/** The sum of the four lanes, always in the order (0 + 2) + (1 + 3). */
// @ts-ignore: decorator
@inline
export function sum_lanes(x: v128): f32 {
  const y = f32x4.add(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(y, 0) + f32x4.extract_lane(y, 1);
}

/** The i32 field `index` of the record at `p`. */
// @ts-ignore: decorator
@inline
export function field(p: usize, index: i32): i32 {
  return load<i32>(p + (<usize>index << 2));
}

/** The f32 field `index` of the record at `p`. */
// @ts-ignore: decorator
@inline
export function field_f32(p: usize, index: i32): f32 {
  return load<f32>(p + (<usize>index << 2));
}

/** Loads the first `count` (1 to 3) floats at `p`; the other lanes are zero. Reads nothing past them. */
// @ts-ignore: decorator
@inline
export function load_tail(p: usize, count: i32): v128 {
  if (count == 1) return v128.load32_zero(p);
  const low = v128.load64_zero(p);
  if (count == 2) return low;
  return v128.load_lane<f32>(p + 8, low, 2);
}

/** Stores the first `count` (1 to 3) lanes of `x` at `p`. Writes nothing past them. */
// @ts-ignore: decorator
@inline
export function store_tail(p: usize, x: v128, count: i32): void {
  if (count == 1) {
    v128.store_lane<f32>(p, x, 0);
    return;
  }
  v128.store_lane<f64>(p, x, 0);
  if (count == 3) v128.store_lane<f32>(p + 8, x, 2);
}

/** The first `count` (1 to 4) floats at `p`. */
// @ts-ignore: decorator
@inline
export function load_lanes(p: usize, count: i32): v128 {
  return count == 4 ? v128.load(p) : load_tail(p, count);
}

/** Stores the first `count` (1 to 4) lanes. */
// @ts-ignore: decorator
@inline
export function store_lanes(p: usize, x: v128, count: i32): void {
  if (count == 4) v128.store(p, x);
  else store_tail(p, x, count);
}

/** The first min(count, 4) floats at `p`, none where `count` is 0 or less; the other lanes are zero. */
// @ts-ignore: decorator
@inline
export function load_some(p: usize, count: i32): v128 {
  if (count <= 0) return f32x4.splat(0);
  return load_lanes(p, min(count, 4));
}

/** Stores the first min(count, 4) lanes, none where `count` is 0 or less. */
// @ts-ignore: decorator
@inline
export function store_some(p: usize, x: v128, count: i32): void {
  if (count > 0) store_lanes(p, x, min(count, 4));
}

// The same two in less code: the rare case is out of line, and being recursive it is not inlined.

function load_rest(p: usize, left: i32): v128 {
  const x = left > 1 ? load_rest(p + 4, left - 1) : f32x4.splat(0);
  return v128.shuffle<f32>(v128.load32_zero(p), x, 0, 4, 5, 6);
}

function store_rest(p: usize, x: v128, left: i32): void {
  v128.store_lane<f32>(p, x, 0);
  if (left > 1) store_rest(p + 4, v128.shuffle<f32>(x, x, 1, 2, 3, 3), left - 1);
}

/** The first min(left, 4) floats at `p`, for `left` of at least 1; the other lanes are zero. */
// @ts-ignore: decorator
@inline
export function load_next(p: usize, left: i32): v128 {
  return left >= 4 ? v128.load(p) : load_rest(p, left);
}

/** Stores the first min(left, 4) lanes, for `left` of at least 1. */
// @ts-ignore: decorator
@inline
export function store_next(p: usize, x: v128, left: i32): void {
  if (left >= 4) v128.store(p, x);
  else store_rest(p, x, left);
}

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);
// The vector that begins at element 3 - count has its first `count` lanes set.
const MASKS: usize = memory.data<i32>([-1, -1, -1, 0, 0, 0]);

function load_last(p: usize, count: i32): v128 {
  return v128.bitselect(load_tail(p, count), splat(MINUS_INFINITY), v128.load(MASKS + ((3 - count) << 2)));
}

/** The first min(count, 4) floats at `p`, for `count` of at least 1; the other lanes are -Infinity. */
// @ts-ignore: decorator
@inline
export function load_piece(p: usize, count: i32): v128 {
  return count >= 4 ? v128.load(p) : load_last(p, count);
}

// A 4 x 4 block is transposed by four of these for pairs of rows, then four for halves of pairs.

/** Lanes 0 and 1 of both: a0 b0 a1 b1. */
// @ts-ignore: decorator
@inline
export function low_pairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}

/** Lanes 2 and 3 of both: a2 b2 a3 b3. */
// @ts-ignore: decorator
@inline
export function high_pairs(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

/** The first halves of both. */
// @ts-ignore: decorator
@inline
export function low_halves(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 1, 4, 5);
}

/** The second halves of both. */
// @ts-ignore: decorator
@inline
export function high_halves(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 3, 6, 7);
}
