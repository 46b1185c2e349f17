// Pooling. A window of kd x kh x kw taps (1-D and 2-D: leading ones) slides over [n, d, h, w, c]:
//   max:     out[n, oz, oy, ox, c] = max x[n, oz*sd - pd + kz*dd, oy*sh - ph + ky*dh, ox*sw - pw + kx*dw, c]
//   average: the sum of the same taps (dilation 1), divided by the number of taps that count
// Only taps inside the input are read. Each output is one chain over its taps in the order z, y, x on every
// path below, so that a value does not depend on the path.
// Unit: one output pixel: n * od * oh * ow in all.
import {
  POOL_AFTER, POOL_BEFORE, POOL_C, POOL_COUNT_PADDING, POOL_DILATION,
  POOL_KERNEL, POOL_OUT, POOL_SIZE, POOL_STRIDE,
} from "./abi";
import { field, load_lanes, load_tail, splat, store_lanes, store_tail } from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);

/** The largest tap; NaN where there is one; -Infinity where a window has no tap inside the input. */
export function pool_max_f32(out: usize, x: usize, shape: usize, from: i32, to: i32): void {
  pool(true, out, x, shape, from, to);
}

/**
 * The average of the taps. With POOL_COUNT_PADDING taps on the border (as far as POOL_AFTER goes, no further)
 * count as zeros; otherwise only taps inside the input count.
 */
export function pool_average_f32(out: usize, x: usize, shape: usize, from: i32, to: i32): void {
  pool(false, out, x, shape, from, to);
}

/** The first tap at or after 0, of those at start, start + dilation, ... */
// @ts-ignore: decorator
@inline
export function first_tap(start: i32, dilation: i32): i32 {
  return start >= 0 ? 0 : (dilation - 1 - start) / dilation;
}

/** The number of taps before `size`, at most `kernel`. */
// @ts-ignore: decorator
@inline
export function end_tap(start: i32, size: i32, kernel: i32, dilation: i32): i32 {
  const room = size - start;
  if (room > (kernel - 1) * dilation) return kernel;
  return room <= 0 ? 0 : (room + dilation - 1) / dilation;
}

/** Taps of a window (dilation 1) that lie inside input and border. */
// @ts-ignore: decorator
@inline
function bordered(start: i32, size: i32, kernel: i32, after: i32): i32 {
  return min(kernel, size + after - start);
}

