// What `engine.compile` takes besides the model, and its checks.
import { ShapeError } from "../errors.ts";
import type { Weights } from "../model/schema.ts";
import type { Preference } from "../runtime/program.ts";
import type { Shape } from "../tensor.ts";
import { type Checks, checkOptions } from "../validate.ts";
import { TRAIN_OPTIONS, type TrainOptions } from "./trainer-interface.ts";

export interface CompileOptions {
  /** Trained weights, all of them. Default: those of the model file, or freshly initialised ones. */
  weights?: Weights;
  /** Seed of initialisation, an integer. Default 0. */
  seed?: number;
  /** Images per run. More images are run in batches, fewer are filled up to one. Default 1. */
  batchSize?: number;
  /** Sizes for inputs that leave some open (null), without batch: a shape, or shapes by input name. */
  shape?: Shape | Readonly<Record<string, Shape>>;
  /** "memory" leaves out algorithms whose packed weights are larger than the weights. Default "speed". */
  prefer?: Preference;
  /** Layout of the arrays given to and taken from the network. Default "nhwc" (channels last); "nchw" is converted at the boundary. */
  layout?: "nhwc" | "nchw";
  /** Plans training at once: loss and optimizer, and images per step (default 32). Otherwise `fit` plans it. */
  train?: TrainOptions & { batchSize?: number };
}

const COMPILE_OPTIONS: Checks<CompileOptions> = {
  weights: true,
  seed: true,
  batchSize: true,
  shape: true,
  prefer: true,
  layout: true,
  train: true,
};

/** Throws unless every option is known and has a value it can have. */
export function checkCompileOptions(options: CompileOptions): void {
  checkOptions("compile", options, COMPILE_OPTIONS);
  const { batchSize, layout, prefer, train } = options;
  checkOptions("compile: train", train ?? {}, { ...TRAIN_OPTIONS, batchSize: true });
  checkBatchSize(batchSize, "batchSize");
  checkBatchSize(train?.batchSize, "train.batchSize");
  if (layout !== undefined && layout !== "nhwc" && layout !== "nchw")
    throw new ShapeError(`compile: layout is ${JSON.stringify(layout)} but must be "nhwc" or "nchw"`);
  if (prefer !== undefined && prefer !== "speed" && prefer !== "memory")
    throw new ShapeError(`compile: prefer is ${JSON.stringify(prefer)} but must be "speed" or "memory"`);
}

function checkBatchSize(value: number | undefined, name: string): void {
  if (value !== undefined && (!Number.isInteger(value) || value < 1))
    throw new ShapeError(`compile: ${name} is ${value} but must be an integer of at least 1`);
}
