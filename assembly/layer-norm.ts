// Layer normalisation of the rows of x [rows, count]:
//
//   out[i] = (x[i] - mean) / sqrt(variance + epsilon) * gamma[i] + beta[i]        of each row on its own
//
// Sums are taken over blocks in f32 and added up in f64; the variance is that of differences from the mean.
import { load_next, madd, store_next, sum_lanes } from "./simd";

/** Bytes whose sum is taken in f32. */
const BLOCK: usize = 1024;

/**
 * gamma and beta: [count], or 0 for none. mean and inverse take the statistics of each row, 1 / sqrt(variance + epsilon) the latter.
 * Unit: a row.
 */
export function layer_norm_f32(
  out: usize, mean: usize, inverse: usize, x: usize, gamma: usize, beta: usize, count: i32, epsilon: f32,
  from: i32, to: i32,
): void {
  assert(0 <= from && from <= to && count > 0);
  const bytes = <usize>count << 2;
  for (let row = from; row < to; row++) {
    const p = x + <usize>row * bytes;
    const m = <f32>(sum_of(p, bytes, 0, false) / <f64>count);
    // The mean was rounded: what that shifts the differences by comes to far less than their own rounding.
    const variance = sum_of(p, bytes, m, true) / <f64>count;
    const r = <f32>(1.0 / Math.sqrt(variance + <f64>epsilon));
    store<f32>(mean + (<usize>row << 2), m);
    store<f32>(inverse + (<usize>row << 2), r);
    normalise(out + <usize>row * bytes, p, gamma, beta, count, f32x4.splat(m), f32x4.splat(r));
  }
}

/** The sum of x - m, or of its squares. */
function sum_of(p: usize, bytes: usize, m: f32, squares: bool): f64 {
  const centre = f32x4.splat(m);
  const end = p + bytes;
  let sum: f64 = 0;
  while (p + 16 <= end) {
    const stop = min(end, p + BLOCK);
    let a = f32x4.splat(0), b = a;
    if (squares) {
      for (; p + 32 <= stop; p += 32) {
        const u = f32x4.sub(v128.load(p), centre), v = f32x4.sub(v128.load(p, 16), centre);
        a = madd(u, u, a);
        b = madd(v, v, b);
      }
      for (; p + 16 <= stop; p += 16) {
        const u = f32x4.sub(v128.load(p), centre);
        a = madd(u, u, a);
      }
    } else {
      for (; p + 32 <= stop; p += 32) {
        a = f32x4.add(a, v128.load(p));
        b = f32x4.add(b, v128.load(p, 16));
      }
      for (; p + 16 <= stop; p += 16) a = f32x4.add(a, v128.load(p));
    }
    sum += <f64>sum_lanes(f32x4.add(a, b));
  }
  for (; p < end; p += 4) {
    const d = <f64>load<f32>(p) - <f64>m;
    sum += squares ? d * d : d;
  }
  return sum;
}

function normalise(q: usize, p: usize, gamma: usize, beta: usize, count: i32, m: v128, r: v128): void {
  for (; count > 0; count -= 4, q += 16, p += 16) {
    let v = f32x4.mul(f32x4.sub(load_next(p, count), m), r);
    if (gamma) {
      v = f32x4.mul(v, load_next(gamma, count));
      gamma += 16;
    }
    if (beta) {
      v = f32x4.add(v, load_next(beta, count));
      beta += 16;
    }
    store_next(q, v, count);
  }
}
