// One step of training as a program: forward, backward and update, planned once for a batch size. Running it allocates nothing.

import { Edge, type Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import { differentiate } from "../passes/differentiate.ts";
import { fuseActivation } from "../passes/fuse.ts";
import { sinkActivationGradient } from "../passes/fuse-gradients.ts";
import type { Address } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32, sizeOf } from "../tensor.ts";
import { type Batch, copyImages } from "./data.ts";
import type { Objective } from "./objective.ts";
import { trainingLayers } from "./training-layers.ts";
import type { Variables } from "./variables.ts";

/** The block that holds what the update reads besides weights and state, see `stepNumbers`; and its numbers. */
export const HYPER = " hyper";
export const HYPER_NUMBERS = 3;
/** The block that holds the seed and the step, as dropout reads them: int32. */
export const COUNTER = " counter";
export const COUNTER_NUMBERS = 4;

/** Where a value of a program lies, and how many numbers of it belong to one image. */
interface Bound {
  readonly base: Address;
  readonly size: number;
}

export class TrainStep {
  readonly batchSize: number;
  /** Bytes of tables, and of activations, gradients and scratch. */
  readonly bytes: { readonly kept: number; readonly run: number };
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #inputs: readonly Bound[];
  readonly #labels: Bound & { readonly integer: boolean };
  readonly #loss: Address;
  readonly #scores: Bound;

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
    this.batchSize = batchSize;
    this.#runtime = runtime;
    const { graph, inputs, labels, loss, scores, blocks } = trainingGraph(
      model,
      batchSize,
      perImage,
      objective,
    );
    this.#program = new Program(runtime, "train");
    const lowering = new Lowering(this.#program);
    const addressOf = (edge: Edge): Address => lowering.valueOf(edge).base;
    for (const [edge, name] of blocks) lowering.place(edge, variables.address(name));
    for (const edge of [...inputs, labels]) this.#program.input(addressOf(edge));
    lowering.write(graph);
    for (const edge of [loss, scores]) this.#program.output(addressOf(edge));
    this.#program.place();
    this.bytes = this.#program.bytes;
    const bound = (edge: Edge): Bound => ({ base: addressOf(edge), size: sizeOf(edge.shape) / batchSize });
    this.#inputs = inputs.map(bound);
    this.#labels = { ...bound(labels), integer: labels.dtype === "int32" };
    this.#loss = addressOf(loss);
    this.#scores = bound(scores);
  }

  /** One step on a batch of `batchSize` images; their mean loss before the update. */
  run(batch: Batch): number {
    const { memory } = this.#runtime;
    const { x, y } = { x: batch.samples.inputs, y: batch.samples.y };
    this.#inputs.forEach(({ base, size }, i) => {
      copyImages(memory.floats, base.value / 4, x[i], size, batch);
    });
    const { base, size, integer } = this.#labels;
    copyImages(integer ? memory.ints : memory.floats, base.value / 4, y, size, batch);
    this.#program.run();
    return memory.floats[this.#loss.value / 4];
  }

  /** A copy of the network's output in the last run, before the update. */
  scores(): Float32Array {
    const { base, size } = this.#scores;
    const first = base.value / 4;
    return this.#runtime.memory.floats.slice(first, first + size * this.batchSize);
  }

  dispose(): void {
    this.#program.dispose();
  }
}

interface TrainingGraph {
  readonly graph: Graph;
  readonly inputs: readonly Edge[];
  readonly labels: Edge;
  readonly loss: Edge;
  readonly scores: Edge;
  /** Edges that lie in named blocks of the variables. */
  readonly blocks: readonly (readonly [edge: Edge, name: string])[];
}

/** Forward, loss, gradients with respect to all weights that are not frozen, and their updates. */
function trainingGraph(
  model: DescribedModel,
  batchSize: number,
  perImage: number,
  objective: Objective,
): TrainingGraph {
  const counter = new Edge({ shape: [COUNTER_NUMBERS], dtype: "int32" });
  const hyper = new Edge(float32([HYPER_NUMBERS]));
  const updates: Edge[] = [];
  const { frozen } = objective;
  const build = new Builder(model, batchSize, undefined, 0, trainingLayers(frozen, counter, updates));
  const { graph, inputs } = build;
  const [scores] = build.outputs;
  const labels = new Edge(objective.target.labelType(scores.shape, perImage));
  const loss = objective.target.lossOf(graph, scores, labels);

  const variables = [...build.variables];
  const trained = variables.filter(([, { trainable, layer }]) => trainable && !frozen.has(layer));
  const gradients = differentiate(
    graph,
    loss,
    trained.map(([, { edge }]) => edge),
  );
  graph.enter("optimizer", `optimizer "${objective.optimizer.kind}"`);
  const updated = trained.flatMap(([name, { edge }], i) => {
    const gradient = gradients[i];
    return gradient ? [{ name, edge, gradient }] : [];
  });
  const clipped = objective.clip(
    graph,
    updated.map(({ gradient }) => gradient),
  );
  const states = updated.map(({ name, edge }) =>
    objective.statesOf(name).map((state) => [new Edge(float32(edge.shape)), state] as const),
  );
  updated.forEach(({ edge }, i) => {
    const own = states[i].map(([state]) => state);
    updates.push(objective.update(graph, edge, clipped[i], own, hyper));
  });

  const outputs = [loss, scores, ...updates];
  graph.prune(outputs);
  sinkActivationGradient(graph, outputs);
  fuseActivation(graph, outputs);
  graph.prune(outputs);
  const blocks = [
    ...variables.map(([name, { edge }]) => [edge, name] as const),
    ...states.flat(),
    ...([
      [hyper, HYPER],
      [counter, COUNTER],
    ] as const),
  ];
  return { graph, inputs, labels, loss, scores, blocks };
}
