// A program over a batch of images and labels that computes their mean loss, and what else is asked of its graph.

import type { Edge } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { Address } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { sizeOf } from "../tensor.ts";
import { type Batch, copyImages } from "./data.ts";
import type { Block, LossGraph } from "./loss-graph.ts";
import type { Variables } from "./variables.ts";

/** Where a value of a program lies, and how many numbers it has. */
interface Bound {
  readonly base: Address;
  readonly size: number;
}

/** What the host fills before each run and reads after it, besides images, labels and the loss. */
export interface HostEdges {
  readonly inputs?: readonly Edge[];
  readonly outputs: readonly Edge[];
}

export class BatchProgram {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #batchSize: number;
  readonly #inputs: readonly Bound[];
  readonly #labels: readonly (Bound & { readonly integer: boolean })[];
  readonly #loss: Address;
  /** Of the host's edges. */
  readonly #inputsBesides: readonly Bound[];
  readonly #outputs: readonly Bound[];

  /** Keeps nothing of the graph. Throws MemoryError, and holds nothing then. */
  constructor(
    runtime: Runtime,
    { graph, batchSize, inputs, labels, loss }: LossGraph,
    blocks: readonly Block[],
    variables: Variables,
    host: HostEdges,
  ) {
    this.#runtime = runtime;
    this.#batchSize = batchSize;
    this.#program = new Program(runtime, "train");
    const lowering = new Lowering(this.#program);
    const bound = (edge: Edge): Bound => ({ base: lowering.valueOf(edge).base, size: sizeOf(edge.shape) });
    for (const [edge, name] of blocks) lowering.place(edge, variables.address(name));
    this.#inputs = inputs.map(bound);
    this.#labels = labels.map((edge) => ({ ...bound(edge), integer: edge.dtype === "int32" }));
    this.#inputsBesides = (host.inputs ?? []).map(bound);
    for (const { base } of [...this.#inputs, ...this.#labels, ...this.#inputsBesides])
      this.#program.input(base);
    lowering.write(graph);
    this.#outputs = host.outputs.map(bound);
    this.#loss = bound(loss).base;
    for (const base of [this.#loss, ...this.#outputs.map((output) => output.base)])
      this.#program.output(base);
    this.#program.place();
  }

  /** Runs on as many images as the graph was built for; `given`: values of the host's inputs. The mean loss. */
  run(batch: Batch, given: readonly ArrayLike<number>[] = []): number {
    const { memory } = this.#runtime;
    const { inputs, labels } = batch.samples;
    this.#inputs.forEach(({ base, size }, i) => {
      copyImages(memory.floats, base.value / 4, inputs[i], size / this.#batchSize, batch);
    });
    this.#labels.forEach(({ base, size, integer }, i) => {
      const to = integer ? memory.ints : memory.floats;
      copyImages(to, base.value / 4, labels[i], size / this.#batchSize, batch);
    });
    this.#inputsBesides.forEach(({ base }, i) => {
      memory.floats.set(given[i], base.value / 4);
    });
    this.#program.run();
    return memory.floats[this.#loss.value / 4];
  }

  /** A copy of a host's output as the last run left it. */
  output(i: number): Float32Array {
    const { base, size } = this.#outputs[i];
    const first = base.value / 4;
    return this.#runtime.memory.floats.slice(first, first + size);
  }

  dispose(): void {
    this.#program.dispose();
  }
}
