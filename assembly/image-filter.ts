// Sums of neighbours: out[i] = start + sum over taps t of weight[t] * in[i + offset[t]], along rows as image.ts says.
//
// A table of taps begins with the fields TAPS_COUNT, TAPS_SHIFT and TAPS_ROUND (abi.ts), then at TAPS_START bytes the vector `start`, and at
// TAPS_FIRST bytes the taps, TAPS_SIZE bytes each: a vector of weights and, after it, the offset in bytes as i32. Weights are a vector and
// not one number because the alpha of a pixel has weights of its own: 1 in the centre, else 0, so that it stays as it is at no cost.
//
// 16-bit sums wrap round: whatever happens on the way, a sum is right if it ends within 16 bits. A sum is then shifted right by TAPS_SHIFT,
// rounded up at a half or, where TAPS_ROUND is 1, to the even neighbour.
import { TAPS_COUNT, TAPS_FIRST, TAPS_ROUND, TAPS_SHIFT, TAPS_SIZE, TAPS_START } from "./abi";
import { bytes_of_lanes } from "./image";
import { field, madd } from "./simd";

// @ts-ignore: decorator
@inline
function taps_end(taps: usize): usize {
  return taps + TAPS_FIRST + <usize>field(taps, TAPS_COUNT) * TAPS_SIZE;
}

// @ts-ignore: decorator
@inline
function row_f32(q: usize, p: usize, taps: usize, n: i32, bytes: bool): void {
  const end = taps_end(taps);
  const start = v128.load(taps, TAPS_START);
  for (let i = 0; i < n; i += 16, p += 64) {
    let a = start;
    let b = start;
    let c = start;
    let d = start;
    for (let t = taps + TAPS_FIRST; t < end; t += TAPS_SIZE) {
      const w = v128.load(t);
      const r = p + load<i32>(t, 16);
      a = madd(v128.load(r), w, a);
      b = madd(v128.load(r, 16), w, b);
      c = madd(v128.load(r, 32), w, c);
      d = madd(v128.load(r, 48), w, d);
    }
    if (bytes) {
      v128.store(q, bytes_of_lanes(a, b, c, d));
      q += 16;
    } else {
      v128.store(q, a);
      v128.store(q, b, 16);
      v128.store(q, c, 32);
      v128.store(q, d, 48);
      q += 64;
    }
  }
}

/** Floats from floats. */
export function image_filter_f32(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    row_f32(out + <usize>y * outPitch, input + <usize>y * inPitch, taps, n, false);
}

/** Bytes from floats, as image_narrow makes them. */
export function image_filter_f32_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    row_f32(out + <usize>y * outPitch, input + <usize>y * inPitch, taps, n, true);
}

/** Two pixels of four bytes each, of which one is taken, as floats. */
// @ts-ignore: decorator
@inline
function first_of(x: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(x));
}

// @ts-ignore: decorator
@inline
function second_of(x: v128): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(x));
}

/**
 * Bytes from bytes by float weights, for four channels and rows of three taps each, side by side: a pixel is a vector, and loaded once a
 * row. The offset is that of the middle tap.
 */
export function image_triples_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const end = taps_end(taps);
  const start = v128.load(taps, TAPS_START);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 16, p += 16, q += 16) {
      let a = start;
      let b = start;
      let c = start;
      let d = start;
      for (let t = taps + TAPS_FIRST; t < end; t += 3 * TAPS_SIZE) {
        const left = v128.load(t);
        const centre = v128.load(t, TAPS_SIZE);
        const right = v128.load(t, 2 * TAPS_SIZE);
        const r = p + load<i32>(t, TAPS_SIZE + 16);
        const before = v128.load_ext<u8>(r - 4);
        const x = second_of(before);
        a = madd(x, centre, madd(first_of(before), left, a));
        const middle = v128.load_ext<u8>(r, 4);
        const z = first_of(middle);
        a = madd(z, right, a);
        b = madd(z, centre, madd(x, left, b));
        const u = second_of(middle);
        b = madd(u, right, b);
        c = madd(u, centre, madd(z, left, c));
        const after = v128.load_ext<u8>(r, 12);
        const v = first_of(after);
        c = madd(v, right, c);
        d = madd(second_of(after), right, madd(v, centre, madd(u, left, d)));
      }
      v128.store(q, bytes_of_lanes(a, b, c, d));
    }
  }
}

// Element types of rows, and how sums end.
const BYTES = 0;
const WORDS = 1;

/** Eight values as 16 bits. */
// @ts-ignore: decorator
@inline
function words_at(p: usize, type: i32, index: usize): v128 {
  return type == BYTES ? v128.load_ext<u8>(p + 8 * index) : v128.load(p + 16 * index);
}

// Sums of words are positive, up to 2^16; those of bytes may be negative.
// @ts-ignore: decorator
@inline
function shifted(x: v128, half: v128, odd: v128, shift: i32, type: i32): v128 {
  const y = i16x8.add(x, half);
  if (type == WORDS) return i16x8.shr_u(i16x8.add(y, v128.and(i16x8.shr_u(x, shift), odd)), shift);
  return i16x8.shr_s(i16x8.add(y, v128.and(i16x8.shr_s(x, shift), odd)), shift);
}

