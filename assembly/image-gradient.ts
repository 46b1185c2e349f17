// First derivatives of pictures: Sobel's pair with its magnitude, any 3 x 3 separable filter of bytes, and any separable filter of gray
// bytes in integers; magnitude and angle of two float derivatives. Rows as image.ts says.
//
//   a b c                  s = a + 2 d + g  for each column        dx = s[x + 1] - s[x - 1]
//   d e f  of columns      t = g - a                               dy = t[x - 1] + 2 t[x] + t[x + 1]
//   g h i  x - 1, x, x + 1
//
// |dx| + |dy| of an aperture of 7 (over 16) is at most 20,400, of 5 at most 24,480, of 3 at most 2,040: 16 bits hold it.

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

/** Zeros left and right of a row of magnitudes: outside of the picture nothing changes. */
// @ts-ignore: decorator
@inline
function border_magnitude(m: usize, n: i32, squares: bool): void {
  const zero = i32x4.splat(0);
  if (squares) {
    store<i32>(m - 4, 0);
    v128.store(m + (<usize>n << 2), zero);
    v128.store(m + (<usize>n << 2), zero, 16);
  } else {
    store<i16>(m - 2, 0);
    v128.store(m + (<usize>n << 1), zero);
  }
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
 * left and zeros right of every row. `input` is the row above the first to make; a pixel is readable left and right of each row.
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

/**
 * out[i] = sum of taps[k] * input[i + k], gray bytes to i16: `taps` are `count` of i16, `input` is where the window of the first pixel
 * begins. The sums must fit.
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
  for (let y = from; y < to; y++) {
    const p = input + <usize>y * inPitch;
    const q = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n; i += 8) {
      let sum = i16x8.splat(0);
      for (let k: usize = 0; k < <usize>count; k++)
        sum = i16x8.add(sum, i16x8.mul(v128.load_ext<u8>(p + i + k), v128.load16_splat(taps + (k << 1))));
      v128.store(q + (i << 1), sum);
    }
  }
}

/**
 * out = sum over rows of taps[k] * input[row + k] / 2^shift, of i16 in 32 bits, rounded half to even and saturated to 16 bits. `taps` are
 * `count` of i16; `input` is the first row of the window of the first row.
 */
export function image_taps_column_i16(
  out: usize,
  input: usize,
  taps: usize,
  outPitch: i32,
  inPitch: i32,
  count: i32,
  shift: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const one = i32x4.splat(shift ? 1 : 0);
  const half = i32x4.splat(shift ? (1 << (shift - 1)) - 1 : 0);
  for (let y = from; y < to; y++) {
    const p = input + <usize>y * inPitch;
    const q = out + <usize>y * outPitch;
    for (let i: usize = 0; i < <usize>n << 1; i += 16) {
      let low = i32x4.splat(0);
      let high = low;
      for (let k: usize = 0; k < <usize>count; k++) {
        const x = v128.load(p + k * <usize>inPitch + i);
        const tap = v128.load16_splat(taps + (k << 1));
        low = i32x4.add(low, i32x4.extmul_low_i16x8_s(x, tap));
        high = i32x4.add(high, i32x4.extmul_high_i16x8_s(x, tap));
      }
      // Half less one, and one more where the quotient is odd.
      low = i32x4.add(i32x4.add(low, half), v128.and(i32x4.shr_s(low, shift), one));
      high = i32x4.add(i32x4.add(high, half), v128.and(i32x4.shr_s(high, shift), one));
      v128.store(q + i, i16x8.narrow_i32x4_s(i32x4.shr_s(low, shift), i32x4.shr_s(high, shift)));
    }
  }
}
