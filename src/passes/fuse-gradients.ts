// Rewrites the backward pass of a graph into one that needs less memory.
import { Edge, type Graph, type Node } from "../graph/graph.ts";
import { maxPool } from "../ops/pool.ts";
import { takeOver } from "./fuse.ts";
import { activationGrad } from "./gradients/activation.ts";
import { maxPoolGrad, maxPoolPairsGrad } from "./gradients/pool.ts";

/**
 * Moves an activation's gradient from after max pooling's gradient to before it, onto as many values as there are windows: where the
 * largest value of a window lies the activation's output is that value, and elsewhere the gradient is 0. The pool's gradient may then
 * overwrite its input.
 */
export function sinkActivationGradient(graph: Graph, outputs: readonly Edge[]): void {
  const uses = graph.uses(outputs);
  /** By the pool's gradient, the activation's that is now computed before it. */
  const moved = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (node.op !== activationGrad) continue;
    const [from, v] = node.inputs;
    const pool = from.node;
    if (pool?.op !== maxPoolGrad && pool?.op !== maxPoolPairsGrad) continue;
    const [x, dy, maxima] = pool.inputs;
    if (v !== x || uses.get(from) !== 1) continue;
    const y = maxima ?? forwardOf(graph, pool);
    if (!y) continue;
    const before: Node = { ...node, inputs: [dy, y], outputs: [new Edge(dy)] };
    before.outputs[0].node = before;
    pool.inputs = pool.inputs.with(1, before.outputs[0]);
    takeOver(node, pool);
    moved.set(pool, before);
  }
  graph.nodes = graph.nodes.flatMap((node) => {
    const before = moved.get(node);
    return before ? [before, node] : [node];
  });
  graph.prune(outputs);
}

/** What max pooling gives whose gradient a node makes, where that is computed. */
const forwardOf = ({ nodes }: Graph, { inputs, params }: Node): Edge | undefined =>
  nodes.find((node) => node.op === maxPool && node.params === params && node.inputs[0] === inputs[0])
    ?.outputs[0];
