// Runs one kind of layer that only imported models have, as a network would: built, laid out and lowered.
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { sizeOf } from "../src/graph/op.ts";
import { checkConfig, checkInputs, type LayerKind } from "../src/layers/layer.ts";
import { copy } from "../src/ops/copy.ts";
import { concat, slice } from "../src/ops/shape.ts";
import { planLayout } from "../src/passes/layout.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { inPieces, type Plain, type Result, typeOf, write } from "./harness.ts";

/** More of the last axis that inputs and outputs lie in where they are parts of wider values. */
const ROOM = 3;

/**
 * The outputs of a layer. It runs as it is, with every call cut at odd places, and between a slice and a concatenation, which lets its
 * inputs and outputs lie in wider values where it can; all three must agree in every bit.
 */
export async function runKind(
  engine: Runtime | Promise<Runtime>,
  { kind, definition }: LayerKind,
  config: object,
  inputs: readonly Plain[],
): Promise<Result[]> {
  const runtime = await engine;
  checkConfig(definition, config, kind);
  checkInputs(definition, inputs.map(typeOf), kind);
  const run = (wide: boolean, cut: boolean) => once(runtime, { kind, definition }, config, inputs, wide, cut);
  const whole = run(false, false);
  for (const [what, other] of [
    ["cutting the range", run(false, true)],
    ["wider neighbours", run(true, false)],
  ] as const)
    whole.forEach(({ data }, i) => {
      const at = data.findIndex((v, j) => !Object.is(v, other[i].data[j]));
      if (at >= 0)
        throw new Error(`${kind}: ${what} changes element ${at}: ${data[at]}, ${other[i].data[at]}`);
    });
  return whole;
}

function once(
  runtime: Runtime,
  { kind, definition }: LayerKind,
  config: object,
  inputs: readonly Plain[],
  wide: boolean,
  cut: boolean,
): Result[] {
  const g = new Graph();
  g.enter(kind, kind);
  const given: Edge[] = [];
  const contents: Plain[] = [];
  const edges = inputs.map((x) => {
    const content = wide && x.shape.length > 0 ? widen(x) : x;
    const edge = new Edge(typeOf(content));
    given.push(edge);
    contents.push(content);
    if (content === x) return edge;
    // Copied first: only what an op has made may lie anywhere.
    const copied = g.op(copy, [edge], {});
    return g.op(slice, [copied], { begin: x.shape.map(() => 0), size: x.shape });
  });
  const made = [definition.build(g, config, edges, {}, kind)].flat() as Edge[];
  const ends = made.map((edge) => {
    if (!wide || edge.shape.length === 0) return edge;
    return g.op(concat, [g.op(copy, [edge], {}), edge], { axis: -1 });
  });
  const program = new Program(runtime, kind);
  const lowering = new Lowering(program, planLayout(g, given, ends, program));
  const bases = given.map((edge) => lowering.valueOf(edge).base);
  for (const base of bases) program.input(base);
  lowering.write(g);
  const outs = ends.map((edge) => lowering.valueOf(edge));
  for (const out of outs) program.output(out.base);
  program.place();
  bases.forEach((base, i) => {
    write(runtime, base, contents[i]);
  });
  program.run(cut ? { run: inPieces } : undefined);
  const { memory } = runtime;
  const results = outs.map(({ base, shape, dtype }, i): Result => {
    const all = dtype === "int32" ? memory.ints : memory.floats;
    const data = all.slice(base.value / 4, base.value / 4 + sizeOf(shape));
    const own = made[i].shape;
    if (String(own) === String(shape)) return { shape, data };
    // The second half of every row.
    const row = own[own.length - 1];
    return { shape: own, data: data.filter((_, j) => j % (2 * row) >= row) };
  });
  program.dispose();
  return results;
}

/** The same values in rows that are longer, and hold something else behind them. */
function widen({ shape, data }: Plain): Plain {
  const row = shape[shape.length - 1];
  const wide = shape.with(-1, row + ROOM);
  const made = data instanceof Int32Array ? new Int32Array(sizeOf(wide)) : new Float32Array(sizeOf(wide));
  made.fill(7e7);
  for (let i = 0; i < data.length; i++) made[Math.floor(i / row) * (row + ROOM) + (i % row)] = data[i];
  return { shape: wide, data: made };
}

/** Calls `visit` with every index of a shape, in order. */
export function eachIndex(shape: readonly number[], visit: (index: number[], flat: number) => void): void {
  const index = shape.map(() => 0);
  for (let flat = 0, size = sizeOf(shape); flat < size; flat++) {
    visit([...index], flat);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
}

/** The place of an index among the elements of a tensor. */
export const flatten = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((at, size, axis) => at * size + index[axis], 0);

/** A tensor of which `f` says every element. */
export function filled(
  shape: readonly number[],
  dtype: "float32" | "int32",
  f: (index: number[], flat: number) => number,
): Plain & { data: Float32Array | Int32Array } {
  const data = dtype === "int32" ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
  eachIndex(shape, (index, flat) => {
    data[flat] = f(index, flat);
  });
  return { shape, data };
}
