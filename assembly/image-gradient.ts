// First derivatives of pictures: Sobel's pair with its magnitude, any 3 x 3 separable filter of bytes, and any separable filter of gray
// bytes in integers; magnitude and angle of two float derivatives. Rows as image.ts says.
//
//   a b c                  s = a + 2 d + g  for each column        dx = s[x + 1] - s[x - 1]
//   d e f  of columns      t = g - a                               dy = t[x - 1] + 2 t[x] + t[x + 1]
//   g h i  x - 1, x, x + 1
//
// |dx| + |dy| of an aperture of 7 (over 16) is at most 20,400, of 5 at most 24,480, of 3 at most 2,040: 16 bits hold it.
import { madd, splat } from "./simd";

/** The derivatives squared and added, of four pixels. */
// @ts-ignore: decorator
@inline
function store_squares(m: usize, dx: v128, dy: v128): void {
  const low = v128.shuffle<i16>(dx, dy, 0, 8, 1, 9, 2, 10, 3, 11);
  const high = v128.shuffle<i16>(dx, dy, 4, 12, 5, 13, 6, 14, 7, 15);
  v128.store(m, i32x4.dot_i16x8_s(low, low));
  v128.store(m, i32x4.dot_i16x8_s(high, high), 16);
}

/** The magnitude of 8 pixels: |dx| + |dy| in 16 bits, or dx² + dy² in 32. */
// @ts-ignore: decorator
@inline
function store_magnitude(m: usize, dx: v128, dy: v128, squares: bool): void {
  if (squares) store_squares(m, dx, dy);
  else v128.store(m, i16x8.add(i16x8.abs(dx), i16x8.abs(dy)));
}

/** A zero left of a row of magnitudes and 16 right of it: outside of the picture nothing changes. */
// @ts-ignore: decorator
@inline
function border_magnitude(m: usize, n: i32, squares: bool): void {
  const size: usize = squares ? 4 : 2;
  const end = m + <usize>n * size;
  memory.fill(m - size, 0, size);
  memory.fill(end, 0, 16 * size);
}

// @ts-ignore: decorator
@inline
function sobel_row(dx: usize, dy: usize, m: usize, p: usize, pitch: usize, n: i32, squares: bool): void {
  const p1 = p + pitch;
  const p2 = p1 + pitch;
  let a = v128.load_ext<u8>(p - 8);
  let b = v128.load_ext<u8>(p2 - 8);
  let s0 = i16x8.add(i16x8.add(a, b), i16x8.shl(v128.load_ext<u8>(p1 - 8), 1));
  let t0 = i16x8.sub(b, a);
  a = v128.load_ext<u8>(p);
  b = v128.load_ext<u8>(p2);
  let s1 = i16x8.add(i16x8.add(a, b), i16x8.shl(v128.load_ext<u8>(p1), 1));
  let t1 = i16x8.sub(b, a);
  for (let i: usize = 0; i < <usize>n; i += 8) {
    a = v128.load_ext<u8>(p + i + 8);
    b = v128.load_ext<u8>(p2 + i + 8);
    const s2 = i16x8.add(i16x8.add(a, b), i16x8.shl(v128.load_ext<u8>(p1 + i + 8), 1));
    const t2 = i16x8.sub(b, a);
    const x = i16x8.sub(
      v128.shuffle<i16>(s1, s2, 1, 2, 3, 4, 5, 6, 7, 8),
      v128.shuffle<i16>(s0, s1, 7, 8, 9, 10, 11, 12, 13, 14),
    );
    const y = i16x8.add(
      i16x8.add(
        v128.shuffle<i16>(t1, t2, 1, 2, 3, 4, 5, 6, 7, 8),
        v128.shuffle<i16>(t0, t1, 7, 8, 9, 10, 11, 12, 13, 14),
      ),
      i16x8.shl(t1, 1),
    );
    v128.store(dx + (i << 1), x);
    v128.store(dy + (i << 1), y);
    store_magnitude(m + (i << (squares ? 2 : 1)), x, y, squares);
    s0 = s1;
    s1 = s2;
    t0 = t1;
    t1 = t2;
  }
  border_magnitude(m, n, squares);
}

function sobel_row_sum(dx: usize, dy: usize, m: usize, p: usize, pitch: usize, n: i32): void {
  sobel_row(dx, dy, m, p, pitch, n, false);
}

function sobel_row_squares(dx: usize, dy: usize, m: usize, p: usize, pitch: usize, n: i32): void {
  sobel_row(dx, dy, m, p, pitch, n, true);
}

/**
 * Sobel's 3 x 3 derivatives of gray bytes in i16, and the magnitude: |dx| + |dy| in i16, or with `squares` dx² + dy² in i32, with a zero
 * left and 16 right of every row. `input` is the row above the first to make; a pixel is readable left and right of each row.
 */
