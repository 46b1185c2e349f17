// One step of training as a program: forward, backward and update, planned once for a batch size. Running it allocates nothing.

import type { Runtime } from "../runtime/instance.ts";
import { BatchProgram } from "./batch-program.ts";
import type { Batch } from "./data.ts";
import { type LossGraph, simplify } from "./loss-graph.ts";
import type { Objective } from "./objective.ts";
import { appendUpdates } from "./updates.ts";
import type { Variables } from "./variables.ts";

export class TrainStep {
  readonly #program: BatchProgram;

  /** Takes the graph over. Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, built: LossGraph, variables: Variables, objective: Objective) {
    const { graph, loss, scores } = built;
    const { updates, blocks } = appendUpdates(graph, objective, built.trained);
    simplify(graph, [loss, scores, ...built.statisticsUpdates, ...updates]);
    this.#program = new BatchProgram(runtime, built, [...built.blocks, ...blocks], variables, {
      outputs: [scores],
    });
  }

  /** One step on a batch of `batchSize` images; their mean loss before the update. */
  run(batch: Batch): number {
    return this.#program.run(batch);
  }

  /** A copy of the network's output in the last run, before the update. */
  scores(): Float32Array {
    return this.#program.output(0);
  }

  dispose(): void {
    this.#program.dispose();
  }
}
