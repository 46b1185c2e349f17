// Rows of pictures: borders, element types, alpha. Every image kernel keeps to these rules.
//
// A row holds width * c values of one type, channels last: bytes (u8), 16-bit integers (i16, u16) or floats (f32). Rows lie `pitch`
// bytes apart and begin at a multiple of 64. After the last value of a row, border included, there are at least 64 bytes that may be
// read and written: kernels work in whole vectors and need no tails. What stands there means nothing.
// `n` is the number of values of a row to make (width * c); the unit of `from..to` is a row, unless a docstring says otherwise.

import { splat } from "./simd";

/**
 * The pixels left and right of rows: `table` has `count` pairs of i32, bytes from the row's first pixel to the one to make, and to the one
 * it repeats; where both are equal the pixel becomes zero. `size` is the bytes of a pixel.
 */
export function image_border(
  rows: usize,
  table: usize,
  pitch: i32,
  size: i32,
  count: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const row = rows + <usize>y * pitch;
    for (let i = 0; i < count; i++) {
      const make = load<i32>(table + (<usize>i << 3));
      const repeat = load<i32>(table + (<usize>i << 3), 4);
      if (make == repeat) memory.fill(row + make, 0, size);
      else for (let j = 0; j < size; j++) store<u8>(row + make + j, load<u8>(row + repeat + j));
    }
  }
}

/** out = in, bytes to floats. */
export function image_widen(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 8, p += 8, q += 32) {
      const x = v128.load_ext<u8>(p);
      v128.store(q, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(x)));
      v128.store(q, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(x)), 16);
    }
  }
}

/** out = in, floats to bytes: rounded to the nearest, ties to even, and saturated to 0..255, as OpenCV's saturate_cast does. NaN becomes 0. */
export function image_narrow(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 16, p += 64, q += 16) v128.store(q, bytes_of(p));
  }
}

// 255, and 2^23: a float of at least that has no fraction, so adding it rounds, and the lowest bits of the sum are the integer.
const BYTE_LIMITS: usize = memory.data<f32>([255, 8388608]);

// @ts-ignore: decorator
@inline
function integers_of(x: v128): v128 {
  const magic = splat(BYTE_LIMITS + 4);
  // pmax(0, x) is 0 for a NaN.
  const limited = f32x4.pmin(splat(BYTE_LIMITS), f32x4.pmax(i32x4.splat(0), x));
  return v128.xor(f32x4.add(limited, magic), magic);
}

/** Sixteen floats as bytes. */
// @ts-ignore: decorator
@inline
export function bytes_of_lanes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(integers_of(a), integers_of(b)),
    i16x8.narrow_i32x4_s(integers_of(c), integers_of(d)),
  );
}

/** The 16 floats at `p` as bytes. */
// @ts-ignore: decorator
@inline
export function bytes_of(p: usize): v128 {
  return bytes_of_lanes(v128.load(p), v128.load(p, 16), v128.load(p, 32), v128.load(p, 48));
}

/** The last of `c` channels of `size` bytes each is taken from `input`. `n` counts pixels. */
export function image_alpha(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  c: i32,
  size: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const step = <usize>(c * size);
  const last = step - <usize>size;
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    let i = 0;
    // Four pixels of RGBA bytes: lanes of 32 bits whose highest byte is alpha.
    if (step == 4 && size == 1) {
      const mask = i32x4.splat(i32x4.extract_lane(i32x4.splat(<i32>0xff000000), 0));
      for (; i < n; i += 4, p += 16, q += 16)
        v128.store(q, v128.bitselect(v128.load(p), v128.load(q), mask));
    }
    for (; i < n; i++, p += step, q += step) {
      if (size == 1) store<u8>(q + last, load<u8>(p + last));
      else store<u32>(q + last, load<u32>(p + last));
    }
  }
}

/** Gray bytes to RGBA with alpha 255. `n` counts pixels. */
export function image_spread(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 4, p += 4, q += 16) {
      const x = v128.load32_zero(p);
      const opaque = i32x4.splat(-1);
      v128.store(q, v128.shuffle<u8>(x, opaque, 0, 0, 0, 16, 1, 1, 1, 16, 2, 2, 2, 16, 3, 3, 3, 16));
    }
  }
}
