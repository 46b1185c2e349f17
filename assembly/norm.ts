// Normalisation: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, brought to y = (x - centre) * scale + shift
// with three numbers per channel. Small kernels make tables of these, one large loop applies them. centre is the mean
// rounded, and what was lost is in shift: errors do not grow with the distance of x from zero.
//
//   tables    [pictures][centre, scale, shift][columns]
//   moments   [pictures, chunks][centre, sum, squares][columns], of x - centre and its square over the rows of a chunk
//
// A row of x is a pixel, or `copies` of them where channels are few, so that rows are whole vectors.
import { NORM_C, NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS, REDUCE_BLOCK } from "./abi";
import { field, load_lanes, load_tail, madd, store_lanes, store_tail } from "./simd";

/** Rows that are done sixteen columns at a time: enough to make little of loading the tables, few enough to read along. */
const TURN: i32 = 8;

/**
 * out[r, i] = (x[r, i] - centre[t, i]) * scale[t, i] + shift[t, i] with t = floor(r / rows): a table of `columns`
 * columns, the first c of which count, serves `rows` rows. out may be x.
 * Unit: one row of c floats.
 */
export function channel_affine_f32(
  out: usize, x: usize, tables: usize, c: i32, columns: i32, rows: i32, from: i32, to: i32,
): void {
  assert(c > 0 && rows > 0 && columns >= c);
  const row = <usize>c << 2;
  const line = <usize>columns << 2;
  while (from < to) {
    const table = from / rows;
    const end = min(to, (table + 1) * rows);
    const t = tables + 3 * line * table;
    while (from < end) {
      const count = min(end - from, TURN);
      let i: usize = row * from;
      let k = t;
      let left = c;
      for (; left >= 16; left -= 16, i += 64, k += 64) affine_columns(out + i, x + i, k, line, count, row);
      for (; left > 0; left -= 4, i += 16, k += 16) affine_column(out + i, x + i, k, line, count, row, min(left, 4));
      from += count;
    }
  }
}

/** y = (x - centre) * scale + shift. */
// @ts-ignore: decorator
@inline
function affine(x: v128, centre: v128, scale: v128, shift: v128): v128 {
  return madd(f32x4.sub(x, centre), scale, shift);
}

function affine_columns(q: usize, p: usize, t: usize, line: usize, rows: i32, row: usize): void {
  column_affine(4, q, p, t, line, rows, row, 4);
}

function affine_column(q: usize, p: usize, t: usize, line: usize, rows: i32, row: usize, lanes: i32): void {
  column_affine(1, q, p, t, line, rows, row, lanes);
}

/** One or four vectors of columns. */
// @ts-ignore: decorator
@inline
function column_affine(
  vectors: i32, q: usize, p: usize, t: usize, line: usize, rows: i32, row: usize, lanes: i32,
): void {
  const scales = t + line;
  const shifts = scales + line;
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
    store_lanes(q, affine(load_lanes(p, lanes), c0, s0, b0), lanes);
    if (vectors == 4) {
      v128.store(q, affine(v128.load(p, 16), c1, s1, b1), 16);
      v128.store(q, affine(v128.load(p, 32), c2, s2, b2), 32);
      v128.store(q, affine(v128.load(p, 48), c3, s3, b3), 48);
    }
    p += row;
    q += row;
  }
}

/**
 * The tables of batch normalisation, for `copies` times c columns:
 * scale = gamma / sqrt(variance + epsilon), shift = beta. Unit: one channel.
 */
export function batch_norm_scale_f32(
  tables: usize, gamma: usize, beta: usize, mean: usize, variance: usize,
  c: i32, copies: i32, epsilon: f32, from: i32, to: i32,
): void {
  for (; from < to; from++) {
    const i = <usize>from << 2;
    const factor = 1 / sqrt(<f64>load<f32>(variance + i) + <f64>epsilon);
    put(tables + i, gamma + i, beta + i, <f64>load<f32>(mean + i), factor, c, copies);
  }
}

/** One channel of the tables. */
// @ts-ignore: decorator
@inline
function put(t: usize, gamma: usize, beta: usize, mean: f64, factor: f64, c: i32, copies: i32): void {
  const line = <usize>(c * copies) << 2;
  const centre = <f32>mean;
  const scale = <f32>(<f64>load<f32>(gamma) * factor);
  const shift = <f32>(<f64>load<f32>(beta) - (mean - <f64>centre) * <f64>scale);
  for (let k = 0; k < copies; k++) {
    store<f32>(t, centre);
    store<f32>(t + line, scale);
    store<f32>(t + 2 * line, shift);
    t += <usize>c << 2;
  }
}

/**
 * Rows whose mean is the centre of their chunk. The further it is from the chunk's mean, by the deviation, the more does the
 * variance lose; a part of 1 in 16 of the rows can be off by 4 deviations at most.
 */
const SAMPLE: i32 = 16;

/**
 * The moments of every column of x [pictures, rows, columns], over chunks of rows, from one walk through memory.
 * Unit: REDUCE_BLOCK columns of one chunk: pictures * ceil(rows / chunk) * ceil(columns / REDUCE_BLOCK) in all.
 */
