// The place of the largest value along one stretch of axes: x is [outer, reduce, inner], dense, out [outer, inner] of i32.
//   out[o, i] = the smallest r whose x[o, r, i] is the largest
import { ARGMAX_BLOCK } from "./abi";
import { high_halves, high_pairs, load_lanes, load_piece, low_halves, low_pairs, splat, store_lanes } from "./simd";

const MINUS_INFINITY: usize = memory.data<f32>([-Infinity]);
const ONE: usize = memory.data<i32>([1]);

/** Where x beats `best`: it is larger, or it is the first NaN. */
// @ts-ignore: decorator
@inline
function beats(x: v128, best: v128): v128 {
  return v128.andnot(f32x4.eq(best, best), f32x4.le(x, best));
}

/**
 * out[o, i] = the smallest r whose x[o, r, i] is the largest (a NaN is larger than any number), as i32.
 * Unit: a row where inner = 1; else ARGMAX_BLOCK columns: outer * ceil(inner / ARGMAX_BLOCK) in all.
 */
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
    const here = i32x4.splat(r);
    let x = load_lanes(p, count);
    let wins = beats(x, b0);
    b0 = v128.bitselect(x, b0, wins);
    i0 = v128.bitselect(here, i0, wins);
    if (vectors == 4) {
      x = v128.load(p, 16);
      wins = beats(x, b1);
      b1 = v128.bitselect(x, b1, wins);
      i1 = v128.bitselect(here, i1, wins);
      x = v128.load(p, 32);
      wins = beats(x, b2);
      b2 = v128.bitselect(x, b2, wins);
      i2 = v128.bitselect(here, i2, wins);
      x = v128.load(p, 48);
      wins = beats(x, b3);
      b3 = v128.bitselect(x, b3, wins);
      i3 = v128.bitselect(here, i3, wins);
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
 * Up to four contiguous rows, a lane for each. Where there are fewer, the last stands for those that are missing.
 * Rows end in -Infinity, which beats nothing.
 */
function argmax_rows(q: usize, p: usize, n: i32, rows: i32): void {
  const row = <usize>n << 2;
  const two = rows > 1 ? row : 0;
  const three = rows > 2 ? row << 1 : two;
  const four = rows > 3 ? row + (row << 1) : three;
  const one = splat(ONE);
  let best = splat(MINUS_INFINITY);
  let place = i32x4.splat(0);
  for (let left = n; left > 0; left -= 4) {
    const a = load_piece(p, left), b = load_piece(p + two, left);
    const c = load_piece(p + three, left), d = load_piece(p + four, left);
    const ab = low_pairs(a, b), cd = low_pairs(c, d);
    const ab_high = high_pairs(a, b), cd_high = high_pairs(c, d);
    // The four columns among themselves first: one comparison of four has to wait for the last block's.
    let x = low_halves(ab, cd);
    let y = high_halves(ab, cd);
    let wins = beats(y, x);
    x = v128.bitselect(y, x, wins);
    let at = v128.and(wins, one);
    y = low_halves(ab_high, cd_high);
    const z = high_halves(ab_high, cd_high);
    wins = beats(z, y);
    y = v128.bitselect(z, y, wins);
    const at_y = i32x4.sub(i32x4.add(one, one), wins);
    wins = beats(y, x);
    x = v128.bitselect(y, x, wins);
    at = i32x4.add(v128.bitselect(at_y, at, wins), i32x4.splat(n - left));
    wins = beats(x, best);
    best = v128.bitselect(x, best, wins);
    place = v128.bitselect(at, place, wins);
    p += 16;
  }
  store_lanes(q, place, min(rows, 4));
}
