// Normalisation: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, where mean and variance are given (batch norm) or
// those of a group of channels (group norm). It is applied as
//
//   y = (x - centre) * scale + shift,   scale = gamma / sqrt(variance + epsilon),   shift = beta - (mean - centre) * scale
//
// with centre the mean rounded to f32, so that errors do not grow with the distance of x from zero. Layouts, all f32:
//
//   x         [slices, rows, columns]: a slice shares its statistics (one image for group norm); a row is one pixel of c
//             channels, or `copies` pixels where c is small, so that rows are whole vectors; columns = copies * c
//   tables    [slices][centre, scale, shift][columns]
//   moments   [slices, chunks][centre, Σ d, Σ d²][columns] with d = x - centre, summed over the rows of a chunk
//
// Group norm runs norm_moments_f32, norm_scale_f32 and channel_affine_f32; batch norm the last, on tables made once by
// batch_norm_scale_f32.
import { activate_run } from "./activation";
import {
  ACTIVATION_NONE, EPILOGUE_ACCUMULATE, EPILOGUE_ACTIVATION, EPILOGUE_HI, EPILOGUE_LO, EPILOGUE_P, EPILOGUE_Q, NORM_C,
  NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS, REDUCE_BLOCK, ROWS_AXES, ROWS_DIMS, ROWS_RUN,
} from "./abi";
import { clamp, field, field_f32, load_lanes, madd, splat, store_lanes } from "./simd";

// Rows per pass over the columns: PASS_FLOATS of them, at least PASS_ROWS. Enough to amortise loading the tables, few enough for
// the prefetcher to follow and for the activation to find them in L1.
const PASS_ROWS: i32 = 8;
const PASS_FLOATS: i32 = 1024;

/**
 * out[r, i] = epilogue((x[r, i] - centre[t, i]) * scale[t, i] + shift[t, i]) with t = floor(r / rows): each table serves `rows`
 * rows. Rows lie as stridedRows says; its run, the floats of a row, may be shorter than the `columns` of a table. The
 * epilogue's limits or activation are applied in cache; it may not accumulate. out may be x, with the same strides.
 * Unit: one row.
 */
export function channel_affine_f32(
  out: usize, x: usize, tables: usize, stridedRows: usize, columns: i32, rows: i32, epilogue: usize, from: i32, to: i32,
): void {
  const run = field(stridedRows, ROWS_RUN);
  const axes = field(stridedRows, ROWS_AXES);
  const size = field(stridedRows, ROWS_DIMS);
  const out_row: usize = field(stridedRows, ROWS_DIMS + 1);
  const x_row: usize = field(stridedRows, ROWS_DIMS + 2);
  const lo = field_f32(epilogue, EPILOGUE_LO);
  const hi = field_f32(epilogue, EPILOGUE_HI);
  const activation = field(epilogue, EPILOGUE_ACTIVATION);
  const clamps = lo > -Infinity || hi < Infinity;
  const pass = max(PASS_ROWS, PASS_FLOATS / run);
  const table_row = <usize>columns << 2;
  assert(run > 0 && run <= columns && rows > 0 && axes >= 1);
  assert(field(epilogue, EPILOGUE_ACCUMULATE) == 0);
  while (from < to) {
    // Row `row` on the innermost axis; `rest` counts the outer axes. Neither the axis nor the table ends before `end`.
    let rest = from / size;
    const row = from - rest * size;
    const table = from / rows;
    const end = min(min(to, (rest + 1) * size), (table + 1) * rows);
    let q = out + <usize>row * out_row;
    let p = x + <usize>row * x_row;
    for (let axis = 1; axis < axes; axis++) {
      const entry = stridedRows + <usize>((ROWS_DIMS + 3 * axis) << 2);
      const next = rest / field(entry, 0);
      const i = rest - next * field(entry, 0);
      q += i * field(entry, 1);
      p += i * field(entry, 2);
      rest = next;
    }
    assert(rest == 0);
    while (from < end) {
      const count = min(end - from, pass);
      let t = tables + 3 * table_row * table;
      let i: usize = 0;
      let left = run;
      if (clamps)
        for (; left >= 16; left -= 16, i += 64, t += 64)
          affine_block_clamped(q + i, p + i, t, table_row, count, out_row, x_row, epilogue);
      else
        for (; left >= 16; left -= 16, i += 64, t += 64)
          affine_block(q + i, p + i, t, table_row, count, out_row, x_row, epilogue);
      for (; left > 0; left -= 4, i += 16, t += 16)
        affine_vector(q + i, p + i, t, table_row, count, out_row, x_row, epilogue, min(left, 4));
      if (activation != ACTIVATION_NONE) {
        const act_p = field_f32(epilogue, EPILOGUE_P), act_q = field_f32(epilogue, EPILOGUE_Q);
        if (out_row == <usize>run << 2) activate_run(activation, q, q, count * run, act_p, act_q);
        else
          for (let r = 0, row_q = q; r < count; r++, row_q += out_row)
            activate_run(activation, row_q, row_q, run, act_p, act_q);
      }
      q += <usize>count * out_row;
      p += <usize>count * x_row;
      from += count;
    }
  }
}

