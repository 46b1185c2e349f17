// Pooling over one to three spatial axes of x [n, d, h, w, c] (1-D and 2-D have leading axes of size 1):
//
//   max:     out[n, oz, oy, ox, c] = max over taps of x[n, oz·sz + kz·dz − pf, oy·sy + ky·dy − pt, ox·sx + kx·dx − pl, c]
//   average: the sum over the same taps (dilation 1), divided by the number of taps that count
//
// x and out are views: bytes from image to image, plane to plane, row to row, pixel to pixel; channels are dense. Only taps
// inside x are read. Every path adds or compares the taps of an output in the order z, y, x, so that a value does not depend
// on the path. Unit: one output pixel, n * od * oh * ow in all.
import {
  POOL_AFTER_X, POOL_AFTER_Y, POOL_AFTER_Z, POOL_C, POOL_COUNT_PADDING, POOL_D, POOL_DX, POOL_DY, POOL_DZ, POOL_H,
  POOL_KD, POOL_KH, POOL_KW, POOL_N, POOL_OD, POOL_OH, POOL_OUT_D, POOL_OUT_H, POOL_OUT_N, POOL_OUT_W, POOL_OW,
  POOL_PF, POOL_PL, POOL_PT, POOL_SX, POOL_SY, POOL_SZ, POOL_W, POOL_X_D, POOL_X_H, POOL_X_N, POOL_X_W,
} from "./abi";
import { field, load_lanes, load_tail, splat, store_lanes, store_tail } from "./simd";
import { end_tap, first_tap } from "./window";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);

/** The largest tap; NaN where a tap is NaN; -Infinity where no tap lies inside x. */
export function pool_max_f32(out: usize, x: usize, poolShape: usize, from: i32, to: i32): void {
  pool(true, out, x, poolShape, from, to);
}

/**
 * The average of the taps. With POOL_COUNT_PADDING, taps on the padding (before x, and up to POOL_AFTER pixels after it)
 * count as zeros; otherwise only taps inside x count.
 */
export function pool_average_f32(out: usize, x: usize, poolShape: usize, from: i32, to: i32): void {
  pool(false, out, x, poolShape, from, to);
}

/** Taps of a window (dilation 1) that lie in x or its padding; windows begin inside one of them. */
// @ts-ignore: decorator
@inline
function padded_taps(start: i32, kernel: i32, size: i32, after: i32): i32 {
  return min(kernel, size + after - start);
}

