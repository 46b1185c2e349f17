// The index of the maximum along an axis: x is [outer, reduce, inner], dense, and out [outer, inner] of i32.
//
//   out[o, i] = the smallest r for which x[o, r, i] is the maximum over r; a NaN is greater than any number
//
// Unit: a row where inner = 1; else ARGMAX_BLOCK columns: outer * ceil(inner / ARGMAX_BLOCK) in all.
import { ARGMAX_BLOCK } from "./abi";
import { high_halves, high_pairs, load_lanes, load_piece, low_halves, low_pairs, splat, store_lanes } from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);
const ONE: usize = memory.data<i32>([1]);

/** Where x replaces `best`: it is greater, or the first NaN. */
// @ts-ignore: decorator
@inline
function exceeds(x: v128, best: v128): v128 {
  return v128.andnot(f32x4.eq(best, best), f32x4.le(x, best));
}

export function argmax_f32(out: usize, x: usize, reduce: i32, inner: i32, from: i32, to: i32): void {
  assert(reduce > 0 && inner > 0);
  if (inner == 1) {
    for (; from < to; from += 4)
      argmax_rows(out + (<usize>from << 2), x + (<usize>from * reduce << 2), reduce, to - from);
    return;
  }
  const blocks = (inner - 1) / ARGMAX_BLOCK + 1;
  const stride = <usize>inner << 2;
  for (; from < to; from++) {
    const o = from / blocks;
    const first = (from - o * blocks) * ARGMAX_BLOCK;
    let p = x + stride * o * reduce + (<usize>first << 2);
    let q = out + stride * o + (<usize>first << 2);
    let left = inner - first;
    if (left >= ARGMAX_BLOCK) argmax_block(q, p, reduce, stride);
    else
      for (; left > 0; left -= 4) {
        argmax_column(q, p, reduce, stride, min(4, left));
        p += 16;
        q += 16;
      }
  }
}

function argmax_block(q: usize, p: usize, rows: i32, stride: usize): void {
  argmax_columns(4, 4, q, p, rows, stride);
}

function argmax_column(q: usize, p: usize, rows: i32, stride: usize, count: i32): void {
  argmax_columns(1, count, q, p, rows, stride);
}

/** One or four vectors of `count` columns. */
// @ts-ignore: decorator
@inline
function argmax_columns(vectors: i32, count: i32, q: usize, p: usize, rows: i32, stride: usize): void {
  let b0 = load_lanes(p, count), b1 = b0, b2 = b0, b3 = b0;
  if (vectors == 4) {
    b1 = v128.load(p, 16);
    b2 = v128.load(p, 32);
    b3 = v128.load(p, 48);
  }
  let i0 = i32x4.splat(0), i1 = i0, i2 = i0, i3 = i0;
  for (let r = 1; r < rows; r++) {
    p += stride;
    const index = i32x4.splat(r);
    let x = load_lanes(p, count);
    let greater = exceeds(x, b0);
    b0 = v128.bitselect(x, b0, greater);
    i0 = v128.bitselect(index, i0, greater);
    if (vectors == 4) {
      x = v128.load(p, 16);
      greater = exceeds(x, b1);
      b1 = v128.bitselect(x, b1, greater);
      i1 = v128.bitselect(index, i1, greater);
      x = v128.load(p, 32);
      greater = exceeds(x, b2);
      b2 = v128.bitselect(x, b2, greater);
      i2 = v128.bitselect(index, i2, greater);
      x = v128.load(p, 48);
      greater = exceeds(x, b3);
      b3 = v128.bitselect(x, b3, greater);
      i3 = v128.bitselect(index, i3, greater);
    }
  }
  store_lanes(q, i0, count);
  if (vectors == 4) {
    v128.store(q, i1, 16);
    v128.store(q, i2, 32);
    v128.store(q, i3, 48);
  }
}

/**
 * Up to four contiguous rows at once, with one lane each; where there are fewer, the last is read again for those that are
 * missing. Partial vectors are padded with -Infinity, which exceeds nothing.
 */
function argmax_rows(q: usize, p: usize, n: i32, rows: i32): void {
  const row = <usize>n << 2;
  const two = rows > 1 ? row : 0;
  const three = rows > 2 ? row << 1 : two;
  const four = rows > 3 ? row + (row << 1) : three;
  const one = splat(ONE);
  let best = splat(MINUS_INFINITY);
  let index = i32x4.splat(0);
  for (let left = n; left > 0; left -= 4) {
    const a = load_piece(p, left), b = load_piece(p + two, left);
    const c = load_piece(p + three, left), d = load_piece(p + four, left);
    const ab = low_pairs(a, b), cd = low_pairs(c, d);
    const ab_high = high_pairs(a, b), cd_high = high_pairs(c, d);
    // The four columns are compared with each other first, so that one comparison alone depends on the last block.
    let x = low_halves(ab, cd);
    let y = high_halves(ab, cd);
    let greater = exceeds(y, x);
    x = v128.bitselect(y, x, greater);
    let index_x = v128.and(greater, one);
    y = low_halves(ab_high, cd_high);
    const z = high_halves(ab_high, cd_high);
    greater = exceeds(z, y);
    y = v128.bitselect(z, y, greater);
    const index_y = i32x4.sub(i32x4.add(one, one), greater);
    greater = exceeds(y, x);
    x = v128.bitselect(y, x, greater);
    index_x = i32x4.add(v128.bitselect(index_y, index_x, greater), i32x4.splat(n - left));
    greater = exceeds(x, best);
    best = v128.bitselect(x, best, greater);
    index = v128.bitselect(index_x, index, greater);
    p += 16;
  }
  store_lanes(q, index, min(rows, 4));
}
