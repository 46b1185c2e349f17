// A program over a batch that tells the loss of each output, and the outputs.
import type { Runtime } from "../runtime/instance.ts";
import { BatchProgram } from "./batch-program.ts";
import type { Batch } from "./data.ts";
import type { Block, LossGraph } from "./loss-graph.ts";
import type { Variables } from "./variables.ts";

export class MeasuredStep {
  readonly #program: BatchProgram;
  readonly #parts: number;

  /** Throws MemoryError, and holds nothing then. */
  constructor(runtime: Runtime, built: LossGraph, blocks: readonly Block[], variables: Variables) {
    const { parts, scores } = built;
    this.#program = new BatchProgram(runtime, built, blocks, variables, { outputs: [...parts, ...scores] });
    this.#parts = parts.length;
  }

  /** Runs on a batch of as many images as it was made for; their mean loss. */
  run(batch: Batch): number {
    return this.#program.run(batch);
  }

  /** The loss of each output that has one, in the last run. */
  parts(): number[] {
    return Array.from({ length: this.#parts }, (_, i) => this.#program.output(i)[0]);
  }

  /** A copy of one of the network's outputs in the last run, before any update. */
  scores(output: number): Float32Array {
    return this.#program.output(this.#parts + output);
  }

  dispose(): void {
    this.#program.dispose();
  }
}
