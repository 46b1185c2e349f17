// What a model description is: plain JSON that knows no WebAssembly.
import { FormatError } from "../errors.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { Shape } from "../tensor.ts";
import { describe, isObject, type Json } from "../validate.ts";

/** Shape of an input without its batch, channels last; null for sizes resolved when the model is compiled. */
export type InputShape = readonly (number | null)[];

export interface ModelInput {
  name: string;
  /** Without the batch, where there is one; null for sizes that are resolved when the model is compiled. */
  shape: (number | null)[];
  /** Default "float32". */
  dtype?: "int32";
}

export interface ModelLayer {
  name: string;
  kind: string;
  config: Record<string, unknown>;
  /** What it reads: names of inputs or layers; `"name:1"` is the second output of a layer. */
  inputs: string[];
  /** The layer whose weights this one uses, when one layer is called several times. */
  shares?: string;
}

/**
 * A network as plain data: `JSON.parse(JSON.stringify(model))` is the same model. `Names` are those of its outputs, by which `predict` is
 * typed where they are known to the compiler.
 */
export interface Model<Names extends string[] = string[]> {
  format: "convolith";
  version: 1;
  inputs: ModelInput[];
  /**
   * False where the first axis of inputs and outputs is no batch of images that are worked on one by one. Then shapes have all axes, and
   * `predict` takes and gives every value once.
   */
  batch?: false;
  /** In an order in which everything is made before it is read. */
  layers: ModelLayer[];
  outputs: Names;
}

/** A weight that is made of a file's bytes whenever it is read. */
export interface WeightReader {
  readonly length: number;
  read(): Float32Array;
}

/** Weights by name: `"<layer>.<weight>"`, such as `"conv2d_1.kernel"`. */
export type Weights = Readonly<Record<string, Float32Array>>;

/** The same as they may be given: numbers in any array, which are converted. */
export type GivenWeights = Readonly<Record<string, ArrayLike<number>>>;

/** What a model file holds: the description and its trained weights. */
export interface TrainedModel<Names extends string[] = string[]> {
  model: Model<Names>;
  weights: Weights;
  /** Kinds of layers by name that the model has beyond those every engine knows, such as those of `convolith/onnx`. */
  kinds?: Readonly<Record<string, LayerKind>>;
  /** Whether layers may lack weights, which are initialised then: a trained model with a new head. Default false. */
  partial?: boolean;
}

/** A description with the kinds of layers it brings along. */
export interface DescribedModel extends Model {
  readonly kinds?: TrainedModel["kinds"];
}

/** A trained model with weights that are read from the file as they are needed. */
export interface ResolvedModel {
  model: Model;
  weights: Readonly<Record<string, WeightReader>>;
  kinds: Readonly<Record<string, LayerKind>>;
  /** As a trained model's. */
  partial?: boolean;
}

/** What of `compile`'s options a description may depend on. */
export interface ResolveOptions {
  /** Images per run. Default 1. */
  batchSize?: number;
  /** Sizes that the file leaves open: a shape as the file counts axes, with or without the batch, or such shapes by the names of inputs. */
  shape?: Shape | Readonly<Record<string, Shape>>;
}

/** A graph of another library's operators, whose description depends on the sizes it is compiled for. */
export interface ModelSource {
  /** The inputs as the file has them; null and names for sizes it leaves open. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly (number | string | null)[] }[];
  /** Names of the outputs. */
  readonly outputs: readonly string[];
  /** The description for these sizes. Throws ShapeError, FormatError, UnsupportedError. */
  resolve(options?: ResolveOptions): ResolvedModel;
}

/**
 * The most a description may hold. Each is far above what networks have, and low enough that everything which is made of a name, a
 * reference or a layer stays in proportion to the file.
 */
const MOST = {
  layers: 100_000,
  /** Inputs of the model, or outputs. */
  ends: 10_000,
  /** Tensors that one layer reads. */
  reads: 10_000,
  /** Characters. */
  name: 1000,
  /** Lists and objects within each other in the config of a layer. */
  nesting: 16,
};

