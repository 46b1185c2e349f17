// Gradients of softmax and log softmax along an axis, from the output y: all are [outer, reduce, inner], dense.
//
//   softmax       out = y · (dy - s)        s = Σ dy · y over the axis
//   log softmax   out = dy - exp(y) · s     s = Σ dy over the axis
//
// out may be dy, or y.
// Unit: a row where inner = 1; else SOFTMAX_BLOCK columns: outer * ceil(inner / SOFTMAX_BLOCK) in all.
import { SOFTMAX_BLOCK } from "./abi";
import { exp_negative_f32x4 } from "./exp";
import { load_next, madd, store_next, sum_lanes } from "./simd";

// Floats of a row whose sum is added to the sum of the row at once: keeps the rounding error of long rows small.
const SECTION: i32 = 2048;

// `log` is a run-time parameter: a branch per vector costs next to nothing.

export function softmax_grad_f32(
  out: usize, dy: usize, y: usize, reduce: i32, inner: i32, log: i32, from: i32, to: i32,
): void {
  assert(reduce > 0 && inner > 0);
  if (inner == 1) {
    const row = <usize>reduce << 2;
    for (; from < to; from++) one_row(log, out + row * from, dy + row * from, y + row * from, reduce);
    return;
  }
  const blocks = (inner - 1) / SOFTMAX_BLOCK + 1;
  const stride = <usize>inner << 2;
  for (; from < to; from++) {
    const o = from / blocks;
    const first = (from - o * blocks) * SOFTMAX_BLOCK;
    let left = min(SOFTMAX_BLOCK, inner - first);
    let i = stride * o * reduce + (<usize>first << 2);
    for (; left > 0; left -= 4, i += 16) column(log, out + i, dy + i, y + i, reduce, stride, left);
  }
}

/** `sum` plus the terms of one vector. */
// @ts-ignore: decorator
@inline
function add_term(log: i32, sum: v128, dy: v128, y: v128): v128 {
  return log ? f32x4.add(sum, dy) : madd(dy, y, sum);
}

// @ts-ignore: decorator
@inline
function result(log: i32, dy: v128, y: v128, sum: v128): v128 {
  return log ? f32x4.sub(dy, f32x4.mul(exp_negative_f32x4(y), sum)) : f32x4.mul(y, f32x4.sub(dy, sum));
}

function one_row(log: i32, q: usize, dy: usize, y: usize, n: i32): void {
  let row_sum = f32x4.splat(0);
  let left = n;
  let i: usize = 0;
  while (left >= 8) {
    let a = f32x4.splat(0), b = a;
    const rest = left > SECTION ? left - SECTION : left & 7;
    for (; left > rest; left -= 8, i += 32) {
      a = add_term(log, a, v128.load(dy + i), v128.load(y + i));
      b = add_term(log, b, v128.load(dy + i, 16), v128.load(y + i, 16));
    }
    row_sum = f32x4.add(row_sum, f32x4.add(a, b));
  }
  for (; left > 0; left -= 4, i += 16)
    row_sum = add_term(log, row_sum, load_next(dy + i, left), load_next(y + i, left));
  const sum = f32x4.splat(sum_lanes(row_sum));
  i = 0;
  for (; n >= 4; n -= 4, i += 16) v128.store(q + i, result(log, v128.load(dy + i), v128.load(y + i), sum));
  if (n) store_next(q + i, result(log, load_next(dy + i, n), load_next(y + i, n), sum), n);
}

/** One to four columns. */
function column(log: i32, q: usize, dy: usize, y: usize, rows: i32, stride: usize, lanes: i32): void {
  let sum = f32x4.splat(0);
  let i: usize = 0;
  for (let r = rows; r > 0; r--, i += stride)
    sum = add_term(log, sum, load_next(dy + i, lanes), load_next(y + i, lanes));
  i = 0;
  for (let r = rows; r > 0; r--, i += stride)
    store_next(q + i, result(log, load_next(dy + i, lanes), load_next(y + i, lanes), sum), lanes);
}
