// Writes model descriptions: `sequential` and the functional form make the same plain data.
import { ShapeError } from "../errors.ts";
import { callOf, type Layer, type Named, type SymbolicTensor, symbolicTensor } from "../layers/layer.ts";
import { checkModel, type InputShape, type Model, type ModelLayer } from "./schema.ts";

/** Starts a functional model: `const x = input([28, 28, 1]); const y = conv2d({...})(x); model({ inputs: x, outputs: y })`. */
export function input(shape: InputShape, options: { name?: string } = {}): SymbolicTensor {
  return symbolicTensor({ inputs: [], shape, name: options.name });
}

/** A stack of layers, each reading the one before. `shape` is the input's, without batch. */
export function sequential(
  shape: InputShape,
  layers: readonly Layer[],
  options: { inputName?: string } = {},
): Model {
  const first = input(shape, { name: options.inputName });
  return model({ inputs: first, outputs: layers.reduce((node, layer) => layer(node), first) });
}

/** A graph of layers between some inputs and some outputs. */
export function model(ends: {
  inputs: SymbolicTensor | readonly SymbolicTensor[];
  outputs: SymbolicTensor | readonly SymbolicTensor[];
}): Model {
  const inputs = [ends.inputs].flat() as SymbolicTensor[];
  const outputs = [ends.outputs].flat() as SymbolicTensor[];
  if (!outputs.length) throw new ShapeError("model: no outputs given");
  inputs.forEach((node, i) => {
    if (!node.shape)
      throw new ShapeError(`model: inputs[${i}] is the output of a layer; make it with input(shape)`);
  });
  const calls = inOrder(inputs, outputs);
  const claim = namer([...inputs.map((n) => n.name), ...calls.map((n) => n.layer!.config.name)]);
  const names = new Map<object, string>();
  const reference = (node: SymbolicTensor): string => {
    const name = names.get(callOf(node))!;
    return node.output ? `${name}:${node.output}` : name;
  };

  const description: Model = { format: "convolith", version: 1, inputs: [], layers: [], outputs: [] };
  for (const node of inputs) {
    const name = claim(node.name, "input");
    names.set(callOf(node), name);
    description.inputs.push({ name, shape: [...node.shape!] });
  }
  const owners = new Map<Layer, string>();
  for (const node of calls) {
    const layer = node.layer!;
    const shares = owners.get(layer);
    const { name: wanted, ...config } = layer.config as Named & Record<string, unknown>;
    const name = claim(shares === undefined ? wanted : undefined, layer.kind);
    if (shares === undefined) owners.set(layer, name);
    names.set(callOf(node), name);
    const entry: ModelLayer = { name, kind: layer.kind, config, inputs: node.inputs.map(reference) };
    if (shares !== undefined) entry.shares = shares;
    description.layers.push(entry);
  }
  description.outputs = outputs.map(reference);
  return description;
}

/** Every call between the ends, each after what it reads. An own stack: models can be thousands of layers deep. */
function inOrder(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): SymbolicTensor[] {
  const done = new Set<object>(inputs.map(callOf));
  const calls: SymbolicTensor[] = [];
  const stack = [...outputs].reverse();
  while (stack.length) {
    const node = stack[stack.length - 1];
    if (done.has(callOf(node))) {
      stack.pop();
      continue;
    }
    if (!node.layer) throw new ShapeError("model: an output depends on an input that is not in `inputs`");
    const open = node.inputs.filter((n) => !done.has(callOf(n)));
    if (open.length) stack.push(...open.reverse());
    else {
      stack.pop();
      done.add(callOf(node));
      calls.push(node);
    }
  }
  return calls;
}

/** Gives names: the wanted one, or the kind and a running number that nobody wants. */
function namer(
  wishes: readonly (string | undefined)[],
): (wanted: string | undefined, kind: string) => string {
  const reserved = new Set(wishes);
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  return (wanted, kind) => {
    let name = wanted;
    if (name === undefined) {
      do {
        const n = (counts.get(kind) ?? 0) + 1;
        counts.set(kind, n);
        name = `${kind}_${n}`;
      } while (reserved.has(name));
    } else if (taken.has(name)) throw new ShapeError(`model: two layers are named "${name}"`);
    if (name === "" || name.includes(":"))
      throw new ShapeError(`model: the name "${name}" must be non-empty and hold no colon`);
    taken.add(name);
    return name;
  };
}

/** Checks a description that came from elsewhere, such as `JSON.parse`. Throws FormatError. */
export function loadModel(json: unknown): Model {
  checkModel(json);
  return json;
}
