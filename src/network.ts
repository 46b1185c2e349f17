// The compiled network: shapes resolved, algorithms picked, weights packed, every buffer placed. Running allocates nothing.
import { Buffer, Program } from "./engine/program.ts";
import type { Runtime } from "./engine/runtime.ts";
import { checkModel, type Model, type ModelLayer, type TrainedModel, type Weights } from "./description.ts";
import { DisposedError, FormatError, ShapeError } from "./errors.ts";
import * as registry from "./layers/index.ts";
import { initialize } from "./layers/initializers.ts";
import type { LayerDefinition, LayerFactory, Named } from "./layers/layer.ts";
import { checkShape, show } from "./ops/check.ts";
import { fuse } from "./ops/fuse.ts";
import { Edge, Graph } from "./ops/graph.ts";
import { type Row, summaryTable } from "./summary.ts";
import { float32, type Shape, sizeOf, Tensor } from "./tensor.ts";

export interface CompileOptions {
  /** Trained weights, all of them. Default: those of the model file, or freshly initialised ones. */
  weights?: Weights;
  /** Seed of initialisation, an integer. Default 0. */
  seed?: number;
  /** Images per run. Larger batches are cut, smaller ones filled up. Default 1. */
  batch?: number;
  /** Sizes for inputs that leave some open (null), without batch: a shape, or shapes by input name. */
  shape?: Shape | Readonly<Record<string, Shape>>;
  /** Layout of the arrays given to and taken from the network. Default "nhwc" (channels last); "nchw" is converted at the boundary. */
  layout?: "nhwc" | "nchw";
}

type Values = Float32Array | readonly number[];
/** One input as it is, or several in order or by name. */
export type Inputs<T> = T | readonly T[] | Readonly<Record<string, T>>;

interface Port {
  name: string;
  /** Batch first, channels last. */
  shape: Shape;
  /** Values of one image. */
  size: number;
  buffer: Buffer;
  integer: boolean;
}

export class Network {
  /** The description, with every size settled. */
  readonly model: Model;
  /** The weights as they were given or initialised, by name. */
  readonly weights: Weights;
  readonly batch: number;
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #inputs: Port[];
  readonly #outputs: Port[];
  readonly #rows: Row[];
  readonly #channelsFirst: boolean;
  #disposed = false;

  constructor(runtime: Runtime, source: Model | TrainedModel, options: CompileOptions = {}) {
    const given = "model" in source ? source : { model: source, weights: undefined };
    checkModel(given.model);
    runtime.alive("compile");
    this.#runtime = runtime;
    this.batch = options.batch ?? 1;
    if (!Number.isInteger(this.batch) || this.batch < 1)
      throw new ShapeError(`compile: batch is ${this.batch} but must be an integer of at least 1`);
    if (options.layout !== undefined && options.layout !== "nhwc" && options.layout !== "nchw")
      throw new ShapeError(`compile: layout is ${JSON.stringify(options.layout)} but must be "nhwc" or "nchw"`);
    this.#channelsFirst = options.layout === "nchw";
    this.model = settle(given.model, options.shape);

    const build = new Builder(this.model, this.batch, options.weights ?? given.weights, options.seed ?? 0);
    this.weights = build.weights;
    fuse(build.graph, build.outputs);

    this.#program = new Program(runtime, "compile");
    const buffers = new Map<Edge, Buffer>();
    const bufferOf = (edge: Edge): Buffer => {
      let buffer = buffers.get(edge);
      if (!buffer) {
        buffer = edge.data ? this.#program.constant(edge.data) : new Buffer(sizeOf(edge.shape) * 4, "run");
        buffers.set(edge, buffer);
      }
      return buffer;
    };
    const port = (name: string, edge: Edge, perImage: Shape): Port => ({
      name,
      shape: edge.shape,
      size: sizeOf(perImage),
      buffer: bufferOf(edge),
      integer: edge.dtype === "int32",
    });
    this.#inputs = build.inputs.map((edge, i) => port(this.model.inputs[i].name, edge, edge.shape.slice(1)));
    for (const { buffer } of this.#inputs) this.#program.input(buffer);
    this.#rows = lower(build, this.#program, buffers, bufferOf);
    this.#outputs = build.outputs.map((edge, i) => {
      if (edge.shape[0] !== this.batch)
        throw new ShapeError(
          `compile: output "${this.model.outputs[i]}" has shape ${show(edge.shape)}, whose first axis is not the batch of ${this.batch}`,
        );
      return port(this.model.outputs[i], edge, edge.shape.slice(1));
    });
    for (const { buffer } of this.#outputs) this.#program.output(buffer);
    this.#program.place();
    for (const row of this.#rows) row.bytes = this.#program.keptBytes(row.calls[0], row.calls[1]);
  }

  /** Shapes of one image at each input, without batch. */
  get inputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#inputs.map((p) => [p.name, p.shape.slice(1)]));
  }

