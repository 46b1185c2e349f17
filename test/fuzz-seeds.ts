// What the fuzzers of ONNX files and of TensorFlow.js graph models begin with: small graphs as JSON, which each encodes as its files.
import type { Random } from "./random.ts";

export type Json = Record<string, unknown>;

/**
 * An operator with operands and attributes. Operands: "f:2,3" is an input of floats of that shape, "i:" one of integers, "b:" of bools;
 * "F:2,3" constant floats; "I=2,3" a constant list of integers, "I0=2" one integer, "F0=.5" one float, "F=.5,2" a list; "" is left out.
 */
export type Row = readonly [op: string, operands: string, attributes?: Json, opset?: number];

export type SeedType = "float" | "int" | "bool";

export interface SeedTensor extends Json {
  name: string;
  type: SeedType;
  dims: number[];
  values: number[];
}

export interface SeedNode extends Json {
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Json;
}

export interface SeedFunction extends Json {
  name: string;
  inputs: string[];
  outputs: string[];
  nodes: SeedNode[];
}

export interface SeedGraph extends Json {
  opset: number;
  inputs: { name: string; type: SeedType; dims: (number | string)[] }[];
  constants: SeedTensor[];
  nodes: SeedNode[];
  functions: SeedFunction[];
  outputs: string[];
}

const TYPES: Readonly<Record<string, SeedType>> = { f: "float", i: "int", b: "bool" };

const numbers = (text: string): number[] => (text ? text.split(",").map(Number) : []);
const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Adds an operator to a graph; `first` is what it reads in place of its first operand. The name of its output. */
export function append(graph: SeedGraph, [op, operands, attributes = {}]: Row, first?: string): string {
  const at = graph.nodes.length;
  const inputs = operands.split(" ").map((operand, i) => {
    if (operand === "_" || operand === "") return "";
    if (i === 0 && first !== undefined) return first;
    const name = `v${at}_${i}`;
    const [, letter, scalar, sign, rest] = /^([a-zA-Z])(0?)([:=])(.*)$/.exec(operand)!;
    const type = TYPES[letter.toLowerCase()];
    const listed = numbers(rest);
    if (letter === letter.toLowerCase()) graph.inputs.push({ name, type, dims: listed });
    else {
      const dims = sign === ":" ? listed : scalar ? [] : [listed.length];
      const values =
        sign === "=" ? listed : Array.from({ length: product(dims) }, (_, k) => ((k * 7) % 5) / 4 - 0.4);
      graph.constants.push({ name, type, dims, values });
    }
    return name;
  });
  const outputs = [`y${at}`, `z${at}`];
  graph.nodes.push({ op, name: `n${at}`, inputs, outputs, attributes: structuredClone(attributes) });
  return outputs[0];
}

export const emptyGraph = (opset: number): SeedGraph => ({
  opset,
  inputs: [],
  constants: [],
  nodes: [],
  functions: [],
  outputs: [],
});

/** One operator, or a few, each of which reads what the one before gives. */
export function seedOf(rows: readonly Row[], opset: number, random: Random): SeedGraph {
  const first = random.pick(rows);
  const graph = emptyGraph(first[3] ?? opset);
  let made = append(graph, first);
  for (let more = random.pick([0, 0, 1, 1, 2, 3]); more > 0; more--) {
    // Operators of another version are another one.
    const next = random.pick(rows.filter(([, , , version]) => version === first[3]));
    made = append(graph, next, random.chance(0.8) ? made : undefined);
  }
  graph.outputs.push(made);
  if (random.chance(0.2)) graph.outputs.push(random.pick(graph.nodes).outputs[0]);
  return graph;
}

/** Sizes, indices and numbers of axes that should be refused, or take care. */
export const HOSTILE: readonly number[] = [
  ...[0, 1, -1, 2, 3, -2, 4, 5, 7, 16, 100, 255, 1000, 65_536, 2 ** 20, 2 ** 24, 2 ** 28],
  ...[2 ** 31 - 1, -(2 ** 31), 2 ** 32, 2 ** 40, 2 ** 53 - 1, -(2 ** 53)],
];

