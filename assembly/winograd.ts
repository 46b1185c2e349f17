// Winograd's convolutions F(4x4, 3x3), F(2x2, 3x3) and F(2x2, 5x5), stride 1: m x m outputs from n x n inputs, n = m + r - 1,
// with n² instead of r² m² multiplications per channel pair: 36 for 144, 16 for 36, 36 for 100 (Lavin and Gray, 2015). In three
// steps, each a call of its own:
//
//   V[t][tile][c]  = (Bᵀ d B)[t]               winograd_input_*_f32, d the tile's n x n inputs, t = 0 .. n² - 1
//   P[t][tile][oc] = sum over c of V[t][tile][c] * U[t][c][oc]      gemm_f32, n² products
//   y              = epilogue(bias + Aᵀ P A)   winograd_output_*_f32
//
// with U = G g Gᵀ packed ahead by winograd_pack_*_f32 (winograd-filter.ts). The filter gradient goes the same way backwards, summed over
// tiles: Gᵀ (sum over tiles of V[t][tile][c] * D[t][tile][oc]) G with D = A dy Aᵀ. It is offered for F(4x4) alone:
//
//   D[t][oc / NR][tile]  = (A dy Aᵀ)[t]       winograd_grad_f4_f32, panels of NR channels
//   M[c][t][oc] = sum over tiles of V * D     filter_grad_f32 (filter-grad.ts), 36 groups
//   dw          = Gᵀ M G                      winograd_filter_grad_f4_f32
//
// n = 6: interpolation points 0, ±a, ±b and infinity, a = √½, b = √2. Their products are powers of two, and the error is less
// than half that of the customary 0, ±1, ±2. With x(x² − ½)(x² − 2):
//   Bᵀ: d0 − 5/2 d2 + d4;  (d4 − 2 d2) ± a (d3 − 2 d1);  (d4 − ½ d2) ± b (d3 − ½ d1);  d1 − 5/2 d3 + d5
//   G, r = 3:  g0;  −⅔ (g0 ± a g1 + ½ g2);  ⅙ (g0 ± b g1 + 2 g2);  g2
//   G, r = 5:  g0;  −⅔ (g0 ± a g1 + ½ g2 ± ½ a g3 + ¼ g4);  ⅙ (g0 ± b g1 + 2 g2 ± 2 b g3 + 4 g4);  g4
//   Aᵀ, m = 4: m0 + s + t;  a d + b e;  ½ s + 2 t;  ½ a d + 2 b e + m5      s, d = m1 ± m2,  t, e = m3 ± m4
//   Aᵀ, m = 2: m0 + s + t;  a d + b e + m5
// n = 4: points 0, ±1 and infinity.
//   Bᵀ: d0 − d2;  d1 + d2;  d2 − d1;  d1 − d3      G: g0;  ½ (g0 ± g1 + g2);  g2      Aᵀ: m0 + m1 + m2;  m1 − m2 − m3
//
// x and y are NHWC, or views, with channels in fours. Where a tile reaches beyond the input it reads zeros, so nothing is padded. A
// dilated convolution is split into dy * dx phases: every dy-th row and dx-th column of output depends on such a grid of inputs alone,
// undilated. Tiles count image, row phase, row of tiles, column phase, column of tiles (fastest).
import { activate_run } from "./activation";
import {
  EPILOGUE_ACCUMULATE, EPILOGUE_ACTIVATION, EPILOGUE_HI, EPILOGUE_LO, EPILOGUE_P, EPILOGUE_Q, WINOGRAD_C, WINOGRAD_DX, WINOGRAD_DY,
  WINOGRAD_H, WINOGRAD_N, WINOGRAD_OC, WINOGRAD_OH, WINOGRAD_OUT_H, WINOGRAD_OUT_N, WINOGRAD_OUT_W, WINOGRAD_OW, WINOGRAD_PL,
  WINOGRAD_PT, WINOGRAD_TILE, WINOGRAD_TILES_X, WINOGRAD_TILES_Y, WINOGRAD_W, WINOGRAD_X_H, WINOGRAD_X_N, WINOGRAD_X_W,
} from "./abi";
import { clamp, field, field_f32, madd, splat } from "./simd";

