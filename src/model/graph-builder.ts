// From a description to a graph of ops: shapes resolved, weights found or initialised, layers written out as ops.

import { ArgumentError, FormatError, MemoryError, ShapeError, UnsupportedError } from "../errors.ts";
import { Edge, Graph, type Training } from "../graph/graph.ts";
import * as registry from "../layers/index.ts";
import { initialize } from "../layers/initializers.ts";
import { checkConfig, checkInputs, type LayerKind, type Parameter } from "../layers/layer.ts";
import { checkShape, show } from "../ops/check.ts";
import { type DType, float32, type Shape, sizeOf } from "../tensor.ts";
import { asNumbers, describe, isPlain, refuse } from "../validate.ts";
import { isReader, type LoadReport, sortWeights } from "./partial.ts";
import type { DescribedModel, InputShape, Model, ModelLayer, WeightReader } from "./schema.ts";

/** What the linear memory of one engine can hold, in bytes. */
const MAX_MEMORY = 2 ** 32;

/** The model with the open sizes of its inputs filled in. */
export function resolveShapes(
  model: Model,
  shape: Shape | Readonly<Record<string, Shape>> | undefined,
): Model {
  const byName = isPlain(shape) ? new Map(Object.entries(shape)) : undefined;
  if (shape !== undefined && !byName && !Array.isArray(shape))
    refuse(shape, "shape", "compile", "a list of sizes, or such lists by the names of inputs");
  for (const name of byName?.keys() ?? [])
    if (!model.inputs.some((input) => input.name === name))
      throw new ArgumentError(
        `compile: shape names ${describe(name)}, which is no input; there are ${model.inputs.map((input) => input.name).join(", ")}`,
      );
  const inputs = model.inputs.map(({ name, shape: declared, ...rest }) => {
    const given: unknown = byName ? byName.get(name) : shape;
    const fits = (sizes: readonly unknown[]) =>
      sizes.length === declared.length && declared.every((d, i) => d === null || d === sizes[i]);
    if (given !== undefined && !(Array.isArray(given) && fits(given)))
      throw new ShapeError(
        `compile: shape ${describe(given)} does not fit input "${name}" of shape ${showOpen(declared)}`,
      );
    const resolved = (given ?? declared) as InputShape;
    const open = resolved.indexOf(null);
    if (open >= 0)
      throw new ShapeError(
        `compile: input "${name}" leaves dimension ${open} open (shape ${showOpen(declared)}); give compile a shape`,
      );
    checkShape(resolved as Shape, `input "${name}"`, "compile", 1);
    return { name, shape: [...(resolved as Shape)], ...rest };
  });
  return { ...model, inputs };
}

/** A shape with "?" for sizes that are open. */
function showOpen(shape: InputShape): string {
  return `[${shape.map((d) => (d === null ? "?" : describe(d))).join(",")}]`;
}

/** A weight that stays a variable: a network that is trained reads and writes it. */
export interface Variable {
  readonly edge: Edge;
  /** The layer it belongs to. */
  readonly layer: string;
  /** False for running averages. */
  readonly trainable: boolean;
}

/** A weight of the model: its shape, what initialises it, and its edge. */
type Found = Pick<Parameter, "shape" | "init" | "fan"> & { readonly edge: Edge };

export interface BuildOptions {
  /** Given weights, of which there must be all unless `partial` is set; a model without any is initialised. */
  readonly weights?: SomeWeights | undefined;
  /** Of initialisation. Default 0. */
  readonly seed?: number;
  /** Weights stay variables, and layers are built as they are trained. */
  readonly training?: Training;
  /** Reads constants made of weights whenever a program packs them. */
  readonly read?: (name: string) => Float32Array;
  /** A graph that is written on, edges there for the inputs, and for each weight. */
  readonly into?: BuildTarget;
  /** The engine that it is built for: layers of one's own need it. */
  readonly runtime?: Graph["runtime"];
  /** Initialises weights that are not given; with "any" also leaves out given ones that do not fit. */
  readonly partial?: "missing" | "any" | undefined;
}

export interface BuildTarget {
  readonly graph: Graph;
  readonly inputs: readonly Edge[];
  weight(name: string): Edge;
}