// @ts-ignore: decorator
@inline
function pool(max: bool, out: usize, x: usize, shape: usize, from: i32, to: i32): void {
  const d = field(shape, POOL_D), h = field(shape, POOL_H), w = field(shape, POOL_W), c = field(shape, POOL_C);
  const od = field(shape, POOL_OD), oh = field(shape, POOL_OH), ow = field(shape, POOL_OW);
  const kd = field(shape, POOL_KD), kh = field(shape, POOL_KH), kw = field(shape, POOL_KW);
  const sz = field(shape, POOL_SZ), sy = field(shape, POOL_SY), sx = field(shape, POOL_SX);
  const dz = field(shape, POOL_DZ), dy = field(shape, POOL_DY), dx = field(shape, POOL_DX);
  const pf = field(shape, POOL_PF), pt = field(shape, POOL_PT), pl = field(shape, POOL_PL);
  const plane = <usize>field(shape, POOL_X_D), row = <usize>field(shape, POOL_X_H);
  const pixel = <usize>field(shape, POOL_X_W), out_pixel = <usize>field(shape, POOL_OUT_W);
  const count_padding = !max && field(shape, POOL_COUNT_PADDING) != 0;
  assert(max || (dz == 1 && dy == 1 && dx == 1), "average: dilation 1");
  assert(from >= 0 && to <= field(shape, POOL_N) * od * oh * ow, "pixels of the output");

  const bytes = <usize>c << 2;
  const dense = pixel == bytes && out_pixel == bytes;
  // Output pixels inner <= ox < outer have all their taps inside the row.
  const inner = (pl + sx - 1) / sx;
  const reach = (kw - 1) * dx + 1;
  const outer = w + pl >= reach ? min(ow, (w + pl - reach) / sx + 1) : 0;

  let ox = from % ow;
  let rest = from / ow;
  let oy = rest % oh;
  rest /= oh;
  let oz = rest % od;
  let n = rest / od;
  while (from < to) {
    const z = oz * sz - pf, fz = first_tap(z, dz), nz = end_tap(z, d, kd, dz) - fz;
    const y = oy * sy - pt, fy = first_tap(y, dy), ny = end_tap(y, h, kh, dy) - fy;
    const line = x + <usize>n * field(shape, POOL_X_N) + plane * (z + fz * dz) + row * (y + fy * dy);
    // Taps that count, in f64: those on the padding may be more than an i32 holds.
    let count = <f64>(nz * ny);
    if (count_padding)
      count = <f64>padded_taps(z, kd, d, field(shape, POOL_AFTER_Z)) * <f64>padded_taps(y, kh, h, field(shape, POOL_AFTER_Y));
    let q = out + <usize>n * field(shape, POOL_OUT_N) + <usize>oz * field(shape, POOL_OUT_D)
      + <usize>oy * field(shape, POOL_OUT_H) + <usize>ox * out_pixel;

    const end = min(ow, ox + to - from);
    from += end - ox;
    while (ox < end) {
      const start = ox * sx - pl, fx = first_tap(start, dx), nx = end_tap(start, w, kw, dx) - fx;
      const p = line + pixel * (start + fx * dx);
      const inside = ox >= inner && ox < outer ? min(outer, end) - ox : 0;
      let run = 1;
      if (c < 4 && sx > 1 && inside >= 4 && out_pixel == bytes) {
        run = inside & ~3;
        const taps = <f32>(count * <f64>kw);
        if (max) max_gathered(q, p, run, c, pixel * sx, nz, ny, nx, plane * dz, row * dy, pixel * dx);
        else sum_gathered(q, p, run, c, pixel * sx, nz, ny, nx, plane, row, pixel, taps);
      } else {
        // With stride 1, neighbours that see the same taps are one long row of channels.
        if (sx == 1 && inside > 0 && dense) run = inside;
        if (max) max_taps(q, p, run * c, nz, ny, nx, plane * dz, row * dy, pixel * dx);
        else {
          const taps = count * <f64>(count_padding ? padded_taps(start, kw, w, field(shape, POOL_AFTER_X)) : nx);
          sum_taps(q, p, run * c, nz, ny, nx, plane, row, pixel, <f32>taps);
        }
      }
      ox += run;
      q += out_pixel * run;
    }
    ox = 0;
    if (++oy == oh) {
      oy = 0;
      if (++oz == od) {
        oz = 0;
        n++;
      }
    }
  }
}

// In all that follows nz, ny and nx are taps, and `plane`, `row` and `step` the bytes from tap to tap along those axes.

/** out[i] = the largest of p[tap + i] over the taps, for `count` floats i. */
function max_taps(
  q: usize, p: usize, count: i32, nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  // A column is a row whose taps lie further apart.
  if (nx == 1) {
    nx = ny;
    step = row;
    ny = 1;
  }
  let i: usize = 0;
  const bytes = <usize>count << 2;
  if (nx == 3 && ny == 1 && nz == 1) for (; i + 64 <= bytes; i += 64) max_of_few(3, q + i, p + i, step, 2 * step, 0);
  else if (nx == 2 && ny == 2 && nz == 1)
    for (; i + 64 <= bytes; i += 64) max_of_few(4, q + i, p + i, step, row, row + step);
  else for (; i + 64 <= bytes; i += 64) max_vectors(4, 4, q + i, p + i, nz, ny, nx, plane, row, step);
  for (; i + 16 <= bytes; i += 16) max_vectors(1, 4, q + i, p + i, nz, ny, nx, plane, row, step);
  if (i == bytes) return;
  // The last vector overlaps the one before: the same values are written again.
  if (count > 4) max_vectors(1, 4, q + bytes - 16, p + bytes - 16, nz, ny, nx, plane, row, step);
  else max_vectors(1, count, q, p, nz, ny, nx, plane, row, step);
}

