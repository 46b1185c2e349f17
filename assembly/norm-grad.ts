// Normalisation in training: statistics that are kept, and gradients. x is [pictures, rows, columns]; a row is a pixel, or
// `copies` of them (see norm.ts). With r = 1 / sqrt(variance + epsilon), over the N values that share a mean:
//   dbeta = Σ dy    dgamma = r · Σ dy · (x - mean)
//   dx = dy · gamma · r - (x - mean) · r³ · Σ gamma · dy · (x - mean) / N - r · Σ gamma · dy / N
// One large kernel makes the sums of chunks of rows, small ones turn them into tables, one large loop applies these.
//
//   sums      [pictures, chunks][dy, dy · (x - centre)][columns]
//   tables    [pictures][centre, a, b, d][columns] of dx = dy · a + (x - centre) · b + d
import { NORM_C, NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS, REDUCE_BLOCK } from "./abi";
import { total } from "./norm";
import { field, load_lanes, madd, store_lanes } from "./simd";

/** Rows that are done some columns at a time: enough to make little of loading the tables, few enough to read along. */
const TURN: i32 = 8;

/** Mean and variance of every group [pictures, c], from the moments of norm_moments_f32. Unit: one group of one picture. */
export function norm_statistics_f32(
  mean: usize, variance: usize, moments: usize, shape: usize, from: i32, to: i32,
): void {
  const rows = field(shape, NORM_ROWS);
  const chunk = field(shape, NORM_CHUNK);
  const c = field(shape, NORM_C);
  const groups = field(shape, NORM_GROUPS);
  const copies = field(shape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  const parts = (rows - 1) / chunk + 1;
  const values = <f64>rows * <f64>copies * <f64>channels;
  for (; from < to; from++) {
    const n = from / groups;
    const first = (from - n * groups) * channels;
    const p = moments + ((<usize>(3 * c * copies) * n * parts + first) << 2);
    const centre = total(false, p, rows, chunk, copies, c, channels, 0) / values;
    const spread = total(true, p, rows, chunk, copies, c, channels, centre) / values;
    for (let i = 0; i < channels; i++) {
      const at = <usize>(n * c + first + i) << 2;
      store<f32>(mean + at, <f32>centre);
      store<f32>(variance + at, <f32>spread);
    }
  }
}

/** running = (1 - momentum) · running + momentum · factor · batch. Unit: one float. */
export function running_average_f32(
  running: usize, batch: usize, momentum: f32, factor: f32, from: i32, to: i32,
): void {
  const share = <f64>momentum;
  for (; from < to; from++) {
    const at = <usize>from << 2;
    const value = <f64>load<f32>(batch + at) * <f64>factor;
    store<f32>(running + at, <f32>((1 - share) * <f64>load<f32>(running + at) + share * value));
  }
}

/**
 * The sums of every column over chunks of rows; centre is [pictures, columns].
 * Unit: REDUCE_BLOCK columns of one chunk: pictures * ceil(rows / chunk) * ceil(columns / REDUCE_BLOCK) in all.
 */
export function norm_grad_sums_f32(
  sums: usize, dy: usize, x: usize, centre: usize, rows: i32, columns: i32, chunk: i32, from: i32, to: i32,
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
    const first = <usize>column << 2;
    let i = line * (<usize>picture * rows + part * chunk) + first;
    let m = centre + line * picture + first;
    let q = sums + 2 * line * cell + first;
    let width = min(REDUCE_BLOCK, columns - column);
    for (; width >= 16; width -= 16, i += 64, m += 64, q += 64) sums_columns(q, dy + i, x + i, m, count, line);
    for (; width > 0; width -= 4, i += 16, m += 16, q += 16)
      sums_column(q, dy + i, x + i, m, count, line, min(width, 4));
  }
}

function sums_columns(q: usize, dy: usize, x: usize, m: usize, rows: i32, line: usize): void {
  column_sums(4, q, dy, x, m, rows, line, 4);
}

