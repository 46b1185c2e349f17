// The compiled network: predicts, trains with the trainer that an optimizer brings, saves and loads. Running allocates nothing.

import { DisposedError, MemoryError, UnsupportedError } from "../errors.ts";
import type { FileBytes } from "../formats/bytes.ts";
import { readCheckpoint, writeCheckpoint } from "../formats/checkpoint.ts";
import { Builder, resolveShapes } from "../model/graph-builder.ts";
import type { LoadReport } from "../model/partial.ts";
import { resolved } from "../model/resolve.ts";
import {
  checkModel,
  type DescribedModel,
  type GivenWeights,
  type Model,
  type ModelSource,
  type TrainedModel,
  type Weights,
} from "../model/schema.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type DType, type Shape, Tensor } from "../tensor.ts";
import { aFlag, anInteger, checkOptions } from "../validate.ts";
import { buildOptions, type CompileOptions, checkCompileOptions } from "./compile-options.ts";
import { CompiledModel, withIntermediate } from "./compiled-model.ts";
import { Evaluator } from "./evaluate.ts";
import type { FitOptions } from "./fit-options.ts";
import { Inference, type InferenceOptions } from "./inference.ts";
import type { Inputs, Outputs, Predictions, Values } from "./io-binding.ts";
import { LossTarget } from "./loss-target.ts";
import { CALL_OPTIONS, type CallOptions, NetworkCalls } from "./net-call.ts";
import { noise, type Profile } from "./profile.ts";
import {
  type ApplyOptions,
  type BatchGradientOptions,
  type BatchGradients,
  type Data,
  type Ends,
  type EpochReport,
  EVALUATE_OPTIONS,
  type EvaluateOptions,
  type Evaluation,
  type Samples,
  type StoredTraining,
  type TrainOptions,
  trainerFactoryOf,
} from "./trainer-interface.ts";
import { Training } from "./training.ts";
import { WeightStore } from "./weights.ts";

export type { CompileOptions } from "./compile-options.ts";
export type { Inputs, Predictions } from "./io-binding.ts";
export type { CallOptions } from "./net-call.ts";

/** The version of an inference whose weights are no longer the network's. */
const OUT_OF_DATE = Number.NaN;

/**
 * Called with tensors, `net(x)`, it gives tensors, as `predict` does. Within the function given to `gradients`, or within a loss, the call
 * is recorded: gradients then go through it, to its inputs and to `net.variables`. Throws ShapeError unless the tensors are whole images,
 * as many for each input.
 */
// biome-ignore lint/suspicious/noExplicitAny: a network with known outputs is one with any
export interface Network<Names extends string[] = any> {
  (inputs: Inputs<Tensor>, options?: CallOptions): Predictions<Names, Tensor>;
  <R extends Tensor | Tensor[]>(inputs: Inputs<Tensor>, options?: CallOptions): R;
}

