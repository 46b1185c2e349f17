// Sums over windows of w x h values, by running sums: the cost does not depend on the size. Rows as image.ts says.
//
// Columns first: a row of sums is the one above, plus the row that enters the window, minus the row that leaves. Then rows, in the same way.
// Bytes are summed in integers (16 bits for columns, so that h is at most 257), floats in doubles, as OpenCV does.

/** Values of a unit of the column kernels. */
const BLOCK = 32;

/**
 * Sums of `h` rows of bytes, as u16: row y + 1 of `sums` is that of the rows y + 1 to y + h of `input`. Row 0 of `sums` must be there, or
 * is made where `fresh` is not 0. `rows` are made beside it. The unit is a block of 32 values; rows of sums have 128 bytes after them.
 */
export function image_box_columns_u8(
  sums: usize,
  input: usize,
  sumsPitch: i32,
  inPitch: i32,
  h: i32,
  rows: i32,
  fresh: i32,
  from: i32,
  to: i32,
): void {
  const reach = <usize>h * inPitch;
  for (let block = from; block < to; block++) {
    let p = input + <usize>block * BLOCK;
    let q = sums + <usize>block * (2 * BLOCK);
    let a = v128.load(q);
    let b = v128.load(q, 16);
    let c = v128.load(q, 32);
    let d = v128.load(q, 48);
    if (fresh) {
      a = i16x8.splat(0);
      b = a;
      c = a;
      d = a;
      for (let r = p; r < p + reach; r += inPitch) {
        a = i16x8.add(a, v128.load_ext<u8>(r));
        b = i16x8.add(b, v128.load_ext<u8>(r, 8));
        c = i16x8.add(c, v128.load_ext<u8>(r, 16));
        d = i16x8.add(d, v128.load_ext<u8>(r, 24));
      }
      v128.store(q, a);
      v128.store(q, b, 16);
      v128.store(q, c, 32);
      v128.store(q, d, 48);
    }
    for (let y = 0; y < rows; y++, p += inPitch) {
      const r = p + reach;
      q += sumsPitch;
      a = i16x8.add(a, i16x8.sub(v128.load_ext<u8>(r), v128.load_ext<u8>(p)));
      b = i16x8.add(b, i16x8.sub(v128.load_ext<u8>(r, 8), v128.load_ext<u8>(p, 8)));
      c = i16x8.add(c, i16x8.sub(v128.load_ext<u8>(r, 16), v128.load_ext<u8>(p, 16)));
      d = i16x8.add(d, i16x8.sub(v128.load_ext<u8>(r, 24), v128.load_ext<u8>(p, 24)));
      v128.store(q, a);
      v128.store(q, b, 16);
      v128.store(q, c, 32);
      v128.store(q, d, 48);
    }
  }
}

