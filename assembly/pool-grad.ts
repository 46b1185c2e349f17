// The gradient of max pooling (windows as in pool.ts), once for any windows and once for windows of two or 2 x 2 pixels side by
// side. dx [n, d, h, w, c] from dy and y [n, od, oh, ow, c] and x; all of them dense:
//   dx[p] = the sum of dy over the windows whose largest value lies at p: the first of equals in the order z, y, x, or the
//           last NaN where there are any (PyTorch's rule)
import {
  POOL_C, POOL_D, POOL_DX, POOL_DY, POOL_DZ, POOL_H, POOL_KD, POOL_KH, POOL_KW, POOL_N, POOL_OD, POOL_OH, POOL_OW,
  POOL_PF, POOL_PL, POOL_PT, POOL_SX, POOL_SY, POOL_SZ, POOL_W,
} from "./abi";
import { field, load_lanes, store_lanes } from "./simd";
import { end_tap, first_tap } from "./window";

/**
 * y holds the largest value of every window, so that a window is read once: each tap that equals it takes what is left of dy.
 * Unit: a row (n, z, y) of dx, n * d * h in all. A window that reaches rows of several units is visited for each of them.
 */
export function pool_max_grad_f32(
  dx: usize, dy: usize, x: usize, y: usize, poolShape: usize, from: i32, to: i32,
): void {
  const d = field(poolShape, POOL_D), h = field(poolShape, POOL_H), w = field(poolShape, POOL_W);
  const od = field(poolShape, POOL_OD), oh = field(poolShape, POOL_OH), ow = field(poolShape, POOL_OW);
  const kd = field(poolShape, POOL_KD), kh = field(poolShape, POOL_KH), kw = field(poolShape, POOL_KW);
  const sz = field(poolShape, POOL_SZ), sy = field(poolShape, POOL_SY), sx = field(poolShape, POOL_SX);
  const dilation_z = field(poolShape, POOL_DZ), dilation_y = field(poolShape, POOL_DY);
  const dilation_x = field(poolShape, POOL_DX), c = field(poolShape, POOL_C);
  const pf = field(poolShape, POOL_PF), pt = field(poolShape, POOL_PT), pl = field(poolShape, POOL_PL);
  assert(from >= 0 && to <= field(poolShape, POOL_N) * d * h, "rows of dx");
  if (from >= to) return;
  const pixel = <usize>c << 2, row = pixel * w, plane = row * h;
  const plane_step = plane * dilation_z, row_step = row * dilation_y, step = pixel * dilation_x;
  const lo = dx + row * from, hi = dx + row * to;
  // Rows before `done` hold sums, or zeros; the others are uninitialised.
  let done = lo;

  const last = (to - 1) / (d * h);
  for (let n = from / (d * h); n <= last; n++) {
    for (let oz = 0; oz < od; oz++) {
      const z = oz * sz - pf, fz = first_tap(z, dilation_z), nz = end_tap(z, d, kd, dilation_z) - fz;
      if (nz <= 0) continue;
      const slice = dx + plane * (n * d + z + fz * dilation_z);
      if (slice >= hi || slice + plane_step * (nz - 1) + plane <= lo) continue;
      for (let oy = 0; oy < oh; oy++) {
        const top = oy * sy - pt, fy = first_tap(top, dilation_y), ny = end_tap(top, h, kh, dilation_y) - fy;
        if (ny <= 0) continue;
        const line = slice + row * (top + fy * dilation_y);
        const end = line + plane_step * (nz - 1) + row_step * (ny - 1) + row;
        if (line >= hi || end <= lo) continue;
        if (min(end, hi) > done) {
          memory.fill(done, 0, min(end, hi) - done);
          done = min(end, hi);
        }
        let o = pixel * (((n * od + oz) * oh + oy) * ow);
        for (let ox = 0; ox < ow; ox++, o += pixel) {
          const start = ox * sx - pl, fx = first_tap(start, dilation_x), nx = end_tap(start, w, kw, dilation_x) - fx;
          if (nx <= 0) continue;
          const p = line + pixel * (start + fx * dilation_x);
          add_window(p, dy + o, x + (p - dx), y + o, c, nz, ny, nx, plane_step, row_step, step, lo, hi);
        }
      }
    }
  }
  if (done < hi) memory.fill(done, 0, hi - done);
}

/**
 * Adds what one window gives, all its channels, to dx. `dx` and `x` point to its first tap, of nz * ny * nx taps that lie `plane`,
 * `row` and `step` bytes apart. Only rows of dx from `lo` to before `hi` are touched.
 */
