// Walks the topology of a Keras model and writes a description: one or more layers for every call of a Keras layer.
import { ArgumentError, FormatError, ShapeError } from "../../errors.ts";
import type { Layer } from "../../layers/layer.ts";
import { loadModel } from "../../model/build-model.ts";
import type { Model, ModelLayer, TrainedModel } from "../../model/schema.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { type Addition, type Call, checkRank, type Value } from "./call.ts";
import { Config } from "./config.ts";
import { FunctionalModel, type Source } from "./functional.ts";
import type { Budget } from "./limits.ts";
import { inputShapeOf, type KerasLayer, MODELS, readLayers } from "./topology.ts";
import { translationOf } from "./translations.ts";
import type { WeightFile } from "./weight-file.ts";

/** A model, nested or not, as it is read once for all its calls. */
interface KerasModel {
  readonly where: string;
  readonly config: unknown;
  readonly layers: readonly KerasLayer[];
  /** Undefined for a Sequential model. */
  readonly graph: FunctionalModel | undefined;
}

export class Importer {
  readonly #weights: WeightFile;
  readonly #budget: Budget;
  readonly #inputs: Model["inputs"] = [];
  readonly #layers: ModelLayer[] = [];
  readonly #trained: Record<string, Float32Array> = {};
  /** Names taken, with how often a name was wanted again. */
  readonly #names = new Map<string, number>();
  readonly #models = new Map<KerasLayer, KerasModel>();
  /** How often each Keras layer was called. */
  readonly #calls = new Map<KerasLayer, number>();
  /** The layer of ours that owns the weights of each part of a Keras layer. */
  readonly #owners = new Map<KerasLayer, Map<string, string>>();

  constructor(weights: WeightFile, budget: Budget) {
    this.#weights = weights;
    this.#budget = budget;
  }

  /** Reads a whole model. Throws FormatError and UnsupportedError. */
  import(topology: Json): TrainedModel {
    const kind = topology.class_name;
    if (typeof kind !== "string" || !MODELS.includes(kind))
      throw new FormatError(
        `tfjs: modelTopology.class_name is ${describe(kind)} but must be one of ${MODELS.join(", ")}`,
      );
    const outputs = this.#model(readModel(kind, topology.config, [], `tfjs: ${kind}`), undefined);
    this.#weights.checkAllRead();
    const description: Model = {
      format: "convolith",
      version: 1,
      inputs: this.#inputs,
      layers: this.#layers,
      outputs: outputs.map((value) => value.ref),
    };
    return { model: loadModel(description), weights: this.#trained };
  }

  /** A model's outputs for the given inputs, or for inputs of its own where none are given. */
  #model(model: KerasModel, given: readonly Value[] | undefined): readonly Value[] {
    return model.graph
      ? this.#functional(model.graph, given, model.where)
      : this.#sequential(model, given ?? [this.#firstInput(model)]);
  }

