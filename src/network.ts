// The compiled network: shapes resolved, algorithms picked, weights packed, every buffer placed. Running allocates nothing.

import { Builder, settle } from "./build.ts";
import { checkModel, type Model, type TrainedModel, type Weights } from "./description.ts";
import { type Preference, Program } from "./engine/program.ts";
import type { Runtime } from "./engine/runtime.ts";
import { DisposedError, ShapeError } from "./errors.ts";
import { show } from "./ops/check.ts";
import { fuse } from "./ops/fuse.ts";
import type { Edge } from "./ops/graph.ts";
import { Lowering } from "./ops/lower.ts";
import { aim, give, type Inputs, type Outputs, Port, Ports, take, type Values } from "./ports.ts";
import { Profile } from "./profile.ts";
import { type Row, summaryTable } from "./summary.ts";
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
  /** The weights as they were given or initialised, by name. */
  readonly weights: Weights;
  readonly batch: number;
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #inputs: Ports;
  readonly #outputs: Ports;
  readonly #rows: Row[];
  readonly #channelsFirst: boolean;
  #disposed = false;

  constructor(runtime: Runtime, source: Model | TrainedModel, options: CompileOptions = {}) {
    const trained = typeof source === "object" && source !== null && "model" in source;
    const given = trained ? source : { model: source, weights: undefined };
    checkModel(given.model);
    runtime.alive("compile");
    this.#runtime = runtime;
    this.batch = options.batch ?? 1;
    if (!Number.isInteger(this.batch) || this.batch < 1)
      throw new ShapeError(`compile: batch is ${this.batch} but must be an integer of at least 1`);
    if (options.layout !== undefined && options.layout !== "nhwc" && options.layout !== "nchw")
      throw new ShapeError(
        `compile: layout is ${JSON.stringify(options.layout)} but must be "nhwc" or "nchw"`,
      );
    if (options.prefer !== undefined && options.prefer !== "speed" && options.prefer !== "memory")
      throw new ShapeError(
        `compile: prefer is ${JSON.stringify(options.prefer)} but must be "speed" or "memory"`,
      );
    this.#channelsFirst = options.layout === "nchw";
    this.model = settle(given.model, options.shape);

    const build = new Builder(this.model, this.batch, options.weights ?? given.weights, options.seed ?? 0);
    this.weights = build.weights;
    fuse(build.graph, build.outputs);

    this.#program = new Program(runtime, "compile", options.prefer);
    const lowering = new Lowering(this.#program);
    const ports = (edges: readonly Edge[], names: readonly string[]): Ports =>
      new Ports(edges.map((edge, i) => new Port(names[i], edge, lowering.bufferOf(edge), this.#program)));
    this.#inputs = ports(
      build.inputs,
      this.model.inputs.map((x) => x.name),
    );
    for (const { buffer } of this.#inputs.list) this.#program.input(buffer);
    this.#rows = lower(build, this.#program, lowering);
    build.outputs.forEach(({ shape }, i) => {
      if (shape[0] !== this.batch)
        throw new ShapeError(
          `compile: output "${this.model.outputs[i]}" has shape ${show(shape)}, whose first axis is not the batch of ${this.batch}`,
        );
    });
    this.#outputs = ports(build.outputs, this.model.outputs);
    for (const { buffer } of this.#outputs.list) this.#program.output(buffer);
    Ports.share(this.#inputs, this.#outputs);
    this.#program.place();
    for (const row of this.#rows) row.bytes = this.#program.keptBytes(row.calls);
  }

  /** Shapes of one image at each input, without batch. */
  get inputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#inputs.list.map((p) => [p.name, p.shape.slice(1)]));
  }

  /** Shapes of one image at each output, without batch. */
  get outputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#outputs.list.map((p) => [p.name, p.shape.slice(1)]));
  }

  /** Multiply-adds of one run, over the whole batch. */
  get multiplyAdds(): number {
    return this.#rows.reduce((sum, row) => sum + row.multiplyAdds, 0);
  }

  /** Bytes this network holds in linear memory: weights and tables; activations and scratch. */
  get bytes(): { readonly kept: number; readonly run: number } {
    return this.#program.bytes;
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
    const list = this.#inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "predict");
    const tensors = list.some((x) => x instanceof Tensor);
    const images = this.#inputs.images(list, this.#runtime, "predict");
    const outs: (Outputs | Tensor)[] = [];
    try {
      for (const { shape, size, integer } of this.#outputs.list) {
        const type = { shape: [images, ...shape.slice(1)], dtype: integer ? "int32" : "float32" } as const;
        if (tensors) outs.push(new Tensor(this.#runtime, type, "predict"));
        else outs.push(new (integer ? Int32Array : Float32Array)(images * size));
      }
      this.#run(list, outs, images);
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
    const from = this.#inputs.order<Values | Tensor>(inputs as Inputs<Values | Tensor>, "run");
    const to = this.#outputs.order<Outputs | Tensor>(outputs as Inputs<Outputs | Tensor>, "run");
    const images = this.#inputs.images(from, this.#runtime, "run");
    this.#outputs.room(to, images, this.#runtime, "run");
    this.#outputs.apart(to, from, "run");
    this.#run(from, to, images);
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  summary(): string {
    return summaryTable(this.#rows, this.batch, this.#program.bytes);
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
    const given = inputs ?? this.#inputs.list.map(({ size }) => noise(size * this.batch));
    const list = this.#inputs.order<Values | Tensor>(given as Inputs<Values | Tensor>, "profile");
    const images = this.#inputs.images(list, this.#runtime, "profile");
    this.#inputs.list.forEach((port, i) => {
      give(port, list[i], 0, Math.min(images, this.batch), this.#runtime, this.#channelsFirst);
    });
    for (const port of this.#outputs.list) port.bind(0);
    return new Profile(this.#rows, this.#program.time(runs), this.batch);
  }

  get disposed(): boolean {
    return this.#disposed || this.#runtime.disposed;
  }

  /** Gives the memory back. */
  dispose(): void {
    if (!this.disposed) this.#program.dispose();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(what: string): void {
    if (this.disposed) throw new DisposedError(`${what}: the network has been disposed`);
  }

  #run(from: readonly (Values | Tensor)[], to: readonly (Outputs | Tensor)[], images: number): void {
    const inputs = this.#inputs.list;
    const outputs = this.#outputs.list;
    for (let n = 0; n < images; n += this.batch) {
      const count = Math.min(this.batch, images - n);
      for (let i = 0; i < inputs.length; i++)
        give(inputs[i], from[i], n, count, this.#runtime, this.#channelsFirst);
      for (let i = 0; i < outputs.length; i++) aim(outputs[i], to[i], n, count);
      this.#program.run();
      for (let i = 0; i < outputs.length; i++)
        take(outputs[i], to[i], n, count, this.#runtime, this.#channelsFirst);
    }
  }
}

/** Writes every op's calls into the program, and one summary row per layer. */
function lower(build: Builder, program: Program, lowering: Lowering): Row[] {
  const left = new Set(build.graph.nodes.map((n) => n.layer));
  const rows = new Map<string, Row>(
    build.layers.map(({ ops, ...l }) => {
      // A layer that wrote ops and has none left was taken up by the one before it.
      const algorithm = ops > 0 && !left.has(l.name) ? "fused" : "";
      return [l.name, { ...l, multiplyAdds: 0, algorithm, bytes: 0, calls: [] }];
    }),
  );
  lowering.write(build.graph, ({ op, inputs, outputs, params, layer }, from, to) => {
    const row = rows.get(layer)!;
    row.multiplyAdds += op.multiplyAdds?.(inputs, outputs, params) ?? 0;
    row.algorithm ||= program.lastAlgorithm;
    for (let call = from; call < to; call++) row.calls.push(call);
  });
  return [...rows.values()];
}

/** Values in [-1, 1). */
const noise = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * Math.random() - 1);
