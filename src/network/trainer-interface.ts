// What a network asks of a trainer, and the data and options of training. An optimizer carries its trainer along as a value, so that a
// network need not import one, and a bundle that only predicts holds none.
import type { Model, Weights } from "../model/schema.ts";
import type { LossKind } from "../ops/loss.ts";
import type { Optimizer as OptimizerFormula } from "../ops/optimizer.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Shape } from "../tensor.ts";
import type { Checks } from "../validate.ts";

/** Values in a typed array or a list: of all images, one after the other. */
export type Numbers = ArrayLike<number>;

/** Images, and the labels of each: class indices, or values in the shape of the output. */
export interface Samples {
  /** One input, or several by name. */
  readonly x: Numbers | Readonly<Record<string, Numbers>>;
  readonly y: Numbers;
}

/** All samples at once, or batch after batch: an async iterable is read once per epoch, so it must be able to begin again. */
export type Data = Samples | AsyncIterable<Samples> | Iterable<Samples>;

export type Metric = "accuracy";

/** Mean loss over some samples, and what else was measured. */
export interface Evaluation {
  readonly loss: number;
  /** The part of images, 0 to 1, whose highest score is the labelled class's. */
  readonly accuracy?: number;
}

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

/** Learning rates over steps, which count from 0. */
export type Schedule = (step: number) => number;

export interface FitOptions {
  /** Default 1. */
  epochs?: number;
  /** Images per step; a last batch may be smaller. Default 32. */
  batchSize?: number;
  /** Measured after each epoch, and watched by `earlyStopping`. */
  validation?: Samples;
  /** What is measured besides the loss. Default: accuracy, where y holds class indices. */
  metrics?: readonly Metric[];
  /** Whether images come in another order every epoch. Default true. Batches of an iterable come as they are. */
  shuffle?: boolean;
  /** Seed of the order. Default 0. */
  seed?: number;
  /** The learning rate of each step, instead of the optimizer's. */
  schedule?: Schedule;
  /** Ends when the validation loss (without validation: the loss) has not fallen by more than `minDelta` for `patience` epochs. */
  earlyStopping?: { readonly patience: number; readonly minDelta?: number };
  /** Whether a loss that is not finite ends the training with an error that names step and weight. Default false. */
  stopOnNaN?: boolean;
  onBatch?: (report: BatchReport) => void;
  onEpoch?: (report: EpochReport) => void;
  /** Ends the training after the current step; `fit` then rejects with the signal's reason and keeps the weights trained so far. */
  signal?: AbortSignal;
}

/**
 * What is minimised, as a mean over the batch. `softmaxCrossEntropy` and `binaryCrossEntropy` take logits: a network for them
 * ends without softmax or sigmoid. Default of `delta` (huber) 1, of `labelSmoothing` 0.
 */
export type LossConfig =
  | LossKind
  | { readonly kind: LossKind; readonly delta?: number; readonly labelSmoothing?: number };

/** The key under which an optimizer carries what makes its trainer. Spreading an optimizer keeps it, JSON leaves it out. */
export const createTrainer: unique symbol = Symbol("convolith.createTrainer");

/**
 * An optimizer's formula and its learning rate, which a schedule given to `fit` overrides. Made by `adam()`, `sgd()` and the like:
 * a plain object of the same numbers cannot train.
 */
export type Optimizer = OptimizerFormula & {
  readonly learningRate: number;
  readonly [createTrainer]: TrainerFactory;
};

export interface TrainOptions {
  loss: LossConfig;
  optimizer: Optimizer;
  /** Names of layers whose weights stay as they are; their batch norms use the running averages. */
  freeze?: readonly string[];
  /** Gradients are scaled down so that the norm of all of them together is at most this. */
  clipNorm?: number;
  /** Every gradient is limited to [−clipValue, clipValue]. */
  clipValue?: number;
  /** Seed of what dropout drops. Default 0. */
  dropoutSeed?: number;
}

export const FIT_OPTIONS: Checks<FitOptions> = {
  epochs: true,
  batchSize: true,
  validation: true,
  metrics: true,
  shuffle: true,
  seed: true,
  schedule: true,
  earlyStopping: true,
  stopOnNaN: true,
  onBatch: true,
  onEpoch: true,
  signal: true,
};

export const TRAIN_OPTIONS: Checks<TrainOptions> = {
  loss: true,
  optimizer: true,
  freeze: true,
  clipNorm: true,
  clipValue: true,
  dropoutSeed: true,
};

/** Sizes at the ends of a network. */
export interface Ends {
  /** Values of one image at each input. */
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Shape of the first output for one image. */
  readonly output: Shape;
}

/** How far an optimizer has come: its steps, and the tensors it keeps for the weights, by name. */
export interface OptimizerState {
  readonly steps: number;
  readonly state: Weights;
}

/** Who holds and changes the weights of a network that is trained. */
export interface NetworkTrainer extends OptimizerState {
  /** Copies of the weights as they are now. Assigning some of them changes those; names and lengths have been checked. */
  get weights(): Record<string, Float32Array>;
  set weights(given: Weights);
  /** Plans steps of so many images ahead of the first. */
  plan(batchSize: number): void;
  fit(data: Data, options: FitOptions): Promise<EpochReport[]>;
  /** One step on exactly these images; their mean loss before it. */
  step(samples: Samples): number;
  evaluate(samples: Samples, metrics: readonly Metric[] | undefined): Evaluation;
  /** Continues from a stored state, all of it or nothing. Throws FormatError where it is another optimizer's or network's. */
  restore(stored: OptimizerState): void;
  dispose(): void;
}

/** Makes a trainer. What it takes and gives is no part of the published declarations. */
export interface TrainerFactory {
  /** @internal Throws, and holds nothing then, where the options do not fit the model. */
  // biome-ignore lint/style/useShorthandFunctionType: a member can be internal
  (runtime: Runtime, model: Model, weights: Weights, ends: Ends, options: TrainOptions): NetworkTrainer;
}