  #sequential({ layers }: KerasModel, given: readonly Value[]): readonly Value[] {
    let values = given;
    for (const layer of layers) if (layer.kind !== "InputLayer") values = this.#call(layer, values);
    return values;
  }

  #functional(graph: FunctionalModel, given: readonly Value[] | undefined, where: string): Value[] {
    const { inputs, calls, outputs } = graph;
    if (given && given.length !== inputs.length)
      throw new FormatError(
        `${where}: is called with ${given.length} tensors but has ${inputs.length} inputs`,
      );
    const made = new Map<KerasLayer, (readonly Value[])[]>();
    const value = ({ layer, call, output }: Source, reader: string): Value => {
      const values = made.get(layer)![call];
      if (!values[output])
        throw new FormatError(
          `${reader}: reads output ${output} of ${describe(layer.name)}, which has ${values.length}`,
        );
      return values[output];
    };
    inputs.forEach((layer, i) => {
      made.set(layer, [[given ? given[i] : this.#input(layer.name, inputShapeOf(layer), layer.where)]]);
    });
    for (const { layer, call, reads } of calls) {
      const read = reads.map((source) => value(source, layer.where));
      const values = this.#call(layer, read);
      const all = made.get(layer) ?? [];
      all[call] = values;
      made.set(layer, all);
    }
    return outputs.map((source) => value(source, `${where}: output_layers`));
  }

  /** The input of a Sequential model, whose shape its first layer, or the first in that, tells. */
  #firstInput(model: KerasModel): Value {
    const { layers, config, where } = model;
    const [{ name, kind, where: first }] = layers;
    const shape = this.#firstShape(layers[0]) ?? (isObject(config) ? config.build_input_shape : undefined);
    if (shape === undefined)
      throw new FormatError(
        `${where}: says nowhere what shape its input has (batch_input_shape of the first layer)`,
      );
    return this.#input(kind === "InputLayer" ? name : `${name}_input`, shape, first);
  }

  #firstShape(outermost: KerasLayer): unknown {
    let first = outermost;
    while (MODELS.includes(first.kind) && !inputShapeOf(first)) {
      const { layers, graph } = this.#nested(first);
      if (graph && !graph.inputs.length) return undefined;
      first = graph ? graph.inputs[0] : layers[0];
    }
    return inputShapeOf(first);
  }

  /** The model that a layer is. */
  #nested(layer: KerasLayer): KerasModel {
    let model = this.#models.get(layer);
    if (!model) {
      this.#budget.nesting(layer.path.length, layer.where);
      model = readModel(layer.kind, layer.config, layer.path, layer.where);
      this.#models.set(layer, model);
    }
    return model;
  }

  /** Translates one more call of a layer or of a nested model. */
  #call(layer: KerasLayer, inputs: readonly Value[]): readonly Value[] {
    const { path, kind, where } = layer;
    if (MODELS.includes(kind)) {
      const model = this.#nested(layer);
      this.#budget.layer(inputs.length + (model.graph?.outputs.length ?? 1), where);
      return this.#model(model, inputs);
    }
    const translate = translationOf(kind, where);
    const count = (this.#calls.get(layer) ?? 0) + 1;
    this.#calls.set(layer, count);
    const base = path.join("/");
    const called = count === 1 ? base : `${base}@${count}`;
    const call: Call = {
      where,
      inputs,
      config: new Config(layer.config, where),
      weight: (weight, shape, convert) => this.#weights.read(layer, weight, shape, convert),
      constant: (weight, size, value) => this.#weights.constant(layer, weight, size, value),
      shapeOf: (weight) => this.#weights.shapeOf(layer, weight),
      emit: (made, reads, addition = {}) => this.#emit(made, reads, addition, layer, called),
    };
    try {
      return [translate(call)];
    } catch (cause) {
      // Our layers check their options, too.
      if (cause instanceof ShapeError || cause instanceof ArgumentError)
        throw new FormatError(`${where}: ${cause.message}`, { cause });
      throw cause;
    }
  }

  /** Adds a layer for a Keras layer, of which this call is named `called`. */
  #emit(layer: Layer, reads: readonly Value[], addition: Addition, keras: KerasLayer, called: string): Value {
    this.#budget.layer(reads.length, keras.where);
    const { rank = reads[0].rank, channels = reads[0].channels, weights = {}, part } = addition;
    const name = this.#claim(part ? `${called}/${part}` : called);
    const entry: ModelLayer = {
      name,
      kind: layer.kind,
      config: { ...layer.config },
      inputs: reads.map((x) => x.ref),
    };
    let owners = this.#owners.get(keras);
    if (!owners) {
      owners = new Map();
      this.#owners.set(keras, owners);
    }
    const owner = owners.get(part ?? "");
    if (owner === undefined) {
      owners.set(part ?? "", name);
      for (const [weight, data] of Object.entries(weights)) this.#trained[`${name}.${weight}`] = data;
    } else if (Object.keys(weights).length) entry.shares = owner;
    this.#layers.push(entry);
    return { ref: name, rank, channels };
  }

  #input(name: string, shape: unknown, where: string): Value {
    const valid =
      Array.isArray(shape) &&
      shape.length > 1 &&
      shape.slice(1).every((d) => d === null || (Number.isSafeInteger(d) && d > 0));
    if (!valid)
      throw new FormatError(
        `${where}: its input has shape ${describe(shape)} but must have [batch, sizes or null...]`,
      );
    checkRank(shape.length, where);
    const ref = this.#claim(name);
    this.#inputs.push({ name: ref, shape: shape.slice(1) });
    return { ref, rank: shape.length, channels: shape.at(-1) };
  }

  /** A name that no input and no layer has yet: the wanted one, that and "_", that and "_2", ... */
  #claim(wanted: string): string {
    let name = wanted;
    while (this.#names.has(name)) {
      const count = this.#names.get(wanted)! + 1;
      this.#names.set(wanted, count);
      name = count === 1 ? `${wanted}_` : `${wanted}_${count}`;
    }
    this.#names.set(name, 0);
    return name;
  }
}

/** Reads the layers of a model, and of a functional one their order. */
function readModel(kind: string, config: unknown, path: readonly string[], where: string): KerasModel {
  const layers = readLayers(config, path, where);
  const graph =
    kind === "Sequential" ? undefined : new FunctionalModel(layers, isObject(config) ? config : {}, where);
  return { where, config, layers, graph };
}
