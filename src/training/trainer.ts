// Trains a network: its weights as variables in linear memory, the optimizer's state beside them, and one program per batch size.

import { ArgumentError, DisposedError, FormatError } from "../errors.ts";
import type { DescribedModel, GivenWeights } from "../model/schema.ts";
import { Evaluator } from "../network/evaluate.ts";
import type { FitOptions } from "../network/fit-options.ts";
import type { LossTarget } from "../network/loss-target.ts";
import type { Measures } from "../network/measures.ts";
import type { MetricsOption } from "../network/metric.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type {
  ApplyOptions,
  BatchGradientOptions,
  BatchGradients,
  Data,
  Ends,
  EpochReport,
  NetworkTrainer,
  OptimizerState,
  Samples,
  TrainOptions,
} from "../network/trainer-interface.ts";
import type { WeightTensors } from "../network/weight-tensors.ts";
import { HYPER_NUMBERS } from "../ops/optimizer-formulas.ts";
import type { Runtime } from "../runtime/instance.ts";
import { checkOptions, describe } from "../validate.ts";
import { type Batch, imagesOf, wholeBatch } from "./data.ts";
import { trainEpochs } from "./fit.ts";
import { APPLY_OPTIONS, checkGiven, GRADIENT_OPTIONS } from "./given.ts";
import { GradientStep } from "./gradient-step.ts";
import { COUNTER, COUNTER_NUMBERS, type LossGraph, lossGraph } from "./loss-graph.ts";
import { Objective } from "./objective.ts";
import { ProgramCache } from "./program-cache.ts";
import { TrainStep } from "./train-step.ts";
import { type Updated, UpdateStep, updatedBy } from "./update-step.ts";
import { HYPER } from "./updates.ts";
import { Variables } from "./variables.ts";

export class Trainer implements NetworkTrainer {
  steps = 0;
  epochs = 0;
  seed: number;
  readonly history: EpochReport[] = [];
  readonly #objective: Objective;
  #disposed = false;
  readonly #runtime: Runtime;
  readonly #model: DescribedModel;
  /** Names of the weights, and of the optimizer's state. */
  readonly #weights: WeightTensors;
  readonly #weightNames: readonly string[];
  readonly #stateNames: readonly string[];
  readonly #variables: Variables;
  readonly #steps: ProgramCache<TrainStep>;
  readonly #gradientSteps: ProgramCache<GradientStep>;
  /** What `apply` changes, and its program: found and planned when it is first called. */
  #updated: Updated | undefined;
  #updateStep: UpdateStep | undefined;

