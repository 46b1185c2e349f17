// Trains a network: its weights as variables in linear memory, the optimizer's state beside them, and one program per batch size.

import { DisposedError, FormatError } from "../errors.ts";
import type { DescribedModel, GivenWeights } from "../model/schema.ts";
import { Evaluator } from "../network/evaluate.ts";
import type { FitOptions, WeightAverage } from "../network/fit-options.ts";
import type { LoopState } from "../network/loop-state.ts";
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
import { checkOptions } from "../validate.ts";
import { Accumulation } from "./accumulation.ts";
import { AveragedWeights, averageOf } from "./averaged-weights.ts";
import { type Batch, imagesOf, wholeBatch } from "./data.ts";
import { trainEpochs } from "./fit.ts";
import { APPLY_OPTIONS, checkGiven, GRADIENT_OPTIONS } from "./given.ts";
import { GradientStep } from "./gradient-step.ts";
import { hyperOf } from "./groups.ts";
import { COUNTER, COUNTER_NUMBERS, type LossGraph, lossGraph } from "./loss-graph.ts";
import type { MeasuredStep } from "./measured-step.ts";
import { Objective, type StepRates } from "./objective.ts";
import { ProgramCache } from "./program-cache.ts";
import { bestOf, type KeptWeights, type Remembered, type Resumed } from "./remembered.ts";
import { trainStep } from "./train-step.ts";
import { type Updated, UpdateStep, updatedBy } from "./update-step.ts";
import { Variables } from "./variables.ts";

