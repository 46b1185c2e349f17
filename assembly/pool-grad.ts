// The gradient of max pooling, twice: of any windows, and of pairs side by side. Over windows as in pool.ts: dx [n, d, h, w, c] from dy and y [n, od, oh, ow, c] and x.
//   dx[p] = the sum of dy over the windows whose largest value lies at p: the first of equals in the order z, y, x, or the
//           last NaN where there are any (PyTorch's rule)
// y says what the largest value is, so a window is read once: each tap that equals it takes what is left of dy.
// Unit: a row (n, z, y) of dx: n * d * h in all. A window that reaches rows of other units is looked at for each of them.
import { POOL_BEFORE, POOL_C, POOL_DILATION, POOL_KERNEL, POOL_OUT, POOL_SIZE, POOL_STRIDE } from "./abi";
import { end_tap, first_tap } from "./pool";
import { field, load_lanes, store_lanes } from "./simd";

export function pool_max_grad_f32(dx: usize, dy: usize, x: usize, y: usize, shape: usize, from: i32, to: i32): void {
  const d = field(shape, POOL_SIZE), h = field(shape, POOL_SIZE + 1), w = field(shape, POOL_SIZE + 2);
  const od = field(shape, POOL_OUT), oh = field(shape, POOL_OUT + 1), ow = field(shape, POOL_OUT + 2);
  const kd = field(shape, POOL_KERNEL), kh = field(shape, POOL_KERNEL + 1), kw = field(shape, POOL_KERNEL + 2);
  const sd = field(shape, POOL_STRIDE), sh = field(shape, POOL_STRIDE + 1), sw = field(shape, POOL_STRIDE + 2);
  const dd = field(shape, POOL_DILATION), dh = field(shape, POOL_DILATION + 1), dw = field(shape, POOL_DILATION + 2);
  const pd = field(shape, POOL_BEFORE), ph = field(shape, POOL_BEFORE + 1), pw = field(shape, POOL_BEFORE + 2);
  const c = field(shape, POOL_C);
  assert(from >= 0);
  if (from >= to) return;
  const pixel = <usize>c << 2, row = pixel * w, plane = row * h;
  const lo = dx + row * from, hi = dx + row * to;
  // Every row before this one holds sums, or zeros.
  let done = lo;

  const last = (to - 1) / (d * h);
  for (let n = from / (d * h); n <= last; n++) {
    for (let oz = 0; oz < od; oz++) {
      const z = oz * sd - pd, fz = first_tap(z, dd), nz = end_tap(z, d, kd, dd) - fz;
      if (nz <= 0) continue;
      const slice = dx + plane * (n * d + z + fz * dd);
      const deep = plane * dd;
      if (slice >= hi || slice + deep * (nz - 1) + plane <= lo) continue;
      for (let oy = 0; oy < oh; oy++) {
        const top = oy * sh - ph, fy = first_tap(top, dh), ny = end_tap(top, h, kh, dh) - fy;
        if (ny <= 0) continue;
        const down = row * dh;
        const line = slice + row * (top + fy * dh);
        const end = line + deep * (nz - 1) + down * (ny - 1) + row;
        if (line >= hi || end <= lo) continue;
        let place = pixel * (((n * od + oz) * oh + oy) * ow);
        if (min(end, hi) > done) {
          memory.fill(done, 0, min(end, hi) - done);
          done = min(end, hi);
        }
        for (let ox = 0; ox < ow; ox++) {
          const start = ox * sw - pw, fx = first_tap(start, dw), nx = end_tap(start, w, kw, dw) - fx;
          const p = line + pixel * (start + fx * dw);
          if (nx > 0) largest(p, dy + place, x + (p - dx), y + place, c, nz, ny, nx, deep, down, pixel * dw, lo, hi);
          place += pixel;
        }
      }
    }
  }
  if (done < hi) memory.fill(done, 0, hi - done);
}

