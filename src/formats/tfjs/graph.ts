// A TensorFlow.js graph model as a graph that can be written for any sizes it allows: its nodes are translated in order, those of functions
// it calls in their place.
import { ArgumentError, FormatError, ShapeError, UnsupportedError } from "../../errors.ts";
import { describe, isObject, type Json } from "../../validate.ts";
import { type Constant, constant } from "../import/constant.ts";
import { type FileGraph, type GraphInput, GraphSource } from "../import/source.ts";
import type { Value } from "../import/value.ts";
import type { ModelWriter } from "../import/writer.ts";
import { Call, type Outputs, type Surroundings } from "./graph-call.ts";
import { operatorOf } from "./graph-operators.ts";
import { isPlaceholder, readSignature, type Signature } from "./graph-signature.ts";
import {
  bodyOf,
  type GraphBody,
  type GraphFunction,
  type GraphNode,
  readFunctions,
  readNodes,
} from "./graph-topology.ts";
import { Budget, type TfjsOptions } from "./limits.ts";
import type { WeightFile } from "./weight-file.ts";

/** Characters of names in a list of nodes. */
const MAX_SHOWN = 40;

/** Attributes by which a node names functions. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  PartitionedCall: ["f"],
  StatefulPartitionedCall: ["f"],
  If: ["then_branch", "else_branch"],
  StatelessIf: ["then_branch", "else_branch"],
  While: ["cond", "body"],
  StatelessWhile: ["cond", "body"],
};

interface Graph {
  readonly main: GraphBody;
  readonly functions: ReadonlyMap<string, GraphFunction>;
  /** The bodies of those that are called. */
  readonly bodies: ReadonlyMap<string, GraphBody>;
  readonly signature: Signature;
  /** Without those whose values are known. */
  readonly inputs: readonly (GraphInput & { readonly node: string })[];
  /** Values of inputs, by the names of their nodes. */
  readonly known: ReadonlyMap<string, Constant>;
  readonly weights: WeightFile;
  readonly options: TfjsOptions;
}

/** Reads a graph model. Throws FormatError, and UnsupportedError that lists every operator it cannot translate. */
export function readGraphModel(
  file: Json,
  topology: Json,
  weights: WeightFile,
  budget: Budget,
  options: TfjsOptions,
): GraphSource {
  const nodes = readNodes(topology.node, budget, "tfjs: modelTopology");
  const functions = readFunctions(topology.library, budget);
  const signature = readSignature(file, nodes);
  const main = bodyOf(nodes, signature.outputs, "tfjs: the graph");
  const bodies = calledBodies(main, functions);
  checkOperators([main, ...bodies.values()]);
  const given = readInputs(signature, options);
  return new GraphSource(new TfjsGraph({ main, functions, bodies, signature, ...given, weights, options }));
}

/** The inputs that are left to the network, and the values of the others. */
function readInputs(
  { inputs }: Signature,
  { known = {}, shapes = {} }: TfjsOptions,
): Pick<Graph, "inputs" | "known"> {
  for (const [option, names] of Object.entries({ known, shapes }))
    for (const name of Object.keys(names))
      if (!inputs.some((input) => input.name === name))
        throw new ArgumentError(
          `fromTfjs: ${option} names ${describe(name)}, which is no input; there are ${inputs.map((input) => input.name).join(", ")}`,
        );
  const values = new Map<string, Constant>();
  const left: Graph["inputs"][number][] = [];
  for (const { name, node, shape, type } of inputs) {
    if (Object.hasOwn(known, name)) {
      const value = known[name];
      const list = typeof value === "number" ? [value] : value;
      const data = type === "float" ? Float32Array.from(list) : Float64Array.from(list);
      values.set(node, constant(typeof value === "number" ? [] : [list.length], type, data));
      continue;
    }
    const given = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    const axes = given ?? shape;
    if (!axes)
      throw new UnsupportedError(
        `tfjs: nothing is known of the shape of input ${describe(name)}: give { shapes: { ${describe(name)}: [...] } }, or ` +
          `{ known: { ${describe(name)}: value } }`,
      );
    const fits =
      !shape || (axes.length === shape.length && shape.every((d, i) => d === null || d === axes[i]));
    if (!fits)
      throw new ArgumentError(
        `fromTfjs: shapes: ${describe(name)} is ${describe(axes)} but the graph says ${describe(shape)}`,
      );
    left.push({ name, node, shape: axes, type });
  }
  return { inputs: left, known: values };
}

/** The functions that nodes call, and those that these call. */
function calledBodies(
  main: GraphBody,
  functions: ReadonlyMap<string, GraphFunction>,
): Map<string, GraphBody> {
  const bodies = new Map<string, GraphBody>();
  const left = [...main.order];
  for (let node = left.pop(); node; node = left.pop())
    for (const attribute of Object.hasOwn(CALLS, node.op) ? CALLS[node.op] : []) {
      const name = node.attributes.functionName(attribute);
      const called = functions.get(name);
      if (!called)
        throw new FormatError(`${node.where}: calls ${describe(name)}, which is no function of the graph`);
      if (bodies.has(name)) continue;
      const body = bodyOf(called.nodes, called.outputs, `tfjs: function ${describe(name)}`);
      bodies.set(name, body);
      left.push(...body.order);
    }
  return bodies;
}