// @ts-ignore: decorator
@inline
function row_i16(q: usize, p: usize, taps: usize, n: i32, type: i32, made: i32): void {
  const end = taps_end(taps);
  const start = v128.load(taps, TAPS_START);
  const shift = field(taps, TAPS_SHIFT);
  const even = field(taps, TAPS_ROUND);
  const half = i16x8.splat(<i16>((((<i32>1) << shift) >> 1) - even));
  const odd = i16x8.splat(<i16>even);
  for (let i = 0; i < n; i += 32) {
    let a = start;
    let b = start;
    let c = start;
    let d = start;
    for (let t = taps + TAPS_FIRST; t < end; t += TAPS_SIZE) {
      const w = v128.load(t);
      const r = p + load<i32>(t, 16);
      a = i16x8.add(a, i16x8.mul(words_at(r, type, 0), w));
      b = i16x8.add(b, i16x8.mul(words_at(r, type, 1), w));
      c = i16x8.add(c, i16x8.mul(words_at(r, type, 2), w));
      d = i16x8.add(d, i16x8.mul(words_at(r, type, 3), w));
    }
    p += type == BYTES ? 32 : 64;
    if (made == WORDS) {
      v128.store(q, a);
      v128.store(q, b, 16);
      v128.store(q, c, 32);
      v128.store(q, d, 48);
      q += 64;
    } else {
      if (shift) {
        a = shifted(a, half, odd, shift, type);
        b = shifted(b, half, odd, shift, type);
        c = shifted(c, half, odd, shift, type);
        d = shifted(d, half, odd, shift, type);
      }
      v128.store(q, i8x16.narrow_i16x8_u(a, b));
      v128.store(q, i8x16.narrow_i16x8_u(c, d), 16);
      q += 32;
    }
  }
}

/** Bytes from bytes, summed in 16 bits and saturated. */
export function image_filter_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    row_i16(out + <usize>y * outPitch, input + <usize>y * inPitch, taps, n, BYTES, BYTES);
}

/** 16-bit sums of bytes: no shift. */
export function image_filter_u8_i16(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    row_i16(out + <usize>y * outPitch, input + <usize>y * inPitch, taps, n, BYTES, WORDS);
}

/** Bytes from 16-bit values, summed in 16 bits: without a shift signed, with one unsigned. */
export function image_filter_i16_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++)
    row_i16(out + <usize>y * outPitch, input + <usize>y * inPitch, taps, n, WORDS, BYTES);
}

/**
 * Values side by side: a 32-bit lane of `out` holds in[i] and in[i + c], of 16 bits each. image_dot_i16_u8 takes such rows: one
 * instruction multiplies and adds both.
 */
export function image_pairs_i16(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  c: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const step = <usize>c << 1;
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 8, p += 16, q += 32) {
      const a = v128.load(p);
      const b = v128.load(p + step);
      v128.store(q, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
      v128.store(q, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function shifted_i32(x: v128, half: v128, odd: v128, shift: i32): v128 {
  const y = i32x4.add(i32x4.add(x, half), v128.and(i32x4.shr_s(x, shift), odd));
  return i32x4.shr_s(y, shift);
}

/** Bytes from pairs, summed in 32 bits and saturated; a tap has the weights of both. `n` counts values. */
export function image_dot_i16_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const end = taps_end(taps);
  const start = v128.load(taps, TAPS_START);
  const shift = field(taps, TAPS_SHIFT);
  const even = field(taps, TAPS_ROUND);
  const half = i32x4.splat((((<i32>1) << shift) >> 1) - even);
  const odd = i32x4.splat(even);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 16, p += 64, q += 16) {
      let a = start;
      let b = start;
      let c = start;
      let d = start;
      for (let t = taps + TAPS_FIRST; t < end; t += TAPS_SIZE) {
        const w = v128.load(t);
        const r = p + load<i32>(t, 16);
        a = i32x4.add(a, i32x4.dot_i16x8_s(v128.load(r), w));
        b = i32x4.add(b, i32x4.dot_i16x8_s(v128.load(r, 16), w));
        c = i32x4.add(c, i32x4.dot_i16x8_s(v128.load(r, 32), w));
        d = i32x4.add(d, i32x4.dot_i16x8_s(v128.load(r, 48), w));
      }
      if (shift) {
        a = shifted_i32(a, half, odd, shift);
        b = shifted_i32(b, half, odd, shift);
        c = shifted_i32(c, half, odd, shift);
        d = shifted_i32(d, half, odd, shift);
      }
      const low = i16x8.narrow_i32x4_s(a, b);
      v128.store(q, i8x16.narrow_i16x8_u(low, i16x8.narrow_i32x4_s(c, d)));
    }
  }
}

/** out = x + amount * (x - blurred), where `out` holds the blurred values; x where both differ by less than the threshold. */
export function image_unsharp_f32(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  amount: f32,
  threshold: f32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const scale = f32x4.splat(amount);
  const least = f32x4.splat(threshold);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i += 4, p += 16, q += 16) {
      const x = v128.load(p);
      const d = f32x4.sub(x, v128.load(q));
      const sharp = f32x4.add(x, f32x4.mul(d, scale));
      v128.store(q, v128.bitselect(x, sharp, f32x4.lt(f32x4.abs(d), least)));
    }
  }
}
