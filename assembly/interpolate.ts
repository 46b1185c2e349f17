// Interpolation along one axis of x [outer, size, inner], by a table: out [outer, outs, inner] with
//
//   out[o, j, i] = sum over taps t of weights[j][t] · x[o, starts[j] + t, i]
//
// Nearest, linear and cubic interpolation, with and without antialiasing, differ in the table alone. Without weights words are
// copied, whatever they stand for. Where `starts` holds -1, out holds `value`.
import { copy_floats, fill_floats } from "./copy";
import { load_next, madd, splat, store_next } from "./simd";

/** starts: i32[outs]. weights: f32[outs][taps], or 0. Unit: a row of out, (o, j). */
export function interpolate_f32(
  out: usize, x: usize, starts: usize, weights: usize, taps: i32, size: i32, outs: i32, inner: i32, value: f32,
  from: i32, to: i32,
): void {
  assert(0 <= from && from <= to && taps > 0 && taps <= size && (weights != 0 || taps == 1));
  const bytes = <usize>inner << 2;
  let q = out + <usize>from * bytes;
  for (let row = from; row < to; row++, q += bytes) {
    const o = row / outs, j = row - o * outs;
    const start = load<i32>(starts + (<usize>j << 2));
    assert(start < 0 || start + taps <= size, "taps inside x");
    const p = x + (<usize>o * <usize>size + <usize>start) * bytes;
    if (start < 0) fill_floats(q, value, inner);
    else if (weights == 0) copy_floats(q, p, inner);
    else if (inner == 1) store<f32>(q, dot(p, weights + (<usize>(j * taps) << 2), taps));
    else mix_rows(q, p, weights + (<usize>(j * taps) << 2), taps, inner);
  }
}

function dot(p: usize, w: usize, taps: i32): f32 {
  let sum: f32 = 0;
  for (; taps > 0; taps--, p += 4, w += 4) sum += load<f32>(p) * load<f32>(w);
  return sum;
}

function mix_rows(q: usize, p: usize, weights: usize, taps: i32, inner: i32): void {
  const bytes = <usize>inner << 2;
  let left = inner;
  for (; left >= 8; left -= 8, q += 32, p += 32) {
    let a = f32x4.splat(0), b = a;
    let t = p, w = weights;
    for (let k = taps; k > 0; k--, t += bytes, w += 4) {
      const weight = splat(w);
      a = madd(v128.load(t), weight, a);
      b = madd(v128.load(t, 16), weight, b);
    }
    v128.store(q, a);
    v128.store(q, b, 16);
  }
  for (; left > 0; left -= 4, q += 16, p += 16) {
    let a = f32x4.splat(0);
    let t = p, w = weights;
    for (let k = taps; k > 0; k--, t += bytes, w += 4) a = madd(load_next(t, left), splat(w), a);
    store_next(q, a, left);
  }
}
