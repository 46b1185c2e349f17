// Trains a network: its weights as variables in linear memory, the optimizer's state beside them, and one program per batch size.

import { DisposedError, FormatError, ShapeError } from "../errors.ts";
import type { Model, Weights } from "../model/schema.ts";
import type {
  Data,
  Ends,
  EpochReport,
  Evaluation,
  FitOptions,
  Metric,
  NetworkTrainer,
  OptimizerState,
  Samples,
  TrainOptions,
} from "../network/trainer-interface.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Batch, type CheckedSamples, checkSamples, type ImageSizes, wholeBatch } from "./data.ts";
import { evaluate } from "./evaluate.ts";
import { trainEpochs } from "./fit.ts";
import { accuracy } from "./metrics.ts";
import { Objective } from "./objective.ts";
import { COUNTER, COUNTER_NUMBERS, HYPER, HYPER_NUMBERS, TrainStep } from "./train-step.ts";
import { Variables } from "./variables.ts";

export class Trainer implements NetworkTrainer {
  readonly objective: Objective;
  steps = 0;
  #disposed = false;
  readonly #runtime: Runtime;
  readonly #model: Model;
  readonly #sizes: ImageSizes;
  /** Names of the weights, and of the optimizer's state. */
  readonly #weightNames: readonly string[];
  readonly #stateNames: readonly string[];
  readonly #variables: Variables;
  readonly #programs = new Map<string, TrainStep>();

  constructor(runtime: Runtime, model: Model, weights: Weights, ends: Ends, options: TrainOptions) {
    this.#runtime = runtime;
    this.#model = model;
    this.objective = new Objective(model, ends, options);
    this.#sizes = { inputs: ends.inputs, labels: this.objective.labelSizes };
    this.#weightNames = Object.keys(weights);
    this.#stateNames = this.#weightNames.flatMap((name) => this.objective.statesOf(name));
    this.#variables = new Variables(runtime);
    try {
      for (const name of this.#weightNames) this.#variables.add(name, weights[name]);
      this.#variables.add(HYPER, new Float32Array(HYPER_NUMBERS));
      this.#variables.add(COUNTER, new Float32Array(COUNTER_NUMBERS));
      for (const name of this.#weightNames)
        for (const state of this.objective.statesOf(name))
          this.#variables.add(state, new Float32Array(weights[name].length));
    } catch (error) {
      this.#variables.dispose();
      throw error;
    }
  }

  get weights(): Record<string, Float32Array> {
    return this.#read(this.#weightNames);
  }

  set weights(given: Weights) {
    for (const [name, data] of Object.entries(given)) this.#variables.write(name, data);
  }

  get state(): Record<string, Float32Array> {
    return this.#read(this.#stateNames);
  }

  plan(batchSize: number): void {
    this.#program(batchSize, this.objective.labelSizes[0]);
  }

  fit(data: Data, options: FitOptions): Promise<EpochReport[]> {
    return trainEpochs(this, data, options);
  }

  step(samples: Samples): number {
    return this.train(wholeBatch(this.check(samples, "trainStep")));
  }

  evaluate(samples: Samples, metrics: readonly Metric[] | undefined): Evaluation {
    return this.measure(this.check(samples, "evaluate"), metrics);
  }

  restore({ state, steps }: OptimizerState): void {
    for (const name of this.#stateNames) {
      const length = state[name]?.length;
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
  }

  dispose(): void {
    this.#disposed = true;
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
    this.#variables.dispose();
  }

  // What the loop of fit.ts asks for.

  check(samples: Samples, what: string): CheckedSamples {
    const checked = checkSamples(samples, this.#sizes, what);
    this.objective.checkLabels(checked, what);
    return checked;
  }

  train(batch: Batch, learningRate = this.objective.learningRate): number {
    if (this.#disposed || this.#runtime.disposed)
      throw new DisposedError("train: the network has been disposed");
    if (!(Number.isFinite(learningRate) && learningRate >= 0))
      throw new ShapeError(
        `fit: the schedule gives ${learningRate} for step ${this.steps} but must give a number of at least 0`,
      );
    const program = this.#program(batch.count, batch.samples.perImage);
    this.#variables.write(HYPER, this.objective.hyperAt(this.steps + 1, learningRate));
    this.#variables.writeInts(COUNTER, [this.objective.seed, 0, this.steps, 0]);
    const loss = program.run(batch);
    this.steps++;
    return loss;
  }

  countCorrect({ samples: { y, perImage }, order, from, count }: Batch): number {
    const scores = this.#program(count, perImage).scores();
    const labels = Float64Array.from({ length: count * perImage }, (_, i) => {
      const image = from + Math.floor(i / perImage);
      return y[(order ? order[image] : image) * perImage + (i % perImage)];
    });
    return accuracy(scores, labels) * count;
  }

  measure(samples: CheckedSamples, metrics: readonly Metric[] | undefined): Evaluation {
    return evaluate(this.#runtime, this.#model, this.weights, this.objective, samples, metrics);
  }

  firstNonFiniteWeight(): string | undefined {
    return this.#weightNames.find((name) => this.#variables.read(name).some((v) => !Number.isFinite(v)));
  }

  #read(names: readonly string[]): Record<string, Float32Array> {
    return Object.fromEntries(names.map((name) => [name, this.#variables.read(name)]));
  }

  /** The program for a batch size, planned when it is first needed. */
  #program(batchSize: number, perImage: number): TrainStep {
    const key = `${batchSize} ${perImage}`;
    let step = this.#programs.get(key);
    if (!step) {
      const { weights, objective } = this;
      step = new TrainStep(
        this.#runtime,
        this.#model,
        weights,
        batchSize,
        perImage,
        this.#variables,
        objective,
      );
      this.#programs.set(key, step);
    }
    return step;
  }
}
