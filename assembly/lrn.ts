// Local response normalisation across the channels of each pixel:
//
//   out[c] = x[c] / (bias + alpha · sum over c - before <= k <= c + after of x[k]²)^beta        channels outside count as 0
import { exp_f32x4, log_f32x4 } from "./exp";
import { load_next, madd, store_next } from "./simd";

/** x and out are dense pixels of c channels. Unit: a pixel. */
export function lrn_f32(
  out: usize, x: usize, c: i32, before: i32, after: i32, alpha: f32, beta: f32, bias: f32, from: i32, to: i32,
): void {
  assert(0 <= from && from <= to && c > 0 && before >= 0 && after >= 0);
  const a = f32x4.splat(alpha), b = f32x4.splat(bias);
  for (let pixel = from; pixel < to; pixel++) {
    const p = x + (<usize>pixel * <usize>c << 2), q = out + (<usize>pixel * <usize>c << 2);
    for (let i = 0; i < c; ) {
      const to = q + (<usize>i << 2);
      if (i < before || i + 4 + after > c) {
        store<f32>(to, bias + alpha * edge(p, i, c, before, after));
        i++;
        continue;
      }
      let t = p + (<usize>(i - before) << 2);
      let sum = f32x4.splat(0);
      for (let k = before + after; k >= 0; k--, t += 4) {
        const v = v128.load(t);
        sum = madd(v, v, sum);
      }
      v128.store(to, madd(sum, a, b));
      i += 4;
    }
    if (beta == 0.75) divide_by_root(q, p, c);
    else divide_by_power(q, p, c, beta);
  }
}

/** The sum of squares about channel i, near the first or the last. */
function edge(p: usize, i: i32, c: i32, before: i32, after: i32): f32 {
  let sum: f32 = 0;
  const last = after < c - i ? i + after : c - 1;
  for (let k = max(i - before, 0); k <= last; k++) {
    const v = load<f32>(p + (<usize>k << 2));
    sum += v * v;
  }
  return sum;
}

/** q = p / q^(3/4) */
function divide_by_root(q: usize, p: usize, c: i32): void {
  for (; c > 0; c -= 4, q += 16, p += 16) {
    const root = f32x4.sqrt(load_next(q, c));
    store_next(q, f32x4.div(load_next(p, c), f32x4.mul(root, f32x4.sqrt(root))), c);
  }
}

/** q = p · q^-beta */
function divide_by_power(q: usize, p: usize, c: i32, beta: f32): void {
  const power = f32x4.splat(-beta);
  for (; c > 0; c -= 4, q += 16, p += 16) {
    const factor = exp_f32x4(f32x4.mul(log_f32x4(load_next(q, c)), power));
    store_next(q, f32x4.mul(load_next(p, c), factor), c);
  }
}
