// Images of another size. Rows as image.ts says; both axes are mixed one after the other:
//   rows:    mid[y, i] = sum over t of wy[y, t] · in[first(y) + t, i]       for every value i of a row
//   pixels:  out[y, x, c] = scale · sum over t of wx[x, t] · mid[y, first(x) + t, c]
// A table has two i32 for each row or pixel to make: bytes from the base to the first that is mixed, and how many. Weights of one row or
// pixel follow each other; those of the next begin `taps` values later.
import { madd } from "./simd";

// 16 values at a time; `bytes` says what rows hold.
// @ts-ignore: decorator
@inline
function mix_rows(
  bytes: bool, out: usize, rows: usize, table: usize, weights: usize, outPitch: i32, inPitch: i32, taps: i32, acc: i32, n: i32,
  from: i32, to: i32,
): void {
  const zero = f32x4.splat(0);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    const entry = table + (<usize>y << 3);
    let p = rows + load<i32>(entry);
    const w = weights + <usize>(y * taps << 2);
    const end = w + (<usize>load<i32>(entry, 4) << 2);
    for (let i = 0; i < n; i += 16, q += 64) {
      let a = zero, b = zero, d = zero, e = zero;
      if (acc) {
        a = v128.load(q);
        b = v128.load(q, 16);
        d = v128.load(q, 32);
        e = v128.load(q, 48);
      }
      let r = p;
      for (let k = w; k < end; k += 4, r += inPitch) {
        const s = v128.load32_splat(k);
        if (bytes) {
          const x = v128.load(r);
          const low = i16x8.extend_low_i8x16_u(x), high = i16x8.extend_high_i8x16_u(x);
          a = madd(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)), s, a);
          b = madd(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)), s, b);
          d = madd(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)), s, d);
          e = madd(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(high)), s, e);
        } else {
          a = madd(v128.load(r), s, a);
          b = madd(v128.load(r, 16), s, b);
          d = madd(v128.load(r, 32), s, d);
          e = madd(v128.load(r, 48), s, e);
        }
      }
      v128.store(q, a);
      v128.store(q, b, 16);
      v128.store(q, d, 32);
      v128.store(q, e, 48);
      p += bytes ? 16 : 64;
    }
  }
}

/** Mixed rows of floats. `n` values; with `acc` they are added to what `out` holds. */
export function image_mix_rows_f32(
  out: usize, rows: usize, table: usize, weights: usize, outPitch: i32, inPitch: i32, taps: i32, acc: i32, n: i32,
  from: i32, to: i32,
): void {
  mix_rows(false, out, rows, table, weights, outPitch, inPitch, taps, acc, n, from, to);
}

/** The same of bytes, to floats. */
export function image_mix_rows_u8(
  out: usize, rows: usize, table: usize, weights: usize, outPitch: i32, inPitch: i32, taps: i32, acc: i32, n: i32,
  from: i32, to: i32,
): void {
  mix_rows(true, out, rows, table, weights, outPitch, inPitch, taps, acc, n, from, to);
}

/**
 * Mixed pixels of `c` floats; `n` pixels to make. Four floats are read and written whatever `c` is: the next pixel overwrites what is not
 * this one's.
 */
export function image_mix_pixels_f32(
  out: usize, input: usize, table: usize, weights: usize, outPitch: i32, inPitch: i32, taps: i32, c: i32, scale: f32, n: i32,
  from: i32, to: i32,
): void {
  assert(c > 0 && c <= 4, "1 to 4 channels");
  const pixel = <usize>c << 2;
  const factor = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    const row = input + <usize>y * inPitch;
    const end = table + (<usize>n << 3);
    let w = weights;
    for (let entry = table; entry < end; entry += 8, q += pixel) {
      let p = row + load<i32>(entry);
      let sum = zero;
      const last = w + (<usize>load<i32>(entry, 4) << 2);
      for (let k = w; k < last; k += 4, p += pixel) sum = madd(v128.load(p), v128.load32_splat(k), sum);
      v128.store(q, f32x4.mul(sum, factor));
      w += <usize>taps << 2;
    }
  }
}