/** a, b, 1/2, 2, -5/2, -2/3, 1/6: loaded before loops, see README.md. */
export const NUMBERS: usize = memory.data<f32>([0.7071067811865476, 1.4142135623730951, 0.5, 2, -2.5, -0.6666666666666666, 0.16666666666666666]);
// @ts-ignore: decorator
@inline export const A: usize = 0;
// @ts-ignore: decorator
@inline export const B: usize = 4;
// @ts-ignore: decorator
@inline export const HALF: usize = 8;
// @ts-ignore: decorator
@inline export const TWO: usize = 12;
// @ts-ignore: decorator
@inline const FIVE_HALVES: usize = 16;
// @ts-ignore: decorator
@inline export const TWO_THIRDS: usize = 20;
// @ts-ignore: decorator
@inline export const SIXTH: usize = 24;

/** The first output column of a tile. */
// @ts-ignore: decorator
@inline
export function column_of(tile: i32, m: i32, tilesX: i32, dx: i32): i32 {
  return (tile % tilesX) * m * dx + (tile / tilesX) % dx;
}

/** The first output row of a tile. */
// @ts-ignore: decorator
@inline
export function row_of(tile: i32, m: i32, tilesX: i32, dx: i32, tilesY: i32, dy: i32): i32 {
  const line = tile / (tilesX * dx);
  return (line % tilesY) * m * dy + (line / tilesY) % dy;
}

// --- Inputs ---

/**
 * The inputs of some tiles, the first of which is tile `first` of the batch, as V[36][tile][C]; the 36 lie `step` bytes apart.
 * Unit: a tile.
 */
export function winograd_input_f4_f32(
  out: usize, x: usize, winogradShape: usize, step: i32, first: i32, from: i32, to: i32,
): void {
  for (let t = from; t < to; t++) input_place(6, out, x, winogradShape, <usize>step, first + t, t);
}

/** The same for tiles of 4x4 inputs: V[16][tile][C]. */
export function winograd_input_f2_f32(
  out: usize, x: usize, winogradShape: usize, step: i32, first: i32, from: i32, to: i32,
): void {
  for (let t = from; t < to; t++) input_place(4, out, x, winogradShape, <usize>step, first + t, t);
}

// @ts-ignore: decorator
@inline
function input_place(n: i32, out: usize, x: usize, winogradShape: usize, step: usize, tile: i32, t: i32): void {
  const H = field(winogradShape, WINOGRAD_H), W = field(winogradShape, WINOGRAD_W), C = field(winogradShape, WINOGRAD_C);
  const tilesX = field(winogradShape, WINOGRAD_TILES_X), tilesY = field(winogradShape, WINOGRAD_TILES_Y);
  const dy = field(winogradShape, WINOGRAD_DY), dx = field(winogradShape, WINOGRAD_DX), m = field(winogradShape, WINOGRAD_TILE);
  assert(C % 4 == 0);
  assert(tile < field(winogradShape, WINOGRAD_N) * tilesX * dx * tilesY * dy);
  const row = <usize>field(winogradShape, WINOGRAD_X_H), pixel = <usize>field(winogradShape, WINOGRAD_X_W);
  const image = tile / (tilesX * dx * tilesY * dy);
  const iy = row_of(tile, m, tilesX, dx, tilesY, dy) - field(winogradShape, WINOGRAD_PT);
  const ix = column_of(tile, m, tilesX, dx) - field(winogradShape, WINOGRAD_PL);
  const p = x + <usize>image * <usize>field(winogradShape, WINOGRAD_X_N) + <usize>iy * row + <usize>ix * pixel;
  const q = out + (<usize>(t * C) << 2);
  const inside = iy >= 0 && ix >= 0 && iy + (n - 1) * dy < H && ix + (n - 1) * dx < W;
  if (n == 6) {
    if (inside) inner_tile_6(q, p, C, <usize>dy * row, <usize>dx * pixel, step);
    else edge_tile_6(q, p, C, <usize>dy * row, <usize>dx * pixel, step, iy, ix, dy, dx, H, W);
  } else {
    if (inside) inner_tile_4(q, p, C, <usize>dy * row, <usize>dx * pixel, step);
    else edge_tile_4(q, p, C, <usize>dy * row, <usize>dx * pixel, step, iy, ix, dy, dx, H, W);
  }
}

