// Where networks and training meet without knowing each other, so that a bundle that only predicts holds no training.

import { UnsupportedError } from "./errors.ts";
import type { Model, Weights } from "./model/schema.ts";
import type { Runtime } from "./runtime/instance.ts";
import type { Shapes, TrainOptions } from "./training/objective.ts";
import type { Trainer } from "./training/trainer.ts";

export type TrainerMaker = (
  runtime: Runtime,
  model: Model,
  weights: Weights,
  shapes: Shapes,
  options: TrainOptions,
) => Trainer;

let provided: TrainerMaker | undefined;

/** Called by training.ts when it is loaded. */
export function provideTrainer(maker: TrainerMaker): void {
  provided = maker;
}

export function trainerMaker(): TrainerMaker {
  if (!provided)
    throw new UnsupportedError(
      "train: this bundle holds no training code; import an optimizer from convolith, such as adam",
    );
  return provided;
}
