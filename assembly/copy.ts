// Moving floats without computing: rows, filled runs, and boxes whose axes have other strides on both sides.
//   strided: out[Σ i_k·so_k] = x[Σ i_k·sx_k]  for every index (i_0, ..., i_5) of the box dims_0 x ... x dims_5
// Strides are in bytes. Values travel as bits: NaN keeps its payload, and int32 tensors may be copied too.
import {
  COPY_DIMS, COPY_MODE, COPY_OUT, COPY_ROWS, COPY_SCATTERED, COPY_TILE, COPY_TRANSPOSE, COPY_X,
} from "./abi";
import { field, high_halves, high_pairs, load_lanes, low_halves, low_pairs, store_lanes } from "./simd";

/** Bytes from which on the host's own copy and fill beat a vector loop in spite of the call. */
const BULK: usize = 2048;

/** Copies `count` floats; the two ranges must not overlap. */
// @ts-ignore: decorator
@inline
export function copy_floats(out: usize, x: usize, count: i32): void {
  const bytes = <usize>count << 2;
  if (count < 4) {
    if (count == 3) {
      const low = load<i64>(x);
      store<i32>(out, load<i32>(x, 8), 8);
      store<i64>(out, low);
    } else if (count == 2) {
      store<i64>(out, load<i64>(x));
    } else if (count == 1) {
      store<i32>(out, load<i32>(x));
    }
  } else if (count > 32) {
    copy_long(out, x, bytes);
  } else {
    // The last vector overlaps the one before it where count is no multiple of 4.
    const last = bytes - 16;
    for (let i: usize = 0; i < last; i += 16) v128.store(out + i, v128.load(x + i));
    v128.store(out + last, v128.load(x + last));
  }
}

function copy_long(out: usize, x: usize, bytes: usize): void {
  if (bytes >= BULK) {
    memory.copy(out, x, bytes);
    return;
  }
  const last = bytes - 16;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) copy_line(out + i, x + i);
  for (; i < last; i += 16) v128.store(out + i, v128.load(x + i));
  v128.store(out + last, v128.load(x + last));
}

/** Copies 16 floats. */
// @ts-ignore: decorator
@inline
function copy_line(out: usize, x: usize): void {
  const a = v128.load(x), b = v128.load(x, 16), c = v128.load(x, 32), d = v128.load(x, 48);
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** Copies rows of `count` floats that lie `out_stride` and `x_stride` bytes apart. */
function copy_rows(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  const bytes = <usize>count << 2;
  if (count < 16 || bytes >= BULK) {
    for (; rows > 0; --rows, out += out_stride, x += x_stride) copy_floats(out, x, count);
    return;
  }
  const last = bytes - 64;
  for (; rows > 0; --rows, out += out_stride, x += x_stride) {
    for (let i: usize = 0; i < last; i += 64) copy_line(out + i, x + i);
    // The last line overlaps the one before it where there is no whole number of them.
    copy_line(out + last, x + last);
  }
}

/** Copies pixels of `c` floats that lie `out_pixel` and `x_pixel` bytes apart: in one go where both sides are dense. */
// @ts-ignore: decorator
@inline
export function copy_pixels(out: usize, x: usize, pixels: i32, c: i32, out_pixel: usize, x_pixel: usize): void {
  const bytes = <usize>c << 2;
  if (out_pixel == bytes && x_pixel == bytes) copy_floats(out, x, pixels * c);
  else copy_rows(out, x, out_pixel, x_pixel, pixels, c);
}

/** Writes `value` to `count` floats. */
// @ts-ignore: decorator
@inline
export function fill_floats(out: usize, value: f32, count: i32): void {
  if (count < 4) {
    const end = out + (<usize>count << 2);
    for (let p = out; p < end; p += 4) store<f32>(p, value);
  } else {
    fill_long(out, value, <usize>count << 2);
  }
}

function fill_long(out: usize, value: f32, bytes: usize): void {
  if (bytes >= BULK && reinterpret<i32>(value) == 0) {
    memory.fill(out, 0, bytes);
    return;
  }
  const v = f32x4.splat(value);
  const last = bytes - 16;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    v128.store(out + i, v);
    v128.store(out + i, v, 16);
    v128.store(out + i, v, 32);
    v128.store(out + i, v, 48);
  }
  for (; i < last; i += 16) v128.store(out + i, v);
  v128.store(out + last, v);
}

