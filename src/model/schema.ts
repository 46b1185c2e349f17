// What a model description is: plain JSON that knows no WebAssembly.
import { FormatError } from "../errors.ts";

/** Shape of an input without its batch, channels last; null for sizes resolved when the model is compiled. */
export type InputShape = readonly (number | null)[];

export interface ModelLayer {
  name: string;
  kind: string;
  config: Record<string, unknown>;
  /** What it reads: names of inputs or layers; `"name:1"` is the second output of a layer. */
  inputs: string[];
  /** The layer whose weights this one uses, when one layer is called several times. */
  shares?: string;
}

/** A network as plain data: `JSON.parse(JSON.stringify(model))` is the same model. */
export interface Model {
  format: "convolith";
  version: 1;
  inputs: { name: string; shape: (number | null)[] }[];
  /** In an order in which everything is made before it is read. */
  layers: ModelLayer[];
  outputs: string[];
}

/** Weights by name: `"<layer>.<weight>"`, such as `"conv2d_1.kernel"`. */
export type Weights = Readonly<Record<string, Float32Array>>;

/** What a model file holds: the description and its trained weights. */
export interface TrainedModel {
  model: Model;
  weights: Weights;
}

/** Checks what came from a file before anything is built from it. */
export function checkModel(value: unknown): asserts value is Model {
  const m = value as Model;
  const fail = (what: string): never => {
    throw new FormatError(`model: ${what}`);
  };
  if (typeof m !== "object" || m === null || m.format !== "convolith")
    fail('not a convolith model: "format" is missing');
  if (m.version !== 1) fail(`version is ${m.version} but this release reads version 1`);
  for (const key of ["inputs", "layers", "outputs"] as const)
    if (!Array.isArray(m[key])) fail(`"${key}" must be a list`);
  if (!m.inputs.length || !m.outputs.length) fail("needs at least one input and one output");
  if (!m.outputs.every((ref) => typeof ref === "string")) fail('"outputs" must be a list of names');
  const names = new Map<string, string>();
  m.inputs.forEach((x, i) => {
    if (typeof x?.name !== "string" || !Array.isArray(x.shape))
      fail(`inputs[${i}] must have a name and a shape`);
    if (names.has(x.name)) fail(`two inputs are named "${x.name}"`);
    names.set(x.name, "");
  });
  m.layers.forEach((l, i) => {
    if (typeof l?.name !== "string" || typeof l.kind !== "string")
      fail(`layers[${i}] must have a name and a kind`);
    if (!Array.isArray(l.inputs) || !l.inputs.every((ref) => typeof ref === "string"))
      fail(`layer "${l.name}" must have a list of inputs, each a name`);
    if (typeof l.config !== "object" || l.config === null) fail(`layer "${l.name}" must have a config`);
    if (names.has(l.name)) fail(`two inputs or layers are named "${l.name}"`);
    names.set(l.name, l.kind);
    if (l.shares !== undefined && names.get(l.shares) !== l.kind)
      fail(`layer "${l.name}" shares the weights of "${l.shares}", which is no ${l.kind} layer before it`);
  });
}
