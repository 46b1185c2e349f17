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
  readonly #parts: number;

  /** Takes the graph over. Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, built: LossGraph, variables: Variables, objective: Objective) {
    const { graph, loss, parts, scores } = built;
    const { updates, blocks } = appendUpdates(graph, objective, built.trained);
    simplify(graph, [loss, ...parts, ...scores, ...built.statisticsUpdates, ...updates]);
    this.#program = new BatchProgram(runtime, built, [...built.blocks, ...blocks], variables, {
      outputs: [...parts, ...scores],
    });
    this.#parts = parts.length;
  }

  /** One step on a batch of `batchSize` images; their mean loss before the update. */
  run(batch: Batch): number {
    return this.#program.run(batch);
  }

  /** The loss of each output that has one, in the last run. */
  parts(): number[] {
    return Array.from({ length: this.#parts }, (_, i) => this.#program.output(i)[0]);
  }

  /** A copy of one of the network's outputs in the last run, before the update. */
  scores(output: number): Float32Array {
    return this.#program.output(this.#parts + output);
  }

  dispose(): void {
    this.#program.dispose();
  }
}