// Functions of their own, so that each loop is compiled for its literals.

function affine_block(
  q: usize, p: usize, t: usize, table_row: usize, rows: i32, out_row: usize, x_row: usize, epilogue: usize,
): void {
  affine_columns(4, false, q, p, t, table_row, rows, out_row, x_row, epilogue, 4);
}

function affine_block_clamped(
  q: usize, p: usize, t: usize, table_row: usize, rows: i32, out_row: usize, x_row: usize, epilogue: usize,
): void {
  affine_columns(4, true, q, p, t, table_row, rows, out_row, x_row, epilogue, 4);
}

/** Up to four columns. Limits of -Infinity and Infinity change nothing. */
function affine_vector(
  q: usize, p: usize, t: usize, table_row: usize, rows: i32, out_row: usize, x_row: usize, epilogue: usize, lanes: i32,
): void {
  affine_columns(1, true, q, p, t, table_row, rows, out_row, x_row, epilogue, lanes);
}

/** One or four vectors of columns over some rows, with their part of the table at `t`. */
// @ts-ignore: decorator
@inline
function affine_columns(
  vectors: i32, clamps: bool, q: usize, p: usize, t: usize, table_row: usize, rows: i32, out_row: usize, x_row: usize,
  epilogue: usize, lanes: i32,
): void {
  const scales = t + table_row;
  const shifts = scales + table_row;
  const lo = splat(epilogue + (EPILOGUE_LO << 2)), hi = splat(epilogue + (EPILOGUE_HI << 2));
  const c0 = load_lanes(t, lanes), s0 = load_lanes(scales, lanes), b0 = load_lanes(shifts, lanes);
  let c1 = c0, c2 = c0, c3 = c0;
  let s1 = s0, s2 = s0, s3 = s0;
  let b1 = b0, b2 = b0, b3 = b0;
  if (vectors == 4) {
    c1 = v128.load(t, 16), s1 = v128.load(scales, 16), b1 = v128.load(shifts, 16);
    c2 = v128.load(t, 32), s2 = v128.load(scales, 32), b2 = v128.load(shifts, 32);
    c3 = v128.load(t, 48), s3 = v128.load(scales, 48), b3 = v128.load(shifts, 48);
  }
  for (; rows > 0; rows--) {
    store_lanes(q, affine(clamps, load_lanes(p, lanes), c0, s0, b0, lo, hi), lanes);
    if (vectors == 4) {
      v128.store(q, affine(clamps, v128.load(p, 16), c1, s1, b1, lo, hi), 16);
      v128.store(q, affine(clamps, v128.load(p, 32), c2, s2, b2, lo, hi), 32);
      v128.store(q, affine(clamps, v128.load(p, 48), c3, s3, b3, lo, hi), 48);
    }
    p += x_row;
    q += out_row;
  }
}

/** (x - centre) * scale + shift, limited to [lo, hi]. */
// @ts-ignore: decorator
@inline
function affine(clamps: bool, x: v128, centre: v128, scale: v128, shift: v128, lo: v128, hi: v128): v128 {
  const y = madd(f32x4.sub(x, centre), scale, shift);
  return clamps ? clamp(y, lo, hi) : y;
}

