// Moving floats without computing: rows, filled stretches, and boxes whose axes step differently on both sides.
//   strided: out[Σ i_k·so_k] = x[Σ i_k·sx_k]  for every index (i_0, ..., i_5) of the box dims_0 x ... x dims_5
// Steps are in floats. Values travel as bits: a NaN keeps its payload, and int32 tensors may be copied too.
import {
  COPY_DIMS,
  COPY_MODE,
  COPY_OUT,
  COPY_ROWS,
  COPY_SCATTERED,
  COPY_TILE,
  COPY_TRANSPOSE,
  COPY_X,
} from "./abi";
import { field, load_lanes, store_lanes } from "./simd";

/** Bytes from which on the host's own copy and fill beat a vector loop in spite of the call. */
const BULK: usize = 2048;

/** Copies `count` floats; the two stretches must not overlap. */
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
    // The last vector lies over the one before it where count is no multiple of 4.
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

/** Fills `count` floats. Unit: a vector of four floats; the last one may be cut short by `count`. */
export function fill_f32(out: usize, value: f32, count: i32, from: i32, to: i32): void {
  assert(from >= 0 && to <= (count + 3) >> 2, "vectors inside the output");
  fill_floats(out + (<usize>from << 4), value, min(to << 2, count) - (from << 2));
}

/** out[i][j] = x[j][i] for i < rows <= 4, j < count <= 4: contiguous j in out, contiguous i in x. */
// @ts-ignore: decorator
@inline
function turn_block(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  const zero = i32x4.splat(0);
  const a = load_lanes(x, rows);
  const b = count > 1 ? load_lanes(x + x_step, rows) : zero;
  const c = count > 2 ? load_lanes(x + 2 * x_step, rows) : zero;
  const d = count > 3 ? load_lanes(x + 3 * x_step, rows) : zero;
  const ac_low = v128.shuffle<f32>(a, c, 0, 4, 1, 5);
  const bd_low = v128.shuffle<f32>(b, d, 0, 4, 1, 5);
  store_lanes(out, v128.shuffle<f32>(ac_low, bd_low, 0, 4, 1, 5), count);
  if (rows > 1) store_lanes(out + out_step, v128.shuffle<f32>(ac_low, bd_low, 2, 6, 3, 7), count);
  if (rows > 2) {
    const ac_high = v128.shuffle<f32>(a, c, 2, 6, 3, 7);
    const bd_high = v128.shuffle<f32>(b, d, 2, 6, 3, 7);
    store_lanes(out + 2 * out_step, v128.shuffle<f32>(ac_high, bd_high, 0, 4, 1, 5), count);
    if (rows > 3) store_lanes(out + 3 * out_step, v128.shuffle<f32>(ac_high, bd_high, 2, 6, 3, 7), count);
  }
}

/** A corner of fewer than four rows or columns. */
function turn_corner(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  turn_block(out, x, out_step, x_step, rows, count);
}

/** Up to four rows of out, any number of columns: four lines are written from end to end. */
// @ts-ignore: decorator
@inline
function turn_rows(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  for (; count >= 4; count -= 4) {
    turn_block(out, x, out_step, x_step, rows, 4);
    out += 16;
    x += x_step << 2;
  }
  if (count) turn_corner(out, x, out_step, x_step, rows, count);
}

/** Up to four columns of out, any number of rows: four lines are read from end to end. */
// @ts-ignore: decorator
@inline
function turn_columns(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  for (; rows >= 4; rows -= 4) {
    turn_block(out, x, out_step, x_step, 4, count);
    out += out_step << 2;
    x += 16;
  }
  if (rows) turn_corner(out, x, out_step, x_step, rows, count);
}

/**
 * out[i][j] = x[j][i]. On the side with the longer step, lines that are a power of two apart fall on the same few
 * places of the cache: there four lines at a time are finished before the next four begin.
 */
function turn(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  if (x_step > out_step) {
    for (; count >= 4; count -= 4) {
      turn_columns(out, x, out_step, x_step, rows, 4);
      out += 16;
      x += x_step << 2;
    }
    if (count == 3) turn_columns(out, x, out_step, x_step, rows, 3);
    else if (count == 2) turn_columns(out, x, out_step, x_step, rows, 2);
    else if (count == 1) turn_columns(out, x, out_step, x_step, rows, 1);
  } else {
    for (; rows >= 4; rows -= 4) {
      turn_rows(out, x, out_step, x_step, 4, count);
      out += out_step << 2;
      x += 16;
    }
    if (rows == 3) turn_rows(out, x, out_step, x_step, 3, count);
    else if (rows == 2) turn_rows(out, x, out_step, x_step, 2, count);
    else if (rows == 1) turn_rows(out, x, out_step, x_step, 1, count);
  }
}