// pmax is one instruction but drops NaN. The sum of the taps is NaN wherever a tap is (and where infinities cancel): only then
// are the vectors computed again by max, which takes several instructions.

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function max_vectors(
  vectors: i32, lanes: i32, q: usize, p: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  let a0 = splat(MINUS_INFINITY), a1 = a0, a2 = a0, a3 = a0;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let slice = p;
  for (let z = nz; z > 0; z--) {
    let line = slice;
    for (let y = ny; y > 0; y--) {
      let t = line;
      for (let k = nx; k > 0; k--) {
        const x0 = lanes == 4 ? v128.load(t) : load_tail(t, lanes);
        a0 = f32x4.pmax(a0, x0);
        s0 = f32x4.add(s0, x0);
        if (vectors == 4) {
          const x1 = v128.load(t, 16);
          a1 = f32x4.pmax(a1, x1);
          s1 = f32x4.add(s1, x1);
          const x2 = v128.load(t, 32);
          a2 = f32x4.pmax(a2, x2);
          s2 = f32x4.add(s2, x2);
          const x3 = v128.load(t, 48);
          a3 = f32x4.pmax(a3, x3);
          s3 = f32x4.add(s3, x3);
        }
        t += step;
      }
      line += row;
    }
    slice += plane;
  }
  if (vectors == 4) s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  if (v128.any_true(f32x4.ne(s0, s0))) {
    for (let i: usize = 0; i < <usize>vectors << 4; i += 16)
      max_vector_with_nan(q + i, p + i, lanes, nz, ny, nx, plane, row, step);
    return;
  }
  store_lanes(q, a0, lanes);
  if (vectors == 4) {
    v128.store(q, a1, 16);
    v128.store(q, a2, 32);
    v128.store(q, a3, 48);
  }
}

/** One vector of `lanes` floats. NaN propagates. */
function max_vector_with_nan(
  q: usize, p: usize, lanes: i32, nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  let a = splat(MINUS_INFINITY);
  for (; nz > 0; nz--) {
    let line = p;
    for (let y = ny; y > 0; y--) {
      let t = line;
      for (let k = nx; k > 0; k--) {
        a = f32x4.max(a, load_lanes(t, lanes));
        t += step;
      }
      line += row;
    }
    p += plane;
  }
  store_lanes(q, a, lanes);
}

/** Four vectors of three taps, at p and `b` and `c` bytes after it, or of four. */
// @ts-ignore: decorator
@inline
function max_of_few(taps: i32, q: usize, p: usize, b: usize, c: usize, d: usize): void {
  b += p;
  c += p;
  d += p;
  let w = v128.load(p), x = v128.load(b), y = v128.load(c), z = taps == 4 ? v128.load(d) : y;
  let sum = sum_of(taps, w, x, y, z);
  v128.store(q, max_of(taps, w, x, y, z));
  w = v128.load(p, 16), x = v128.load(b, 16), y = v128.load(c, 16), z = taps == 4 ? v128.load(d, 16) : y;
  sum = f32x4.add(sum, sum_of(taps, w, x, y, z));
  v128.store(q, max_of(taps, w, x, y, z), 16);
  w = v128.load(p, 32), x = v128.load(b, 32), y = v128.load(c, 32), z = taps == 4 ? v128.load(d, 32) : y;
  sum = f32x4.add(sum, sum_of(taps, w, x, y, z));
  v128.store(q, max_of(taps, w, x, y, z), 32);
  w = v128.load(p, 48), x = v128.load(b, 48), y = v128.load(c, 48), z = taps == 4 ? v128.load(d, 48) : y;
  sum = f32x4.add(sum, sum_of(taps, w, x, y, z));
  v128.store(q, max_of(taps, w, x, y, z), 48);
  if (v128.any_true(f32x4.ne(sum, sum))) max_of_few_with_nan(q, p, b, c, taps == 4 ? d : c);
}

// @ts-ignore: decorator
@inline
function max_of(taps: i32, w: v128, x: v128, y: v128, z: v128): v128 {
  const a = f32x4.pmax(w, x);
  return taps == 4 ? f32x4.pmax(a, f32x4.pmax(y, z)) : f32x4.pmax(a, y);
}

// @ts-ignore: decorator
@inline
function sum_of(taps: i32, w: v128, x: v128, y: v128, z: v128): v128 {
  const a = f32x4.add(w, x);
  return taps == 4 ? f32x4.add(a, f32x4.add(y, z)) : f32x4.add(a, y);
}

