// The gradient of one op with respect to one of its inputs, as a program with its operands filled in.
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, type Op, type Shape, sizeOf } from "../src/graph/op.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { Address } from "../src/runtime/address.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { noise } from "./rows.ts";

export interface GradientRow {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a list of rows holds ops of every parameter type
  readonly op: Op<any>;
  readonly inputs: readonly Shape[];
  readonly params: object;
  /** The input whose gradient is measured. */
  readonly wrt: number;
}

export interface GradientProgram {
  readonly program: Program;
  /** Bytes of what the gradient is made from and of the gradient. */
  readonly bytes: number;
}

type Values = Map<Edge, Float32Array>;

export function gradientProgram(runtime: Runtime, row: GradientRow): GradientProgram {
  const { name, op, inputs, params, wrt } = row;
  const graph = new Graph();
  graph.enter(name, name);
  const xs = inputs.map((shape) => new Edge(float32(shape)));
  const ys = graph.apply(op, xs, params);
  const forward = graph.nodes[0];
  const dys = ys.map((y) => new Edge(float32(y.shape)));
  const rule = GRADIENTS.get(op)!;
  const dx = rule(
    graph,
    forward,
    dys,
    xs.map((_, i) => i === wrt),
  )[wrt]!;
  graph.nodes.shift();
  graph.prune([dx]);

  const values: Values = new Map();
  xs.forEach((x, i) => {
    values.set(x, noise(sizeOf(x.shape), i + 1));
  });
  dys.forEach((dy, i) => {
    values.set(dy, noise(sizeOf(dy.shape), i + 7));
  });
  const isRead = (edge: Edge): boolean => graph.nodes.some((node) => node.inputs.includes(edge));
  // A gradient made from the op's outputs is given the real ones.
  if (ys.some(isRead)) evaluate(runtime, forward, values);
  const operands = [...xs, ...ys, ...dys].filter(isRead);
  const { program } = placed(runtime, name, graph, operands, [dx], values);
  return { program, bytes: 4 * [...operands, dx].reduce((sum, { shape }) => sum + sizeOf(shape), 0) };
}

/** Adds the outputs of a node to the values. */
function evaluate(runtime: Runtime, node: Graph["nodes"][number], values: Values): void {
  const graph = new Graph();
  graph.nodes = [node];
  const { program, floats } = placed(runtime, node.where, graph, node.inputs, node.outputs, values);
  program.run();
  for (const edge of node.outputs) values.set(edge, floats(edge).slice());
  program.dispose();
}

/** A program that reads the inputs, which are written to their places, and keeps the outputs. */
function placed(
  runtime: Runtime,
  name: string,
  graph: Graph,
  inputs: readonly Edge[],
  outputs: readonly Edge[],
  values: Values,
): { program: Program; floats(edge: Edge): Float32Array } {
  const program = new Program(runtime, name);
  const lowering = new Lowering(program);
  for (const edge of inputs) {
    const base = Address.of(sizeOf(edge.shape) * 4, "run");
    lowering.place(edge, base);
    program.input(base);
  }
  lowering.write(graph);
  for (const edge of outputs) program.output(lowering.valueOf(edge).base);
  program.place();
  const floats = (edge: Edge): Float32Array => {
    const from = lowering.valueOf(edge).base.value / 4;
    return runtime.memory.floats.subarray(from, from + sizeOf(edge.shape));
  };
  for (const edge of inputs) floats(edge).set(values.get(edge)!);
  return { program, floats };
}
