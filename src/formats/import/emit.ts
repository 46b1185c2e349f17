// Appends layers to a model: names, weights, and the shapes of what they make, by the inference that compiling uses.

import { FormatError, UnsupportedError } from "../../errors.ts";
import { Edge, Graph } from "../../graph/graph.ts";
import * as imported from "../../layers/imported.ts";
import * as registry from "../../layers/index.ts";
import { checkConfig, checkInputs, type LayerKind } from "../../layers/layer.ts";
import type { Model, ModelLayer, WeightReader } from "../../model/schema.ts";
import { type DType, type Shape, sizeOf } from "../../tensor.ts";
import type { Constant } from "./constant.ts";
import type { Stored } from "./value.ts";

/** Every kind of layer a file's operators can become. */
const KINDS = { ...registry, ...imported } as unknown as Readonly<Record<string, LayerKind>>;

/** The kinds that a model read from a file brings along, beyond those every engine knows. */
export const importedKinds = imported as unknown as Readonly<Record<string, LayerKind>>;

/** Integers up to here are float32 numbers, too, in which weights are held. */
const MAX_EXACT = 2 ** 24;

/** Integers of 32 bits, in which a network computes. */
const MIN_INT = -(2 ** 31);
const MAX_INT = 2 ** 31 - 1;

/** A layer that scales and moves each channel. */
interface Normalisation {
  readonly of: Stored;
  readonly config: Record<string, unknown>;
  readonly weights: Readonly<Record<string, Constant>>;
}

/** A layer that does the same to every value. */
interface Scaling {
  readonly of: Stored;
  readonly scale: number;
  readonly offset: number;
}

/** Kinds into which a factor and a summand for each channel are folded. */
const PRODUCT = /^(dense|(depthwiseConv|conv|convTranspose)[123]d)$/;

export class LayerEmitter {
  readonly layers: ModelLayer[] = [];
  readonly weights: Record<string, WeightReader> = Object.create(null);
  readonly inputs: Model["inputs"] = [];
  readonly #names = new Map<string, number>();
  /** Names that no layer may have but those which give the outputs. */
  readonly #kept = new Set<string>();
  readonly #constants = new Map<Constant, Stored>();
  /** Batch normalisations by the name of what they give. */
  readonly normalised = new Map<string, Normalisation>();
  /** The same of `rescale`. */
  readonly rescaled = new Map<string, Scaling>();
  /** What convolutions and matrices give. */
  readonly products = new Set<string>();
  /** The node of the file that is being translated, for names and messages. */
  node = "";

  /** An input of the model. `shape` has all axes; the model's own list leaves the batch out where there is one. */
  input(wanted: string, shape: Shape, dtype: DType, batched: boolean): Stored {
    const name = this.#name(wanted);
    const input = { name, shape: batched ? shape.slice(1) : [...shape] };
    this.inputs.push(dtype === "int32" ? { ...input, dtype } : input);
    return { ref: name, shape, dtype };
  }

  /** Keeps names for the outputs of the model, as far as they are free. */
  keep(names: readonly string[]): void {
    for (const name of names.map(plainName)) {
      if (this.#names.has(name)) continue;
      this.#names.set(name, 0);
      this.#kept.add(name);
    }
  }

  /** Lets the next layer have a name that was kept. */
  release(name: string): void {
    const plain = plainName(name);
    if (this.#kept.delete(plain)) this.#names.delete(plain);
  }

  /** Appends a layer; what it makes. Throws where config, inputs or weights do not fit. */
  layer(
    kind: string,
    inputs: readonly Stored[],
    config: Record<string, unknown>,
    weights: Readonly<Record<string, Constant>> = {},
    wanted = this.node,
  ): Stored[] {
    const where = `${kind} "${wanted}"`;
    const definition = Object.hasOwn(KINDS, kind) ? KINDS[kind].definition : undefined;
    if (!definition) throw new UnsupportedError(`${where}: there is no layer kind "${kind}" yet`);
    checkConfig(definition, config, where);
    checkInputs(definition, inputs, where);
    const name = this.#name(wanted);
    const edges = inputs.map((input) => new Edge(input));
    const own: Record<string, Edge> = {};
    const shapes = inputs.map((input) => input.shape);
    for (const { name: weight, shape } of definition.parameters?.(config, shapes, where) ?? []) {
      own[weight] = new Edge({ shape, dtype: "float32" });
      this.weights[`${name}.${weight}`] = reader(weights[weight], shape, `${where}: weight "${weight}"`);
    }
    const graph = new Graph();
    graph.enter(name, where);
    const built = [definition.build(graph, config, edges, own, where)].flat() as Edge[];
    this.layers.push({ name, kind, config, inputs: inputs.map(({ ref }) => ref) });
    if (kind === "batchNorm") this.normalised.set(name, { of: inputs[0], config, weights });
    if (PRODUCT.test(kind)) this.products.add(name);
    if (kind === "rescale") {
      const { scale = 1, offset = 0 } = config as { scale?: number; offset?: number };
      this.rescaled.set(name, { of: inputs[0], scale, offset });
    }
    return built.map(({ shape, dtype }, i) => ({ ref: i ? `${name}:${i}` : name, shape, dtype }));
  }

  /** Numbers as a layer that gives them, one for each constant. */
  constant(known: Constant): Stored {
    let stored = this.#constants.get(known);
    if (!stored) {
      const { shape, type } = known;
      const name = `${this.node}/constant`;
      if (type === "float") [stored] = this.layer("constant", [], { shape }, { value: known }, name);
      else [stored] = this.layer("constant", [], { shape, values: wholeNumbers(known, name) }, {}, name);
      this.#constants.set(known, stored);
    }
    return stored;
  }

  /** A name nobody has, made of the wanted one. */
  #name(wanted: string): string {
    const base = plainName(wanted);
    let name = base;
    for (let n = this.#names.get(base) ?? 0; this.#names.has(name); ) {
      this.#names.set(base, ++n);
      name = `${base}_${n}`;
    }
    this.#names.set(name, 0);
    return name;
  }
}

/** Colons count outputs in references. */
const plainName = (wanted: string): string =>
  wanted.replace(/:0$/, "").replaceAll(":", "_").slice(0, 900) || "layer";

/** Integers as a list, as far as they have 32 bits. */
function wholeNumbers({ data }: Constant, where: string): number[] {
  // The ends of 64 bits stand for "all that is left": they stay the ends.
  return Array.from(data, (value) => {
    if (!Number.isInteger(value)) throw new FormatError(`${where}: ${value} is no integer`);
    return Math.max(MIN_INT, Math.min(MAX_INT, value));
  });
}

function reader(given: Constant | undefined, shape: Shape, where: string): WeightReader {
  if (!given) throw new FormatError(`${where} is missing`);
  const length = sizeOf(given.shape);
  if (length !== sizeOf(shape))
    throw new FormatError(
      `${where} has shape [${given.shape}], ${length} values, but [${shape}] has ${sizeOf(shape)}`,
    );
  return {
    length,
    read: () => {
      const { data } = given;
      return data instanceof Float32Array ? data : floats(data, where);
    },
  };
}

/** Integers as float32, which hold them exactly up to 2^24. */
function floats(data: Float64Array, where: string): Float32Array {
  const far = data.find((value) => Math.abs(value) > MAX_EXACT);
  if (far !== undefined)
    throw new UnsupportedError(`${where} holds ${far}, which float32 cannot tell from its neighbours`);
  return Float32Array.from(data);
}
