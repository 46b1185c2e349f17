// One step of training as a program: forward, backward and update, planned once for a batch size. Running it allocates nothing.

import type { Runtime } from "../runtime/instance.ts";
import { type LossGraph, simplify } from "./loss-graph.ts";
import { MeasuredStep } from "./measured-step.ts";
import type { Objective } from "./objective.ts";
import { appendUpdates } from "./updates.ts";
import type { Variables } from "./variables.ts";

/** The program of a step. Takes the graph over. Throws MemoryError, and holds nothing then. */
export function trainStep(
  runtime: Runtime,
  built: LossGraph,
  variables: Variables,
  objective: Objective,
): MeasuredStep {
  const { graph, loss, parts, scores } = built;
  const blocks = appendUpdates(graph, objective, built.trained);
  simplify(graph, [loss, ...parts, ...scores]);
  return new MeasuredStep(runtime, built, [...built.blocks, ...blocks], variables);
}
