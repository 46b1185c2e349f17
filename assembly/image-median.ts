// The median of windows of 3 x 3 and 5 x 5, for every pixel and channel. Rows as image.ts says.
//
// They are sorted in part by fixed comparisons of whole vectors. Columns are sorted first, once for all windows that
// share them, into `scratch`; then rows. After that, element (i, j) of 5 x 5 is no less than i j elements and no more than (6 - i)(6 - j),
// itself included: the median, 13th of 25, is one of the 13 for which neither is above 13, marked *:
//
//   . . . * *  a       Of these, 18 more comparisons find the 7th. (0-1 principle: checked for all 252 ways in which rows and columns
//   . . * * *  b       of zeros and ones can be sorted.)
//   . * * * .  c
//   * * * . .  d
//   * * . . .  e

// @ts-ignore: decorator
@inline
function lo(a: v128, b: v128, float: bool): v128 {
  return float ? f32x4.min(a, b) : i8x16.min_u(a, b);
}

// @ts-ignore: decorator
@inline
function hi(a: v128, b: v128, float: bool): v128 {
  return float ? f32x4.max(a, b) : i8x16.max_u(a, b);
}

/** Bytes left of a row that windows reach at most: two pixels of four floats. */
const REACH: usize = 32;

// @ts-ignore: decorator
@inline
function median3_row(q: usize, p: usize, pitch: usize, s0: usize, sp: usize, step: usize, n: usize, float: bool): void {
  const s1 = s0 + sp;
  const s2 = s1 + sp;
  for (let i = -REACH; <isize>i < <isize>(n + REACH); i += 16) {
    let a = v128.load(p + i);
    let b = v128.load(p + i + pitch);
    let c = v128.load(p + i + 2 * pitch);
    let t = lo(a, b, float);
    b = hi(a, b, float);
    a = lo(t, c, float);
    c = hi(t, c, float);
    t = lo(b, c, float);
    c = hi(b, c, float);
    v128.store(s0 + i, a);
    v128.store(s1 + i, t);
    v128.store(s2 + i, c);
  }
  for (let i: usize = 0; i < n; i += 16) {
    const left = i - step;
    const right = i + step;
    const low = hi(hi(v128.load(s0 + left), v128.load(s0 + i), float), v128.load(s0 + right), float);
    const high = lo(lo(v128.load(s2 + left), v128.load(s2 + i), float), v128.load(s2 + right), float);
    const middle = median(v128.load(s1 + left), v128.load(s1 + i), v128.load(s1 + right), float);
    v128.store(q + i, median(low, middle, high, float));
  }
}

/** The middle one of three. */
// @ts-ignore: decorator
@inline
function median(a: v128, b: v128, c: v128, float: bool): v128 {
  return hi(lo(a, b, float), lo(hi(a, b, float), c, float), float);
}

// @ts-ignore: decorator
@inline
function sort_columns5(p: usize, pitch: usize, s: usize, sp: usize, n: usize, float: bool): void {
  for (let i = -REACH; <isize>i < <isize>(n + REACH); i += 16) {
    let t: v128;
    let v0 = v128.load(p + i);
    let v1 = v128.load(p + i + pitch);
    let v2 = v128.load(p + i + 2 * pitch);
    let v3 = v128.load(p + i + 3 * pitch);
    let v4 = v128.load(p + i + 4 * pitch);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    t = lo(v1, v3, float);
    v3 = hi(v1, v3, float);
    v1 = t;
    t = lo(v0, v1, float);
    v1 = hi(v0, v1, float);
    v0 = t;
    t = lo(v2, v4, float);
    v4 = hi(v2, v4, float);
    v2 = t;
    t = lo(v1, v2, float);
    v2 = hi(v1, v2, float);
    v1 = t;
    t = lo(v3, v4, float);
    v4 = hi(v3, v4, float);
    v3 = t;
    t = lo(v2, v3, float);
    v3 = hi(v2, v3, float);
    v2 = t;
    v128.store(s + i, v0);
    v128.store(s + i + sp, v1);
    v128.store(s + i + 2 * sp, v2);
    v128.store(s + i + 3 * sp, v3);
    v128.store(s + i + 4 * sp, v4);
  }
}

