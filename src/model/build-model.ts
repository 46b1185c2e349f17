// Writes model descriptions: `sequential` and the functional form make the same plain data.
import { ArgumentError } from "../errors.ts";
import {
  callOf,
  checkLayer,
  checkSymbolic,
  type Layer,
  type Named,
  type SymbolicTensor,
  symbolicTensor,
} from "../layers/layer.ts";
import {
  aList,
  aText,
  type Check,
  type Checks,
  checkOptions,
  describe,
  integer,
  needed,
  refuse,
} from "../validate.ts";
import { collect } from "./brought.ts";
import { checkModel, type InputShape, type Model, type ModelLayer } from "./schema.ts";

/**
 * Starts a functional model: `const x = input([28, 28, 1]); const y = conv2d({...})(x); model({ inputs: x, outputs: y })`. Throws
 * ArgumentError unless the shape is a list of sizes, or of null where they are open.
 */
export function input(shape: InputShape, options: { name?: string } = {}): SymbolicTensor {
  checkInputShape(shape, "input");
  checkOptions("input", options, { name: aText });
  return symbolicTensor({ inputs: [], shape: [...shape], name: options.name });
}

function checkInputShape(shape: unknown, where: string): void {
  if (!Array.isArray(shape))
    refuse(shape, "shape", where, "a list of the input's sizes without batch, such as [28, 28, 1]");
  for (const [i, size] of shape.entries()) if (size !== null) integer(size, `shape[${i}]`, where, 1);
}

const layerList = aList(checkLayer);

/** A stack of layers, each reading the one before. `shape` is the input's, without batch. Throws ArgumentError for what is no shape or layer. */
export function sequential(
  shape: InputShape,
  layers: readonly Layer[],
  options: { inputName?: string } = {},
): Model<[string]> {
  if (Array.isArray(shape) && typeof shape[0] === "function")
    throw new ArgumentError(
      "sequential: the shape of the input is missing: sequential([28, 28, 1], [conv2d(...), ...])",
    );
  checkInputShape(shape, "sequential");
  layerList(layers, "layers", "sequential");
  checkOptions("sequential", options, { inputName: aText });
  const first = input(shape, { name: options.inputName });
  return model({ inputs: first, outputs: layers.reduce((node, layer) => layer(node), first) });
}

const tensorList = aList(checkSymbolic);

/** One symbolic tensor, or a list of one at least. */
const someTensors: Check<SymbolicTensor | readonly SymbolicTensor[]> = (value, name, where) => {
  (Array.isArray(value) ? tensorList : checkSymbolic)(value, name, where);
  if (Array.isArray(value) && !value.length) throw new ArgumentError(`${where}: no ${name} given`);
};

type SomeTensors = SymbolicTensor | readonly SymbolicTensor[];

interface Ends {
  inputs: SomeTensors;
  outputs: SomeTensors;
}

/** A name for each output. */
type NamesOf<Outputs extends SomeTensors> = Outputs extends readonly SymbolicTensor[]
  ? { -readonly [K in keyof Outputs]: string }
  : [string];

const ENDS: Checks<Ends> = { inputs: needed(someTensors, "x"), outputs: needed(someTensors, "y") };

/** A graph of layers between some inputs and some outputs. Throws ArgumentError where they are none, or outputs read other inputs. */
export function model<const Outputs extends SomeTensors>(ends: {
  inputs: SomeTensors;
  outputs: Outputs;
}): Model<NamesOf<Outputs>> {
  return modelWithout(NO_NAMES, ends);
}

const NO_NAMES: readonly string[] = [];

/** The same, with names for what has none that differ from the given ones. */
export function modelWithout<const Outputs extends SomeTensors>(
  reserved: readonly string[],
  ends: { inputs: SomeTensors; outputs: Outputs },
): Model<NamesOf<Outputs>> {
  checkOptions("model", ends, ENDS);
  const inputs = [ends.inputs].flat() as SymbolicTensor[];
  const outputs = [ends.outputs].flat() as SymbolicTensor[];
  inputs.forEach((node, i) => {
    if (!node.shape)
      throw new ArgumentError(`model: inputs[${i}] is the output of a layer; make it with input(shape)`);
    if (inputs.indexOf(node) < i)
      throw new ArgumentError(`model: inputs[${i}] is inputs[${inputs.indexOf(node)}] again`);
  });
  const calls = inOrder(inputs, outputs);
  const wishes = calls.map((n) => n.name ?? n.layer!.config.name);
  const claim = namer([...reserved, ...inputs.map((n) => n.name), ...wishes]);
  const names = new Map<object, string>();
  const reference = (node: SymbolicTensor): string => {
    const name = names.get(callOf(node))!;
    return node.output ? `${name}:${node.output}` : name;
  };

  const description: Model = { format: "convolith", version: 1, inputs: [], layers: [], outputs: [] };
  for (const node of inputs) {
    const name = claim(node.name, "input");
    names.set(callOf(node), name);
    description.inputs.push({
      name,
      shape: [...node.shape!],
      ...(node.dtype && { dtype: node.dtype }),
    });
  }
  const owners = new Map<Layer, string>();
  for (const node of calls) {
    const layer = node.layer!;
    const shares = owners.get(layer);
    const { name: wanted, ...config } = layer.config as Named & Record<string, unknown>;
    const name = claim(node.name ?? (shares === undefined ? wanted : undefined), layer.kind);
    if (shares === undefined) owners.set(layer, name);
    names.set(callOf(node), name);
    const entry: ModelLayer = { name, kind: layer.kind, config, inputs: node.inputs.map(reference) };
    if (shares !== undefined) entry.shares = shares;
    description.layers.push(entry);
  }
  description.outputs = outputs.map(reference);
  collect(description, owners);
  return description as Model<NamesOf<Outputs>>;
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
    if (!node.layer) throw new ArgumentError("model: an output depends on an input that is not in `inputs`");
    const open = node.inputs.filter((n) => !done.has(callOf(n)));
    if (open.length) for (const n of open.reverse()) stack.push(n);
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
    } else if (taken.has(name)) throw new ArgumentError(`model: two layers are named ${describe(name)}`);
    if (name === "" || name.includes(":"))
      throw new ArgumentError(`model: the name ${describe(name)} must be non-empty and hold no colon`);
    taken.add(name);
    return name;
  };
}

/** Checks a description that came from elsewhere, such as `JSON.parse`. Throws FormatError. */
export function loadModel(json: unknown): Model {
  checkModel(json);
  return json;
}
