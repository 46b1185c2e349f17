// The fully connected layer, and products of matrices, as ONNX nodes.
import type { Edge } from "../../graph/graph.ts";
import { dense } from "../../ops/dense.ts";
import { type MatMulParams, matmul } from "../../ops/matmul.ts";
import { entry, range, type Translation, type TranslationEntry } from "./call.ts";
import type { OnnxGraph } from "./graph.ts";

/** A matrix, or many, with the last two axes exchanged where that is asked for. */
function matrix(g: OnnxGraph, edge: Edge, exchanged: boolean): string {
  const rank = edge.shape.length;
  if (!exchanged || rank < 2) return g.value(edge, "last");
  const perm = [...range(rank - 2), rank - 1, rank - 2];
  const dims = perm.map((axis) => edge.shape[axis]);
  return g.weight(edge, edge.shape, perm, dims);
}

const writeMatMul: Translation<MatMulParams> = (g, { inputs: [a, b], outputs: [y], params }) => {
  const operands = [matrix(g, a, params.transposeA), matrix(g, b, params.transposeB)];
  g.define(y, g.emit("MatMul", operands), "last");
};

export const denseTranslations: readonly TranslationEntry[] = [
  entry(dense, (g, { inputs: [x, w, bias], outputs: [y] }) => {
    const [features, units] = w.shape;
    // Where the input was flattened channels first, the rows of the weight are permuted likewise.
    const c = g.flattenedFrom(x)?.at(-1) ?? 1;
    const weight = g.weight(w, [features / c, c, units], [1, 0, 2], w.shape);
    const operands = [g.value(x, "last"), weight];
    if (x.shape.length === 2) {
      if (bias) operands.push(g.plain(bias));
      g.define(y, g.emit("Gemm", operands), "last");
      return;
    }
    const product = g.emit("MatMul", operands);
    g.define(y, bias ? g.emit("Add", [product, g.plain(bias)]) : product, "last");
  }),
  entry(matmul, writeMatMul),
];
