// The loop over epochs and batches: shuffles, steps, measures, and lets the host breathe.
import { ConvolithError, ShapeError } from "../errors.ts";
import { type Checked, type Data, isStream, type Samples, shuffled } from "./data.ts";
import { checkMetrics, type Evaluation, type Metric } from "./evaluate.ts";
import type { Schedule } from "./objective.ts";
import type { Trainer } from "./trainer.ts";

/** What is known after a batch. */
export interface BatchReport {
  /** Counts from 0. */
  readonly epoch: number;
  /** Counts from 0, over all epochs and calls of fit. */
  readonly step: number;
  /** Which batch of the epoch, from 0, and how many there are (unknown where batches come one by one). */
  readonly batch: number;
  readonly batches: number | undefined;
  /** Mean loss of the batch, before its step. */
  readonly loss: number;
  /** Since the epoch began. */
  readonly imagesPerSecond: number;
}

/** What is known after an epoch. */
export interface EpochReport {
  readonly epoch: number;
  /** Mean loss over the epoch's images, each before the step it took part in. */
  readonly loss: number;
  readonly metrics: Readonly<Partial<Record<Metric, number>>>;
  readonly validation: Evaluation | undefined;
  readonly imagesPerSecond: number;
  readonly ms: number;
}

export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Images per step; a last batch may be smaller. Default 32. */
  batchSize?: number;
  /** Measured after each epoch, and shown to `earlyStopping`. */
  validation?: Samples;
  /** What besides the loss is measured. Default: accuracy, where y holds class indices. */
  metrics?: readonly Metric[];
  /** Whether images come in another order every epoch. Default true. Batches of an iterable come as they are. */
  shuffle?: boolean;
  /** Of the order and of dropout. Default 0. */
  seed?: number;
  /** The learning rate of each step, instead of the optimizer's. */
  schedule?: Schedule;
  /** Ends when the validation loss (without validation: the loss) has not fallen by more than `minDelta` for `patience` epochs. */
  earlyStopping?: { readonly patience: number; readonly minDelta?: number };
  /** Whether a loss that is no finite number ends the training with an error that names step and layer. Default false. */
  stopOnNaN?: boolean;
  onBatch?: (report: BatchReport) => void;
  onEpoch?: (report: EpochReport) => void;
  /** Ends the training after the step at hand; `fit` then rejects with the signal's reason. The weights stay as far as they got. */
  signal?: AbortSignal;
}

/** Milliseconds of computing after which the host gets a turn: a page then still answers within a frame or two. */
const BREATH = 24;

/** A turn of the host's event loop. */
const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    // A message comes round quicker than a timer, which browsers hold back for 4 ms.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

/** Trains for some epochs; a report for each. */
export async function learn(trainer: Trainer, data: Data, options: FitOptions): Promise<EpochReport[]> {
  const { epochs = 1, batchSize = 32, shuffle = true, seed = 0, signal, earlyStopping, stopOnNaN } = options;
  for (const [name, value] of Object.entries({ epochs, batchSize }))
    if (!Number.isInteger(value) || value < 1)
      throw new ShapeError(`fit: ${name} is ${value} but must be an integer of at least 1`);
  const history: EpochReport[] = [];
  checkMetrics(options.metrics);
  const whole = isStream(data) ? undefined : trainer.check(data, "fit");
  const held = options.validation && trainer.check(options.validation, "fit: validation");
  let [best, waited] = [Infinity, 0];
  let breath = performance.now();

  for (let epoch = 0; epoch < epochs; epoch++) {
    const begun = performance.now();
    let [images, sum, right, measured, batch] = [0, 0, 0, 0, 0];
    const step = async (samples: Checked, order: Uint32Array | undefined, from: number, count: number) => {
      signal?.throwIfAborted();
      const loss = trainer.step(samples, order, from, count, options.schedule?.(trainer.steps));
      if (stopOnNaN && !Number.isFinite(loss))
        throw new ConvolithError(
          `fit: the loss of step ${trainer.steps - 1} (epoch ${epoch}, batch ${batch}) is ${loss}${trainer.culprit()}; a smaller learning rate or clipNorm may help`,
        );
      if (measures(samples)) {
        right += trainer.right(samples, order, from, count);
        measured += count;
      }
      sum += loss * count;
      images += count;
      const seconds = (performance.now() - begun) / 1000;
      options.onBatch?.({
        epoch,
        step: trainer.steps - 1,
        batch,
        batches: whole && Math.ceil(whole.images / batchSize),
        loss,
        imagesPerSecond: images / seconds,
      });
      batch++;
      if (performance.now() - breath > BREATH) {
        await breathe();
        breath = performance.now();
      }
    };
    const measures = (samples: Checked): boolean =>
      options.metrics ? options.metrics.includes("accuracy") : trainer.rule.indices(samples.perImage);

    if (whole) {
      const order = shuffle ? shuffled(whole.images, seed, epoch) : undefined;
      for (let from = 0; from < whole.images; from += batchSize)
        await step(whole, order, from, Math.min(batchSize, whole.images - from));
    } else
      for await (const samples of data as AsyncIterable<Samples>) {
        const checked = trainer.check(samples, `fit: batch ${batch}`);
        for (let from = 0; from < checked.images; from += batchSize)
          await step(checked, undefined, from, Math.min(batchSize, checked.images - from));
      }
    signal?.throwIfAborted();

    const ms = performance.now() - begun;
    const validation = held && trainer.evaluate(held, options.metrics);
    const accuracy = measured ? { accuracy: right / measured } : {};
    const report: EpochReport = {
      epoch,
      loss: sum / images,
      metrics: accuracy,
      validation,
      imagesPerSecond: (images / ms) * 1000,
      ms,
    };
    history.push(report);
    options.onEpoch?.(report);
    const watched = validation?.loss ?? report.loss;
    if (watched < best - (earlyStopping?.minDelta ?? 0)) [best, waited] = [watched, 0];
    else waited++;
    if (earlyStopping && waited >= earlyStopping.patience) break;
  }
  return history;
}
