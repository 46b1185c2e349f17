// What is trained side by side: a net with its first weights, and one batch.
import type { Model, Network, Optimizer } from "../../src/index.ts";

/** Kinds of losses that train.py knows, too. */
export type TaskLoss = "softmaxCrossEntropy" | "dice" | "gan";

/** Kinds of optimizers that train.py knows, too, with their options. */
export type TaskOptimizer =
  | { readonly kind: "sgd"; readonly learningRate: number; readonly momentum: number }
  | { readonly kind: "adam"; readonly learningRate: number; readonly beta1: number };

export interface TrainNet {
  readonly name: string;
  readonly batchSize: number;
  readonly model: Model;
  readonly loss: TaskLoss;
  readonly optimizer: TaskOptimizer;
  /** Values of the target of one image: 1 where it is a class. */
  readonly targets: number;
  /** Of a GAN: what judges the images that the model makes. */
  readonly critic?: Model;
}

export interface TrainTask extends TrainNet {
  /** By name, in the order of the layers: kernels [kh, kw, in, out] and [in, out], vectors. */
  readonly weights: Network["weights"];
  readonly criticWeights?: Network["weights"];
  readonly x: Float32Array;
  /** A class per image, values of 0 and 1, or the images that a GAN learns from. */
  readonly y: Float32Array;
}

/** Milliseconds and loss of each of some steps. */
export interface Steps {
  readonly ms: readonly number[];
  readonly losses: readonly number[];
}

/** Goes on training for so many steps. */
export type Trainer = (steps: number) => Steps | Promise<Steps>;

/** The functions of the package that make these optimizers. */
export type Optimizers = Readonly<Record<TaskOptimizer["kind"], (options: never) => Optimizer>>;

export function optimizerOf(lib: Optimizers, { kind, ...options }: TaskOptimizer): Optimizer {
  return lib[kind](options as never);
}

/** Steps that are timed one by one. */
export function timed(steps: number, step: () => number): Steps {
  const [ms, losses]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    losses.push(step());
    ms.push(performance.now() - start);
  }
  return { ms, losses };
}

/** Classes in turn, or stripes of 0 and 1. */
export const targetsOf = (batchSize: number, targets: number): Float32Array =>
  Float32Array.from({ length: batchSize * targets }, (_, i) => (targets > 1 ? (i >> 3) % 2 : i % 10));