  constructor(
    runtime: Runtime,
    model: DescribedModel,
    weights: WeightTensors,
    ends: Ends,
    options: TrainOptions,
    seed: number,
  ) {
    this.#runtime = runtime;
    this.#model = model;
    this.seed = seed;
    this.#objective = new Objective(runtime, model, ends, options);
    this.#weights = weights;
    this.#weightNames = weights.names;
    this.#stateNames = this.#weightNames.flatMap((name) => this.#objective.statesOf(name));
    const variables = new Variables(runtime);
    const objective = this.#objective;
    this.#variables = variables;
    const graphOf = (count: number, perImage: readonly number[]): LossGraph =>
      lossGraph(model, count, perImage, objective);
    this.#steps = new ProgramCache(
      (count, perImage) => new TrainStep(runtime, graphOf(count, perImage), variables, objective),
    );
    this.#gradientSteps = new ProgramCache(
      (count, perImage) => new GradientStep(runtime, graphOf(count, perImage), variables),
    );
    try {
      for (const name of this.#weightNames) this.#variables.share(name, weights.tensor(name));
      this.#variables.add(HYPER, new Float32Array(HYPER_NUMBERS));
      this.#variables.add(COUNTER, new Float32Array(COUNTER_NUMBERS));
      for (const name of this.#weightNames)
        for (const state of this.#objective.statesOf(name))
          this.#variables.add(state, new Float32Array(weights.tensor(name).size));
    } catch (error) {
      this.#variables.dispose();
      throw error;
    }
  }

  get state(): Record<string, Float32Array> {
    return Object.fromEntries(this.#stateNames.map((name) => [name, this.#variables.read(name)]));
  }

  plan(counts: number | readonly number[], perImage = this.target.perImage): void {
    this.#steps.plan([counts].flat(), perImage);
  }

  fit(data: Data, options: FitOptions, begin: () => void): Promise<EpochReport[]> {
    return trainEpochs(this, data, options, begin);
  }

  step(samples: Samples): number {
    const batch = wholeBatch(this.target.check(samples, "trainStep"));
    this.plan([batch.count], batch.samples.perImage);
    return this.train(batch);
  }

  gradients(samples: Samples, options: BatchGradientOptions): BatchGradients {
    checkOptions("gradients", options, GRADIENT_OPTIONS);
    const batch = wholeBatch(this.target.check(samples, "gradients"));
    const { perImage } = batch.samples;
    this.#gradientSteps.plan([batch.count], perImage);
    this.#count(options.seed ?? this.seed);
    return this.#gradientSteps.get(batch.count, perImage).run(batch);
  }

  apply(given: GivenWeights, options: ApplyOptions): void {
    checkOptions("apply", options, APPLY_OPTIONS);
    this.#updated ??= updatedBy(this.#model, this.#objective);
    const gradients = checkGiven(given, this.#updated.gradients, "gradients");
    const statistics = checkGiven(options.statistics ?? {}, this.#updated.statistics, "statistics");
    this.#updateStep ??= new UpdateStep(this.#runtime, this.#updated, this.#variables, this.#objective);
    // Nothing fails from here on.
    for (const [name, values] of Object.entries(statistics)) this.#variables.write(name, values);
    this.#rate(options.learningRate ?? this.#objective.learningRate);
    this.#updateStep.run(gradients);
    this.#weights.changed();
    this.steps++;
  }

  restore({ state, steps, epochs, seed }: OptimizerState): void {
    for (const name of this.#stateNames) {
      const length = Object.hasOwn(state, name) ? state[name].length : undefined;
      const wanted = this.#variables.bytes(name) / 4;
      if (length === undefined)
        throw new FormatError(
          `resume: the file holds no "${name}": its optimizer's state is another optimizer's or another network's`,
        );
      if (length !== wanted)
        throw new FormatError(`resume: "${name}" has ${length} values but must have ${wanted}`);
    }
    for (const name of this.#stateNames) this.#variables.write(name, state[name]);
    this.steps = steps;
    this.epochs = epochs;
    this.seed = seed;
  }

  dispose(): void {
    this.#disposed = true;
    this.#steps.dispose();
    this.#gradientSteps.dispose();
    this.#updateStep?.dispose();
    this.#variables.dispose();
  }

  // What the loop of fit.ts asks for.

  get target(): LossTarget {
    return this.#objective.target;
  }

  alive(): void {
    if (this.#disposed || this.#runtime.disposed)
      throw new DisposedError("fit: the network was disposed while it was being trained");
  }

  train(batch: Batch, learningRate: unknown = this.#objective.learningRate): number {
    this.alive();
    if (!(typeof learningRate === "number" && Number.isFinite(learningRate) && learningRate >= 0))
      throw new ArgumentError(
        `fit: the schedule gives ${describe(learningRate)} for step ${this.steps} but must give a number of at least 0`,
      );
    const program = this.#steps.get(batch.count, batch.samples.perImage);
    this.#rate(learningRate);
    this.#count(this.seed);
    const loss = program.run(batch);
    this.#weights.changed();
    this.steps++;
    return loss;
  }

  losses(batch: Batch): number[] {
    return this.#steps.get(batch.count, batch.samples.perImage).parts();
  }

  measure(batch: Batch, loss: number, measures: Measures): void {
    const { count, samples } = batch;
    const { labels, perImage } = samples;
    const step = this.#steps.get(count, perImage);
    measures.add({
      images: count,
      perImage,
      loss,
      parts: step.parts(),
      scores: (i) => step.scores(i),
      labels: (i) => imagesOf(labels[i], perImage[i], batch),
    });
  }

  evaluator(samples: CheckedSamples, metrics: MetricsOption | undefined): Evaluator {
    const weight = (name: string): Float32Array => this.#weights.weight(name);
    const evaluator = new Evaluator(this.#runtime, this.#model, weight, this.target, samples, { metrics });
    try {
      evaluator.holdRefresh();
    } catch (error) {
      evaluator.dispose();
      throw error;
    }
    return evaluator;
  }

  firstNonFiniteWeight(): string | undefined {
    return this.#weightNames.find((name) => this.#weights.weight(name).some((v) => !Number.isFinite(v)));
  }

  /** The numbers of the next update. */
  #rate(learningRate: number): void {
    this.#variables.write(HYPER, this.#objective.hyperAt(this.steps + 1, learningRate));
  }

  /** What dropout reads before the next step. */
  #count(seed: number): void {
    this.#variables.writeInts(COUNTER, [seed, 0, this.steps, 0]);
  }
}
