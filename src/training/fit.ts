// The loop over epochs and batches: shuffles, steps, measures, and yields to the host's event loop.
import { ArgumentError, ConvolithError } from "../errors.ts";
import type { Evaluator } from "../network/evaluate.ts";
import type { FitOptions } from "../network/fit-options.ts";
import type { MeasuredState } from "../network/loop-state.ts";
import type { LossTarget } from "../network/loss-target.ts";
import type { Measures } from "../network/measures.ts";
import type { MetricsOption } from "../network/metric.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type { Data, EpochReport, Evaluation } from "../network/trainer-interface.ts";
import { describe } from "../validate.ts";
import { type Batch, cut, shuffled, streamOf } from "./data.ts";
import { Watch } from "./early-stopping.ts";
import { listenersOf } from "./listeners.ts";
import type { StepRates } from "./objective.ts";
import type { KeptWeights, Remembered, Resumed } from "./remembered.ts";
import { partOf } from "./sample-parts.ts";
import { streamed } from "./stream.ts";

/** What the loop asks of a trainer. */
interface BatchTrainer {
  readonly target: LossTarget;
  /** Steps taken, epochs finished and batches of the next that are done so far, and the seed of the order of images. */
  readonly steps: number;
  epochs: number;
  batches: number;
  /** What a fit after `resume` begins with, where it begins with that epoch. */
  readonly resumed: Resumed | undefined;
  /** Gives what checkpoints store of the loop. */
  remembered: () => Remembered;
  seed: number;
  readonly history: EpochReport[];
  readonly disposed: boolean;
  /** Throws DisposedError where the network has been disposed. */
  alive(): void;
  /** Makes what gathering gradients and averaging weights need; nothing changes before `begin`. */
  prepare(options: FitOptions): void;
  /** Takes what was prepared into use, and lets go of what is not. */
  begin(options: FitOptions): void;
  /** Lets go of what was prepared for a fit that has not begun. */
  release(): void;
  /** Plans steps on so many images, unless there is a plan; all or none of them. */
  plan(counts: readonly number[], perImage: readonly number[]): void;
  /** One step; the mean loss before it. */
  train(batch: Batch, rates: StepRates): number;
  /** Adds to the gradients of the next step; the mean loss. */
  gather(batch: Batch): number;
  /** One step by the gradients gathered. */
  update(rates: StepRates): void;
  /** The optimizer's. */
  readonly learningRate: number;
  /** The loss of each output that has one, of the batch trained on last. */
  losses(batch: Batch): readonly number[];
  /** Adds the batch, the one trained on last, to what is measured. */
  measure(batch: Batch, loss: number, measures: Measures): void;
  /** Measures samples with the weights as they are at the time. */
  evaluator(samples: CheckedSamples, metrics: MetricsOption | undefined): Evaluator;
  /** The name of the first weight that holds a value that is not finite. */
  firstNonFiniteWeight(): string | undefined;
  /** Copies the weights. */
  keep(): KeptWeights;
  /** Makes them the weights again. */
  bringBack(kept: KeptWeights): void;
  /** Puts the average in the place of the weights. */
  applyAverage(): void;
}

/** Images per step where nothing else is said. */
const BATCH_SIZE = 32;
/** Milliseconds of computing after which the host gets a turn: a page then still responds within a frame or two. */
const MAX_BLOCKING_MS = 24;

/** A turn of the host's event loop. */
const yieldToHost = (): Promise<void> =>
  new Promise((resolve) => {
    let channel: MessageChannel;
    try {
      channel = new MessageChannel();
    } catch {
      // jsdom in Jest has none, Next.js at the edge one that throws.
      return void setTimeout(resolve);
    }
    // A message is delivered sooner than a timer, which browsers hold back for 4 ms.
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(0);
  });

