// What a network asks of a trainer, and the data and options of training. An optimizer carries its trainer along as a value, so that a
// network need not import one, and a bundle that only predicts holds none.
import { ArgumentError } from "../errors.ts";
import type { DescribedModel, GivenWeights, Weights } from "../model/schema.ts";
import type { Optimizer as OptimizerFormula } from "../ops/optimizer-formulas.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Shape, Tensor } from "../tensor.ts";
import {
  aList,
  aNumberAbove,
  aNumberFrom,
  anInteger,
  anObject,
  type Check,
  type Checks,
  describe,
  refuse,
} from "../validate.ts";
import { aSelection, type ParameterGroup, type Regularizer, type Selection } from "./layer-selection.ts";
import type { LoopState } from "./loop-state.ts";
import { aLoss, type LossConfig } from "./loss-config.ts";
import { METRICS, type MetricsOption } from "./metric.ts";
import type { EpochReport } from "./reports.ts";
import type { Numbers } from "./samples.ts";
import type { WeightTensors } from "./weight-tensors.ts";

export type { EpochReport, Evaluation } from "./reports.ts";
export type { Numbers } from "./samples.ts";

/** Images, and the labels of each: class indices, or values in the shape of the output. */
export interface Samples {
  /** One input, or several by name. */
  readonly x: Numbers | Readonly<Record<string, Numbers>>;
  /** Of the output, or of several by name where losses are given so. */
  readonly y: Numbers | Readonly<Record<string, Numbers>>;
  /** A factor for each image's part of the loss, at least 0. The mean is not divided by their sum. Metrics do not look at it. */
  readonly weight?: Numbers;
}

/**
 * All samples at once, or batch after batch: an iterable is read once per epoch, so for several epochs it must be able to begin again, as
 * a generator is not: give the function that makes it, which is called with the number of the epoch.
 */
export type Data = Samples | Batches | ((epoch: number) => Batches);
export type Batches = AsyncIterable<Samples> | Iterable<Samples>;

export interface EvaluateOptions {
  /** Default: the loss of the training. */
  loss?: LossConfig;
  /** What is measured besides the loss. Default: accuracy, where y holds class indices. */
  metrics?: MetricsOption;
  /** Images per run. Default 64. */
  batchSize?: number;
}

export interface BatchGradientOptions {
  /**
   * Seed of what dropout drops. Default: that of the training. Processes that train as one give each its own, or all drop the same places
   * of their batches.
   */
  seed?: number;
}

/** What a process knows of its part of a batch. Averaged over the processes, it is what `apply` takes. */
export interface BatchGradients {
  /** Mean loss of the images. */
  readonly loss: number;
  readonly images: number;
  /** The gradients of that loss, before any limit, by the names of the weights that are trained. */
  readonly gradients: Record<string, Float32Array>;
  /** The running averages of batch normalisation as these images would change them, by name; none without. */
  readonly statistics: Record<string, Float32Array>;
}

export interface ApplyOptions {
  /** Running averages of batch normalisation: needed where `gradients` reports some. */
  statistics?: GivenWeights;
  /** Of this step, instead of the optimizer's: for a schedule. */
  learningRate?: number;
  /** Of this step, instead of the optimizer's `momentum` or `beta1`, from 0 to below 1. */
  momentum?: number;
}

/** The key under which an optimizer carries what makes its trainer. Spreading an optimizer keeps it, JSON leaves it out. */
export const createTrainer: unique symbol = Symbol("convolith.createTrainer");

/**
 * An optimizer's formula and its learning rate, which a schedule given to `fit` overrides. Made by `adam()`, `sgd()` and the like:
 * a plain object of the same numbers cannot train.
 */
export type Optimizer = OptimizerFormula & {
  readonly learningRate: number;
  readonly [createTrainer]: TrainerFactory;
  /**
   * One step on weights by their gradients, in place, for loops of one's own: `optimizer.apply(net.variables, gradients)`. What the optimizer
   * keeps for a weight is freed with the weight. Throws ArgumentError or ShapeError where the two do not fit, and MemoryError, and has
   * changed nothing then.
   */
  readonly apply: (weights: AppliedWeights, gradients: AppliedWeights, options?: ApplyStepOptions) => void;
};

/** Tensors in a list, or by name. */
export type AppliedWeights = readonly Tensor[] | Readonly<Record<string, Tensor>>;

export interface ApplyStepOptions {
  /** Of this step, instead of the optimizer's: for a schedule. */
  learningRate?: number;
  /** Of this step, instead of the optimizer's `momentum` or `beta1`, from 0 to below 1. */
  momentum?: number;
  /** Gradients are scaled down so that the norm of all of them together is at most this. */
  clipNorm?: number;
  /** Every gradient is limited to [−clipValue, clipValue], ahead of `clipNorm`. */
  clipValue?: number;
}

