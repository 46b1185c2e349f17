// The gradient of the matrix product: with a = A and b = B, dA = dY Bᵀ and dB = Aᵀ dY, summed over axes that were broadcast.
import type { Edge, Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/op.ts";
import { type MatMulParams, matmul } from "../../ops/matmul.ts";
import { reshapeTo, sumTo } from "./broadcast.ts";
import { type GradientEntry, gradientOf, whereWanted } from "./rule.ts";

const product = (g: Graph, a: Edge, b: Edge, transposeA: boolean, transposeB: boolean): Edge =>
  g.op(matmul, [a, b], { transposeA, transposeB });

/** dB of one matrix for all rows of a: these are one long matrix. */
function sharedGradient(g: Graph, a: Edge, dy: Edge, transposeB: boolean): Edge {
  const rows = (x: Edge): Edge => {
    const columns = x.shape[x.shape.length - 1];
    return reshapeTo(g, x, [sizeOf(x.shape) / columns, columns]);
  };
  return transposeB ? product(g, rows(dy), rows(a), true, false) : product(g, rows(a), rows(dy), true, false);
}

function matmulGradient(
  g: Graph,
  [x, w]: readonly Edge[],
  dy: Edge,
  params: MatMulParams,
  wanted: readonly boolean[],
): (Edge | undefined)[] {
  // A vector is a row a, or a column b, which does not know transposition.
  const [row, column] = [x.shape.length === 1, w.shape.length === 1];
  const a = row ? reshapeTo(g, x, [1, x.shape[0]]) : x;
  const b = column ? reshapeTo(g, w, [w.shape[0], 1]) : w;
  const transposeA = params.transposeA && !row;
  const transposeB = params.transposeB && !column;
  const batch = dy.shape.slice(0, dy.shape.length - Number(!row) - Number(!column));
  const m = a.shape.at(transposeA ? -1 : -2)!;
  const n = b.shape.at(transposeB ? -2 : -1)!;
  const d = reshapeTo(g, dy, [...batch, m, n]);
  const back = (of: Edge, gradient: Edge, original: Edge): Edge =>
    reshapeTo(g, sumTo(g, gradient, of.shape), original.shape);
  return whereWanted(wanted, [
    () => back(a, transposeA ? product(g, b, d, transposeB, true) : product(g, d, b, false, !transposeB), x),
    () => {
      const shared = b.shape.length === 2 && !transposeA && String(a.shape.slice(0, -2)) === String(batch);
      if (shared) return back(b, sharedGradient(g, a, d, transposeB), w);
      return back(
        b,
        transposeB ? product(g, d, a, true, transposeA) : product(g, a, d, !transposeA, false),
        w,
      );
    },
  ]);
}

export const matmulGradients: readonly GradientEntry[] = [
  gradientOf(matmul, (g, { inputs, params }, dy, wanted) => matmulGradient(g, inputs, dy, params, wanted)),
];