/**
 * Copies a box. Unit: a tile of COPY_TILE; along an axis the last tile may be short.
 * Tiles are counted over all six axes, the last one fastest.
 */
export function strided_copy_f32(out: usize, x: usize, record: usize, from: i32, to: i32): void {
  const mode = field(record, COPY_MODE);
  const d1 = field(record, COPY_DIMS + 1);
  const d2 = field(record, COPY_DIMS + 2);
  const d3 = field(record, COPY_DIMS + 3);
  const d4 = field(record, COPY_DIMS + 4);
  const d5 = field(record, COPY_DIMS + 5);
  const t3 = field(record, COPY_TILE);
  const t4 = field(record, COPY_TILE + 1);
  const t5 = field(record, COPY_TILE + 2);
  const n3 = (d3 + t3 - 1) / t3;
  const n4 = (d4 + t4 - 1) / t4;
  const n5 = (d5 + t5 - 1) / t5;
  const out3 = step(record, COPY_OUT + 3);
  const out4 = step(record, COPY_OUT + 4);
  const out5 = step(record, COPY_OUT + 5);
  const x3 = step(record, COPY_X + 3);
  const x4 = step(record, COPY_X + 4);
  const x5 = step(record, COPY_X + 5);
  assert(from >= 0 && to <= field(record, COPY_DIMS) * d1 * d2 * n3 * n4 * n5, "tiles inside the box");
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
    let o =
      out +
      <usize>i0 * step(record, COPY_OUT) +
      <usize>i1 * step(record, COPY_OUT + 1) +
      <usize>i2 * step(record, COPY_OUT + 2) +
      <usize>i3 * out3 +
      <usize>i4 * out4 +
      <usize>i5 * out5;
    let p =
      x +
      <usize>i0 * step(record, COPY_X) +
      <usize>i1 * step(record, COPY_X + 1) +
      <usize>i2 * step(record, COPY_X + 2) +
      <usize>i3 * x3 +
      <usize>i4 * x4 +
      <usize>i5 * x5;
    const rows = min(t4, d4 - i4);
    const count = min(t5, d5 - i5);
    for (let planes = min(t3, d3 - i3); planes > 0; --planes, o += out3, p += x3) {
      if (mode == COPY_TRANSPOSE) {
        turn(o, p, out4, x5, rows, count);
        continue;
      }
      if (mode == COPY_ROWS) {
        copy_rows(o, p, out4, x4, rows, count);
        continue;
      }
      let oo = o;
      let pp = p;
      for (let i = 0; i < rows; ++i, oo += out4, pp += x4) copy_scattered(oo, pp, out5, x5, count);
    }
  }
}

/** Rows of `count` floats. */
function copy_rows(out: usize, x: usize, out_step: usize, x_step: usize, rows: i32, count: i32): void {
  const bytes = <usize>count << 2;
  if (count < 16 || bytes >= BULK) {
    for (; rows > 0; --rows, out += out_step, x += x_step) copy_floats(out, x, count);
    return;
  }
  const last = bytes - 64;
  for (; rows > 0; --rows, out += out_step, x += x_step) {
    for (let i: usize = 0; i < last; i += 64) copy_line(out + i, x + i);
    // The last line lies over the one before it where there is no whole number of them.
    copy_line(out + last, x + last);
  }
}

/** Sixteen floats. */
// @ts-ignore: decorator
@inline
function copy_line(out: usize, x: usize): void {
  const a = v128.load(x);
  const b = v128.load(x, 16);
  const c = v128.load(x, 32);
  const d = v128.load(x, 48);
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}

/** A step of the record, in bytes. */
// @ts-ignore: decorator
@inline
function step(record: usize, index: i32): usize {
  return <usize>field(record, index) << 2;
}

// @ts-ignore: decorator
@inline
function copy_scattered(out: usize, x: usize, out_step: usize, x_step: usize, count: i32): void {
  for (let i = 0; i < count; ++i, out += out_step, x += x_step) store<i32>(out, load<i32>(x));
}
