// An optimizer's update as a program of its own, by gradients that the host gives (those of several processes, averaged) or that were
// gathered from several batches.

import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { DescribedModel, GivenWeights } from "../model/schema.ts";
import type { Address } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32, type Shape } from "../tensor.ts";
import { lossGraph } from "./loss-graph.ts";
import type { Objective } from "./objective.ts";
import { appendUpdates } from "./updates.ts";
import type { Variables } from "./variables.ts";

/** Names and shapes of the weights that an update changes, and of the running averages. */
export interface Updated {
  readonly gradients: Readonly<Record<string, Shape>>;
  readonly statistics: Readonly<Record<string, Shape>>;
}

/** Which weights a training updates. Plans nothing. */
export function updatedBy(model: DescribedModel, objective: Objective): Updated {
  // Any batch tells; statistics of a batch need two images at least.
  const { trained, statistics } = lossGraph(model, 2, objective.target.perImage, objective);
  const shapes = (list: typeof statistics): Record<string, Shape> =>
    Object.fromEntries(list.map(({ name, edge }) => [name, edge.shape]));
  return { gradients: shapes(trained), statistics: shapes(statistics) };
}

export class UpdateStep {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #gradients: readonly (readonly [name: string, base: Address])[];

  /** With `blockOf`, gradients lie in the blocks it names. Throws MemoryError, and holds nothing then. */
  constructor(
    runtime: Runtime,
    { gradients }: Updated,
    variables: Variables,
    objective: Objective,
    blockOf?: (weight: string) => string,
  ) {
    this.#runtime = runtime;
    const graph = new Graph();
    const weights = Object.entries(gradients).map(([name, shape]) => {
      const [edge, gradient] = [0, 0].map(() => new Edge(float32(shape)));
      return { name, edge, gradient };
    });
    const blocks = appendUpdates(graph, objective, weights);
    graph.prune([]);
    this.#program = new Program(runtime, "train");
    const lowering = new Lowering(this.#program);
    for (const { name, edge } of weights) lowering.place(edge, variables.address(name));
    for (const [edge, name] of blocks) lowering.place(edge, variables.address(name));
    if (blockOf)
      for (const { name, gradient } of weights) lowering.place(gradient, variables.address(blockOf(name)));
    const given = blockOf ? [] : weights;
    this.#gradients = given.map(({ name, gradient }) => [name, lowering.valueOf(gradient).base]);
    for (const [, base] of this.#gradients) this.#program.input(base);
    lowering.write(graph);
    this.#program.place();
  }

  /** One update. Names and lengths have been checked; none are given where gradients lie in blocks. */
  run(gradients: GivenWeights = {}): void {
    const { floats } = this.#runtime.memory;
    for (const [name, base] of this.#gradients) floats.set(gradients[name], base.value / 4);
    this.#program.run();
  }

  dispose(): void {
    this.#program.dispose();
  }
}
