// Normalisation: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, brought to y = x * scale + shift
// with a scale and a shift per channel. Small kernels make these tables, one large loop applies them.
// Statistics of one group in one picture: reduce_sum_f32 and reduce_square_f32 add up every channel in chunks
// of pixels; the kernels here add up chunks and channels in double precision.
import { NORM_C, NORM_COPIES, NORM_GROUPS, NORM_PARTS, NORM_PIXELS } from "./abi";
import { field, load_tail, madd, store_tail } from "./simd";

/**
 * out[r, i] = x[r, i] * scale[t, i] + shift[t, i] with t = floor(r / rows): a table serves `rows` rows.
 * out may be x.
 * Unit: one row of c floats.
 */
export function channel_affine_f32(
  out: usize, x: usize, scale: usize, shift: usize, c: i32, rows: i32, from: i32, to: i32,
): void {
  assert(c > 0 && rows > 0);
  const row = <usize>c << 2;
  while (from < to) {
    const table = from / rows;
    const end = min(to, (table + 1) * rows);
    const s = scale + row * table;
    const b = shift + row * table;
    for (; from + 4 <= end; from += 4) affine_four_rows(out + row * from, x + row * from, s, b, c);
    for (; from < end; from++) affine_row(out + row * from, x + row * from, s, b, c);
  }
}

function affine_row(q: usize, p: usize, s: usize, b: usize, c: i32): void {
  for (; c >= 4; c -= 4) {
    v128.store(q, madd(v128.load(p), v128.load(s), v128.load(b)));
    q += 16;
    p += 16;
    s += 16;
    b += 16;
  }
  if (c) store_tail(q, madd(load_tail(p, c), load_tail(s, c), load_tail(b, c)), c);
}

function affine_four_rows(q: usize, p: usize, s: usize, b: usize, c: i32): void {
  const row = <usize>c << 2;
  for (; c >= 4; c -= 4) {
    const scale = v128.load(s);
    const shift = v128.load(b);
    v128.store(q, madd(v128.load(p), scale, shift));
    v128.store(q + row, madd(v128.load(p + row), scale, shift));
    v128.store(q + 2 * row, madd(v128.load(p + 2 * row), scale, shift));
    v128.store(q + 3 * row, madd(v128.load(p + 3 * row), scale, shift));
    q += 16;
    p += 16;
    s += 16;
    b += 16;
  }
  if (c) {
    const scale = load_tail(s, c);
    const shift = load_tail(b, c);
    for (let k = 0; k < 4; k++) {
      store_tail(q, madd(load_tail(p, c), scale, shift), c);
      q += row;
      p += row;
    }
  }
}

/**
 * The tables of batch normalisation, `copies` times one after another:
 * scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale. Unit: one channel.
 */
export function batch_norm_scale_f32(
  scale: usize, shift: usize, gamma: usize, beta: usize, mean: usize, variance: usize,
  c: i32, copies: i32, epsilon: f32, from: i32, to: i32,
): void {
  for (; from < to; from++) {
    const i = <usize>from << 2;
    const factor = 1 / sqrt(<f64>load<f32>(variance + i) + <f64>epsilon);
    put(scale + i, shift + i, gamma + i, beta + i, <f64>load<f32>(mean + i), factor, c, copies);
  }
}

/** One channel of the tables. */
// @ts-ignore: decorator
@inline
function put(
  scale: usize, shift: usize, gamma: usize, beta: usize, mean: f64, factor: f64, c: i32, copies: i32,
): void {
  const s = <f32>(<f64>load<f32>(gamma) * factor);
  // From the rounded scale, so that x = mean gives beta.
  const b = <f32>(<f64>load<f32>(beta) - mean * <f64>s);
  for (let k = 0; k < copies; k++) {
    store<f32>(scale, s);
    store<f32>(shift, b);
    scale += <usize>c << 2;
    shift += <usize>c << 2;
  }
}

/** The sum of [parts, channels], rows c floats apart, in double precision. */
// @ts-ignore: decorator
@inline
function total(p: usize, parts: i32, channels: i32, c: i32): f64 {
  let sum: f64 = 0;
  for (let k = 0; k < parts; k++) {
    for (let i = 0; i < channels; i++) sum += <f64>load<f32>(p + (<usize>i << 2));
    p += <usize>c << 2;
  }
  return sum;
}

/**
 * mean[n, i] = the mean of the group of channel i, from sums [n, parts, c] over pictures of `pixels` pixels.
 * Unit: one group of one picture.
 */
export function norm_mean_f32(
  mean: usize, sums: usize, parts: i32, pixels: i32, c: i32, groups: i32, from: i32, to: i32,
): void {
  assert(c % groups == 0);
  const channels = c / groups;
  for (; from < to; from++) {
    const n = from / groups;
    const first = (from - n * groups) * channels;
    const sum = total(sums + ((<usize>n * parts * c + first) << 2), parts, channels, c);
    const value = <f32>(sum / (<f64>pixels * <f64>channels));
    const p = mean + ((<usize>n * c + first) << 2);
    for (let i = 0; i < channels; i++) store<f32>(p + (<usize>i << 2), value);
  }
}

/**
 * The tables [n, copies, c] of group normalisation, from means [n, c] and sums of squares [n, parts, c].
 * Unit: one group of one picture.
 */
export function norm_scale_f32(
  scale: usize, shift: usize, squares: usize, mean: usize, gamma: usize, beta: usize,
  shape: usize, epsilon: f32, from: i32, to: i32,
): void {
  const parts = field(shape, NORM_PARTS);
  const pixels = field(shape, NORM_PIXELS);
  const c = field(shape, NORM_C);
  const groups = field(shape, NORM_GROUPS);
  const copies = field(shape, NORM_COPIES);
  assert(c % groups == 0);
  const channels = c / groups;
  for (; from < to; from++) {
    const n = from / groups;
    const first = (from - n * groups) * channels;
    const sum = total(squares + ((<usize>n * parts * c + first) << 2), parts, channels, c);
    const factor = 1 / sqrt(sum / (<f64>pixels * <f64>channels) + <f64>epsilon);
    const centre = <f64>load<f32>(mean + ((<usize>n * c + first) << 2));
    for (let i = first; i < first + channels; i++) {
      const at = <usize>i << 2;
      const table = (<usize>n * copies * c + i) << 2;
      put(scale + table, shift + table, gamma + at, beta + at, centre, factor, c, copies);
    }
  }
}
