// One step of training as a program: forward, backward and update, planned once for a batch size. Running it allocates nothing.

import type { DescribedModel } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { BatchProgram } from "./batch-program.ts";
import type { Batch } from "./data.ts";
import { lossGraph, simplify } from "./loss-graph.ts";
import type { Objective } from "./objective.ts";
import { appendUpdates } from "./updates.ts";
import type { Variables } from "./variables.ts";

export class TrainStep {
  readonly #program: BatchProgram;

  /**
   * `perImage`: numbers of y per image, which tells class indices from values. Throws ShapeError, FormatError, UnsupportedError (an
   * op without gradient) or MemoryError, and holds nothing then.
   */
  constructor(
    runtime: Runtime,
    model: DescribedModel,
    batchSize: number,
    perImage: number,
    variables: Variables,
    objective: Objective,
  ) {
    const built = lossGraph(model, batchSize, perImage, objective);
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