/** Throws FormatError unless the value is a description. Fields that this version does not know are left alone. */
export function checkModel(value: unknown): asserts value is Model {
  if (!isObject(value) || value.format !== "convolith") fail('not a convolith model: "format" is missing');
  if (value.version !== 1) fail(`version is ${describe(value.version)} but this release reads version 1`);
  if (value.batch !== undefined && value.batch !== false)
    fail(`"batch" is ${describe(value.batch)} but can only be false`);
  const [inputs, layers, outputs] = (["inputs", "layers", "outputs"] as const).map((key): unknown[] => {
    const list = value[key];
    return Array.isArray(list) ? list : fail(`"${key}" must be a list`);
  });
  // What has no batch may compute the same at every run, of nothing.
  if ((!inputs.length && value.batch !== false) || !outputs.length)
    fail("needs at least one input and one output");
  checkCount(inputs, MOST.ends, '"inputs"');
  checkCount(outputs, MOST.ends, '"outputs"');
  checkCount(layers, MOST.layers, '"layers"');
  if (!areTexts(outputs)) fail('"outputs" must be a list of names');
  /** Kinds of layers by name, of those that own their weights; undefined for inputs and layers that share. */
  const kinds = new Map<string, string | undefined>();
  for (let i = 0; i < inputs.length; i++) checkInput(inputs[i], i, kinds);
  for (let i = 0; i < layers.length; i++) checkLayer(layers[i], i, kinds);
}

function checkInput(input: unknown, i: number, kinds: Map<string, string | undefined>): void {
  if (!isObject(input) || typeof input.name !== "string" || !Array.isArray(input.shape))
    fail(`inputs[${i}] must have a name and a shape`);
  const { name, shape, dtype } = input as Json & { name: string; shape: unknown[] };
  checkName(name, `inputs[${i}]`);
  if (dtype !== undefined && dtype !== "float32" && dtype !== "int32")
    fail(`input ${describe(name)} has dtype ${describe(dtype)} but can have "float32" or "int32"`);
  if (!Array.from(shape).every((d) => d === null || (Number.isSafeInteger(d) && (d as number) >= 1)))
    fail(
      `input ${describe(name)} has shape ${describe(shape)} but must have a list of integers of at least 1, or null`,
    );
  if (kinds.has(name)) fail(`two inputs are named ${describe(name)}`);
  kinds.set(name, undefined);
}

function checkLayer(layer: unknown, i: number, kinds: Map<string, string | undefined>): void {
  if (!isObject(layer) || typeof layer.name !== "string" || typeof layer.kind !== "string")
    fail(`layers[${i}] must have a name and a kind`);
  const { name, kind, inputs, config, shares } = layer as Json & { name: string; kind: string };
  checkName(name, `layers[${i}]`);
  const where = `layer ${describe(name)}`;
  if (!Array.isArray(inputs) || !areTexts(inputs)) fail(`${where} must have a list of inputs, each a name`);
  checkCount(inputs as unknown[], MOST.reads, `${where}: "inputs"`);
  if (!isObject(config)) fail(`${where} must have a config`);
  checkNesting(config, MOST.nesting, where);
  if (kinds.has(name)) fail(`two inputs or layers are named ${describe(name)}`);
  if (shares === undefined) kinds.set(name, kind);
  else if (typeof shares !== "string" || kinds.get(shares) !== kind)
    fail(
      `${where} shares the weights of ${describe(shares)}, which is no ${describe(kind).slice(1, -1)} layer before it` +
        (typeof shares === "string" && kinds.has(shares) ? " with weights of its own" : ""),
    );
  else kinds.set(name, undefined);
}

/** Names are parts of references ("name:1") and of the names of weights. */
function checkName(name: string, where: string): void {
  if (name === "" || name.includes(":") || name.length > MOST.name)
    fail(`${where}: the name ${describe(name)} must have 1 to ${MOST.name} characters and no colon`);
}

function checkCount(list: readonly unknown[], most: number, what: string): void {
  if (list.length > most) fail(`${what} has ${list.length} entries but may have at most ${most}`);
}

/** Deeper values would overflow the stack of whoever walks them. */
function checkNesting(value: unknown, depth: number, where: string): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (depth === 0) fail(`${where}: its config is nested more than ${MOST.nesting} deep`);
  for (const inner of Object.values(value)) checkNesting(inner, depth - 1, where);
}

/** Array.from, as every() skips the holes of a list. */
const areTexts = (list: readonly unknown[]): boolean =>
  Array.from(list).every((item) => typeof item === "string");

function fail(what: string): never {
  throw new FormatError(`model: ${what}`);
}
