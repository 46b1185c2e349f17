// Writes model descriptions: `sequential` and the functional form make the same plain data.
import { provideCompiler } from "./compiler.ts";
import { checkModel, type InputShape, type Model, type ModelLayer } from "./description.ts";
import { ShapeError } from "./errors.ts";
import { callOf, type Layer, makeNode, type Named, type Node } from "./layers/layer.ts";
import { Network } from "./network.ts";

// Whoever describes a network wants to compile it; who only calls ops on tensors leaves this file, and all it needs, out.
provideCompiler((runtime, model, options) => new Network(runtime, model, options));

/** Starts a functional model: `const x = input([28, 28, 1]); const y = conv2d({...})(x); model({ inputs: x, outputs: y })`. */
export function input(shape: InputShape, options: { name?: string } = {}): Node {
  return makeNode({ inputs: [], shape, name: options.name });
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
    if (!node.shape)
      throw new ShapeError(`model: inputs[${i}] is the output of a layer; make it with input(shape)`);
    const name = claim(node.name, "input");
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

/** Checks a description that came from elsewhere, such as `JSON.parse`. Throws FormatError. */
export function loadModel(json: unknown): Model {
  checkModel(json);
  return json;
}