export interface TrainOptions {
  loss: LossConfig;
  optimizer: Optimizer;
  /**
   * Layers whose weights stay as they are, by names, in which "*" stands for any text, or by a function of the name; their batch norms use
   * the running averages.
   */
  freeze?: Selection;
  /** Weights with a learning rate or weight decay of their own. A weight belongs to the first group that names it. */
  groups?: readonly ParameterGroup[];
  /**
   * What the learning rate of a layer is multiplied by for each layer with weights between it and the deepest, above 0 to 1: the further
   * from the output, the slower. Normalisation counts as part of the layer before it.
   */
  layerDecay?: number;
  /** Gradients are scaled down so that the norm of all of them together is at most this. */
  clipNorm?: number;
  /** Every gradient is limited to [−clipValue, clipValue]. */
  clipValue?: number;
  /** L1 and L2 terms of kernels (not of biases, nor of normalisation), which reports of training count in the loss; `evaluate` does not. */
  regularize?: Regularizer | readonly Regularizer[];
}

export const EVALUATE_OPTIONS: Checks<EvaluateOptions> = {
  loss: aLoss,
  metrics: METRICS,
  batchSize: anInteger(1),
};

const aRegularizer = anObject<Regularizer>({ l1: aNumberFrom(0), l2: aNumberFrom(0), layers: aSelection });
const someRegularizers: Check<Regularizer | readonly Regularizer[]> = (value, name, where) =>
  (Array.isArray(value) ? aList(aRegularizer) : aRegularizer)(value, name, where);

export const TRAIN_OPTIONS: Checks<TrainOptions> = {
  loss: aLoss,
  optimizer: true,
  freeze: aSelection,
  groups: aList(
    anObject<ParameterGroup>({
      ...{ layers: aSelection, weights: aSelection },
      ...{ learningRate: aNumberFrom(0), weightDecay: aNumberFrom(0) },
    }),
  ),
  layerDecay: (value, name, where) => {
    if (!(typeof value === "number" && value > 0 && value <= 1)) refuse(value, name, where, "above 0, to 1");
  },
  clipNorm: aNumberAbove(0),
  clipValue: aNumberAbove(0),
  regularize: someRegularizers,
};

/** Sizes at the ends of a network. */
export interface Ends {
  /** Values of one image at each input. */
  readonly inputs: readonly { readonly name: string; readonly size: number }[];
  /** Shape of one image at each output. */
  readonly outputs: readonly { readonly name: string; readonly shape: Shape }[];
}

/**
 * How far a training has come: its steps, its epochs and the batches of the next one, its seed, and the tensors the optimizer keeps for the
 * weights, by name, and what the loop remembers.
 */
export interface OptimizerState {
  readonly steps: number;
  readonly epochs: number;
  readonly batches: number;
  readonly seed: number;
  readonly state: Weights;
  readonly loop: LoopState;
}

/** The training that a stored optimizer belongs to. */
export interface StoredTraining extends OptimizerState {
  readonly options: TrainOptions;
}

/** Who changes the weights of a network that is trained. */
export interface NetworkTrainer extends OptimizerState {
  /** The average of the weights, by name, where the last fit kept one. */
  readonly averages: Record<string, Float32Array> | undefined;
  /** Reports of all epochs so far. */
  readonly history: readonly EpochReport[];
  /** Plans steps of so many images ahead of the first. */
  plan(batchSize: number): void;
  /**
   * `options` are those of fit-options.ts. Calls `begin` once everything is checked and planned, before the first step: what fails earlier changes
   * nothing.
   */
  fit(data: Data, options: object, begin: () => void): Promise<EpochReport[]>;
  /** One step on exactly these images; their mean loss before it. */
  step(samples: Samples): number;
  /** The gradients of exactly these images; nothing is changed. */
  gradients(samples: Samples, options: BatchGradientOptions): BatchGradients;
  /** One step by these gradients, all of it or nothing. */
  apply(gradients: GivenWeights, options: ApplyOptions): void;
  /** Continues from a stored state, all of it or nothing. Throws FormatError where it is another optimizer's or network's. */
  restore(stored: OptimizerState): void;
  dispose(): void;
}

/** Makes a trainer. What it takes and gives is no part of the published declarations. */
export interface TrainerFactory {
  /** @internal Throws, and holds nothing then, where the options do not fit the model. */
  // biome-ignore lint/style/useShorthandFunctionType: a member can be internal
  (
    runtime: Runtime,
    model: DescribedModel,
    weights: WeightTensors,
    ends: Ends,
    options: TrainOptions,
    seed: number,
  ): NetworkTrainer;
}

/** What makes the trainer that an optimizer carries. */
export function trainerFactoryOf(optimizer: Optimizer | undefined): TrainerFactory {
  const create = optimizer?.[createTrainer];
  if (typeof create !== "function")
    throw new ArgumentError(
      `train: optimizer is ${describe(optimizer)} but must be one such as adam(), imported from "convolith": it carries the code that trains`,
    );
  return create;
}

/**
 * The options of training: those given, and those given before for the others. A call that names a loss or an optimizer describes its
 * training whole: of what was before, `freeze` above all, it takes over the other of the two alone.
 */
export function completed(before: TrainOptions | undefined, given: Partial<TrainOptions>): TrainOptions {
  const names = Object.keys(TRAIN_OPTIONS) as (keyof TrainOptions)[];
  const changed = names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]]));
  const isWhole = given.loss !== undefined || given.optimizer !== undefined;
  const kept = before && isWhole ? { loss: before.loss, optimizer: before.optimizer } : before;
  return { ...kept, ...Object.fromEntries(changed) } as TrainOptions;
}
