// The compiled network: predicts, trains with the trainer that an optimizer brings, saves and loads. Running allocates nothing.

import { ArgumentError, DisposedError, FormatError, ShapeError, UnsupportedError } from "../errors.ts";
import type { FileBytes } from "../formats/bytes.ts";
import { readCheckpoint, writeCheckpoint } from "../formats/checkpoint.ts";
import { Builder, resolveShapes } from "../model/graph-builder.ts";
import { checkModel, type Model, type TrainedModel, type Weights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type DType, type Shape, sizeOf, Tensor } from "../tensor.ts";
import { checkOptions } from "../validate.ts";
import { type CompileOptions, checkCompileOptions } from "./compile-options.ts";
import { Inference, type InferenceOptions } from "./inference.ts";
import type { Inputs, Outputs, Values } from "./io-binding.ts";
import type { Profile } from "./profile.ts";
import { summaryTable } from "./summary.ts";
import {
  createTrainer,
  type Data,
  type EpochReport,
  type Evaluation,
  FIT_OPTIONS,
  type FitOptions,
  type Metric,
  type NetworkTrainer,
  type Optimizer,
  type OptimizerState,
  type Samples,
  TRAIN_OPTIONS,
  type TrainerFactory,
  type TrainOptions,
} from "./trainer-interface.ts";

export type { CompileOptions } from "./compile-options.ts";
export type { Inputs } from "./io-binding.ts";

/** The training that a stored optimizer belongs to. */
export interface StoredTraining extends OptimizerState {
  readonly options: TrainOptions;
}

/** The step of an inference whose weights are no longer the network's. */
const OUT_OF_DATE = -1;

export class Network {
  /** The description, with all shapes resolved. */
  readonly model: Model;
  /** Images per run. */
  readonly batchSize: number;
  readonly #runtime: Runtime;
  readonly #options: InferenceOptions;
  readonly #weightShapes: Readonly<Record<string, Shape>>;
  /** The weights as they were given, of a network that is not trained; a trainer holds them otherwise. */
  #given: Weights | undefined;
  #trainer: NetworkTrainer | undefined;
  #trainOptions: TrainOptions | undefined;
  #inference: Inference;
  /** The trainer's step after which the inference was built, 0 without a trainer. */
  #inferenceStep = 0;
  #fitting = false;
  #disposed = false;

  /** @internal Use `engine.compile`. */
  constructor(runtime: Runtime, source: Model | TrainedModel, options: CompileOptions = {}) {
    const trained = typeof source === "object" && source !== null && "model" in source;
    const given = trained ? source : { model: source, weights: undefined };
    checkModel(given.model);
    checkCompileOptions(options);
    runtime.alive("compile");
    this.#runtime = runtime;
    const { batchSize = 1, seed = 0, prefer, layout, train } = options;
    this.batchSize = batchSize;
    this.model = resolveShapes(given.model, options.shape);
    this.#options = { prefer, channelsFirst: layout === "nchw" };
    const build = new Builder(this.model, batchSize, options.weights ?? given.weights, seed);
    this.#given = build.weights;
    this.#weightShapes = build.weightShapes;
    this.#inference = new Inference(runtime, this.model, build, this.#options);
    if (train) {
      try {
        this.#trainerFor(train).plan(train.batchSize ?? 32);
      } catch (error) {
        this.dispose();
        throw error;
      }
    }
  }

  /**
   * Copies of the weights as they are now, by name. Assigning one, `net.weights["conv1.kernel"] = data`, or some, `net.weights = {...}`,
   * changes those; changing a copy's values does not.
   */
  get weights(): Record<string, Float32Array> {
    if (this.#trainer) this.#alive("weights");
    const copies = this.#trainer ? this.#trainer.weights : {};
    return assignable(this.#given ?? copies, copies, (name, data) => {
      this.weights = { [name]: data };
    });
  }

