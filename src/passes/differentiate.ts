// Reverse-mode differentiation: appends to a graph the ops that make the gradients of one edge with respect to others.
import { UnsupportedError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { isEmpty, sizeOf } from "../graph/op.ts";
import { binary } from "../ops/elementwise.ts";
import { zeros } from "./gradients/broadcast.ts";
import { GRADIENTS } from "./gradients/index.ts";
import type { GradientRule } from "./gradients/rule.ts";

/**
 * The gradients of sum(dy · y) with respect to the edges `wrt`, in their order; undefined for those y does not depend on. dy defaults
 * to ones: the gradients of a loss. Throws UnsupportedError where an op on the way has no gradient.
 */
export function differentiate(graph: Graph, y: Edge, wrt: readonly Edge[], dy?: Edge): (Edge | undefined)[] {
  // Only what lies between `wrt` and y needs gradients.
  const dependent = new Set<Edge>(wrt);
  const nodes = graph.nodes.filter((node) => {
    if (!node.inputs.some((edge) => dependent.has(edge))) return false;
    for (const edge of node.outputs) dependent.add(edge);
    return true;
  });
  const gradients = new Map<Edge, Edge>();
  if (dependent.has(y))
    gradients.set(y, dy ?? graph.constant(new Float32Array(sizeOf(y.shape)).fill(1), y.shape));
  for (const node of nodes.reverse()) {
    const dys = node.outputs.map((edge) => gradients.get(edge));
    if (dys.every((dy) => dy === undefined)) continue;
    const wanted = node.inputs.map((edge) => dependent.has(edge));
    // The sum over no elements, or the gradient of none.
    const isZero =
      node.outputs.every((edge, i) => !dys[i] || isEmpty(edge)) ||
      node.inputs.every((edge, i) => !wanted[i] || isEmpty(edge));
    const rule = isZero ? noSlopes : GRADIENTS.get(node.op);
    if (!rule)
      throw new UnsupportedError(
        `${node.where}: cannot be differentiated, its op "${node.op.name}" has no gradient; in a network, freeze the layers before it`,
      );
    graph.enter(node.layer, node.where);
    rule(graph, node, dys, wanted).forEach((gradient, i) => {
      if (!gradient || !wanted[i]) return;
      const edge = node.inputs[i];
      const sum = gradients.get(edge);
      // An edge read by several ops gets the sum of what each of them gives it.
      gradients.set(edge, sum ? graph.op(binary, [sum, gradient], { kind: "add" }) : gradient);
    });
  }
  return wrt.map((edge) => gradients.get(edge));
}

const noSlopes: GradientRule = (graph, { inputs }) =>
  inputs.map((edge) => (edge.dtype === "float32" ? zeros(graph, edge.shape) : undefined));