function fill_rows(out: usize, value: f32, stride: usize, rows: i32, count: i32): void {
  for (; rows > 0; --rows, out += stride) fill_floats(out, value, count);
}

/** Writes `value` to pixels of `c` floats that lie `stride` bytes apart: in one go where they are dense. */
// @ts-ignore: decorator
@inline
export function fill_pixels(out: usize, value: f32, pixels: i32, c: i32, stride: usize): void {
  if (stride == <usize>c << 2) fill_floats(out, value, pixels * c);
  else fill_rows(out, value, stride, pixels, c);
}

/** Fills `count` floats. Unit: a vector of four floats; the last one may be cut short by `count`. */
export function fill_f32(out: usize, value: f32, count: i32, from: i32, to: i32): void {
  assert(from >= 0 && to <= (count + 3) >> 2, "vectors inside the output");
  fill_floats(out + (<usize>from << 4), value, min(to << 2, count) - (from << 2));
}

// Transposing: out[i][j] = x[j][i] for i < rows, j < count. j is contiguous in out, i in x; `out_stride` and `x_stride` are the
// bytes along the other axis.

/** A block of at most 4 x 4. */
// @ts-ignore: decorator
@inline
function transpose_block(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  const zero = i32x4.splat(0);
  const a = load_lanes(x, rows);
  const b = count > 1 ? load_lanes(x + x_stride, rows) : zero;
  const c = count > 2 ? load_lanes(x + 2 * x_stride, rows) : zero;
  const d = count > 3 ? load_lanes(x + 3 * x_stride, rows) : zero;
  const ab_low = low_pairs(a, b), cd_low = low_pairs(c, d);
  store_lanes(out, low_halves(ab_low, cd_low), count);
  if (rows > 1) store_lanes(out + out_stride, high_halves(ab_low, cd_low), count);
  if (rows > 2) {
    const ab_high = high_pairs(a, b), cd_high = high_pairs(c, d);
    store_lanes(out + 2 * out_stride, low_halves(ab_high, cd_high), count);
    if (rows > 3) store_lanes(out + 3 * out_stride, high_halves(ab_high, cd_high), count);
  }
}

/** A block of fewer than four rows or columns. */
function transpose_corner(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  transpose_block(out, x, out_stride, x_stride, rows, count);
}

/** Up to four rows of out, any number of columns: four streams are written. */
// @ts-ignore: decorator
@inline
function transpose_rows(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  for (; count >= 4; count -= 4) {
    transpose_block(out, x, out_stride, x_stride, rows, 4);
    out += 16;
    x += x_stride << 2;
  }
  if (count) transpose_corner(out, x, out_stride, x_stride, rows, count);
}

/** Up to four columns of out, any number of rows: four streams are read. */
// @ts-ignore: decorator
@inline
function transpose_columns(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  for (; rows >= 4; rows -= 4) {
    transpose_block(out, x, out_stride, x_stride, 4, count);
    out += out_stride << 2;
    x += 16;
  }
  if (rows) transpose_corner(out, x, out_stride, x_stride, rows, count);
}

/**
 * Any size. Lines a power of two apart fall into the same few sets of the cache: on the side with the longer stride, four lines
 * are finished before the next four begin.
 */
function transpose(out: usize, x: usize, out_stride: usize, x_stride: usize, rows: i32, count: i32): void {
  if (x_stride > out_stride) {
    for (; count >= 4; count -= 4) {
      transpose_columns(out, x, out_stride, x_stride, rows, 4);
      out += 16;
      x += x_stride << 2;
    }
    if (count == 3) transpose_columns(out, x, out_stride, x_stride, rows, 3);
    else if (count == 2) transpose_columns(out, x, out_stride, x_stride, rows, 2);
    else if (count == 1) transpose_columns(out, x, out_stride, x_stride, rows, 1);
  } else {
    for (; rows >= 4; rows -= 4) {
      transpose_rows(out, x, out_stride, x_stride, 4, count);
      out += out_stride << 2;
      x += 16;
    }
    if (rows == 3) transpose_rows(out, x, out_stride, x_stride, 3, count);
    else if (rows == 2) transpose_rows(out, x, out_stride, x_stride, 2, count);
    else if (rows == 1) transpose_rows(out, x, out_stride, x_stride, 1, count);
  }
}

