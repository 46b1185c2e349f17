// Packs a filter into the panels gemm.ts reads.
//
//   panels[g][n / NR] = [ bias of NR channels | row 0 of NR weights | row 1 | ... row K - 1 ]       zeros past the last channel
//
// The filter is [taps, C, G * N] dense: channel n of group g is column g * N + n. `taps` lists the taps that take part, in the
// order in which the segments visit them, so that a phase of a transposed convolution packs only its own.
import { NR } from "./abi";
import { load_some } from "./simd";

/** Panels, and rows of the filter, that are packed together: the cache lines and pages of a row hold channels of several panels. */
const PANELS = 16;
const ROWS = 64;

/**
 * taps: i32[tapCount], the row-major index of each tap in the filter. C channels per group, N filters per group, G groups. Column o of
 * the filter is multiplied by scale[o]; scale may be 0: by one. bias may be 0: zeros. Unit: one panel; panels count group, then n / NR.
 */
export function pack_filter_f32(
  panels: usize, filter: usize, scale: usize, bias: usize, taps: usize, tapCount: i32, C: i32, N: i32, G: i32, from: i32, to: i32,
): void {
  const perGroup = (N + NR - 1) / NR;
  assert(0 <= from && from <= to && to <= perGroup * G);
  const rowBytes = <usize>(N * G) << 2, panelBytes = <usize>(tapCount * C + 1) * NR * 4;
  for (let first = from; first < to; first += PANELS) {
    const end = min(first + PANELS, to);
    for (let panel = first; panel < end; panel++) {
      const n = (panel % perGroup) * NR;
      pack_rows(panels + <usize>panel * panelBytes, bias, 0, (panel / perGroup) * N + n, bias ? N - n : 0, 0, 1);
    }
    for (let t = 0; t < tapCount; t++) {
      const tap = filter + <usize>load<i32>(taps + (<usize>t << 2)) * <usize>C * rowBytes;
      for (let c = 0; c < C; c += ROWS) {
        for (let panel = first; panel < end; panel++) {
          const n = (panel % perGroup) * NR;
          const p = panels + <usize>panel * panelBytes + <usize>(t * C + c + 1) * NR * 4;
          pack_rows(p, tap + <usize>c * rowBytes, scale, (panel / perGroup) * N + n, N - n, rowBytes, min(ROWS, C - c));
        }
      }
    }
  }
}

/** `rows` rows of a panel, from column `column` on, of which there are `cols`. */
function pack_rows(p: usize, row: usize, scale: usize, column: i32, cols: i32, rowBytes: usize, rows: i32): void {
  const at = <usize>column << 2, one = f32x4.splat(1);
  const low = scale ? load_some(scale + at, cols) : one, high = scale ? load_some(scale + at + 16, cols - 4) : one;
  row += at;
  for (; rows > 0 && cols >= NR; rows--, p += NR * 4, row += rowBytes) {
    v128.store(p, f32x4.mul(v128.load(row), low));
    v128.store(p, f32x4.mul(v128.load(row, 16), high), 16);
  }
  for (; rows > 0; rows--, p += NR * 4, row += rowBytes) {
    v128.store(p, f32x4.mul(load_some(row, cols), low));
    v128.store(p, f32x4.mul(load_some(row + 16, cols - 4), high), 16);
  }
}
