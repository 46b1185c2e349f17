// Trains a network: its weights as variables in linear memory, the optimizer's state beside them, and one program per batch size.

import { ArgumentError, DisposedError, FormatError } from "../errors.ts";
import type { DescribedModel, Weights } from "../model/schema.ts";
import { Evaluator } from "../network/evaluate.ts";
import type { LossTarget } from "../network/loss-target.ts";
import { answersOf, countCorrect } from "../network/metrics.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type {
  Data,
  Ends,
  EpochReport,
  FitOptions,
  Metric,
  NetworkTrainer,
  OptimizerState,
  Samples,
  TrainOptions,
} from "../network/trainer-interface.ts";
import type { Runtime } from "../runtime/instance.ts";
import { describe } from "../validate.ts";
import { type Batch, imageOf, wholeBatch } from "./data.ts";
import { trainEpochs } from "./fit.ts";
import { Objective } from "./objective.ts";
import { COUNTER, COUNTER_NUMBERS, HYPER, HYPER_NUMBERS, TrainStep } from "./train-step.ts";
import { Variables } from "./variables.ts";

/** Programs kept: whole batches, a smaller last one, and some that come now and then. The one unused for longest makes room. */
const MAX_PROGRAMS = 4;

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
  readonly #weightNames: readonly string[];
  readonly #stateNames: readonly string[];
  readonly #variables: Variables;
  /** By batch size and kind of labels, the one used last at the end. */
  readonly #programs = new Map<string, TrainStep>();

  constructor(
    runtime: Runtime,
    model: DescribedModel,
    weights: Weights,
    ends: Ends,
    options: TrainOptions,
    seed: number,
  ) {
    this.#runtime = runtime;
    this.#model = model;
    this.seed = seed;
    this.#objective = new Objective(model, ends, options);
    this.#weightNames = Object.keys(weights);
    this.#stateNames = this.#weightNames.flatMap((name) => this.#objective.statesOf(name));
    this.#variables = new Variables(runtime);
    try {
      for (const name of this.#weightNames) this.#variables.add(name, weights[name]);
      this.#variables.add(HYPER, new Float32Array(HYPER_NUMBERS));
      this.#variables.add(COUNTER, new Float32Array(COUNTER_NUMBERS));
      for (const name of this.#weightNames)
        for (const state of this.#objective.statesOf(name))
          this.#variables.add(state, new Float32Array(weights[name].length));
    } catch (error) {
      this.#variables.dispose();
      throw error;
    }
  }

  weight(name: string): Float32Array {
    return this.#variables.read(name);
  }

  setWeights(given: Weights): void {
    for (const [name, data] of Object.entries(given)) this.#variables.write(name, data);
  }

  get state(): Record<string, Float32Array> {
    return Object.fromEntries(this.#stateNames.map((name) => [name, this.#variables.read(name)]));
  }

  plan(counts: number | readonly number[], perImage = this.target.labelSizes[0]): void {
    const made: string[] = [];
    try {
      for (const count of [counts].flat()) {
        const key = keyOf(count, perImage);
        if (!this.#programs.has(key)) made.push(key);
        this.#program(count, perImage);
      }
    } catch (error) {
      for (const key of made) this.#drop(key);
      throw error;
    }
    while (this.#programs.size > MAX_PROGRAMS) this.#drop(this.#programs.keys().next().value!);
  }

  fit(data: Data, options: FitOptions, begin: () => void): Promise<EpochReport[]> {
    return trainEpochs(this, data, options, begin);
  }

  step(samples: Samples): number {
    const batch = wholeBatch(this.target.check(samples, "trainStep"));
    this.plan([batch.count], batch.samples.perImage);
    return this.train(batch);
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
    for (const key of [...this.#programs.keys()]) this.#drop(key);
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
    const program = this.#program(batch.count, batch.samples.perImage);
    this.#variables.write(HYPER, this.#objective.hyperAt(this.steps + 1, learningRate));
    this.#variables.writeInts(COUNTER, [this.seed, 0, this.steps, 0]);
    const loss = program.run(batch);
    this.steps++;
    return loss;
  }

  countCorrect(batch: Batch): readonly [number, number] {
    const { count, samples } = batch;
    const { y, perImage } = samples;
    const kind = this.target.labelKind(perImage)!;
    const labelOf = (i: number): number =>
      y[imageOf(batch, Math.floor(i / perImage)) * perImage + (i % perImage)];
    const labels = count * perImage;
    const scores = this.#program(count, perImage).scores();
    return [countCorrect(scores, labelOf, labels, kind), answersOf(labels, kind)];
  }

  evaluator(samples: CheckedSamples, metrics: readonly Metric[] | undefined): Evaluator {
    const weight = (name: string): Float32Array => this.weight(name);
    return new Evaluator(this.#runtime, this.#model, weight, this.target, samples, { metrics });
  }

  firstNonFiniteWeight(): string | undefined {
    return this.#weightNames.find((name) => this.weight(name).some((v) => !Number.isFinite(v)));
  }

  /** The program for a batch size, planned when it is first needed. */
  #program(count: number, perImage: number): TrainStep {
    const key = keyOf(count, perImage);
    let step = this.#programs.get(key);
    if (step) this.#programs.delete(key);
    else step = new TrainStep(this.#runtime, this.#model, count, perImage, this.#variables, this.#objective);
    this.#programs.set(key, step);
    return step;
  }

  #drop(key: string): void {
    this.#programs.get(key)?.dispose();
    this.#programs.delete(key);
  }
}

const keyOf = (count: number, perImage: number): string => `${count} ${perImage}`;
