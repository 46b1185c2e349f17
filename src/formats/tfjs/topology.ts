// The topology of a Keras model as model.json has it: its layers, their calls, and which outputs each call reads.
import { FormatError, UnsupportedError } from "../../errors.ts";
import type { Value } from "./call.ts";

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The Keras classes that hold other layers. */
export const MODELS: readonly string[] = ["Sequential", "Functional", "Model"];

/** A layer of a Keras model, or a model nested in it. */
export interface KerasLayer {
  name: string;
  kind: string;
  config: Json;
  /** How messages name it. */
  where: string;
  /** What each of its calls reads. */
  calls: Reference[][];
  /** Outputs of each call, once it is translated. */
  made: (readonly Value[] | undefined)[];
  /** The number of the first call: nested models count from 1, as their own inputs and outputs count as a call. */
  first: number;
}

/** An output of a call of another layer. */
export interface Reference {
  layer: string;
  call: number;
  output: number;
}

/** The layers of a model's config; `path` holds the names of the models it is nested in. */
export function readLayers(config: unknown, path: readonly string[], where: string): KerasLayer[] {
  const list = isObject(config) ? config.layers : config;
  if (!Array.isArray(list)) throw new FormatError(`${where}: config has no list of layers`);
  const layers = list.map((entry, i) => readLayer(entry, `${where}: layers[${i}]`, path));
  if (!layers.length) throw new FormatError(`${where}: has no layers`);
  const names = layers.map((layer) => layer.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new FormatError(`${where}: two layers are named "${twice}"`);
  return layers;
}

function readLayer(entry: unknown, where: string, path: readonly string[]): KerasLayer {
  if (!isObject(entry) || typeof entry.class_name !== "string")
    throw new FormatError(`${where} must be an object with a class_name`);
  const kind = entry.class_name;
  // Old Sequential models have a list in place of a config.
  const config = isObject(entry.config) ? entry.config : { layers: entry.config };
  const name = entry.name ?? config.name;
  if (typeof name !== "string" || name === "" || name.includes(":"))
    throw new FormatError(
      `${where} (${kind}): name is ${JSON.stringify(name)} but must be a text without a colon`,
    );
  const layer = `tfjs: ${kind} "${[...path, name].join("/")}"`;
  if (!isObject(entry.config) && !MODELS.includes(kind)) throw new FormatError(`${layer}: has no config`);
  const nodes = entry.inbound_nodes ?? [];
  if (!Array.isArray(nodes)) throw new FormatError(`${layer}: inbound_nodes must be a list`);
  const calls = nodes.map((node) => readReferences(node, `${layer}: inbound_nodes`));
  return { name, kind, config, where: layer, calls, made: [], first: 0 };
}

/** References are [layer, call, output, arguments?]; one alone may stand for a list of them, an object names them. */
export function readReferences(value: unknown, where: string): Reference[] {
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

/** The layers of one functional model, found by reference. */
export class KerasGraph {
  readonly #layers: ReadonlyMap<string, KerasLayer>;

  constructor(layers: readonly KerasLayer[]) {
    this.#layers = new Map(layers.map((layer) => [layer.name, layer]));
  }

  find(name: string): KerasLayer | undefined {
    return this.#layers.get(name);
  }

  /** Finds out from which number each layer's calls are counted, and checks that every reference exists. */
  numberCalls(outputs: readonly Reference[], where: string): void {
    const layers = [...this.#layers.values()];
    const reads = layers.flatMap((layer) => layer.calls.flat().map((r) => ({ ...r, reader: layer.where })));
    const all = [...reads, ...outputs.map((r) => ({ ...r, reader: `${where}: output_layers` }))];
    // TensorFlow.js and most versions of Keras count the calls of a nested model from 1, some those of Sequential from 0.
    const fromZero = new Set(all.filter((r) => r.call === 0).map((r) => r.layer));
    for (const layer of layers)
      layer.first = MODELS.includes(layer.kind) && !fromZero.has(layer.name) ? 1 : 0;
    for (const { layer: name, call, reader } of all) {
      const layer = this.find(name);
      if (!layer) throw new FormatError(`${reader}: reads "${name}", which does not exist`);
      const calls = layer.kind === "InputLayer" ? layer.made.length : layer.calls.length;
      if (call < layer.first || call >= layer.first + calls)
        throw new FormatError(
          `${reader}: reads call ${call} of "${name}", which has ${calls} calls counted from ${layer.first}`,
        );
    }
  }

  /** Whether the call that makes the value is translated. */
  isMade({ layer: name, call }: Reference): boolean {
    const layer = this.find(name)!;
    return layer.made[call - layer.first] !== undefined;
  }

  /** A value that is made. */
  value({ layer: name, call, output }: Reference, where: string): Value {
    const layer = this.find(name)!;
    const made = layer.made[call - layer.first]!;
    const value = made[output];
    if (!value)
      throw new FormatError(`${where}: reads output ${output} of "${name}", which has ${made.length}`);
    return value;
  }
}

/** Batch and input sizes, as an input layer or the first layer of a Sequential model has them. */
export const inputShapeOf = ({ config }: KerasLayer): unknown =>
  config.batch_input_shape ?? config.batch_shape ?? undefined;

/** The shape that the first layer of a Sequential model, which may be a model itself, expects. */
export function firstInputShape([first]: readonly KerasLayer[]): unknown {
  const { kind, config } = first;
  if (!MODELS.includes(kind) || inputShapeOf(first)) return inputShapeOf(first);
  const list = Array.isArray(config.layers) ? config.layers : [];
  const inner = list.filter(isObject).map((entry, i) => readLayer(entry, `${first.where}: layers[${i}]`, []));
  if (kind === "Sequential") return inner.length ? firstInputShape(inner) : undefined;
  const [reference] = readReferences(config.input_layers ?? [], `${first.where}: input_layers`);
  const layer = inner.find((l) => l.name === reference?.layer);
  return layer && inputShapeOf(layer);
}
