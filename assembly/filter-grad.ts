// Gradients of convolution by its filter: an outer product, summed over pixels.
//
//   filter:     out[row][g][n] = sum over pixels of x[pixel + row's place][g] * dy[pixel][g][n]     row = a (tap, channel) pair
//   depthwise:  out[tap][c] = sum over pixels of x[pixel + tap][c] * dy[pixel][c]
//
// x is NHWC with its border already in place. Neighbouring rows lie side by side in it: a strip is a run of them, the taps of a
// line of the filter with all their channels, or a part of it. `pixels` holds pairs of u32, the first of which is where a
// pixel's window begins in x, in bytes. dy is packed by pack_pixels_f32. As in a forward product, a tile of sums stays in
// registers, here of rows by NR output channels, while a block of pixels runs by; blocks are added up in out, in order.
import {
  DEPTHWISE_GRAD_BLOCK, FILTER_GRAD_ADD, FILTER_GRAD_BLOCK, FILTER_GRAD_GROUP_X, FILTER_GRAD_GROUPS, FILTER_GRAD_N, FILTER_GRAD_P,
  FILTER_GRAD_PANEL, FILTER_GRAD_STRIPS, FILTER_GRAD_TAP, NR,
} from "./abi";
import { field, load_lanes, load_some, madd, store_lanes } from "./simd";
import { MR, store_sums } from "./tile";
import { filter_grad_tile } from "./tiles.generated";

/** Bytes of one pixel of a packed panel. */
const ROW: usize = 32;

/** Pixels that are packed together: few enough that their lines stay in L1 until every panel has taken its part. */
const PACK: i32 = 32;

/**
 * packed[g][n / NR][pixel] = NR channels, zeros past the last; `panel` bytes from one panel to the next. dy [P, G * N].
 * Unit: a pixel.
 */
export function pack_pixels_f32(packed: usize, dy: usize, N: i32, G: i32, panel: i32, from: i32, to: i32): void {
  assert(0 <= from && from <= to);
  const pixel = <usize>(N * G) << 2;
  for (let p = from; p < to; p += PACK) {
    const count = min(PACK, to - p);
    let o = packed + <usize>p * ROW;
    for (let g = 0; g < G; g++)
      for (let n = 0; n < N; n += NR) {
        pack_panel(o, dy + <usize>p * pixel + (<usize>(g * N + n) << 2), pixel, count, N - n);
        o += <usize>panel;
      }
  }
}

// @ts-ignore: decorator
@inline
function pack_panel(o: usize, x: usize, pixel: usize, count: i32, cols: i32): void {
  if (cols >= NR)
    for (; count > 0; count--) {
      v128.store(o, v128.load(x));
      v128.store(o, v128.load(x, 16), 16);
      o += ROW;
      x += pixel;
    }
  else
    for (; count > 0; count--) {
      v128.store(o, load_some(x, cols));
      v128.store(o, load_some(x + 16, cols - 4), 16);
      o += ROW;
      x += pixel;
    }
}

/**
 * strips: i32 triples: where the strip begins in a window (bytes), its first row in out, rows. The filterGradShape says how many there
 * are. Unit: a strip of a panel of a group; units count group, then strip, then panel (fastest).
 */
