// What learns: the weights as variables, the optimizer's state beside them, and one program per batch size.

import { DisposedError, FormatError, ShapeError } from "../errors.ts";
import type { Model, Weights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type Checked, checkSamples, type Data, type Samples, type Sizes } from "./data.ts";
import { type Evaluation, evaluate, type Metric } from "./evaluate.ts";
import { type EpochReport, type FitOptions, learn } from "./fit.ts";
import { accuracy } from "./metrics.ts";
import { Rule, type Shapes, type TrainOptions } from "./objective.ts";
import { COUNTER, HYPER, HYPER_NUMBERS, Step } from "./train-step.ts";
import { Variables } from "./variables.ts";

export class Trainer {
  readonly rule: Rule;
  readonly sizes: Sizes;
  /** Steps taken so far. */
  steps = 0;
  #disposed = false;
  readonly #runtime: Runtime;
  readonly #model: Model;
  readonly #initial: Weights;
  readonly #variables: Variables;
  readonly #programs = new Map<string, Step>();

  constructor(runtime: Runtime, model: Model, weights: Weights, shapes: Shapes, options: TrainOptions) {
    this.#runtime = runtime;
    this.#model = model;
    this.#initial = weights;
    this.rule = new Rule(model, shapes, options);
    this.sizes = { inputs: shapes.inputs, labels: this.rule.labelSizes };
    this.#variables = new Variables(runtime);
    try {
      for (const [name, data] of Object.entries(weights)) this.#variables.add(name, data);
      this.#variables.add(HYPER, new Float32Array(HYPER_NUMBERS));
      this.#variables.add(COUNTER, new Float32Array(4));
      for (const name of Object.keys(weights))
        for (const state of this.rule.statesOf(name))
          this.#variables.add(state, new Float32Array(weights[name].length));
    } catch (error) {
      this.#variables.dispose();
      throw error;
    }
  }

  /** Mean loss and metrics over samples, with the weights as they are. */
  evaluate(samples: Checked, metrics: readonly Metric[] | undefined): Evaluation {
    return evaluate(this.#runtime, this.#model, this.weights, this.rule, samples, metrics);
  }

  fit(data: Data, options: FitOptions): Promise<EpochReport[]> {
    return learn(this, data, options);
  }

  check(samples: Samples, what: string): Checked {
    const checked = checkSamples(samples, this.sizes, what);
    this.rule.checkLabels(checked, what);
    return checked;
  }

  /** One step on `count` images; the mean loss before it. */
  step(
    samples: Checked,
    order: ArrayLike<number> | undefined,
    from: number,
    count: number,
    learningRate = this.rule.optimizer.learningRate,
  ): number {
    if (this.#disposed || this.#runtime.disposed)
      throw new DisposedError("train: the network has been disposed");
    if (!(Number.isFinite(learningRate) && learningRate >= 0))
      throw new ShapeError(
        `fit: the schedule gives ${learningRate} for step ${this.steps} but must give a number of at least 0`,
      );
    const program = this.program(count, samples.perImage);
    this.#variables.write(HYPER, this.rule.hyperAt(this.steps + 1, learningRate));
    this.#variables.writeInts(COUNTER, [this.rule.seed, 0, this.steps, 0]);
    const loss = program.run(samples, order, from);
    this.steps++;
    return loss;
  }

  /** The program for a batch size, planned when it is first asked for. */
  program(batch: number, perImage: number): Step {
    const key = `${batch} ${perImage}`;
    let step = this.#programs.get(key);
    if (!step) {
      step = new Step(this.#runtime, this.#model, this.#initial, batch, perImage, this.#variables, this.rule);
      this.#programs.set(key, step);
    }
    return step;
  }

  /** How many of the last step's images had their highest score at the right class. */
  right(samples: Checked, order: ArrayLike<number> | undefined, from: number, count: number): number {
    const scores = this.program(count, samples.perImage).scores();
    const labels = Float64Array.from({ length: count * samples.perImage }, (_, i) => {
      const image = from + Math.floor(i / samples.perImage);
      return samples.y[(order ? order[image] : image) * samples.perImage + (i % samples.perImage)];
    });
    return (accuracy(scores, labels) * labels.length) / samples.perImage;
  }

  /** Names the first weight that holds what is no finite number, for a message. */
  culprit(): string {
    for (const [name, data] of Object.entries(this.weights))
      if (data.some((v) => !Number.isFinite(v))) return `; "${name}" is the first weight that is not finite`;
    return "";
  }

  /** The weights as they are now. */
  get weights(): Record<string, Float32Array> {
    return Object.fromEntries(Object.keys(this.#initial).map((name) => [name, this.#variables.read(name)]));
  }

  /** Names and lengths have been checked by the network. */
  set weights(given: Weights) {
    for (const [name, data] of Object.entries(given)) this.#variables.write(name, data);
  }

  /** The optimizer's state by name, to be stored beside the weights; its steps are in `steps`. */
  get state(): Record<string, Float32Array> {
    const states = Object.keys(this.#initial).flatMap((name) => this.rule.statesOf(name));
    return Object.fromEntries(states.map((name) => [name, this.#variables.read(name)]));
  }

  /** Takes up a stored state, all of it or nothing. Throws FormatError. */
  resume(stored: Readonly<Record<string, Float32Array>>, steps: number): void {
    const states = Object.keys(this.#initial).flatMap((name) => this.rule.statesOf(name));
    for (const name of states) {
      const data = stored[name];
      const bytes = this.#variables.bytes(name);
      if (!data)
        throw new FormatError(
          `load: the file holds no "${name}": its optimizer's state is another optimizer's or another network's`,
        );
      if (data.length * 4 !== bytes)
        throw new FormatError(`load: "${name}" has ${data.length} values but must have ${bytes / 4}`);
    }
    for (const name of states) this.#variables.write(name, stored[name]);
    this.steps = steps;
  }

  dispose(): void {
    this.#disposed = true;
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
    this.#variables.dispose();
  }
}