  /** Shapes of one image at each output, without batch. */
  get outputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.#outputs.map((p) => [p.name, p.shape.slice(1)]));
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
   * outputs come back in order.
   */
  predict(inputs: Tensor): Tensor;
  predict(inputs: Inputs<Values>): Float32Array;
  predict(inputs: Inputs<Tensor>): Tensor | Tensor[];
  predict(inputs: Inputs<Values> | Inputs<Tensor>): Float32Array | Float32Array[] | Tensor | Tensor[];
  predict(inputs: Inputs<Values> | Inputs<Tensor>): unknown {
    this.#alive("predict");
    const list = this.#ordered<Values | Tensor>(inputs as Inputs<Values | Tensor>, "predict");
    const tensors = list.some((x) => x instanceof Tensor);
    const images = this.#imagesOf(list, "predict");
    const outs: (Float32Array | Int32Array | Tensor)[] = [];
    try {
      for (const { shape, size, integer } of this.#outputs) {
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

  /** `predict` into arrays of the caller's. Makes no garbage when the number of images is `batch`. */
  run(inputs: Inputs<Values>, outputs: Inputs<Float32Array | Int32Array>): void {
    this.#alive("run");
    const from = this.#ordered(inputs, "run");
    const to = this.#orderedOutputs(outputs);
    const images = this.#imagesOf(from, "run");
    for (let i = 0; i < to.length; i++) {
      const { name, size } = this.#outputs[i];
      if (to[i].length !== images * size)
        throw new ShapeError(
          `run: output "${name}" has room for ${to[i].length} values but ${images} images of ${size} make ${images * size}`,
        );
    }
    this.#run(from, to, images);
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  summary(): string {
    return summaryTable(this.#rows, this.batch, this.#program.bytes);
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

  #run(from: readonly (Values | Tensor)[], to: readonly (Float32Array | Int32Array | Tensor)[], images: number): void {
    for (let n = 0; n < images; n += this.batch) {
      const count = Math.min(this.batch, images - n);
      for (let i = 0; i < this.#inputs.length; i++) this.#give(this.#inputs[i], from[i], n, count);
      this.#program.run();
      for (let i = 0; i < this.#outputs.length; i++) this.#take(this.#outputs[i], to[i], n, count);
    }
  }

  /** Puts `count` images, from the n-th on, into an input's buffer; what is left of a short batch becomes zero. */
  #give({ buffer, size, shape }: Port, source: Values | Tensor, n: number, count: number): void {
    const { floats } = this.#runtime.memory;
    const at = buffer.place / 4;
    if (source instanceof Tensor) {
      const start = source.address("predict") / 4 + n * size;
      floats.copyWithin(at, start, start + count * size);
    } else if (this.#channelsFirst && shape.length > 2) {
      toChannelsLast(source, n * size, floats, at, count, shape);
    } else if (source.length === count * size) {
      floats.set(source, at);
    } else {
      for (let i = 0; i < count * size; i++) floats[at + i] = source[n * size + i];
    }
    if (count < this.batch) floats.fill(0, at + count * size, at + this.batch * size);
  }

  #take({ buffer, size, shape, integer }: Port, target: Float32Array | Int32Array | Tensor, n: number, count: number): void {
    const { memory } = this.#runtime;
    const all = integer ? memory.ints : memory.floats;
    const from = buffer.place / 4;
    if (target instanceof Tensor) {
      all.copyWithin(target.address("predict") / 4 + n * size, from, from + count * size);
    } else if (this.#channelsFirst && shape.length > 2) {
      toChannelsFirst(all, from, target, n * size, count, shape);
    } else {
      // A loop, because a view of the stretch would be garbage.
      const to = n * size;
      for (let i = 0; i < count * size; i++) target[to + i] = all[from + i];
    }
  }

  #ordered<T extends Values | Tensor>(inputs: Inputs<T>, what: string): readonly T[] {
    const ports = this.#inputs;
    const single = inputs instanceof Tensor || ArrayBuffer.isView(inputs) || (Array.isArray(inputs) && typeof inputs[0] === "number");
    if (ports.length === 1 && single) return this.#one(inputs as T);
    if (Array.isArray(inputs) && !single) {
      if (inputs.length !== ports.length)
        throw new ShapeError(`${what}: got ${inputs.length} inputs but the network has ${ports.length}`);
      return inputs as readonly T[];
    }
    if (single || typeof inputs !== "object" || inputs === null)
      throw new ShapeError(
        `${what}: got ${inputs === null ? "null" : typeof inputs} but the network has inputs ${ports.map((p) => p.name).join(", ")}; give a list, or an object by name`,
      );
    return ports.map(({ name }) => {
      const value = (inputs as Record<string, T>)[name];
      if (value === undefined) throw new ShapeError(`${what}: input "${name}" is missing`);
      return value;
    });
  }

  // One-element list that is made once: `run` makes no garbage.
  readonly #oneIn: unknown[] = [undefined];
  readonly #oneOut: unknown[] = [undefined];

  #one<T>(value: T): readonly T[] {
    this.#oneIn[0] = value;
    return this.#oneIn as T[];
  }

  #orderedOutputs(outputs: Inputs<Float32Array | Int32Array>): readonly (Float32Array | Int32Array)[] {
    const ports = this.#outputs;
    if (ArrayBuffer.isView(outputs) && ports.length === 1) {
      this.#oneOut[0] = outputs;
      return this.#oneOut as Float32Array[];
    }
    const list = Array.isArray(outputs) ? outputs : ports.map((p) => (outputs as Record<string, Float32Array>)[p.name]);
    if (list.length !== ports.length || list.some((o) => !ArrayBuffer.isView(o)))
      throw new ShapeError(`run: needs an array for each of the outputs ${ports.map((p) => p.name).join(", ")}`);
    return list;
  }

  /** Checks every input's length and shape; the number of images must agree. */
  #imagesOf(list: readonly (Values | Tensor)[], what: string): number {
    let images = 0;
    for (let i = 0; i < list.length; i++) {
      const { name, size, shape } = this.#inputs[i];
      const value = list[i];
      if (value instanceof Tensor) {
        if (value.shape.length !== shape.length || value.shape.some((d, a) => a > 0 && d !== shape[a]))
          throw new ShapeError(
            `${what}: input "${name}" has shape ${show(value.shape)} but must have shape [n,${shape.slice(1).join(",")}]`,
          );
        value.bufferFor(this.#runtime, what);
      }
      const length = value instanceof Tensor ? value.size : (value?.length ?? 0);
      if (length === 0 || length % size !== 0)
        throw new ShapeError(
          `${what}: input "${name}" has ${length} values, which is not a whole number of images of ${show(shape.slice(1))} = ${size} values`,
        );
      if (i > 0 && length / size !== images)
        throw new ShapeError(
          `${what}: input "${name}" has ${length / size} images but "${this.#inputs[0].name}" has ${images}`,
        );
      images = length / size;
    }
    return images;
  }
}

/** Fills in open sizes. */
function settle(model: Model, shape: CompileOptions["shape"]): Model {
  const inputs = model.inputs.map(({ name, shape: declared }) => {
    const given = Array.isArray(shape) ? (shape as Shape) : (shape as Readonly<Record<string, Shape>> | undefined)?.[name];
    if (given && (given.length !== declared.length || declared.some((d, i) => d !== null && d !== given[i])))
      throw new ShapeError(`compile: shape ${show(given)} does not fit input "${name}" of shape [${declared.map((d) => d ?? "?").join(",")}]`);
    const settled = given ?? declared;
    settled.forEach((d, i) => {
      if (d === null)
        throw new ShapeError(
          `compile: input "${name}" leaves dimension ${i} open (shape [${declared.map((d) => d ?? "?").join(",")}]); give compile a shape`,
        );
    });
    checkShape(settled as Shape, `input "${name}"`, "compile");
    return { name, shape: [...(settled as Shape)] };
  });
  return { ...model, inputs };
}

/** Turns a description into a graph of ops, and finds or makes the weights. */
class Builder {
  readonly graph = new Graph();
  readonly inputs: Edge[];
  readonly outputs: Edge[];
  readonly weights: Record<string, Float32Array> = {};
  /** Layers in order, with what a summary says of them. */
  readonly layers: { name: string; kind: string; shape: Shape; parameters: number }[] = [];

  constructor(model: Model, batch: number, given: Weights | undefined, seed: number) {
    if (!Number.isInteger(seed)) throw new ShapeError(`compile: seed is ${seed} but must be an integer`);
    const made = new Map<string, readonly Edge[]>();
    this.inputs = model.inputs.map(({ name, shape }) => {
      const edge = new Edge(float32([batch, ...(shape as number[])]));
      checkShape(edge.shape, `input "${name}" with a batch of ${batch}`, "compile");
      made.set(name, [edge]);
      return edge;
    });
    const edges = new Map<string, Record<string, Edge>>();
    for (const layer of model.layers) made.set(layer.name, this.#layer(layer, made, edges, given, seed));
    this.outputs = model.outputs.map((ref) => find(ref, made, "compile"));
    if (given) {
      const unknown = Object.keys(given).filter((key) => !(key in this.weights));
      if (unknown.length)
        throw new ShapeError(`compile: weights hold "${unknown[0]}", which no layer takes (${unknown.length} such)`);
    }
  }

  #layer(
    layer: ModelLayer,
    made: ReadonlyMap<string, readonly Edge[]>,
    edges: Map<string, Record<string, Edge>>,
    given: Weights | undefined,
    seed: number,
  ): readonly Edge[] {
    const where = `${layer.kind} "${layer.name}"`;
    const definition = definitionOf(layer.kind, where);
    const inputs = layer.inputs.map((ref) => find(ref, made, where));
    const [least, most] = definition.inputs ?? [1, 1];
    if (inputs.length < least || inputs.length > most)
      throw new ShapeError(`${where}: takes ${least === most ? least : `at least ${least}`} inputs but got ${inputs.length}`);
    this.graph.enter(layer.name, where);
    const shapes = inputs.map((e) => e.shape);
    const owner = layer.shares ?? layer.name;
    let own = edges.get(owner);
    let count = 0;
    if (!own) {
      own = {};
      for (const { name, shape, init } of definition.parameters?.(layer.config, shapes, where) ?? []) {
        checkShape(shape, `weight "${name}"`, where);
        const key = `${owner}.${name}`;
        const data = given ? given[key] : initialize(init, shape, seed, key);
        if (!data) throw new ShapeError(`${where}: the weights hold no "${key}" (shape ${show(shape)})`);
        if (data.length !== sizeOf(shape))
          throw new ShapeError(`${where}: weight "${key}" has ${data.length} values but shape ${show(shape)} holds ${sizeOf(shape)}`);
        this.weights[key] = data;
        own[name] = this.graph.constant(data, shape);
        count += data.length;
      }
      edges.set(owner, own);
    }
    const built = definition.build(this.graph, layer.config, inputs, own, where);
    const outs = Array.isArray(built) ? (built as readonly Edge[]) : [built as Edge];
    this.layers.push({ name: layer.name, kind: layer.kind, shape: outs[0].shape, parameters: count });
    return outs;
  }
}

/** The definition behind a kind's name. */
function definitionOf(kind: string, where: string): LayerDefinition<Named> {
  const factory = Object.hasOwn(registry, kind) ? (registry as unknown as Record<string, LayerFactory>)[kind] : undefined;
  if (!factory?.definition) throw new FormatError(`${where}: there is no layer kind "${kind}"`);
  return factory.definition;
}

function find(ref: string, made: ReadonlyMap<string, readonly Edge[]>, where: string): Edge {
  const [name, index] = String(ref).split(":");
  const edge = made.get(name)?.[index ? Number(index) : 0];
  if (!edge) throw new ShapeError(`${where}: reads "${ref}", which nothing before it makes`);
  return edge;
}

/** Writes every op's calls into the program, and one summary row per layer. */
function lower(
  build: Builder,
  program: Program,
  buffers: Map<Edge, Buffer>,
  bufferOf: (edge: Edge) => Buffer,
): Row[] {
  const rows = new Map<string, Row>(
    build.layers.map((l) => [
      l.name,
      { ...l, multiplyAdds: 0, algorithm: "", bytes: 0, calls: [0, 0] },
    ]),
  );
  for (const { op, params, inputs, outputs, layer } of build.graph.nodes) {
    const before = program.length;
    if (op.alias) buffers.set(outputs[0], bufferOf(inputs[0]));
    const value = (edge: Edge) => ({ shape: edge.shape, dtype: edge.dtype, buffer: bufferOf(edge) });
    program.lastAlgorithm = "";
    op.forward(program, inputs.map(value), outputs.map(value), params);
    if (op.inPlace && program.length === before + 1) program.overlay(bufferOf(outputs[0]), bufferOf(inputs[0]));
    const row = rows.get(layer)!;
    row.multiplyAdds += op.multiplyAdds?.(inputs, outputs, params) ?? 0;
    row.algorithm ||= program.lastAlgorithm;
    row.calls = row.calls[1] ? [row.calls[0], program.length] : [before, program.length];
  }
  return [...rows.values()];
}

/** Copies images [n, c, ...spatial] to [n, ...spatial, c]. */
function toChannelsLast(from: ArrayLike<number>, start: number, to: Float32Array, at: number, images: number, shape: Shape): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++, start += c * pixels, at += c * pixels)
    for (let k = 0; k < c; k++) for (let p = 0; p < pixels; p++) to[at + p * c + k] = from[start + k * pixels + p];
}

/** Copies images [n, ...spatial, c] to [n, c, ...spatial]. */
function toChannelsFirst(
  from: Float32Array | Int32Array,
  start: number,
  to: Float32Array | Int32Array,
  at: number,
  images: number,
  shape: Shape,
): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++, start += c * pixels, at += c * pixels)
    for (let k = 0; k < c; k++) for (let p = 0; p < pixels; p++) to[at + k * pixels + p] = from[start + p * c + k];
}
