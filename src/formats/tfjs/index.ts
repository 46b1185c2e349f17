// TensorFlow.js layers models (model.json and its weight files) as descriptions with trained weights.
// Format: tensorflow/tfjs, tfjs-layers/src/keras_format: the topology Keras 2 writes, and a manifest of weights.

import { FormatError, UnsupportedError } from "../../errors.ts";
import type { Layer } from "../../layers/layer.ts";
import { loadModel } from "../../model/build-model.ts";
import type { Model, ModelLayer, TrainedModel } from "../../model/schema.ts";
import { Config } from "./config.ts";
import { type Call, ruleOf, type Value } from "./layers.ts";
import { asBytes, type TfjsWeights, WeightFile } from "./weights.ts";

export type { TfjsWeights };

/**
 * Reads a TensorFlow.js *layers* model, as `model.save()` of TensorFlow.js or `tensorflowjs_converter` wrote it. It
 * answers as `tf.loadLayersModel(...)` does, even where that is not what Keras does (bilinear upsampling), and as Keras 2
 * where TensorFlow.js has less. Layers keep their Keras names; those of nested models are called "model/layer".
 *
 * @param modelJson model.json: its text, its bytes, or what `JSON.parse` made of it.
 * @param weights The binary files next to it: all in one, a list in the order of the manifest, or by file name.
 */
