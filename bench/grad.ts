// Gradients of single ops on this engine alone: `npm run bench -- grad [part of a name]`. First those of convolutions with respect to
// filter and input: as in layers.ts, GFLOP/s and per cent of the roof are of the best run and count the direct sums with full
// borders, so that Winograd's input gradients pass the roof. Then those of ops that wait for memory.
import { readFileSync } from "node:fs";
import { sizeOf } from "../src/graph/op.ts";
import { conv } from "../src/ops/conv.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { hasRelaxedSimd, load } from "../src/runtime/wasm.ts";
import { type GradientRow, gradientProgram } from "./gradient.ts";
import { memoryGradTable, memoryRows } from "./memory-grad.ts";
import { describeHost, measureRoof } from "./roof.ts";
import { figure, interleave, table } from "./table.ts";
import { named } from "./task.ts";

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

/** The gradient of a layer with respect to its input (0) or its filter (1), and its multiply-adds. */
function gradientRow(l: Layer, wrt: 0 | 1): GradientRow & { work: number } {
  const { name, images, size, c, oc, kernel = 3, stride = 1, groups = 1 } = l;
  const inputs = [
    [images, size, size, c],
    [kernel, kernel, c / groups, oc],
  ];
  const params = {
    ...{ stride: [stride, stride], dilation: [1, 1], padding: "half", paddingMode: "zeros", groups },
  };
  const out = Math.ceil(size / stride);
  const work = sizeOf([images, out, out, oc]) * kernel * kernel * (c / groups);
  return { name, op: conv, inputs, params, wrt, work };
}

async function convTable(runtime: Runtime, chosen: readonly Layer[]): Promise<string> {
  const lines: string[][] = [];
  for (const layer of chosen) {
    const rows = { filter: gradientRow(layer, 1), input: gradientRow(layer, 0) };
    const filter = gradientProgram(runtime, rows.filter).program;
    const input = gradientProgram(runtime, rows.input).program;
    const timings = await interleave(
      { filter: () => filter.run(), input: () => input.run() },
      { rounds: 12, time: 30 },
    );
    const { relaxed, baseline } = await measureRoof();
    for (const wrt of ["filter", "input"] as const) {
      const { median, best } = timings[wrt];
      const speed = (2 * rows[wrt].work) / 1e6 / best;
      lines.push([
        ...[layer.name, wrt, figure(median), figure(best), figure(speed)],
        `${Math.round((100 * speed) / (relaxed ?? baseline))} %`,
      ]);
    }
    for (const program of [filter, input]) program.dispose();
  }
  return table(["layer", "gradient wrt", "median ms", "best ms", "GFLOP/s", "of the roof"], lines);
}

export async function run(args: readonly string[]): Promise<void> {
  const chosen = new Set<object>(named([...layers, ...memoryRows], args.join(" ")));
  const binary = readFileSync(`build/${hasRelaxedSimd() ? "relaxed" : "simd"}.wasm`);
  const runtime = new Runtime(await load(binary));
  console.log(`${await describeHost()}\n`);
  const convs = layers.filter((layer) => chosen.has(layer));
  if (convs.length) console.log(`${await convTable(runtime, convs)}\n`);
  const others = memoryRows.filter((row) => chosen.has(row));
  if (others.length) console.log(await memoryGradTable(runtime, others));
}
