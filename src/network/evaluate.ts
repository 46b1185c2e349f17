// Mean loss and metrics of a network over samples, a batch at a time, with the weights as they are.

import { Builder } from "../model/graph-builder.ts";
import type { DescribedModel } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Inference } from "./inference.ts";
import { LossProgram, ModelLossProgram } from "./loss-program.ts";
import type { LossTarget } from "./loss-target.ts";
import type { MetricsOption } from "./metric.ts";
import type { CheckedSamples, Numbers } from "./samples.ts";
import type { Evaluation } from "./trainer-interface.ts";

/** Images per run: enough to use every kernel well, few enough to stay small. */
export const EVALUATION_BATCH = 64;

/** Measures the same samples as often as wanted. Its memory is taken when it is made. */
export class Evaluator {
  readonly #inference: Inference;
  readonly #losses = new Map<number, LossProgram | ModelLossProgram>();
  readonly #samples: CheckedSamples;
  readonly #target: LossTarget;
  readonly #metrics: MetricsOption | undefined;

  /** `weight` gives a weight as it is at the time. Throws, and holds nothing then. */
  constructor(
    runtime: Runtime,
    model: DescribedModel,
    weight: (name: string) => Float32Array,
    target: LossTarget,
    samples: CheckedSamples,
    { metrics, batchSize = EVALUATION_BATCH }: { metrics?: MetricsOption; batchSize?: number },
  ) {
    const { images, perImage } = samples;
    this.#samples = samples;
    this.#target = target;
    this.#metrics = metrics;
    target.measures(perImage, metrics);
    const batch = Math.min(batchSize, images);
    this.#inference = new Inference(runtime, model, new Builder(model, batch, { read: weight, runtime }));
    try {
      const shapes = this.#inference.outputs.list.map(({ shape }) => shape);
      for (const count of new Set([batch, images % batch || batch])) {
        const outputs = shapes.map((shape) => [count, ...shape.slice(1)]);
        this.#losses.set(
          count,
          target.readsModel
            ? new ModelLossProgram(
                runtime,
                new Builder(model, count, { read: weight, runtime }),
                model,
                target,
                perImage,
              )
            : new LossProgram(runtime, target, outputs, perImage),
        );
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Takes the memory that `refresh` needs now. */
  holdRefresh(): void {
    this.#inference.holdRefresh();
    for (const program of this.#losses.values()) program.holdRefresh();
  }

  /** Takes over the weights as they are now. */
  refresh(): void {
    this.#inference.refresh();
    for (const program of this.#losses.values()) program.refresh();
  }

  /** Measures all at once, and is disposed. */
  finish(): Evaluation {
    try {
      const batches = this.run();
      for (;;) {
        const { done, value } = batches.next();
        if (done) return value;
      }
    } finally {
      this.dispose();
    }
  }

  /** Measures, and pauses after each batch. */
  *run(): Generator<undefined, Evaluation> {
    const { inputs, labels, images, perImage } = this.#samples;
    const measures = this.#target.measures(perImage, this.#metrics);
    const { batchSize, outputs } = this.#inference;
    const scores = outputs.list.map(
      ({ size, integer }) => new (integer ? Int32Array : Float32Array)(batchSize * size),
    );
    for (let n = 0; n < images; n += batchSize) {
      const count = Math.min(batchSize, images - n);
      this.#inference.runBatch(inputs, scores, n, count, 0);
      const ofBatch = labels.map((values, i) => part(values, n * perImage[i], (n + count) * perImage[i]));
      const x = inputs.map((values, i) => {
        const { size } = this.#inference.inputs.list[i];
        return part(values, n * size, (n + count) * size);
      });
      const losses = this.#losses.get(count)!.run(scores, ofBatch, x);
      measures.add({
        images: count,
        perImage,
        ...losses,
        scores: (i) => scores[i].subarray(0, count * outputs.list[i].size),
        labels: (i) => ofBatch[i],
      });
      yield;
    }
    const results = measures.results();
    const { accuracy } = results.metrics;
    return accuracy === undefined ? results : { ...results, accuracy };
  }

  dispose(): void {
    this.#inference.dispose();
    for (const program of this.#losses.values()) program.dispose();
  }
}

/** Some of the values, without a copy where they can be had so. */
const part = (values: Numbers, from: number, to: number): Numbers =>
  ArrayBuffer.isView(values)
    ? (values as unknown as Float32Array).subarray(from, to)
    : (values as number[]).slice(from, to);