/** A number near another one, or a hostile one. */
const near = (value: number, random: Random): number =>
  random.chance(0.6) ? random.pick([value + 1, value - 1, 2 * value, -value, 0, 1]) : random.pick(HOSTILE);

function changeSizes(list: unknown[], random: Random): void {
  const at = random.below(list.length + 1);
  const value = list[at];
  switch (random.below(6)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      list.splice(at, 0, random.chance(0.5) ? 1 : random.pick(HOSTILE));
      return;
    case 2:
      list.reverse();
      return;
    default:
      if (at < list.length) list[at] = near(typeof value === "number" ? value : 1, random);
  }
}

/** Changes a number or a list somewhere in an attribute. */
function changeAttribute(attributes: Json, rows: readonly Row[], random: Random): void {
  const names = Object.keys(attributes);
  if (!names.length || random.chance(0.3)) {
    Object.assign(attributes, structuredClone(random.pick(rows)[2] ?? {}));
    return;
  }
  const name = random.pick(names);
  const value = attributes[name];
  if (Array.isArray(value)) changeSizes(value, random);
  else if (typeof value === "number") attributes[name] = near(value, random);
  else if (typeof value === "boolean") attributes[name] = !value;
  else if (random.chance(0.2)) delete attributes[name];
  else {
    const other = random.pick(rows.filter((row) => row[2] && name in row[2]));
    attributes[name] = structuredClone(other?.[2]?.[name] ?? value);
  }
}

/** Changes a graph where graphs differ: operators, what they read, attributes, sizes, types, constants. */
export function mutateGraph(
  graph: SeedGraph,
  rows: readonly Row[],
  operators: readonly string[],
  random: Random,
): void {
  const names = [...graph.inputs, ...graph.constants]
    .map(({ name }) => name)
    .concat(graph.nodes.flatMap(({ outputs }) => outputs));
  const bodies = [graph, ...graph.functions];
  const node = random.pick(random.pick(bodies).nodes);
  const tensor = graph.constants.length ? random.pick(graph.constants) : undefined;
  switch (random.below(12)) {
    case 0:
      node.op = random.pick(operators);
      return;
    case 1:
      node.inputs[random.below(node.inputs.length + 1)] = random.pick(names);
      return;
    case 2:
      node.inputs.splice(random.below(node.inputs.length), 1);
      return;
    case 3:
    case 4:
    case 5:
      changeAttribute(node.attributes, rows, random);
      return;
    case 6: {
      const list = graph.inputs.length ? graph.inputs : graph.constants;
      if (list.length) changeSizes(random.pick(list).dims, random);
      return;
    }
    case 7: {
      if (!tensor) return;
      changeSizes(tensor.dims, random);
      // Mostly with as many values as that says.
      const size = product(tensor.dims);
      if (random.chance(0.7) && size >= 0 && size < 4096)
        tensor.values = Array.from({ length: size }, (_, i) => tensor.values[i % tensor.values.length] ?? 1);
      return;
    }
    case 8: {
      const integers = graph.constants.filter(({ type }) => type === "int");
      const changed = integers.length ? random.pick(integers) : tensor;
      if (!changed) return;
      changeSizes(changed.values, random);
      if (changed.dims.length === 1 && random.chance(0.8)) changed.dims = [changed.values.length];
      return;
    }
    case 9: {
      const list = random.chance(0.5) && tensor ? graph.constants : graph.inputs;
      if (list.length) random.pick(list).type = random.pick(["float", "int", "bool"]);
      return;
    }
    case 10:
      graph.opset = 1 + random.below(25);
      return;
    default:
      if (random.chance(0.5)) graph.outputs.push(random.pick(names));
      else graph.nodes.push(...graph.nodes.splice(random.below(graph.nodes.length), 1));
  }
}
