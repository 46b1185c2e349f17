// Gradients that do little with every value: `npm run bench:memory-grad [-- part of a row's name]`. As in memory.ts, a row's bytes
// are what it reads (dy, and those inputs and outputs of the op that its gradient is made from) and the gradient it writes, once
// each, and the yardstick is a plain copy of as many bytes in the same run.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, type Op, type Shape, sizeOf } from "../src/graph/op.ts";
import { binary } from "../src/ops/elementwise.ts";
import { pad } from "../src/ops/pad.ts";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../src/ops/pool.ts";
import { reduce } from "../src/ops/reduce.ts";
import { resize } from "../src/ops/resize.ts";
import { concat, depthToSpace, slice, split, transpose } from "../src/ops/shape.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { Address } from "../src/runtime/address.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { hasRelaxedSimd, load } from "../src/runtime/wasm.ts";
import { copyOf } from "./copy.ts";
import { noise } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";

interface Row {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
  readonly op: Op<any>;
  readonly inputs: readonly Shape[];
  readonly params: object;
  /** The input whose gradient is measured. */
  readonly by: number;
}

const row = <P extends object>(
  name: string,
  op: Op<P>,
  inputs: readonly Shape[],
  params: P,
  by = 0,
): Row => ({
  ...{ name, op, inputs, params, by },
});

const window = (size: number, stride: number, padding = 0) => ({
  ...{ kernel: [size, size], stride: [stride, stride], dilation: [1, 1], padding, ceilMode: false },
});
const max = (name: string, x: Shape, size: number, stride: number, padding = 0): Row =>
  row(`max pool ${size}x${size}/${stride} ${name}`, maxPool, [x], window(size, stride, padding));
const average = (name: string, x: Shape, size: number, stride: number, padding = 0): Row =>
  row(`average pool ${size}x${size}/${stride} ${name}`, avgPool, [x], {
    ...window(size, stride, padding),
    countIncludePad: false,
  });
const map = [8, 56, 56, 64];