export function image_sobel_u8(
  dx: usize,
  dy: usize,
  out: usize,
  input: usize,
  pitch: i32,
  outPitch: i32,
  inPitch: i32,
  squares: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const x = dx + <usize>y * pitch;
    const v = dy + <usize>y * pitch;
    const m = out + <usize>y * outPitch;
    const p = input + <usize>y * inPitch;
    if (squares) sobel_row_squares(x, v, m, p, inPitch, n);
    else sobel_row_sum(x, v, m, p, inPitch, n);
  }
}

/** The magnitude alone, as image_sobel_u8 makes it, of derivatives in i16. */
export function image_magnitude_i16(
  out: usize,
  dx: usize,
  dy: usize,
  outPitch: i32,
  pitch: i32,
  squares: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const x = dx + <usize>y * pitch;
    const v = dy + <usize>y * pitch;
    const m = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n; i += 8) {
      const a = v128.load(x + (i << 1));
      const b = v128.load(v + (i << 1));
      if (squares) store_magnitude(m + (i << 2), a, b, true);
      else store_magnitude(m + (i << 1), a, b, false);
    }
    if (squares) border_magnitude(m, n, true);
    else border_magnitude(m, n, false);
  }
}

/** Bytes less this are signed. Where taps sum to 0 it makes no difference. */
const MIDDLE: usize = memory.data<i16>([128]);

/**
 * out[i] = sum of taps[k] * (input[i + k] - 128), gray bytes to i16: `taps` are `count` of i16, `input` is where the window of the first
 * pixel begins. The sums must fit.
 */
export function image_taps_row_u8(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  count: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  let all = 0;
  for (let k: usize = 0; k < <usize>count; k++) all += load<i16>(taps + (k << 1));
  // Sums wrap round in 16 bits on the way, and come out right.
  const start = i16x8.splat(<i16>(all * -128));
  for (let y = from; y < to; y++) {
    const p = input + <usize>y * inPitch;
    const q = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n; i += 8) {
      let sum = start;
      for (let k: usize = 0; k < <usize>count; k++)
        sum = i16x8.add(sum, i16x8.mul(v128.load_ext<u8>(p + i + k), v128.load16_splat(taps + (k << 1))));
      v128.store(q + (i << 1), sum);
    }
  }
}

/**
 * out = sum over rows of taps[k] * input[row + k] / 2^shift, of i16 in 32 bits: rounded half to even and saturated to i16, or with
 * `bytes` rounded half up, plus 128, to bytes. `taps` are `count` of i16, and a 0 where that is odd: a row more is read then. `input` is the first row of the window
 * of the first row.
 */
export function image_taps_column_i16(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  count: i32,
  shift: i32,
  bytes: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const middle = v128.load16_splat(MIDDLE);
  // Half, or half less one and one more where the quotient is odd.
  const even = shift && !bytes ? 1 : 0;
  const odd = i32x4.splat(even);
  const half = i32x4.splat(((1 << shift) >> 1) - even);
  for (let y = from; y < to; y++) {
    const p = input + <usize>y * inPitch;
    const q = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n << 1; i += 16) {
      let low = i32x4.splat(0);
      let high = low;
      for (let k: usize = 0; k < <usize>count; k += 2) {
        const a = v128.load(p + k * <usize>inPitch + i);
        const b = v128.load(p + (k + 1) * <usize>inPitch + i);
        const pair = v128.load32_splat(taps + (k << 1));
        low = i32x4.add(low, i32x4.dot_i16x8_s(v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11), pair));
        high = i32x4.add(high, i32x4.dot_i16x8_s(v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), pair));
      }
      low = i32x4.add(i32x4.add(low, half), v128.and(i32x4.shr_s(low, shift), odd));
      high = i32x4.add(i32x4.add(high, half), v128.and(i32x4.shr_s(high, shift), odd));
      const made = i16x8.narrow_i32x4_s(i32x4.shr_s(low, shift), i32x4.shr_s(high, shift));
      if (bytes) {
        const x = i16x8.add(made, middle);
        v128.store64_lane(q + (i >> 1), i8x16.narrow_i16x8_u(x, x), 0);
      } else v128.store(q + i, made);
    }
  }
}

/**
 * out = scale * (columns * rows) + bias, bytes to floats: rows of `c` channels, filtered down by the first three of `taps` (six of i16)
 * and across by the others; the scale and the bias, two of f32, follow 16 bytes after. Sums must fit 16 bits. `input` is the row above
 * the first to make; a pixel is readable left and right. `scratch` has rows of i16 with 8 values to the left.
 */
