// Gradients of normalisation, and the statistics that training keeps. Layouts as in norm.ts: x and dy are [slices, rows,
// columns]. With r = 1 / sqrt(variance + epsilon) and sums over the N values that share a mean:
//
//   dbeta = Σ dy      dgamma = r * Σ dy * (x - mean)
//   dx = dy * gamma * r - (x - mean) * r³ * Σ(gamma * dy * (x - mean)) / N - r * Σ(gamma * dy) / N
//
// norm_grad_sums_f32 makes the sums of chunks of rows; from these norm_grad_channels_f32 makes dgamma and dbeta, and
// norm_grad_tables_f32 the tables with which norm_grad_f32 makes dx:
//
//   sums      [slices, chunks][Σ dy, Σ dy * (x - centre)][columns]
//   tables    [slices][centre, a, b, d][columns]    dx = dy * a + (x - centre) * b + d
import { NORM_C, NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS, REDUCE_BLOCK } from "./abi";
import { group_mean, group_variance } from "./norm";
import { field, load_lanes, madd, store_lanes } from "./simd";

/** Rows per pass over the columns: enough to amortise loading the tables, few enough for the prefetcher to follow. */
const PASS: i32 = 8;

/** Mean and variance of every group, [slices, c] each, from the moments of norm_moments_f32. Unit: one group of one slice. */
export function norm_statistics_f32(
  mean: usize, variance: usize, moments: usize, normShape: usize, from: i32, to: i32,
): void {
  const c = field(normShape, NORM_C);
  const groups = field(normShape, NORM_GROUPS);
  const channels = c / groups;
  for (; from < to; from++) {
    const slice = from / groups;
    const first = (from - slice * groups) * channels;
    const group = group_mean(moments, normShape, slice, first);
    const spread = group_variance(moments, normShape, slice, first, group);
    for (let i = 0; i < channels; i++) {
      const offset = <usize>(slice * c + first + i) << 2;
      store<f32>(mean + offset, <f32>group);
      store<f32>(variance + offset, <f32>spread);
    }
  }
}

/** running = (1 - momentum) * running + momentum * factor * batch, 0 where that is no normal number. Unit: one float. */
export function running_average_f32(
  running: usize, batch: usize, momentum: f32, factor: f32, from: i32, to: i32,
): void {
  const share = <f64>momentum;
  for (; from < to; from++) {
    const offset = <usize>from << 2;
    const value = <f64>load<f32>(batch + offset) * <f64>factor;
    const average = <f32>((1 - share) * <f64>load<f32>(running + offset) + share * value);
    store<f32>(running + offset, abs(average) < f32.MIN_NORMAL_VALUE ? 0 : average);
  }
}

/**
 * The sums of every column over chunks of rows; centre is [slices, columns].
 * Unit: REDUCE_BLOCK columns of one chunk: slices * ceil(rows / chunk) * ceil(columns / REDUCE_BLOCK) in all.
 */
export function norm_grad_sums_f32(
  sums: usize, dy: usize, x: usize, centre: usize, rows: i32, columns: i32, chunk: i32, from: i32, to: i32,
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
    const first = <usize>column << 2;
    let i = row_bytes * (<usize>slice * rows + part * chunk) + first;
    let m = centre + row_bytes * slice + first;
    let q = sums + 2 * row_bytes * index + first;
    let left = min(REDUCE_BLOCK, columns - column);
    for (; left >= 16; left -= 16, i += 64, m += 64, q += 64) sums_block(q, dy + i, x + i, m, count, row_bytes);
    for (; left > 0; left -= 4, i += 16, m += 16, q += 16)
      sums_vector(q, dy + i, x + i, m, count, row_bytes, min(left, 4));
  }
}

function sums_block(q: usize, dy: usize, x: usize, m: usize, rows: i32, row_bytes: usize): void {
  sums_columns(4, q, dy, x, m, rows, row_bytes, 4);
}

function sums_vector(q: usize, dy: usize, x: usize, m: usize, rows: i32, row_bytes: usize, lanes: i32): void {
  sums_columns(1, q, dy, x, m, rows, row_bytes, lanes);
}

/** One or four vectors of columns. */
// @ts-ignore: decorator
@inline
function sums_columns(
  vectors: i32, q: usize, dy: usize, x: usize, m: usize, rows: i32, row_bytes: usize, lanes: i32,
): void {
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
    dy += row_bytes;
    x += row_bytes;
  }
  const products = q + row_bytes;
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

/** The sum of one channel over chunks and copies, in double precision; `p` is the channel in its line of the first chunk. */
function channel_sum(p: usize, chunks: i32, copies: i32, c: i32): f64 {
  const row_bytes = <usize>(c * copies) << 2;
  let sum: f64 = 0;
  for (; chunks > 0; chunks--) {
    for (let copy = 0; copy < copies; copy++) sum += <f64>load<f32>(p + (<usize>(copy * c) << 2));
    p += 2 * row_bytes;
  }
  return sum;
}

