// A network whose work is done by workers: the same names as Network, promises instead of values.
import { DisposedError, UnsupportedError } from "../errors.ts";
import { asBytes, type FileBytes } from "../formats/bytes.ts";
import { aSchedule, FIT_OPTIONS, type FitOptions, type Schedule } from "../network/fit-options.ts";
import type { Inputs, Outputs, Predictions, Values } from "../network/io-binding.ts";
import type {
  Data,
  EpochReport,
  EvaluateOptions,
  Evaluation,
  Samples,
  TrainOptions,
} from "../network/trainer-interface.ts";
import type { Shape } from "../tensor.ts";
import { streamOf } from "../training/data.ts";
import { listenersOf } from "../training/listeners.ts";
import { aFlag, aFunction, type Check, checkOptions, isPlain, refuse } from "../validate.ts";
import { type Callbacks, FitRun } from "./fit-run.ts";
import { checkedInputs } from "./inputs.ts";
import { MicroBatcher, type MicroBatchOptions } from "./micro-batch.ts";
import { Parcel, refusal, sendable } from "./parcel.ts";
import { abortable, type Pool } from "./pool.ts";
import type { Callback, Facts, Fit } from "./protocol.ts";
import type { SharedNet, Slot } from "./slot.ts";

export interface RequestOptions {
  /** Ends the request: the promise rejects with the signal's reason at once. */
  signal?: AbortSignal;
  /**
   * Whether arrays are handed over instead of copied: they are empty afterwards. Parts of larger buffers are copied, shared memory is
   * shared. Default false.
   */
  transfer?: boolean;
}

/** An optimizer, or the same as plain data: `{ kind: "adam", learningRate: 1e-3 }`. */
export type PlainOptimizer = {
  readonly kind: "sgd" | "adam" | "adamW" | "rmsprop" | "adagrad";
  readonly learningRate?: number;
} & Readonly<Record<string, unknown>>;

/** The options of training, whose optimizer may be plain data: code that trains is in the workers. */
export type WorkerTrainOptions = Omit<TrainOptions, "optimizer"> & {
  optimizer: TrainOptions["optimizer"] | PlainOptimizer;
};

export type WorkerFitOptions = FitOptions & Partial<WorkerTrainOptions> & Pick<RequestOptions, "transfer">;

const aSignal: Check<AbortSignal> = (value, name, where) => {
  if (typeof (value as AbortSignal | null)?.throwIfAborted !== "function")
    refuse(value, name, where, "an AbortSignal");
};

/** Options that are for this thread. Others are checked where they are used. */
const CALLER = {
  signal: aSignal,
  transfer: aFlag,
  onBatch: aFunction,
  onEpoch: aFunction,
  schedule: aSchedule,
  callbacks: FIT_OPTIONS.callbacks,
};
const CALLBACKS: readonly Callback[] = ["onBatch", "onEpoch", "schedule", "momentum", "remind"];

/** What a training in a worker asks of a schedule, or tells it. */
const callsOf = (schedule: Schedule | undefined): Callbacks => ({
  schedule,
  momentum: schedule?.momentum && ((step: number) => schedule.momentum!(step)),
  ...(schedule &&
    "state" in schedule && {
      remind: (state: unknown) => {
        schedule.state = state;
      },
    }),
});

/** What is common to the networks of an engine. */
export interface Shared {
  readonly pool: Pool;
  /** Trainings that run, by their numbers. */
  readonly runs: Map<number, FitRun>;
  /** A number that nothing has. */
  number(): number;
}

/** A compiled model in the workers. `Names` are those of its outputs, as the model's type has them; a plain `WorkerNetwork` may have any. */
// biome-ignore lint/suspicious/noExplicitAny: a network with known outputs is one with any
export class WorkerNetwork<Names extends string[] = any> {
  readonly #shared: Shared;
  readonly #net: SharedNet;
  readonly #facts: Facts;
  readonly #batcher: MicroBatcher | undefined;
  /** The worker that trains it, which has the state of its optimizer. */
  #trainer: Slot | undefined;
  #fitting = false;
  #loss: TrainOptions["loss"] | undefined;
  /** Of the last fit. */
  #schedule: Schedule | undefined;

