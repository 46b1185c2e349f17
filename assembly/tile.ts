// The micro-kernel: a tile of `rows` pixels (1 to MR) by NR output channels stays in registers while K runs by. Where a panel
// holds 4 channels or fewer, as for a picture's three, the tile is half as wide and higher.
//
//   out[m + i][0..NR) = clamp(bias + sum over k of x[m + i][k] * panel[k][0..NR))        i = 0 .. rows - 1
//
// x is never packed: pixel m + i begins `pixels[m + i].in` bytes into x, and its K values lie in `segments`, runs of
// neighbouring floats at the same distance from the start of every pixel (a 3x3 filter has three runs of 3 * c).
// The panel holds NR floats of bias, then K rows of NR weights. See README.md for the picture.
import { NR } from "./abi";
import { clamp, load_some, madd, store_some } from "./simd";

/**
 * Rows of the largest tile. x64 has 15 vector registers to spare: 6 x 8 sums are 12, and leave 2 for b and 1 for a. A product
 * that is rounded before it is added takes one more, and V8 11 loads all of a step before it multiplies: 4 x 8 is what fits.
 */
export const MR: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;

/** The same of a tile of 4 channels or fewer, which needs one register a row. */
export const MR_HALF: i32 = ASC_FEATURE_RELAXED_SIMD ? 8 : 6;

/** What the sums of a tile start from: the bias, what out holds (a sum in the making), or the two added up. */
export const FROM_BIAS: i32 = 0;
export const FROM_OUT: i32 = 1;
export const FROM_BOTH: i32 = 2;

/** Bytes of one row of a panel. */
const ROW: usize = 32;

// Four channels of a pixel from memory; of a part-filled vector only those that exist.
// @ts-ignore: decorator
@inline
function load_four(part: bool, o: usize, cols: i32): v128 {
  return part ? load_some(o, cols) : v128.load(o);
}

// @ts-ignore: decorator
@inline
function store_four(part: bool, o: usize, c: v128, cols: i32): void {
  if (part) store_some(o, c, cols);
  else v128.store(o, c);
}

// @ts-ignore: decorator
@inline
function store_row(half: bool, part: bool, o: usize, c0: v128, c1: v128, lo: v128, hi: v128, cols: i32): void {
  store_four(half, o, clamp(c0, lo, hi), cols);
  if (!half) store_four(part, o + 16, clamp(c1, lo, hi), cols - 4);
}

