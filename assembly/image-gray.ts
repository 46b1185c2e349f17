// gray = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601). Rows as image.ts says.

/** The weights times 2^15, rounded: OpenCV's. */
const R: i16 = 9798;
const G: i16 = 19235;
const B: i16 = 3735;
const SHIFT: i32 = 15;
const WEIGHTS: usize = memory.data<i16>([R, G, B, 0, R, G, B, 0]);

/** Red plus green, and blue, of four pixels of four bytes each; a round-half-up sum of both in every lane. */
// @ts-ignore: decorator
@inline
function gray_of(rgbx: v128, weights: v128, half: v128): v128 {
  const a = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(rgbx), weights);
  const b = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(rgbx), weights);
  const sum = i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
  return i32x4.shr_u(i32x4.add(sum, half), SHIFT);
}

/** Four pixels of `c` bytes at `p`, in 32 bits each. */
// @ts-ignore: decorator
@inline
function pixels_at(p: usize, c: i32): v128 {
  const x = v128.load(p);
  if (c == 4) return x;
  return v128.shuffle<u8>(x, x, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
}

// @ts-ignore: decorator
@inline
function gray_row(q: usize, p: usize, c: i32, n: i32): void {
  const weights = v128.load(WEIGHTS);
  const half = i32x4.splat(1 << (SHIFT - 1));
  const step = <usize>(c << 2);
  for (let i = 0; i < n; i += 16, p += step << 2, q += 16) {
    const a = gray_of(pixels_at(p, c), weights, half);
    const b = gray_of(pixels_at(p + step, c), weights, half);
    const d = gray_of(pixels_at(p + 2 * step, c), weights, half);
    const e = gray_of(pixels_at(p + 3 * step, c), weights, half);
    v128.store(q, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(d, e)));
  }
}

/** Gray bytes of rows of `c` = 3 or 4 bytes a pixel. `n` counts pixels. */
export function image_gray_u8(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  c: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const p = input + <usize>y * inPitch;
    if (c == 4) gray_row(q, p, 4, n);
    else gray_row(q, p, 3, n);
  }
}

/** The same in floats, of `c` = 1 to 4 channels: without colours, the first channel. `n` counts pixels. */
export function image_gray_f32(
  out: usize,
  input: usize,
  outPitch: i32,
  inPitch: i32,
  c: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  const step = <usize>c << 2;
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = input + <usize>y * inPitch;
    for (let i = 0; i < n; i++, p += step, q += 4) {
      let gray = load<f32>(p);
      if (c > 2) gray = <f32>0.299 * gray + <f32>0.587 * load<f32>(p, 4) + <f32>0.114 * load<f32>(p, 8);
      store<f32>(q, gray);
    }
  }
}
