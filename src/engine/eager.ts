// Runs what a layer's definition builds on tensors at once: a graph of a few ops, lowered and run as one program.
import { ArgumentError } from "../errors.ts";
import { Edge, Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import { checkInputs, type LayerKind } from "../layers/layer.ts";
import { fuse } from "../passes/fuse.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { mustBeTensor, Tensor } from "../tensor.ts";
import { type AnyCheck, type AnyChecks, checkOptions, describe } from "../validate.ts";

/** Appends the ops of one call to a graph, in which `edgeOf` gives the edge of a tensor: the edge of the result, or of each. */
export type Call = (graph: Graph, edgeOf: (tensor: Tensor) => Edge) => Edge | readonly Edge[];

/** Follows the calls that ran. */
export interface Recorder {
  /** `results` are what the call returned. */
  record(call: Call, results: readonly Tensor[]): void;
}

/** Who follows the calls of an engine at present. */
export const recorders = new WeakMap<Runtime, Recorder>();

/** Throws unless it is a tensor that is alive and lives in that engine. */
export function checkTensor(
  runtime: Runtime,
  tensor: unknown,
  argument: string,
  where: string,
): asserts tensor is Tensor {
  mustBeTensor(tensor, `${where}: ${argument}`);
  tensor.check(runtime, where);
}

/** What an eager op takes as options: those of its layer that do not make weights or train, and weights that are no operands. */
function checksOf({ weights = [], operands, options, eagerDefaults }: LayerKind["definition"]): AnyChecks {
  const own = Object.entries(options).flatMap(([name, check]): [string, AnyCheck][] => {
    if (check.layerOnly) return [];
    return [[name, eagerDefaults?.includes(name) ? (...args) => check(...args) : check]];
  });
  return Object.fromEntries([...weights.slice(operands ?? 0).map((name) => [name, true] as const), ...own]);
}

/** The checks of each definition that was called. */
const CHECKS = new WeakMap<LayerKind["definition"], AnyChecks>();

/**
 * A call of a layer's definition on tensors. Arguments are the inputs, or one list of them; the operands; the options, among them the
 * other weights. Throws for options that the layer does not share with its eager op, and for what is no tensor of this engine.
 */
export function layerCall(
  runtime: Runtime,
  name: string,
  { definition }: LayerKind,
  args: readonly unknown[],
): Call {
  const { inputs: [count] = [1], weights: names = [], operands = 0 } = definition;
  const inputs = args.slice(0, count).flat() as Tensor[];
  const last = count + operands;
  const options = args[last] === undefined ? {} : (args[last] as object);
  const checks = CHECKS.get(definition) ?? checksOf(definition);
  CHECKS.set(definition, checks);
  checkOptions(name, options, checks);
  if (args.length > last + 1)
    throw new ArgumentError(
      `${name}: takes ${last} ${last > 1 ? "arguments" : "argument"} and options, but got ${describe(args[last + 1])} besides`,
    );
  inputs.forEach((x, i) => {
    checkTensor(runtime, x, `input ${i}`, name);
  });
  checkInputs(definition, inputs, name);
  const config = { ...options } as Record<string, unknown>;
  const weights: [string, Tensor][] = [];
  names.forEach((weight, i) => {
    const tensor = i < operands ? args[count + i] : config[weight];
    delete config[weight];
    if (tensor === undefined && weight === "bias") return;
    checkTensor(runtime, tensor, weight, name);
    weights.push([weight, tensor]);
  });
  return (graph, edgeOf) => {
    graph.enter(name, name);
    const edges = inputs.map(edgeOf);
    const weightEdges = Object.fromEntries(weights.map(([weight, tensor]) => [weight, edgeOf(tensor)]));
    return definition.build(graph, config, edges, weightEdges, name);
  };
}

/** Runs a layer's definition on tensors at once. See `layerCall`. `check` is called once all fits, before anything is computed. */
export function runLayer(
  runtime: Runtime,
  layer: LayerKind,
  args: readonly unknown[],
  check?: () => void,
): Tensor | Tensor[] {
  const name = layer.kind;
  runtime.alive(name);
  const call = layerCall(runtime, name, layer, args);
  const graph = new Graph();
  const edges = new Map<Tensor, Edge>();
  const built = call(graph, edgesIn(edges));
  check?.();
  const results = [built].flat() as Edge[];
  fuse(graph, results);
  const outs = runGraph(runtime, name, graph, placesOf(edges), results);
  recorders.get(runtime)?.record(call, outs);
  return Array.isArray(built) ? outs : outs[0];
}

/** Gives each tensor one edge, and notes it in `edges`. */
export const edgesIn =
  (edges: Map<Tensor, Edge>) =>
  (tensor: Tensor): Edge => {
    const edge = edges.get(tensor) ?? new Edge(tensor);
    edges.set(tensor, edge);
    return edge;
  };

/** The tensor of each edge whose tensor has not been disposed. */
export const placesOf = (edges: ReadonlyMap<Tensor, Edge>): Map<Edge, Tensor> =>
  new Map([...edges].flatMap(([tensor, edge]) => (tensor.disposed ? [] : [[edge, tensor]])));

/** Lowers a graph and runs it once. Edges with a place are read there; the results become new tensors. */
export function runGraph(
  runtime: Runtime,
  name: string,
  graph: Graph,
  places: ReadonlyMap<Edge, Tensor>,
  results: readonly Edge[],
): Tensor[] {
  const program = new Program(runtime, name);
  const outs: Tensor[] = [];
  try {
    const lowering = new Lowering(program);
    for (const [edge, tensor] of places) lowering.place(edge, tensor.addressFor(runtime, name));
    for (const edge of results) {
      const out = new Tensor(runtime, edge, name);
      outs.push(out);
      // An edge that has a place already is copied, as is one that an op makes by renaming its input.
      if (edge.node && !places.has(edge)) lowering.place(edge, out.addressFor(runtime, name));
    }
    lowering.write(graph);
    for (const edge of results) program.output(lowering.valueOf(edge).base);
    program.place();
    program.run();
    const { floats } = runtime.memory;
    results.forEach((edge, i) => {
      const [from, to] = [lowering.valueOf(edge).base.value / 4, outs[i].address(name) / 4];
      if (from !== to) floats.copyWithin(to, from, from + outs[i].size);
    });
    return outs;
  } catch (error) {
    for (const out of outs) out.dispose();
    throw error;
  } finally {
    program.dispose();
  }
}