/** Trains for some epochs; a report for each. `begin` is called once all is checked and planned, before the first step. */
export async function trainEpochs(
  trainer: BatchTrainer,
  data: Data,
  options: FitOptions,
  begin: () => void,
): Promise<EpochReport[]> {
  const { epochs = 1, batchSize, metrics, initialEpoch = trainer.epochs, seed = trainer.seed } = options;
  const { schedule, earlyStopping } = options;
  const { target } = trainer;
  const stream = streamOf(data, epochs);
  const [all, validation] = split(stream ? undefined : target.check(data, "fit"), options, target);
  if (all) target.measures(all.perImage, metrics);
  options.signal?.throwIfAborted();
  const evaluator = validation && trainer.evaluator(validation, metrics);
  try {
    trainer.prepare(options);
    if (all) {
      const size = Math.min(batchSize ?? BATCH_SIZE, all.images);
      trainer.plan([size, all.images % size || size], all.perImage);
    }
    const resumed = initialEpoch === trainer.epochs ? trainer.resumed : undefined;
    const watch = earlyStopping && new Watch(earlyStopping);
    if (resumed?.loop.watched) watch?.resume(resumed.loop.watched, resumed.best);
    const loop = new Loop(trainer, options, evaluator, all, (ofTraining) => {
      const watched = validation ? target.measures(validation.perImage, metrics) : ofTraining;
      if (watched) watch?.check(watched.names);
      if (schedule && "state" in schedule && resumed?.loop.schedule !== undefined)
        schedule.state = resumed.loop.schedule;
      begin();
      trainer.begin(options);
      trainer.seed = seed;
      trainer.epochs = initialEpoch;
      trainer.remembered = () => ({
        loop: { measured: loop.measured, watched: watch?.state, schedule: schedule?.state },
        best: watch?.best,
      });
    });
    const { onEpoch } = listenersOf(options);
    const history: EpochReport[] = [];
    const end = initialEpoch + epochs;
    for (let epoch = initialEpoch; epoch < end && !watch?.isOver; epoch++) {
      const batches = all ? inOrder(all, options, seed, epoch) : streamed(target, stream!(epoch), options);
      const report = await loop.epoch(epoch, batches, epoch === initialEpoch ? resumed : undefined);
      trainer.batches = 0;
      trainer.epochs = epoch + 1;
      trainer.history.push(report);
      history.push(report);
      // Before a callback saves what it remembers.
      watch?.see(report, () => trainer.keep());
      await onEpoch?.(report);
      if (epoch + 1 === end && trainer.disposed) return history;
      trainer.alive();
    }
    loop.begin();
    if (watch?.best) trainer.bringBack(watch.best);
    trainer.remembered = () => ({ loop: { schedule: schedule?.state }, best: undefined });
    if (typeof options.ema === "object" && options.ema.apply) trainer.applyAverage();
    return history;
  } finally {
    trainer.release();
    evaluator?.dispose();
  }
}

/** The samples trained on, where there are any, and those of the validation. */
function split(
  all: CheckedSamples | undefined,
  { validation, validationSplit }: FitOptions,
  target: LossTarget,
): [all: CheckedSamples | undefined, validation: CheckedSamples | undefined] {
  if (validationSplit === undefined)
    return [all, validation === undefined ? undefined : target.check(validation, "fit: validation")];
  if (validation !== undefined)
    throw new ArgumentError(
      "fit: give validation or validationSplit, which takes it from the data, not both",
    );
  if (!all)
    throw new ArgumentError(
      "fit: validationSplit is of samples given at once, but the data come batch by batch; give validation",
    );
  const at = Math.floor(all.images * (1 - validationSplit));
  if (at < 1 || at >= all.images)
    throw new ArgumentError(
      `fit: a validationSplit of ${validationSplit} leaves ${at} of ${all.images} images to train on and ${all.images - at} to validate; both need one at least`,
    );
  return [partOf(all, 0, at), partOf(all, at, all.images)];
}

/** All images once, in the epoch's order. */
function inOrder(
  samples: CheckedSamples,
  { shuffle = true, batchSize = BATCH_SIZE }: FitOptions,
  seed: number,
  epoch: number,
): Generator<Batch> {
  return cut(samples, batchSize, shuffle ? shuffled(samples.images, seed, epoch) : undefined);
}

/** One fit: its epochs one by one. */
class Loop {
  readonly #trainer: BatchTrainer;
  readonly #options: FitOptions;
  readonly #evaluator: Evaluator | undefined;
  readonly #batches: number | undefined;
  readonly #begin: (measures?: Measures) => void;
  #begun = false;
  /** Of the epoch's batches so far. */
  #measures: Measures | undefined;
  /** Batches of the epoch whose gradients have been taken, and which are measured. */
  #measured = 0;
  #lastYield = performance.now();
  /** Of the last step. */
  #rates: StepRates;
  readonly #listeners: ReturnType<typeof listenersOf>;

  constructor(
    trainer: BatchTrainer,
    options: FitOptions,
    evaluator: Evaluator | undefined,
    all: CheckedSamples | undefined,
    begin: (measures?: Measures) => void,
  ) {
    this.#trainer = trainer;
    this.#options = options;
    this.#evaluator = evaluator;
    this.#batches = all && Math.ceil(all.images / (options.batchSize ?? BATCH_SIZE));
    this.#begin = begin;
    this.#listeners = listenersOf(options);
    this.#rates = { learningRate: trainer.learningRate };
  }

