// Runs one layer of a kind that models read from files have, as a program of the ops it is built of.
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { sizeOf } from "../src/graph/op.ts";
import { checkConfig, checkInputs, type LayerKind } from "../src/layers/layer.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { type Plain, type Result, typeOf, write } from "./harness.ts";

/** The layer's outputs for these inputs. */
export async function runKind(
  engine: Runtime | Promise<Runtime>,
  { kind, definition }: LayerKind,
  inputs: readonly Plain[],
  config: object = {},
): Promise<Result[]> {
  const runtime = await engine;
  const g = new Graph();
  g.enter(kind, kind);
  const edges = inputs.map((input) => new Edge(typeOf(input)));
  checkConfig(definition, config, kind);
  checkInputs(definition, edges, kind);
  const outputs = [definition.build(g, config, edges, {}, kind)].flat() as Edge[];
  const program = new Program(runtime, kind);
  const lowering = new Lowering(program);
  edges.forEach((edge, i) => {
    const base = Address.of(sizeOf(inputs[i].shape) * 4, "run");
    program.input(base);
    lowering.place(edge, base);
  });
  g.prune(outputs);
  lowering.write(g);
  const values = outputs.map((edge) => lowering.valueOf(edge));
  for (const { base } of values) program.output(base);
  program.place();
  edges.forEach((edge, i) => {
    write(runtime, lowering.valueOf(edge).base, inputs[i]);
  });
  program.run();
  const { memory } = runtime;
  const results = values.map(({ base, shape, dtype }) => {
    const all = dtype === "int32" ? memory.ints : memory.floats;
    return { shape, data: all.slice(base.value / 4, base.value / 4 + sizeOf(shape)) };
  });
  program.dispose();
  return results;
}