// @ts-ignore: decorator
@inline
function median5_row(q: usize, s: usize, sp: usize, step: usize, n: usize, float: bool): void {
  for (let i: usize = 0; i < n; i += 16) {
    let t: v128;
    let p = s + i - 2 * step;
    let v0 = v128.load(p);
    let v1 = v128.load(p + step);
    let v2 = v128.load(p + 2 * step);
    let v3 = v128.load(p + 3 * step);
    let v4 = v128.load(p + 4 * step);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    t = lo(v1, v3, float);
    v3 = hi(v1, v3, float);
    v1 = t;
    v1 = hi(v0, v1, float);
    t = lo(v2, v4, float);
    v4 = hi(v2, v4, float);
    v2 = t;
    v2 = hi(v1, v2, float);
    t = lo(v3, v4, float);
    v4 = hi(v3, v4, float);
    v3 = t;
    v3 = hi(v2, v3, float);
    const a4 = v3;
    const a5 = v4;
    p += sp;
    v0 = v128.load(p);
    v1 = v128.load(p + step);
    v2 = v128.load(p + 2 * step);
    v3 = v128.load(p + 3 * step);
    v4 = v128.load(p + 4 * step);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    t = lo(v1, v3, float);
    v3 = hi(v1, v3, float);
    v1 = t;
    v1 = hi(v0, v1, float);
    t = lo(v2, v4, float);
    v4 = hi(v2, v4, float);
    v2 = t;
    v2 = hi(v1, v2, float);
    t = lo(v3, v4, float);
    v4 = hi(v3, v4, float);
    v3 = t;
    t = lo(v2, v3, float);
    v3 = hi(v2, v3, float);
    v2 = t;
    const b3 = v2;
    const b4 = v3;
    const b5 = v4;
    p += sp;
    v0 = v128.load(p);
    v1 = v128.load(p + step);
    v2 = v128.load(p + 2 * step);
    v3 = v128.load(p + 3 * step);
    v4 = v128.load(p + 4 * step);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    t = lo(v1, v3, float);
    v3 = hi(v1, v3, float);
    v1 = t;
    v1 = hi(v0, v1, float);
    t = lo(v2, v4, float);
    v4 = hi(v2, v4, float);
    v2 = t;
    t = lo(v1, v2, float);
    v2 = hi(v1, v2, float);
    v1 = t;
    v3 = lo(v3, v4, float);
    t = lo(v2, v3, float);
    v3 = hi(v2, v3, float);
    v2 = t;
    const c2 = v1;
    const c3 = v2;
    const c4 = v3;
    p += sp;
    v0 = v128.load(p);
    v1 = v128.load(p + step);
    v2 = v128.load(p + 2 * step);
    v3 = v128.load(p + 3 * step);
    v4 = v128.load(p + 4 * step);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    t = lo(v1, v3, float);
    v3 = hi(v1, v3, float);
    v1 = t;
    t = lo(v0, v1, float);
    v1 = hi(v0, v1, float);
    v0 = t;
    t = lo(v2, v4, float);
    v4 = hi(v2, v4, float);
    v2 = t;
    t = lo(v1, v2, float);
    v2 = hi(v1, v2, float);
    v1 = t;
    v3 = lo(v3, v4, float);
    v2 = lo(v2, v3, float);
    const d1 = v0;
    const d2 = v1;
    const d3 = v2;
    p += sp;
    v0 = v128.load(p);
    v1 = v128.load(p + step);
    v2 = v128.load(p + 2 * step);
    v3 = v128.load(p + 3 * step);
    v4 = v128.load(p + 4 * step);
    t = lo(v0, v3, float);
    v3 = hi(v0, v3, float);
    v0 = t;
    t = lo(v1, v4, float);
    v4 = hi(v1, v4, float);
    v1 = t;
    t = lo(v0, v2, float);
    v2 = hi(v0, v2, float);
    v0 = t;
    v1 = lo(v1, v3, float);
    t = lo(v0, v1, float);
    v1 = hi(v0, v1, float);
    v0 = t;
    v2 = lo(v2, v4, float);
    v1 = lo(v1, v2, float);
    const e1 = v0;
    const e2 = v1;
    const t0 = hi(d2, a4, float);
    const t1 = lo(e2, b4, float);
    const t2 = hi(d1, t1, float);
    const t3 = lo(t0, b5, float);
    const t4 = hi(e1, b3, float);
    const t5 = lo(t4, c4, float);
    const t6 = hi(c2, a5, float);
    const t7 = lo(d3, t6, float);
    const t8 = lo(t2, t5, float);
    const t9 = hi(t2, t5, float);
    const t10 = lo(c3, t7, float);
    const t11 = hi(c3, t7, float);
    const t12 = hi(t8, t10, float);
    const t13 = lo(t9, t11, float);
    const t14 = lo(t13, t12, float);
    const t15 = hi(t13, t12, float);
    const t16 = hi(t14, t3, float);
    v128.store(q + i, lo(t15, t16, float));
  }
}

// Functions of their own: see assembly/README.md.

function median3_bytes(q: usize, p: usize, pitch: usize, s: usize, sp: usize, step: usize, n: usize): void {
  median3_row(q, p, pitch, s, sp, step, n, false);
}

function median3_floats(q: usize, p: usize, pitch: usize, s: usize, sp: usize, step: usize, n: usize): void {
  median3_row(q, p, pitch, s, sp, step, n, true);
}

function median5_bytes(q: usize, p: usize, pitch: usize, s: usize, sp: usize, step: usize, n: usize): void {
  sort_columns5(p, pitch, s, sp, n, false);
  median5_row(q, s, sp, step, n, false);
}

function median5_floats(q: usize, p: usize, pitch: usize, s: usize, sp: usize, step: usize, n: usize): void {
  sort_columns5(p, pitch, s, sp, n, true);
  median5_row(q, s, sp, step, n, true);
}

/**
 * The median of `size` x `size` values, 3 or 5, of bytes or, where `float` is 1, of floats: a NaN in the window gives NaN. `input` is the first row of the first window; `bytes` and `step` are a row's and a pixel's; size/2 pixels are
 * readable left and right. `scratch` has `size` rows for every row, 32 bytes readable and writable to the left and 64 to the right.
 */
export function image_median_small(
  out: usize,
  input: usize,
  scratch: usize,
  outPitch: i32,
  inPitch: i32,
  scratchPitch: i32,
  step: i32,
  bytes: i32,
  size: i32,
  float: i32,
  from: i32,
  to: i32,
): void {
  for (let y = from; y < to; y++) {
    const q = out + <usize>y * outPitch;
    const p = input + <usize>y * inPitch;
    const s = scratch + <usize>y * size * scratchPitch;
    if (size == 3) {
      if (float) median3_floats(q, p, inPitch, s, scratchPitch, step, bytes);
      else median3_bytes(q, p, inPitch, s, scratchPitch, step, bytes);
    } else if (float) median5_floats(q, p, inPitch, s, scratchPitch, step, bytes);
    else median5_bytes(q, p, inPitch, s, scratchPitch, step, bytes);
  }
}
