// Mean loss and metrics of a network over samples, a batch at a time, with the weights as they are.

import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import type { Address } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { float32, type Shape, sizeOf } from "../tensor.ts";
import { Inference } from "./inference.ts";
import type { LossTarget } from "./loss-target.ts";
import { answersOf, countCorrect } from "./metrics.ts";
import type { CheckedSamples } from "./samples.ts";
import type { Evaluation, Metric } from "./trainer-interface.ts";

/** Images per run: enough to use every kernel well, few enough to stay small. */
export const EVALUATION_BATCH = 64;

/** Measures the same samples as often as wanted. Its memory is taken when it is made. */
export class Evaluator {
  readonly #inference: Inference;
  readonly #losses = new Map<number, LossProgram>();
  readonly #samples: CheckedSamples;
  readonly #target: LossTarget;
  readonly #accuracy: boolean;

  /** `weight` gives a weight as it is at the time. Throws, and holds nothing then. */
  constructor(
    runtime: Runtime,
    model: DescribedModel,
    weight: (name: string) => Float32Array,
    target: LossTarget,
    samples: CheckedSamples,
    { metrics, batchSize = EVALUATION_BATCH }: { metrics?: readonly Metric[]; batchSize?: number },
  ) {
    const { images, perImage } = samples;
    this.#samples = samples;
    this.#target = target;
    this.#accuracy = target.measuresAccuracy(perImage, metrics);
    const batch = Math.min(batchSize, images);
    this.#inference = new Inference(runtime, model, new Builder(model, batch, { read: weight }));
    try {
      const [{ shape }] = this.#inference.outputs.list;
      for (const count of new Set([batch, images % batch || batch]))
        this.#losses.set(count, new LossProgram(runtime, target, [count, ...shape.slice(1)], perImage));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Takes the memory that `refresh` needs now. */
  holdRefresh(): void {
    this.#inference.holdRefresh();
  }

  /** Takes over the weights as they are now. */
  refresh(): void {
    this.#inference.refresh();
  }

  /** Measures, and pauses after each batch. */
  *run(): Generator<undefined, Evaluation> {
    const { inputs, y, images, perImage } = this.#samples;
    const kind = this.#target.labelKind(perImage);
    const { batchSize, outputs } = this.#inference;
    const scores = new Float32Array(batchSize * outputs.list[0].size);
    let [lossSum, correct] = [0, 0];
    for (let n = 0; n < images; n += batchSize) {
      const count = Math.min(batchSize, images - n);
      this.#inference.runBatch(inputs, [scores], n, count, 0);
      const first = n * perImage;
      lossSum += this.#losses.get(count)!.run(scores, y, first) * count;
      if (this.#accuracy) correct += countCorrect(scores, (i) => y[first + i], count * perImage, kind!);
      yield;
    }
    const loss = lossSum / images;
    return this.#accuracy ? { loss, accuracy: correct / answersOf(y.length, kind!) } : { loss };
  }

  dispose(): void {
    this.#inference.dispose();
    for (const program of this.#losses.values()) program.dispose();
  }
}

/** The loss of a batch of scores, by the op that training uses. */
class LossProgram {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #scores: Address;
  readonly #labels: Address;
  readonly #loss: Address;
  readonly #sizes: { readonly scores: number; readonly labels: number };
  readonly #integer: boolean;

  constructor(runtime: Runtime, target: LossTarget, shape: Shape, perImage: number) {
    this.#runtime = runtime;
    const graph = new Graph();
    const scores = new Edge(float32(shape));
    const labels = new Edge(target.labelType(shape, perImage));
    const loss = target.lossOf(graph, scores, labels);
    this.#program = new Program(runtime, "evaluate");
    const lowering = new Lowering(this.#program);
    [this.#scores, this.#labels] = [scores, labels].map((edge) => lowering.valueOf(edge).base);
    for (const base of [this.#scores, this.#labels]) this.#program.input(base);
    lowering.write(graph);
    this.#loss = lowering.valueOf(loss).base;
    this.#program.output(this.#loss);
    this.#program.place();
    this.#sizes = { scores: sizeOf(shape), labels: sizeOf(labels.shape) };
    this.#integer = labels.dtype === "int32";
  }

  /** The mean loss of scores, from the beginning of the array, against labels from index `first` on. */
  run(scores: Float32Array, y: ArrayLike<number>, first: number): number {
    const { memory } = this.#runtime;
    memory.floats.set(scores.subarray(0, this.#sizes.scores), this.#scores.value / 4);
    const labels = this.#integer ? memory.ints : memory.floats;
    const to = this.#labels.value / 4;
    for (let i = 0; i < this.#sizes.labels; i++) labels[to + i] = y[first + i];
    this.#program.run();
    return memory.floats[this.#loss.value / 4];
  }

  dispose(): void {
    this.#program.dispose();
  }
}
