// Gradients of convolutions by filter and by input, on this engine alone: `npm run bench:grad [-- part of a name]`. As in
// layers.ts, GFLOP/s and per cent of the roof are of the best run, and count the direct sums with full borders; Winograd's
// input gradients pass the roof.
import { readFileSync } from "node:fs";
import { Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { float32, sizeOf } from "../src/graph/op.ts";
import { conv } from "../src/ops/conv.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { Address } from "../src/runtime/address.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { hasRelaxedSimd, load } from "../src/runtime/wasm.ts";
import { describeHost, measureRoof } from "./roof.ts";
import { noise } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";

/** A square map, a square filter with the padding that keeps the size at stride 1. */
interface Layer {
  name: string;
  images: number;
  size: number;
  c: number;
  oc: number;
  kernel?: number;
  stride?: number;
  groups?: number;
}

const mnist = (size: number, c: number, oc: number): Layer => ({
  ...{ name: `MNIST 3x3 ${size}² ${c}→${oc}`, images: 64, size, c, oc },
});
const vgg = (size: number, c: number, oc: number): Layer => ({
  ...{ name: `VGG 3x3 ${size}² ${c}→${oc}`, images: 32, size, c, oc },
});

const layers: readonly Layer[] = [
  mnist(28, 1, 16),
  mnist(14, 16, 32),
  mnist(28, 16, 32),
  vgg(32, 3, 32),
  vgg(32, 32, 32),
  vgg(16, 32, 64),
  vgg(16, 64, 64),
  vgg(8, 64, 128),
  vgg(8, 128, 128),
  { name: "1x1 14² 256→64", images: 8, size: 14, c: 256, oc: 64, kernel: 1 },
  { name: "3x3/2 32² 64→64", images: 8, size: 32, c: 64, oc: 64, stride: 2 },
  { name: "3x3 28² 64→64, 4 groups", images: 8, size: 28, c: 64, oc: 64, groups: 4 },
  { name: "depthwise 3x3 28² 96", images: 8, size: 28, c: 96, oc: 96, groups: 96 },
  { name: "depthwise 5x5 14² 240", images: 8, size: 14, c: 240, oc: 240, kernel: 5, groups: 240 },
  { name: "depthwise 3x3/2 28² 96", images: 8, size: 28, c: 96, oc: 96, stride: 2, groups: 96 },
];

/** One gradient of a layer as a program, and its multiply-adds. */
function gradient(runtime: Runtime, l: Layer, which: "input" | "filter"): { program: Program; work: number } {
  const { images, size, c, oc, kernel = 3, stride = 1, groups = 1 } = l;
  const x = new Edge(float32([images, size, size, c]));
  const w = new Edge(float32([kernel, kernel, c / groups, oc]));
  const graph = new Graph();
  graph.enter(l.name, l.name);
  const [s, d] = [
    [stride, stride],
    [1, 1],
  ];
  const y = graph.op(conv, [x, w], { stride: s, dilation: d, padding: "half", paddingMode: "zeros", groups });
  const node = graph.nodes[0];
  const dy = new Edge(float32(y.shape));
  const wanted = which === "input" ? [true, false] : [false, true];
  const out = GRADIENTS.get(conv)!(graph, node, [dy], wanted)[wanted.indexOf(true)]!;
  graph.prune([out]);
  const program = new Program(runtime, l.name);
  const lowering = new Lowering(program);
  const inputs = [x, w, dy].filter((edge) => graph.nodes.some((n) => n.inputs.includes(edge)));
  for (const edge of inputs) {
    lowering.place(edge, Address.of(sizeOf(edge.shape) * 4, "run"));
    program.input(lowering.valueOf(edge).base);
  }
  lowering.write(graph);
  program.output(lowering.valueOf(out).base);
  program.place();
  inputs.forEach((edge, i) => {
    runtime.memory.floats.set(noise(sizeOf(edge.shape), i + 1), lowering.valueOf(edge).base.value / 4);
  });
  return { program, work: sizeOf(y.shape) * kernel * kernel * (c / groups) };
}

const part = (process.argv[2] ?? "").toLowerCase();
const binary = readFileSync(`build/${hasRelaxedSimd() ? "relaxed" : "simd"}.wasm`);
const runtime = new Runtime(await load(binary));
console.log(`${await describeHost()}\n`);
const lines: string[][] = [];
for (const layer of layers.filter(({ name }) => name.toLowerCase().includes(part))) {
  const tasks = { filter: gradient(runtime, layer, "filter"), input: gradient(runtime, layer, "input") };
  const timings = await interleave(
    { filter: () => tasks.filter.program.run(), input: () => tasks.input.program.run() },
    { rounds: 12, time: 30 },
  );
  const { relaxed, baseline } = await measureRoof();
  for (const which of ["filter", "input"] as const) {
    const { program, work } = tasks[which];
    const { median, best } = timings[which];
    const speed = (2 * work) / 1e6 / best;
    lines.push([
      ...[layer.name, which, figure(median), figure(best), figure(speed)],
      `${Math.round((100 * speed) / (relaxed ?? baseline))} %`,
    ]);
    program.dispose();
  }
}
console.log(table(["layer", "gradient by", "median ms", "best ms", "GFLOP/s", "of the roof"], lines));