// @ts-ignore: decorator
@inline
function pool(max: bool, out: usize, x: usize, shape: usize, from: i32, to: i32): void {
  const d = field(shape, POOL_SIZE), h = field(shape, POOL_SIZE + 1), w = field(shape, POOL_SIZE + 2);
  const od = field(shape, POOL_OUT), oh = field(shape, POOL_OUT + 1), ow = field(shape, POOL_OUT + 2);
  const kd = field(shape, POOL_KERNEL);
  const kh = field(shape, POOL_KERNEL + 1);
  const kw = field(shape, POOL_KERNEL + 2);
  const sd = field(shape, POOL_STRIDE);
  const sh = field(shape, POOL_STRIDE + 1);
  const sw = field(shape, POOL_STRIDE + 2);
  const dd = field(shape, POOL_DILATION);
  const dh = field(shape, POOL_DILATION + 1);
  const dw = field(shape, POOL_DILATION + 2);
  const pd = field(shape, POOL_BEFORE);
  const ph = field(shape, POOL_BEFORE + 1);
  const pw = field(shape, POOL_BEFORE + 2);
  const c = field(shape, POOL_C);
  const border = !max && field(shape, POOL_COUNT_PADDING) != 0;
  assert(max || (dd == 1 && dh == 1 && dw == 1));
  assert(from >= 0);

  const pixel = <usize>c << 2;
  const row = pixel * w;
  const plane = row * h;
  // Output pixels lo <= ox < hi have all their taps inside the row.
  const lo = (pw + sw - 1) / sw;
  const reach = (kw - 1) * dw + 1;
  const hi = w + pw >= reach ? min(ow, (w + pw - reach) / sw + 1) : 0;

  let q = out + pixel * from;
  let ox = from % ow;
  let rest = from / ow;
  let oy = rest % oh;
  rest /= oh;
  let oz = rest % od;
  let n = rest / od;
  while (from < to) {
    const z = oz * sd - pd;
    const y = oy * sh - ph;
    const fz = first_tap(z, dd);
    const fy = first_tap(y, dh);
    const nz = end_tap(z, d, kd, dd) - fz;
    const ny = end_tap(y, h, kh, dh) - fy;
    const base = x + plane * (n * d + z + fz * dd) + row * (y + fy * dh);
    let count = nz * ny;
    if (border)
      count = bordered(z, d, kd, field(shape, POOL_AFTER)) * bordered(y, h, kh, field(shape, POOL_AFTER + 1));

    const end = min(ow, ox + to - from);
    from += end - ox;
    while (ox < end) {
      const start = ox * sw - pw;
      const fx = first_tap(start, dw);
      const nx = end_tap(start, w, kw, dw) - fx;
      const p = base + pixel * (start + fx * dw);
      const inside = ox >= lo && ox < hi ? min(hi, end) - ox : 0;
      if (c < 4 && sw > 1 && inside >= 4) {
        const run = inside & ~3;
        const taps = count * kw;
        if (max) max_scattered(q, p, run, c, pixel * sw, nz, ny, nx, plane * dd, row * dh, pixel * dw);
        else sum_scattered(q, p, run, c, pixel * sw, nz, ny, nx, plane, row, pixel, <f32>taps);
        ox += run;
        q += pixel * run;
        continue;
      }
      // With stride 1 neighbours that see the same taps are one long row of channels.
      const run = sw == 1 && inside > 0 ? inside : 1;
      if (max) max_taps(q, p, run * c, nz, ny, nx, plane * dd, row * dh, pixel * dw);
      else {
        const taps = count * (border ? bordered(start, w, kw, field(shape, POOL_AFTER + 2)) : nx);
        sum_taps(q, p, run * c, nz, ny, nx, plane, row, pixel, <f32>taps);
      }
      ox += run;
      q += pixel * run;
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

/** out[i] = max over taps of p[tap + i], for c floats i. Strides in bytes. */
function max_taps(
  q: usize, p: usize, c: i32, nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  // A column is a row whose taps lie further apart.
  if (nx == 1) {
    nx = ny;
    step = row;
    ny = 1;
  }
  let i: usize = 0;
  const bytes = <usize>c << 2;
  if (nx == 3 && ny == 1 && nz == 1) for (; i + 64 <= bytes; i += 64) max_few(3, q + i, p + i, step, 2 * step, 0);
  else if (nx == 2 && ny == 2 && nz == 1)
    for (; i + 64 <= bytes; i += 64) max_few(4, q + i, p + i, step, row, row + step);
  else for (; i + 64 <= bytes; i += 64) max_vectors(4, 4, q + i, p + i, nz, ny, nx, plane, row, step);
  for (; i + 16 <= bytes; i += 16) max_vectors(1, 4, q + i, p + i, nz, ny, nx, plane, row, step);
  if (i == bytes) return;
  // The last four floats once more: the same values are written again.
  if (c > 4) max_vectors(1, 4, q + bytes - 16, p + bytes - 16, nz, ny, nx, plane, row, step);
  else max_vectors(1, c, q, p, nz, ny, nx, plane, row, step);
}

// pmax is one instruction but loses a NaN. A sum of the taps beside it keeps every NaN (and makes some of infinities):
// where there is one, the vectors are done once more by max, which costs several instructions.

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function max_vectors(
  count: i32, lanes: i32, q: usize, p: usize,
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
        if (count == 4) {
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
  if (count == 4) s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
  if (v128.any_true(f32x4.ne(s0, s0))) {
    for (let i: usize = 0; i < <usize>count << 4; i += 16)
      max_carefully(q + i, p + i, lanes, nz, ny, nx, plane, row, step);
    return;
  }
  store_lanes(q, a0, lanes);
  if (count == 4) {
    v128.store(q, a1, 16);
    v128.store(q, a2, 32);
    v128.store(q, a3, 48);
  }
}

function max_carefully(
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

/** Four vectors of three taps, at p, p + b and p + c, or of four. */
// @ts-ignore: decorator
@inline
function max_few(taps: i32, q: usize, p: usize, b: usize, c: usize, d: usize): void {
  b += p;
  c += p;
  d += p;
  let w = v128.load(p), x = v128.load(b), y = v128.load(c), z = taps == 4 ? v128.load(d) : y;
  let sum = total(taps, w, x, y, z);
  v128.store(q, most(taps, w, x, y, z));
  w = v128.load(p, 16), x = v128.load(b, 16), y = v128.load(c, 16), z = taps == 4 ? v128.load(d, 16) : y;
  sum = f32x4.add(sum, total(taps, w, x, y, z));
  v128.store(q, most(taps, w, x, y, z), 16);
  w = v128.load(p, 32), x = v128.load(b, 32), y = v128.load(c, 32), z = taps == 4 ? v128.load(d, 32) : y;
  sum = f32x4.add(sum, total(taps, w, x, y, z));
  v128.store(q, most(taps, w, x, y, z), 32);
  w = v128.load(p, 48), x = v128.load(b, 48), y = v128.load(c, 48), z = taps == 4 ? v128.load(d, 48) : y;
  sum = f32x4.add(sum, total(taps, w, x, y, z));
  v128.store(q, most(taps, w, x, y, z), 48);
  if (v128.any_true(f32x4.ne(sum, sum))) max_few_carefully(q, p, b, c, taps == 4 ? d : c);
}

// @ts-ignore: decorator
@inline
function most(taps: i32, w: v128, x: v128, y: v128, z: v128): v128 {
  const a = f32x4.pmax(w, x);
  return taps == 4 ? f32x4.pmax(a, f32x4.pmax(y, z)) : f32x4.pmax(a, y);
}

// @ts-ignore: decorator
@inline
function total(taps: i32, w: v128, x: v128, y: v128, z: v128): v128 {
  const a = f32x4.add(w, x);
  return taps == 4 ? f32x4.add(a, f32x4.add(y, z)) : f32x4.add(a, y);
}

function max_few_carefully(q: usize, a: usize, b: usize, c: usize, d: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    const ab = f32x4.max(v128.load(a + i), v128.load(b + i));
    v128.store(q + i, f32x4.max(ab, f32x4.max(v128.load(c + i), v128.load(d + i))));
  }
}

/** out[i] = sum over taps of p[tap + i] / divisor, for c floats i. Strides in bytes. */
function sum_taps(
  q: usize, p: usize, c: i32, nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  const by = f32x4.splat(divisor);
  let i: usize = 0;
  const bytes = <usize>c << 2;
  for (; i + 64 <= bytes; i += 64) sum_vectors(4, 4, q + i, p + i, nz, ny, nx, plane, row, step, by);
  for (; i + 16 <= bytes; i += 16) sum_vectors(1, 4, q + i, p + i, nz, ny, nx, plane, row, step, by);
  if (i == bytes) return;
  // The last four floats once more: the same values are written again.
  if (c > 4) sum_vectors(1, 4, q + bytes - 16, p + bytes - 16, nz, ny, nx, plane, row, step, by);
  else sum_vectors(1, c, q, p, nz, ny, nx, plane, row, step, by);
}

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function sum_vectors(
  count: i32, lanes: i32, q: usize, p: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, by: v128,
): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (; nz > 0; nz--) {
    let line = p;
    for (let y = ny; y > 0; y--) {
      let t = line;
      for (let k = nx; k > 0; k--) {
        a0 = f32x4.add(a0, lanes == 4 ? v128.load(t) : load_tail(t, lanes));
        if (count == 4) {
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
  if (count == 4) {
    v128.store(q, f32x4.div(a1, by), 16);
    v128.store(q, f32x4.div(a2, by), 32);
    v128.store(q, f32x4.div(a3, by), 48);
  }
}

// --- Fewer than four channels and a stride: every lane is gathered on its own ---

/** The floats at p + a, p + b, p + c, p + d. */
// @ts-ignore: decorator
@inline
function gather(p: usize, a: usize, b: usize, c: usize, d: usize): v128 {
  let x = v128.load32_zero(p + a);
  x = v128.load_lane<f32>(p + b, x, 1);
  x = v128.load_lane<f32>(p + c, x, 2);
  return v128.load_lane<f32>(p + d, x, 3);
}

function max_scattered(
  q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize,
): void {
  scattered(true, q, p, run, c, stride, nz, ny, nx, plane, row, step, 1);
}

function sum_scattered(
  q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  scattered(false, q, p, run, c, stride, nz, ny, nx, plane, row, step, divisor);
}

/** `run` pixels (a multiple of 4) that have the same taps, `stride` bytes apart in the input. */
// @ts-ignore: decorator
@inline
function scattered(
  max: bool, q: usize, p: usize, run: i32, c: i32, stride: usize,
  nz: i32, ny: i32, nx: i32, plane: usize, row: usize, step: usize, divisor: f32,
): void {
  for (; run > 0; run -= 4) {
    // Lane l of vector v is float 4 * v + l of four pixels of c floats.
    for (let first = 0; first < 4 * c; first += 4) {
      const o0 = place(first, c, stride);
      const o1 = place(first + 1, c, stride);
      const o2 = place(first + 2, c, stride);
      const o3 = place(first + 3, c, stride);
      let a = max ? splat(MINUS_INFINITY) : f32x4.splat(0);
      let bad = f32x4.splat(0);
      for (let z = 0; z < nz; z++)
        for (let y = 0; y < ny; y++) {
          let t = p + plane * z + row * y;
          for (let k = nx; k > 0; k--) {
            const x = gather(t, o0, o1, o2, o3);
            if (max) {
              a = f32x4.pmax(a, x);
              bad = v128.or(bad, f32x4.ne(x, x));
            } else a = f32x4.add(a, x);
            t += step;
          }
        }
      v128.store(q, max ? v128.or(a, bad) : f32x4.div(a, f32x4.splat(divisor)));
      q += 16;
    }
    p += stride << 2;
  }
}

/** Bytes to float `index` of a row of pixels of c floats that lie `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function place(index: i32, c: i32, stride: usize): usize {
  const pixel = index / c;
  return stride * pixel + (<usize>(index - pixel * c) << 2);
}
