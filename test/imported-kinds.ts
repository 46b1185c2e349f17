// Runs one kind of layer as a compiled model does: built into a graph, fused, laid out and lowered.
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { sizeOf } from "../src/graph/op.ts";
import { checkConfig, checkInputs, type LayerKind } from "../src/layers/layer.ts";
import { fuse } from "../src/passes/fuse.ts";
import { planLayout } from "../src/passes/layout.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { type Plain, type Result, typeOf, write } from "./harness.ts";
import { Random } from "./random.ts";

/** What a kind makes of its inputs; `ops` names what its layer was built of. */
export async function runKind(
  engine: Runtime | Promise<Runtime>,
  { kind, definition }: LayerKind,
  inputs: readonly Plain[],
  config: object = {},
): Promise<{ outputs: Result[]; ops: string[] }> {
  checkConfig(definition, config, kind);
  const edges = inputs.map((x) => new Edge(typeOf(x)));
  checkInputs(definition, edges, kind);
  const graph = new Graph();
  graph.enter(kind, kind);
  const built = definition.build(graph, config, edges, {}, kind);
  return runGraph(await engine, graph, edges, inputs, Array.isArray(built) ? built : [built as Edge]);
}

/** What a graph makes of the values of its inputs. */
export function runGraph(
  runtime: Runtime,
  graph: Graph,
  edges: Edge[],
  inputs: readonly Plain[],
  outputs: Edge[],
): { outputs: Result[]; ops: string[] } {
  fuse(graph, outputs);
  const program = new Program(runtime, "test");
  const lowering = new Lowering(program, planLayout(graph, edges, outputs, program));
  for (const edge of edges) program.input(lowering.valueOf(edge).base);
  lowering.write(graph);
  for (const edge of outputs) program.output(lowering.valueOf(edge).base);
  program.place();
  edges.forEach((edge, i) => {
    write(runtime, lowering.valueOf(edge).base, inputs[i]);
  });
  program.run();
  const { memory } = runtime;
  const results = outputs.map((edge): Result => {
    const { base, shape, dtype } = lowering.valueOf(edge);
    const at = base.value / 4;
    const data = dtype === "int32" ? memory.ints : memory.floats;
    return { shape, data: data.slice(at, at + sizeOf(shape)) };
  });
  program.dispose();
  return { outputs: results, ops: graph.nodes.map(({ op }) => op.name) };
}

/** Numbers from -1 to 1 of a seed. */
export function noise(shape: readonly number[], seed = 1): Plain & { data: Float32Array } {
  const random = new Random(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.next() - 1) };
}

/** Whole numbers from -4 to 4 of a seed: sums of their products are exact. */
export function small(shape: readonly number[], seed = 1): Plain & { data: Float32Array } {
  const random = new Random(seed);
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.below(9) - 4) };
}

/** Every index of a shape, in the order of a dense tensor. */
export function indicesOf(shape: readonly number[]): number[][] {
  return Array.from({ length: sizeOf(shape) }, (_, at) => {
    let rest = at;
    return shape
      .toReversed()
      .map((size) => {
        const i = rest % size;
        rest = (rest - i) / size;
        return i;
      })
      .reverse();
  });
}

/** The value at an index. */
export const valueAt = ({ shape, data }: Plain, index: readonly number[]): number =>
  data[index.reduce((at, i, axis) => at * shape[axis] + i, 0)];
