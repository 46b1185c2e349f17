// Runs what a layer's definition builds on tensors at once.
import { Edge, type Graph } from "../graph/graph.ts";
import { Lowering } from "../graph/lower.ts";
import type { LayerKind } from "../layers/layer.ts";
import type { Runtime } from "../runtime/instance.ts";
import { Program } from "../runtime/program.ts";
import { Tensor } from "../tensor.ts";
import { type Call, layerCall } from "./call.ts";
import { programsOf } from "./programs.ts";

/** Follows the calls that ran. */
export interface Recorder {
  /** `results` are what the call returned. */
  record(call: Call, results: readonly Tensor[]): void;
}

/** Who follows the calls of an engine at present. */
export const recorders = new WeakMap<Runtime, Recorder>();

/** Runs a layer's definition on tensors at once. See `layerCall`. `check` is called once all fits, before anything is computed. */
export function runLayer(
  runtime: Runtime,
  layer: LayerKind,
  args: readonly unknown[],
  check?: () => void,
): Tensor | Tensor[] {
  const name = layer.kind;
  runtime.alive(name);
  const checked = layerCall(runtime, name, layer, args);
  const { call, tensors } = checked;
  const programs = programsOf(runtime);
  const program = programs.take(layer, checked);
  try {
    check?.();
    const outs = program.run(runtime, tensors);
    recorders.get(runtime)?.record(call, outs);
    return program.isList ? outs : outs[0];
  } finally {
    programs.done(program);
  }
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
