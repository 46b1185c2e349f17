// Packs matrices that are values of a run, rather than filters, into the panels gemm.ts reads: each matrix is a group.
//
//   panels[matrix][n / NR] = [ zeros | row 0 of NR columns | row 1 | ... row K - 1 ]       zeros past the last column
import { NR } from "./abi";
import { high_halves, high_pairs, load_some, low_halves, low_pairs } from "./simd";

/**
 * b: dense matrices [K, N], or [N, K] where `transposed` is 1. Unit: one panel; panels count matrix, then n / NR.
 */
export function pack_matrix_f32(
  panels: usize, b: usize, K: i32, N: i32, transposed: i32, from: i32, to: i32,
): void {
  const perMatrix = (N + NR - 1) / NR;
  assert(0 <= from && from <= to && K > 0 && N > 0);
  const panelBytes = (<usize>K + 1) * NR * 4;
  const rowBytes = <usize>N << 2;
  let p = panels + <usize>from * panelBytes;
  for (let panel = from; panel < to; panel++, p += panelBytes) {
    const n = (panel % perMatrix) * NR;
    const columns = min(N - n, NR);
    let row = b + <usize>(panel / perMatrix) * <usize>K * rowBytes;
    v128.store(p, f32x4.splat(0));
    v128.store(p, f32x4.splat(0), 16);
    if (transposed) {
      row += <usize>n * <usize>K << 2;
      pack_columns(p + NR * 4, row, K, columns);
      pack_columns(p + NR * 4 + 16, row + (<usize>K << 4), K, columns - 4);
      continue;
    }
    row += <usize>n << 2;
    let q = p + NR * 4;
    for (let k = K; k > 0; k--, q += NR * 4, row += rowBytes) {
      v128.store(q, load_some(row, columns));
      v128.store(q, load_some(row + 16, columns - 4), 16);
    }
  }
}

/** Half a panel: 4 columns, each of them K neighbouring floats; those past `columns` are zero. */
function pack_columns(p: usize, column: usize, K: i32, columns: i32): void {
  const bytes = <usize>K << 2;
  let k = K;
  if (columns >= 4)
    for (; k >= 4; k -= 4, column += 16, p += 4 * NR * 4) {
      const a = v128.load(column), b = v128.load(column + bytes);
      const c = v128.load(column + 2 * bytes), d = v128.load(column + 3 * bytes);
      const ab = low_pairs(a, b), cd = low_pairs(c, d), AB = high_pairs(a, b), CD = high_pairs(c, d);
      v128.store(p, low_halves(ab, cd));
      v128.store(p, high_halves(ab, cd), NR * 4);
      v128.store(p, low_halves(AB, CD), 2 * NR * 4);
      v128.store(p, high_halves(AB, CD), 3 * NR * 4);
    }
  columns = min(columns, 4);
  for (; k > 0; k--, column += 4, p += NR * 4) {
    v128.store(p, f32x4.splat(0));
    for (let j = 0; j < columns; j++) store<f32>(p + (<usize>j << 2), load<f32>(column + <usize>j * bytes));
  }
}
