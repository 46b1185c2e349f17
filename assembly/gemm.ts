// Convolution as a matrix product, without building the matrix: M pixels by N channels, summed over K = taps * channels.
//
//   out[pixel][g][n] = epilogue(bias[g][n] + sum over k of x[pixel + tap(k)][g][k] * panels[g][n / NR][k][n % NR])
//
// x is NHWC, its border already in place. Where pixels and taps lie is told by two tables of byte offsets (an indirection buffer):
// `pixels`, a pair (in x, in out) per output pixel, and `runs`, per block of K a count, then offset and length in floats of each
// run of neighbouring values. Strides, dilation, groups, views, 1 to 3 axes and the phases of a transposed convolution differ
// only in those tables. The epilogue: what out holds is added (accumulate), then limits or an activation are applied.
import { activate_run } from "./activation";
import {
  EPILOGUE_ACCUMULATE, EPILOGUE_ACTIVATION, EPILOGUE_HI, EPILOGUE_LO, EPILOGUE_P, EPILOGUE_Q, GEMM_GROUP_IN, GEMM_GROUP_OUT, GEMM_GROUPS,
  GEMM_K, GEMM_K_BLOCKS, GEMM_M, GEMM_MC, GEMM_N, GEMM_NC, GEMM_PANELS, GRID_D, GRID_H, GRID_IN_D, GRID_IN_H, GRID_IN_N, GRID_IN_W,
  GRID_N, GRID_OUT_D, GRID_OUT_FIRST, GRID_OUT_H, GRID_OUT_N, GRID_OUT_W, GRID_W, NR,
} from "./abi";
import { field, field_f32 } from "./simd";
import { FROM_BIAS, FROM_BOTH, FROM_OUT, MR, MR_HALF } from "./tile";
import { product_tiles } from "./tiles.generated";

/** Panels after which an activation is applied to what they made: 64 channels of a block's pixels are still in L2, at worst. */
const ACTIVATE_PANELS = 8;

/**
 * Unit: a block of MC pixels by NC panels of one group; blocks count group, then pixels, then panels (fastest). A panel's part of K
 * stays in L1 while the pixels of the block stream past it.
 */