/** The tables of batch norm (one slice), repeated for `copies` pixels per row. Unit: one channel. */
export function batch_norm_scale_f32(
  tables: usize, gamma: usize, beta: usize, mean: usize, variance: usize, c: i32, copies: i32, epsilon: f32, from: i32,
  to: i32,
): void {
  for (; from < to; from++) {
    const i = <usize>from << 2;
    const factor = 1 / sqrt(<f64>load<f32>(variance + i) + <f64>epsilon);
    store_channel(tables + i, gamma + i, beta + i, <f64>load<f32>(mean + i), factor, c, copies);
  }
}

/** Writes one channel of a table; factor = 1 / sqrt(variance + epsilon). */
// @ts-ignore: decorator
@inline
function store_channel(t: usize, gamma: usize, beta: usize, mean: f64, factor: f64, c: i32, copies: i32): void {
  const table_row = <usize>(c * copies) << 2;
  const centre = <f32>mean;
  const scale = <f32>(<f64>load<f32>(gamma) * factor);
  const shift = <f32>(<f64>load<f32>(beta) - (mean - <f64>centre) * <f64>scale);
  for (let copy = 0; copy < copies; copy++) {
    store<f32>(t, centre);
    store<f32>(t + table_row, scale);
    store<f32>(t + 2 * table_row, shift);
    t += <usize>c << 2;
  }
}

/**
 * Rows at the start of a chunk whose mean is the chunk's centre. The variance loses precision with the square of the distance,
 * in deviations, between this and the chunk's mean; the mean of 1 in 16 rows is 4 deviations off at most.
 */
const SAMPLE: i32 = 16;

/**
 * The moments of every column of x [slices, rows, columns], dense, over chunks of rows, from one pass through memory.
 * Unit: REDUCE_BLOCK columns of one chunk: slices * ceil(rows / chunk) * ceil(columns / REDUCE_BLOCK) in all.
 */
export function norm_moments_f32(
  moments: usize, x: usize, rows: i32, columns: i32, chunk: i32, from: i32, to: i32,
): void {
  assert(rows > 0 && columns > 0 && chunk > 0);
  const chunks = (rows - 1) / chunk + 1;
  const blocks = (columns - 1) / REDUCE_BLOCK + 1;
  const row_bytes = <usize>columns << 2;
  for (; from < to; from++) {
    // Block `block` of columns of chunk `part` of a slice; `index` counts the chunks of all slices.
    const index = from / blocks;
    const slice = index / chunks;
    const part = index - slice * chunks;
    const column = (from - index * blocks) * REDUCE_BLOCK;
    const count = min(chunk, rows - part * chunk);
    let p = x + row_bytes * (<usize>slice * rows + part * chunk) + (<usize>column << 2);
    let q = moments + 3 * row_bytes * index + (<usize>column << 2);
    let left = min(REDUCE_BLOCK, columns - column);
    for (; left >= 8; left -= 8, p += 32, q += 32) moments_pair(q, p, count, row_bytes);
    for (; left > 0; left -= 4, p += 16, q += 16) moments_vector(q, p, count, row_bytes, min(left, 4));
  }
}

function moments_pair(q: usize, p: usize, rows: i32, row_bytes: usize): void {
  moments_columns(2, q, p, rows, row_bytes, 4);
}

function moments_vector(q: usize, p: usize, rows: i32, row_bytes: usize, lanes: i32): void {
  moments_columns(1, q, p, rows, row_bytes, lanes);
}

