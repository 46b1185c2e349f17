// The options of `fit`, their checks, and what it reports after each batch.
import {
  aFlag,
  aFunction,
  aList,
  aNumberFrom,
  anInteger,
  anObject,
  aSeed,
  aText,
  aWord,
  type Check,
  type Checks,
  needed,
  refuse,
} from "../validate.ts";
import { METRICS, type MetricsOption } from "./metric.ts";
import type { EpochReport, Samples } from "./trainer-interface.ts";

/** What is known after a batch. */
export interface BatchReport {
  /** Counts from 0, over all calls of fit, unless `initialEpoch` says otherwise. */
  readonly epoch: number;
  /** Counts from 0, over all epochs and calls of fit: the step the batch takes part in. */
  readonly step: number;
  /** Whether that step has been taken: false where gradients of further batches are gathered first. */
  readonly updated: boolean;
  /** Which batch of the epoch, from 0, and how many there are (unknown where batches come one by one). */
  readonly batch: number;
  readonly batches: number | undefined;
  /** Mean loss of the batch, before its step. */
  readonly loss: number;
  /** The loss of each output, where losses are given by output. */
  readonly losses?: Readonly<Record<string, number>>;
  /** The learning rate of its step, or of the one before where it has not been taken. */
  readonly learningRate: number;
  /** Since the epoch began. */
  readonly imagesPerSecond: number;
}

/** Learning rates over steps, which count from 0. */
export interface Schedule {
  (step: number): number;
  /** The momentum of each step, from 0 to below 1, instead of the optimizer's `momentum` or `beta1`. */
  momentum?(step: number): number;
  /** Told of every epoch: for a schedule that depends on what was measured. */
  onEpoch?(report: EpochReport): unknown;
  /** What it remembers of epochs, as plain data: checkpoints keep it, and the fit after `resume` sets it. */
  state?: unknown;
}

/** Listeners as a value, such as `csvLog` and `checkpoint` make them. What they give is awaited. */
export interface TrainingCallback {
  onBatch?(report: BatchReport): unknown;
  onEpoch?(report: EpochReport): unknown;
}

/** Which value of an epoch is watched: of the validation where there is one, else of the training. */
export interface Monitored {
  /** "loss", or the name of a metric that is measured. Default "loss". */
  readonly monitor?: string;
  /** Whether lower or higher is better. Default "min" for losses and errors ("loss", "mae", "mse", "rmse"), "max" for other metrics. */
  readonly mode?: "min" | "max";
}

export interface EarlyStopping extends Monitored {
  /** How many epochs without an improvement end the training. */
  readonly patience: number;
  /** By how much the value must be better to count as improved. Default 0. */
  readonly minDelta?: number;
  /** Epochs of this fit that are not watched at its beginning. Default 0. */
  readonly startFromEpoch?: number;
  /**
   * Whether weights and running averages are those of the best epoch when `fit` resolves, also where all epochs were trained, as in
   * Keras 3. The optimizer's state stays that of the last. Default false.
   */
  readonly restoreBest?: boolean;
}

/** An exponential moving average of the weights. */
export interface WeightAverage {
  /** How much of the average is kept at each step, from 0 to below 1. */
  readonly decay: number;
  /** Whether less is kept in the first steps: at most (1 + step) / (10 + step). Default false. */
  readonly warmup?: boolean;
  /** Whether the average takes the place of the weights when `fit` resolves. Default false. */
  readonly apply?: boolean;
}

