// The engine off the main thread: workers with an engine each, and networks that every one of them holds.
import type { EngineInfo } from "../engine/engine.ts";
import { DisposedError } from "../errors.ts";
import { asBytes } from "../formats/bytes.ts";
import { broughtBy } from "../model/brought.ts";
import { resolved } from "../model/resolve.ts";
import type { Model, ModelSource, TrainedModel } from "../model/schema.ts";
import type { CompileOptions } from "../network/compile-options.ts";
import type { HostWorker } from "../runtime/thread-pool.ts";
import { anObject, checkOptions, isModelLike, isObject, isPlain, type Json } from "../validate.ts";
import { type FitRun, fitHandlers } from "./fit-run.ts";
import { MICRO_BATCH, type MicroBatchOptions } from "./micro-batch.ts";
import { type Shared, WorkerNetwork, type WorkerTrainOptions } from "./network.ts";
import { Parcel, refusal, sendable } from "./parcel.ts";
import { Pool } from "./pool.ts";
import type { Compilation, Opening } from "./protocol.ts";
import type { SharedNet } from "./slot.ts";

export interface WorkerCompileOptions extends Omit<CompileOptions, "train"> {
  /** Puts requests that come close together into one run. Default: every request runs by itself. */
  microBatch?: MicroBatchOptions;
  /** Plans training at once: loss and optimizer, and images per step (default 32). Otherwise `fit` plans it. */
  train?: WorkerTrainOptions & { batchSize?: number };
}

export interface WorkerEngineInfo extends EngineInfo {
  /** Workers that run, or start. */
  readonly workers: number;
  /** Workers that took the place of one that died. */
  readonly restarts: number;
  /** Requests that wait for a worker. */
  readonly waiting: number;
  /** Requests that workers have been given and not answered. */
  readonly running: number;
}

export class WorkerEngine {
  readonly #pool: Pool;
  readonly #shared: Shared;

  /** @internal Use `createWorkerEngine`. */
  constructor(workers: number, queue: number, opening: Promise<Opening>, start: () => HostWorker) {
    const runs = new Map<number, FitRun>();
    let last = 0;
    this.#pool = new Pool(workers, queue, opening, start, fitHandlers(runs));
    this.#shared = { pool: this.#pool, runs, number: () => ++last };
  }

  /** @internal Resolves when all workers have started. */
  started(): Promise<void> {
    return this.#pool.started();
  }

  /** Which build runs, on how many threads of how many workers, and how much they have to do: for metrics. */
  get info(): WorkerEngineInfo {
    const { slots, waiting } = this.#pool;
    const { build, threads, fallback } = slots[0].info!;
    const living = slots.filter(({ state }) => state !== "ended");
    const dead = slots.find(({ failure }) => failure !== undefined)?.failure;
    const why = [fallback, dead && `a worker does not start again: ${(dead as Error).message}`];
    const reasons = why.filter(Boolean).join("; ");
    return {
      build,
      threads,
      ...(reasons && { fallback: reasons }),
      workers: living.length,
      restarts: slots.reduce((sum, { restarts }) => sum + restarts, 0),
      waiting,
      running: slots.reduce((sum, { load, fits }) => sum + load + fits, 0),
    };
  }

  /**
   * Compiles a model in every worker: a description, a trained model, what readers such as `fromOnnx` give, or the bytes of a safetensors
   * or ONNX file, which the workers read. What is given is kept for workers that take the place of others, and must not change. Rejects as
   * `Engine.compile` throws.
   */
  async compile<Names extends string[]>(
    model: Model<Names> | TrainedModel<Names> | ModelSource | Uint8Array | ArrayBuffer,
    options: WorkerCompileOptions = {},
  ): Promise<WorkerNetwork<Names>> {
    this.#alive("compile");
    const id = this.#shared.number();
    checkOptions("compile", options, { ...passed(options), microBatch: anObject(MICRO_BATCH) });
    const { microBatch, ...others } = options;
    const rest = isPlain(others.train) ? { ...others, train: sendable(others.train) } : others;
    const net: SharedNet = {
      id,
      version: 0,
      weights: undefined,
      compilation: () => {
        const parcel = new Parcel();
        const given: Compilation = { net: id, ...sent(model, rest as CompileOptions, parcel) };
        return { given, transfer: parcel.transfer };
      },
    };
    try {
      const slot = await this.#pool.best("compile");
      const { given, transfer } = net.compilation();
      const facts = await slot.call("compile", given, transfer);
      this.#alive("compile");
      slot.holds(net);
      this.#pool.nets.add(net);
      const made = new WorkerNetwork<Names>(this.#shared, net, facts, microBatch, rest.train?.loss);
      let failure: { error: unknown } | undefined;
      await this.#pool.sync((_, error) => {
        failure ??= { error };
      });
      if (!failure) return made;
      await made.dispose();
      throw failure.error;
    } catch (error) {
      throw refusal(error, "compile", { "the model": model, ...rest });
    }
  }

  get disposed(): boolean {
    return this.#pool.disposed;
  }

  /** Ends the workers. Requests that wait or run reject with DisposedError. */
  async dispose(): Promise<void> {
    this.#pool.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the engine has been disposed`);
  }
}

/** Options that are for the workers to check. */
const passed = (options: object): Record<string, true> =>
  Object.fromEntries(Object.keys(isObject(options) ? options : {}).map((name) => [name, true]));

/** A model as it is sent: a file's bytes, a description, or a description with its weights. */
function sent(model: unknown, options: CompileOptions, parcel: Parcel): Omit<Compilation, "net"> {
  const bytes = asBytes(model);
  if (bytes) return { source: parcel.numbers(bytes), options };
  if (!isModelLike(model)) return { source: model, options };
  if ("resolve" in model || broughtBy(model as unknown as Model)) {
    const given = resolved(model as unknown as ModelSource, options);
    const { model: described, weights = {}, partial, batchSize } = given;
    const read = Object.entries(weights).map(([name, weight]) => [
      name,
      parcel.numbers("read" in weight ? weight.read() : weight),
    ]);
    const source = { model: described, weights: Object.fromEntries(read), partial };
    return { source, options: { ...options, batchSize, shape: given.shape } };
  }
  // Kinds of layers are functions; the workers have them.
  if ("model" in model) {
    const { model: described, weights, partial } = model as Json;
    return { source: { model: described, weights, partial }, options };
  }
  return { source: model, options };
}
