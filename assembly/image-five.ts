// Windows of 5 x 5 (and of 3) whose weights are products of two symmetric lines: small Gaussians. Tables of taps as in image-filter.ts, with
// five taps: the first and the last of one weight, the second and the fourth of another, so that three products do.
import { TAPS_FIRST, TAPS_SHIFT, TAPS_SIZE, TAPS_START } from "./abi";
import { field } from "./simd";

// @ts-ignore: decorator
@inline
function offset_of(taps: usize, index: usize): i32 {
  return load<i32>(taps + TAPS_FIRST + 16 + index * TAPS_SIZE);
}

// @ts-ignore: decorator
@inline
function weights_of(taps: usize, index: usize): v128 {
  return v128.load(taps + TAPS_FIRST + index * TAPS_SIZE);
}

/** The sum of eight bytes down the column, in 16 bits. */
// @ts-ignore: decorator
@inline
function column(
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  e: usize,
  start: v128,
  outer: v128,
  inner: v128,
  centre: v128,
): v128 {
  const far = i16x8.mul(i16x8.add(v128.load_ext<u8>(a), v128.load_ext<u8>(e)), outer);
  const near = i16x8.mul(i16x8.add(v128.load_ext<u8>(b), v128.load_ext<u8>(d)), inner);
  return i16x8.add(i16x8.add(i16x8.add(start, i16x8.mul(v128.load_ext<u8>(c), centre)), near), far);
}

/** The same as image_filter_u8_i16. */
export function image_five_u8_i16(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const start = v128.load(taps, TAPS_START);
  const outer = weights_of(taps, 0);
  const inner = weights_of(taps, 1);
  const centre = weights_of(taps, 2);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    const p = input + <usize>y * inPitch;
    let a = p + offset_of(taps, 0);
    let b = p + offset_of(taps, 1);
    let c = p + offset_of(taps, 2);
    let d = p + offset_of(taps, 3);
    let e = p + offset_of(taps, 4);
    for (let i = 0; i < n; i += 16, a += 16, b += 16, c += 16, d += 16, e += 16, q += 32) {
      v128.store(q, column(a, b, c, d, e, start, outer, inner, centre));
      v128.store(q, column(a + 8, b + 8, c + 8, d + 8, e + 8, start, outer, inner, centre), 16);
    }
  }
}

// Two pixels of four channels are a vector of 16-bit sums. Those of the pixels before and after them are in registers, too.

/** Lanes 4 to 7 of the one and 0 to 3 of the other. */
// @ts-ignore: decorator
@inline
function between(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 2);
}

/** The sum of five pixels in 16 bits, shifted. */
// @ts-ignore: decorator
@inline
function across_words(
  before: v128,
  left: v128,
  x: v128,
  right: v128,
  after: v128,
  half: v128,
  outer: v128,
  inner: v128,
  centre: v128,
  shift: i32,
): v128 {
  const far = i16x8.mul(i16x8.add(before, after), outer);
  const near = i16x8.mul(i16x8.add(left, right), inner);
  return i16x8.shr_u(i16x8.add(i16x8.add(i16x8.add(half, i16x8.mul(x, centre)), near), far), shift);
}

/** One half of the lanes, in 32 bits. */
// @ts-ignore: decorator
@inline
function across_half(ends: v128, sides: v128, x: v128, half: v128, outer: v128, inner: v128, shift: i32): v128 {
  const sum = i32x4.add(i32x4.add(x, half), i32x4.dot_i16x8_s(ends, outer));
  return i32x4.shr_s(i32x4.add(sum, i32x4.dot_i16x8_s(sides, inner)), shift);
}

/** The sum of five pixels in 32 bits, shifted. */
// @ts-ignore: decorator
@inline
function across_dots(
  before: v128,
  left: v128,
  x: v128,
  right: v128,
  after: v128,
  half: v128,
  outer: v128,
  inner: v128,
  centre: v128,
  shift: i32,
): v128 {
  const low = across_half(
    v128.shuffle<i16>(before, after, 0, 8, 1, 9, 2, 10, 3, 11),
    v128.shuffle<i16>(left, right, 0, 8, 1, 9, 2, 10, 3, 11),
    i32x4.extmul_low_i16x8_s(x, centre),
    half,
    outer,
    inner,
    shift,
  );
  const high = across_half(
    v128.shuffle<i16>(before, after, 4, 12, 5, 13, 6, 14, 7, 15),
    v128.shuffle<i16>(left, right, 4, 12, 5, 13, 6, 14, 7, 15),
    i32x4.extmul_high_i16x8_s(x, centre),
    half,
    outer,
    inner,
    shift,
  );
  return i16x8.narrow_i32x4_s(low, high);
}

// @ts-ignore: decorator
@inline
function across_five(
  before: v128,
  left: v128,
  x: v128,
  right: v128,
  after: v128,
  half: v128,
  outer: v128,
  inner: v128,
  centre: v128,
  shift: i32,
  dots: bool,
): v128 {
  return dots
    ? across_dots(before, left, x, right, after, half, outer, inner, centre, shift)
    : across_words(before, left, x, right, after, half, outer, inner, centre, shift);
}

// `across` has the weights for neighbouring pixels in its first three taps; its sums start with what rounds them.
// @ts-ignore: decorator
@inline
function window_row(q: usize, p: usize, down: usize, across: usize, n: i32, dots: bool): void {
  const start = v128.load(down, TAPS_START);
  const w0 = weights_of(down, 0);
  const w1 = weights_of(down, 1);
  const w2 = weights_of(down, 2);
  const half = v128.load(across, TAPS_START);
  const outer = weights_of(across, 0);
  const inner = weights_of(across, 1);
  const centre = weights_of(across, 2);
  const shift = field(across, TAPS_SHIFT);
  let a = p + offset_of(down, 0) - 8;
  let b = p + offset_of(down, 1) - 8;
  let c = p + offset_of(down, 2) - 8;
  let d = p + offset_of(down, 3) - 8;
  let e = p + offset_of(down, 4) - 8;
  let before = column(a, b, c, d, e, start, w0, w1, w2);
  let x = column(a + 8, b + 8, c + 8, d + 8, e + 8, start, w0, w1, w2);
  let left = between(before, x);
  for (let i = 0; i < n; i += 16, q += 16) {
    a += 16;
    b += 16;
    c += 16;
    d += 16;
    e += 16;
    const y = column(a, b, c, d, e, start, w0, w1, w2);
    const middle = between(x, y);
    const first = across_five(before, left, x, middle, y, half, outer, inner, centre, shift, dots);
    const z = column(a + 8, b + 8, c + 8, d + 8, e + 8, start, w0, w1, w2);
    const right = between(y, z);
    const second = across_five(x, middle, y, right, z, half, outer, inner, centre, shift, dots);
    v128.store(q, i8x16.narrow_i16x8_u(first, second));
    before = y;
    x = z;
    left = right;
  }
}

/** Bytes of a window of rows of four channels, both passes in one, all sums in 16 bits. The first two taps of `across` are 2 and 1 pixels away. */
export function image_window_u8(
  out: usize,
  input: usize,
  down: usize,
  across: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    window_row(out + <usize>y * outPitch, input + <usize>y * inPitch, down, across, n, false);
}

/** The same with sums along rows in 32 bits, of pairs of weights. */
export function image_window_dot_u8(
  out: usize,
  input: usize,
  down: usize,
  across: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    window_row(out + <usize>y * outPitch, input + <usize>y * inPitch, down, across, n, true);
}