export interface FitOptions {
  /** How many epochs. Default 1. With 0, a resumed training that was complete ends as it would have. */
  epochs?: number;
  /**
   * The number of the first epoch, which the order of images depends on. Default: as many as were trained before, also in the training
   * a checkpoint was saved in.
   */
  initialEpoch?: number;
  /** Images per step; a last batch may be smaller. Default 32; batches of an iterable are taken as they come, and cut where larger than this. */
  batchSize?: number;
  /** Whether smaller batches of an iterable are gathered up to `batchSize`. Default false. */
  rebatch?: boolean;
  /** How many batches of an iterable are pulled ahead of the one that is trained on. Default 0. */
  prefetch?: number;
  /** How many batches make one step: their gradients are averaged over all images. Default 1. */
  accumulate?: number;
  /** Measured after each epoch, and watched by `earlyStopping`. */
  validation?: Samples;
  /** The part of the samples, above 0 and below 1, that is their validation rather than trained on: the last, before any shuffling. */
  validationSplit?: number;
  /** What is measured besides the loss. Default: accuracy, where y holds class indices. */
  metrics?: MetricsOption;
  /** Whether images come in another order every epoch. Default true. Batches of an iterable come as they are. */
  shuffle?: boolean;
  /** Seed of the order and of what dropout drops. Default: that of the fit before, at first of compile. */
  seed?: number;
  /** The learning rate of each step, instead of the optimizer's. */
  schedule?: Schedule;
  /** Ends when the value watched has not improved for `patience` epochs. */
  earlyStopping?: EarlyStopping;
  /** Averages the weights, see `net.emaWeights`; validation measures the average. A number is the decay. */
  ema?: number | WeightAverage;
  /** Whether a loss that is not finite ends the training with an error that names step and weight. Default false. */
  stopOnNaN?: boolean;
  /** Awaited, where it gives a promise. */
  onBatch?: (report: BatchReport) => unknown;
  /** Awaited, where it gives a promise. */
  onEpoch?: (report: EpochReport) => unknown;
  /** Called after `onBatch` and `onEpoch`, one by one. */
  callbacks?: readonly TrainingCallback[];
  /**
   * Ends the training after the current step; `fit` then rejects with the signal's reason, and the weights trained so far are kept, as are
   * the reports of whole epochs in `net.history`.
   */
  signal?: AbortSignal;
}

export const MONITORED: Checks<Monitored> = { monitor: aText, mode: aWord("min", "max") };

const anEarlyStopping = anObject<EarlyStopping>({
  ...MONITORED,
  patience: needed(anInteger(0), "3"),
  minDelta: aNumberFrom(0),
  startFromEpoch: anInteger(0),
  restoreBest: aFlag,
});

/** A number from 0, or above it, to below 1. */
export const aPart =
  (above: boolean): Check<number> =>
  (value, name, where) => {
    if (!(typeof value === "number" && (above ? value > 0 : value >= 0) && value < 1))
      refuse(value, name, where, `${above ? "above" : "from"} 0 ${above ? "and" : "to"} below 1`);
  };

const anAverage = anObject<WeightAverage>({
  decay: needed(aPart(false), "0.999"),
  warmup: aFlag,
  apply: aFlag,
});

const aCallback: Check<TrainingCallback> = (value, name, where) => {
  const { onBatch, onEpoch } = (value ?? {}) as TrainingCallback;
  // Keras's onEpochEnd would never be called.
  if (typeof value !== "object" || (onBatch ?? onEpoch) === undefined)
    refuse(value, name, where, "an object with onBatch or onEpoch, such as csvLog(write)");
  for (const [event, listener] of Object.entries({ onBatch, onEpoch }))
    if (listener !== undefined) aFunction(listener, `${name}.${event}`, where);
};

/** A function, whose methods are functions, too. */
export const aSchedule: Check<Schedule> = (value, name, where) => {
  aFunction(value, name, where);
  const { momentum, onEpoch } = value as Schedule;
  for (const [method, given] of Object.entries({ momentum, onEpoch }))
    if (given !== undefined) aFunction(given, `${name}.${method}`, where);
};

const aSignal: Check<AbortSignal> = (value, name, where) => {
  if (typeof (value as AbortSignal | null)?.throwIfAborted !== "function")
    refuse(value, name, where, "an AbortSignal");
};

export const FIT_OPTIONS: Checks<FitOptions> = {
  epochs: anInteger(0),
  initialEpoch: anInteger(0),
  batchSize: anInteger(1),
  rebatch: aFlag,
  prefetch: anInteger(0, 1000),
  accumulate: anInteger(1),
  validation: true,
  validationSplit: aPart(true),
  metrics: METRICS,
  shuffle: aFlag,
  seed: aSeed,
  schedule: aSchedule,
  earlyStopping: anEarlyStopping,
  ema: (value, name, where) => (typeof value === "number" ? aPart(false) : anAverage)(value, name, where),
  stopOnNaN: aFlag,
  onBatch: aFunction,
  onEpoch: aFunction,
  callbacks: aList(aCallback),
  signal: aSignal,
};
