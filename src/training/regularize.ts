// L1 and L2 terms of weights, as parts of what a training minimises.
import type { Edge, Graph } from "../graph/graph.ts";
import type { Regularizer } from "../network/layer-selection.ts";
import { activation } from "../ops/activation.ts";
import { affine, binary } from "../ops/elementwise.ts";
import { reduce } from "../ops/reduce.ts";

/** The weights that are regularised: filters and matrices, not biases or what normalises. */
const KERNEL = /\.(kernel|depthwise|pointwise)$/;

interface Weight {
  readonly name: string;
  readonly layer: string;
  readonly edge: Edge;
}

/** The loss with l1 · Σ|w| and l2 · Σw² of each regulariser added, over the kernels among `weights`. */
export function regularized(
  g: Graph,
  loss: Edge,
  weights: readonly Weight[],
  regularizers: readonly (Regularizer & { layers?: readonly string[] })[],
): Edge {
  g.enter("loss", "regularize");
  const sum = (edge: Edge): Edge =>
    g.op(reduce, [edge], { kind: "sum", axes: edge.shape.map((_, i) => i), keepDims: false });
  const plus = (a: Edge, b: Edge, scale: number): Edge =>
    g.op(binary, [a, g.op(affine, [b], { scale, offset: 0 })], { kind: "add" });
  let total = loss;
  for (const { l1 = 0, l2 = 0, layers } of regularizers)
    for (const { name, layer, edge } of weights) {
      if (!KERNEL.test(name) || (layers && !layers.includes(layer))) continue;
      if (l1) total = plus(total, sum(g.op(activation, [edge], { kind: "abs" })), l1);
      if (l2) total = plus(total, sum(g.op(binary, [edge, edge], { kind: "mul" })), l2);
    }
  return total;
}
