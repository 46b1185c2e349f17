// Model descriptions: plain JSON that knows no WebAssembly. `sequential` and the functional form write the same thing.
import { FormatError, ShapeError } from "./errors.ts";
import * as registry from "./layers/index.ts";
import { callOf, type Layer, type LayerDefinition, type LayerFactory, makeNode, type Named, type Node } from "./layers/layer.ts";

/** Shape of an input without its batch, channels last; null for sizes settled when the model is compiled. */
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

/** Starts a functional model: `const x = input([28, 28, 1]); const y = conv2d({...})(x); model({ inputs: x, outputs: y })`. */
export function input(shape: InputShape, options: { name?: string } = {}): Node {
  return makeNode({ inputs: [], shape, name: options.name });
}

/** A stack of layers, each reading the one before. `shape` is the input's, without batch. */
export function sequential(shape: InputShape, layers: readonly Layer[], options: { inputName?: string } = {}): Model {
  const first = input(shape, { name: options.inputName });
  return model({ inputs: first, outputs: layers.reduce((node, layer) => layer(node), first) });
}

/** A graph of layers between some inputs and some outputs. */
export function model(ends: { inputs: Node | readonly Node[]; outputs: Node | readonly Node[] }): Model {
  const inputs = [ends.inputs].flat() as Node[];
  const outputs = [ends.outputs].flat() as Node[];
  const description: Model = { format: "convolith", version: 1, inputs: [], layers: [], outputs: [] };
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  const claim = (wanted: string | undefined, kind: string): string => {
    let name = wanted;
    if (name === undefined) {
      do {
        const n = (counts.get(kind) ?? 0) + 1;
        counts.set(kind, n);
        name = `${kind}_${n}`;
      } while (taken.has(name));
    } else if (taken.has(name)) throw new ShapeError(`model: two layers are named "${name}"`);
    if (name === "" || name.includes(":"))
      throw new ShapeError(`model: the name "${name}" must be non-empty and hold no colon`);
    taken.add(name);
    return name;
  };

  const names = new Map<object, string>();
  inputs.forEach((node, i) => {
    if (!node.shape) throw new ShapeError(`model: inputs[${i}] is the output of a layer; make it with input(shape)`);
    const name = claim(node.name, inputs.length === 1 ? "input" : `input${i + 1}`);
    names.set(callOf(node), name);
    description.inputs.push({ name, shape: [...node.shape] });
  });

  const owners = new Map<Layer, string>();
  // Depth first with an own stack: models can be thousands of layers deep.
  const visit = (end: Node): void => {
    const stack: Node[] = [end];
    while (stack.length) {
      const node = stack[stack.length - 1];
      const call = callOf(node);
      if (names.has(call)) {
        stack.pop();
        continue;
      }
      const { layer } = node;
      if (!layer) throw new ShapeError("model: an output depends on an input that is not in `inputs`");
      const open = node.inputs.filter((n) => !names.has(callOf(n)));
      if (open.length) {
        stack.push(...open.reverse());
        continue;
      }
      stack.pop();
      const shares = owners.get(layer);
      const { name: wanted, ...config } = layer.config as Named & Record<string, unknown>;
      const name = claim(shares === undefined ? wanted : undefined, layer.kind);
      if (shares === undefined) owners.set(layer, name);
      names.set(call, name);
      const entry: ModelLayer = { name, kind: layer.kind, config, inputs: node.inputs.map(reference) };
      if (shares !== undefined) entry.shares = shares;
      description.layers.push(entry);
    }
  };
  const reference = (node: Node): string => {
    const name = names.get(callOf(node))!;
    return node.output ? `${name}:${node.output}` : name;
  };
  for (const node of outputs) visit(node);
  description.outputs = outputs.map(reference);
  if (!description.outputs.length) throw new ShapeError("model: no outputs given");
  return description;
}

/** The definition behind a kind's name. */
export function definitionOf(kind: string, where: string): LayerDefinition<Named> {
  const factory = Object.hasOwn(registry, kind) ? (registry as unknown as Record<string, LayerFactory>)[kind] : undefined;
  if (!factory?.definition) throw new FormatError(`${where}: there is no layer kind "${kind}"`);
  return factory.definition;
}

/** Checks what came from a file before anything is built from it. */
export function checkModel(value: unknown): asserts value is Model {
  const m = value as Model;
  const fail = (what: string): never => {
    throw new FormatError(`model: ${what}`);
  };
  if (typeof m !== "object" || m === null || m.format !== "convolith") fail('not a convolith model: "format" is missing');
  if (m.version !== 1) fail(`version is ${m.version} but this release reads version 1`);
  for (const key of ["inputs", "layers", "outputs"] as const)
    if (!Array.isArray(m[key])) fail(`"${key}" must be a list`);
  if (!m.inputs.length || !m.outputs.length) fail("needs at least one input and one output");
  m.inputs.forEach((x, i) => {
    if (typeof x?.name !== "string" || !Array.isArray(x.shape)) fail(`inputs[${i}] must have a name and a shape`);
  });
  m.layers.forEach((l, i) => {
    if (typeof l?.name !== "string" || typeof l.kind !== "string") fail(`layers[${i}] must have a name and a kind`);
    if (!Array.isArray(l.inputs)) fail(`layer "${l.name}" must have a list of inputs`);
    if (typeof l.config !== "object" || l.config === null) fail(`layer "${l.name}" must have a config`);
  });
}
