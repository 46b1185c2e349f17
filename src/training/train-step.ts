// One step of training as a program: forward, backward and update, planned once for a batch size. Running it allocates nothing.

import { Edge } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { Model, Weights } from "../model/schema.ts";
import { Builder } from "../network/graph-builder.ts";
import { differentiate } from "../passes/differentiate.ts";
import { fuseActivation } from "../passes/fuse.ts";
import { sinkActivationGradient } from "../passes/fuse-gradients.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import type { Checked } from "./data.ts";
import type { Rule } from "./objective.ts";
import type { Variables } from "./variables.ts";

export class Step {
  readonly batch: number;
  /** Bytes of tables, and of activations, gradients and scratch. */
  readonly bytes: { readonly kept: number; readonly run: number };
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #inputs: readonly { readonly place: () => number; readonly size: number }[];
  readonly #labels: { readonly place: () => number; readonly size: number; readonly integer: boolean };
  readonly #loss: () => number;
  readonly #scores: { readonly place: () => number; readonly shape: Shape };

  /** `perImage`: numbers of y per image, which tells indices from values. */
  /** Throws ShapeError, FormatError, UnsupportedError (an op without gradient) or MemoryError, and holds nothing then. */
  constructor(
    runtime: Runtime,
    model: Model,
    weights: Weights,
    batch: number,
    perImage: number,
    variables: Variables,
    rule: Rule,
  ) {
    this.batch = batch;
    this.#runtime = runtime;
    const counter = new Edge({ shape: [4], dtype: "int32" });
    const updates: Edge[] = [];
    const build = new Builder(model, batch, weights, 0, {
      counter,
      updates,
      frozen: rule.frozen,
      streams: 0,
    });
    const { graph } = build;
    const [scores] = build.outputs;
    graph.enter("loss", `loss "${rule.loss.kind}"`);
    const labels = new Edge(rule.labels(scores.shape, perImage));
    const loss = rule.lossOf(graph, scores, labels);

    const trained = [...build.variables].filter(
      ([, { trainable, layer }]) => trainable && !rule.frozen.has(layer),
    );
    const gradients = differentiate(
      graph,
      loss,
      trained.map(([, { edge }]) => edge),
    );
    const hyper = new Edge({ shape: [HYPER_NUMBERS], dtype: "float32" });
    graph.enter("optimizer", `optimizer "${rule.optimizer.kind}"`);
    const states: [Edge, string][] = [];
    const all = trained.flatMap(([name, { edge }], i) => {
      const gradient = gradients[i];
      return gradient ? [{ name, edge, gradient }] : [];
    });
    const clipped = rule.clip(
      graph,
      all.map((v) => v.gradient),
    );
    all.forEach(({ name, edge }, i) => {
      const own = rule.statesOf(name).map((state) => {
        const e = new Edge({ shape: edge.shape, dtype: "float32" });
        states.push([e, state]);
        return e;
      });
      updates.push(rule.update(graph, edge, clipped[i], own, hyper));
    });
    const kept = [loss, scores, ...updates];
    graph.prune(kept);
    sinkActivationGradient(graph, kept);
    fuseActivation(graph, kept);
    graph.prune(kept);

    this.#program = new Program(runtime, "train");
    const lowering = new Lowering(this.#program);
    for (const [name, { edge }] of build.variables) lowering.place(edge, variables.address(name));
    for (const [edge, name] of states) lowering.place(edge, variables.address(name));
    lowering.place(hyper, variables.address(HYPER));
    lowering.place(counter, variables.address(COUNTER));
    for (const edge of [...build.inputs, labels]) this.#program.input(lowering.valueOf(edge).base);
    lowering.write(graph);
    for (const edge of [loss, scores]) this.#program.output(lowering.valueOf(edge).base);
    this.#program.place();
    this.bytes = this.#program.bytes;
    const placeOf = (edge: Edge) => () => lowering.valueOf(edge).base.value / 4;
    this.#inputs = build.inputs.map((edge) => ({
      place: placeOf(edge),
      size: sizeOf(edge.shape.slice(1)),
    }));
    this.#labels = { place: placeOf(labels), size: perImage, integer: labels.dtype === "int32" };
    this.#loss = placeOf(loss);
    this.#scores = { place: placeOf(scores), shape: scores.shape };
  }

  /** Takes the images `order[from]`, `order[from + 1]`, ... (or from, from + 1, ...) of `samples`; gives the mean loss before the update. */
  run(samples: Checked, order: ArrayLike<number> | undefined, from: number): number {
    const { floats, ints } = this.#runtime.memory;
    this.#inputs.forEach(({ place, size }, i) => {
      gather(floats, place(), samples.inputs[i], order, from, this.batch, size);
    });
    const { place, size, integer } = this.#labels;
    gather(integer ? ints : floats, place(), samples.y, order, from, this.batch, size);
    this.#program.run();
    return this.#runtime.memory.floats[this.#loss()];
  }

  /** A copy of what the network answered in the last run, before the update. */
  scores(): Float32Array {
    const at = this.#scores.place();
    return this.#runtime.memory.floats.slice(at, at + sizeOf(this.#scores.shape));
  }

  dispose(): void {
    this.#program.dispose();
  }
}

/** Learning rate and what goes with it, see `stepNumbers`. */
export const HYPER_NUMBERS = 3;
/** Names of the small blocks the host writes before each step. */
export const HYPER = " hyper";
export const COUNTER = " counter";

/** Copies whole images one after the other into linear memory. */
function gather(
  to: Float32Array | Int32Array,
  at: number,
  from: ArrayLike<number>,
  order: ArrayLike<number> | undefined,
  first: number,
  count: number,
  size: number,
): void {
  for (let n = 0; n < count; n++) {
    const source = (order ? order[first + n] : first + n) * size;
    const target = at + n * size;
    for (let i = 0; i < size; i++) to[target + i] = from[source + i];
  }
}
