// Where networks and training meet without knowing each other, so that a bundle that only predicts holds no training.
import type { Model, Weights } from "./description.ts";
import type { Runtime } from "./engine/runtime.ts";
import { UnsupportedError } from "./errors.ts";
import type { Shapes, TrainOptions } from "./train/rules.ts";
import type { Trainer } from "./train/trainer.ts";

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
