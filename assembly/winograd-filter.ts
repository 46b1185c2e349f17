// The filter's part of Winograd's convolutions: U = G g Gᵀ packed ahead; and of the filter gradient, D = A dy Aᵀ and Gᵀ M G. The
// points, matrices and layouts are described in winograd.ts. filters [r, r, C, OC].
import {
  NR, WINOGRAD_DX, WINOGRAD_DY, WINOGRAD_N, WINOGRAD_OC, WINOGRAD_OH, WINOGRAD_OUT_H, WINOGRAD_OUT_N, WINOGRAD_OUT_W, WINOGRAD_OW,
  WINOGRAD_TILES_X, WINOGRAD_TILES_Y,
} from "./abi";
import { fill_floats } from "./copy";
import { field, madd, splat } from "./simd";
import { A, B, HALF, TWO, TWO_THIRDS, SIXTH, NUMBERS, column_of, row_of } from "./winograd";

/**
 * Panels, and input channels, that are packed together. The cache lines and pages of the filter hold channels of several panels, and
 * what one step has written should be near when the next reads it.
 */
const PANELS = 4;
const ROWS = 16;

/**
 * U = G g Gᵀ of a filter [3, 3, C, OC], as the panels gemm_f32 reads for 36 groups: panels[t][n / NR] = [ zeros | C rows of NR ].
 * Channel o of the filter is multiplied by scale[o]; scale may be 0: by one. Unit: a panel of NR channels, of all 36.
 */
export function winograd_pack_f4_f32(panels: usize, filter: usize, scale: usize, C: i32, OC: i32, from: i32, to: i32): void {
  pack(6, 3, panels, filter, scale, C, OC, from, to);
}

/** The same for 16 groups. */
export function winograd_pack_f2_f32(panels: usize, filter: usize, scale: usize, C: i32, OC: i32, from: i32, to: i32): void {
  pack(4, 3, panels, filter, scale, C, OC, from, to);
}

/** The same for 36 groups, of a filter [5, 5, C, OC]. */
export function winograd_pack_f2k5_f32(panels: usize, filter: usize, scale: usize, C: i32, OC: i32, from: i32, to: i32): void {
  pack(6, 5, panels, filter, scale, C, OC, from, to);
}