function sums_column(q: usize, dy: usize, x: usize, m: usize, rows: i32, line: usize, lanes: i32): void {
  column_sums(1, q, dy, x, m, rows, line, lanes);
}

/** One or four vectors of columns. */
// @ts-ignore: decorator
@inline
function column_sums(vectors: i32, q: usize, dy: usize, x: usize, m: usize, rows: i32, line: usize, lanes: i32): void {
  const m0 = load_lanes(m, lanes);
  let m1 = m0, m2 = m0, m3 = m0;
  if (vectors == 4) {
    m1 = v128.load(m, 16);
    m2 = v128.load(m, 32);
    m3 = v128.load(m, 48);
  }
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let p0 = s0, p1 = s0, p2 = s0, p3 = s0;
  for (; rows > 0; rows--) {
    let d = load_lanes(dy, lanes);
    s0 = f32x4.add(s0, d);
    p0 = madd(d, f32x4.sub(load_lanes(x, lanes), m0), p0);
    if (vectors == 4) {
      d = v128.load(dy, 16);
      s1 = f32x4.add(s1, d);
      p1 = madd(d, f32x4.sub(v128.load(x, 16), m1), p1);
      d = v128.load(dy, 32);
      s2 = f32x4.add(s2, d);
      p2 = madd(d, f32x4.sub(v128.load(x, 32), m2), p2);
      d = v128.load(dy, 48);
      s3 = f32x4.add(s3, d);
      p3 = madd(d, f32x4.sub(v128.load(x, 48), m3), p3);
    }
    dy += line;
    x += line;
  }
  const products = q + line;
  store_lanes(q, s0, lanes);
  store_lanes(products, p0, lanes);
  if (vectors == 4) {
    v128.store(q, s1, 16);
    v128.store(q, s2, 32);
    v128.store(q, s3, 48);
    v128.store(products, p1, 16);
    v128.store(products, p2, 32);
    v128.store(products, p3, 48);
  }
}

/** One line of one channel's sums over chunks and copies, in double precision. */
function channel_sum(p: usize, parts: i32, copies: i32, c: i32): f64 {
  const line = <usize>(c * copies) << 2;
  let sum: f64 = 0;
  for (; parts > 0; parts--) {
    for (let k = 0; k < copies; k++) sum += <f64>load<f32>(p + (<usize>(k * c) << 2));
    p += 2 * line;
  }
  return sum;
}

/** dgamma and dbeta over all pictures; variance is [pictures, c]. Unit: one channel. */
export function norm_grad_channels_f32(
  dgamma: usize, dbeta: usize, sums: usize, variance: usize, shape: usize, pictures: i32, epsilon: f32,
  from: i32, to: i32,
): void {
  const c = field(shape, NORM_C);
  const copies = field(shape, NORM_COPIES);
  const parts = (field(shape, NORM_ROWS) - 1) / field(shape, NORM_CHUNK) + 1;
  const line = <usize>(c * copies) << 2;
  for (; from < to; from++) {
    const at = <usize>from << 2;
    let gain: f64 = 0, shift: f64 = 0;
    let p = sums + at;
    let v = variance + at;
    for (let n = 0; n < pictures; n++) {
      shift += channel_sum(p, parts, copies, c);
      gain += channel_sum(p + line, parts, copies, c) / sqrt(<f64>load<f32>(v) + <f64>epsilon);
      p += 2 * line * parts;
      v += <usize>c << 2;
    }
    store<f32>(dgamma + at, <f32>gain);
    store<f32>(dbeta + at, <f32>shift);
  }
}