/** Turns a description into a graph of ops, and finds or initialises the weights. */
export class Builder {
  readonly batchSize: number;
  /** Whether axis 0 of inputs and outputs is the batch. */
  readonly batched: boolean;
  readonly graph: Graph;
  readonly inputs: readonly Edge[];
  readonly outputs: Edge[];
  readonly #into: BuildTarget | undefined;
  readonly weightShapes: Record<string, Shape> = {};
  /** Names of the weights that gradients change. */
  readonly trainable: string[] = [];
  /** Weights by name, if the network is built to be trained; else they are constants of the graph. */
  readonly variables = new Map<string, Variable>();
  /** Layers in order, with what a summary tells about them. */
  readonly layers: { name: string; kind: string; shape: Shape; parameters: number; ops: number }[] = [];
  /** The outputs of each layer, and each input, by name. */
  readonly made: ReadonlyMap<string, readonly Edge[]>;
  /** What became of the given weights, where not all must fit. */
  readonly report: LoadReport | undefined;
  readonly #found = new Map<string, Found>();
  #given: SomeWeights | undefined;
  readonly #kinds: DescribedModel["kinds"];
  readonly #seed: number;
  #weights: Readonly<Record<string, Float32Array>> | undefined;
  /** Bytes of all weights found so far. */
  #bytes = 0;

  constructor(
    model: DescribedModel,
    batchSize: number,
    { weights: given, seed = 0, training, read, into, partial, runtime }: BuildOptions = {},
  ) {
    this.batchSize = batchSize;
    this.batched = model.batch !== false;
    if (!this.batched && batchSize !== 1)
      throw new ArgumentError(
        `compile: batchSize is ${batchSize} but must be 1: this model has no batch; its inputs have all of their axes`,
      );
    if (!this.batched && training)
      throw new UnsupportedError("train: this model has no batch of images, so it cannot be trained");
    this.#kinds = model.kinds;
    this.#into = into;
    this.graph = into?.graph ?? new Graph();
    this.graph.runtime ??= runtime;
    const before = this.graph.training;
    this.graph.training = training;
    this.#given = given;
    this.#seed = seed;
    if (!Number.isInteger(seed)) refuse(seed, "seed", "compile", "an integer");
    if (given !== undefined && !isPlain(given))
      refuse(given, "weights", "compile", "an object of arrays by name, such as net.weights");
    const made = new Map<string, readonly Edge[]>();
    this.made = made;
    this.inputs = model.inputs.map(({ name, shape, dtype = "float32" as DType }, i) => {
      const all = this.batched ? [batchSize, ...(shape as number[])] : (shape as number[]);
      const edge = into?.inputs[i] ?? new Edge({ shape: all, dtype });
      checkShape(all, `input "${name}"${this.batched ? ` with a batch of ${batchSize}` : ""}`, "compile", 1);
      made.set(name, [edge]);
      return edge;
    });
    const edges = new Map<string, Record<string, Edge>>();
    for (const layer of model.layers)
      made.set(layer.name, this.#layer(layer, made, edges, partial ? undefined : given));
    this.outputs = model.outputs.map((ref) => find(ref, made, "compile"));
    if (given && partial) {
      this.report = sortWeights(given, this.weightShapes, "compile");
      const { taken, mismatched } = this.report;
      if (partial === "missing") this.#refuseUnfit(this.report);
      if (mismatched.length) this.#given = Object.fromEntries(taken.map((name) => [name, given[name]]));
    } else if (given) this.#refuseUnknown(Object.keys(given).filter((key) => !this.#found.has(key)));
    this.graph.training = into ? before : training;
    if (training || into) return;
    for (const [key, { edge }] of this.#found) edge.data = read ? reading(read, key) : this.weights[key];
  }

  #refuseUnknown([first, ...rest]: readonly string[]): void {
    if (first !== undefined)
      throw new ArgumentError(
        `compile: weights hold ${describe(first)}, which no layer takes (${rest.length + 1} such)`,
      );
  }

  #refuseUnfit({ unused, mismatched: [first] }: LoadReport): void {
    this.#refuseUnknown(unused);
    if (first)
      throw new ShapeError(
        `compile: weight ${describe(first.name)} has ${sizeOf(first.given)} values but shape ${show(first.shape)} holds ${sizeOf(first.shape)}`,
      );
  }

  /** Given or initialised when they are first asked for: by then all shapes fit, and linear memory has been taken. */
  get weights(): Readonly<Record<string, Float32Array>> {
    try {
      this.#weights ??= this.#all();
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new MemoryError(`compile: ${this.#bytes} bytes of weights do not fit: ${cause.message}`, {
        cause,
      });
    }
    return this.#weights;
  }

