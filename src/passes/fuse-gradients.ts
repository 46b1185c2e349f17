// Rewrites the backward pass of a graph into one that needs less memory.
import { Edge, type Graph, type Node } from "../graph/graph.ts";
import { takeOver } from "./fuse.ts";
import { activationGrad } from "./gradients/activation.ts";
import { maxPoolGrad, maxPoolPairsGrad } from "./gradients/pool.ts";

/**
 * An activation's gradient after max pooling's becomes one before it, on as many values as there are windows: where the window's
 * largest value lies the activation's output is that value, and elsewhere the gradient is 0. The pool may then overwrite its input.
 */
export function sinkActivationGradient(graph: Graph, outputs: readonly Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of [...graph.nodes]) {
    if (node.op !== activationGrad) continue;
    const [from, v] = node.inputs;
    const pool = from.node;
    if (pool?.op !== maxPoolGrad && pool?.op !== maxPoolPairsGrad) continue;
    const [x, dy, y] = pool.inputs;
    if (v !== x || uses.get(from) !== 1) continue;
    const gate: Node = { ...node, inputs: [dy, y], outputs: [new Edge(dy)] };
    gate.outputs[0].node = gate;
    graph.nodes.splice(graph.nodes.indexOf(pool), 0, gate);
    pool.inputs = [x, gate.outputs[0], y];
    takeOver(node, pool);
  }
  graph.prune(outputs);
}
