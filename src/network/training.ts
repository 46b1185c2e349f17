// The training of a network: the trainer that changes its weights, the options it has, and that one loop runs at a time.

import { UnsupportedError } from "../errors.ts";
import type { Progress } from "../formats/checkpoint.ts";
import type { Model } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { checkOptions } from "../validate.ts";
import { FIT_OPTIONS, type FitOptions } from "./fit-options.ts";
import { withNames } from "./layer-selection.ts";
import { storableLoss } from "./loss-config.ts";
import {
  completed,
  type Data,
  type EpochReport,
  type NetworkTrainer,
  type StoredTraining,
  TRAIN_OPTIONS,
  type TrainOptions,
  trainerFactoryOf,
} from "./trainer-interface.ts";
import type { WeightTensors } from "./weight-tensors.ts";
import type { WeightStore } from "./weights.ts";

/** Makes a trainer of some weights. Throws where the options do not fit the network. */
export type MakeTrainer = (options: TrainOptions, weights: WeightTensors) => NetworkTrainer;

/** A trainer that does not hold the network's weights yet. */
interface Candidate {
  readonly trainer: NetworkTrainer;
  readonly weights: WeightTensors;
}

/** A number for every function that options have held. */
const FUNCTIONS = new WeakMap<object, number>();
let functions = 0;

/** Options as text, which is equal for equal options: functions are equal to themselves alone. */
const textOf = (options: TrainOptions | undefined): string | undefined =>
  JSON.stringify(options, (_, value) => {
    if (typeof value !== "function") return value;
    if (!FUNCTIONS.has(value)) FUNCTIONS.set(value, ++functions);
    return { function: FUNCTIONS.get(value) };
  });

export class Training {
  readonly #layers: readonly string[];
  readonly #weights: WeightStore;
  readonly #make: MakeTrainer;
  #trainer: NetworkTrainer | undefined;
  #options: TrainOptions | undefined;
  #fitting = false;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, model: Model, weights: WeightStore, make: MakeTrainer) {
    this.#runtime = runtime;
    this.#layers = model.layers.map(({ name }) => name);
    this.#weights = weights;
    this.#make = make;
  }

  get options(): TrainOptions | undefined {
    return this.#options;
  }

  get averages(): Record<string, Float32Array> | undefined {
    return this.#trainer?.averages;
  }

  get history(): readonly EpochReport[] {
    return this.#trainer?.history ?? [];
  }

  /** Begins with the options of compile, its first step planned. */
  begin(options: TrainOptions, batchSize: number): void {
    const given = this.#completed(undefined, options);
    const made = this.#newTrainer(given);
    this.#adopt(made, given);
    made.trainer.plan(batchSize);
  }

  /** `alive` throws once the network has been disposed. */
  async fit(
    data: Data,
    options: FitOptions & Partial<TrainOptions>,
    alive: () => void,
  ): Promise<EpochReport[]> {
    if (this.#fitting)
      throw new UnsupportedError("fit: this network is being fitted already; await that first");
    checkOptions("fit", options, { ...FIT_OPTIONS, ...TRAIN_OPTIONS });
    const given = this.#completed(this.#options, options);
    const before = this.#trainerOf(given);
    const made = before ? undefined : this.#newTrainer(given);
    this.#fitting = true;
    try {
      return await (before ?? made!.trainer).fit(data, options, () => {
        alive();
        if (made) this.#adopt(made, given);
      });
    } finally {
      this.#fitting = false;
      if (made) this.#dropUnused(made);
    }
  }

  /** The trainer, for a call that is not a loop of its own. */
  between(what: string): NetworkTrainer {
    if (this.#fitting) throw new UnsupportedError(`${what}: this network is being fitted; await that first`);
    if (!this.#trainer) trainerFactoryOf(undefined);
    return this.#trainer!;
  }

  /** What `save` writes besides the weights. */
  get progress(): Progress {
    if (!this.#trainer)
      throw new UnsupportedError("save: there is no optimizer to save; the network has not been trained");
    const { steps, epochs, batches, seed, state, loop } = this.#trainer;
    const options = { ...this.#options, loss: storableLoss(this.#options!.loss) };
    return { options, steps, epochs, batches, seed, state, loop };
  }

  /** Takes over a training and its weights, all of it or nothing. `setWeights` makes them the network's, or throws. */
  restore(stored: StoredTraining, setWeights: () => void): void {
    const made = this.#newTrainer(stored.options);
    try {
      made.trainer.restore(stored);
      setWeights();
    } catch (error) {
      this.#dropUnused(made);
      throw error;
    }
    this.#adopt(made, stored.options);
  }

  dispose(): void {
    this.#trainer?.dispose();
  }

  /** The options of training, by names alone. */
  #completed(before: TrainOptions | undefined, given: Partial<TrainOptions>): TrainOptions {
    return withNames(completed(before, given), this.#layers, this.#weights.names);
  }

  /** The trainer there is, if it has these options. */
  #trainerOf(options: TrainOptions): NetworkTrainer | undefined {
    trainerFactoryOf(options.optimizer);
    return textOf(options) === textOf(this.#options) ? this.#trainer : undefined;
  }

  #newTrainer(options: TrainOptions): Candidate {
    if (this.#fitting)
      throw new UnsupportedError("train: this network is being fitted with other options; await that first");
    const weights = this.#weights.tensors(this.#runtime);
    try {
      return { trainer: this.#make(options, weights), weights };
    } catch (error) {
      this.#weights.dropUnused(weights);
      throw error;
    }
  }

  /** The network's weights are those that the trainer changes from now on. */
  #adopt({ trainer, weights }: Candidate, options: TrainOptions): void {
    if (trainer === this.#trainer) return;
    this.#weights.moveTo(weights);
    this.#trainer?.dispose();
    this.#trainer = trainer;
    this.#options = options;
  }

  /** Disposes a trainer that has not been adopted. */
  #dropUnused({ trainer, weights }: Candidate): void {
    if (trainer === this.#trainer) return;
    trainer.dispose();
    this.#weights.dropUnused(weights);
  }
}