/** One window, all its channels; the first tap of `dx` and `x`. Only rows of dx from `lo` to before `hi` are touched. */
function largest(
  dx: usize, dy: usize, x: usize, y: usize, c: i32,
  nz: i32, ny: i32, nx: i32, deep: usize, down: usize, right: usize, lo: usize, hi: usize,
): void {
  const bytes = <usize>c << 2;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64)
    largest_vectors(4, 4, dx + i, dy + i, x + i, y + i, nz, ny, nx, deep, down, right, lo, hi);
  for (; i + 16 <= bytes; i += 16)
    largest_vectors(1, 4, dx + i, dy + i, x + i, y + i, nz, ny, nx, deep, down, right, lo, hi);
  if (i < bytes) largest_vectors(1, c & 3, dx + i, dy + i, x + i, y + i, nz, ny, nx, deep, down, right, lo, hi);
}

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function largest_vectors(
  count: i32, lanes: i32, dx: usize, dy: usize, x: usize, y: usize,
  nz: i32, ny: i32, nx: i32, deep: usize, down: usize, right: usize, lo: usize, hi: usize,
): void {
  const y0 = load_lanes(y, lanes);
  const y1 = count == 4 ? v128.load(y, 16) : y0;
  const y2 = count == 4 ? v128.load(y, 32) : y0;
  const y3 = count == 4 ? v128.load(y, 48) : y0;
  const bad = v128.or(v128.or(f32x4.ne(y0, y0), f32x4.ne(y1, y1)), v128.or(f32x4.ne(y2, y2), f32x4.ne(y3, y3)));
  if (v128.any_true(bad)) {
    largest_one_by_one(count == 4 ? 16 : lanes, dx, dy, x, nz, ny, nx, deep, down, right, lo, hi);
    return;
  }
  let g0 = load_lanes(dy, lanes);
  let g1 = count == 4 ? v128.load(dy, 16) : g0;
  let g2 = count == 4 ? v128.load(dy, 32) : g0;
  let g3 = count == 4 ? v128.load(dy, 48) : g0;
  for (; nz > 0; nz--) {
    let q = dx, p = x;
    for (let j = ny; j > 0; j--) {
      const own = q >= lo && q < hi;
      let t = p;
      let s = q;
      for (let k = nx; k > 0; k--) {
        const e0 = f32x4.eq(load_lanes(t, lanes), y0);
        if (own) store_lanes(s, f32x4.add(load_lanes(s, lanes), v128.and(g0, e0)), lanes);
        g0 = v128.andnot(g0, e0);
        if (count == 4) {
          const e1 = f32x4.eq(v128.load(t, 16), y1);
          if (own) v128.store(s, f32x4.add(v128.load(s, 16), v128.and(g1, e1)), 16);
          g1 = v128.andnot(g1, e1);
          const e2 = f32x4.eq(v128.load(t, 32), y2);
          if (own) v128.store(s, f32x4.add(v128.load(s, 32), v128.and(g2, e2)), 32);
          g2 = v128.andnot(g2, e2);
          const e3 = f32x4.eq(v128.load(t, 48), y3);
          if (own) v128.store(s, f32x4.add(v128.load(s, 48), v128.and(g3, e3)), 48);
          g3 = v128.andnot(g3, e3);
        }
        t += right;
        s += right;
      }
      p += down;
      q += down;
    }
    x += deep;
    dx += deep;
  }
}

/** The same for `count` floats where there may be NaNs. */
function largest_one_by_one(
  count: i32, dx: usize, dy: usize, x: usize,
  nz: i32, ny: i32, nx: i32, deep: usize, down: usize, right: usize, lo: usize, hi: usize,
): void {
  for (; count > 0; count--) {
    let most: f32 = -Infinity;
    let at: usize = 0;
    for (let z = 0; z < nz; z++)
      for (let j = 0; j < ny; j++)
        for (let k = 0; k < nx; k++) {
          const tap = deep * z + down * j + right * k;
          const v = load<f32>(x + tap);
          if (v > most || v != v) {
            most = v;
            at = tap;
          }
        }
    const q = dx + at;
    if (q >= lo && q < hi) store<f32>(q, load<f32>(q) + load<f32>(dy));
    dx += 4;
    dy += 4;
    x += 4;
  }
}