  /** Begins the fit, unless it has begun; `measures` are those of its batches, where there are any. */
  begin(measures?: Measures): void {
    if (!this.#begun) this.#begin(measures);
    this.#begun = true;
  }

  /** What has been measured of the batches of this epoch that a checkpoint counts. */
  get measured(): MeasuredState | undefined {
    const { batches } = this.#trainer;
    return batches && batches === this.#measured ? this.#measures?.state : undefined;
  }

  /** One epoch, without the batches that were done before a checkpoint. */
  async epoch(
    epoch: number,
    batches: Iterable<Batch> | AsyncIterable<Batch>,
    { batches: done, loop }: Resumed = { batches: 0, loop: {}, best: undefined },
  ): Promise<EpochReport> {
    const trainer = this.#trainer;
    const { metrics, signal, stopOnNaN, accumulate = 1 } = this.#options;
    const started = performance.now();
    let [images, index, gathered] = [0, 0, 0];
    let measures: Measures | undefined;
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const { perImage } = batch.samples;
      if (!measures) {
        measures = trainer.target.measures(perImage, metrics);
        if (loop.measured) measures.resume(loop.measured);
        [this.#measures, this.#measured] = [measures, done];
      }
      if (index < done) {
        index++;
        continue;
      }
      // All samples at once are planned ahead.
      if (this.#batches === undefined) trainer.plan([batch.count], perImage);
      this.begin(measures);
      const { steps: step } = trainer;
      const updated = ++gathered === accumulate;
      let loss: number;
      if (accumulate === 1) loss = trainer.train(batch, await this.#nextRates());
      else {
        loss = trainer.gather(batch);
        if (updated) trainer.update(await this.#nextRates());
      }
      if (stopOnNaN && !Number.isFinite(loss)) throw notFinite(trainer, step, epoch, index, loss);
      trainer.measure(batch, loss, measures);
      images += batch.count;
      index++;
      this.#measured = index;
      if (updated) [gathered, trainer.batches] = [0, index];
      await this.#listeners.onBatch?.({
        ...{ epoch, step, updated, batch: index - 1, batches: this.#batches },
        ...{ loss, learningRate: this.#rates.learningRate },
        ...trainer.target.lossesByOutput(trainer.losses(batch)),
        imagesPerSecond: (images / (performance.now() - started)) * 1000,
      });
      trainer.alive();
      await this.#breathe();
    }
    if (!measures) throw noBatches(epoch, this.#begun);
    signal?.throwIfAborted();
    this.begin(measures);
    // What is left over is a step of fewer batches.
    if (gathered) trainer.update(await this.#nextRates());
    const ms = performance.now() - started;
    return {
      epoch,
      ...measures.results(),
      validation: await this.#validate(),
      imagesPerSecond: (images / ms) * 1000,
      ms,
    };
  }

  async #nextRates(): Promise<StepRates> {
    const { schedule } = this.#options;
    if (!schedule) return this.#rates;
    const learningRate = await this.#asked("rate", schedule, Infinity);
    const momentum =
      schedule.momentum && (await this.#asked("momentum", (step) => schedule.momentum!(step), 1));
    this.#rates = { learningRate, momentum };
    return this.#rates;
  }

  /** What the schedule gives for the next step, from 0 to below `end`; that of another thread gives a promise. */
  async #asked(what: string, schedule: (step: number) => number, end: number): Promise<number> {
    const { steps } = this.#trainer;
    const given: unknown = schedule(steps);
    const value = typeof given === "object" ? await given : given;
    if (!(typeof value === "number" && value >= 0 && value < end))
      throw new ArgumentError(
        `fit: the schedule gives ${what === "rate" ? "" : `the ${what} `}${describe(value)} for step ${steps} but must give a number ${end === Infinity ? "of at least 0" : `from 0 to below ${end}`}`,
      );
    return value;
  }

  async #validate(): Promise<Evaluation | undefined> {
    this.#evaluator?.refresh();
    const batches = this.#evaluator?.run();
    for (;;) {
      const step = batches?.next();
      if (!step || step.done) return step?.value as Evaluation | undefined;
      await this.#breathe();
      this.#trainer.alive();
      this.#options.signal?.throwIfAborted();
    }
  }

  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastYield <= MAX_BLOCKING_MS) return;
    await yieldToHost();
    this.#lastYield = performance.now();
  }
}

const noBatches = (epoch: number, begun: boolean): ArgumentError =>
  new ArgumentError(
    begun
      ? `fit: the data gave no batch in epoch ${epoch}: an iterable must be able to begin again; give a function that makes one`
      : "fit: the data gave no batch: the iterable is empty, or used up",
  );

function notFinite(
  trainer: BatchTrainer,
  step: number,
  epoch: number,
  batch: number,
  loss: number,
): ConvolithError {
  const weight = trainer.firstNonFiniteWeight();
  const named = weight === undefined ? "" : `; "${weight}" is the first weight that is not finite`;
  return new ConvolithError(
    `fit: the loss of step ${step} (epoch ${epoch}, batch ${batch}) is ${loss}${named}; a smaller learning rate or clipNorm may help`,
  );
}