/** Copies `count` floats one by one; one float to many places side by side is a fill. */
// @ts-ignore: decorator
@inline
function copy_scattered(out: usize, x: usize, out_stride: usize, x_stride: usize, count: i32): void {
  if (out_stride == 4 && x_stride == 0) {
    fill_rows(out, load<f32>(x), 0, 1, count);
    return;
  }
  for (let i = 0; i < count; ++i, out += out_stride, x += x_stride) store<i32>(out, load<i32>(x));
}

/**
 * Copies a box. Unit: a tile of COPY_TILE along the last three axes, one index along the others; along an axis the last tile may
 * be short. Tiles are counted over all six axes, the last one fastest.
 */
export function strided_copy_f32(out: usize, x: usize, copyShape: usize, from: i32, to: i32): void {
  const mode = field(copyShape, COPY_MODE);
  const d1 = field(copyShape, COPY_DIMS + 1), d2 = field(copyShape, COPY_DIMS + 2);
  const d3 = field(copyShape, COPY_DIMS + 3), d4 = field(copyShape, COPY_DIMS + 4), d5 = field(copyShape, COPY_DIMS + 5);
  const t3 = field(copyShape, COPY_TILE), t4 = field(copyShape, COPY_TILE + 1), t5 = field(copyShape, COPY_TILE + 2);
  const n3 = (d3 + t3 - 1) / t3, n4 = (d4 + t4 - 1) / t4, n5 = (d5 + t5 - 1) / t5;
  const out3 = <usize>field(copyShape, COPY_OUT + 3), out4 = <usize>field(copyShape, COPY_OUT + 4);
  const out5 = <usize>field(copyShape, COPY_OUT + 5);
  const x3 = <usize>field(copyShape, COPY_X + 3), x4 = <usize>field(copyShape, COPY_X + 4);
  const x5 = <usize>field(copyShape, COPY_X + 5);
  assert(from >= 0 && to <= field(copyShape, COPY_DIMS) * d1 * d2 * n3 * n4 * n5, "tiles inside the box");
  assert(mode == COPY_ROWS || mode == COPY_TRANSPOSE || mode == COPY_SCATTERED, "a known mode");
  assert(mode != COPY_ROWS || (out5 == 4 && x5 == 4), "rows: contiguous on both sides");
  assert(mode != COPY_TRANSPOSE || (out5 == 4 && x4 == 4), "transpose: contiguous along two axes");

  for (let unit = from; unit < to; ++unit) {
    let rest = unit / n5;
    const i5 = (unit - rest * n5) * t5;
    let next = rest / n4;
    const i4 = (rest - next * n4) * t4;
    rest = next / n3;
    const i3 = (next - rest * n3) * t3;
    next = rest / d2;
    const i2 = rest - next * d2;
    const i0 = next / d1;
    const i1 = next - i0 * d1;
    let o = out + offset(copyShape, COPY_OUT, i0, i1, i2) + <usize>i3 * out3 + <usize>i4 * out4 + <usize>i5 * out5;
    let p = x + offset(copyShape, COPY_X, i0, i1, i2) + <usize>i3 * x3 + <usize>i4 * x4 + <usize>i5 * x5;
    const rows = min(t4, d4 - i4), count = min(t5, d5 - i5);
    for (let planes = min(t3, d3 - i3); planes > 0; --planes, o += out3, p += x3) {
      if (mode == COPY_TRANSPOSE) transpose(o, p, out4, x5, rows, count);
      else if (mode == COPY_ROWS) copy_rows(o, p, out4, x4, rows, count);
      else {
        let q = o, t = p;
        for (let i = 0; i < rows; ++i, q += out4, t += x4) copy_scattered(q, t, out5, x5, count);
      }
    }
  }
}

/** Bytes to index (i0, i1, i2) of the first three axes, whose strides begin at field `strides`. */
// @ts-ignore: decorator
@inline
function offset(copyShape: usize, strides: i32, i0: i32, i1: i32, i2: i32): usize {
  return <usize>i0 * field(copyShape, strides) + <usize>i1 * field(copyShape, strides + 1)
    + <usize>i2 * field(copyShape, strides + 2);
}