  /** Weights that a file holds are read from it whenever they are asked for, so that they are not held twice. */
  #all(): Readonly<Record<string, Float32Array>> {
    const all: Record<string, Float32Array> = {};
    for (const key of this.#found.keys()) {
      const given = this.#given && Object.hasOwn(this.#given, key) ? this.#given[key] : undefined;
      if (isReader(given)) Object.defineProperty(all, key, { get: () => given.read(), enumerable: true });
      else all[key] = given ? new Float32Array(given) : this.initial(key);
    }
    return all;
  }

  /** The edges of all weights, by name. */
  get weightEdges(): [name: string, edge: Edge][] {
    return [...this.#found].map(([name, { edge }]) => [name, edge]);
  }

  /** A weight of that name as it begins where none is given. */
  initial(name: string): Float32Array {
    const { shape, init, fan } = this.#found.get(name)!;
    return initialize(init, shape, this.#seed, name, fan);
  }

  #layer(
    layer: ModelLayer,
    made: ReadonlyMap<string, readonly Edge[]>,
    edges: Map<string, Record<string, Edge>>,
    given: SomeWeights | undefined,
  ): readonly Edge[] {
    const where = `${layer.kind} "${layer.name}"`;
    const definition = definitionOf(layer.kind, this.#kinds, where);
    const inputs = layer.inputs.map((ref) => find(ref, made, where));
    checkConfig(definition, layer.config, where);
    checkInputs(definition, inputs, where);
    const owner = layer.shares ?? layer.name;
    this.graph.enter(layer.name, where, owner);
    const shapes = inputs.map((e) => e.shape);
    let own = edges.get(owner);
    let count = 0;
    if (!own) {
      own = {};
      for (const parameter of definition.parameters?.(layer.config, shapes, where) ?? []) {
        own[parameter.name] = this.#weight(parameter, owner, given, where);
        count += sizeOf(parameter.shape);
      }
      edges.set(owner, own);
    }
    const before = this.graph.nodes.length;
    const built = definition.build(this.graph, layer.config, inputs, own, where);
    const ops = this.graph.nodes.length - before;
    const outs = Array.isArray(built) ? (built as readonly Edge[]) : [built as Edge];
    if (this.batched) definition.checkLayer?.(layer.config, shapes[0], outs[0].shape, where);
    this.layers.push({ name: layer.name, kind: layer.kind, shape: outs[0].shape, parameters: count, ops });
    return outs;
  }

  /** The edge of a weight, whose shape and given values are checked. */
  #weight(parameter: Parameter, layer: string, given: SomeWeights | undefined, where: string): Edge {
    const { name, shape, init, fan, trainable = true } = parameter;
    const key = `${layer}.${name}`;
    checkShape(shape, `weight "${name}"`, where, 1);
    this.#bytes += sizeOf(shape) * 4;
    if (this.#bytes > MAX_MEMORY)
      throw new MemoryError(
        `${where}: with its weight "${name}" ${show(shape)} the weights take ${this.#bytes} bytes, but an engine can hold ${MAX_MEMORY} at most`,
      );
    if (given) {
      const values = Object.hasOwn(given, key) ? given[key] : undefined;
      if (values === undefined)
        throw new ArgumentError(`${where}: the weights hold no "${key}" (shape ${show(shape)})`);
      const { length } = isReader(values) ? values : asNumbers(values, `weight "${key}"`, where);
      if (length !== sizeOf(shape))
        throw new ShapeError(
          `${where}: weight "${key}" has ${length} values but shape ${show(shape)} holds ${sizeOf(shape)}`,
        );
    }
    const edge = this.#into?.weight(key) ?? new Edge(float32(shape));
    this.weightShapes[key] = shape;
    if (trainable) this.trainable.push(key);
    this.#found.set(key, { edge, shape, init, fan });
    if (this.graph.training || this.#into) this.variables.set(key, { edge, layer, trainable });
    else this.graph.constants.add(edge);
    return edge;
  }
}

/** Weights as a caller gives them, or as they are read from a file. */
export type SomeWeights = Readonly<Record<string, ArrayLike<number> | WeightReader>>;

/** A constant that is read when it is needed. A function of its own: a closure in the builder would keep the whole graph. */
const reading = (read: (name: string) => Float32Array, key: string) => (): Float32Array => read(key);

/** The definition behind a kind's name. */
export function definitionOf(
  kind: string,
  kinds: DescribedModel["kinds"],
  where: string,
): LayerKind["definition"] {
  const known = registry as unknown as Record<string, LayerKind>;
  const factory = [known, kinds ?? {}].find((list) => Object.hasOwn(list, kind))?.[kind];
  if (!factory?.definition)
    throw new FormatError(
      `${where}: there is no layer kind "${kind}"; a model that was read from ONNX or TensorFlow.js and saved needs { kinds: importedKinds } of convolith/onnx, one with layers of your own { kinds: { ${/^\w+$/.test(kind) ? kind : "..."} } }`,
    );
  return factory.definition;
}

function find(ref: string, made: ReadonlyMap<string, readonly Edge[]>, where: string): Edge {
  const [, name, index = 0] = /^([^:]+)(?::(\d+))?$/.exec(ref) ?? [];
  const edge = made.get(name)?.[Number(index)];
  if (!edge) throw new FormatError(`${where}: reads ${describe(ref)}, which nothing before it makes`);
  return edge;
}