/** One or two vectors of columns, with two rows at a time. More, and the sums would not stay in registers. */
// @ts-ignore: decorator
@inline
function moments_columns(vectors: i32, q: usize, p: usize, rows: i32, row_bytes: usize, lanes: i32): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let t = p;
  const sample = min(rows, SAMPLE);
  for (let r = sample; r > 0; r--) {
    s0 = f32x4.add(s0, load_lanes(t, lanes));
    if (vectors == 2) s1 = f32x4.add(s1, v128.load(t, 16));
    t += row_bytes;
  }
  const share = f32x4.splat(1 / <f32>sample);
  const c0 = f32x4.mul(s0, share), c1 = f32x4.mul(s1, share);
  s0 = s1 = s2;
  let v0 = s0, v1 = s0, v2 = s0, v3 = s0;
  for (; rows > 1; rows -= 2) {
    const next = p + row_bytes;
    let d = f32x4.sub(load_lanes(p, lanes), c0);
    s0 = f32x4.add(s0, d);
    v0 = madd(d, d, v0);
    d = f32x4.sub(load_lanes(next, lanes), c0);
    s2 = f32x4.add(s2, d);
    v2 = madd(d, d, v2);
    if (vectors == 2) {
      d = f32x4.sub(v128.load(p, 16), c1);
      s1 = f32x4.add(s1, d);
      v1 = madd(d, d, v1);
      d = f32x4.sub(v128.load(next, 16), c1);
      s3 = f32x4.add(s3, d);
      v3 = madd(d, d, v3);
    }
    p = next + row_bytes;
  }
  if (rows) {
    let d = f32x4.sub(load_lanes(p, lanes), c0);
    s0 = f32x4.add(s0, d);
    v0 = madd(d, d, v0);
    if (vectors == 2) {
      d = f32x4.sub(v128.load(p, 16), c1);
      s1 = f32x4.add(s1, d);
      v1 = madd(d, d, v1);
    }
  }
  const sums = q + row_bytes;
  const squares = sums + row_bytes;
  store_lanes(q, c0, lanes);
  store_lanes(sums, f32x4.add(s0, s2), lanes);
  store_lanes(squares, f32x4.add(v0, v2), lanes);
  if (vectors == 2) {
    v128.store(q, c1, 16);
    v128.store(sums, f32x4.add(s1, s3), 16);
    v128.store(squares, f32x4.add(v1, v3), 16);
  }
}

/** The tables of group norm, from the moments of the slices' chunks. Unit: one group of one slice. */
export function norm_scale_f32(
  tables: usize, moments: usize, gamma: usize, beta: usize, normShape: usize, epsilon: f32, from: i32, to: i32,
): void {
  const c = field(normShape, NORM_C);
  const groups = field(normShape, NORM_GROUPS);
  const copies = field(normShape, NORM_COPIES);
  const channels = c / groups;
  const table_bytes = <usize>(3 * c * copies) << 2;
  for (; from < to; from++) {
    const slice = from / groups;
    const first = (from - slice * groups) * channels;
    const mean = group_mean(moments, normShape, slice, first);
    const factor = 1 / sqrt(group_variance(moments, normShape, slice, first, mean) + <f64>epsilon);
    const t = tables + table_bytes * slice;
    for (let i = first; i < first + channels; i++) {
      const offset = <usize>i << 2;
      store_channel(t + offset, gamma + offset, beta + offset, mean, factor, c, copies);
    }
  }
}

/** The mean of the group of a slice that begins with channel `first`, in double precision. */
export function group_mean(moments: usize, normShape: usize, slice: i32, first: i32): f64 {
  return group_average(false, moments, normShape, slice, first, 0);
}

/** The group's variance: the mean of (x - mean)². */
export function group_variance(moments: usize, normShape: usize, slice: i32, first: i32, mean: f64): f64 {
  return group_average(true, moments, normShape, slice, first, mean);
}

function group_average(square: bool, moments: usize, normShape: usize, slice: i32, first: i32, mean: f64): f64 {
  const rows = field(normShape, NORM_ROWS);
  const chunk = field(normShape, NORM_CHUNK);
  const c = field(normShape, NORM_C);
  const groups = field(normShape, NORM_GROUPS);
  const copies = field(normShape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  const row_bytes = <usize>(c * copies) << 2;
  let p = moments + 3 * row_bytes * slice * ((rows - 1) / chunk + 1) + (<usize>first << 2);
  let sum: f64 = 0;
  for (let left = rows; left > 0; left -= chunk) {
    const count = <f64>min(left, chunk);
    let t = p;
    for (let copy = 0; copy < copies; copy++) {
      for (let i = 0; i < channels; i++) {
        const column = t + (<usize>i << 2);
        // Σ (x - mean)² = Σ d² + e · (2 · Σ d + count · e) with d = x - centre, e = centre - mean
        const e = <f64>load<f32>(column) - mean;
        const d = <f64>load<f32>(column + row_bytes);
        if (square) sum += <f64>load<f32>(column + 2 * row_bytes) + e * (2 * d + count * e);
        else sum += count * e + d;
      }
      t += <usize>c << 2;
    }
    p += 3 * row_bytes;
  }
  return sum / (<f64>rows * <f64>copies * <f64>channels);
}
