// The training of a network: the trainer that holds its weights, the options it has, and that one loop runs at a time.

import { UnsupportedError } from "../errors.ts";
import type { Progress } from "../formats/checkpoint.ts";
import type { Weights } from "../model/schema.ts";
import { checkOptions } from "../validate.ts";
import { FIT_OPTIONS, type FitOptions } from "./fit-options.ts";
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
import type { WeightStore } from "./weights.ts";

/** Makes a trainer of some weights. Throws where the options do not fit the network. */
export type MakeTrainer = (options: TrainOptions, weights: Weights) => NetworkTrainer;

export class Training {
  readonly #weights: WeightStore;
  readonly #make: MakeTrainer;
  #trainer: NetworkTrainer | undefined;
  #options: TrainOptions | undefined;
  #fitting = false;
  /** What is added to the trainer's version, so that the version does not change when another trainer takes over the same weights. */
  #before = 0;

  constructor(weights: WeightStore, make: MakeTrainer) {
    this.#weights = weights;
    this.#make = make;
  }

  /** Changes with every step. */
  get version(): number {
    return this.#before + (this.#trainer?.version ?? 0);
  }

  /** Whether a trainer holds the weights. */
  get begun(): boolean {
    return this.#trainer !== undefined;
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
    const given = completed(undefined, options);
    const trainer = this.#newTrainer(given, this.#weights.all());
    this.#adopt(trainer, given);
    trainer.plan(batchSize);
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
    const given = completed(this.#options, options);
    const trainer = this.#trainerOf(given) ?? this.#newTrainer(given, this.#weights.all());
    this.#fitting = true;
    try {
      return await trainer.fit(data, options, () => {
        alive();
        this.#adopt(trainer, given);
      });
    } finally {
      this.#fitting = false;
      if (trainer !== this.#trainer) trainer.dispose();
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
    const { steps, epochs, batches, seed, state } = this.#trainer;
    return { options: this.#options, steps, epochs, batches, seed, state };
  }

  /** Takes over a training and its weights, all of it or nothing. `setWeights` makes them the network's before, or throws. */
  restore(stored: StoredTraining, weights: Weights, setWeights: () => void): void {
    const trainer = this.#newTrainer(stored.options, weights);
    try {
      trainer.restore(stored);
      setWeights();
    } catch (error) {
      trainer.dispose();
      throw error;
    }
    this.#adopt(trainer, stored.options);
  }

  dispose(): void {
    this.#trainer?.dispose();
  }

  /** The trainer there is, if it has these options. */
  #trainerOf(options: TrainOptions): NetworkTrainer | undefined {
    trainerFactoryOf(options.optimizer);
    return JSON.stringify(options) === JSON.stringify(this.#options) ? this.#trainer : undefined;
  }

  #newTrainer(options: TrainOptions, weights: Weights): NetworkTrainer {
    if (this.#fitting)
      throw new UnsupportedError("train: this network is being fitted with other options; await that first");
    return this.#make(options, weights);
  }

  /** The trainer holds the weights from now on, those of now. */
  #adopt(trainer: NetworkTrainer, options: TrainOptions): void {
    if (trainer === this.#trainer) return;
    const { version } = this;
    this.#weights.moveTo(trainer);
    this.#trainer?.dispose();
    this.#trainer = trainer;
    this.#options = options;
    this.#before = version - trainer.version;
  }
}