export class Trainer implements NetworkTrainer {
  steps = 0;
  epochs = 0;
  batches = 0;
  seed: number;
  /** What the next fit begins with: after `resume`. */
  resumed: Resumed | undefined;
  /** What the last fit remembers. */
  remembered: () => Remembered = () => ({ loop: {}, best: undefined });
  readonly history: EpochReport[] = [];
  readonly #objective: Objective;
  #disposed = false;
  readonly #runtime: Runtime;
  readonly #model: DescribedModel;
  readonly #weights: WeightTensors;
  /** Names of the weights, and of the optimizer's state. */
  readonly #weightNames: readonly string[];
  readonly #stateNames: readonly string[];
  readonly #variables: Variables;
  readonly #steps: ProgramCache<MeasuredStep>;
  readonly #gradientSteps: ProgramCache<GradientStep>;
  /** What `apply` changes, and its program: found and planned when it is first called. */
  #updated: Updated | undefined;
  #updateStep: UpdateStep | undefined;
  readonly #graphOf: (count: number, perImage: readonly number[]) => LossGraph;
  /** What fits that accumulate or average use; and the average of one that is about to begin. */
  #accumulation: Accumulation | undefined;
  #average: AveragedWeights | undefined;
  #prepared: AveragedWeights | undefined;
  /** What was made for a fit that has not begun. */
  #unused: (Accumulation | AveragedWeights)[] = [];
  #gathers = false;

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
    this.#objective = new Objective(runtime, model, weights.names, ends, options);
    this.#weights = weights;
    this.#weightNames = weights.names;
    this.#stateNames = this.#weightNames.flatMap((name) => this.#objective.statesOf(name));
    const variables = new Variables(runtime);
    const objective = this.#objective;
    this.#variables = variables;
    const graphOf = (count: number, perImage: readonly number[]): LossGraph =>
      lossGraph(model, count, perImage, objective);
    this.#graphOf = graphOf;
    this.#steps = new ProgramCache((count, perImage) =>
      trainStep(runtime, graphOf(count, perImage), variables, objective),
    );
    this.#gradientSteps = new ProgramCache(
      (count, perImage) => new GradientStep(runtime, graphOf(count, perImage), variables),
    );
    try {
      for (const name of this.#weightNames) this.#variables.share(name, weights.tensor(name));
      for (const rule of this.#objective.rules)
        this.#variables.add(hyperOf(rule), new Float32Array(HYPER_NUMBERS));
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
    const best = Object.entries(this.remembered().best ?? {});
    return Object.fromEntries([
      ...[...this.#stateNames, ...this.#averageNames].map(
        (name) => [name, this.#variables.read(name)] as const,
      ),
      ...best.map(([block, values]) => [bestOf(block), values] as const),
    ]);
  }

  get loop(): LoopState {
    const history = this.history.map(({ imagesPerSecond: _, ms: __, ...report }) => report);
    return { history, ...this.remembered().loop };
  }

  get averages(): Record<string, Float32Array> | undefined {
    return this.#average?.all();
  }

  plan(counts: number | readonly number[], perImage = this.target.perImage): void {
    // Whether a function gets class indices or values, samples tell.
    if (this.target.isOpen) return;
    (this.#gathers ? this.#accumulation! : this.#steps).plan([counts].flat(), perImage);
  }

  fit(data: Data, options: FitOptions, begin: () => void): Promise<EpochReport[]> {
    return trainEpochs(this, data, options, begin);
  }

  step(samples: Samples): number {
    const batch = wholeBatch(this.target.check(samples, "trainStep"));
    this.#steps.plan([batch.count], batch.samples.perImage);
    return this.train(batch, { learningRate: this.learningRate });
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
    const { learningRate = this.learningRate, momentum } = options;
    if (momentum !== undefined) this.#objective.needMomentum("apply");
    // Nothing fails from here on.
    for (const [name, values] of Object.entries(statistics)) this.#variables.write(name, values);
    this.#rate({ learningRate, momentum });
    this.#updateStep.run(gradients);
    this.#stepped();
  }

  restore({ state, steps, epochs, batches, seed, loop }: OptimizerState): void {
    /** Blocks of weights that are stored, under these names, and the weights that they are of. */
    const blocksOf = (of: (weight: string) => string): (readonly [name: string, weight: string])[] => {
      const names = this.#weightNames.map((name) => [of(name), name] as const);
      return names.some(([name]) => Object.hasOwn(state, name)) ? names : [];
    };
    const averages = blocksOf(averageOf);
    const best = [...blocksOf(bestOf), ...blocksOf((name) => bestOf(averageOf(name)))];
    const variables = [...this.#stateNames.map((name) => [name, name] as const), ...averages];
    for (const [name, alike] of [...variables, ...best]) {
      const length = Object.hasOwn(state, name) ? state[name].length : undefined;
      const wanted = this.#variables.bytes(alike) / 4;
      if (length === undefined)
        throw new FormatError(
          `resume: the file holds no "${name}": its optimizer's state is another optimizer's or another network's`,
        );
      if (length !== wanted)
        throw new FormatError(`resume: "${name}" has ${length} values but must have ${wanted}`);
    }
    if (averages.length)
      this.#average ??= new AveragedWeights(this.#runtime, this.#weightNames, this.#variables);
    for (const [name] of variables) this.#variables.write(name, state[name]);
    this.steps = steps;
    this.epochs = epochs;
    this.batches = batches;
    this.seed = seed;
    const { history, ...others } = loop;
    const times = { imagesPerSecond: Number.NaN, ms: Number.NaN };
    this.history.push(...history.map((report): EpochReport => ({ ...report, ...times })));
    const kept = best.map(([name]) => [name.slice(0, -bestOf("").length), state[name].slice()]);
    const resumed = { batches, loop: others, best: best.length ? Object.fromEntries(kept) : undefined };
    this.resumed = resumed;
    this.remembered = () => resumed;
  }

  dispose(): void {
    this.#disposed = true;
    this.#steps.dispose();
    this.#gradientSteps.dispose();
    this.#updateStep?.dispose();
    this.#accumulation?.dispose();
    this.#average?.dispose();
    this.#variables.dispose();
  }

  // What the loop of fit.ts asks for.

  get target(): LossTarget {
    return this.#objective.target;
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  alive(): void {
    if (this.disposed) throw new DisposedError("fit: the network was disposed while it was being trained");
  }

  prepare({ accumulate = 1, ema, schedule }: FitOptions): void {
    if (schedule?.momentum) this.#objective.needMomentum("fit");
    const [runtime, variables] = [this.#runtime, this.#variables];
    this.#gathers = accumulate > 1;
    if (this.#gathers && !this.#accumulation) {
      this.#updated ??= updatedBy(this.#model, this.#objective);
      const parts = [runtime, this.#updated, this.#graphOf, variables, this.#objective] as const;
      this.#accumulation = new Accumulation(...parts);
      this.#unused.push(this.#accumulation);
    }
    this.#prepared = ema === undefined ? undefined : this.#average;
    if (ema !== undefined && !this.#prepared) {
      this.#prepared = new AveragedWeights(runtime, this.#weightNames, variables);
      this.#unused.push(this.#prepared);
    }
  }

  begin({ ema }: FitOptions): void {
    this.#unused = [];
    if (!this.#gathers) this.#dropAccumulation();
    this.#accumulation?.clear();
    if (this.#average !== this.#prepared) this.#average?.dispose();
    this.#average = this.#prepared;
    if (this.#average) this.#average.options = averageOptions(ema!);
    this.batches = this.resumed?.batches ?? 0;
    this.resumed = undefined;
  }

  release(): void {
    this.#gathers = false;
    for (const part of this.#unused)
      if (part === this.#accumulation) this.#dropAccumulation();
      else part.dispose();
    this.#unused = [];
  }

  #dropAccumulation(): void {
    this.#accumulation?.dispose();
    this.#accumulation = undefined;
  }

  get learningRate(): number {
    return this.#objective.learningRate;
  }

  gather(batch: Batch): number {
    this.alive();
    this.#count(this.seed);
    return this.#accumulation!.gather(batch);
  }

  update(rates: StepRates): void {
    this.alive();
    this.#rate(rates);
    this.#accumulation!.update();
    this.#stepped();
  }

  keep(): KeptWeights {
    const blocks = [...this.#weightNames, ...this.#averageNames];
    return Object.fromEntries(blocks.map((name) => [name, this.#variables.read(name)]));
  }

  bringBack(kept: KeptWeights): void {
    for (const name of [...this.#weightNames, ...this.#averageNames])
      if (Object.hasOwn(kept, name)) this.#variables.write(name, kept[name]);
    this.#weights.changed();
  }

  applyAverage(): void {
    this.#weights.setWeights(this.averages!);
  }

  train(batch: Batch, rates: StepRates): number {
    this.alive();
    const program = this.#steps.get(batch.count, batch.samples.perImage);
    this.#rate(rates);
    this.#count(this.seed);
    const loss = program.run(batch);
    this.#stepped();
    return loss;
  }

  losses(batch: Batch): number[] {
    return this.#ranOn(batch).parts();
  }

  measure(batch: Batch, loss: number, measures: Measures): void {
    const { labels, perImage } = batch.samples;
    const step = this.#ranOn(batch);
    measures.add({
      images: batch.count,
      perImage,
      loss,
      parts: step.parts(),
      scores: (i) => step.scores(i),
      labels: (i) => imagesOf(labels[i], perImage[i], batch),
    });
  }

  /** The step on batches of that size, which was made last. */
  #ranOn({ count, samples }: Batch): MeasuredStep {
    return (this.#gathers ? this.#accumulation! : this.#steps).get(count, samples.perImage);
  }

  evaluator(samples: CheckedSamples, metrics: MetricsOption | undefined): Evaluator {
    const weight = (name: string): Float32Array =>
      this.#variables.view(this.#average ? averageOf(name) : name);
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

  /** The blocks of the averages, where there are some. */
  get #averageNames(): readonly string[] {
    return this.#average ? this.#weightNames.map(averageOf) : [];
  }

  /** The numbers of the next update. */
  #rate(rates: StepRates): void {
    for (const rule of this.#objective.rules)
      this.#variables.write(hyperOf(rule), this.#objective.hyperAt(rule, this.steps + 1, rates));
  }

  /** What dropout reads before the next step, other numbers for each batch that is gathered. */
  #count(seed: number): void {
    this.#variables.writeInts(COUNTER, [seed, 0, this.steps, this.#accumulation?.batches ?? 0]);
  }

  #stepped(): void {
    this.#weights.changed();
    this.steps++;
    this.#average?.step(this.steps);
  }
}

const averageOptions = (ema: number | WeightAverage): WeightAverage =>
  typeof ema === "number" ? { decay: ema } : ema;
