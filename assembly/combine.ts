// Weighted sums of rows and pixels: out [outer, rows, pixels, c] of x [outer, rows_x, pixels_x, c], both dense:
//   out[o, j, i] = sum over terms r of row j and terms p of pixel i: weight[r] · weight[p] · x[o, source[r], source[p]]
// Two sparse matrices (compressed rows), one per axis. Resizing, padding by pixels and averaging are such maps, and so are their
// adjoints. A row or pixel without terms is 0. Unit: a row (o, j) of out.
//
// `tables`: where the terms of each row begin, and where those of the last end [rows + 1]; the same for pixels [pixels + 1]; how
// many pixels, from each one on, have the same terms of sources one further each [pixels]; and for each term, those of rows
// first, the bytes from the first row or pixel of x to its source. `weights`: one per term, in the same order.
import {
  COMBINE_C, COMBINE_PIXELS, COMBINE_PIXELS_X, COMBINE_ROW_TERMS, COMBINE_ROWS, COMBINE_ROWS_X,
} from "./abi";
import { copy_floats, fill_floats } from "./copy";
import { field, load_lanes, load_tail, madd, splat, store_lanes, store_tail } from "./simd";

export function combine_f32(
  out: usize, x: usize, tables: usize, weights: usize, combineShape: usize, from: i32, to: i32,
): void {
  const rows = field(combineShape, COMBINE_ROWS), pixels = field(combineShape, COMBINE_PIXELS);
  const c = field(combineShape, COMBINE_C);
  const image = <usize>(field(combineShape, COMBINE_ROWS_X) * field(combineShape, COMBINE_PIXELS_X) * c) << 2;
  const row_terms = <usize>field(combineShape, COMBINE_ROW_TERMS) << 2;
  const pixel_starts = tables + (<usize>(rows + 1) << 2);
  const runs = pixel_starts + (<usize>(pixels + 1) << 2);
  const row_sources = runs + (<usize>pixels << 2), pixel_sources = row_sources + row_terms;
  const pixel_weights = weights + row_terms;
  assert(from >= 0);

  out += (<usize>from * pixels * c) << 2;
  for (let unit = from; unit < to; unit++) {
    const o = unit / rows, j = unit - o * rows;
    const p = x + image * o;
    const first = field(tables, j), nr = field(tables, j + 1) - first;
    const rs = row_sources + (<usize>first << 2), rw = weights + (<usize>first << 2);
    for (let i = 0; i < pixels; ) {
      const run = field(runs, i);
      const start = field(pixel_starts, i), np = field(pixel_starts, i + 1) - start;
      const ps = pixel_sources + (<usize>start << 2), pw = pixel_weights + (<usize>start << 2);
      combine(out, p, run * c, nr, rs, rw, np, ps, pw);
      out += <usize>(run * c) << 2;
      i += run;
    }
  }
}

/** `count` floats of a run: sources and weights of the nr terms of its row and of the np terms of its first pixel. */
function combine(
  out: usize, x: usize, count: i32, nr: i32, rs: usize, rw: usize, np: i32, ps: usize, pw: usize,
): void {
  if (nr == 0 || np == 0) {
    fill_floats(out, 0, count);
    return;
  }
  if (nr == 1 && np == 1) {
    const weight = load<f32>(rw) * load<f32>(pw);
    x += field(rs, 0) + field(ps, 0);
    if (weight == 1) copy_floats(out, x, count);
    else scale(out, x, count, weight);
    return;
  }
  const bytes = <usize>count << 2;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) combine_vectors(4, 4, out + i, x + i, nr, rs, rw, np, ps, pw);
  for (; i + 16 <= bytes; i += 16) combine_vectors(1, 4, out + i, x + i, nr, rs, rw, np, ps, pw);
  if (i == bytes) return;
  // The last vector overlaps the one before: the same values are written again.
  if (count > 4) combine_vectors(1, 4, out + bytes - 16, x + bytes - 16, nr, rs, rw, np, ps, pw);
  else combine_vectors(1, count, out, x, nr, rs, rw, np, ps, pw);
}

/** out = x · weight. */
function scale(out: usize, x: usize, count: i32, weight: f32): void {
  const by = f32x4.splat(weight);
  const end = out + (<usize>count << 2);
  for (; out + 16 <= end; out += 16, x += 16) v128.store(out, f32x4.mul(v128.load(x), by));
  if (count & 3) store_tail(out, f32x4.mul(load_tail(x, count & 3), by), count & 3);
}

/** One or four vectors of `lanes` floats. */
// @ts-ignore: decorator
@inline
function combine_vectors(
  vectors: i32, lanes: i32, out: usize, x: usize, nr: i32, rs: usize, rw: usize, np: i32, ps: usize, pw: usize,
): void {
  let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (let r = 0; r < nr; r++) {
    const row = x + field(rs, r);
    const weight = splat(rw + (<usize>r << 2));
    for (let k: usize = 0; k < <usize>np << 2; k += 4) {
      const p = row + load<i32>(ps + k);
      const by = f32x4.mul(weight, splat(pw + k));
      a0 = madd(load_lanes(p, lanes), by, a0);
      if (vectors == 4) {
        a1 = madd(v128.load(p, 16), by, a1);
        a2 = madd(v128.load(p, 32), by, a2);
        a3 = madd(v128.load(p, 48), by, a3);
      }
    }
  }
  store_lanes(out, a0, lanes);
  if (vectors == 4) {
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
  }
}
