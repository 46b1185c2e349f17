// Walks the topology of a Keras model and writes a description: one or more layers for every call of a Keras layer.
import { FormatError } from "../../errors.ts";
import type { Layer } from "../../layers/layer.ts";
import { loadModel } from "../../model/build-model.ts";
import type { Model, ModelLayer, TrainedModel } from "../../model/schema.ts";
import type { Addition, Call, Value } from "./call.ts";
import { Config } from "./config.ts";
import {
  firstInputShape,
  inputShapeOf,
  isObject,
  type Json,
  KerasGraph,
  type KerasLayer,
  MODELS,
  readLayers,
  readReferences,
} from "./topology.ts";
import { translationOf } from "./translations.ts";
import type { WeightFile } from "./weights.ts";

export class Importer {
  readonly #weights: WeightFile;
  readonly #inputs: Model["inputs"] = [];
  readonly #layers: ModelLayer[] = [];
  readonly #trained: Record<string, Float32Array> = {};
  readonly #names = new Set<string>();
  /** How often each Keras layer was called, by path. */
  readonly #calls = new Map<string, number>();
  /** The layer of ours that owns the weights of each part of a Keras layer. */
  readonly #owners = new Map<string, string>();

  constructor(weights: WeightFile) {
    this.#weights = weights;
  }

  /** Reads a whole model. Throws FormatError and UnsupportedError. */
  import(topology: Json): TrainedModel {
    const kind = topology.class_name;
    if (typeof kind !== "string" || !MODELS.includes(kind))
      throw new FormatError(
        `tfjs: modelTopology.class_name is ${JSON.stringify(kind)} but must be one of ${MODELS.join(", ")}`,
      );
    const outputs = this.#model(kind, topology.config, [], undefined, `tfjs: ${kind}`);
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
  #model(
    kind: string,
    config: unknown,
    path: readonly string[],
    given: readonly Value[] | undefined,
    where: string,
  ): Value[] {
    const layers = readLayers(config, path, where);
    return kind === "Sequential"
      ? this.#sequential(layers, config, path, given, where)
      : this.#functional(layers, config as Json, path, given, where);
  }

  #sequential(
    layers: KerasLayer[],
    config: unknown,
    path: readonly string[],
    given: readonly Value[] | undefined,
    where: string,
  ): Value[] {
    let values = given;
    if (!values) {
      const shape = firstInputShape(layers) ?? (isObject(config) ? config.build_input_shape : undefined);
      const [{ name, kind, where: first }] = layers;
      if (shape === undefined)
        throw new FormatError(
          `${where}: says nowhere what shape its input has (batch_input_shape of the first layer)`,
        );
      values = [this.#input(kind === "InputLayer" ? name : `${name}_input`, shape, first)];
    }
    for (const layer of layers) if (layer.kind !== "InputLayer") values = this.#call(layer, path, values);
    return [...values];
  }

  #functional(
    layers: KerasLayer[],
    config: Json,
    path: readonly string[],
    given: readonly Value[] | undefined,
    where: string,
  ): Value[] {
    const graph = new KerasGraph(layers);
    const inputs = readReferences(config.input_layers, `${where}: input_layers`);
    const outputs = readReferences(config.output_layers, `${where}: output_layers`);
    if (!outputs.length) throw new FormatError(`${where}: output_layers names no output`);
    if (given && given.length !== inputs.length)
      throw new FormatError(
        `${where}: is called with ${given.length} tensors but has ${inputs.length} inputs`,
      );
    inputs.forEach(({ layer: name }, i) => {
      const layer = graph.find(name);
      if (layer?.kind !== "InputLayer")
        throw new FormatError(`${where}: input_layers names "${name}", which is not one of its input layers`);
      layer.made = [given ? [given[i]] : [this.#input(name, inputShapeOf(layer), layer.where)]];
    });
    graph.numberCalls(outputs, where);

    // Files list layers in any order: pass over what is left until a pass translates nothing.
    let open = layers.flatMap((layer) => layer.calls.map((reads, i) => ({ layer, reads, i })));
    while (open.length) {
      const left = open.filter(({ layer, reads, i }) => {
        if (!reads.every((r) => graph.isMade(r))) return true;
        const values = reads.map((r) => graph.value(r, layer.where));
        layer.made[i] = this.#call(layer, path, values);
        return false;
      });
      if (left.length === open.length) {
        const [{ layer, reads }] = open;
        const { layer: name } = reads.find((r) => !graph.isMade(r))!;
        throw new FormatError(`${layer.where}: reads "${name}", which cannot be computed before it`);
      }
      open = left;
    }
    return outputs.map((r) => graph.value(r, `${where}: output_layers`));
  }

  /** Translates one more call of a layer or of a nested model. */
  #call(layer: KerasLayer, path: readonly string[], inputs: readonly Value[]): Value[] {
    const { name, kind, where } = layer;
    const ownPath = [...path, name];
    if (MODELS.includes(kind)) return this.#model(kind, layer.config, ownPath, inputs, where);
    const translate = translationOf(kind, where);
    const base = ownPath.join("/");
    const count = (this.#calls.get(base) ?? 0) + 1;
    this.#calls.set(base, count);
    const called = count === 1 ? base : `${base}@${count}`;
    const call: Call = {
      where,
      inputs,
      config: new Config(layer.config, where),
      weight: (weight, shape) => this.#weights.read(ownPath, weight, shape, where),
      shapeOf: (weight) => this.#weights.shapeOf(ownPath, weight, where),
      emit: (made, reads, addition = {}) => this.#emit(made, reads, addition, base, called),
    };
    return [translate(call)];
  }

  /** Adds a layer for the Keras layer at path `base`, of which this call is named `called`. */
  #emit(layer: Layer, reads: readonly Value[], addition: Addition, base: string, called: string): Value {
    const { rank = reads[0].rank, channels = reads[0].channels, weights = {}, part } = addition;
    const name = this.#claim(part ? `${called}/${part}` : called);
    const entry: ModelLayer = {
      name,
      kind: layer.kind,
      config: { ...layer.config },
      inputs: reads.map((x) => x.ref),
    };
    const id = `${base}:${part ?? ""}`;
    const owner = this.#owners.get(id);
    if (owner === undefined) {
      this.#owners.set(id, name);
      for (const [weight, data] of Object.entries(weights)) this.#trained[`${name}.${weight}`] = data;
    } else if (Object.keys(weights).length) entry.shares = owner;
    this.#layers.push(entry);
    return { ref: name, rank, channels };
  }

  #input(name: string, shape: unknown, where: string): Value {
    const valid =
      Array.isArray(shape) &&
      shape.length > 1 &&
      shape.slice(1).every((d) => d === null || (Number.isInteger(d) && d > 0));
    if (!valid)
      throw new FormatError(
        `${where}: its input has shape ${JSON.stringify(shape)} but must have [batch, sizes or null...]`,
      );
    const ref = this.#claim(name);
    this.#inputs.push({ name: ref, shape: shape.slice(1) });
    return { ref, rank: shape.length, channels: shape.at(-1) };
  }

  /** A name that no input and no layer has yet. */
  #claim(wanted: string): string {
    let name = wanted;
    while (this.#names.has(name)) name += "_";
    this.#names.add(name);
    return name;
  }
}