export function norm_moments_f32(
  moments: usize, x: usize, rows: i32, columns: i32, chunk: i32, from: i32, to: i32,
): void {
  assert(rows > 0 && columns > 0 && chunk > 0);
  const parts = (rows - 1) / chunk + 1;
  const blocks = (columns - 1) / REDUCE_BLOCK + 1;
  const line = <usize>columns << 2;
  for (; from < to; from++) {
    const cell = from / blocks;
    const picture = cell / parts;
    const part = cell - picture * parts;
    const column = (from - cell * blocks) * REDUCE_BLOCK;
    const count = min(chunk, rows - part * chunk);
    let p = x + line * (<usize>picture * rows + part * chunk) + (<usize>column << 2);
    let q = moments + 3 * line * cell + (<usize>column << 2);
    let width = min(REDUCE_BLOCK, columns - column);
    for (; width >= 8; width -= 8) {
      moments_columns(q, p, count, line);
      p += 32;
      q += 32;
    }
    for (; width > 0; width -= 4) {
      moments_column(q, p, count, line, min(width, 4));
      p += 16;
      q += 16;
    }
  }
}

function moments_columns(q: usize, p: usize, rows: i32, line: usize): void {
  column_moments(2, q, p, rows, line, 4);
}

function moments_column(q: usize, p: usize, rows: i32, line: usize, lanes: i32): void {
  column_moments(1, q, p, rows, line, lanes);
}

/** One or two vectors of columns. More at a time, and the sums would not stay in registers. */
// @ts-ignore: decorator
@inline
function column_moments(vectors: i32, q: usize, p: usize, rows: i32, line: usize, lanes: i32): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let t = p;
  const sample = min(rows, SAMPLE);
  for (let r = sample; r > 0; r--) {
    s0 = f32x4.add(s0, load_lanes(t, lanes));
    if (vectors == 2) s1 = f32x4.add(s1, v128.load(t, 16));
    t += line;
  }
  const share = f32x4.splat(1 / <f32>sample);
  const c0 = f32x4.mul(s0, share), c1 = f32x4.mul(s1, share);
  s0 = s1 = s2;
  let v0 = s0, v1 = s0, v2 = s0, v3 = s0;
  for (; rows > 1; rows -= 2) {
    const next = p + line;
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
    p = next + line;
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
  const sums = q + line;
  const squares = sums + line;
  store_lanes(q, c0, lanes);
  store_lanes(sums, f32x4.add(s0, s2), lanes);
  store_lanes(squares, f32x4.add(v0, v2), lanes);
  if (vectors == 2) {
    v128.store(q, c1, 16);
    v128.store(sums, f32x4.add(s1, s3), 16);
    v128.store(squares, f32x4.add(v1, v3), 16);
  }
}

/**
 * The tables of group normalisation, from the moments of the pictures' chunks.
 * Unit: one group of one picture.
 */
export function norm_scale_f32(
  tables: usize, moments: usize, gamma: usize, beta: usize, shape: usize, epsilon: f32, from: i32, to: i32,
): void {
  const rows = field(shape, NORM_ROWS);
  const chunk = field(shape, NORM_CHUNK);
  const c = field(shape, NORM_C);
  const groups = field(shape, NORM_GROUPS);
  const copies = field(shape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  const parts = (rows - 1) / chunk + 1;
  const line = <usize>(c * copies) << 2;
  const values = <f64>rows * <f64>copies * <f64>channels;
  for (; from < to; from++) {
    const n = from / groups;
    const first = (from - n * groups) * channels;
    const p = moments + 3 * line * n * parts + (<usize>first << 2);
    const mean = total(false, p, rows, chunk, copies, c, channels, 0) / values;
    const variance = total(true, p, rows, chunk, copies, c, channels, mean) / values;
    const factor = 1 / sqrt(variance + <f64>epsilon);
    const t = tables + 3 * line * n;
    for (let i = first; i < first + channels; i++) {
      const at = <usize>i << 2;
      put(t + at, gamma + at, beta + at, mean, factor, c, copies);
    }
  }
}

/** The sum of a group's values, or of the squares of their distances from `mean`, in double precision. */
export function total(
  square: bool, p: usize, rows: i32, chunk: i32, copies: i32, c: i32, channels: i32, mean: f64,
): f64 {
  const line = <usize>(c * copies) << 2;
  let sum: f64 = 0;
  for (let left = rows; left > 0; left -= chunk) {
    const count = <f64>min(left, chunk);
    let t = p;
    for (let k = 0; k < copies; k++) {
      for (let i = 0; i < channels; i++) {
        const at = t + (<usize>i << 2);
        // Σ (x - mean)² = Σ d² + (centre - mean) · (2 · Σ d + count · (centre - mean)) with d = x - centre
        const centre = <f64>load<f32>(at) - mean;
        const deviation = <f64>load<f32>(at + line);
        if (square) sum += <f64>load<f32>(at + 2 * line) + centre * (2 * deviation + count * centre);
        else sum += count * centre + deviation;
      }
      t += <usize>c << 2;
    }
    p += 3 * line;
  }
  return sum;
}
