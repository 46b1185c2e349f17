// The loop over epochs and batches: shuffles, steps, measures, and yields to the host's event loop.
import { ArgumentError, ConvolithError } from "../errors.ts";
import type { Evaluator } from "../network/evaluate.ts";
import type { BatchReport, FitOptions } from "../network/fit-options.ts";
import type { LossTarget } from "../network/loss-target.ts";
import type { Measures } from "../network/measures.ts";
import type { MetricsOption } from "../network/metric.ts";
import type { CheckedSamples } from "../network/samples.ts";
import type { Batches, Data, EpochReport, Evaluation } from "../network/trainer-interface.ts";
import { type Batch, cut, mustBeBatches, shuffled, streamOf } from "./data.ts";

/** What the loop asks of a trainer. */
interface BatchTrainer {
  readonly target: LossTarget;
  /** Steps taken and epochs finished so far, and the seed of the order of images. */
  readonly steps: number;
  epochs: number;
  seed: number;
  readonly history: EpochReport[];
  /** Throws DisposedError where the network has been disposed. */
  alive(): void;
  /** Plans steps on so many images, unless there is a plan; all or none of them. */
  plan(counts: readonly number[], perImage: readonly number[]): void;
  /** One step; the mean loss before it. */
  train(batch: Batch, learningRate?: unknown): number;
  /** The loss of each output that has one, of the batch trained on last. */
  losses(batch: Batch): readonly number[];
  /** Adds the batch, the one trained on last, to what is measured. */
  measure(batch: Batch, loss: number, measures: Measures): void;
  /** Measures samples with the weights as they are at the time. */
  evaluator(samples: CheckedSamples, metrics: MetricsOption | undefined): Evaluator;
  /** The name of the first weight that holds a value that is not finite. */
  firstNonFiniteWeight(): string | undefined;
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

/** Calls the listener, waits for what it gives, and throws where it has disposed of the network. */
async function tell<R>(listener: ((report: R) => unknown) | undefined, report: R): Promise<void> {
  const given = listener?.(report) as PromiseLike<unknown> | undefined;
  if (typeof given?.then === "function") await given;
}

/** Trains for some epochs; a report for each. `begin` is called once all is checked and planned, before the first step. */
export async function trainEpochs(
  trainer: BatchTrainer,
  data: Data,
  options: FitOptions,
  begin: () => void,
): Promise<EpochReport[]> {
  const { epochs = 1, batchSize, metrics, initialEpoch = trainer.epochs, seed = trainer.seed } = options;
  const { target } = trainer;
  const stream = streamOf(data, epochs);
  const all = stream ? undefined : target.check(data, "fit");
  const validation = options.validation && target.check(options.validation, "fit: validation");
  if (all) target.measures(all.perImage, metrics);
  options.signal?.throwIfAborted();
  const evaluator = validation && trainer.evaluator(validation, metrics);
  try {
    if (all) {
      const size = Math.min(batchSize ?? BATCH_SIZE, all.images);
      trainer.plan([size, all.images % size || size], all.perImage);
    }
    const loop = new Loop(trainer, options, evaluator, all, () => {
      begin();
      trainer.seed = seed;
      trainer.epochs = initialEpoch;
    });
    const history: EpochReport[] = [];
    for (let epoch = initialEpoch; epoch < initialEpoch + epochs; epoch++) {
      const batches = all ? inOrder(all, options, seed, epoch) : streamed(target, stream!(), batchSize);
      const report = await loop.epoch(epoch, batches);
      trainer.epochs = epoch + 1;
      trainer.history.push(report);
      history.push(report);
      await tell(options.onEpoch, report);
      if (loop.isEnough(report)) break;
      if (epoch + 1 < initialEpoch + epochs) trainer.alive();
    }
    return history;
  } finally {
    evaluator?.dispose();
  }
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

/** Batches as they come; those of more images than a given batch size are cut into several. */
async function* streamed(
  target: LossTarget,
  batches: Batches,
  batchSize: number | undefined,
): AsyncGenerator<Batch> {
  mustBeBatches(batches);
  let index = 0;
  for await (const samples of batches) {
    const checked = target.check(samples, `fit: batch ${index}`);
    for (const batch of cut(checked, batchSize ?? checked.images, undefined)) {
      index++;
      yield batch;
    }
  }
}

/** One fit: its epochs one by one. */
class Loop {
  readonly #trainer: BatchTrainer;
  readonly #options: FitOptions;
  readonly #evaluator: Evaluator | undefined;
  readonly #batches: number | undefined;
  readonly #begin: () => void;
  #begun = false;
  #lastYield = performance.now();
  #best = Infinity;
  #epochsSinceBest = 0;

  constructor(
    trainer: BatchTrainer,
    options: FitOptions,
    evaluator: Evaluator | undefined,
    all: CheckedSamples | undefined,
    begin: () => void,
  ) {
    this.#trainer = trainer;
    this.#options = options;
    this.#evaluator = evaluator;
    this.#batches = all && Math.ceil(all.images / (options.batchSize ?? BATCH_SIZE));
    this.#begin = begin;
  }

  async epoch(epoch: number, batches: Iterable<Batch> | AsyncIterable<Batch>): Promise<EpochReport> {
    const trainer = this.#trainer;
    const { metrics, schedule, signal, stopOnNaN, onBatch } = this.#options;
    const started = performance.now();
    let [images, index] = [0, 0];
    let measures: Measures | undefined;
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const { perImage } = batch.samples;
      measures ??= trainer.target.measures(perImage, metrics);
      // All samples at once are planned ahead.
      if (this.#batches === undefined) trainer.plan([batch.count], perImage);
      if (!this.#begun) this.#begin();
      this.#begun = true;
      // Another thread's schedule gives a promise.
      const rate: unknown = schedule?.(trainer.steps);
      const loss = trainer.train(batch, typeof rate === "object" ? await rate : rate);
      if (stopOnNaN && !Number.isFinite(loss)) throw notFinite(trainer, epoch, index, loss);
      trainer.measure(batch, loss, measures);
      images += batch.count;
      const imagesPerSecond = (images / (performance.now() - started)) * 1000;
      const step = trainer.steps - 1;
      const report: BatchReport = {
        epoch,
        step,
        batch: index,
        batches: this.#batches,
        loss,
        ...trainer.target.lossesByOutput(trainer.losses(batch)),
        imagesPerSecond,
      };
      await tell(onBatch, report);
      trainer.alive();
      index++;
      await this.#breathe();
    }
    if (!measures) throw noBatches(epoch, this.#begun);
    signal?.throwIfAborted();
    const ms = performance.now() - started;
    return {
      epoch,
      ...measures.results(),
      validation: await this.#validate(),
      imagesPerSecond: (images / ms) * 1000,
      ms,
    };
  }

  /** Whether the watched loss has not fallen for as long as early stopping waits. */
  isEnough({ loss, validation }: EpochReport): boolean {
    const { earlyStopping } = this.#options;
    const watched = validation?.loss ?? loss;
    if (watched < this.#best - (earlyStopping?.minDelta ?? 0))
      [this.#best, this.#epochsSinceBest] = [watched, 0];
    else this.#epochsSinceBest++;
    return earlyStopping !== undefined && this.#epochsSinceBest >= earlyStopping.patience;
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

function notFinite(trainer: BatchTrainer, epoch: number, batch: number, loss: number): ConvolithError {
  const weight = trainer.firstNonFiniteWeight();
  const named = weight === undefined ? "" : `; "${weight}" is the first weight that is not finite`;
  return new ConvolithError(
    `fit: the loss of step ${trainer.steps - 1} (epoch ${epoch}, batch ${batch}) is ${loss}${named}; a smaller learning rate or clipNorm may help`,
  );
}