function inner_tile_6(q: usize, p: usize, C: i32, row: usize, pixel: usize, step: usize): void {
  input_tile(6, false, q, p, C, row, pixel, step, 0, 0, 1, 1, 0, 0);
}

function edge_tile_6(
  q: usize, p: usize, C: i32, row: usize, pixel: usize, step: usize, iy: i32, ix: i32, dy: i32, dx: i32, H: i32, W: i32,
): void {
  input_tile(6, true, q, p, C, row, pixel, step, iy, ix, dy, dx, H, W);
}

function inner_tile_4(q: usize, p: usize, C: i32, row: usize, pixel: usize, step: usize): void {
  input_tile(4, false, q, p, C, row, pixel, step, 0, 0, 1, 1, 0, 0);
}

function edge_tile_4(
  q: usize, p: usize, C: i32, row: usize, pixel: usize, step: usize, iy: i32, ix: i32, dy: i32, dx: i32, H: i32, W: i32,
): void {
  input_tile(4, true, q, p, C, row, pixel, step, iy, ix, dy, dx, H, W);
}

// @ts-ignore: decorator
@inline
function input_tile(
  n: i32, edge: bool, q: usize, p: usize, C: i32, row: usize, pixel: usize, step: usize, iy: i32, ix: i32, dy: i32, dx: i32,
  H: i32, W: i32,
): void {
  const a = splat(NUMBERS + A), b = splat(NUMBERS + B), half = splat(NUMBERS + HALF), two = splat(NUMBERS + TWO);
  const five = splat(NUMBERS + FIVE_HALVES);
  const down = <usize>n * step;
  for (let c = 0; c < C; c += 4) {
    // Rows first, into their places in V; then its columns, in place.
    let r = p, v = q;
    for (let y = 0; y < n; y++) {
      if (edge && <u32>(iy + y * dy) >= <u32>H) {
        const zero = f32x4.splat(0);
        for (let i = 0; i < n; i++) v128.store(v + <usize>i * step, zero);
      } else {
        const d0 = pixel_or_zero(edge, r, ix, W), d1 = pixel_or_zero(edge, r + pixel, ix + dx, W);
        const d2 = pixel_or_zero(edge, r + 2 * pixel, ix + 2 * dx, W), d3 = pixel_or_zero(edge, r + 3 * pixel, ix + 3 * dx, W);
        if (n == 6)
          input_six(v, step, d0, d1, d2, d3, pixel_or_zero(edge, r + 4 * pixel, ix + 4 * dx, W), pixel_or_zero(edge, r + 5 * pixel, ix + 5 * dx, W), a, b, half, two, five);
        else input_four(v, step, d0, d1, d2, d3);
      }
      r += row;
      v += down;
    }
    v = q;
    for (let i = 0; i < n; i++) {
      const d0 = v128.load(v), d1 = v128.load(v + down), d2 = v128.load(v + 2 * down), d3 = v128.load(v + 3 * down);
      if (n == 6) input_six(v, down, d0, d1, d2, d3, v128.load(v + 4 * down), v128.load(v + 5 * down), a, b, half, two, five);
      else input_four(v, down, d0, d1, d2, d3);
      v += step;
    }
    p += 16;
    q += 16;
  }
}