export function gemm_f32(
  out: usize, x: usize, panels: usize, pixels: usize, runs: usize, gemmShape: usize, epilogue: usize, from: i32, to: i32,
): void {
  const M = field(gemmShape, GEMM_M), N = field(gemmShape, GEMM_N), K = field(gemmShape, GEMM_K);
  const MC = field(gemmShape, GEMM_MC), NC = field(gemmShape, GEMM_NC), kBlocks = field(gemmShape, GEMM_K_BLOCKS);
  const PANELS = field(gemmShape, GEMM_PANELS);
  const start = field(epilogue, EPILOGUE_ACCUMULATE) ? FROM_BOTH : FROM_BIAS;
  const activation = field(epilogue, EPILOGUE_ACTIVATION);
  const lo = field_f32(epilogue, EPILOGUE_LO), hi = field_f32(epilogue, EPILOGUE_HI);
  const panelCount = (N + NR - 1) / NR;
  const panelBytes = <usize>(K + 1) * NR * 4;
  const across = (panelCount + NC - 1) / NC, down = (M + MC - 1) / MC;
  assert(PANELS > 0 && 0 <= from && from <= to && to <= across * down * field(gemmShape, GEMM_GROUPS));

  for (let block = from; block < to; block++) {
    const group = block / (across * down);
    const m0 = ((block / across) % down) * MC, m1 = min(m0 + MC, M);
    const n0 = (block % across) * NC, n1 = min(n0 + NC, panelCount);
    const xg = x + <usize>group * <usize>field(gemmShape, GEMM_GROUP_IN);
    const og = out + <usize>group * <usize>field(gemmShape, GEMM_GROUP_OUT);
    const first = panels + <usize>(group * panelCount) * panelBytes;
    let table = runs;
    let k: usize = 0;
    for (let b = 0; b < kBlocks; b++) {
      const last = b == kBlocks - 1;
      // Only the last block of K ends in the epilogue: a sum in the making must pass unharmed.
      const low: f32 = last ? lo : -Infinity, high: f32 = last ? hi : Infinity;
      for (let n = n0, done = n0; n < n1; ) {
        const columns = min(N - n * NR, NR);
        // Panels that fit L1 together: each line of out is written, and each pixel read, once for all of them.
        const together = columns == NR ? min(min(N / NR, n1) - n, PANELS) : 1;
        const bias = first + <usize>n * panelBytes, skip = (k + 1) * NR * 4;
        const o = og + (<usize>n << 5);
        // Rows are shared out evenly: a tile of five costs hardly more per row than one of six, a tile of one several times.
        const largest = columns > 4 ? MR : MR_HALF;
        const tiles = (m1 - m0 + largest - 1) / largest, short = (m1 - m0) / tiles, longer = (m1 - m0) % tiles;
        const origin = b ? FROM_OUT : start;
        const table_m = pixels + (<usize>m0 << 3), rest = table_m + (<usize>(longer * (short + 1)) << 3);
        product_tiles(short + 1, longer, together, columns, o, xg, bias, panelBytes, skip, table_m, table, origin, low, high);
        product_tiles(short, tiles - longer, together, columns, o, xg, bias, panelBytes, skip, rest, table, origin, low, high);
        n += together;
        if (activation && last && (n - done >= ACTIVATE_PANELS || n == n1)) {
          activate_pixels(activation, og, table_m, m1 - m0, done, n, N, epilogue);
          done = n;
        }
      }
      const count = load<i32>(table);
      for (let i = 0; i < count; i++) k += <usize>load<i32>(table + (<usize>i << 3), 8);
      table += 4 + (<usize>count << 3);
    }
  }
}

/** Applies an activation to the channels of panels n0 to n1 of some pixels, where they lie. */
function activate_pixels(
  activation: i32, out: usize, pixels: usize, count: i32, n0: i32, n1: i32, N: i32, epilogue: usize,
): void {
  const p = field_f32(epilogue, EPILOGUE_P), q = field_f32(epilogue, EPILOGUE_Q);
  const channels = min(n1 * NR, N) - n0 * NR;
  out += <usize>n0 << 5;
  for (; count > 0; count--, pixels += 8) {
    const o = out + load<u32>(pixels, 4);
    activate_run(activation, o, o, channels, p, q);
  }
}

/** Fills the pixel table of a grid. Unit: a row of GRID_W pixels. */
export function gemm_pixels(pixels: usize, pixelGrid: usize, from: i32, to: i32): void {
  const D = field(pixelGrid, GRID_D), H = field(pixelGrid, GRID_H), W = field(pixelGrid, GRID_W);
  const stepIn = field(pixelGrid, GRID_IN_W), stepOut = field(pixelGrid, GRID_OUT_W);
  assert(0 <= from && from <= to && to <= field(pixelGrid, GRID_N) * D * H);
  for (let row = from; row < to; row++) {
    const n = row / (D * H), z = (row / H) % D, y = row % H;
    let i = n * field(pixelGrid, GRID_IN_N) + z * field(pixelGrid, GRID_IN_D) + y * field(pixelGrid, GRID_IN_H);
    let o = n * field(pixelGrid, GRID_OUT_N) + z * field(pixelGrid, GRID_OUT_D) + y * field(pixelGrid, GRID_OUT_H);
    o += field(pixelGrid, GRID_OUT_FIRST);
    let p = pixels + (<usize>row * <usize>W << 3);
    for (let w = 0; w < W; w++, p += 8) {
      store<i32>(p, i);
      store<i32>(p, o, 4);
      i += stepIn;
      o += stepOut;
    }
  }
}
