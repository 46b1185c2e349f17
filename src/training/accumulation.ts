// Steps on several batches: the mean of their gradients is gathered beside the weights until the optimizer takes it.
import { Edge } from "../graph/graph.ts";
import { blend } from "../ops/optimizer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { float32, sizeOf } from "../tensor.ts";
import type { Batch } from "./data.ts";
import { type Block, type LossGraph, simplify } from "./loss-graph.ts";
import { MeasuredStep } from "./measured-step.ts";
import type { Objective } from "./objective.ts";
import { ProgramCache } from "./program-cache.ts";
import { type Updated, UpdateStep } from "./update-step.ts";
import type { Variables } from "./variables.ts";

/** The block that holds a batch's share of the mean, as `blend` reads it. */
const SHARE = " share";
/** The block of a weight's mean gradient. */
const meanOf = (weight: string): string => `${weight}:gathered`;

export class Accumulation {
  readonly #variables: Variables;
  readonly #blocks: readonly string[];
  readonly #steps: ProgramCache<MeasuredStep>;
  readonly #update: UpdateStep;
  #images = 0;
  /** Gathered since the last step. */
  batches = 0;

  /** Throws MemoryError, and holds nothing then. */
  constructor(
    runtime: Runtime,
    updated: Updated,
    graphOf: (count: number, perImage: readonly number[]) => LossGraph,
    variables: Variables,
    objective: Objective,
  ) {
    this.#variables = variables;
    const means = Object.entries(updated.gradients).map(([name, shape]): [string, Float32Array] => [
      meanOf(name),
      new Float32Array(sizeOf(shape)),
    ]);
    this.#blocks = variables.addAll([...means, [SHARE, new Float32Array(1)]]);
    this.#steps = new ProgramCache((count, perImage) =>
      gatherStep(runtime, graphOf(count, perImage), variables),
    );
    try {
      this.#update = new UpdateStep(runtime, updated, variables, objective, meanOf);
    } catch (error) {
      variables.remove(this.#blocks);
      throw error;
    }
  }

  plan(counts: readonly number[], perImage: readonly number[]): void {
    this.#steps.plan(counts, perImage);
  }

  /** Drops what has been gathered. */
  clear(): void {
    [this.#images, this.batches] = [0, 0];
  }

  /** Adds a batch; its mean loss. */
  gather(batch: Batch): number {
    if (!this.#images) for (const name of this.#blocks) this.#variables.clear(name);
    this.#images += batch.count;
    this.batches++;
    this.#variables.write(SHARE, [-batch.count / this.#images]);
    return this.#steps.get(batch.count, batch.samples.perImage).run(batch);
  }

  /** The program for batches of `count` images. */
  get(count: number, perImage: readonly number[]): MeasuredStep {
    return this.#steps.get(count, perImage);
  }

  /** One step by the mean of all that was gathered. */
  update(): void {
    this.#update.run();
    this.clear();
  }

  dispose(): void {
    this.#steps.dispose();
    this.#update.dispose();
    this.#variables.remove(this.#blocks);
  }
}

/** Forward and backward pass of a batch, and its gradients blended into the means. Takes the graph over. */
function gatherStep(runtime: Runtime, built: LossGraph, variables: Variables): MeasuredStep {
  const { graph, loss, parts, scores, trained } = built;
  graph.enter("accumulate", "accumulate");
  const share = new Edge(float32([1]));
  const means = trained.map(({ edge }) => new Edge(float32(edge.shape)));
  graph.effects.push(...trained.map(({ gradient }, i) => graph.op(blend, [means[i], gradient, share], {})));
  simplify(graph, [loss, ...parts, ...scores]);
  const blocks = means.map((edge, i): Block => [edge, meanOf(trained[i].name)]);
  return new MeasuredStep(runtime, built, [...built.blocks, ...blocks, [share, SHARE]], variables);
}
