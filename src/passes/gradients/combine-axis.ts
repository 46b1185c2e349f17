// The adjoint of taking indices along one axis of any value.
import type { Edge, Graph } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/op.ts";
import { reshapeTo } from "./broadcast.ts";
import { combine, type SparseMatrix, sparseMatrix, transposed } from "./combine.ts";

/** Multiplies one axis of an edge by a matrix. */
export function combineAxis(g: Graph, edge: Edge, axis: number, matrix: SparseMatrix): Edge {
  const { shape } = edge;
  const images = [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))];
  const combined = g.op(combine, [reshapeTo(g, edge, images)], { axes: [matrix] });
  return reshapeTo(g, combined, shape.with(axis, matrix.rows.length));
}

/** The gradient of x, of which an axis gave the values at `indices`, from that of the result. */
export const alongAxis = (g: Graph, dy: Edge, axis: number, x: Shape, indices: readonly number[]): Edge =>
  combineAxis(g, dy, axis, transposed(sparseMatrix(x[axis], indices.length, (i) => [[indices[i], 1]])));