/**
 * The same for windows of 2 x 2 pixels (`tall` 2) or of 2 (`tall` 1) side by side, each pixel in one at most: dx [n, h, w, c] from dy
 * [n, h / tall, w / 2, c] and x. What is largest is found anew, so y is not needed; dx may be x itself.
 * Unit: a row of windows (n, y), or what is left of a row below the last of an image: n * ceil(h / tall) in all.
 */
export function pool_pairs_grad_f32(
  dx: usize, dy: usize, x: usize, tall: i32, h: i32, w: i32, c: i32, from: i32, to: i32,
): void {
  assert(tall == 1 || tall == 2);
  assert(h > 0 && w > 0 && c > 0 && from >= 0);
  const rows = (h + tall - 1) / tall, full = h / tall, windows = w >> 1;
  const pixel = <usize>c << 2, row = pixel * w, answer = pixel * windows;
  for (let unit = from; unit < to; unit++) {
    const n = unit / rows, top = unit % rows;
    const at = row * (n * h + top * tall);
    if (top == full) {
      memory.fill(dx + at, 0, row);
      continue;
    }
    const g = dy + answer * (n * full + top);
    if (tall == 2) row_of_pairs(2, dx + at, g, x + at, windows, c, row);
    else row_of_pairs(1, dx + at, g, x + at, windows, c, row);
    if (w & 1)
      for (let i = 0; i < tall; i++) memory.fill(dx + at + row * i + 2 * answer, 0, pixel);
  }
}

// @ts-ignore: decorator
@inline
function row_of_pairs(tall: i32, dx: usize, dy: usize, x: usize, windows: i32, c: i32, row: usize): void {
  const pixel = <usize>c << 2, whole = pixel & ~15;
  for (; windows > 0; windows--) {
    let i: usize = 0;
    for (; i < whole; i += 16) pair(tall, 4, dx + i, dy + i, x + i, pixel, row);
    if (i < pixel) pair(tall, c & 3, dx + i, dy + i, x + i, pixel, row);
    dx += 2 * pixel;
    x += 2 * pixel;
    dy += pixel;
  }
}

/** One window, `lanes` channels: a later tap takes over where it is larger, or NaN. */
// @ts-ignore: decorator
@inline
function pair(tall: i32, lanes: i32, dx: usize, dy: usize, x: usize, pixel: usize, row: usize): void {
  // What is added to nothing is never -0.
  const g = f32x4.add(load_lanes(dy, lanes), f32x4.splat(0));
  const a = load_lanes(x, lanes), b = load_lanes(x + pixel, lanes);
  const second = beats(b, a);
  if (tall == 1) {
    store_lanes(dx, v128.andnot(g, second), lanes);
    store_lanes(dx + pixel, v128.and(g, second), lanes);
    return;
  }
  const c = load_lanes(x + row, lanes), d = load_lanes(x + row + pixel, lanes);
  const upper = v128.bitselect(b, a, second);
  const third = beats(c, upper);
  const fourth = beats(d, v128.bitselect(c, upper, third));
  const below = v128.or(third, fourth);
  const above = v128.andnot(g, below);
  store_lanes(dx, v128.andnot(above, second), lanes);
  store_lanes(dx + pixel, v128.and(above, second), lanes);
  store_lanes(dx + row, v128.andnot(v128.and(g, third), fourth), lanes);
  store_lanes(dx + row + pixel, v128.and(g, fourth), lanes);
}

/** Where v is larger than what was largest so far, or NaN. */
// @ts-ignore: decorator
@inline
function beats(v: v128, most: v128): v128 {
  return v128.or(f32x4.gt(v, most), f32x4.ne(v, v));
}