// The state of a tile lives in locals c00..c70: row 0-7, half 0-1. asc has no arrays of v128 in registers, hence the length.
// `rows`, `half` (4 channels or fewer) and `part` (5 to 7) are literals at every call, so each instance keeps only its own code.
// @ts-ignore: decorator
@inline
function tile(
  rows: i32, half: bool, part: bool, out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize,
  start: i32, last: bool, cols: i32, lo: f32, hi: f32,
): void {
  let p0 = x + load<u32>(pixels);
  let p1 = p0, p2 = p0, p3 = p0, p4 = p0, p5 = p0, p6 = p0, p7 = p0;
  if (rows > 1) p1 = x + load<u32>(pixels, 8);
  if (rows > 2) p2 = x + load<u32>(pixels, 16);
  if (rows > 3) p3 = x + load<u32>(pixels, 24);
  if (rows > 4) p4 = x + load<u32>(pixels, 32);
  if (rows > 5) p5 = x + load<u32>(pixels, 40);
  if (rows > 6) p6 = x + load<u32>(pixels, 48);
  if (rows > 7) p7 = x + load<u32>(pixels, 56);

  let c00 = v128.load(bias), c01 = v128.load(bias, 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01, c40 = c00, c41 = c01, c50 = c00, c51 = c01, c60 = c00, c70 = c00;
  if (start != FROM_BIAS) {
    { const o = out + load<u32>(pixels, 4); c00 = load_four(half, o, cols); if (!half) c01 = load_four(part, o + 16, cols - 4); }
    if (rows > 1) { const o = out + load<u32>(pixels, 12); c10 = load_four(half, o, cols); if (!half) c11 = load_four(part, o + 16, cols - 4); }
    if (rows > 2) { const o = out + load<u32>(pixels, 20); c20 = load_four(half, o, cols); if (!half) c21 = load_four(part, o + 16, cols - 4); }
    if (rows > 3) { const o = out + load<u32>(pixels, 28); c30 = load_four(half, o, cols); if (!half) c31 = load_four(part, o + 16, cols - 4); }
    if (rows > 4) { const o = out + load<u32>(pixels, 36); c40 = load_four(half, o, cols); if (!half) c41 = load_four(part, o + 16, cols - 4); }
    if (rows > 5) { const o = out + load<u32>(pixels, 44); c50 = load_four(half, o, cols); if (!half) c51 = load_four(part, o + 16, cols - 4); }
    if (rows > 6) { const o = out + load<u32>(pixels, 52); c60 = load_four(half, o, cols); }
    if (rows > 7) { const o = out + load<u32>(pixels, 60); c70 = load_four(half, o, cols); }
    if (start == FROM_BOTH) {
      const b0 = v128.load(bias), b1 = v128.load(bias, 16);
      c00 = f32x4.add(c00, b0); if (!half) c01 = f32x4.add(c01, b1);
      if (rows > 1) { c10 = f32x4.add(c10, b0); if (!half) c11 = f32x4.add(c11, b1); }
      if (rows > 2) { c20 = f32x4.add(c20, b0); if (!half) c21 = f32x4.add(c21, b1); }
      if (rows > 3) { c30 = f32x4.add(c30, b0); if (!half) c31 = f32x4.add(c31, b1); }
      if (rows > 4) { c40 = f32x4.add(c40, b0); if (!half) c41 = f32x4.add(c41, b1); }
      if (rows > 5) { c50 = f32x4.add(c50, b0); if (!half) c51 = f32x4.add(c51, b1); }
      if (rows > 6) c60 = f32x4.add(c60, b0);
      if (rows > 7) c70 = f32x4.add(c70, b0);
    }
  }

  let at: usize = 0; // how far the pointers have moved
  for (let n = load<i32>(segments); n > 0; n--) {
    const next = <usize>load<i32>(segments, 4);
    const step = next - at;
    let length = load<i32>(segments, 8);
    segments += 8;
    p0 += step;
    if (rows > 1) p1 += step;
    if (rows > 2) p2 += step;
    if (rows > 3) p3 += step;
    if (rows > 4) p4 += step;
    if (rows > 5) p5 += step;
    if (rows > 6) p6 += step;
    if (rows > 7) p7 += step;
    const floats = length;
    // Three steps a turn. A turn may end after each, which keeps the optimiser from moving loads across: see README.md.
    for (; length > 0; length -= 3) {
      {
        const b0 = v128.load(panel), b1 = half ? b0 : v128.load(panel, 16);
        { const a = v128.load32_splat(p0); c00 = madd(a, b0, c00); if (!half) c01 = madd(a, b1, c01); }
        if (rows > 1) { const a = v128.load32_splat(p1); c10 = madd(a, b0, c10); if (!half) c11 = madd(a, b1, c11); }
        if (rows > 2) { const a = v128.load32_splat(p2); c20 = madd(a, b0, c20); if (!half) c21 = madd(a, b1, c21); }
        if (rows > 3) { const a = v128.load32_splat(p3); c30 = madd(a, b0, c30); if (!half) c31 = madd(a, b1, c31); }
        if (rows > 4) { const a = v128.load32_splat(p4); c40 = madd(a, b0, c40); if (!half) c41 = madd(a, b1, c41); }
        if (rows > 5) { const a = v128.load32_splat(p5); c50 = madd(a, b0, c50); if (!half) c51 = madd(a, b1, c51); }
        if (rows > 6) c60 = madd(v128.load32_splat(p6), b0, c60);
        if (rows > 7) c70 = madd(v128.load32_splat(p7), b0, c70);
      }
      if (length == 1) break;
      {
        const b0 = v128.load(panel, 32), b1 = half ? b0 : v128.load(panel, 48);
        { const a = v128.load32_splat(p0, 4); c00 = madd(a, b0, c00); if (!half) c01 = madd(a, b1, c01); }
        if (rows > 1) { const a = v128.load32_splat(p1, 4); c10 = madd(a, b0, c10); if (!half) c11 = madd(a, b1, c11); }
        if (rows > 2) { const a = v128.load32_splat(p2, 4); c20 = madd(a, b0, c20); if (!half) c21 = madd(a, b1, c21); }
        if (rows > 3) { const a = v128.load32_splat(p3, 4); c30 = madd(a, b0, c30); if (!half) c31 = madd(a, b1, c31); }
        if (rows > 4) { const a = v128.load32_splat(p4, 4); c40 = madd(a, b0, c40); if (!half) c41 = madd(a, b1, c41); }
        if (rows > 5) { const a = v128.load32_splat(p5, 4); c50 = madd(a, b0, c50); if (!half) c51 = madd(a, b1, c51); }
        if (rows > 6) c60 = madd(v128.load32_splat(p6, 4), b0, c60);
        if (rows > 7) c70 = madd(v128.load32_splat(p7, 4), b0, c70);
      }
      if (length == 2) break;
      {
        const b0 = v128.load(panel, 64), b1 = half ? b0 : v128.load(panel, 80);
        { const a = v128.load32_splat(p0, 8); c00 = madd(a, b0, c00); if (!half) c01 = madd(a, b1, c01); }
        if (rows > 1) { const a = v128.load32_splat(p1, 8); c10 = madd(a, b0, c10); if (!half) c11 = madd(a, b1, c11); }
        if (rows > 2) { const a = v128.load32_splat(p2, 8); c20 = madd(a, b0, c20); if (!half) c21 = madd(a, b1, c21); }
        if (rows > 3) { const a = v128.load32_splat(p3, 8); c30 = madd(a, b0, c30); if (!half) c31 = madd(a, b1, c31); }
        if (rows > 4) { const a = v128.load32_splat(p4, 8); c40 = madd(a, b0, c40); if (!half) c41 = madd(a, b1, c41); }
        if (rows > 5) { const a = v128.load32_splat(p5, 8); c50 = madd(a, b0, c50); if (!half) c51 = madd(a, b1, c51); }
        if (rows > 6) c60 = madd(v128.load32_splat(p6, 8), b0, c60);
        if (rows > 7) c70 = madd(v128.load32_splat(p7, 8), b0, c70);
      }
      p0 += 12;
      if (rows > 1) p1 += 12;
      if (rows > 2) p2 += 12;
      if (rows > 3) p3 += 12;
      if (rows > 4) p4 += 12;
      if (rows > 5) p5 += 12;
      if (rows > 6) p6 += 12;
      if (rows > 7) p7 += 12;
      panel += 3 * ROW;
    }
    panel += <usize>length * ROW;
    at = next + (<usize>(floats - length) << 2);
  }

  // Only the last block of K clamps: a sum in the making must pass unharmed.
  const l = f32x4.splat(last ? lo : -Infinity), h = f32x4.splat(last ? hi : Infinity);
  store_row(half, part, out + load<u32>(pixels, 4), c00, c01, l, h, cols);
  if (rows > 1) store_row(half, part, out + load<u32>(pixels, 12), c10, c11, l, h, cols);
  if (rows > 2) store_row(half, part, out + load<u32>(pixels, 20), c20, c21, l, h, cols);
  if (rows > 3) store_row(half, part, out + load<u32>(pixels, 28), c30, c31, l, h, cols);
  if (rows > 4) store_row(half, part, out + load<u32>(pixels, 36), c40, c41, l, h, cols);
  if (rows > 5) store_row(half, part, out + load<u32>(pixels, 44), c50, c51, l, h, cols);
  if (rows > 6) store_row(half, part, out + load<u32>(pixels, 52), c60, c60, l, h, cols);
  if (rows > 7) store_row(half, part, out + load<u32>(pixels, 60), c70, c70, l, h, cols);
}

function tile_6(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(6, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_5(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(5, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_4(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(4, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_3(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(3, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_2(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(2, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_1(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(1, false, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_6_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(6, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_5_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(5, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_4_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(4, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_3_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(3, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_2_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(2, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_1_part(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(1, false, true, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_8_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(8, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_7_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(7, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_6_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(6, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_5_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(5, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_4_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(4, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_3_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(3, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_2_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(2, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

function tile_1_half(out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize, start: i32, last: bool, cols: i32, lo: f32, hi: f32): void {
  tile(1, true, false, out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
}

/** One tile of `rows` pixels by `cols` channels (NR, or fewer in the last panel). */
export function run_tile(
  rows: i32, cols: i32, out: usize, x: usize, panel: usize, bias: usize, pixels: usize, segments: usize,
  start: i32, last: bool, lo: f32, hi: f32,
): void {
  if (cols == NR) {
    if (MR > 4 && rows == 6) tile_6(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (MR > 4 && rows == 5) tile_5(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 4) tile_4(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 3) tile_3(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 2) tile_2(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else tile_1(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
  } else if (cols > 4) {
    if (MR > 4 && rows == 6) tile_6_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (MR > 4 && rows == 5) tile_5_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 4) tile_4_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 3) tile_3_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 2) tile_2_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else tile_1_part(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
  } else {
    if (MR_HALF > 6 && rows == 8) tile_8_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (MR_HALF > 6 && rows == 7) tile_7_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 6) tile_6_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 5) tile_5_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 4) tile_4_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 3) tile_3_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else if (rows == 2) tile_2_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
    else tile_1_half(out, x, panel, bias, pixels, segments, start, last, cols, lo, hi);
  }
}
