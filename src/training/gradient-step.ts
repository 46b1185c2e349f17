// The gradients of a batch as a program of their own, for training on several processes. It changes neither weights nor state.

import type { BatchGradients } from "../network/trainer-interface.ts";
import type { Runtime } from "../runtime/instance.ts";
import { BatchProgram } from "./batch-program.ts";
import type { Batch } from "./data.ts";
import { type LossGraph, simplify } from "./loss-graph.ts";
import type { Variables } from "./variables.ts";

export class GradientStep {
  readonly #program: BatchProgram;
  readonly #variables: Variables;
  readonly #trained: readonly string[];
  readonly #statistics: readonly string[];

  /** Takes the graph over. Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, built: LossGraph, variables: Variables) {
    const gradients = built.trained.map(({ gradient }) => gradient);
    simplify(built.graph, [built.loss, ...gradients]);
    // Running averages are updated in copies, which are results.
    const statistics = built.statistics.map(({ edge }) => edge);
    const blocks = built.blocks.filter(([edge]) => !statistics.includes(edge));
    this.#program = new BatchProgram(runtime, built, blocks, variables, {
      inputs: statistics,
      outputs: [...gradients, ...statistics],
    });
    this.#variables = variables;
    this.#trained = built.trained.map(({ name }) => name);
    this.#statistics = built.statistics.map(({ name }) => name);
  }

  run(batch: Batch): BatchGradients {
    const averages = this.#statistics.map((name) => this.#variables.read(name));
    const loss = this.#program.run(batch, averages);
    const outputs = (names: readonly string[], first: number): Record<string, Float32Array> =>
      Object.fromEntries(names.map((name, i) => [name, this.#program.output(first + i)]));
    return {
      loss,
      images: batch.count,
      gradients: outputs(this.#trained, 0),
      statistics: outputs(this.#statistics, this.#trained.length),
    };
  }

  dispose(): void {
    this.#program.dispose();
  }
}
