// Sums, products and extremes along an axis that reduce.ts does not have: of integers, and running ones; and where the extremes lie,
// of integers, or the last of equals. x is [outer, reduce, inner], dense; results have the shape of x, or [outer, inner].
// Unit: FOLD_BLOCK columns: outer * ceil(inner / FOLD_BLOCK) in all.
import {
  EXTREME_INT, EXTREME_LAST, EXTREME_MIN, FOLD_BEFORE, FOLD_BLOCK, FOLD_INT_MAX, FOLD_INT_MIN, FOLD_INT_PROD,
  FOLD_INT_SUM, FOLD_LAST, FOLD_PROD, FOLD_SUM,
} from "./abi-math";
import { load_next, splat, store_next } from "./simd";

const IDENTITIES: usize = memory.data<i32>([
  // 0 and 1 as floats, then as integers; the least and the largest integer
  0, 0x3f800000, 0, 1, <i32>0x80000000, 0x7fffffff,
]);
const QUIET: usize = memory.data<i32>([0x7fffffff]);

// @ts-ignore: decorator
@inline
function merge(kind: i32, a: v128, b: v128): v128 {
  switch (kind) {
    case FOLD_SUM: return f32x4.add(a, b);
    case FOLD_PROD: return f32x4.mul(a, b);
    case FOLD_INT_SUM: return i32x4.add(a, b);
    case FOLD_INT_PROD: return i32x4.mul(a, b);
    case FOLD_INT_MAX: return i32x4.max_s(a, b);
    default: return i32x4.min_s(a, b);
  }
}

/**
 * Folds rows 0, 1, 2, ... or, where `reverse` is 1, from the last one on. `kind` is one of FOLD_SUM to FOLD_INT_MIN. Out is what all
 * rows give (FOLD_LAST), or what each row and those before it give (FOLD_EACH), or those before it alone (FOLD_BEFORE).
 */
export function fold_words(
  out: usize, x: usize, reduce: i32, inner: i32, kind: i32, mode: i32, reverse: i32, from: i32, to: i32,
): void {
  assert(reduce > 0 && inner > 0 && kind <= FOLD_INT_MIN && mode <= FOLD_BEFORE);
  const blocks = (inner - 1) / FOLD_BLOCK + 1;
  const row = <usize>inner << 2;
  const step = reverse ? <usize>0 - row : row;
  const start = reverse ? row * (reduce - 1) : 0;
  for (; from < to; from++) {
    const o = from / blocks;
    const end = min(((from - o * blocks) + 1) * FOLD_BLOCK, inner);
    for (let column = (from - o * blocks) * FOLD_BLOCK; column < end; column += 4) {
      const left = end - column;
      const at = <usize>column << 2;
      let p = x + row * reduce * o + start + at;
      let q = out + at + (mode == FOLD_LAST ? row * o : row * reduce * o + start);
      let sum = splat(IDENTITIES + (<usize>kind << 2));
      for (let r = 0; r < reduce; r++) {
        const next = merge(kind, sum, load_next(p, left));
        if (mode) {
          store_next(q, mode == FOLD_BEFORE ? sum : next, left);
          q += step;
        }
        sum = next;
        p += step;
      }
      if (!mode) store_next(q, sum, left);
    }
  }
}

/**
 * The index of the largest value, or as the bits of `kind` say (EXTREME_*). Values are compared as integers: floats have the same
 * order once the bits below the sign of negative ones are inverted, and both zeros are the same; NaN comes after all.
 */
export function extreme_words(out: usize, x: usize, reduce: i32, inner: i32, kind: i32, from: i32, to: i32): void {
  assert(reduce > 0 && inner > 0);
  const blocks = (inner - 1) / FOLD_BLOCK + 1;
  const row = <usize>inner << 2;
  const quiet = splat(QUIET);
  const flip = i32x4.splat(kind & EXTREME_MIN ? -1 : 0);
  const equals = i32x4.splat(kind & EXTREME_LAST ? -1 : 0);
  for (; from < to; from++) {
    const o = from / blocks;
    const end = min(((from - o * blocks) + 1) * FOLD_BLOCK, inner);
    for (let column = (from - o * blocks) * FOLD_BLOCK; column < end; column += 4) {
      const left = end - column;
      let p = x + row * reduce * o + (<usize>column << 2);
      let best = splat(IDENTITIES + 16);
      let index = i32x4.splat(0);
      for (let r = 0; r < reduce; r++) {
        let key = load_next(p, left);
        if (kind & EXTREME_INT) key = v128.xor(key, flip);
        else {
          const y = f32x4.add(key, f32x4.splat(0));
          key = v128.xor(v128.xor(y, v128.and(i32x4.shr_s(y, 31), quiet)), flip);
          key = v128.bitselect(key, quiet, f32x4.eq(y, y));
        }
        const better = v128.or(i32x4.gt_s(key, best), v128.and(i32x4.eq(key, best), equals));
        best = v128.bitselect(key, best, better);
        index = v128.bitselect(i32x4.splat(r), index, better);
        p += row;
      }
      store_next(out + row * o + (<usize>column << 2), index, left);
    }
  }
}
