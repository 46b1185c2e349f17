// The compiled network as people see it. Running allocates nothing.

import {
  checkOptions,
  DisposedError,
  FormatError,
  type Known,
  ShapeError,
  UnsupportedError,
} from "../errors.ts";
import { readCheckpoint, writeCheckpoint } from "../formats/checkpoint.ts";
import { trainerMaker } from "../learner.ts";
import { checkModel, type Model, type TrainedModel, type Weights } from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Preference } from "../runtime/program.ts";
import { type Shape, sizeOf, Tensor } from "../tensor.ts";
import type { Data, Samples } from "../training/data.ts";
import type { Evaluation, Metric } from "../training/evaluate.ts";
import type { EpochReport, FitOptions } from "../training/fit.ts";
import type { TrainOptions } from "../training/objective.ts";
import type { Trainer } from "../training/trainer.ts";
import { settle } from "./graph-builder.ts";
import { Inference, type InferenceOptions } from "./inference.ts";
import type { Inputs, Outputs, Values } from "./io-binding.ts";
import type { Profile } from "./profile.ts";
import { summaryTable } from "./summary.ts";

export type { Inputs } from "./io-binding.ts";

export interface CompileOptions {
  /** Trained weights, all of them. Default: those of the model file, or freshly initialised ones. */
  weights?: Weights;
  /** Seed of initialisation, an integer. Default 0. */
  seed?: number;
  /** Images per run. Larger batches are cut, smaller ones filled up. Default 1. */
  batch?: number;
  /** Sizes for inputs that leave some open (null), without batch: a shape, or shapes by input name. */
  shape?: Shape | Readonly<Record<string, Shape>>;
  /** "memory" leaves out algorithms whose packed weights are larger than the weights. Default "speed". */
  prefer?: Preference;
  /** Layout of the arrays given to and taken from the network. Default "nhwc" (channels last); "nchw" is converted at the boundary. */
  layout?: "nhwc" | "nchw";
  /** Plans training at once: loss and optimizer, and images per step (default 32). Else `fit` plans it. */
  train?: TrainOptions & { batch?: number };
}