export function filter_grad_f32(
  out: usize, x: usize, dy: usize, pixels: usize, strips: usize, filterGradShape: usize, from: i32, to: i32,
): void {
  const P = field(filterGradShape, FILTER_GRAD_P), block = field(filterGradShape, FILTER_GRAD_BLOCK), N = field(filterGradShape, FILTER_GRAD_N);
  const count = field(filterGradShape, FILTER_GRAD_STRIPS), groups = field(filterGradShape, FILTER_GRAD_GROUPS);
  const panel = <usize>field(filterGradShape, FILTER_GRAD_PANEL), groupX = <usize>field(filterGradShape, FILTER_GRAD_GROUP_X);
  const add = field(filterGradShape, FILTER_GRAD_ADD) != 0;
  const panels = (N + NR - 1) / NR;
  const outRow = <usize>(groups * N) << 2;
  assert(0 <= from && from <= to && to <= groups * count * panels);
  assert(P > 0 && block > 0);
  for (let p = 0; p < P; p += block) {
    const length = min(block, P - p);
    const table = pixels + (<usize>p << 3);
    let n = from % panels, s = (from / panels) % count, g = from / panels / count;
    for (let unit = from; unit < to; unit++) {
      const strip = strips + <usize>(s * 12);
      let row = field(strip, 1);
      let xs = x + <usize>g * groupX + <usize>field(strip, 0);
      const d = dy + <usize>(g * panels + n) * panel + <usize>p * ROW;
      let o = out + <usize>row * outRow + (<usize>(g * N + n * NR) << 2);
      const rows = field(strip, 2), tiles = (rows + MR - 1) / MR, short = rows / tiles, longer = rows % tiles;
      for (let i = 0; i < tiles; i++) {
        const height = i < longer ? short + 1 : short;
        filter_grad_tile(height, o, outRow, xs, d, table, length, p > 0 || add, N - n * NR);
        o += <usize>height * outRow;
        xs += <usize>height << 2;
      }
      if (++n == panels) {
        n = 0;
        if (++s == count) {
          s = 0;
          g++;
        }
      }
    }
  }
}

/**
 * `pixels` tells where a pixel's window begins in x and where its values lie in dy. strips: i32 triples: where the strip begins
 * in a window (bytes), its first tap, and 1 to 3 taps, FILTER_GRAD_TAP bytes apart. Unit: a strip of a block of channels;
 * units count blocks, then strips (fastest).
 */
export function depthwise_filter_grad_f32(
  out: usize, x: usize, dy: usize, pixels: usize, strips: usize, filterGradShape: usize, from: i32, to: i32,
): void {
  const P = field(filterGradShape, FILTER_GRAD_P), block = field(filterGradShape, FILTER_GRAD_BLOCK), C = field(filterGradShape, FILTER_GRAD_N);
  const count = field(filterGradShape, FILTER_GRAD_STRIPS), tap = <usize>field(filterGradShape, FILTER_GRAD_TAP);
  const add = field(filterGradShape, FILTER_GRAD_ADD) != 0;
  const outRow = <usize>C << 2;
  assert(0 <= from && from <= to && to <= count * ((C + DEPTHWISE_GRAD_BLOCK - 1) / DEPTHWISE_GRAD_BLOCK));
  assert(P > 0 && block > 0);
  for (let p = 0; p < P; p += block) {
    const length = min(block, P - p);
    const table = pixels + (<usize>p << 3);
    for (let unit = from; unit < to; unit++) {
      const strip = strips + <usize>((unit % count) * 12);
      const channel = unit / count * DEPTHWISE_GRAD_BLOCK;
      const at = <usize>channel << 2;
      const xs = x + <usize>field(strip, 0) + at;
      const o = out + <usize>field(strip, 1) * outRow + at;
      run_taps(field(strip, 2), o, outRow, xs, tap, dy + at, table, length, p > 0 || add, min(DEPTHWISE_GRAD_BLOCK, C - channel));
    }
  }
}

function run_taps(
  taps: i32, out: usize, outRow: usize, x: usize, tap: usize, dy: usize, pixels: usize, length: i32, add: bool, cols: i32,
): void {
  if (cols == DEPTHWISE_GRAD_BLOCK) {
    // What 3 taps by 4 vectors of sums are to registers, see MR in tile.ts: too many in the baseline build.
    if (ASC_FEATURE_RELAXED_SIMD && taps == 3) {
      line_3(out, outRow, x, tap, dy, pixels, length, add);
      return;
    }
    for (; taps >= 2; taps -= 2) {
      line_2(out, outRow, x, tap, dy, pixels, length, add);
      out += 2 * outRow;
      x += 2 * tap;
    }
    if (taps) line_1(out, outRow, x, tap, dy, pixels, length, add);
    return;
  }
  for (; taps > 0; taps--) {
    for (let c = 0; c < cols; c += 4) {
      const at = <usize>c << 2;
      four_channels(out + at, x + at, dy + at, pixels, length, add, min(4, cols - c));
    }
    out += outRow;
    x += tap;
  }
}