  /** @internal Use `engine.compile`. */
  constructor(
    shared: Shared,
    net: SharedNet,
    facts: Facts,
    microBatch: MicroBatchOptions | undefined,
    loss: TrainOptions["loss"] | undefined,
  ) {
    this.#shared = shared;
    this.#net = net;
    this.#facts = facts;
    this.#loss = loss;
    if (microBatch)
      this.#batcher = new MicroBatcher(shared.pool, net, facts, microBatch, (slot, inputs) =>
        this.#run(slot, inputs),
      );
  }

  /** Shapes of one image at each input, without batch; all axes where the model has no batch. */
  get inputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#facts.inputs.map(({ name, shape }) => [name, shape]));
  }

  /** Shapes of one image at each output, without batch; all axes where the model has no batch. */
  get outputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#facts.outputs.map(({ name, shape }) => [name, shape]));
  }

  /** Images per run. */
  get batchSize(): number {
    return this.#facts.batchSize;
  }

  /** Values of all weights. */
  get parameters(): number {
    return this.#facts.parameters;
  }

  /** Multiply-adds of one run, over the whole batch. */
  get multiplyAdds(): number {
    return this.#facts.multiplyAdds;
  }

  get disposed(): boolean {
    return !this.#shared.pool.nets.has(this.#net);
  }

  /**
   * Runs the network over any number of images in the first worker that is free: arrays in, arrays out, as `Network.predict`. Rejects with
   * QueueFullError where as many requests wait as may, with WorkerError where the worker died, and with the signal's reason.
   */
  predict(inputs: Inputs<Values>, options?: RequestOptions): Promise<Predictions<Names, Float32Array>>;
  predict<R extends Outputs | Outputs[]>(inputs: Inputs<Values>, options?: RequestOptions): Promise<R>;
  async predict(inputs: Inputs<Values>, options: RequestOptions = {}): Promise<unknown> {
    const { pool } = this.#shared;
    this.#alive("predict");
    checkOptions("predict", options, { signal: aSignal, transfer: aFlag });
    const { signal, transfer } = options;
    signal?.throwIfAborted();
    const { list, images } = checkedInputs(inputs, this.#facts, "predict");
    pool.admit("predict");
    const parcel = new Parcel(transfer);
    try {
      const values = list.map((value) => parcel.numbers(value) as Values);
      const outputs = this.#batcher?.takes(images)
        ? await this.#batcher.add(values, images, signal)
        : await pool.request(this.#net, signal, (slot) => this.#run(slot, values));
      return outputs.length === 1 ? outputs[0] : outputs;
    } catch (error) {
      throw refusal(error, "predict", { inputs: list });
    }
  }

  /** Arrays that are given away, to a worker. */
  #run(slot: Slot, inputs: readonly Values[]): Promise<Outputs[]> {
    const buffers = inputs.map((values) => (values as Float32Array).buffer);
    const transfer = buffers.filter((buffer) => buffer instanceof ArrayBuffer);
    return slot.call("predict", { net: this.#net.id, inputs }, [...new Set(transfer)]);
  }

  /**
   * Trains in one worker, as `Network.fit` does; the others go on predicting with the weights as they were, and get the new ones before
   * this resolves. Callbacks and schedules run in this thread and are awaited; batches of an iterable are pulled one by one, one ahead of
   * the training. While it runs, `evaluate`, `save` and `weights` see the weights as they are being trained. Rejects as `Network.fit`, and
   * with WorkerError where the worker died: the weights are then those before.
   */
  async fit(data: Data, options: WorkerFitOptions = {}): Promise<EpochReport[]> {
    this.#alive("fit");
    if (!isPlain(options)) checkOptions("fit", options, {});
    const { signal, transfer, onBatch, onEpoch, schedule, callbacks: others, ...rest } = sendable(options);
    const own = { onBatch, onEpoch, schedule, callbacks: others };
    checkOptions("fit", { signal, transfer, ...own }, CALLER);
    const callbacks: Callbacks = { ...listenersOf(own), ...callsOf(schedule) };
    if (this.#fitting)
      throw new UnsupportedError("fit: this network is being fitted already; await that first");
    const begin = streamOf(data, rest.epochs ?? 1);
    signal?.throwIfAborted();
    const parcel = new Parcel(transfer);
    const validation = new Parcel();
    const fit = this.#shared.number();
    const run = new FitRun(callbacks, begin, transfer === true);
    this.#shared.runs.set(fit, run);
    this.#fitting = true;
    this.#schedule = schedule;
    let abort = (): void => {};
    try {
      const given: Fit = {
        net: this.#net.id,
        fit,
        samples: begin ? undefined : (parcel.samples(data) as Samples),
        callbacks: CALLBACKS.filter((name) => callbacks[name] !== undefined),
        options: { ...rest, validation: validation.samples(rest.validation) } as Fit["options"],
      };
      const buffers = [...parcel.transfer, ...validation.transfer];
      const reports = await this.#change("fit", (slot) => {
        signal?.throwIfAborted();
        abort = () => void slot.call("abort", { fit }).catch(() => {});
        signal?.addEventListener("abort", abort, { once: true });
        return slot.call("fit", given, buffers);
      });
      this.#loss = rest.loss ?? this.#loss;
      return reports;
    } catch (error) {
      if (run.thrown) throw run.thrown.error;
      if (signal?.aborted && (error as Error)?.name === "AbortError") throw signal.reason;
      throw refusal(error, "fit", partsOf(rest, data));
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#shared.runs.delete(fit);
      this.#fitting = false;
    }
  }

  /** Mean loss over samples, and accuracy where y holds class indices, as `Network.evaluate`. */
  async evaluate(samples: Samples, options: EvaluateOptions & RequestOptions = {}): Promise<Evaluation> {
    this.#alive("evaluate");
    if (!isPlain(options)) checkOptions("evaluate", options, {});
    const { signal, transfer, ...rest } = options;
    checkOptions("evaluate", { signal, transfer }, { signal: aSignal, transfer: aFlag });
    signal?.throwIfAborted();
    const { pool } = this.#shared;
    const trainer = this.#trainer?.state === "ready" ? this.#trainer : undefined;
    const loss = rest.loss ?? (this.#fitting ? undefined : this.#loss);
    // The weights of a training that runs, and the loss of one that was resumed, are with the worker that trains.
    const only = this.#fitting || loss === undefined ? trainer : undefined;
    if (!only) pool.admit("evaluate");
    const parcel = new Parcel(transfer);
    const given = { net: this.#net.id, samples, options: { ...rest, loss } };
    const run = (slot: Slot): Promise<Evaluation> => slot.call("evaluate", given, parcel.transfer);
    try {
      given.samples = parcel.samples(samples) as Samples;
      if (!only) return await pool.request(this.#net, signal, run);
      return await abortable<Evaluation>(signal, (resolve, reject) => {
        run(only).then(resolve, reject);
        return () => {};
      });
    } catch (error) {
      throw refusal(error, "evaluate", partsOf(rest, samples));
    }
  }

  /** The weights as a safetensors file, with `optimizer` also the optimizer's state, as `Network.save`. */
  async save(options: { optimizer?: boolean } = {}): Promise<FileBytes> {
    this.#alive("save");
    checkOptions("save", options, { optimizer: aFlag });
    const holder = await this.#holder("save");
    const given = { net: this.#net.id, options, schedule: this.#schedule?.state };
    return (await holder.call("save", given)) as FileBytes;
  }

  /** Loads the weights of a file into every worker, all or nothing, as `Network.load`. */
  load(bytes: Uint8Array | ArrayBuffer): Promise<void> {
    return this.#take("load", bytes);
  }

  /** Takes over weights, training options and the optimizer's state of a file that `save({ optimizer: true })` wrote, as `resume` does. */
  resume(bytes: Uint8Array | ArrayBuffer): Promise<void> {
    return this.#take("resume", bytes);
  }

  /** Copies of the weights as they are now, by name. */
  async weights(): Promise<Record<string, Float32Array>> {
    this.#alive("weights");
    return await (await this.#holder("weights")).call("weights", { net: this.#net.id });
  }

  /** Copies of the averages that the last `fit({ ema })` kept, by name; undefined without. */
  async emaWeights(): Promise<Record<string, Float32Array> | undefined> {
    this.#alive("emaWeights");
    return await (await this.#holder("emaWeights")).call("emaWeights", { net: this.#net.id });
  }

  /** Changes some weights, in every worker. */
  async setWeights(weights: Readonly<Record<string, ArrayLike<number>>>): Promise<void> {
    this.#alive("weights");
    const given = { net: this.#net.id, weights };
    try {
      await this.#change("weights", (slot) => slot.call("setWeights", given));
    } catch (error) {
      throw refusal(error, "weights", isPlain(weights) ? weights : { "the value": weights });
    }
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  async summary(): Promise<string> {
    this.#alive("summary");
    return await (await this.#holder("summary")).call("summary", { net: this.#net.id });
  }

  /** Frees the network's memory in every worker. Requests that wait reject with DisposedError; those that run end first. */
  async dispose(): Promise<void> {
    await this.#shared.pool.forget(this.#net);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  async #take(what: "load" | "resume", file: Uint8Array | ArrayBuffer): Promise<void> {
    this.#alive(what);
    const view = asBytes(file);
    if (!view) refuse(file, "the file", what, "an ArrayBuffer or a Uint8Array");
    const parcel = new Parcel();
    const given = { net: this.#net.id, bytes: parcel.numbers(view) as Uint8Array };
    await this.#change(what, (slot) => slot.call(what, given, parcel.transfer));
  }

  /** Changes the weights in the worker that trains them; then hands them to the others, and keeps them for workers to come. */
  async #change<T>(what: string, work: (slot: Slot) => Promise<T>): Promise<T> {
    const { pool } = this.#shared;
    const net = this.#net;
    const slot = await this.#holder(what);
    this.#trainer = slot;
    const { restarts } = slot;
    try {
      return await work(slot);
    } finally {
      // What fails later than its first step has changed them, too.
      if (slot.state === "ready" && slot.restarts === restarts && pool.nets.has(net)) {
        net.weights = await slot.call("weights", { net: net.id });
        net.version++;
        slot.holds(net);
        await pool.sync((other, error) =>
          other.replace(`it could not take the weights: ${(error as Error).message}`),
        );
      }
    }
  }

  /** The worker that trains it; before any training, the one with least to do. */
  async #holder(what: string): Promise<Slot> {
    const trainer = this.#trainer;
    await trainer?.ready;
    const slot = trainer?.state === "ready" ? trainer : await this.#shared.pool.best(what);
    this.#alive(what);
    return slot;
  }

  #alive(what: string): void {
    if (this.#shared.pool.disposed) throw new DisposedError(`${what}: the engine has been disposed`);
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }
}

/** What was given, by name: for the message about what cannot be sent. */
const partsOf = (options: object, data: unknown): Readonly<Record<string, unknown>> => ({
  ...options,
  ...(isPlain(data) ? data : { "the data": data }),
});