  set weights(given: Weights) {
    this.#alive("weights");
    for (const [name, data] of Object.entries(given)) {
      if (!Object.hasOwn(this.#weightShapes, name)) throw new ShapeError(`weights: no layer takes "${name}"`);
      const size = sizeOf(this.#weightShapes[name]);
      if (data?.length !== size)
        throw new ShapeError(`weights: "${name}" has ${data?.length} values but must have ${size}`);
    }
    if (this.#trainer) this.#trainer.weights = given;
    else this.#given = { ...this.#given, ...given };
    this.#inferenceStep = OUT_OF_DATE;
    this.#current();
  }

  /**
   * Trains on `data` for some epochs. Loss and optimizer are given here or to compile; other ones than before start anew. Resolves to
   * a report per epoch. Rejects, with the weights trained so far kept, when the signal aborts or a loss is not finite and `stopOnNaN`
   * is set.
   */
  async fit(data: Data, options: FitOptions & Partial<TrainOptions> = {}): Promise<EpochReport[]> {
    this.#alive("fit");
    if (this.#fitting)
      throw new UnsupportedError("fit: this network is being fitted already; await that first");
    checkOptions("fit", options, { ...FIT_OPTIONS, ...TRAIN_OPTIONS });
    const trainer = this.#trainerFor(options);
    this.#fitting = true;
    try {
      return await trainer.fit(data, options);
    } finally {
      this.#fitting = false;
    }
  }

  /** One step on exactly these images; their mean loss before it. Needs `compile(model, { train })`, or a fit before. */
  trainStep(samples: Samples): number {
    this.#alive("trainStep");
    return this.#trainerFor({}).step(samples);
  }

  /** Mean loss over samples, and accuracy where y holds class indices. The weights stay as they are. */
  evaluate(
    samples: Samples,
    options: Partial<TrainOptions> & { metrics?: readonly Metric[] } = {},
  ): Evaluation {
    this.#alive("evaluate");
    return this.#trainerFor(options).evaluate(samples, options.metrics);
  }

  /** Shapes of one image at each input, without batch. */
  get inputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#inference.inputs.list.map((p) => [p.name, p.shape.slice(1)]));
  }

  /** Shapes of one image at each output, without batch. */
  get outputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#inference.outputs.list.map((p) => [p.name, p.shape.slice(1)]));
  }

  /** Multiply-adds of one run, over the whole batch. */
  get multiplyAdds(): number {
    return this.#inference.rows.reduce((sum, row) => sum + row.multiplyAdds, 0);
  }

  /** Bytes this network holds in linear memory: weights and tables; activations and scratch. */
  get bytes(): { readonly kept: number; readonly run: number } {
    return this.#inference.bytes;
  }

  /**
   * Runs the network over any number of images. Arrays in, arrays out: the values of all images one after the other. A
   * tensor in (its first axis the batch) gives a tensor out. Several inputs are given in order or by name; several
   * outputs come back in order: `const [mask, scores] = net.predict<Float32Array[]>({ photo })`.
   */
  predict(inputs: Inputs<Tensor>): Tensor;
  predict(inputs: Inputs<Values>): Float32Array;
  predict<R extends Outputs | Outputs[] | Tensor[]>(inputs: Inputs<Values> | Inputs<Tensor>): R;
  predict(inputs: Inputs<Values> | Inputs<Tensor>): unknown {
    this.#alive("predict");
    const inference = this.#current();
    const list = inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "predict");
    const tensors = list.some((x) => x instanceof Tensor);
    const images = inference.inputs.imagesOf(list, this.#runtime, "predict");
    const outs = tensors ? this.#predictTensors(inference, list, images) : inference.predict(list, images);
    return outs.length === 1 ? outs[0] : outs;
  }

  #predictTensors(inference: Inference, list: readonly (Values | Tensor)[], images: number): Tensor[] {
    const outs: Tensor[] = [];
    try {
      for (const { shape, integer } of inference.outputs.list) {
        const type = { shape: [images, ...shape.slice(1)], dtype: integer ? "int32" : "float32" } as const;
        outs.push(new Tensor(this.#runtime, type, "predict"));
      }
      inference.run(list, outs, images);
      return outs;
    } catch (error) {
      for (const out of outs) out.dispose();
      throw error;
    }
  }

  /**
   * `predict` into arrays or tensors of the caller's. Makes no garbage when the number of images is `batchSize`; tensors are then read
   * and written where they lie.
   */
  run(inputs: Inputs<Values> | Inputs<Tensor>, outputs: Inputs<Outputs> | Inputs<Tensor<DType>>): void {
    this.#alive("run");
    const inference = this.#current();
    const from = inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "run");
    const to = inference.outputs.order<Outputs | Tensor>(outputs as Inputs<Outputs | Tensor>, "run");
    const images = inference.inputs.imagesOf(from, this.#runtime, "run");
    inference.outputs.checkTargets(to, images, this.#runtime, "run");
    inference.outputs.checkDistinct(to, from, "run");
    inference.run(from, to, images);
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  summary(): string {
    return summaryTable(this.#inference.rows, this.batchSize, this.bytes);
  }

  /**
   * Runs the network `runs` times and tells where the time goes: per layer milliseconds, share, GFLOP/s and algorithm, of each
   * call the median. `console.log(String(net.profile()))` prints a table. Default inputs: noise; default 20 runs. Needs a
   * host whose clock runs on while it computes (not Cloudflare's).
   */
  profile(inputs?: Inputs<Values> | Inputs<Tensor>, { runs = 20 }: { runs?: number } = {}): Profile {
    this.#alive("profile");
    if (!Number.isInteger(runs) || runs < 1)
      throw new ShapeError(`profile: runs is ${runs} but must be an integer of at least 1`);
    const given = inputs ?? this.#inference.inputs.list.map(({ size }) => noise(size * this.batchSize));
    const list = this.#inference.inputs.order<Values | Tensor>(given as Inputs<Values | Tensor>, "profile");
    const images = this.#inference.inputs.imagesOf(list, this.#runtime, "profile");
    return this.#current().profile(list, images, runs);
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  /** Frees the network's memory. */
  dispose(): void {
    if (!this.disposed) {
      this.#inference.dispose();
      this.#trainer?.dispose();
    }
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * The weights as a safetensors file, the description in its metadata; with `optimizer` also the optimizer's state. `load` and
   * `fromSafetensors` read the weights, `resume` continues training, bit for bit. To lose nothing on a crash, write the file beside the
   * old one and rename it.
   */
  save({ optimizer = false }: { optimizer?: boolean } = {}): FileBytes {
    this.#alive("save");
    if (optimizer && !this.#trainer)
      throw new UnsupportedError("save: there is no optimizer to save; the network has not been trained");
    const progress = optimizer
      ? { options: this.#trainOptions, steps: this.#trainer!.steps, state: this.#trainer!.state }
      : undefined;
    return writeCheckpoint(this.model, this.#weights, this.#weightShapes, progress);
  }

  /** Loads the weights of a file, all or nothing; an optimizer's state in it is left to `resume`. Throws FormatError. */
  load(bytes: Uint8Array | ArrayBuffer): void {
    this.#alive("load");
    this.restore(readCheckpoint(bytes).weights);
  }

  /** @internal Takes weights out of a file, with `training` also its options and the optimizer's state, all or nothing: for `load`, `resume`. */
  restore(weights: Weights, training?: StoredTraining): void {
    const what = training ? "resume" : "load";
    this.#alive(what);
    for (const [name, shape] of Object.entries(this.#weightShapes)) {
      const length = weights[name]?.length;
      if (length === undefined) throw new FormatError(`${what}: the file holds no weight "${name}"`);
      if (length !== sizeOf(shape))
        throw new FormatError(
          `${what}: weight "${name}" has ${length} values in the file but the network's shape [${shape}] holds ${sizeOf(shape)}`,
        );
    }
    const unknown = Object.keys(weights).find((name) => !Object.hasOwn(this.#weightShapes, name));
    if (unknown)
      throw new FormatError(`${what}: the file holds "${unknown}", which no layer of the network takes`);
    if (!training) {
      this.weights = weights;
      return;
    }
    const trainer = this.#newTrainer(training.options, weights);
    try {
      trainer.restore(training);
    } catch (error) {
      trainer.dispose();
      throw error;
    }
    this.#replaceTrainer(trainer, training.options, OUT_OF_DATE);
    this.#current();
  }

  /** The weights as they are now, for reading. */
  get #weights(): Weights {
    return this.#trainer ? this.#trainer.weights : this.#given!;
  }

  /** The trainer for these options; those given before stay in force. */
  #trainerFor(given: Partial<TrainOptions>): NetworkTrainer {
    const names = Object.keys(TRAIN_OPTIONS) as (keyof TrainOptions)[];
    const changed = Object.fromEntries(
      names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
    );
    const options = { ...this.#trainOptions, ...changed } as TrainOptions;
    trainerFactoryOf(options.optimizer);
    if (this.#trainer && JSON.stringify(options) === JSON.stringify(this.#trainOptions)) return this.#trainer;
    const trainer = this.#newTrainer(options, this.#weights);
    const current = this.#inferenceStep === (this.#trainer?.steps ?? 0);
    this.#replaceTrainer(trainer, options, current ? trainer.steps : OUT_OF_DATE);
    return trainer;
  }

  #newTrainer(options: TrainOptions, weights: Weights): NetworkTrainer {
    if (this.#options.channelsFirst)
      throw new UnsupportedError(
        'train: layout "nchw" is converted for predict and run alone; compile without it, and give images as [h, w, c]',
      );
    if (this.#fitting)
      throw new UnsupportedError("train: this network is being fitted with other options; await that first");
    const create = trainerFactoryOf(options.optimizer);
    const inputs = this.#inference.inputs.list.map(({ name, size }) => ({ name, size }));
    const ends = { inputs, output: this.#inference.outputs.list[0].shape.slice(1) };
    return create(this.#runtime, this.model, weights, ends, options);
  }

  #replaceTrainer(trainer: NetworkTrainer, options: TrainOptions, inferenceStep: number): void {
    this.#trainer?.dispose();
    this.#trainer = trainer;
    this.#trainOptions = options;
    this.#given = undefined;
    this.#inferenceStep = inferenceStep;
  }

  /** The inference with the weights as they are now. */
  #current(): Inference {
    const step = this.#trainer ? this.#trainer.steps : 0;
    if (this.#inferenceStep !== step) {
      // Where building fails it stays out of date, and the next use tries again.
      this.#inferenceStep = OUT_OF_DATE;
      this.#inference.dispose();
      const build = new Builder(this.model, this.batchSize, this.#weights, 0);
      this.#inference = new Inference(this.#runtime, this.model, build, this.#options);
      this.#inferenceStep = step;
    }
    return this.#inference;
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }
}

/** What makes the trainer that an optimizer carries. */
function trainerFactoryOf(optimizer: Optimizer | undefined): TrainerFactory {
  const create = optimizer?.[createTrainer];
  if (typeof create !== "function")
    throw new ArgumentError(
      `train: optimizer is ${JSON.stringify(optimizer)} but must be one such as adam(), imported from "convolith": it carries the code that trains`,
    );
  return create;
}

/**
 * An object that reads as copies of `values`, made when they are first read unless `copies` holds them, and hands on what is assigned
 * to one of its names. It takes no other names.
 */
function assignable(
  values: Weights,
  copies: Record<string, Float32Array>,
  assign: (name: string, data: Float32Array) => void,
): Record<string, Float32Array> {
  const own = Object.keys(values).map((name): [string, PropertyDescriptor] => [
    name,
    {
      enumerable: true,
      get: () => (copies[name] ??= values[name].slice()),
      set: (data: Float32Array) => {
        assign(name, data);
        copies[name] = data.slice();
      },
    },
  ]);
  return Object.preventExtensions(Object.defineProperties({}, Object.fromEntries(own)));
}

/** Values in [-1, 1). */
const noise = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * Math.random() - 1);
