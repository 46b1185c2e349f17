// The compiled network as people see it. Running allocates nothing.

import { settle } from "./build.ts";
import { checkModel, type Model, type TrainedModel, type Weights } from "./description.ts";
import type { Preference } from "./engine/program.ts";
import type { Runtime } from "./engine/runtime.ts";
import { DisposedError, ShapeError } from "./errors.ts";
import { Inference } from "./inference.ts";
import type { Inputs, Outputs, Values } from "./ports.ts";
import type { Profile } from "./profile.ts";
import { summaryTable } from "./summary.ts";
import { type Shape, Tensor } from "./tensor.ts";

export type { Inputs } from "./ports.ts";

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
}

export class Network {
  /** The description, with every size settled. */
  readonly model: Model;
  readonly batch: number;
  readonly #runtime: Runtime;
  readonly #inference: Inference;
  #disposed = false;

  constructor(runtime: Runtime, source: Model | TrainedModel, options: CompileOptions = {}) {
    const trained = typeof source === "object" && source !== null && "model" in source;
    const given = trained ? source : { model: source, weights: undefined };
    checkModel(given.model);
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
    this.#inference = new Inference(runtime, this.model, options.weights ?? given.weights, {
      batch,
      seed,
      prefer,
      channelsFirst: layout === "nchw",
    });
  }

  /** The weights as they were given or initialised, by name. */
  get weights(): Weights {
    return this.#inference.weights;
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
    const list = this.#inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "predict");
    const tensors = list.some((x) => x instanceof Tensor);
    const images = this.#inference.inputs.images(list, this.#runtime, "predict");
    const outs: (Outputs | Tensor)[] = [];
    try {
      for (const { shape, size, integer } of this.#inference.outputs.list) {
        const type = { shape: [images, ...shape.slice(1)], dtype: integer ? "int32" : "float32" } as const;
        if (tensors) outs.push(new Tensor(this.#runtime, type, "predict"));
        else outs.push(new (integer ? Int32Array : Float32Array)(images * size));
      }
      this.#inference.run(list, outs, images);
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
    const from = this.#inference.inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "run");
    const to = this.#inference.outputs.order<Outputs | Tensor>(outputs as Inputs<Outputs | Tensor>, "run");
    const images = this.#inference.inputs.images(from, this.#runtime, "run");
    this.#inference.outputs.room(to, images, this.#runtime, "run");
    this.#inference.outputs.apart(to, from, "run");
    this.#inference.run(from, to, images);
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
    return this.#inference.profile(list, images, runs);
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  /** Gives the memory back. */
  dispose(): void {
    if (!this.disposed) this.#inference.dispose();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }
}

/** Values in [-1, 1). */
const noise = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * Math.random() - 1);
