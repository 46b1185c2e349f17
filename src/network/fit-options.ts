// The options of `fit`, their checks, and what it reports after each batch.
import {
  aFlag,
  aFunction,
  aNumberFrom,
  anInteger,
  anObject,
  type Check,
  type Checks,
  refuse,
} from "../validate.ts";
import { METRICS, type MetricsOption } from "./metric.ts";
import { aSeed, type EpochReport, type Samples } from "./trainer-interface.ts";

/** What is known after a batch. */
export interface BatchReport {
  /** Counts from 0, over all calls of fit, unless `initialEpoch` says otherwise. */
  readonly epoch: number;
  /** Counts from 0, over all epochs and calls of fit. */
  readonly step: number;
  /** Which batch of the epoch, from 0, and how many there are (unknown where batches come one by one). */
  readonly batch: number;
  readonly batches: number | undefined;
  /** Mean loss of the batch, before its step. */
  readonly loss: number;
  /** The loss of each output, where losses are given by output. */
  readonly losses?: Readonly<Record<string, number>>;
  /** Since the epoch began. */
  readonly imagesPerSecond: number;
}

/** Learning rates over steps, which count from 0. */
export type Schedule = (step: number) => number;

export interface FitOptions {
  /** How many epochs. Default 1. */
  epochs?: number;
  /**
   * The number of the first epoch, which the order of images depends on. Default: as many as were trained before, also in the training
   * a checkpoint was saved in.
   */
  initialEpoch?: number;
  /** Images per step; a last batch may be smaller. Default 32; batches of an iterable are taken as they come, and cut where larger than this. */
  batchSize?: number;
  /** Measured after each epoch, and watched by `earlyStopping`. */
  validation?: Samples;
  /** What is measured besides the loss. Default: accuracy, where y holds class indices. */
  metrics?: MetricsOption;
  /** Whether images come in another order every epoch. Default true. Batches of an iterable come as they are. */
  shuffle?: boolean;
  /** Seed of the order and of what dropout drops. Default: that of the fit before, at first of compile. */
  seed?: number;
  /** The learning rate of each step, instead of the optimizer's. */
  schedule?: Schedule;
  /** Ends when the validation loss (without validation: the loss) has not fallen by more than `minDelta` for `patience` epochs. */
  earlyStopping?: { readonly patience: number; readonly minDelta?: number };
  /** Whether a loss that is not finite ends the training with an error that names step and weight. Default false. */
  stopOnNaN?: boolean;
  /** Awaited, where it gives a promise. */
  onBatch?: (report: BatchReport) => unknown;
  /** Awaited, where it gives a promise. */
  onEpoch?: (report: EpochReport) => unknown;
  /**
   * Ends the training after the current step; `fit` then rejects with the signal's reason, and the weights trained so far are kept, as are
   * the reports of whole epochs in `net.history`.
   */
  signal?: AbortSignal;
}

const STOPPING = { patience: anInteger(0), minDelta: aNumberFrom(0) } as const;
const earlyStopping: Check<NonNullable<FitOptions["earlyStopping"]>> = (value, name, where) => {
  anObject<{ patience: number; minDelta?: number }>(STOPPING)(value, name, where);
  STOPPING.patience((value as { patience?: unknown }).patience, `${name}.patience`, where);
};
const aSignal: Check<AbortSignal> = (value, name, where) => {
  if (typeof (value as AbortSignal | null)?.throwIfAborted !== "function")
    refuse(value, name, where, "an AbortSignal");
};
export const FIT_OPTIONS: Checks<FitOptions> = {
  epochs: anInteger(1),
  initialEpoch: anInteger(0),
  batchSize: anInteger(1),
  validation: true,
  metrics: METRICS,
  shuffle: aFlag,
  seed: aSeed,
  schedule: aFunction,
  earlyStopping,
  stopOnNaN: aFlag,
  onBatch: aFunction,
  onEpoch: aFunction,
  signal: aSignal,
};
