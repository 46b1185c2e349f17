// The optimizer's updates of weights by their gradients, as ops of a graph.

import { Edge, type Graph } from "../graph/graph.ts";
import { HYPER_NUMBERS } from "../ops/optimizer-formulas.ts";
import { float32 } from "../tensor.ts";
import type { Block } from "./loss-graph.ts";
import type { Objective } from "./objective.ts";

/** The block that holds what updates read besides weights and state, see `stepNumbers`, for the weights with a factor of the learning rate. */
export const hyperOf = (factor: number): string => ` hyper ${factor}`;

/** Appends the limits of gradients and the updates, which are effects of the graph. The blocks are the optimizer's state and its numbers. */
export function appendUpdates(
  graph: Graph,
  objective: Objective,
  weights: readonly { readonly name: string; readonly edge: Edge; readonly gradient: Edge }[],
): readonly Block[] {
  graph.enter("optimizer", `optimizer "${objective.optimizer.kind}"`);
  const hypers = new Map(objective.factors.map((factor) => [factor, new Edge(float32([HYPER_NUMBERS]))]));
  const clipped = objective.clip(
    graph,
    weights.map(({ gradient }) => gradient),
  );
  const states = weights.map(({ name, edge }) =>
    objective.statesOf(name).map((state): Block => [new Edge(float32(edge.shape)), state]),
  );
  weights.forEach(({ name, edge }, i) => {
    const own = states[i].map(([state]) => state);
    const hyper = hypers.get(objective.factorOf(name))!;
    graph.effects.push(objective.update(graph, name, [edge, clipped[i], ...own], hyper));
  });
  const numbers = [...hypers].map(([factor, hyper]): Block => [hyper, hyperOf(factor)]);
  return [...states.flat(), ...numbers];
}