/** Throws where some nodes cannot be translated: one error for all, each operator once. */
function checkOperators(bodies: readonly GraphBody[]): void {
  const unknown = new Map<string, string>();
  for (const { order } of bodies)
    for (const node of order)
      if (!isPlaceholder(node) && node.op !== "_Arg" && !operatorOf(node) && !unknown.has(node.op))
        unknown.set(node.op, node.name);
  if (!unknown.size) return;
  // Names of nodes are paths: their ends tell them apart.
  const end = (name: string): string => (name.length > MAX_SHOWN ? `…${name.slice(-MAX_SHOWN)}` : name);
  const list = [...unknown].map(([op, name]) => `${end(op)} (${JSON.stringify(end(name))})`);
  throw new UnsupportedError(`tfjs: the graph has operators that are not supported: ${list.join(", ")}`);
}

class TfjsGraph implements FileGraph {
  readonly format = "tfjs";
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Without those whose values are known. */
  get inputs(): readonly GraphInput[] {
    return this.#graph.inputs.map(({ name, shape, type }) => ({ name, shape, type }));
  }

  get outputs(): readonly string[] {
    return this.#graph.signature.outputs.map(({ name }) => name);
  }

  get bytes(): number {
    return this.#graph.weights.size;
  }

  write(writer: ModelWriter, inputs: readonly Value[]): readonly Value[] {
    const { main, signature, known } = this.#graph;
    const given = new Map(this.#graph.inputs.map(({ node }, i) => [node, inputs[i]]));
    for (const [node, value] of known) given.set(node, writer.known(value));
    const outputs = new Translation(this.#graph, writer).body(main, given, "", 0);
    return outputs.map((value, i) => {
      if (value) return value;
      const { name } = signature.outputs[i];
      throw new UnsupportedError(`tfjs: output ${describe(name)} is made by a branch that is not taken`);
    });
  }
}

class Translation {
  readonly #graph: Graph;
  readonly #writer: ModelWriter;
  readonly #budget: Budget;
  readonly #dilated: Surroundings["dilated"] = new WeakMap();
  readonly #limits: Surroundings["limits"] = new WeakMap();

  constructor(graph: Graph, writer: ModelWriter) {
    this.#graph = graph;
    this.#writer = writer;
    this.#budget = new Budget(graph.options);
  }

  /** The outputs of a body for values of some of its nodes: inputs, or arguments. */
  body(body: GraphBody, given: ReadonlyMap<string, Value | undefined>, path: string, depth: number): Outputs {
    const made = new Map<string, Outputs>();
    for (const node of body.order) {
      this.#budget.layer(node.inputs.length, node.where);
      made.set(
        node.name,
        given.has(node.name) ? [given.get(node.name)] : this.#node(node, body, made, path, depth),
      );
    }
    return body.outputs.map(({ node, output }) => outputOf(made.get(node)!, output, node, path));
  }

  #node(
    node: GraphNode,
    body: GraphBody,
    made: ReadonlyMap<string, Outputs>,
    path: string,
    depth: number,
  ): Outputs {
    const given = node.inputs.map((input) =>
      outputOf(made.get(input.node)!, input.output, input.node, node.where),
    );
    // What reads a value of a branch that is not taken is not taken either.
    if (node.op !== "Merge" && given.includes(undefined)) return NOT_TAKEN;
    const operator = operatorOf(node);
    if (!operator)
      throw isPlaceholder(node)
        ? new FormatError(`${node.where}: is an input that the signature does not have`)
        : new UnsupportedError(`${node.where}: this operator is not supported`);
    const readersOf = ({ name }: GraphNode): readonly (GraphNode | null)[] => body.readers.get(name) ?? [];
    const around: Surroundings = {
      readers: readersOf(node),
      readersOf,
      weight: (name) => this.#graph.weights.named(name),
      run: (name, inputs, call) => this.#call(name, inputs, call, `${path}${node.name}/`, depth + 1),
      iteration: ({ where }) => this.#budget.layer(0, where),
      dilated: this.#dilated,
      limits: this.#limits,
    };
    this.#writer.enter(path + node.name);
    try {
      const result = operator(new Call(node, given, around), this.#writer);
      return Array.isArray(result) ? result : [result as Value];
    } catch (cause) {
      // Layers check their options and inputs, too.
      if (cause instanceof ShapeError || cause instanceof ArgumentError)
        throw new FormatError(`${node.where}: ${cause.message}`, { cause });
      throw cause;
    }
  }

  #call(name: string, inputs: Outputs, call: Call, path: string, depth: number): Outputs {
    this.#budget.nesting(depth, call.where);
    const { arguments: names } = this.#graph.functions.get(name)!;
    if (names.length !== inputs.length)
      throw new FormatError(
        `${call.where}: calls ${describe(name)} with ${inputs.length} values, but it takes ${names.length}`,
      );
    const given = new Map(names.map((argument, i) => [argument, inputs[i]]));
    return this.body(this.#graph.bodies.get(name)!, given, path, depth);
  }
}

/** All outputs of a node in a branch that is not taken. */
const NOT_TAKEN: Outputs = [];

function outputOf(outputs: Outputs, output: number, node: string, where: string): Value | undefined {
  if (outputs !== NOT_TAKEN && output >= outputs.length)
    throw new FormatError(
      `${where}: reads output ${output} of ${describe(node)}, which has ${outputs.length}`,
    );
  return outputs[output];
}

/** Whether the topology is a graph of TensorFlow's operators. */
export const isGraphModel = (file: Json): boolean =>
  file.format === "graph-model" ||
  (isObject(file.modelTopology) && Object.hasOwn(file.modelTopology, "node"));