const COMPILE: Known<CompileOptions> = {
  weights: true,
  seed: true,
  batch: true,
  shape: true,
  prefer: true,
  layout: true,
  train: true,
};
const TRAIN: Known<TrainOptions> = {
  loss: true,
  optimizer: true,
  freeze: true,
  clipNorm: true,
  clipValue: true,
  dropoutSeed: true,
};
const FIT: Known<FitOptions> = {
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

export class Network {
  /** The description, with every size settled. */
  readonly model: Model;
  readonly batch: number;
  readonly #runtime: Runtime;
  readonly #options: InferenceOptions;
  #inference: Inference;
  #trainer: Trainer | undefined;
  #trainOptions: TrainOptions | undefined;
  /** How many steps the weights had learnt when the inference was built. */
  #learnt = 0;
  #fitting = false;
  #disposed = false;

  constructor(runtime: Runtime, source: Model | TrainedModel, options: CompileOptions = {}) {
    const trained = typeof source === "object" && source !== null && "model" in source;
    const given = trained ? source : { model: source, weights: undefined };
    checkModel(given.model);
    checkOptions("compile", options, COMPILE);
    checkOptions("compile: train", options.train ?? {}, { ...TRAIN, batch: true });
    runtime.alive("compile");
    this.#runtime = runtime;
    const { batch = 1, seed = 0, prefer, layout } = options;
    if (!Number.isInteger(batch) || batch < 1)
      throw new ShapeError(`compile: batch is ${batch} but must be an integer of at least 1`);
    if (layout !== undefined && layout !== "nhwc" && layout !== "nchw")
      throw new ShapeError(`compile: layout is ${JSON.stringify(layout)} but must be "nhwc" or "nchw"`);
    if (prefer !== undefined && prefer !== "speed" && prefer !== "memory")
      throw new ShapeError(`compile: prefer is ${JSON.stringify(prefer)} but must be "speed" or "memory"`);
    this.batch = batch;
    this.model = settle(given.model, options.shape);
    this.#options = { batch, seed, prefer, channelsFirst: layout === "nchw" };
    this.#inference = new Inference(runtime, this.model, options.weights ?? given.weights, this.#options);
    if (options.train) {
      try {
        const trainer = this.#learn(options.train);
        trainer.program(options.train.batch ?? 32, trainer.sizes.labels[0]);
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
    return assignable(this.#weights, (name, data) => {
      this.weights = { [name]: data };
    });
  }

  /** The same without copies, for reading. */
  get #weights(): Weights {
    return this.#trainer?.weights ?? this.#inference.weights;
  }

  set weights(given: Weights) {
    this.#alive("weights");
    const now = this.#weights;
    for (const [name, data] of Object.entries(given)) {
      if (!now[name]) throw new ShapeError(`weights: no layer takes "${name}"`);
      if (data?.length !== now[name].length)
        throw new ShapeError(
          `weights: "${name}" has ${data?.length} values but must have ${now[name].length}`,
        );
    }
    if (this.#trainer) this.#trainer.weights = given;
    this.#renew({ ...now, ...given });
  }

  /**
   * Learns from `data` for some epochs. Loss and optimizer are given here or to compile; given anew they begin anew. Resolves to a
   * report per epoch. Rejects, with all that was learnt kept, when the signal aborts or a loss is no number and `stopOnNaN` is set.
   */
  async fit(data: Data, options: FitOptions & Partial<TrainOptions> = {}): Promise<EpochReport[]> {
    this.#alive("fit");
    if (this.#fitting)
      throw new UnsupportedError("fit: this network is being fitted already; await that first");
    checkOptions("fit", options, { ...FIT, ...TRAIN });
    const trainer = this.#learn(options);
    this.#fitting = true;
    try {
      return await trainer.fit(data, options);
    } finally {
      this.#fitting = false;
    }
  }

  /** One step on exactly these images; gives their mean loss before it. Needs `compile(model, { train })`, or a fit before. */
  trainStep(samples: Samples): number {
    this.#alive("trainStep");
    const trainer = this.#learn({});
    const checked = trainer.check(samples, "trainStep");
    return trainer.step(checked, undefined, 0, checked.images);
  }

  /** Mean loss, and accuracy where y holds classes, over samples nothing is learnt from. */
  evaluate(
    samples: Samples,
    options: Partial<TrainOptions> & { metrics?: readonly Metric[] } = {},
  ): Evaluation {
    this.#alive("evaluate");
    const trainer = this.#learn(options);
    return trainer.evaluate(trainer.check(samples, "evaluate"), options.metrics);
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
    const images = inference.inputs.images(list, this.#runtime, "predict");
    const outs: (Outputs | Tensor)[] = [];
    try {
      for (const { shape, size, integer } of inference.outputs.list) {
        const type = { shape: [images, ...shape.slice(1)], dtype: integer ? "int32" : "float32" } as const;
        if (tensors) outs.push(new Tensor(this.#runtime, type, "predict"));
        else outs.push(new (integer ? Int32Array : Float32Array)(images * size));
      }
      inference.run(list, outs, images);
    } catch (error) {
      for (const out of outs) if (out instanceof Tensor) out.dispose();
      throw error;
    }
    return outs.length === 1 ? outs[0] : outs;
  }

  /**
   * `predict` into arrays or tensors of the caller's. Makes no garbage when the number of images is `batch`; then tensors
   * are read and written where they lie, too.
   */
  run(inputs: Inputs<Values> | Inputs<Tensor>, outputs: Inputs<Outputs> | Inputs<Tensor>): void {
    this.#alive("run");
    const inference = this.#current();
    const from = inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "run");
    const to = inference.outputs.order<Outputs | Tensor>(outputs as Inputs<Outputs | Tensor>, "run");
    const images = inference.inputs.images(from, this.#runtime, "run");
    inference.outputs.room(to, images, this.#runtime, "run");
    inference.outputs.apart(to, from, "run");
    inference.run(from, to, images);
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  summary(): string {
    return summaryTable(this.#inference.rows, this.batch, this.bytes);
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
    const given = inputs ?? this.#inference.inputs.list.map(({ size }) => noise(size * this.batch));
    const list = this.#inference.inputs.order<Values | Tensor>(given as Inputs<Values | Tensor>, "profile");
    const images = this.#inference.inputs.images(list, this.#runtime, "profile");
    return this.#current().profile(list, images, runs);
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  /** Gives the memory back. */
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
   * The weights as a safetensors file, the description in its metadata; with `optimizer` also what a training needs to go on where
   * it was, bit for bit. `fromSafetensors` and `load` read it. Write it beside the old file and rename it, so that nothing is lost.
   */
  save({ optimizer = false }: { optimizer?: boolean } = {}): Uint8Array<ArrayBuffer> {
    this.#alive("save");
    if (optimizer && !this.#trainer)
      throw new UnsupportedError("save: there is no optimizer to save; the network has not been trained");
    const progress = optimizer
      ? { options: this.#trainOptions, steps: this.#trainer!.steps, state: this.#trainer!.state }
      : undefined;
    return writeCheckpoint(this.model, this.#weights, this.#inference.weightShapes, progress);
  }

  /** Takes up the weights of a file, all or nothing, and a training's progress if it holds one. Throws FormatError. */
  load(bytes: Uint8Array): void {
    this.#alive("load");
    const { weights, progress } = readCheckpoint(bytes);
    const shapes = this.#inference.weightShapes;
    for (const [name, shape] of Object.entries(shapes)) {
      const length = weights[name]?.length;
      if (length === undefined) throw new FormatError(`load: the file holds no weight "${name}"`);
      if (length !== sizeOf(shape))
        throw new FormatError(
          `load: weight "${name}" has ${length} values in the file but the network's shape [${shape}] holds ${sizeOf(shape)}`,
        );
    }
    const unknown = Object.keys(weights).find((name) => !shapes[name]);
    if (unknown)
      throw new FormatError(`load: the file holds "${unknown}", which no layer of the network takes`);
    if (progress) this.#learn(progress.options as TrainOptions).resume(progress.state, progress.steps);
    this.weights = weights;
    this.#learnt = this.#trainer?.steps ?? 0;
  }

  /** The trainer for these options; those given before hold on. */
  #learn(given: Partial<TrainOptions>): Trainer {
    const names = Object.keys(TRAIN) as (keyof TrainOptions)[];
    const wanted = Object.fromEntries(names.flatMap((k) => (given[k] === undefined ? [] : [[k, given[k]]])));
    const options = { ...this.#trainOptions, ...wanted } as TrainOptions;
    if (this.#options.channelsFirst)
      throw new UnsupportedError(
        'train: layout "nchw" is converted for predict and run alone; compile without it, and give images as [h, w, c]',
      );
    if (this.#trainer && JSON.stringify(options) === JSON.stringify(this.#trainOptions)) return this.#trainer;
    const shapes = {
      inputs: this.#inference.inputs.list.map(({ name, size }) => ({ name, size })),
      output: this.#inference.outputs.list[0].shape.slice(1),
    };
    const trainer = trainerMaker()(this.#runtime, this.model, this.#weights, shapes, options);
    this.#renew(this.#weights);
    this.#trainer?.dispose();
    this.#trainer = trainer;
    this.#trainOptions = options;
    this.#learnt = 0;
    return trainer;
  }

  /** The inference with the weights as they are now. */
  #current(): Inference {
    const steps = this.#trainer === undefined ? 0 : this.#trainer.steps;
    if (steps !== this.#learnt) {
      this.#renew(this.#weights);
      this.#learnt = steps;
    }
    return this.#inference;
  }

  #renew(weights: Weights): void {
    this.#inference.dispose();
    this.#inference = new Inference(this.#runtime, this.model, weights, this.#options);
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }
}

/** An object that reads copies of values, and hands what is assigned to one of its names on. It takes no other names. */
function assignable(
  values: Weights,
  assign: (name: string, data: Float32Array) => void,
): Record<string, Float32Array> {
  const copies: Record<string, Float32Array> = {};
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
