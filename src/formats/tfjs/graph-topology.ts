// The nodes of a TensorFlow graph and of the functions it calls: who reads whom, in an order in which everything is made before it is read.
// Format: tensorflow/core/framework/graph.proto, node_def.proto and function.proto as JSON.
import { FormatError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { Attributes } from "./graph-attributes.ts";
import type { Budget } from "./limits.ts";

/** An output of a node. */
export interface NodeOutput {
  readonly node: string;
  readonly output: number;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** What it reads; nodes that it only waits for (control inputs) are left out. */
  readonly inputs: readonly NodeOutput[];
  readonly attributes: Attributes;
  /** How messages name it. */
  readonly where: string;
}

/** A graph, or the body of a function. */
export interface GraphBody {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly outputs: readonly NodeOutput[];
  /** The nodes that outputs need, in order. */
  readonly order: readonly GraphNode[];
  /** Who reads a node, of those; null stands for an output. */
  readonly readers: ReadonlyMap<string, readonly (GraphNode | null)[]>;
}

/** A function of the library: its arguments are nodes of the op "_Arg", in this order. */
export interface GraphFunction {
  readonly name: string;
  readonly arguments: readonly string[];
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly outputs: readonly NodeOutput[];
}

const MAX_NAME = 2000;

/** Which output a name stands for in functions, for operators whose outputs are not one list. */
const OUTPUT_NAMES: Readonly<Record<string, readonly string[]>> = {
  TopKV2: ["values", "indices"],
  TopK: ["values", "indices"],
  Switch: ["output_false", "output_true"],
  FusedBatchNorm: ["y", "batch_mean", "batch_variance"],
  FusedBatchNormV2: ["y", "batch_mean", "batch_variance"],
  FusedBatchNormV3: ["y", "batch_mean", "batch_variance"],
  NonMaxSuppressionV4: ["selected_indices", "valid_outputs"],
  NonMaxSuppressionV5: ["selected_indices", "selected_scores", "valid_outputs"],
  MaxPoolWithArgmax: ["output", "argmax"],
};

/** "^node" waits for a node, "node", "node:1" and in functions "node:name:1" read one. */
function readReference(value: unknown, where: string): NodeOutput | undefined {
  if (typeof value !== "string" || value === "" || value.length > MAX_NAME)
    throw new FormatError(`${where}: an input is ${describe(value)} but must be the name of a node`);
  if (value.startsWith("^")) return undefined;
  const [node, ...rest] = value.split(":");
  const output = rest.length ? Number(rest[rest.length - 1]) : 0;
  if (!node || rest.length > 2 || !Number.isSafeInteger(output) || output < 0)
    throw new FormatError(`${where}: an input is ${describe(value)} but must be "node" or "node:output"`);
  return { node, output };
}

/** The same with outputs by name counted from the first output of the node. */
function countedReference(
  value: unknown,
  ops: ReadonlyMap<string, string>,
  where: string,
): NodeOutput | undefined {
  const reference = readReference(value, where);
  const [, name, index] = (value as string).split(":");
  if (!reference || index === undefined) return reference;
  const op = ops.get(reference.node) ?? "";
  const names = Object.hasOwn(OUTPUT_NAMES, op) ? OUTPUT_NAMES[op] : [];
  const first = names.indexOf(name);
  return { node: reference.node, output: Math.max(first, 0) + reference.output };
}

export function readNodes(list: unknown, budget: Budget, where: string): Map<string, GraphNode> {
  if (!Array.isArray(list)) throw new FormatError(`${where} has no list of nodes`);
  const ops = new Map<string, string>();
  for (const [i, node] of list.entries()) {
    if (!isObject(node) || typeof node.name !== "string" || typeof node.op !== "string")
      throw new FormatError(`${where}: node ${i} must be an object with a name and an op`);
    if (node.name === "" || node.name.length > MAX_NAME)
      throw new FormatError(`${where}: node ${i}: the name must have 1 to ${MAX_NAME} characters`);
    if (ops.has(node.name)) throw new FormatError(`${where}: two nodes are named ${describe(node.name)}`);
    ops.set(node.name, node.op);
  }
  const nodes = new Map<string, GraphNode>();
  for (const { name, op, input = [], attr } of list as (Json & { name: string; op: string })[]) {
    const own = `tfjs: ${describe(op).slice(1, -1)} ${describe(name)}`;
    if (!Array.isArray(input))
      throw new FormatError(`${own}: input is ${describe(input)} but must be a list`);
    budget.layer(input.length, own);
    const inputs = Array.from(input, (reference) => countedReference(reference, ops, own));
    nodes.set(name, {
      name,
      op,
      inputs: inputs.filter((reference) => reference !== undefined),
      attributes: new Attributes(attr, own),
      where: own,
    });
  }
  return nodes;
}

/** The functions of a graph by name. */
export function readFunctions(library: unknown, budget: Budget): Map<string, GraphFunction> {
  const list = isObject(library) ? (library.function ?? []) : [];
  if (!Array.isArray(list)) throw new FormatError("tfjs: library.function must be a list");
  const functions = new Map<string, GraphFunction>();
  for (const [i, entry] of list.entries()) {
    const signature = isObject(entry) ? entry.signature : undefined;
    if (!isObject(entry) || !isObject(signature) || typeof signature.name !== "string")
      throw new FormatError(`tfjs: library.function[${i}] must have a signature with a name`);
    const { name } = signature;
    const where = `tfjs: function ${describe(name)}`;
    const args = names(signature.inputArg, `${where}: inputArg`);
    const results = names(signature.outputArg, `${where}: outputArg`);
    const inner = args.map((arg) => ({ name: arg, op: "_Arg" }));
    const given = entry.nodeDef ?? [];
    if (!Array.isArray(given)) throw new FormatError(`${where}: nodeDef must be a list`);
    const nodes = readNodes([...inner, ...given], budget, where);
    const ops = new Map([...nodes].map(([node, { op }]) => [node, op]));
    const { ret } = entry;
    const outputs = results.map((result) => {
      const reference = isObject(ret) && Object.hasOwn(ret, result) ? ret[result] : undefined;
      const output = countedReference(reference, ops, `${where}: ret`);
      if (!output) throw new FormatError(`${where}: ret.${result} is ${describe(reference)}`);
      return output;
    });
    functions.set(name, { name, arguments: args, nodes, outputs });
  }
  return functions;
}

function names(list: unknown, where: string): string[] {
  const found = Array.isArray(list ?? []) ? ((list ?? []) as unknown[]) : undefined;
  if (!found?.every((arg): arg is Json & { name: string } => isObject(arg) && typeof arg.name === "string"))
    throw new FormatError(`${where} must be a list of arguments with names`);
  return found.map(({ name }) => name);
}

/** The nodes that outputs need in order. Throws FormatError where one is missing, or reads itself in a circle. */
export function bodyOf(
  nodes: ReadonlyMap<string, GraphNode>,
  outputs: readonly NodeOutput[],
  where: string,
): GraphBody {
  const order: GraphNode[] = [];
  const readers = new Map<string, (GraphNode | null)[]>();
  const state = new Map<string, "open" | "done">();
  const nodeOf = (name: string, reader: string): GraphNode => {
    const node = nodes.get(name);
    if (!node) throw new FormatError(`${reader}: reads ${describe(name)}, which is no node`);
    return node;
  };
  const read = (name: string, reader: GraphNode | null): void => {
    const list = readers.get(name);
    if (list) list.push(reader);
    else readers.set(name, [reader]);
  };
  for (const { node } of outputs) read(node, null);
  // With what loops go back from, which follows what it goes back to.
  const roots = outputs.map(({ node }) => nodeOf(node, `${where}: an output`));
  for (const root of roots) {
    const stack = [root];
    while (stack.length) {
      const node = stack[stack.length - 1];
      if (state.has(node.name)) {
        stack.pop();
        if (state.get(node.name) === "open") {
          state.set(node.name, "done");
          order.push(node);
        }
        continue;
      }
      state.set(node.name, "open");
      for (const input of node.inputs) {
        const from = nodeOf(input.node, node.where);
        read(from.name, node);
        const known = state.get(from.name);
        const goesBack = node.op === "Merge" && from.op === "NextIteration";
        if (known === "open" && !goesBack)
          throw new FormatError(`${node.where}: reads ${describe(from.name)}, which needs it in a circle`);
        if (goesBack) roots.push(from);
        else if (!known) stack.push(from);
      }
    }
  }
  return { nodes, outputs, order, readers };
}