// @ts-ignore: decorator
@inline
function pixel_or_zero(edge: bool, p: usize, x: i32, W: i32): v128 {
  if (edge) return <u32>x < <u32>W ? v128.load(p) : f32x4.splat(0);
  return v128.load(p);
}

/** Bᵀ of six values, stored `step` bytes apart. */
// @ts-ignore: decorator
@inline
function input_six(
  q: usize, step: usize, d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, a: v128, b: v128, half: v128, two: v128,
  five: v128,
): void {
  v128.store(q, f32x4.add(madd(d2, five, d0), d4));
  const even = f32x4.sub(d4, f32x4.mul(two, d2)), odd = f32x4.mul(a, f32x4.sub(d3, f32x4.mul(two, d1)));
  v128.store(q + step, f32x4.add(even, odd));
  v128.store(q + 2 * step, f32x4.sub(even, odd));
  const even_b = f32x4.sub(d4, f32x4.mul(half, d2)), odd_b = f32x4.mul(b, f32x4.sub(d3, f32x4.mul(half, d1)));
  v128.store(q + 3 * step, f32x4.add(even_b, odd_b));
  v128.store(q + 4 * step, f32x4.sub(even_b, odd_b));
  v128.store(q + 5 * step, f32x4.add(madd(d3, five, d1), d5));
}

/** Bᵀ of four values. */
// @ts-ignore: decorator
@inline
function input_four(q: usize, step: usize, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(q, f32x4.sub(d0, d2));
  v128.store(q + step, f32x4.add(d1, d2));
  v128.store(q + 2 * step, f32x4.sub(d2, d1));
  v128.store(q + 3 * step, f32x4.sub(d1, d3));
}

// --- Outputs ---

/**
 * The outputs of some tiles, from P[36][tile][OC], `step` bytes apart, which is overwritten. What lies beyond the edge is dropped.
 * bias may be 0. Unit: a tile.
 */
export function winograd_output_f4_f32(
  out: usize, products: usize, bias: usize, winogradShape: usize, epilogue: usize, step: i32, first: i32, from: i32, to: i32,
): void {
  for (let t = from; t < to; t++) output_place(4, 3, out, products, bias, winogradShape, epilogue, <usize>step, first + t, t);
}

/** The same for tiles of 2x2 outputs and filters of 3x3, from P[16][tile][OC]. */
export function winograd_output_f2_f32(
  out: usize, products: usize, bias: usize, winogradShape: usize, epilogue: usize, step: i32, first: i32, from: i32, to: i32,
): void {
  for (let t = from; t < to; t++) output_place(2, 3, out, products, bias, winogradShape, epilogue, <usize>step, first + t, t);
}

/** The same for tiles of 2x2 outputs and filters of 5x5, from P[36][tile][OC]. */
export function winograd_output_f2k5_f32(
  out: usize, products: usize, bias: usize, winogradShape: usize, epilogue: usize, step: i32, first: i32, from: i32, to: i32,
): void {
  for (let t = from; t < to; t++) output_place(2, 5, out, products, bias, winogradShape, epilogue, <usize>step, first + t, t);
}

