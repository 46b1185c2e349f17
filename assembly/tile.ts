// Micro-tiles: sums that stay in registers while the inner loop runs by. scripts/generate-tiles.mjs writes the functions, one for
// each number of rows; this file says how large they are and what they share.
//
//   product:      out[m + i][0 .. NR) = clamp(start + sum over k of x[m + i][k] * panel[k][0 .. NR))         i = 0 .. rows - 1
//   filter grad:  out[row + i][0 .. NR) (+)= sum over pixels of x[pixel][row + i] * dy[pixel][0 .. NR)
//
// x is never packed. Pixel m + i begins `pixels[m + i].in` bytes into x, and its K values lie in `runs` of neighbouring floats at the
// same distance from the start of every pixel (a 3x3 filter has three runs of 3 * c). A panel holds NR floats of bias, then K rows
// of NR weights. Where a panel holds 4 channels or fewer, as for the three of an image, the tile is half as wide and higher.
// README.md has a drawing.
import { NR } from "./abi";
import { load_some, store_some } from "./simd";

/**
 * Rows of the largest tile. x64 has 15 vector registers to spare: 6 x 8 sums are 12, and leave 2 for b and 1 for a. A product
 * that is rounded before it is added takes one more, and V8 11 loads all of a step before it multiplies: 4 x 8 is what fits.
 */
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;

/** The same of a tile of 4 channels or fewer, which needs one register a row. */
export const MR_HALF: i32 = ASC_FEATURE_RELAXED_SIMD ? 8 : 6;

/** What the sums of a product start from: the bias, what out holds (a sum that another block of K began), or the two added up. */
export const FROM_BIAS: i32 = 0;
export const FROM_OUT: i32 = 1;
export const FROM_BOTH: i32 = 2;

/** Stores a row of sums of a filter gradient, or adds it to what out holds. A call: it is not worth copies of the code. */
export function store_sums(out: usize, c0: v128, c1: v128, add: bool, columns: i32): void {
  if (columns >= NR) {
    if (add) {
      c0 = f32x4.add(v128.load(out), c0);
      c1 = f32x4.add(v128.load(out, 16), c1);
    }
    v128.store(out, c0);
    v128.store(out, c1, 16);
  } else {
    if (add) {
      c0 = f32x4.add(load_some(out, columns), c0);
      c1 = f32x4.add(load_some(out + 16, columns - 4), c1);
    }
    store_some(out, c0, columns);
    store_some(out + 16, c1, columns - 4);
  }
}
