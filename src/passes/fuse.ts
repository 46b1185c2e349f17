// Rewrites a graph into one that computes the same with fewer passes over memory.

import { Edge, floatsOf, type Graph, type Node } from "../graph/graph.ts";
import { type Activation, activation } from "../ops/activation.ts";
import { accumulates, conv, convAdd } from "../ops/conv.ts";
import { type ConvParams, convGeometry } from "../ops/conv-geometry.ts";
import { convTranspose } from "../ops/conv-transpose.ts";
import { dense } from "../ops/dense.ts";
import { type BinaryParams, binary } from "../ops/elementwise.ts";
import { batchNorm } from "../ops/norm.ts";
import { isSpatial, type PadParams, pad } from "../ops/pad.ts";
import { scaled, valuesOf } from "../runtime/address.ts";

/** Ops that take a filter whose last axis is the output channel, then maybe a bias, and can apply an activation. */
const PRODUCTS = new Set<unknown>([conv, convTranspose, dense]);
/** Ops that can apply an activation to their result. */
const ACTIVATE = new Set<unknown>([...PRODUCTS, convAdd, batchNorm]);

/** Folds batch normalisation, the sum that ends a residual block, and activations into the op before them, and zeros round an input into the convolution after them. */
export function fuse(graph: Graph, outputs: Edge[]): void {
  graph.prune(outputs);
  foldPad(graph, outputs);
  foldBatchNorm(graph, outputs);
  graph.prune(outputs);
  fuseSum(graph, outputs);
  fuseActivation(graph, outputs);
  graph.prune(outputs);
}

/** The op, of those, that makes the first input of `node`, if nobody else reads it and it has no activation yet. */
function producer(node: Node, uses: Map<Edge, number>, of: ReadonlySet<unknown>): Node | undefined {
  const before = node.inputs[0].node;
  if (!before || !of.has(before.op) || uses.get(node.inputs[0]) !== 1) return undefined;
  return (before.params as { activation?: unknown }).activation ? undefined : before;
}

/** `by` now makes what `node` made; `node` makes nothing and is pruned. */
export function takeOver(node: Node, by: Node): void {
  by.outputs = node.outputs;
  by.outputs[0].node = by;
  node.outputs = [];
}

/** Zeros round the input of a convolution become padding of its own. */
function foldPad(graph: Graph, outputs: Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of graph.nodes) {
    const before = node.inputs[0]?.node;
    if (node.op !== conv || before?.op !== pad || uses.get(node.inputs[0]) !== 1) continue;
    const { pads, mode, value } = before.params as PadParams;
    const p = node.params as ConvParams;
    const { axes } = convGeometry(node.inputs, p, node.where);
    const bare = axes.every((a) => a.before === 0 && a.after === 0);
    if (mode !== "constant" || value !== 0 || !isSpatial(pads) || !(bare || p.paddingMode === "zeros"))
      continue;
    const padding = axes.map((a, i) => [a.before + pads[i + 1][0], a.after + pads[i + 1][1]] as const);
    node.params = { ...p, padding, paddingMode: "zeros" };
    node.inputs = [before.inputs[0], ...node.inputs.slice(1)];
  }
}

/** gamma * (w·x + b − mean) / sqrt(var + eps) + beta is a product again: w * s and (b − mean) * s + beta, s = gamma / sqrt(var + eps). */
function foldBatchNorm(graph: Graph, outputs: Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of graph.nodes) {
    if (node.op !== batchNorm) continue;
    const before = producer(node, uses, PRODUCTS);
    if (!before) continue;
    const [, filter, bias] = before.inputs;
    const [gamma, beta, mean, variance] = node.inputs.slice(1).map(floatsOf);
    const [w, b] = [floatsOf(filter), bias && floatsOf(bias)];
    if (!w || (bias && !b) || !gamma || !beta || !mean || !variance) continue;
    const { epsilon } = node.params as { epsilon: number };
    // Made when they are uploaded, and again when the weights have changed. What is kept must not hold edges of the graph.
    const scale = (): Float32Array => {
      const squares = valuesOf(variance);
      return valuesOf(gamma).map((g, i) => g / Math.sqrt(squares[i] + epsilon));
    };
    const offset = (): Float32Array => {
      const [factor, means, from] = [scale(), valuesOf(mean), b && valuesOf(b)];
      return valuesOf(beta).map((v, i) => v + ((from?.[i] ?? 0) - means[i]) * factor[i]);
    };
    const [{ shape }] = node.inputs.slice(1);
    before.inputs = [
      before.inputs[0],
      new Edge(filter, scaled({ values: w, scale })),
      new Edge({ shape, dtype: "float32" }, offset),
    ];
    takeOver(node, before);
  }
}

/** a + conv(x) becomes a convolution that adds to a where it lies, if nobody needs a afterwards. */
function fuseSum(graph: Graph, outputs: Edge[]): void {
  const { nodes } = graph;
  const positions = new Map(nodes.map((node, i) => [node, i]));
  const readers = new Map<Edge, number[]>();
  const read = (node: Node, i: number): void => {
    for (const edge of node.inputs) readers.set(edge, [...(readers.get(edge) ?? []), i]);
  };
  nodes.forEach(read);
  const overwritten = new Set<Edge>();
  /** Whether node i is the last to see the edge's memory, under this name or another. */
  const free = (edge: Edge, i: number): boolean =>
    edge.node !== undefined &&
    (!edge.node.op.alias || edge.node.op === convAdd) &&
    !outputs.includes(edge) &&
    readers
      .get(edge)!
      .every((r) => r === i || (r < i && !(nodes[r].op.alias && nodes[r].inputs[0] === edge)));
  /** Whether the convolution that makes an edge may run at node i instead, its only reader. */
  const movable = (made: Edge): boolean =>
    made.node?.op === conv &&
    !(made.node.params as ConvParams).activation &&
    accumulates(made.node.inputs[1]) &&
    readers.get(made)!.length === 1 &&
    !outputs.includes(made) &&
    !made.node.inputs.some((edge) => overwritten.has(edge));

  nodes.forEach((node, i) => {
    if (node.op !== binary || (node.params as BinaryParams).kind !== "add") return;
    const [a, b] = node.inputs;
    if (a === b || String(a.shape) !== String(b.shape)) return;
    // Of two convolutions the later one adds to the result of the earlier one.
    const place = (edge: Edge) => positions.get(edge.node!) ?? -1;
    const ways =
      place(a) > place(b)
        ? [
            [a, b],
            [b, a],
          ]
        : [
            [b, a],
            [a, b],
          ];
    const way = ways.find(([made, sum]) => movable(made) && !made.node!.inputs.includes(sum) && free(sum, i));
    if (!way) return;
    const [{ node: by }, sum] = way as [{ node: Node }, Edge];
    const joined: Node = { ...by, op: convAdd, inputs: [sum, ...by.inputs], outputs: node.outputs };
    joined.outputs[0].node = joined;
    nodes[i] = joined;
    positions.set(joined, i);
    by.outputs = [];
    read(by, i);
    overwritten.add(sum);
  });
  graph.nodes = nodes.filter((node) => node.outputs.length > 0);
}

export function fuseActivation(graph: Graph, outputs: readonly Edge[]): void {
  const uses = graph.uses(outputs);
  for (const node of graph.nodes) {
    if (node.op !== activation) continue;
    const before = producer(node, uses, ACTIVATE);
    if (!before) continue;
    before.params = { ...(before.params as object), activation: node.params as Activation };
    takeOver(node, before);
  }
}