// @ts-ignore: decorator
@inline
function output_place(
  m: i32, r: i32, out: usize, products: usize, bias: usize, winogradShape: usize, epilogue: usize, step: usize, tile: i32, t: i32,
): void {
  const OH = field(winogradShape, WINOGRAD_OH), OW = field(winogradShape, WINOGRAD_OW), OC = field(winogradShape, WINOGRAD_OC);
  const tilesX = field(winogradShape, WINOGRAD_TILES_X), tilesY = field(winogradShape, WINOGRAD_TILES_Y);
  const dy = field(winogradShape, WINOGRAD_DY), dx = field(winogradShape, WINOGRAD_DX);
  assert(OC % 4 == 0 && field(winogradShape, WINOGRAD_TILE) == m);
  assert(tile < field(winogradShape, WINOGRAD_N) * tilesX * dx * tilesY * dy);
  const image = <usize>field(winogradShape, WINOGRAD_OUT_N);
  const row = <usize>field(winogradShape, WINOGRAD_OUT_H), pixel = <usize>field(winogradShape, WINOGRAD_OUT_W);
  const n = tile / (tilesX * dx * tilesY * dy);
  const oy = row_of(tile, m, tilesX, dx, tilesY, dy), ox = column_of(tile, m, tilesX, dx);
  // How many of the tile's rows and columns exist; phases are not all of one size, so it may be none.
  const rows = min(m, (OH - oy + dy - 1) / dy), cols = min(m, (OW - ox + dx - 1) / dx);
  if (rows <= 0 || cols <= 0) return;
  const q = out + <usize>n * image + <usize>oy * row + <usize>ox * pixel;
  const p = products + (<usize>(t * OC) << 2);
  if (m == 4) output_tile_4(q, p, bias, OC, <usize>dy * row, <usize>dx * pixel, step, rows, cols, epilogue);
  else if (r == 5) output_tile_2k5(q, p, bias, OC, <usize>dy * row, <usize>dx * pixel, step, rows, cols, epilogue);
  else output_tile_2(q, p, bias, OC, <usize>dy * row, <usize>dx * pixel, step, rows, cols, epilogue);
  const activation = field(epilogue, EPILOGUE_ACTIVATION);
  if (activation) activate_tile(activation, q, OC, <usize>dy * row, <usize>dx * pixel, rows, cols, epilogue);
}

/** Applies an activation to the pixels of a tile while they are in cache. */
function activate_tile(
  activation: i32, q: usize, OC: i32, row: usize, pixel: usize, rows: i32, cols: i32, epilogue: usize,
): void {
  const p = field_f32(epilogue, EPILOGUE_P), r = field_f32(epilogue, EPILOGUE_Q);
  for (let y = 0; y < rows; y++, q += row)
    for (let x = 0, o = q; x < cols; x++, o += pixel) activate_run(activation, o, o, OC, p, r);
}

function output_tile_4(
  q: usize, p: usize, bias: usize, OC: i32, row: usize, pixel: usize, step: usize, rows: i32, cols: i32, epilogue: usize,
): void {
  output_from_six(4, q, p, bias, OC, row, pixel, step, rows, cols, epilogue);
}

function output_tile_2k5(
  q: usize, p: usize, bias: usize, OC: i32, row: usize, pixel: usize, step: usize, rows: i32, cols: i32, epilogue: usize,
): void {
  output_from_six(2, q, p, bias, OC, row, pixel, step, rows, cols, epilogue);
}