export function fromTfjs(modelJson: unknown, weights: TfjsWeights): TrainedModel {
  const { modelTopology, weightsManifest } = parse(modelJson);
  return new Importer(new WeightFile(weightsManifest ?? [], weights)).import(modelTopology);
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(modelJson: unknown): { modelTopology: Json; weightsManifest?: unknown } {
  let file = modelJson;
  const bytes = asBytes(file);
  if (bytes) file = new TextDecoder().decode(bytes);
  if (typeof file === "string") {
    try {
      file = JSON.parse(file);
    } catch (cause) {
      throw new FormatError(`tfjs: model.json is not JSON: ${(cause as Error).message}`, { cause });
    }
  }
  if (!isObject(file)) throw new FormatError("tfjs: model.json must hold an object");
  const { modelTopology, weightsManifest } = file;
  if (file.format === "graph-model" || (isObject(modelTopology) && "node" in modelTopology))
    throw new UnsupportedError(
      "tfjs: this is a TensorFlow.js graph model (modelTopology.node), but only layers models can be read; convert the " +
        "original Keras model with tensorflowjs_converter --output_format=tfjs_layers_model",
    );
  if (!isObject(modelTopology)) throw new FormatError("tfjs: model.json has no modelTopology");
  return {
    modelTopology: isObject(modelTopology.model_config) ? modelTopology.model_config : modelTopology,
    weightsManifest,
  };
}

/** The Keras classes that hold other layers. */
const MODELS = ["Sequential", "Functional", "Model"];

/** A layer of a Keras model: what it is and what its calls read. */
interface KerasLayer {
  name: string;
  kind: string;
  config: Json;
  where: string;
  calls: Reference[][];
  /** Outputs of each call, once it is made. */
  made: (readonly Value[] | undefined)[];
  /** The number of the first call: nested models count from 1, as their own inputs and outputs count as a call. */
  first: number;
}

/** An output of a call of another layer. */
interface Reference {
  layer: string;
  call: number;
  output: number;
}

class Importer {
  readonly #weights: WeightFile;
  readonly #inputs: Model["inputs"] = [];
  readonly #layers: ModelLayer[] = [];
  readonly #trained: Record<string, Float32Array> = {};
  readonly #names = new Set<string>();
  /** How often each layer was called, and the layer of ours that owns the weights of each of its parts. */
  readonly #calls = new Map<string, number>();
  readonly #owners = new Map<string, string>();

  constructor(weights: WeightFile) {
    this.#weights = weights;
  }

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

  /** A model's outputs for some inputs; for inputs of its own when none are given. */
  #model(
    kind: string,
    config: unknown,
    path: readonly string[],
    given: readonly Value[] | undefined,
    where: string,
  ): Value[] {
    const list = isObject(config) ? config.layers : config;
    if (!Array.isArray(list)) throw new FormatError(`${where}: config has no list of layers`);
    const layers = list.map((entry, i) => readLayer(entry, `${where}: layers[${i}]`, path));
    if (!layers.length) throw new FormatError(`${where}: has no layers`);
    const names = layers.map((layer) => layer.name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new FormatError(`${where}: two layers are named "${twice}"`);
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
    let values: readonly Value[];
    if (given) values = given;
    else {
      const shape = inputShape(layers) ?? (isObject(config) ? config.build_input_shape : undefined);
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
    list: KerasLayer[],
    config: Json,
    path: readonly string[],
    given: readonly Value[] | undefined,
    where: string,
  ): Value[] {
    const layers = new Map(list.map((layer) => [layer.name, layer]));
    const ends = (key: string) => readReferences(config[key], `${where}: ${key}`);
    const inputs = ends("input_layers");
    const outputs = ends("output_layers");
    if (!outputs.length) throw new FormatError(`${where}: output_layers names no output`);
    if (given && given.length !== inputs.length)
      throw new FormatError(
        `${where}: is called with ${given.length} tensors but has ${inputs.length} inputs`,
      );
    inputs.forEach(({ layer: name }, i) => {
      const layer = layers.get(name);
      if (layer?.kind !== "InputLayer")
        throw new FormatError(`${where}: input_layers names "${name}", which is not one of its input layers`);
      layer.made = [given ? [given[i]] : [this.#input(name, shapeOf(layer), layer.where)]];
    });
    numberCalls(list, layers, outputs, where);

    // Files list layers in any order: go over what is left until nothing can be called any more.
    let open = list.flatMap((layer) => layer.calls.map((reads, i) => ({ layer, reads, i })));
    while (open.length) {
      const left = open.filter(({ layer, reads, i }) => {
        if (!reads.every((r) => outputsOf(layers, r))) return true;
        layer.made[i] = this.#call(
          layer,
          path,
          reads.map((r) => pick(layers, r, layer.where)),
        );
        return false;
      });
      if (left.length === open.length) {
        const [{ layer, reads }] = open;
        const { layer: name } = reads.find((r) => !outputsOf(layers, r))!;
        throw new FormatError(`${layer.where}: reads "${name}", which cannot be computed before it`);
      }
      open = left;
    }
    return outputs.map((r) => pick(layers, r, `${where}: output_layers`));
  }

  /** Calls a layer, or a nested model, once more. */
  #call(layer: KerasLayer, path: readonly string[], inputs: readonly Value[]): Value[] {
    const { name, kind, where } = layer;
    const own = [...path, name];
    if (MODELS.includes(kind)) return this.#model(kind, layer.config, own, inputs, where);
    const rule = ruleOf(kind, where);
    const base = own.join("/");
    const count = (this.#calls.get(base) ?? 0) + 1;
    this.#calls.set(base, count);
    const called = count === 1 ? base : `${base}@${count}`;
    const call: Call = {
      where,
      inputs,
      config: new Config(layer.config, where),
      weight: (weight, shape) => this.#weights.read(own, weight, shape, where),
      shapeOf: (weight) => this.#weights.shapeOf(own, weight, where),
      emit: (made, reads, out, weights = {}, part) => {
        const ref = this.#emit(
          made,
          reads,
          weights,
          part ? `${called}/${part}` : called,
          `${base}:${part ?? ""}`,
        );
        return { rank: reads[0].rank, channels: reads[0].channels, ...out, ref };
      },
    };
    return [rule(call)];
  }

  #emit(
    layer: Layer,
    reads: readonly Value[],
    weights: Record<string, Float32Array>,
    wanted: string,
    id: string,
  ): string {
    const name = this.#claim(wanted);
    const entry: ModelLayer = {
      name,
      kind: layer.kind,
      config: { ...layer.config },
      inputs: reads.map((x) => x.ref),
    };
    const owner = this.#owners.get(id);
    if (owner === undefined) {
      this.#owners.set(id, name);
      for (const [weight, data] of Object.entries(weights)) this.#trained[`${name}.${weight}`] = data;
    } else if (Object.keys(weights).length) entry.shares = owner;
    this.#layers.push(entry);
    return name;
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

  #claim(wanted: string): string {
    let name = wanted;
    while (this.#names.has(name)) name += "_";
    this.#names.add(name);
    return name;
  }
}

function readLayer(entry: unknown, place: string, path: readonly string[]): KerasLayer {
  if (!isObject(entry) || typeof entry.class_name !== "string")
    throw new FormatError(`${place} must be an object with a class_name`);
  const kind = entry.class_name;
  // Old Sequential models have a list in place of a config.
  const config = isObject(entry.config) ? entry.config : { layers: entry.config };
  const name = entry.name ?? config.name;
  if (typeof name !== "string" || name === "" || name.includes(":"))
    throw new FormatError(
      `${place} (${kind}): name is ${JSON.stringify(name)} but must be a text without a colon`,
    );
  const where = `tfjs: ${kind} "${[...path, name].join("/")}"`;
  if (!isObject(entry.config) && !MODELS.includes(kind)) throw new FormatError(`${where}: has no config`);
  const nodes = entry.inbound_nodes ?? [];
  if (!Array.isArray(nodes)) throw new FormatError(`${where}: inbound_nodes must be a list`);
  const calls = nodes.map((node) => readReferences(node, `${where}: inbound_nodes`));
  return { name, kind, config, where, calls, made: [], first: 0 };
}

/** References are [layer, call, output, arguments?]; one alone may stand for a list of them, an object names them. */
function readReferences(value: unknown, where: string): Reference[] {
  if (isObject(value) && "args" in value)
    throw new UnsupportedError(
      `${where}: files of Keras 3 are not supported; save the model with Keras 2 (tf_keras)`,
    );
  const list = isObject(value)
    ? Object.values(value)
    : Array.isArray(value) && typeof value[0] === "string"
      ? [value]
      : value;
  if (!Array.isArray(list)) throw new FormatError(`${where}: must be a list`);
  return list.map((reference) => {
    const [layer, call = 0, output = 0, args] = Array.isArray(reference) ? reference : [];
    if (typeof layer !== "string" || !Number.isInteger(call) || !Number.isInteger(output))
      throw new FormatError(`${where}: ${JSON.stringify(reference)} must be [layer, call, output]`);
    for (const [key, value] of Object.entries(args ?? {}))
      if (value !== null && value !== false)
        throw new UnsupportedError(
          `${where}: the argument ${key} = ${JSON.stringify(value)} is not supported`,
        );
    return { layer, call, output };
  });
}

/** Settles how each layer's calls are counted, and that every reference leads somewhere. */
function numberCalls(
  list: readonly KerasLayer[],
  layers: ReadonlyMap<string, KerasLayer>,
  outputs: readonly Reference[],
  where: string,
): void {
  const reads = list.flatMap((layer) => layer.calls.flat().map((r) => ({ ...r, reader: layer.where })));
  const all = [...reads, ...outputs.map((r) => ({ ...r, reader: `${where}: output_layers` }))];
  // TensorFlow.js and most versions of Keras count the calls of a nested model from 1, some those of Sequential from 0.
  const fromZero = new Set(all.filter((r) => r.call === 0).map((r) => r.layer));
  for (const layer of list) layer.first = MODELS.includes(layer.kind) && !fromZero.has(layer.name) ? 1 : 0;
  for (const { layer: name, call, reader } of all) {
    const layer = layers.get(name);
    if (!layer) throw new FormatError(`${reader}: reads "${name}", which does not exist`);
    const calls = layer.kind === "InputLayer" ? layer.made.length : layer.calls.length;
    if (call < layer.first || call >= layer.first + calls)
      throw new FormatError(
        `${reader}: reads call ${call} of "${name}", which has ${calls} calls counted from ${layer.first}`,
      );
  }
}

function outputsOf(
  layers: ReadonlyMap<string, KerasLayer>,
  { layer: name, call }: Reference,
): readonly Value[] | undefined {
  const layer = layers.get(name)!;
  return layer.made[call - layer.first];
}

function pick(layers: ReadonlyMap<string, KerasLayer>, reference: Reference, where: string): Value {
  const made = outputsOf(layers, reference)!;
  const value = made[reference.output];
  if (!value)
    throw new FormatError(
      `${where}: reads output ${reference.output} of "${reference.layer}", which has ${made.length}`,
    );
  return value;
}

/** Batch and input sizes, as an input layer or the first layer of a Sequential model tells them. */
const shapeOf = ({ config }: KerasLayer): unknown =>
  config.batch_input_shape ?? config.batch_shape ?? undefined;

/** The shape the first layer of a Sequential model, itself a model maybe, expects. */
function inputShape([first]: readonly KerasLayer[]): unknown {
  const { kind, config } = first;
  if (!MODELS.includes(kind) || shapeOf(first)) return shapeOf(first);
  const list = Array.isArray(config.layers) ? config.layers : [];
  const inner = list.filter(isObject).map((entry, i) => readLayer(entry, `${first.where}: layers[${i}]`, []));
  if (kind === "Sequential") return inner.length ? inputShape(inner) : undefined;
  const [end] = readReferences(config.input_layers ?? [], `${first.where}: input_layers`);
  const layer = inner.find((l) => l.name === end?.layer);
  return layer && shapeOf(layer);
}
