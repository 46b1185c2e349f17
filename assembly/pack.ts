// Packs a filter into the panels gemm.ts reads.
//
//   panels[g][n / NR] = [ bias of NR channels | row 0 of NR weights | row 1 | ... row K - 1 ]       zeros past the last channel
//
// The filter is [taps, C, G * N] dense: channel n of group g is column g * N + n. `taps` lists the taps that take part, in the
// order in which the segments visit them, so that a phase of a transposed convolution packs only its own.
import { NR } from "./abi";
import { load_some } from "./simd";

/**
 * taps: i32[tapCount], the row-major index of each tap in the filter. C channels per group, N filters per group, G groups.
 * Unit: one panel; panels count group, then n / NR. bias may be 0: zeros.
 */
export function pack_filter_f32(
  panels: usize, filter: usize, bias: usize, taps: usize, tapCount: i32, C: i32, N: i32, G: i32, from: i32, to: i32,
): void {
  const perGroup = (N + NR - 1) / NR;
  assert(0 <= from && from <= to && to <= perGroup * G);
  const rowBytes = <usize>(N * G) << 2;
  let p = panels + <usize>from * (<usize>tapCount * C + 1) * NR * 4;
  for (let panel = from; panel < to; panel++) {
    const n = (panel % perGroup) * NR;
    const column = <usize>((panel / perGroup) * N + n) << 2;
    const cols = min(N - n, NR);
    copy_row(p, bias + column, bias ? cols : 0);
    p += NR * 4;
    for (let t = 0; t < tapCount; t++) {
      let row = filter + <usize>load<i32>(taps + (<usize>t << 2)) * <usize>C * rowBytes + column;
      for (let c = 0; c < C; c++) {
        copy_row(p, row, cols);
        p += NR * 4;
        row += rowBytes;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function copy_row(p: usize, from: usize, cols: i32): void {
  v128.store(p, load_some(from, cols));
  v128.store(p, load_some(from + 16, cols - 4), 16);
}