// @ts-ignore: decorator
@inline
function output_from_six(
  m: i32, q: usize, p: usize, bias: usize, OC: i32, row: usize, pixel: usize, step: usize, rows: i32, cols: i32, epilogue: usize,
): void {
  const a = splat(NUMBERS + A), b = splat(NUMBERS + B), half = splat(NUMBERS + HALF), two = splat(NUMBERS + TWO);
  const l = splat(epilogue + (EPILOGUE_LO << 2)), h = splat(epilogue + (EPILOGUE_HI << 2));
  const accumulate = field(epilogue, EPILOGUE_ACCUMULATE) != 0;
  const down: usize = 6 * step;
  for (let c = 0; c < OC; c += 4) {
    // Rows of six become rows of m in place; then each of the m columns.
    let v = p;
    for (let y = 0; y < 6; y++) {
      const m0 = v128.load(v), m1 = v128.load(v + step), m2 = v128.load(v + 2 * step);
      const m3 = v128.load(v + 3 * step), m4 = v128.load(v + 4 * step), m5 = v128.load(v + 5 * step);
      const s = f32x4.add(m1, m2), t = f32x4.add(m3, m4);
      const d = f32x4.mul(a, f32x4.sub(m1, m2)), e = f32x4.mul(b, f32x4.sub(m3, m4));
      v128.store(v, f32x4.add(f32x4.add(m0, s), t));
      if (m == 2) {
        v128.store(v + step, f32x4.add(f32x4.add(d, e), m5));
      } else {
        v128.store(v + step, f32x4.add(d, e));
        v128.store(v + 2 * step, madd(half, s, f32x4.mul(two, t)));
        v128.store(v + 3 * step, f32x4.add(madd(half, d, f32x4.mul(two, e)), m5));
      }
      v += down;
    }
    const add = bias ? v128.load(bias + (<usize>c << 2)) : f32x4.splat(0);
    v = p;
    let o = q;
    for (let i = 0; i < cols; i++) {
      const m0 = v128.load(v), m1 = v128.load(v + down), m2 = v128.load(v + 2 * down);
      const m3 = v128.load(v + 3 * down), m4 = v128.load(v + 4 * down), m5 = v128.load(v + 5 * down);
      const s = f32x4.add(m1, m2), t = f32x4.add(m3, m4);
      const d = f32x4.mul(a, f32x4.sub(m1, m2)), e = f32x4.mul(b, f32x4.sub(m3, m4));
      store_output(accumulate, o, f32x4.add(f32x4.add(f32x4.add(m0, s), t), add), l, h);
      const y1 = m == 2 ? f32x4.add(f32x4.add(d, e), m5) : f32x4.add(d, e);
      if (rows > 1) store_output(accumulate, o + row, f32x4.add(y1, add), l, h);
      if (m == 4) {
        if (rows > 2) store_output(accumulate, o + 2 * row, f32x4.add(madd(half, s, f32x4.mul(two, t)), add), l, h);
        if (rows > 3) store_output(accumulate, o + 3 * row, f32x4.add(f32x4.add(madd(half, d, f32x4.mul(two, e)), m5), add), l, h);
      }
      v += step;
      o += pixel;
    }
    p += 16;
    q += 16;
  }
}

function output_tile_2(
  q: usize, p: usize, bias: usize, OC: i32, row: usize, pixel: usize, step: usize, rows: i32, cols: i32, epilogue: usize,
): void {
  const l = splat(epilogue + (EPILOGUE_LO << 2)), h = splat(epilogue + (EPILOGUE_HI << 2));
  const accumulate = field(epilogue, EPILOGUE_ACCUMULATE) != 0;
  const down: usize = 4 * step;
  for (let c = 0; c < OC; c += 4) {
    let v = p;
    for (let y = 0; y < 4; y++) {
      const m1 = v128.load(v + step), m2 = v128.load(v + 2 * step);
      v128.store(v, f32x4.add(f32x4.add(v128.load(v), m1), m2));
      v128.store(v + step, f32x4.sub(f32x4.sub(m1, m2), v128.load(v + 3 * step)));
      v += down;
    }
    const add = bias ? v128.load(bias + (<usize>c << 2)) : f32x4.splat(0);
    v = p;
    let o = q;
    for (let i = 0; i < cols; i++) {
      const m1 = v128.load(v + down), m2 = v128.load(v + 2 * down);
      store_output(accumulate, o, f32x4.add(f32x4.add(f32x4.add(v128.load(v), m1), m2), add), l, h);
      if (rows > 1)
        store_output(accumulate, o + row, f32x4.add(f32x4.sub(f32x4.sub(m1, m2), v128.load(v + 3 * down)), add), l, h);
      v += step;
      o += pixel;
    }
    p += 16;
    q += 16;
  }
}

// @ts-ignore: decorator
@inline
function store_output(accumulate: bool, o: usize, y: v128, lo: v128, hi: v128): void {
  if (accumulate) y = f32x4.add(y, v128.load(o));
  v128.store(o, clamp(y, lo, hi));
}
