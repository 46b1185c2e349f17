// Values without elements. Ops on them are taken out of a graph, so that no kernel sees a buffer of no bytes: what they give is empty,
// too, or is known.
import { ShapeError } from "../errors.ts";
import type { Edge, Graph, Node } from "../graph/graph.ts";
import { isEmpty, type Op, type TensorType } from "../graph/op.ts";
import { type Activation, activation } from "../ops/activation.ts";
import { expand, padAxes } from "../ops/boxes.ts";
import { show } from "../ops/check.ts";
import { dense } from "../ops/dense.ts";
import { argExtreme, fold } from "../ops/fold.ts";
import { LOSSES } from "../ops/loss.ts";
import { matmul } from "../ops/matmul.ts";
import { pad } from "../ops/pad.ts";
import { argMax, reduce } from "../ops/reduce.ts";
import { scatterElements, scatterND } from "../ops/scatter.ts";
import { concat } from "../ops/shape.ts";

/** What a node gives that has an empty input, but whose result is not empty. */
type Rule = (graph: Graph, node: Node) => Edge;

/** The same value everywhere in a result. */
function filled(graph: Graph, { shape, dtype }: TensorType, value: number): Edge {
  const scalar =
    dtype === "int32" ? graph.integers(Int32Array.of(value), []) : graph.constant(Float32Array.of(value), []);
  return graph.op(expand, [scalar], { shape });
}

const filling =
  (value: number): Rule =>
  (graph, { outputs: [y] }) =>
    filled(graph, y, value);

const nothingTo =
  (what: string): Rule =>
  (_, { inputs: [x], where }) => {
    throw new ShapeError(
      `${where}: the input has shape ${show(x.shape)} and so nothing to take the ${what} of`,
    );
  };

const REDUCTIONS: Readonly<Record<string, Rule>> = {
  sum: filling(0),
  prod: filling(1),
  mean: (graph, node) => (node.op === reduce ? filling(Number.NaN) : nothingTo("mean"))(graph, node),
  max: nothingTo("maximum"),
  min: nothingTo("minimum"),
};

/** Padding alone is known where it is a constant. */
const padding: Rule = (graph, node) => {
  const { mode, value } = node.params as { mode: string; value: number };
  return (mode === "constant" ? filling(value) : refused)(graph, node);
};

/** A product whose sums have no terms: 0, or the bias. */
const product: Rule = (graph, { inputs: [, , bias], outputs: [y], params }) => {
  const sums = bias ? graph.op(expand, [bias], { shape: y.shape }) : filled(graph, y, 0);
  const { activation: kind } = params as { activation?: Activation };
  return kind ? graph.op(activation, [sums], kind) : sums;
};

const refused: Rule = (_, { op, inputs, outputs: [y], where }) => {
  const empty = inputs.findIndex(isEmpty);
  throw new ShapeError(
    `${where}: input ${empty} is empty, of shape ${show(inputs[empty].shape)}: "${op.name}" cannot make a result of shape ${show(y.shape)} of it`,
  );
};

// biome-ignore lint/suspicious/noExplicitAny: ops of every parameter type
const RULES: ReadonlyMap<Op<any>, Rule> = new Map<Op<any>, Rule>([
  [
    concat,
    (graph, { inputs, params }) =>
      graph.op(
        concat,
        inputs.filter((x) => !isEmpty(x)),
        params as never,
      ),
  ],
  [reduce, (graph, node) => REDUCTIONS[(node.params as { kind: string }).kind](graph, node)],
  [fold, (graph, node) => REDUCTIONS[(node.params as { op: string }).op](graph, node)],
  [argMax, nothingTo("maximum")],
  [argExtreme, nothingTo("extreme")],
  [matmul, filling(0)],
  [dense, product],
  [pad, padding],
  [padAxes, padding],
  // No updates.
  [scatterND, (_, { inputs: [x] }) => x],
  [scatterElements, (_, { inputs: [x] }) => x],
  // Means of nothing.
  ...Object.values(LOSSES).map((loss) => [loss, filling(Number.NaN)] as const),
]);

/**
 * Takes ops out of a graph whose results are empty, and ops with an empty input whose result is known; what stands for `outputs` then.
 * Throws ShapeError for others that have an empty input, but not an empty result.
 */
export function removeEmpty(graph: Graph, outputs: readonly Edge[]): Edge[] {
  if (!graph.nodes.some(({ inputs, outputs: made }) => inputs.some(isEmpty) || made.some(isEmpty)))
    return [...outputs];
  graph.prune(outputs);
  const uses = graph.uses(outputs);
  const made = new Map<Edge, Edge>();
  const { nodes, effects } = graph;
  graph.nodes = [];
  for (const node of nodes) {
    node.inputs = node.inputs.map((edge) => made.get(edge) ?? edge);
    if (node.outputs.every((edge) => isEmpty(edge) || !uses.has(edge))) continue;
    if (node.inputs.some(isEmpty)) {
      graph.enter(node.layer, node.where);
      made.set(node.outputs[0], (RULES.get(node.op) ?? refused)(graph, node));
    } else graph.nodes.push(node);
  }
  effects.splice(0, effects.length, ...effects.filter((edge) => !isEmpty(edge)));
  return outputs.map((edge) => made.get(edge) ?? edge);
}