// @ts-ignore: decorator
@inline
function store_line(o: usize, c0: v128, c1: v128, c2: v128, c3: v128, add: bool): void {
  store_sums(o, c0, c1, add, NR);
  store_sums(o + 32, c2, c3, add, NR);
}

// Sums c00..c23: tap 0-2, vector 0-3.
// @ts-ignore: decorator
@inline
function line(
  taps: i32, out: usize, outRow: usize, x: usize, tap: usize, dy: usize, pixels: usize, length: i32, add: bool,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  let c20 = c00, c21 = c00, c22 = c00, c23 = c00;
  for (; length > 0; length--) {
    const p = x + load<u32>(pixels), q = dy + load<u32>(pixels, 4);
    const p1 = p + tap, p2 = p1 + tap;
    {
      const b = v128.load(q);
      c00 = madd(v128.load(p), b, c00);
      if (taps > 1) c10 = madd(v128.load(p1), b, c10);
      if (taps > 2) c20 = madd(v128.load(p2), b, c20);
    }
    {
      const b = v128.load(q, 16);
      c01 = madd(v128.load(p, 16), b, c01);
      if (taps > 1) c11 = madd(v128.load(p1, 16), b, c11);
      if (taps > 2) c21 = madd(v128.load(p2, 16), b, c21);
    }
    {
      const b = v128.load(q, 32);
      c02 = madd(v128.load(p, 32), b, c02);
      if (taps > 1) c12 = madd(v128.load(p1, 32), b, c12);
      if (taps > 2) c22 = madd(v128.load(p2, 32), b, c22);
    }
    {
      const b = v128.load(q, 48);
      c03 = madd(v128.load(p, 48), b, c03);
      if (taps > 1) c13 = madd(v128.load(p1, 48), b, c13);
      if (taps > 2) c23 = madd(v128.load(p2, 48), b, c23);
    }
    pixels += 8;
  }
  store_line(out, c00, c01, c02, c03, add);
  if (taps > 1) store_line(out + outRow, c10, c11, c12, c13, add);
  if (taps > 2) store_line(out + 2 * outRow, c20, c21, c22, c23, add);
}

function line_3(out: usize, outRow: usize, x: usize, tap: usize, dy: usize, pixels: usize, length: i32, add: bool): void {
  line(3, out, outRow, x, tap, dy, pixels, length, add);
}

function line_2(out: usize, outRow: usize, x: usize, tap: usize, dy: usize, pixels: usize, length: i32, add: bool): void {
  line(2, out, outRow, x, tap, dy, pixels, length, add);
}

function line_1(out: usize, outRow: usize, x: usize, tap: usize, dy: usize, pixels: usize, length: i32, add: bool): void {
  line(1, out, outRow, x, tap, dy, pixels, length, add);
}

/** One tap of one to four channels; even and odd pixels are summed apart. */
function four_channels(out: usize, x: usize, dy: usize, pixels: usize, length: i32, add: bool, cols: i32): void {
  let a = f32x4.splat(0), b = a;
  for (; length > 1; length -= 2) {
    a = madd(load_lanes(x + load<u32>(pixels), cols), load_lanes(dy + load<u32>(pixels, 4), cols), a);
    b = madd(load_lanes(x + load<u32>(pixels, 8), cols), load_lanes(dy + load<u32>(pixels, 12), cols), b);
    pixels += 16;
  }
  if (length) a = madd(load_lanes(x + load<u32>(pixels), cols), load_lanes(dy + load<u32>(pixels, 4), cols), a);
  a = f32x4.add(a, b);
  store_lanes(out, add ? f32x4.add(load_lanes(out, cols), a) : a, cols);
}
