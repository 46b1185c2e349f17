// Convolution as a matrix product, without building the matrix: M pixels by N channels, summed over K = taps * channels.
//
//   out[pixel][g][n] = clamp(bias[g][n] + sum over k of x[pixel + tap(k)][g][k] * panels[g][n / NR][k][n % NR])
//
// x is dense NHWC with its border already in place; where pixels and taps lie is told by two tables of byte offsets,
// `pixels` (one pair in, out per output pixel) and `segments` (per block of K: a count, then offset and length in floats).
// Stride, dilation, groups, 1 to 3 axes and the phases of a transposed convolution differ only in those tables.
import {
  GEMM_GROUP_IN, GEMM_GROUP_OUT, GEMM_GROUPS, GEMM_K, GEMM_K_BLOCKS, GEMM_M, GEMM_MC, GEMM_N, GEMM_NC,
  GRID_D, GRID_H, GRID_IN_D, GRID_IN_H, GRID_IN_N, GRID_IN_W, GRID_N,
  GRID_OUT_D, GRID_OUT_FIRST, GRID_OUT_H, GRID_OUT_N, GRID_OUT_W, GRID_W, NR,
} from "./abi";
import { field } from "./simd";
import { FROM_BIAS, FROM_BOTH, FROM_OUT, MR, MR_HALF, run_tile } from "./tile";

/** Unit: a cell of MC pixels by NC panels of one group; cells count group, then pixels, then panels (fastest). */
export function gemm_f32(
  out: usize, x: usize, panels: usize, pixels: usize, segments: usize, shape: usize, lo: f32, hi: f32,
  from: i32, to: i32,
): void {
  multiply(FROM_BIAS, out, x, panels, pixels, segments, shape, lo, hi, from, to);
}

/** The same, added to what out holds before it is clamped: the end of a residual block. */
export function gemm_acc_f32(
  out: usize, x: usize, panels: usize, pixels: usize, segments: usize, shape: usize, lo: f32, hi: f32,
  from: i32, to: i32,
): void {
  multiply(FROM_BOTH, out, x, panels, pixels, segments, shape, lo, hi, from, to);
}

/** The loops round the tile. A panel's block of K stays in L1 while the pixels of the cell stream past it. */
function multiply(
  start: i32, out: usize, x: usize, panels: usize, pixels: usize, segments: usize, shape: usize, lo: f32, hi: f32,
  from: i32, to: i32,
): void {
  const M = field(shape, GEMM_M), N = field(shape, GEMM_N), K = field(shape, GEMM_K);
  const MC = field(shape, GEMM_MC), NC = field(shape, GEMM_NC), blocks = field(shape, GEMM_K_BLOCKS);
  const panelCount = (N + NR - 1) / NR;
  const panelBytes = <usize>(K + 1) * NR * 4;
  const across = (panelCount + NC - 1) / NC, down = (M + MC - 1) / MC;
  assert(0 <= from && from <= to && to <= across * down * field(shape, GEMM_GROUPS));

  for (let cell = from; cell < to; cell++) {
    const group = cell / (across * down);
    const m0 = ((cell / across) % down) * MC, m1 = min(m0 + MC, M);
    const n0 = (cell % across) * NC, n1 = min(n0 + NC, panelCount);
    const xg = x + <usize>group * <usize>field(shape, GEMM_GROUP_IN);
    const og = out + <usize>group * <usize>field(shape, GEMM_GROUP_OUT);
    const first = panels + <usize>(group * panelCount) * panelBytes;
    let block = segments;
    let k: usize = 0;
    for (let b = 0; b < blocks; b++) {
      for (let n = n0; n < n1; n++) {
        const bias = first + <usize>n * panelBytes;
        const panel = bias + (k + 1) * NR * 4;
        const o = og + (<usize>n << 5);
        const cols = min(N - n * NR, NR);
        // Rows are shared out evenly: a tile of five costs hardly more per row than one of six, a tile of one several times.
        const most = cols > 4 ? MR : MR_HALF;
        const tiles = (m1 - m0 + most - 1) / most, short = (m1 - m0) / tiles, longer = (m1 - m0) % tiles;
        for (let m = m0, i = 0; m < m1; i++) {
          const rows = i < longer ? short + 1 : short;
          run_tile(rows, cols, o, xg, panel, bias, pixels + (<usize>m << 3), block, b ? FROM_OUT : start, b == blocks - 1, lo, hi);
          m += rows;
        }
      }
      const count = load<i32>(block);
      for (let i = 0; i < count; i++) k += <usize>load<i32>(block + (<usize>i << 3), 8);
      block += 4 + (<usize>count << 3);
    }
  }
}

/** Fills the pixel table of a grid. Unit: a row of GRID_W pixels. */
export function gemm_pixels(pixels: usize, grid: usize, from: i32, to: i32): void {
  const D = field(grid, GRID_D), H = field(grid, GRID_H), W = field(grid, GRID_W);
  assert(0 <= from && from <= to && to <= field(grid, GRID_N) * D * H);
  for (let row = from; row < to; row++) {
    const n = row / (D * H), z = (row / H) % D, y = row % H;
    let i = n * field(grid, GRID_IN_N) + z * field(grid, GRID_IN_D) + y * field(grid, GRID_IN_H);
    let o = n * field(grid, GRID_OUT_N) + z * field(grid, GRID_OUT_D) + y * field(grid, GRID_OUT_H) + field(grid, GRID_OUT_FIRST);
    let p = pixels + (<usize>row * <usize>W << 3);
    for (let w = 0; w < W; w++, p += 8) {
      store<i32>(p, i);
      store<i32>(p, o, 4);
      i += field(grid, GRID_IN_W);
      o += field(grid, GRID_OUT_W);
    }
  }
}