function add_window(
  dx: usize, dy: usize, x: usize, y: usize, c: i32,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, lo: usize, hi: usize,
): void {
  const bytes = <usize>c << 2;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64)
    add_window_vectors(4, 4, dx + i, dy + i, x + i, y + i, nz, ny, nx, plane, row, step, lo, hi);
  for (; i + 16 <= bytes; i += 16)
    add_window_vectors(1, 4, dx + i, dy + i, x + i, y + i, nz, ny, nx, plane, row, step, lo, hi);
  if (i < bytes) add_window_vectors(1, c & 3, dx + i, dy + i, x + i, y + i, nz, ny, nx, plane, row, step, lo, hi);
}

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function add_window_vectors(
  vectors: i32, lanes: i32, dx: usize, dy: usize, x: usize, y: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, lo: usize, hi: usize,
): void {
  const y0 = load_lanes(y, lanes);
  const y1 = vectors == 4 ? v128.load(y, 16) : y0;
  const y2 = vectors == 4 ? v128.load(y, 32) : y0;
  const y3 = vectors == 4 ? v128.load(y, 48) : y0;
  const nan = v128.or(v128.or(f32x4.ne(y0, y0), f32x4.ne(y1, y1)), v128.or(f32x4.ne(y2, y2), f32x4.ne(y3, y3)));
  if (v128.any_true(nan)) {
    add_window_with_nan(vectors == 4 ? 16 : lanes, dx, dy, x, nz, ny, nx, plane, row, step, lo, hi);
    return;
  }
  let g0 = load_lanes(dy, lanes);
  let g1 = vectors == 4 ? v128.load(dy, 16) : g0;
  let g2 = vectors == 4 ? v128.load(dy, 32) : g0;
  let g3 = vectors == 4 ? v128.load(dy, 48) : g0;
  for (; nz > 0; nz--) {
    let q = dx, p = x;
    for (let j = ny; j > 0; j--) {
      const own = q >= lo && q < hi;
      let t = p, s = q;
      for (let k = nx; k > 0; k--) {
        const e0 = f32x4.eq(load_lanes(t, lanes), y0);
        if (own) store_lanes(s, f32x4.add(load_lanes(s, lanes), v128.and(g0, e0)), lanes);
        g0 = v128.andnot(g0, e0);
        if (vectors == 4) {
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
        t += step;
        s += step;
      }
      p += row;
      q += row;
    }
    x += plane;
    dx += plane;
  }
}

/** The same for `count` floats, one by one, where there may be NaNs. */
function add_window_with_nan(
  count: i32, dx: usize, dy: usize, x: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, lo: usize, hi: usize,
): void {
  for (; count > 0; count--) {
    let largest: f32 = -Infinity;
    let offset: usize = 0;
    for (let z = 0; z < nz; z++)
      for (let j = 0; j < ny; j++)
        for (let k = 0; k < nx; k++) {
          const tap = plane * z + row * j + step * k;
          const v = load<f32>(x + tap);
          if (v > largest || v != v) {
            largest = v;
            offset = tap;
          }
        }
    const q = dx + offset;
    if (q >= lo && q < hi) store<f32>(q, load<f32>(q) + load<f32>(dy));
    dx += 4;
    dy += 4;
    x += 4;
  }
}

/**
 * The same for windows of kh x 2 pixels (kh 1 or 2) side by side, so that a pixel lies in one window at most: dx [n, h, w, c] from
 * dy [n, h / kh, w / 2, c] and x. The largest value is found again, so that y is not needed; dx may be x itself.
 * Unit: a row of windows (n, y), or the row that is left below the last of an image: n * ceil(h / kh) in all.
 */
export function pool_pairs_grad_f32(
  dx: usize, dy: usize, x: usize, kh: i32, h: i32, w: i32, c: i32, from: i32, to: i32,
): void {
  assert(kh == 1 || kh == 2, "windows of one or two rows");
  assert(h > 0 && w > 0 && c > 0 && from >= 0, "sizes");
  const rows = (h + kh - 1) / kh, full = h / kh, windows = w >> 1;
  const pixel = <usize>c << 2, row = pixel * w, dy_row = pixel * windows;
  for (let unit = from; unit < to; unit++) {
    const n = unit / rows, oy = unit % rows;
    const first = row * (n * h + oy * kh);
    if (oy == full) {
      memory.fill(dx + first, 0, row);
      continue;
    }
    const g = dy + dy_row * (n * full + oy);
    if (kh == 2) pairs_row(2, dx + first, g, x + first, windows, c, row);
    else pairs_row(1, dx + first, g, x + first, windows, c, row);
    if (w & 1)
      for (let i = 0; i < kh; i++) memory.fill(dx + first + row * i + 2 * dy_row, 0, pixel);
  }
}

// @ts-ignore: decorator
@inline
function pairs_row(kh: i32, dx: usize, dy: usize, x: usize, windows: i32, c: i32, row: usize): void {
  const pixel = <usize>c << 2, whole = pixel & ~15;
  for (; windows > 0; windows--) {
    let i: usize = 0;
    for (; i < whole; i += 16) pairs_window(kh, 4, dx + i, dy + i, x + i, pixel, row);
    if (i < pixel) pairs_window(kh, c & 3, dx + i, dy + i, x + i, pixel, row);
    dx += 2 * pixel;
    x += 2 * pixel;
    dy += pixel;
  }
}

/** One window, `lanes` channels: a later tap wins where it is larger, or NaN. */
// @ts-ignore: decorator
@inline
function pairs_window(kh: i32, lanes: i32, dx: usize, dy: usize, x: usize, pixel: usize, row: usize): void {
  // Adding 0 makes 0 of -0, as a sum over windows does.
  const g = f32x4.add(load_lanes(dy, lanes), f32x4.splat(0));
  const a = load_lanes(x, lanes), b = load_lanes(x + pixel, lanes);
  const second = wins(b, a);
  if (kh == 1) {
    store_lanes(dx, v128.andnot(g, second), lanes);
    store_lanes(dx + pixel, v128.and(g, second), lanes);
    return;
  }
  const c = load_lanes(x + row, lanes), d = load_lanes(x + row + pixel, lanes);
  const upper = v128.bitselect(b, a, second);
  const third = wins(c, upper);
  const fourth = wins(d, v128.bitselect(c, upper, third));
  const lower = v128.or(third, fourth);
  const upper_g = v128.andnot(g, lower);
  store_lanes(dx, v128.andnot(upper_g, second), lanes);
  store_lanes(dx + pixel, v128.and(upper_g, second), lanes);
  store_lanes(dx + row, v128.andnot(v128.and(g, third), fourth), lanes);
  store_lanes(dx + row + pixel, v128.and(g, fourth), lanes);
}

/** Where v is larger than the largest value so far, or NaN. */
// @ts-ignore: decorator
@inline
function wins(v: v128, largest: v128): v128 {
  return v128.or(f32x4.gt(v, largest), f32x4.ne(v, v));
}