export function image_separable3_u8(
  out: usize,
  input: usize,
  scratch: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  scratchPitch: i32,
  c: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const k0 = v128.load16_splat(taps);
  const k1 = v128.load16_splat(taps, 2);
  const k2 = v128.load16_splat(taps, 4);
  const r0 = v128.load16_splat(taps, 6);
  const r1 = v128.load16_splat(taps, 8);
  const r2 = v128.load16_splat(taps, 10);
  const scale = splat(taps + 16);
  const bias = splat(taps + 20);
  const step = <usize>c << 1;
  for (let y = from; y < to; y++) {
    let p = input + <usize>y * inPitch - 8;
    const row = scratch + <usize>y * scratchPitch;
    for (let i = -8; i < n + 8; i += 8, p += 8) {
      const a = i16x8.mul(v128.load_ext<u8>(p), k0);
      const b = i16x8.mul(v128.load_ext<u8>(p + inPitch), k1);
      const d = i16x8.mul(v128.load_ext<u8>(p + 2 * inPitch), k2);
      v128.store(row + (i << 1), i16x8.add(i16x8.add(a, b), d));
    }
    let q = out + <usize>y * outPitch;
    for (let s = row; s < row + (n << 1); s += 16, q += 32) {
      const a = i16x8.mul(v128.load(s - step), r0);
      const b = i16x8.mul(v128.load(s), r1);
      const d = i16x8.mul(v128.load(s + step), r2);
      const x = i16x8.add(i16x8.add(a, b), d);
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x));
      const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x));
      v128.store(q, madd(low, scale, bias));
      v128.store(q, madd(high, scale, bias), 16);
    }
  }
}

/** tan(π/8), π/4, π/2, π, and the polynomial of atan(x)/x in x² for |x| <= tan(π/8): Cephes' atanf (S. Moshier), error below 2e-7. */
const ATAN: usize = memory.data<f32>([
  0.41421356, 0.78539816, 1.57079633, 3.14159265, 8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1,
  -3.33329491539e-1,
]);

/** magnitude = sqrt(dx² + dy²) and angle = atan2(dy, dx) in radians, 0 where both are. */
export function image_polar_f32(
  magnitude: usize,
  angle: usize,
  dx: usize,
  dy: usize,
  outPitch: i32,
  inPitch: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const sign = i32x4.shl(i32x4.splat(i32(n > 0)), 31);
  const zero = f32x4.splat(0);
  for (let y = from; y < to; y++) {
    for (let i: usize = 0; i < <usize>n << 2; i += 16) {
      const x = v128.load(dx + <usize>y * inPitch + i);
      const v = v128.load(dy + <usize>y * inPitch + i);
      v128.store(magnitude + <usize>y * outPitch + i, f32x4.sqrt(madd(x, x, f32x4.mul(v, v))));
      const a = f32x4.abs(x);
      const b = f32x4.abs(v);
      const small = f32x4.min(a, b);
      const large = f32x4.max(a, b);
      // atan(t) = π/4 + atan((t - 1) / (t + 1)), t = small / large.
      const far = f32x4.gt(small, f32x4.mul(large, splat(ATAN)));
      const up = v128.bitselect(f32x4.sub(small, large), small, far);
      const down = v128.bitselect(f32x4.add(small, large), large, far);
      const t = v128.andnot(f32x4.div(up, down), f32x4.eq(down, zero));
      const z = f32x4.mul(t, t);
      let p = madd(z, splat(ATAN + 16), splat(ATAN + 20));
      p = madd(p, z, splat(ATAN + 24));
      p = madd(p, z, splat(ATAN + 28));
      p = f32x4.add(madd(f32x4.mul(p, z), t, t), v128.and(far, splat(ATAN + 4)));
      p = v128.bitselect(f32x4.sub(splat(ATAN + 8), p), p, f32x4.gt(b, a));
      p = v128.bitselect(f32x4.sub(splat(ATAN + 12), p), p, i32x4.shr_s(x, 31));
      v128.store(angle + <usize>y * outPitch + i, v128.bitselect(v, p, sign));
    }
  }
}

/**
 * Counts magnitudes, or with `squares` roots of squared ones, rounded down: `out` has two tables of 2^15 u32, for even and odd columns, to
 * which is added. One unit: `rows` rows of `n` values.
 */
export function image_histogram(
  out: usize,
  input: usize,
  pitch: i32,
  squares: i32,
  n: i32,
  rows: i32,
  from: i32,
  to: i32,
): void {
  if (from >= to) return;
  for (let y = 0; y < rows; y++) {
    const p = input + <usize>y * pitch;
    for (let i: usize = 0; i < <usize>n; i++) {
      const m: usize = squares ? <usize>sqrt<f64>(<f64>load<i32>(p + (i << 2))) : <usize>load<i16>(p + (i << 1));
      // Neighbours are often equal: the second does not wait for the first.
      const place = out + ((i & 1) << 17) + (m << 2);
      store<u32>(place, load<u32>(place) + 1);
    }
  }
}
