// What a gradient rule is: the vector-Jacobian product of one op, written into the graph as more ops.
import type { Edge, Graph, Node } from "../../graph/graph.ts";
import type { Op } from "../../graph/op.ts";

/** A node whose op's parameters have a known type. */
interface NodeOf<P> extends Node {
  params: P;
}

/**
 * Appends the ops that make the gradients of a node's inputs from `dys`, those of its outputs. `dys[i]` is undefined where nothing
 * depends on output i. Gradients that are not wanted, or that an input does not have, stay undefined.
 */
export type GradientRule<P = unknown> = (
  graph: Graph,
  node: NodeOf<P>,
  dys: readonly (Edge | undefined)[],
  wanted: readonly boolean[],
) => (Edge | undefined)[];

// biome-ignore lint/suspicious/noExplicitAny: a table holds ops of every parameter type
export type GradientEntry = readonly [op: Op<any>, rule: GradientRule<any>];

/** The rule of an op with several outputs. It is asked only when something is wanted and can be had. */
export const gradientOfOutputs = <P>(op: Op<P>, rule: GradientRule<P>): GradientEntry => [
  op,
  (graph, node, dys, wanted) =>
    dys.some(Boolean) && wanted.some(Boolean)
      ? rule(graph, node, dys, wanted)
      : node.inputs.map(() => undefined),
];

/** The rule of an op with one output. */
export const gradientOf = <P>(
  op: Op<P>,
  rule: (graph: Graph, node: NodeOf<P>, dy: Edge, wanted: readonly boolean[]) => (Edge | undefined)[],
): GradientEntry => gradientOfOutputs(op, (graph, node, [dy], wanted) => rule(graph, node, dy!, wanted));

/** The gradient of every input that wants one, in the order of the inputs. */
export const whereWanted = (
  wanted: readonly boolean[],
  gradients: readonly (() => Edge)[],
): (Edge | undefined)[] => wanted.map((want, i) => (want ? gradients[i]() : undefined));