/** Pixels of `size` <= 16 bytes: out[y, x] is the pixel `table[x]` bytes from the beginning of row y. `n` pixels. */
export function image_pick_pixels(
  out: usize, input: usize, table: usize, outPitch: i32, inPitch: i32, size: i32, n: i32,
  from: i32, to: i32,
): void {
  assert(size > 0 && size <= 16, "pixels of at most 16 bytes");
  const end = table + (<usize>n << 2);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    const row = input + <usize>y * inPitch;
    for (let i = table; i < end; i += 4, q += size) v128.store(q, v128.load(row + load<i32>(i)));
  }
}

// Linear in OpenCV's fixed point: weights of 11 bits; mid = (a·wa + b·wb) >> 4 of bytes in 16 bits, then
// out = ((mid₀·w₀ >> 16) + (mid₁·w₁ >> 16) + 2) >> 2.

/** Values of `c` channels of two neighbouring pixels at `p` as 16-bit numbers in pairs: r0 r1 g0 g1 b0 b1 a0 a1. */
// @ts-ignore: decorator
@inline
function pairs_at(p: usize, c: i32): v128 {
  const x = v128.load64_zero(p);
  const next = i64x2.shr_u(x, 8 * c);
  return i16x8.extend_low_i8x16_u(v128.shuffle<u8>(x, next, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}

// @ts-ignore: decorator
@inline
function linear_at(p: usize, weights: usize, c: i32): v128 {
  return i32x4.shr_u(i32x4.dot_i16x8_s(pairs_at(p, c), v128.load32_splat(weights)), 4);
}

/** Two pixels at a time. */
// @ts-ignore: decorator
@inline
function linear_row(q: usize, row: usize, offsets: usize, weights: usize, n: i32, c: i32): void {
  const end = offsets + (<usize>n << 2);
  for (; offsets < end; offsets += 8, weights += 8, q += c << 2) {
    const a = linear_at(row + load<i32>(offsets), weights, c), b = linear_at(row + load<i32>(offsets, 4), weights + 4, c);
    const both = i16x8.narrow_i32x4_s(a, b);
    if (c == 4) v128.store(q, both);
    else {
      v128.store64_lane(q, both, 0);
      v128.store64_lane(q + 2 * c, both, 1);
    }
  }
}

/** One channel: four pixels at a time. */
function linear_row1(q: usize, row: usize, offsets: usize, weights: usize, n: i32): void {
  const end = offsets + (<usize>n << 2);
  for (; offsets < end; offsets += 16, weights += 16, q += 8) {
    let x = v128.load16_splat(row + load<i32>(offsets));
    x = v128.load16_lane(row + load<i32>(offsets, 4), x, 1);
    x = v128.load16_lane(row + load<i32>(offsets, 8), x, 2);
    x = v128.load16_lane(row + load<i32>(offsets, 12), x, 3);
    const sum = i32x4.shr_u(i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(x), v128.load(weights)), 4);
    v128.store64_lane(q, i16x8.narrow_i32x4_s(sum, sum), 0);
  }
}

/**
 * mid rows: 16-bit integers out of `c` bytes a pixel, `n` pixels. For each pixel there are the bytes to the left one of two, and their two
 * weights in 16 bits each: four pixels more than `n` can be read. A right pixel beyond the row has weight 0.
 */
export function image_linear_pixels_u8(
  out: usize, input: usize, offsets: usize, weights: usize, outPitch: i32, inPitch: i32, c: i32, n: i32,
  from: i32, to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const row = input + <usize>y * inPitch;
    if (c == 4) linear_row(q, row, offsets, weights, n, 4);
    else if (c == 3) linear_row(q, row, offsets, weights, n, 3);
    else if (c == 2) linear_row(q, row, offsets, weights, n, 2);
    else linear_row1(q, row, offsets, weights, n);
  }
}

/** The higher halves of the products of 16-bit numbers that are not negative. */
// @ts-ignore: decorator
@inline
function high_products(a: v128, b: v128): v128 {
  return i16x8.narrow_i32x4_s(
    i32x4.shr_u(i32x4.extmul_low_i16x8_s(a, b), 16),
    i32x4.shr_u(i32x4.extmul_high_i16x8_s(a, b), 16),
  );
}

