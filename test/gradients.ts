// Gradients of one op: as its rule writes them, and by central differences of the oracle's float64 formula.

import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, type Op, sizeOf } from "../src/graph/op.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { Address } from "../src/runtime/address.ts";
import { type Executor, runRange } from "../src/runtime/executor.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { type Plain, typeOf, write } from "./harness.ts";

/** dy of every output; undefined where nothing depends on it. */
export type Dys = readonly (Plain | undefined)[];

/**
 * The gradients of the wanted inputs (default: all), undefined where the rule gives none. Runs whole and cut into odd pieces,
 * which must agree in every bit, and leaves no memory behind.
 */
export async function gradientsOf<P>(
  engine: Runtime | Promise<Runtime>,
  op: Op<P>,
  inputs: readonly Plain[],
  params: P,
  dys: Dys,
  wanted: readonly boolean[] = inputs.map(() => true),
): Promise<(Float32Array | undefined)[]> {
  const runtime = await engine;
  const before = runtime.memory.use.live;
  const whole = once(runtime, op, inputs, params, dys, wanted, undefined);
  const cut = once(runtime, op, inputs, params, dys, wanted, { run: inReverse });
  whole.forEach((g, i) => {
    const at = g ? g.findIndex((v, j) => !Object.is(v, cut[i]![j])) : -1;
    if (at >= 0) throw new Error(`${op.name}: cutting the range changes gradient ${i} at ${at}`);
  });
  if (runtime.memory.use.live !== before) throw new Error(`${op.name}: left memory behind`);
  return whole;
}

function once<P>(
  runtime: Runtime,
  op: Op<P>,
  inputs: readonly Plain[],
  params: P,
  dys: Dys,
  wanted: readonly boolean[],
  executor: Pick<Executor, "run"> | undefined,
): (Float32Array | undefined)[] {
  const graph = new Graph();
  const xs = inputs.map((x) => new Edge(typeOf(x)));
  graph.enter(op.name, op.name);
  graph.apply(op, xs, params);
  const node = graph.nodes[0];
  const dyEdges = dys.map((dy) => dy && new Edge(float32(dy.shape)));
  const rule = GRADIENTS.get(op);
  if (!rule) throw new Error(`${op.name} has no gradient`);
  const gradients = rule(graph, node, dyEdges, wanted);
  graph.prune(gradients.filter((g) => g !== undefined));

  const program = new Program(runtime, op.name);
  const lowering = new Lowering(program);
  const sources = [
    ...xs.map((e, i) => [e, inputs[i]] as const),
    ...dyEdges.map((e, i) => [e, dys[i]] as const),
  ];
  for (const [edge] of sources) {
    if (!edge) continue;
    const base = Address.of(sizeOf(edge.shape) * 4, "run");
    lowering.place(edge, base);
    program.input(base);
  }
  lowering.write(graph);
  for (const g of gradients) if (g) program.output(lowering.valueOf(g).base);
  program.place();
  const { floats } = runtime.memory;
  for (const [edge, plain] of sources) if (edge) write(runtime, lowering.valueOf(edge).base, plain!);
  program.run(executor);
  const results = gradients.map((g, i) => {
    if (!g) return undefined;
    if (String(g.shape) !== String(inputs[i].shape))
      throw new Error(`${op.name}: gradient ${i} has shape [${g.shape}], not [${inputs[i].shape}]`);
    const at = lowering.valueOf(g).base.value / 4;
    return floats.slice(at, at + sizeOf(g.shape));
  });
  program.dispose();
  return results;
}

/** Every call in pieces of 1, 2, 4, 7, ... units, last piece first. */
const inReverse: Executor["run"] = ({ kernel, args, units }) => {
  const cuts = [0];
  for (let step = 1, at = 1; at < units; at += step, step = (step * 3 + 1) >> 1) cuts.push(at);
  cuts.push(units);
  for (let i = cuts.length - 1; i > 0; i--) runRange(kernel, args, cuts[i - 1], cuts[i]);
};

interface Float64s {
  shape: readonly number[];
  data: Float64Array;
}

/**
 * d/dx of sum(dy · f(x)) for input `at`, by central differences in float64: right to about 1e-7 of the largest value where f is
 * smooth within `step` of x.
 */
export function numericGradient<P>(
  f: (inputs: readonly Float64s[], params: P) => readonly Float64s[],
  inputs: readonly Plain[],
  params: P,
  dys: Dys,
  at: number,
  step = 1e-4,
): Float64Array {
  const values = inputs.map((x) => ({ shape: x.shape, data: Float64Array.from(x.data) }));
  const target = values[at].data;
  const total = (): number =>
    f(values, params).reduce((sum, y, i) => {
      const dy = dys[i];
      if (!dy) return sum;
      let own = 0;
      for (let j = 0; j < y.data.length; j++) own += y.data[j] * dy.data[j];
      return sum + own;
    }, 0);
  return target.map((value, i) => {
    target[i] = value + step;
    const above = total();
    target[i] = value - step;
    const below = total();
    target[i] = value;
    return (above - below) / (2 * step);
  });
}
