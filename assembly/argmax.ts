// The place of the largest value along one stretch of axes: x is [outer, reduce, inner], dense, out [outer, inner] of i32.
//   out[o, i] = the smallest r whose x[o, r, i] is the largest
import { ARGMAX_BLOCK } from "./abi";
import { load_lanes, store_lanes } from "./simd";

const FIRST_FOUR: usize = memory.data<i32>([0, 1, 2, 3]);

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
    for (; from < to; from++)
      store<i32>(out + (<usize>from << 2), argmax_row(x + (<usize>from * reduce << 2), reduce));
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

/** A contiguous row, four places at a time. */
function argmax_row(p: usize, rows: i32): i32 {
  let value = load<f32>(p);
  let winner = 0;
  let r = 0;
  if (rows >= 4) {
    let place = v128.load(FIRST_FOUR);
    let best = v128.load(p);
    let here = place;
    const four = i32x4.splat(4);
    for (r = 4; r + 4 <= rows; r += 4) {
      here = i32x4.add(here, four);
      const x = v128.load(p + (<usize>r << 2));
      const wins = beats(x, best);
      best = v128.bitselect(x, best, wins);
      place = v128.bitselect(here, place, wins);
    }
    // The largest of the four; among equals the smallest place.
    value = f32x4.extract_lane(best, 0);
    winner = i32x4.extract_lane(place, 0);
    for (let lane = 1; lane < 4; lane++) {
      best = v128.shuffle<f32>(best, best, 1, 2, 3, 0);
      place = v128.shuffle<f32>(place, place, 1, 2, 3, 0);
      const v = f32x4.extract_lane(best, 0);
      const i = i32x4.extract_lane(place, 0);
      const equal = v == value || (v != v && value != value);
      if (equal ? i < winner : !(v <= value) && value == value) {
        value = v;
        winner = i;
      }
    }
  }
  for (; r < rows; r++) {
    const v = load<f32>(p + (<usize>r << 2));
    if (!(v <= value) && value == value) {
      value = v;
      winner = r;
    }
  }
  return winner;
}