// @ts-ignore: decorator
@inline
function pack(points: i32, r: i32, panels: usize, filter: usize, scale: usize, C: i32, OC: i32, from: i32, to: i32): void {
  const perGroup = (OC + NR - 1) / NR;
  assert(0 <= from && from <= to && to <= perGroup && OC % 4 == 0);
  const panelBytes = <usize>(C + 1) * NR * 4, group = <usize>perGroup * panelBytes;
  const row = <usize>OC << 2, tap = <usize>C * row;
  const one = f32x4.splat(1);
  for (let first = from; first < to; first += PANELS) {
    const end = min(first + PANELS, to);
    for (let n = first; n < end; n++)
      for (let t = 0; t < points * points; t++)
        fill_floats(panels + <usize>t * group + <usize>n * panelBytes, 0, OC - n * NR < NR ? (C + 1) * NR : NR);
    for (let c = 0; c < C; c += ROWS) {
      const count = min(ROWS, C - c);
      for (let n = first; n < end; n++) {
        const q = panels + <usize>n * panelBytes + <usize>(c + 1) * NR * 4;
        // Columns of r taps become columns of points, in the first r places of each row; then the rows, in place.
        for (let o = n * NR; o < min(OC, n * NR + NR); o += 4) {
          const at = <usize>o << 2, s = scale ? v128.load(scale + at) : one;
          const g = filter + <usize>c * row + at, to = q + (at & 16);
          for (let x: usize = 0; x < <usize>r; x++)
            transform(points, r, to + x * group, <usize>points * group, NR * 4, g + x * tap, <usize>r * tap, row, count, s);
        }
        for (let y = 0; y < points; y++) {
          const line = q + <usize>(y * points) * group;
          transform(points, r, line, group, 16, line, group, 16, 2 * count, one);
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function transform(
  points: i32, r: i32, q: usize, step: usize, next: usize, p: usize, tap: usize, row: usize, count: i32, s: v128,
): void {
  if (points == 4) points_of_3_in_4(q, step, next, p, tap, row, count, s);
  else if (r == 3) points_of_3_in_6(q, step, next, p, tap, row, count, s);
  else points_of_5_in_6(q, step, next, p, tap, row, count, s);
}

/**
 * G of `count` lists of three values, multiplied by s: values lie `tap` bytes apart and lists `row`, their points `step` and `next`.
 * Points may lie over the values of their own list.
 */
function points_of_3_in_4(
  q: usize, step: usize, next: usize, p: usize, tap: usize, row: usize, count: i32, s: v128,
): void {
  const half = splat(NUMBERS + HALF);
  for (; count > 0; count--, p += row, q += next) {
    const g0 = f32x4.mul(s, v128.load(p)), g1 = f32x4.mul(s, v128.load(p + tap)), g2 = f32x4.mul(s, v128.load(p + 2 * tap));
    const even = f32x4.add(g0, g2);
    v128.store(q, g0);
    v128.store(q + step, f32x4.mul(half, f32x4.add(even, g1)));
    v128.store(q + 2 * step, f32x4.mul(half, f32x4.sub(even, g1)));
    v128.store(q + 3 * step, g2);
  }
}

/** The same with six points. */
function points_of_3_in_6(
  q: usize, step: usize, next: usize, p: usize, tap: usize, row: usize, count: i32, s: v128,
): void {
  const half = splat(NUMBERS + HALF), two = splat(NUMBERS + TWO), third = splat(NUMBERS + TWO_THIRDS), sixth = splat(NUMBERS + SIXTH);
  const root = splat(NUMBERS + A), root_b = splat(NUMBERS + B);
  for (; count > 0; count--, p += row, q += next) {
    const g0 = f32x4.mul(s, v128.load(p)), g1 = f32x4.mul(s, v128.load(p + tap)), g2 = f32x4.mul(s, v128.load(p + 2 * tap));
    const even = f32x4.add(g0, f32x4.mul(half, g2)), odd = f32x4.mul(root, g1);
    v128.store(q, g0);
    v128.store(q + step, f32x4.mul(third, f32x4.add(even, odd)));
    v128.store(q + 2 * step, f32x4.mul(third, f32x4.sub(even, odd)));
    const even_b = f32x4.add(g0, f32x4.mul(two, g2)), odd_b = f32x4.mul(root_b, g1);
    v128.store(q + 3 * step, f32x4.mul(sixth, f32x4.add(even_b, odd_b)));
    v128.store(q + 4 * step, f32x4.mul(sixth, f32x4.sub(even_b, odd_b)));
    v128.store(q + 5 * step, g2);
  }
}

/** The same of lists of five. */
function points_of_5_in_6(
  q: usize, step: usize, next: usize, p: usize, tap: usize, row: usize, count: i32, s: v128,
): void {
  const half = splat(NUMBERS + HALF), two = splat(NUMBERS + TWO), third = splat(NUMBERS + TWO_THIRDS), sixth = splat(NUMBERS + SIXTH);
  const root = splat(NUMBERS + A), root_b = splat(NUMBERS + B);
  for (; count > 0; count--, p += row, q += next) {
    const g0 = f32x4.mul(s, v128.load(p)), g1 = f32x4.mul(s, v128.load(p + tap)), g2 = f32x4.mul(s, v128.load(p + 2 * tap));
    const g3 = f32x4.mul(s, v128.load(p + 3 * tap)), g4 = f32x4.mul(s, v128.load(p + 4 * tap));
    const even = f32x4.add(g0, f32x4.mul(half, f32x4.add(g2, f32x4.mul(half, g4))));
    const odd = f32x4.mul(root, f32x4.add(g1, f32x4.mul(half, g3)));
    v128.store(q, g0);
    v128.store(q + step, f32x4.mul(third, f32x4.add(even, odd)));
    v128.store(q + 2 * step, f32x4.mul(third, f32x4.sub(even, odd)));
    const even_b = f32x4.add(g0, f32x4.mul(two, f32x4.add(g2, f32x4.mul(two, g4))));
    const odd_b = f32x4.mul(root_b, f32x4.add(g1, f32x4.mul(two, g3)));
    v128.store(q + 3 * step, f32x4.mul(sixth, f32x4.add(even_b, odd_b)));
    v128.store(q + 4 * step, f32x4.mul(sixth, f32x4.sub(even_b, odd_b)));
    v128.store(q + 5 * step, g4);
  }
}

// --- The filter gradient ---

/**
 * D = A dy Aᵀ of some tiles, the first of which is tile `first` of the batch, as panels of NR channels D[36][OC / NR][tile],
 * `panel` bytes from one to the next. What lies beyond the edge is zero. Unit: a tile.
 */
export function winograd_grad_f4_f32(
  out: usize, dy: usize, winogradShape: usize, panel: i32, first: i32, from: i32, to: i32,
): void {
  const OH = field(winogradShape, WINOGRAD_OH), OW = field(winogradShape, WINOGRAD_OW), OC = field(winogradShape, WINOGRAD_OC);
  const tilesX = field(winogradShape, WINOGRAD_TILES_X), tilesY = field(winogradShape, WINOGRAD_TILES_Y);
  const sy = field(winogradShape, WINOGRAD_DY), sx = field(winogradShape, WINOGRAD_DX);
  const row = <usize>field(winogradShape, WINOGRAD_OUT_H), pixel = <usize>field(winogradShape, WINOGRAD_OUT_W);
  const point = <usize>((OC + NR - 1) / NR) * <usize>panel;
  for (let t = from; t < to; t++) {
    const tile = first + t;
    assert(tile < field(winogradShape, WINOGRAD_N) * tilesX * sx * tilesY * sy);
    const n = tile / (tilesX * sx * tilesY * sy);
    const oy = row_of(tile, 4, tilesX, sx, tilesY, sy), ox = column_of(tile, 4, tilesX, sx);
    const rows = max(0, min(4, (OH - oy + sy - 1) / sy)), cols = max(0, min(4, (OW - ox + sx - 1) / sx));
    const p = dy + <usize>n * <usize>field(winogradShape, WINOGRAD_OUT_N) + <usize>oy * row + <usize>ox * pixel;
    let q = out + <usize>t * NR * 4;
    for (let c = 0; c < OC; c += NR) {
      const at = p + (<usize>c << 2);
      grad_tile(q, at, point, <usize>sy * row, <usize>sx * pixel, rows, cols, OC - c);
      grad_tile(q + 16, at + 16, point, <usize>sy * row, <usize>sx * pixel, rows, cols, OC - c - 4);
      q += <usize>panel;
    }
  }
}

/** Four channels of one tile; `step` bytes lie between points. Channels past the last are zero. */
function grad_tile(q: usize, p: usize, step: usize, row: usize, pixel: usize, rows: i32, cols: i32, left: i32): void {
  const down: usize = 6 * step;
  const zero = f32x4.splat(0);
  if (left <= 0) rows = 0;
  // Columns of four become columns of six, in the first four places of each row; then the rows, in place.
  for (let x = 0; x < 4; x++) {
    const count = x < cols ? rows : 0;
    grad_points(
      q + <usize>x * step, down, count > 0 ? v128.load(p) : zero, count > 1 ? v128.load(p + row) : zero,
      count > 2 ? v128.load(p + 2 * row) : zero, count > 3 ? v128.load(p + 3 * row) : zero,
    );
    p += pixel;
  }
  for (let y = 0; y < 6; y++) {
    grad_points(q, step, v128.load(q), v128.load(q + step), v128.load(q + 2 * step), v128.load(q + 3 * step));
    q += down;
  }
}

/** A of four values, stored `step` bytes apart. */
function grad_points(q: usize, step: usize, y0: v128, y1: v128, y2: v128, y3: v128): void {
  const half = splat(NUMBERS + HALF), two = splat(NUMBERS + TWO);
  v128.store(q, y0);
  const even = f32x4.add(y0, f32x4.mul(half, y2)), odd = f32x4.mul(splat(NUMBERS + A), f32x4.add(y1, f32x4.mul(half, y3)));
  v128.store(q + step, f32x4.add(even, odd));
  v128.store(q + 2 * step, f32x4.sub(even, odd));
  const even_b = f32x4.add(y0, f32x4.mul(two, y2)), odd_b = f32x4.mul(splat(NUMBERS + B), f32x4.add(y1, f32x4.mul(two, y3)));
  v128.store(q + 3 * step, f32x4.add(even_b, odd_b));
  v128.store(q + 4 * step, f32x4.sub(even_b, odd_b));
  v128.store(q + 5 * step, y3);
}

/** dw [3, 3, C, OC] = Gᵀ M G of M [C, 36, OC], which is overwritten. Unit: an input channel. */
export function winograd_filter_grad_f4_f32(out: usize, products: usize, C: i32, OC: i32, from: i32, to: i32): void {
  assert(0 <= from && from <= to && to <= C);
  assert(OC % 4 == 0);
  const step = <usize>OC << 2, down: usize = 6 * step, tap = <usize>C * step;
  for (let c = from; c < to; c++) {
    let p = products + <usize>(c * 36) * step, q = out + <usize>c * step;
    for (let o = 0; o < OC; o += 4) {
      // Rows of six become rows of three in place; then each of the three columns.
      let v = p;
      for (let y = 0; y < 6; y++) {
        filter_sums(v, step, v, step);
        v += down;
      }
      for (let x: usize = 0; x < 3; x++) filter_sums(q + x * tap, 3 * tap, p + x * step, down);
      p += 16;
      q += 16;
    }
  }
}

/** Gᵀ of six values that lie `down` bytes apart, stored `step` bytes apart. */
function filter_sums(q: usize, step: usize, p: usize, down: usize): void {
  const third = splat(NUMBERS + TWO_THIRDS), sixth = splat(NUMBERS + SIXTH);
  const m0 = v128.load(p), m1 = v128.load(p + down), m2 = v128.load(p + 2 * down);
  const m3 = v128.load(p + 3 * down), m4 = v128.load(p + 4 * down), m5 = v128.load(p + 5 * down);
  const s = f32x4.mul(third, f32x4.add(m1, m2)), t = f32x4.mul(sixth, f32x4.add(m3, m4));
  const d = f32x4.mul(third, f32x4.sub(m1, m2)), e = f32x4.mul(sixth, f32x4.sub(m3, m4));
  v128.store(q, f32x4.add(f32x4.add(m0, s), t));
  v128.store(q + step, madd(splat(NUMBERS + A), d, f32x4.mul(splat(NUMBERS + B), e)));
  v128.store(q + 2 * step, f32x4.add(madd(splat(NUMBERS + HALF), s, f32x4.mul(splat(NUMBERS + TWO), t)), m5));
}