function max_of_few_with_nan(q: usize, a: usize, b: usize, c: usize, d: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    const ab = f32x4.max(v128.load(a + i), v128.load(b + i));
    v128.store(q + i, f32x4.max(ab, f32x4.max(v128.load(c + i), v128.load(d + i))));
  }
}

/** out[i] = the sum of p[tap + i] over the taps / divisor, for `count` floats i. */
function sum_taps(
  q: usize, p: usize, count: i32, nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  const by = f32x4.splat(divisor);
  let i: usize = 0;
  const bytes = <usize>count << 2;
  for (; i + 64 <= bytes; i += 64) sum_vectors(4, 4, q + i, p + i, nz, ny, nx, plane, row, step, by);
  for (; i + 16 <= bytes; i += 16) sum_vectors(1, 4, q + i, p + i, nz, ny, nx, plane, row, step, by);
  if (i == bytes) return;
  // The last vector overlaps the one before: the same values are written again.
  if (count > 4) sum_vectors(1, 4, q + bytes - 16, p + bytes - 16, nz, ny, nx, plane, row, step, by);
  else sum_vectors(1, count, q, p, nz, ny, nx, plane, row, step, by);
}

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function sum_vectors(
  vectors: i32, lanes: i32, q: usize, p: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, by: v128,
): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (; nz > 0; nz--) {
    let line = p;
    for (let y = ny; y > 0; y--) {
      let t = line;
      for (let k = nx; k > 0; k--) {
        a0 = f32x4.add(a0, lanes == 4 ? v128.load(t) : load_tail(t, lanes));
        if (vectors == 4) {
          a1 = f32x4.add(a1, v128.load(t, 16));
          a2 = f32x4.add(a2, v128.load(t, 32));
          a3 = f32x4.add(a3, v128.load(t, 48));
        }
        t += step;
      }
      line += row;
    }
    p += plane;
  }
  if (lanes == 4) v128.store(q, f32x4.div(a0, by));
  else store_tail(q, f32x4.div(a0, by), lanes);
  if (vectors == 4) {
    v128.store(q, f32x4.div(a1, by), 16);
    v128.store(q, f32x4.div(a2, by), 32);
    v128.store(q, f32x4.div(a3, by), 48);
  }
}

// Fewer than four channels and a stride above 1: lanes are output floats, each gathered on its own.

function max_gathered(
  q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  gathered(true, q, p, run, c, stride, nz, ny, nx, plane, row, step, 1);
}

function sum_gathered(
  q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  gathered(false, q, p, run, c, stride, nz, ny, nx, plane, row, step, divisor);
}

/** `run` output pixels (a multiple of 4, dense) that have the same taps, `stride` bytes apart in x. */
// @ts-ignore: decorator
@inline
function gathered(
  max: bool, q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  for (; run > 0; run -= 4) {
    // Vector v holds floats 4 * v to 4 * v + 3 of four pixels of c floats.
    for (let first = 0; first < 4 * c; first += 4) {
      const o0 = offset_of(first, c, stride), o1 = offset_of(first + 1, c, stride);
      const o2 = offset_of(first + 2, c, stride), o3 = offset_of(first + 3, c, stride);
      let a = max ? splat(MINUS_INFINITY) : f32x4.splat(0);
      let nan = f32x4.splat(0);
      for (let z = 0; z < nz; z++)
        for (let y = 0; y < ny; y++) {
          let t = p + plane * z + row * y;
          for (let k = nx; k > 0; k--) {
            let x = v128.load32_zero(t + o0);
            x = v128.load_lane<f32>(t + o1, x, 1);
            x = v128.load_lane<f32>(t + o2, x, 2);
            x = v128.load_lane<f32>(t + o3, x, 3);
            if (max) {
              a = f32x4.pmax(a, x);
              nan = v128.or(nan, f32x4.ne(x, x));
            } else a = f32x4.add(a, x);
            t += step;
          }
        }
      v128.store(q, max ? v128.or(a, nan) : f32x4.div(a, f32x4.splat(divisor)));
      q += 16;
    }
    p += stride << 2;
  }
}

/** Byte offset of float `index` in a row of pixels of c floats that lie `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function offset_of(index: i32, c: i32, stride: usize): usize {
  const pixel = index / c;
  return stride * pixel + (<usize>(index - pixel * c) << 2);
}
