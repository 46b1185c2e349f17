// The optimizer's updates of weights by their gradients, as ops of a graph.

import { Edge, type Graph } from "../graph/graph.ts";
import { optimize } from "../ops/optimizer.ts";
import { HYPER_NUMBERS } from "../ops/optimizer-formulas.ts";
import { float32 } from "../tensor.ts";
import { hyperOf } from "./groups.ts";
import type { Block } from "./loss-graph.ts";
import type { Objective } from "./objective.ts";

/** Appends the limits of gradients and the updates, which are effects of the graph. The blocks are the optimizer's state and its numbers. */
export function appendUpdates(
  graph: Graph,
  objective: Objective,
  weights: readonly { readonly name: string; readonly edge: Edge; readonly gradient: Edge }[],
): readonly Block[] {
  graph.enter("optimizer", `optimizer "${objective.optimizer.kind}"`);
  const hypers = new Map(objective.rules.map((rule) => [hyperOf(rule), new Edge(float32([HYPER_NUMBERS]))]));
  const clipped = objective.clip(
    graph,
    weights.map(({ gradient }) => gradient),
  );
  const states = weights.map(({ name, edge }) =>
    objective.statesOf(name).map((state): Block => [new Edge(float32(edge.shape)), state]),
  );
  weights.forEach(({ name, edge }, i) => {
    const own = states[i].map(([state]) => state);
    const hyper = hypers.get(hyperOf(objective.ruleOf(name)))!;
    graph.effects.push(graph.op(optimize, [edge, clipped[i], ...own, hyper], objective.optimizer));
  });
  const numbers = [...hypers].map(([block, hyper]): Block => [hyper, block]);
  return [...states.flat(), ...numbers];
}
