// Rewrites a graph into one that computes the same with fewer passes over memory.
import { type Activation, activation } from "./activation.ts";
import { conv } from "./conv.ts";
import { convTranspose } from "./conv-transpose.ts";
import { dense } from "./dense.ts";
import { Edge, type Graph, type Node } from "./graph.ts";
import { batchNorm } from "./norm.ts";

/** Ops that take a filter whose last axis is the output channel, then maybe a bias, and can apply an activation. */
const PRODUCTS = new Set<unknown>([conv, convTranspose, dense]);

/** Folds batch normalisation into the product before it, and activations into the product before them. */
export function fuse(graph: Graph, outputs: Edge[]): void {
  graph.prune(outputs);
  foldBatchNorm(graph, outputs);
  fuseActivation(graph, outputs);
  graph.prune(outputs);
}

/** The product that makes the first input of `node`, if nobody else reads it and it has no activation yet. */
function producer(node: Node, uses: Map<Edge, number>): Node | undefined {
  const before = node.inputs[0].node;
  if (!before || !PRODUCTS.has(before.op) || uses.get(node.inputs[0]) !== 1) return undefined;
  return (before.params as { activation?: unknown }).activation ? undefined : before;
}

/** `by` now makes what `node` made; `node` makes nothing and is pruned. */
function takeOver(node: Node, by: Node): void {
  by.outputs = node.outputs;
  by.outputs[0].node = by;
  node.outputs = [];
}

/** gamma * (w·x + b − mean) / sqrt(var + eps) + beta is a product again: w * s and (b − mean) * s + beta, s = gamma / sqrt(var + eps). */
function foldBatchNorm(graph: Graph, outputs: Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of graph.nodes) {
    if (node.op !== batchNorm) continue;
    const before = producer(node, uses);
    if (!before) continue;
    const [, filter, bias] = before.inputs;
    const [gamma, beta, mean, variance] = node.inputs.slice(1).map((e) => e.data);
    if (!filter.data || (bias && !bias.data) || !gamma || !beta || !mean || !variance) continue;
    const { epsilon } = node.params as { epsilon: number };
    const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i] + epsilon));
    const n = scale.length;
    const w = filter.data.map((v, i) => v * scale[i % n]);
    const b = beta.map((v, i) => v + ((bias?.data?.[i] ?? 0) - mean[i]) * scale[i]);
    before.inputs = [before.inputs[0], new Edge(filter, w), new Edge({ shape: [n], dtype: "float32" }, b)];
    takeOver(node, before);
  }
}

function fuseActivation(graph: Graph, outputs: Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of graph.nodes) {
    if (node.op !== activation) continue;
    const before = producer(node, uses);
    if (!before) continue;
    before.params = { ...(before.params as object), activation: node.params as Activation };
    takeOver(node, before);
  }
}
