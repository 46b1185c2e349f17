// The loss of a batch of scores as a program: what evaluation measures, by the ops that training uses.
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import type { Address } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32, type Shape, sizeOf } from "../tensor.ts";
import type { ModelEdges } from "./custom-loss.ts";
import type { LossEdges, LossTarget } from "./loss-target.ts";
import type { Numbers } from "./samples.ts";

/** Losses of a batch. */
export interface BatchLosses {
  readonly loss: number;
  readonly parts: readonly number[];
}

/** A program whose inputs are arrays, and whose outputs are losses. */
class Losses {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #inputs: readonly { readonly base: Address; readonly integer: boolean }[];
  readonly #outputs: readonly Address[];

  constructor(runtime: Runtime, graph: Graph, inputs: readonly Edge[], { loss, parts }: LossEdges) {
    this.#runtime = runtime;
    graph.prune([loss, ...parts]);
    this.#program = new Program(runtime, "evaluate");
    const lowering = new Lowering(this.#program);
    this.#inputs = inputs.map((edge) => ({
      base: lowering.valueOf(edge).base,
      integer: edge.dtype === "int32",
    }));
    for (const { base } of this.#inputs) this.#program.input(base);
    lowering.write(graph);
    this.#outputs = [loss, ...parts].map((edge) => lowering.valueOf(edge).base);
    for (const base of this.#outputs) this.#program.output(base);
    this.#program.place();
  }

  losses(values: readonly Numbers[]): BatchLosses {
    const { memory } = this.#runtime;
    values.forEach((given, i) => {
      const { base, integer } = this.#inputs[i];
      (integer ? memory.ints : memory.floats).set(given, base.value / 4);
    });
    this.#program.run();
    const [loss, ...parts] = this.#outputs.map((base) => memory.floats[base.value / 4]);
    return { loss, parts };
  }

  holdRefresh(): void {
    this.#program.holdPacking();
  }

  refresh(): void {
    this.#program.refresh();
  }

  dispose(): void {
    this.#program.dispose();
  }
}

/** The loss of scores that a network made. */
export class LossProgram {
  readonly #losses: Losses;
  /** Which outputs it reads, and how many values of them. */
  readonly #outputs: readonly { readonly index: number; readonly size: number }[];

  constructor(runtime: Runtime, target: LossTarget, outputs: readonly Shape[], perImage: readonly number[]) {
    const graph = new Graph();
    const edges = outputs.map((shape) => new Edge(float32(shape)));
    const labels = target.labelEdges(edges, perImage);
    const scores = target.parts.map(({ index }) => edges[index]);
    this.#outputs = target.parts.map(({ index }) => ({
      index,
      size: sizeOf(outputs[index]),
    }));
    this.#losses = new Losses(runtime, graph, [...scores, ...labels], target.append(graph, edges, labels));
  }

  /** The mean loss of scores, from the beginning of the arrays, against labels. */
  run(scores: readonly (Float32Array | Int32Array)[], labels: readonly Numbers[]): BatchLosses {
    const read = this.#outputs.map(({ index, size }) => scores[index].subarray(0, size));
    return this.#losses.losses([...read, ...labels]);
  }

  // Nothing in it depends on weights.
  holdRefresh(): void {}
  refresh(): void {}

  dispose(): void {
    this.#losses.dispose();
  }
}

/** The loss of a network's inputs, for functions that read what is inside the model: the model runs once more. */
export class ModelLossProgram {
  readonly #losses: Losses;

  constructor(
    runtime: Runtime,
    build: Builder,
    model: DescribedModel,
    target: LossTarget,
    perImage: readonly number[],
  ) {
    const { graph, inputs, outputs } = build;
    const labels = target.labelEdges(outputs, perImage);
    const losses = target.append(graph, outputs, labels, modelEdges(build, model));
    this.#losses = new Losses(runtime, graph, [...inputs, ...labels], losses);
  }

  run(_: unknown, labels: readonly Numbers[], inputs: readonly Numbers[]): BatchLosses {
    return this.#losses.losses([...inputs, ...labels]);
  }

  holdRefresh(): void {
    this.#losses.holdRefresh();
  }

  refresh(): void {
    this.#losses.refresh();
  }

  dispose(): void {
    this.#losses.dispose();
  }
}

/** What a loss may read of a model that was built. */
export function modelEdges(build: Builder, model: DescribedModel): ModelEdges {
  return {
    inputs: Object.fromEntries(model.inputs.map(({ name }, i) => [name, build.inputs[i]])),
    layers: Object.fromEntries(model.layers.map(({ name }) => [name, build.made.get(name)![0]])),
    weights: Object.fromEntries(build.weightEdges),
  };
}