/** Bytes out of mid rows. The table has for each row the bytes from `mid` to the upper and to the lower row, and their weights; `n` values. */
export function image_linear_rows_u8(
  out: usize, mid: usize, table: usize, outPitch: i32, n: i32,
  from: i32, to: i32,
): void {
  const two = i16x8.splat(2);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    const entry = table + (<usize>y << 4);
    let p = mid + load<i32>(entry);
    let r = mid + load<i32>(entry, 4);
    const s = i16x8.splat(<i16>load<i32>(entry, 8)), t = i16x8.splat(<i16>load<i32>(entry, 12));
    for (let i = 0; i < n; i += 16, q += 16, p += 32, r += 32) {
      const a = i16x8.add(i16x8.add(high_products(v128.load(p), s), high_products(v128.load(r), t)), two);
      const b = i16x8.add(i16x8.add(high_products(v128.load(p, 16), s), high_products(v128.load(r, 16), t)), two);
      v128.store(q, i8x16.narrow_i16x8_u(i16x8.shr_s(a, 2), i16x8.shr_s(b, 2)));
    }
  }
}

// Half the size: (a + b + c + d + 2) >> 2 of 2 x 2 bytes.

const ONES: usize = memory.data<i32>([0x01010101]);

/**
 * In bytes: with x = (a + b + 1) >> 1 and y = (c + d + 1) >> 1 the mean is (x + y + 1) >> 1, less 1 where x + y is odd and a + b or
 * c + d was.
 */
// @ts-ignore: decorator
@inline
function mean_of(a: v128, b: v128, c: v128, d: v128, ones: v128): v128 {
  const x = i8x16.avgr_u(a, b), y = i8x16.avgr_u(c, d);
  const less = v128.and(v128.and(v128.or(v128.xor(a, b), v128.xor(c, d)), v128.xor(x, y)), ones);
  return i8x16.sub(i8x16.avgr_u(x, y), less);
}

function half_row4(q: usize, p: usize, below: usize, n: i32): void {
  const ones = v128.load32_splat(ONES);
  for (let i = 0; i < n; i += 16, p += 32, q += 16) {
    const a = v128.load(p), b = v128.load(p, 16), c = v128.load(p + below), d = v128.load(p + below, 16);
    const left = v128.shuffle<i32>(a, b, 0, 2, 4, 6), right = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
    const left2 = v128.shuffle<i32>(c, d, 0, 2, 4, 6), right2 = v128.shuffle<i32>(c, d, 1, 3, 5, 7);
    v128.store(q, mean_of(left, right, left2, right2, ones));
  }
}

/** Of the means of all neighbouring pixels of three bytes, every other one. */
const EVERY_OTHER: usize = memory.data<u8>([0, 1, 2, 6, 7, 8, 12, 13, 14, 0, 0, 0, 0, 0, 0, 0]);

function half_row3(q: usize, p: usize, below: usize, n: i32): void {
  const ones = v128.load32_splat(ONES), order = v128.load(EVERY_OTHER);
  for (let i = 0; i < n; i += 9, p += 18, q += 9) {
    const r = p + below;
    const means = mean_of(v128.load(p), v128.load(p, 3), v128.load(r), v128.load(r, 3), ones);
    v128.store(q, i8x16.swizzle(means, order));
  }
}

function half_row1(q: usize, p: usize, below: usize, n: i32): void {
  const two = i16x8.splat(2);
  for (let i = 0; i < n; i += 16, p += 32, q += 16) {
    const r = p + below;
    const a = i16x8.add(i16x8.extadd_pairwise_i8x16_u(v128.load(p)), i16x8.extadd_pairwise_i8x16_u(v128.load(r)));
    const b = i16x8.add(i16x8.extadd_pairwise_i8x16_u(v128.load(p, 16)), i16x8.extadd_pairwise_i8x16_u(v128.load(r, 16)));
    v128.store(q, i8x16.narrow_i16x8_u(i16x8.shr_u(i16x8.add(a, two), 2), i16x8.shr_u(i16x8.add(b, two), 2)));
  }
}

/** Means of 2 x 2 pixels of `c` = 1, 3 or 4 bytes: row y of rows 2y and 2y + 1. `n` values to make. */
export function image_half_u8(
  out: usize, input: usize, outPitch: i32, inPitch: i32, c: i32, n: i32,
  from: i32, to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const p = input + 2 * <usize>y * inPitch;
    if (c == 4) half_row4(q, p, inPitch, n);
    else if (c == 3) half_row3(q, p, inPitch, n);
    else half_row1(q, p, inPitch, n);
  }
}
