// The loop over epochs and batches: shuffles, steps, measures, and yields to the host's event loop.
import { ConvolithError, ShapeError } from "../errors.ts";
import type {
  Data,
  EpochReport,
  Evaluation,
  FitOptions,
  Metric,
  Samples,
} from "../network/trainer-interface.ts";
import { type Batch, type CheckedSamples, isStream, shuffled } from "./data.ts";
import { checkMetrics } from "./evaluate.ts";
import type { Objective } from "./objective.ts";

/** What the loop asks of a trainer. */
interface BatchTrainer {
  readonly objective: Objective;
  /** Steps taken so far. */
  readonly steps: number;
  /** Throws ShapeError where samples do not fit the network. `what` opens the message. */
  check(samples: Samples, what: string): CheckedSamples;
  /** One step; the mean loss before it. */
  train(batch: Batch, learningRate?: number): number;
  /** How many images of the batch, the one trained on last, had their highest score at the labelled class. */
  countCorrect(batch: Batch): number;
  /** Mean loss and metrics over samples, with the weights as they are. */
  measure(samples: CheckedSamples, metrics: readonly Metric[] | undefined): Evaluation;
  /** The name of the first weight that holds a value that is not finite. */
  firstNonFiniteWeight(): string | undefined;
}

/** Milliseconds of computing after which the host gets a turn: a page then still responds within a frame or two. */
const MAX_BLOCKING_MS = 24;

/** A turn of the host's event loop. */
const yieldToHost = (): Promise<void> =>
  new Promise((resolve) => {
    // A message is delivered sooner than a timer, which browsers hold back for 4 ms.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });

/** Trains for some epochs; a report for each. */
export async function trainEpochs(
  trainer: BatchTrainer,
  data: Data,
  options: FitOptions,
): Promise<EpochReport[]> {
  const { epochs = 1, batchSize = 32, earlyStopping } = options;
  for (const [name, value] of Object.entries({ epochs, batchSize }))
    if (!Number.isInteger(value) || value < 1)
      throw new ShapeError(`fit: ${name} is ${value} but must be an integer of at least 1`);
  checkMetrics(options.metrics);
  const all = isStream(data) ? undefined : trainer.check(data, "fit");
  const validation = options.validation && trainer.check(options.validation, "fit: validation");
  const clock = { lastYield: performance.now() };
  const history: EpochReport[] = [];
  let best = Infinity;
  let epochsSinceBest = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const batches = all
      ? batchesOf(all, batchSize, options, epoch)
      : streamedBatches(trainer, data as AsyncIterable<Samples>, batchSize);
    const report = await trainEpoch(trainer, epoch, batches, all, validation, options, clock);
    history.push(report);
    options.onEpoch?.(report);
    const watched = report.validation?.loss ?? report.loss;
    if (watched < best - (earlyStopping?.minDelta ?? 0)) [best, epochsSinceBest] = [watched, 0];
    else epochsSinceBest++;
    if (earlyStopping && epochsSinceBest >= earlyStopping.patience) break;
  }
  return history;
}

/** All images once, in the epoch's order. */
function* batchesOf(
  samples: CheckedSamples,
  batchSize: number,
  { shuffle = true, seed = 0 }: FitOptions,
  epoch: number,
): Generator<Batch> {
  const order = shuffle ? shuffled(samples.images, seed, epoch) : undefined;
  yield* cut(samples, batchSize, order);
}

/** Samples as they come, those of more than a batch cut into several. */
async function* streamedBatches(
  trainer: BatchTrainer,
  data: AsyncIterable<Samples>,
  batchSize: number,
): AsyncGenerator<Batch> {
  let index = 0;
  for await (const samples of data)
    for (const batch of cut(trainer.check(samples, `fit: batch ${index}`), batchSize, undefined)) {
      index++;
      yield batch;
    }
}

function* cut(samples: CheckedSamples, batchSize: number, order: Uint32Array | undefined): Generator<Batch> {
  for (let from = 0; from < samples.images; from += batchSize)
    yield { samples, order, from, count: Math.min(batchSize, samples.images - from) };
}

async function trainEpoch(
  trainer: BatchTrainer,
  epoch: number,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  all: CheckedSamples | undefined,
  validation: CheckedSamples | undefined,
  options: FitOptions,
  clock: { lastYield: number },
): Promise<EpochReport> {
  const { metrics, schedule, signal, stopOnNaN, onBatch, batchSize = 32 } = options;
  const started = performance.now();
  let [images, lossSum, correct, classified, index] = [0, 0, 0, 0, 0];
  for await (const batch of batches) {
    signal?.throwIfAborted();
    const loss = trainer.train(batch, schedule?.(trainer.steps));
    if (stopOnNaN && !Number.isFinite(loss)) throw notFinite(trainer, epoch, index, loss);
    if (metrics?.includes("accuracy") ?? trainer.objective.areClasses(batch.samples.perImage)) {
      correct += trainer.countCorrect(batch);
      classified += batch.count;
    }
    lossSum += loss * batch.count;
    images += batch.count;
    const seconds = (performance.now() - started) / 1000;
    onBatch?.({
      epoch,
      step: trainer.steps - 1,
      batch: index,
      batches: all && Math.ceil(all.images / batchSize),
      loss,
      imagesPerSecond: images / seconds,
    });
    index++;
    if (performance.now() - clock.lastYield > MAX_BLOCKING_MS) {
      await yieldToHost();
      clock.lastYield = performance.now();
    }
  }
  signal?.throwIfAborted();
  const ms = performance.now() - started;
  return {
    epoch,
    loss: lossSum / images,
    metrics: classified ? { accuracy: correct / classified } : {},
    validation: validation && trainer.measure(validation, metrics),
    imagesPerSecond: (images / ms) * 1000,
    ms,
  };
}

function notFinite(trainer: BatchTrainer, epoch: number, batch: number, loss: number): ConvolithError {
  const weight = trainer.firstNonFiniteWeight();
  const named = weight === undefined ? "" : `; "${weight}" is the first weight that is not finite`;
  return new ConvolithError(
    `fit: the loss of step ${trainer.steps - 1} (epoch ${epoch}, batch ${batch}) is ${loss}${named}; a smaller learning rate or clipNorm may help`,
  );
}
