// The topology of a Keras model as model.json has it: its layers, their calls, and which outputs each call reads.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";

/** The Keras classes that hold other layers. */
export const MODELS: readonly string[] = ["Sequential", "Functional", "Model"];

/** Characters of a layer's name with those of the models it is nested in. */
const MAX_PATH = 900;

/** A layer of a Keras model, or a model nested in it. */
export interface KerasLayer {
  readonly name: string;
  readonly kind: string;
  readonly config: Json;
  /** The names of the models it is nested in, and its own. */
  readonly path: readonly string[];
  /** How messages name it. */
  readonly where: string;
  /** What each of its calls reads. */
  readonly calls: readonly (readonly Reference[])[];
}

/** An output of a call of another layer. */
export interface Reference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
}

/** The layers of a model's config; `path` holds the names of the models it is nested in. */
export function readLayers(config: unknown, path: readonly string[], where: string): KerasLayer[] {
  const list = isObject(config) ? config.layers : config;
  if (!Array.isArray(list)) throw new FormatError(`${where}: config has no list of layers`);
  // Array.from, as map() leaves holes.
  const layers = Array.from(list, (entry, i) => readLayer(entry, `${where}: layers[${i}]`, path));
  if (!layers.length) throw new FormatError(`${where}: has no layers`);
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name)) throw new FormatError(`${where}: two layers are named ${describe(name)}`);
    names.add(name);
  }
  return layers;
}

function readLayer(entry: unknown, where: string, path: readonly string[]): KerasLayer {
  if (!isObject(entry) || typeof entry.class_name !== "string")
    throw new FormatError(`${where} must be an object with a class_name`);
  const kind = entry.class_name;
  const shown = describe(kind).slice(1, -1);
  // Old Sequential models have a list in place of a config.
  const config = isObject(entry.config) ? entry.config : { layers: entry.config };
  const name = entry.name ?? config.name;
  if (typeof name !== "string" || name === "" || name.includes(":"))
    throw new FormatError(
      `${where} (${shown}): name is ${describe(name)} but must be a text without a colon`,
    );
  const own = [...path, name];
  const joined = own.join("/");
  if (joined.length > MAX_PATH)
    throw new FormatError(
      `${where} (${shown}): name has ${joined.length} characters, of at most ${MAX_PATH}`,
    );
  const layer = `tfjs: ${shown} ${JSON.stringify(joined)}`;
  if (!isObject(entry.config) && !MODELS.includes(kind)) throw new FormatError(`${layer}: has no config`);
  const nodes = entry.inbound_nodes ?? [];
  if (!Array.isArray(nodes)) throw new FormatError(`${layer}: inbound_nodes must be a list`);
  const calls = Array.from(nodes, (node) => readReferences(node, `${layer}: inbound_nodes`));
  return { name, kind, config, path: own, where: layer, calls };
}

/** References are [layer, call, output, arguments?]; one alone may stand for a list of them, an object names them. */
export function readReferences(value: unknown, where: string): Reference[] {
  if (isObject(value) && Object.hasOwn(value, "args"))
    throw new UnsupportedError(
      `${where}: files of Keras 3 are not supported; save the model with Keras 2 (tf_keras)`,
    );
  const list = isObject(value)
    ? Object.values(value)
    : Array.isArray(value) && typeof value[0] === "string"
      ? [value]
      : value;
  if (!Array.isArray(list)) throw new FormatError(`${where}: must be a list`);
  return Array.from(list, (reference: unknown) => {
    const [layer, call = 0, output = 0, args = null]: unknown[] = Array.isArray(reference) ? reference : [];
    const valid = Number.isSafeInteger(call) && Number.isSafeInteger(output);
    if (typeof layer !== "string" || !valid || !(args === null || isObject(args)))
      throw new FormatError(`${where}: ${describe(reference)} must be [layer, call, output]`);
    for (const [key, value] of Object.entries(args ?? {}))
      if (value !== null && value !== false)
        throw new UnsupportedError(
          `${where}: the argument ${describe(key).slice(1, -1)} = ${describe(value)} is not supported`,
        );
    return { layer, call: call as number, output: output as number };
  });
}

/** Batch and input sizes, as an input layer or the first layer of a Sequential model has them. */
export const inputShapeOf = ({ config }: KerasLayer): unknown =>
  config.batch_input_shape ?? config.batch_shape ?? undefined;