/** A compiled model. `Names` are those of its outputs, as the model's type has them; a plain `Network` may have any. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor gives functions
// biome-ignore lint/suspicious/noExplicitAny: a network with known outputs is one with any
export class Network<Names extends string[] = any> extends CompiledModel {
  /** The description, with all shapes resolved. */
  readonly model: Model;
  /** Images per run. */
  readonly batchSize: number;
  /** What became of weights of which not all had to fit: in `compile` or `load` with `partial`, or with a new head. */
  loadReport: LoadReport | undefined;
  readonly #runtime: Runtime;
  /** The description with the kinds of layers it brings along. */
  readonly #described: DescribedModel;
  readonly #options: InferenceOptions;
  readonly #weights: WeightStore;
  readonly #inference: Inference;
  readonly #ends: Ends;
  readonly #training: Training;
  readonly #calls: NetworkCalls;
  /** The version of the weights that the inference holds. */
  #inferenceVersion = 0;
  #disposed = false;

  /** @internal Use `engine.compile`. */
  constructor(
    runtime: Runtime,
    source: Model<Names> | TrainedModel<Names> | ModelSource,
    options: CompileOptions = {},
    shared?: WeightStore,
  ) {
    super((inputs: Inputs<Tensor>, options?: CallOptions) => this.#call(inputs, options));
    checkCompileOptions(options);
    runtime.alive("compile");
    const given = resolved(source, options);
    checkModel(given.model);
    this.#runtime = runtime;
    this.#weights = shared ?? new WeightStore();
    const { batchSize } = given;
    const { seed = 0, prefer, layout, train } = options;
    this.batchSize = batchSize;
    this.model = resolveShapes(given.model, given.shape);
    this.#described = given.kinds ? { ...this.model, kinds: given.kinds } : this.model;
    this.#options = { prefer, channelsFirst: layout === "nchw" };
    const own = buildOptions(given, options, runtime);
    const build = new Builder(this.#described, batchSize, { ...own, seed, read: this.#weights.read });
    this.loadReport = build.report;
    if (!shared) this.#weights.begin(build);
    this.#inference = new Inference(runtime, this.model, build, this.#options);
    if (shared) shared.share();
    else this.#weights.settle();
    this.#inferenceVersion = this.#weights.version;
    const { inputs, outputs } = this.#inference;
    this.#ends = {
      inputs: inputs.list.map(({ name, size }) => ({ name, size })),
      outputs: outputs.list.map(({ name, imageShape }) => ({ name, shape: imageShape })),
    };
    this.#calls = new NetworkCalls(runtime, this.#described, inputs.list, this.#weights, seed);
    this.#training = new Training(runtime, this.model, this.#weights, (given, from) => {
      this.#refuseChannelsFirst("train");
      const create = trainerFactoryOf(given.optimizer);
      return create(runtime, this.#described, from, this.#ends, given, seed);
    });
    if (!train) return;
    try {
      this.#training.begin(train, train.batchSize ?? 32);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /**
   * Copies of the weights as they are now, by name. Assigning one, `net.weights["conv1.kernel"] = data`, or some, `net.weights = {...}`,
   * changes those; changing a copy's values does not.
   */
  get weights(): Record<string, Float32Array> {
    if (this.#weights.areTensors) this.#alive("weights");
    return this.#weights.snapshot((weights) => {
      this.weights = weights;
    });
  }

  set weights(given: GivenWeights) {
    this.#alive("weights");
    this.#setWeights(this.#weights.checked(given, "weights"));
  }

  /**
   * The weights that gradients change, by name, as tensors: what is written to them is what the network predicts with. From the first use
   * on the weights lie in linear memory. They belong to the network, which disposes them. For `gradients(f, Object.values(net.variables))`.
   */
  get variables(): Record<string, Tensor> {
    this.#alive("variables");
    const tensors = this.#weights.asTensors(this.#runtime);
    return Object.fromEntries(this.#weights.trainable.map((name) => [name, tensors.tensor(name)]));
  }

  /**
   * A network that gives what layers of this one give: `net.intermediate(["relu_1", "dense_1"])`, in that order; of a layer with several
   * outputs "split_1:2" is the third. It has the same weights, also when they are trained later. Throws ArgumentError for other names.
   */
  intermediate<const Layers extends readonly string[]>(
    layers: Layers,
  ): Network<{ -readonly [K in keyof Layers]: string } & string[]> {
    this.#alive("intermediate");
    const { prefer, channelsFirst } = this.#options;
    const options = { batchSize: this.batchSize, prefer, layout: channelsFirst ? "nchw" : "nhwc" } as const;
    const model = withIntermediate(this.#described, layers);
    return new Network(this.#runtime, model, options, this.#weights) as never;
  }

  #call(given: Inputs<Tensor>, options: CallOptions = {}): unknown {
    this.#alive("net(x)");
    checkOptions("net(x)", options, CALL_OPTIONS);
    const list = this.#inference.inputs.order<Tensor>(given, "net(x)");
    return this.#calls.run(list, options) ?? this.predict(given);
  }

  /** All or nothing: where packing them fails, the weights are what they were. */
  #setWeights(weights: Weights): void {
    const wasCurrent = this.#inferenceVersion === this.#weights.version;
    const undo = this.#weights.replace(weights);
    try {
      this.#current();
    } catch (error) {
      undo();
      // Memory is taken before anything is packed: the inference still holds what it held.
      if (wasCurrent && error instanceof MemoryError) this.#inferenceVersion = this.#weights.version;
      throw error;
    }
  }

  /** @internal The kinds of layers that the model brings along, if it was read from a file: for `toOnnx`. */
  get kinds(): DescribedModel["kinds"] {
    return this.#described.kinds;
  }

  /** @internal What it runs on: `toOnnx` traces layers of one's own there. */
  get engine(): Runtime {
    return this.#runtime;
  }

  /** Reports of all epochs that the optimizer was trained for; a new optimizer begins anew. */
  get history(): readonly EpochReport[] {
    return this.#training.history;
  }

  /** Copies of the averages of the weights that the last `fit({ ema })` kept; undefined without. `net.weights = net.emaWeights!` uses them. */
  get emaWeights(): Record<string, Float32Array> | undefined {
    return this.#training.averages;
  }

  /**
   * Trains on `data` for some epochs. Loss and optimizer are given here or to compile; other ones than before start anew. A
   * call that names one of the two says all of its training: without `freeze`, for example, nothing is frozen any more. Resolves to
   * a report per epoch. Rejects before the first step, with everything as it was, where options or data do not fit or memory does not
   * suffice; later, with the weights trained so far kept, when the signal aborts, a callback throws, or a loss is not finite and
   * `stopOnNaN` is set.
   */
  async fit(data: Data, options: FitOptions & Partial<TrainOptions> = {}): Promise<EpochReport[]> {
    this.#alive("fit");
    return this.#training.fit(data, options, () => this.#alive("fit"));
  }

  /** One step on exactly these images; their mean loss before it. Needs `compile(model, { train })`, or a fit before. */
  trainStep(samples: Samples): number {
    this.#alive("trainStep");
    return this.#training.between("trainStep").step(samples);
  }

  /**
   * The gradients of the mean loss of exactly these images with respect to each trained weight; nothing is changed. With `apply`, several
   * processes train as one, see docs/training.md. Needs what `trainStep` needs.
   */
  gradients(samples: Samples, options: BatchGradientOptions = {}): BatchGradients {
    this.#alive("gradients");
    return this.#training.between("gradients").gradients(samples, options);
  }

  /**
   * One step of the optimizer by gradients that `gradients` reported, here or averaged over several processes: limited by `clipNorm` and
   * `clipValue`, then applied, all or nothing. Throws ArgumentError where a name is wrong or missing, ShapeError where a length is.
   */
  apply(gradients: GivenWeights, options: ApplyOptions = {}): void {
    this.#alive("apply");
    this.#training.between("apply").apply(gradients, options);
  }

  /** Mean loss over samples, and accuracy where y holds class indices. The weights, and a training that goes on, stay as they are. */
  evaluate(samples: Samples, options: EvaluateOptions = {}): Evaluation {
    this.#alive("evaluate");
    checkOptions("evaluate", options, EVALUATE_OPTIONS);
    this.#refuseChannelsFirst("evaluate");
    const loss = options.loss ?? this.#training.options?.loss;
    const target = new LossTarget(this.#runtime, this.#ends, loss, "evaluate");
    const checked = target.check(samples, "evaluate");
    const { read } = this.#weights;
    const evaluator = new Evaluator(this.#runtime, this.#described, read, target, checked, options);
    return evaluator.finish();
  }

  /**
   * Runs the network over any number of images. Arrays in, arrays out: the values of all images one after the other. A
   * tensor in (its first axis the batch) gives a tensor out. Several inputs are given in order or by name; several
   * outputs come back in order: `const [mask, scores] = net.predict({ photo })`. Where the model's type does not tell that there are
   * several, as with one read from a file, say so: `net.predict<Float32Array[]>({ photo })`.
   */
  predict(inputs: Inputs<Tensor>): Predictions<Names, Tensor>;
  predict(inputs: Inputs<Values>): Predictions<Names, Float32Array>;
  predict<R extends Outputs | Outputs[] | Tensor[]>(inputs: Inputs<Values> | Inputs<Tensor>): R;
  predict(inputs: Inputs<Values> | Inputs<Tensor>): unknown {
    this.#alive("predict");
    const inference = this.#current();
    const list = inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "predict");
    const tensors = list.some((x) => x instanceof Tensor);
    const images = inference.inputs.imagesOf(list, this.#runtime, "predict");
    const outs = tensors ? inference.predictTensors(list, images) : inference.predict(list, images);
    return outs.length === 1 ? outs[0] : outs;
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

  /**
   * Runs the network `runs` times and tells where the time goes: per layer milliseconds, share, GFLOP/s and algorithm, of each
   * call the median. `console.log(String(net.profile()))` prints a table. Default inputs: noise; default 20 runs. Needs a
   * host whose clock runs on while it computes (not Cloudflare's).
   */
  profile(inputs?: Inputs<Values> | Inputs<Tensor>, options: { runs?: number } = {}): Profile {
    this.#alive("profile");
    checkOptions("profile", options, { runs: anInteger(1, 1e6) });
    const { runs = 20 } = options;
    const given = inputs ?? this.#inference.inputs.list.map(({ size }) => noise(size * this.batchSize));
    const list = this.#inference.inputs.order<Values | Tensor>(given as Inputs<Values | Tensor>, "profile");
    const images = this.#inference.inputs.imagesOf(list, this.#runtime, "profile");
    return this.#current().profile(list, images, runs);
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  /** @internal */
  protected get inference(): Inference {
    return this.#inference;
  }

  /** @internal */
  protected get weightShapes(): Readonly<Record<string, Shape>> {
    return this.#weights.shapes;
  }

  /** Frees the network's memory. */
  dispose(): void {
    if (!this.disposed) {
      this.#inference.dispose();
      this.#training.dispose();
      this.#weights.dispose();
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
  save(options: { optimizer?: boolean } = {}): FileBytes {
    this.#alive("save");
    checkOptions("save", options, { optimizer: aFlag });
    const progress = options.optimizer ? this.#training.progress : undefined;
    return writeCheckpoint(this.model, this.#weights.all(), this.#weights.shapes, progress);
  }

  /**
   * Loads the weights of a file, all or nothing; an optimizer's state in it is left to `resume`. With `partial`, takes those whose names
   * and shapes fit, leaves the others as they are, and tells in `loadReport` which. Throws FormatError.
   */
  load(bytes: Uint8Array | ArrayBuffer, options: { partial?: boolean } = {}): void {
    this.#alive("load");
    checkOptions("load", options, { partial: aFlag });
    const file = readCheckpoint(bytes);
    if (options.partial) this.loadReport = this.#weights.takePart(file, (part) => this.#setWeights(part));
    else this.restore(file.weights);
  }

  /** @internal Takes weights out of a file, with `training` also its options and the optimizer's state, all or nothing: for `load`, `resume`. */
  restore(weights: Weights, training?: StoredTraining): void {
    const what = training ? "resume" : "load";
    this.#alive(what);
    this.#weights.checkFile(weights, what);
    if (training) this.#training.restore(training, () => this.#setWeights(weights));
    else this.#setWeights(weights);
  }

  #refuseChannelsFirst(what: string): void {
    if (this.#options.channelsFirst)
      throw new UnsupportedError(
        `${what}: layout "nchw" is converted for predict and run alone; compile without it, and give images as [h, w, c]`,
      );
  }

  /** The inference with the weights as they are now. Where packing them fails it stays out of date, and the next use tries again. */
  #current(): Inference {
    const { version } = this.#weights;
    if (this.#inferenceVersion !== version) {
      this.#inferenceVersion = OUT_OF_DATE;
      this.#inference.refresh();
      this.#inferenceVersion = version;
    }
    return this.#inference;
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }
}