const rows: readonly Row[] = [
  max("32 x 28² 16", [32, 28, 28, 16], 2, 2),
  max("8 x 32² 64", [8, 32, 32, 64], 2, 2),
  max("112² 128", [1, 112, 112, 128], 2, 2),
  max("32 x 28² 6", [32, 28, 28, 6], 2, 2),
  max("256² 3", [1, 256, 256, 3], 2, 2),
  max("32 x 28² 1", [32, 28, 28, 1], 2, 2),
  max("4 x 112² 64", [4, 112, 112, 64], 3, 2, 1),
  max("28² 192", [4, 28, 28, 192], 3, 1, 1),
  max("13² 512", [1, 13, 13, 512], 5, 1, 2),
  max("13² 512", [1, 13, 13, 512], 13, 1, 6),
  row("max pool 2/2 8 x 1024 64", maxPool, [[8, 1024, 64]], {
    ...{ kernel: [2], stride: [2], dilation: [1], padding: 0, ceilMode: false },
  }),
  average("56² 128", [2, 56, 56, 128], 2, 2),
  average("32 x 28² 6", [32, 28, 28, 6], 2, 2),
  average("4 x 28² 192", [4, 28, 28, 192], 3, 1, 1),
  average("4 x 56² 64", [4, 56, 56, 64], 3, 2, 1),
  average("512² 1", [1, 512, 512, 1], 5, 1, 2),
  row("global average 8 x 7² 2048", globalAvgPool, [[8, 7, 7, 2048]], { keepDims: false }),
  row("global average 8 x 56² 64", globalAvgPool, [map], { keepDims: false }),
  row("global average 32 x 28² 10", globalAvgPool, [[32, 28, 28, 10]], { keepDims: false }),
  row("global max 56² 256", globalMaxPool, [[2, 56, 56, 256]], { keepDims: false }),
  ...(["linear", "nearest"] as const).flatMap((method) => {
    const p = (size: number) => ({ size: [size, size], method, coordinates: "halfPixel" as const });
    return [
      row(`resize ${method} 2x 64² 64`, resize, [[1, 64, 64, 64]], p(128)),
      row(`resize ${method} 4x 129² 21`, resize, [[1, 129, 129, 21]], p(516)),
      row(`resize ${method} 0.5x 512² 3`, resize, [[1, 512, 512, 3]], p(224)),
      row(`resize ${method} 2x 256² 1`, resize, [[1, 256, 256, 1]], p(512)),
    ];
  }),
  ...(["constant", "reflect", "replicate"] as const).map((mode) =>
    row(`pad 1, ${mode}, 256² 32`, pad, [[1, 256, 256, 32]], {
      pads: [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      ...{ mode, value: 0 },
    }),
  ),
  row("concat 56² 64 + 64", concat, [map, map], { axis: 3 }),
  row("slice 28² 256", slice, [[8, 28, 28, 256]], { begin: [0, 0, 0, 128], size: [8, 28, 28, 128] }),
  row("split 28² 256", split, [[8, 28, 28, 256]], { axis: 3, sizes: [128, 128] }),
  row("transpose NHWC to NCHW 56² 64", transpose, [map], { perm: [0, 3, 1, 2] }),
  row("depth to space 2x 128² 12", depthToSpace, [[1, 128, 128, 12]], { block: 2, order: "dcr" }),
  row("add of a bias, 56² 64", binary, [map, [64]], { kind: "add" }, 1),
  row("add of a bias, 112² 5", binary, [[8, 112, 112, 5], [5]], { kind: "add" }, 1),
  row("add of a bias, 256² 3", binary, [[1, 256, 256, 3], [3]], { kind: "add" }, 1),
  row("mul by channels, by x", binary, [map, [8, 1, 1, 64]], { kind: "mul" }),
  row("mul by channels, by them", binary, [map, [8, 1, 1, 64]], { kind: "mul" }, 1),
  row("mul by a vector, by it", binary, [map, [64]], { kind: "mul" }, 1),
  row("mul by a number, by it", binary, [map, [1]], { kind: "mul" }, 1),
  row("mul by pixels, by them", binary, [map, [8, 56, 56, 1]], { kind: "mul" }, 1),
  row("div by a vector, by it", binary, [map, [64]], { kind: "div" }, 1),
  row("max of two", binary, [map, map], { kind: "max" }),
  row("sum over pixels", reduce, [map], { kind: "sum", axes: [1, 2], keepDims: false }),
  row("mean over channels", reduce, [map], { kind: "mean", axes: [3], keepDims: false }),
  row("mean of all", reduce, [map], { kind: "mean", axes: [0, 1, 2, 3], keepDims: false }),
  row("max over channels", reduce, [map], { kind: "max", axes: [3], keepDims: false }),
  row("max over pixels", reduce, [map], { kind: "max", axes: [1, 2], keepDims: false }),
];

/** The gradient as a program that has its operands, and the bytes it must move. Outputs of the op are computed, not made up. */
function gradient(
  runtime: Runtime,
  { name, op, inputs, params, by }: Row,
): { program: Program; bytes: number } {
  const graph = new Graph();
  const xs = inputs.map((shape) => new Edge(float32(shape)));
  const ys = graph.apply(op, xs, params);
  const [node] = graph.nodes;
  const dys = ys.map((y) => new Edge(float32(y.shape)));
  const wanted = xs.map((_, i) => i === by);
  const dx = GRADIENTS.get(op)!(graph, node, dys, wanted)[by]!;
  graph.nodes.shift();
  graph.prune([dx]);
  const given = [...xs, ...ys, ...dys].filter((edge) => graph.nodes.some((n) => n.inputs.includes(edge)));

  const place = (program: Program, lowering: Lowering, edges: readonly Edge[]): void => {
    for (const edge of edges) {
      lowering.place(edge, Address.of(sizeOf(edge.shape) * 4, "run"));
      program.input(lowering.valueOf(edge).base);
    }
  };
  // Forward, once, for the values of ys.
  const before = new Program(runtime, name);
  const forward = new Lowering(before);
  const own = new Graph();
  own.nodes = [node];
  place(before, forward, xs);
  forward.write(own);
  for (const y of ys) before.output(forward.valueOf(y).base);
  before.place();
  const { floats } = runtime.memory;
  xs.forEach((x, i) => {
    floats.set(noise(sizeOf(x.shape), i + 1), forward.valueOf(x).base.value / 4);
  });
  before.run();
  const values = new Map<Edge, Float32Array>();
  for (const edge of [...xs, ...ys]) {
    const at = forward.valueOf(edge).base.value / 4;
    values.set(edge, floats.slice(at, at + sizeOf(edge.shape)));
  }
  before.dispose();

  const program = new Program(runtime, name);
  const lowering = new Lowering(program);
  place(program, lowering, given);
  lowering.write(graph);
  program.output(lowering.valueOf(dx).base);
  program.place();
  given.forEach((edge, i) => {
    const data = values.get(edge) ?? noise(sizeOf(edge.shape), i + 7);
    runtime.memory.floats.set(data, lowering.valueOf(edge).base.value / 4);
  });
  return { program, bytes: 4 * [...given, dx].reduce((sum, { shape }) => sum + sizeOf(shape), 0) };
}

const part = (process.argv[2] ?? "").toLowerCase();
const chosen = rows.filter((r) => r.name.toLowerCase().includes(part));
if (!chosen.length) throw new Error(`no row's name contains "${part}"`);
const runtime = new Runtime(await load(readFileSync(`build/${hasRelaxedSimd() ? "relaxed" : "simd"}.wasm`)));
const lines: string[][] = [];
for (const of of chosen) {
  const { program, bytes } = gradient(runtime, of);
  const copy = await copyOf(bytes / 2);
  const { run, loop, bulk } = await interleave(
    { run: () => program.run(), loop: () => copy.loop(), bulk: () => copy.bulk() },
    { rounds: 8, time: 20, warmup: 40 },
  );
  lines.push([
    ...[of.name, figure(bytes / 1e6), figure(1e3 * run.median), figure(1e3 * run.best)],
    figure(bytes / 1e6 / run.best),
    `${Math.round((100 * loop.best) / run.best)} %`,
    `${Math.round((100 * bulk.best) / run.best)} %`,
  ]);
  program.dispose();
}
console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread\n`);
console.log(
  table(["gradient of", "MB", "median µs", "best µs", "GB/s", "of a loop", "of memory.copy"], lines),
);