/** The same of floats, as doubles. The unit is a block of 4 values. */
export function image_box_columns_f32(
  sums: usize,
  input: usize,
  sumsPitch: i32,
  inPitch: i32,
  h: i32,
  rows: i32,
  fresh: i32,
  from: i32,
  to: i32,
): void {
  const reach = <usize>h * inPitch;
  for (let block = from; block < to; block++) {
    let p = input + <usize>block * 16;
    let q = sums + <usize>block * 32;
    let a = v128.load(q);
    let b = v128.load(q, 16);
    if (fresh) {
      a = f64x2.splat(0);
      b = a;
      for (let r = p; r < p + reach; r += inPitch) {
        a = f64x2.add(a, doubles_at(r, 0));
        b = f64x2.add(b, doubles_at(r, 8));
      }
      v128.store(q, a);
      v128.store(q, b, 16);
    }
    for (let y = 0; y < rows; y++, p += inPitch) {
      const r = p + reach;
      q += sumsPitch;
      a = f64x2.add(a, f64x2.sub(doubles_at(r, 0), doubles_at(p, 0)));
      b = f64x2.add(b, f64x2.sub(doubles_at(r, 8), doubles_at(p, 8)));
      v128.store(q, a);
      v128.store(q, b, 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function doubles_at(p: usize, offset: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(p + offset));
}

// A pixel's channels are the first lanes of a vector. The others hold the sums of the next pixel and are overwritten by it.

// How a sum becomes a mean.
/** (sum + add) * factor >> SHIFT, as OpenCV divides by an area of at most 256. */
const DIVIDED = 0;
/** sum * scale, rounded to nearest even. */
const ROUNDED = 1;
/** sum * scale, as a float. */
const FLOATS = 2;
/** OpenCV's. */
const SHIFT: i32 = 23;

// @ts-ignore: decorator
@inline
function store_mean(q: usize, sum: v128, scale: v128, add: v128, mode: i32): void {
  if (mode == FLOATS) {
    v128.store(q, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
    return;
  }
  const mean =
    mode == DIVIDED
      ? i32x4.shr_u(i32x4.mul(i32x4.add(sum, add), scale), SHIFT)
      : i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(f32x4.convert_i32x4_s(sum), scale)));
  const words = i16x8.narrow_i32x4_s(mean, mean);
  v128.store_lane<i32>(q, i8x16.narrow_i16x8_u(words, words), 0);
}

// @ts-ignore: decorator
@inline
function mean_row(q: usize, p: usize, w: i32, c: i32, n: i32, scale: v128, add: v128, mode: i32): void {
  const step = <usize>c << 1;
  const made = mode == FLOATS ? <usize>c << 2 : <usize>c;
  let r = p;
  let sum = i32x4.splat(0);
  for (let i = 0; i < w; i++, r += step) sum = i32x4.add(sum, v128.load_ext<u16>(r));
  for (let i = 0; i < n; i++, r += step, p += step, q += made) {
    store_mean(q, sum, scale, add, mode);
    sum = i32x4.add(sum, i32x4.sub(v128.load_ext<u16>(r), v128.load_ext<u16>(p)));
  }
}

function means_divided(q: usize, p: usize, w: i32, c: i32, n: i32, scale: i32, add: i32): void {
  mean_row(q, p, w, c, n, i32x4.splat(scale), i32x4.splat(add), DIVIDED);
}

function means_rounded(q: usize, p: usize, w: i32, c: i32, n: i32, scale: f32): void {
  mean_row(q, p, w, c, n, f32x4.splat(scale), i32x4.splat(0), ROUNDED);
}

function means_f32(q: usize, p: usize, w: i32, c: i32, n: i32, scale: f32): void {
  mean_row(q, p, w, c, n, f32x4.splat(scale), i32x4.splat(0), FLOATS);
}

/**
 * Means of `w` sums that lie side by side. `scale` is 1 / area; where `floats` is 0 bytes are made, and for `add` of at least 0 scale
 * and `add` are integers: the mean is (sum + add) * scale >> 23. `n` counts pixels of `c` values.
 */
export function image_box_rows_u8(
  out: usize,
  sums: usize,
  outPitch: i32,
  sumsPitch: i32,
  w: i32,
  c: i32,
  scale: f32,
  add: i32,
  floats: i32,
  n: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const p = sums + <usize>y * sumsPitch;
    if (floats) means_f32(q, p, w, c, n, scale);
    else if (add >= 0) means_divided(q, p, w, c, n, <i32>scale, add);
    else means_rounded(q, p, w, c, n, scale);
  }
}

/** The same of doubles: floats are made. */
export function image_box_rows_f32(
  out: usize,
  sums: usize,
  outPitch: i32,
  sumsPitch: i32,
  w: i32,
  c: i32,
  scale: f64,
  n: i32,
  from: i32,
  to: i32,
): void {
  const step = <usize>c << 3;
  const factor = f64x2.splat(scale);
  for (let y = from; y < to; y++) {
    let q = out + <usize>y * outPitch;
    let p = sums + <usize>y * sumsPitch;
    let r = p;
    let a = f64x2.splat(0);
    let b = a;
    for (let i = 0; i < w; i++, r += step) {
      a = f64x2.add(a, v128.load(r));
      b = f64x2.add(b, v128.load(r, 16));
    }
    for (let i = 0; i < n; i++, r += step, p += step, q += <usize>c << 2) {
      const low = f32x4.demote_f64x2_zero(f64x2.mul(a, factor));
      const high = f32x4.demote_f64x2_zero(f64x2.mul(b, factor));
      v128.store(q, v128.shuffle<i64>(low, high, 0, 2));
      a = f64x2.add(a, f64x2.sub(v128.load(r), v128.load(p)));
      b = f64x2.add(b, f64x2.sub(v128.load(r, 16), v128.load(p, 16)));
    }
  }
}