/** The tables of dx; mean and variance are [pictures, c]. Unit: one group of one picture. */
export function norm_grad_tables_f32(
  tables: usize, sums: usize, mean: usize, variance: usize, gamma: usize, shape: usize, epsilon: f32,
  from: i32, to: i32,
): void {
  const rows = field(shape, NORM_ROWS);
  const c = field(shape, NORM_C);
  const groups = field(shape, NORM_GROUPS);
  const copies = field(shape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  const parts = (rows - 1) / field(shape, NORM_CHUNK) + 1;
  const line = <usize>(c * copies) << 2;
  const values = <f64>rows * <f64>copies * <f64>channels;
  for (; from < to; from++) {
    const n = from / groups;
    const first = (from - n * groups) * channels;
    const p = sums + 2 * line * n * parts;
    let shift: f64 = 0, product: f64 = 0;
    for (let i = first; i < first + channels; i++) {
      const at = <usize>i << 2;
      const g = <f64>load<f32>(gamma + at);
      shift += g * channel_sum(p + at, parts, copies, c);
      product += g * channel_sum(p + at + line, parts, copies, c);
    }
    const own = <usize>(n * c + first) << 2;
    const r = 1 / sqrt(<f64>load<f32>(variance + own) + <f64>epsilon);
    const b = <f32>(-r * r * r * product / values);
    const d = <f32>(-r * shift / values);
    const centre = load<f32>(mean + own);
    for (let i = first; i < first + channels; i++) {
      const a = <f32>(r * <f64>load<f32>(gamma + (<usize>i << 2)));
      let t = tables + 4 * line * n + (<usize>i << 2);
      for (let k = 0; k < copies; k++) {
        store<f32>(t, centre);
        store<f32>(t + line, a);
        store<f32>(t + 2 * line, b);
        store<f32>(t + 3 * line, d);
        t += <usize>c << 2;
      }
    }
  }
}

/**
 * dx = dy · a + (x - centre) · b + d, a table for every `rows` rows. out may be dy, or x.
 * Unit: one row of `columns` floats.
 */
export function norm_grad_f32(
  out: usize, dy: usize, x: usize, tables: usize, columns: i32, rows: i32, from: i32, to: i32,
): void {
  assert(columns > 0 && rows > 0);
  const line = <usize>columns << 2;
  while (from < to) {
    const table = from / rows;
    const end = min(to, (table + 1) * rows);
    const t = tables + 4 * line * table;
    while (from < end) {
      const count = min(end - from, TURN);
      let i: usize = line * from;
      let k = t;
      let left = columns;
      for (; left >= 8; left -= 8, i += 32, k += 32) grad_columns(out + i, dy + i, x + i, k, line, count);
      for (; left > 0; left -= 4, i += 16, k += 16) grad_column(out + i, dy + i, x + i, k, line, count, min(left, 4));
      from += count;
    }
  }
}

function grad_columns(q: usize, dy: usize, x: usize, t: usize, line: usize, rows: i32): void {
  column_grad(2, q, dy, x, t, line, rows, 4);
}

function grad_column(q: usize, dy: usize, x: usize, t: usize, line: usize, rows: i32, lanes: i32): void {
  column_grad(1, q, dy, x, t, line, rows, lanes);
}

/** One or two vectors of columns. */
// @ts-ignore: decorator
@inline
function column_grad(
  vectors: i32, q: usize, dy: usize, x: usize, t: usize, line: usize, rows: i32, lanes: i32,
): void {
  const as = t + line;
  const bs = as + line;
  const ds = bs + line;
  const c0 = load_lanes(t, lanes), a0 = load_lanes(as, lanes), b0 = load_lanes(bs, lanes), d0 = load_lanes(ds, lanes);
  let c1 = c0, a1 = a0, b1 = b0, d1 = d0;
  if (vectors == 2) c1 = v128.load(t, 16), a1 = v128.load(as, 16), b1 = v128.load(bs, 16), d1 = v128.load(ds, 16);
  for (; rows > 0; rows--) {
    const y0 = madd(f32x4.sub(load_lanes(x, lanes), c0), b0, madd(load_lanes(dy, lanes), a0, d0));
    if (vectors == 2) {
      const y1 = madd(f32x4.sub(v128.load(x, 16), c1), b1, madd(v128.load(dy, 16), a1, d1));
      v128.store(q, y1, 16);
    }
    store_lanes(q, y0, lanes);
    dy += line;
    x += line;
    q += line;
  }
}