/** dgamma and dbeta, summed over all slices; variance is [slices, c]. Unit: one channel. */
export function norm_grad_channels_f32(
  dgamma: usize, dbeta: usize, sums: usize, variance: usize, normShape: usize, slices: i32, epsilon: f32, from: i32,
  to: i32,
): void {
  const c = field(normShape, NORM_C);
  const copies = field(normShape, NORM_COPIES);
  const chunks = (field(normShape, NORM_ROWS) - 1) / field(normShape, NORM_CHUNK) + 1;
  const row_bytes = <usize>(c * copies) << 2;
  for (; from < to; from++) {
    const offset = <usize>from << 2;
    let gain: f64 = 0, shift: f64 = 0;
    let p = sums + offset;
    let v = variance + offset;
    for (let slice = 0; slice < slices; slice++) {
      shift += channel_sum(p, chunks, copies, c);
      gain += channel_sum(p + row_bytes, chunks, copies, c) / sqrt(<f64>load<f32>(v) + <f64>epsilon);
      p += 2 * row_bytes * chunks;
      v += <usize>c << 2;
    }
    store<f32>(dgamma + offset, <f32>gain);
    store<f32>(dbeta + offset, <f32>shift);
  }
}

/** The tables of dx; mean and variance are [slices, c]. Unit: one group of one slice. */
export function norm_grad_tables_f32(
  tables: usize, sums: usize, mean: usize, variance: usize, gamma: usize, normShape: usize, epsilon: f32, from: i32,
  to: i32,
): void {
  const rows = field(normShape, NORM_ROWS);
  const c = field(normShape, NORM_C);
  const groups = field(normShape, NORM_GROUPS);
  const copies = field(normShape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  const chunks = (rows - 1) / field(normShape, NORM_CHUNK) + 1;
  const row_bytes = <usize>(c * copies) << 2;
  const values = <f64>rows * <f64>copies * <f64>channels;
  for (; from < to; from++) {
    const slice = from / groups;
    const first = (from - slice * groups) * channels;
    const p = sums + 2 * row_bytes * slice * chunks;
    let shift: f64 = 0, product: f64 = 0;
    for (let i = first; i < first + channels; i++) {
      const offset = <usize>i << 2;
      const g = <f64>load<f32>(gamma + offset);
      shift += g * channel_sum(p + offset, chunks, copies, c);
      product += g * channel_sum(p + offset + row_bytes, chunks, copies, c);
    }
    const group = <usize>(slice * c + first) << 2;
    const r = 1 / sqrt(<f64>load<f32>(variance + group) + <f64>epsilon);
    const b = <f32>(-r * r * r * product / values);
    const d = <f32>(-r * shift / values);
    const centre = load<f32>(mean + group);
    for (let i = first; i < first + channels; i++) {
      const a = <f32>(r * <f64>load<f32>(gamma + (<usize>i << 2)));
      let t = tables + 4 * row_bytes * slice + (<usize>i << 2);
      for (let copy = 0; copy < copies; copy++) {
        store<f32>(t, centre);
        store<f32>(t + row_bytes, a);
        store<f32>(t + 2 * row_bytes, b);
        store<f32>(t + 3 * row_bytes, d);
        t += <usize>c << 2;
      }
    }
  }
}

/**
 * out = dy * a + (x - centre) * b + d; each table serves `rows` rows. out may be dy, or x.
 * Unit: one row of `columns` floats.
 */
export function norm_grad_f32(
  out: usize, dy: usize, x: usize, tables: usize, columns: i32, rows: i32, from: i32, to: i32,
): void {
  assert(columns > 0 && rows > 0);
  const row_bytes = <usize>columns << 2;
  while (from < to) {
    const table = from / rows;
    const end = min(to, (table + 1) * rows);
    while (from < end) {
      const count = min(end - from, PASS);
      let i: usize = row_bytes * from;
      let t = tables + 4 * row_bytes * table;
      let left = columns;
      for (; left >= 8; left -= 8, i += 32, t += 32) grad_pair(out + i, dy + i, x + i, t, row_bytes, count);
      for (; left > 0; left -= 4, i += 16, t += 16)
        grad_vector(out + i, dy + i, x + i, t, row_bytes, count, min(left, 4));
      from += count;
    }
  }
}

function grad_pair(q: usize, dy: usize, x: usize, t: usize, row_bytes: usize, rows: i32): void {
  grad_columns(2, q, dy, x, t, row_bytes, rows, 4);
}

function grad_vector(q: usize, dy: usize, x: usize, t: usize, row_bytes: usize, rows: i32, lanes: i32): void {
  grad_columns(1, q, dy, x, t, row_bytes, rows, lanes);
}

/** One or two vectors of columns. */
// @ts-ignore: decorator
@inline
function grad_columns(
  vectors: i32, q: usize, dy: usize, x: usize, t: usize, row_bytes: usize, rows: i32, lanes: i32,
): void {
  const as = t + row_bytes;
  const bs = as + row_bytes;
  const ds = bs + row_bytes;
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
    dy += row_bytes;
    x += row_bytes;
    q += row_bytes;
  }
}
