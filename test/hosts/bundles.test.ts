// Programs bundled from the packed package by esbuild, Rollup and webpack: they run, and hold no more than they use.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { bundlers, emptyFolder } from "./bundlers.ts";

const KB = 1024;
const project = inject("project");
const file = join(project, "net.safetensors");
const onnx = join(project, "net.onnx");
const nines = new Array(8).fill(9);
const refused = expect.stringMatching(/^ArgumentError: .*adam\(\)/);

interface Program {
  readonly name: string;
  readonly args?: readonly string[];
  readonly prints: object;
  /** Bytes of minified code that is loaded at once, gzipped, without the binary: what it is today and room for a small change. The aim is 32 KB to predict, 60 KB for everything. */
  readonly limit: number;
}

const programs: readonly Program[] = [
  { name: "eager", prints: { sum: [10], relu: [0, 0, 1, 2], json: [1, 2, 3, 4] }, limit: 84 * KB },
  { name: "predict", prints: { described: nines, json: nines, refused }, limit: 86 * KB },
  { name: "fit", prints: { learns: true, refused }, limit: 120 * KB },
  { name: "safetensors", args: [file], prints: { layers: ["conv2d"], bias: [3, 4] }, limit: 6 * KB },
  // Of the second channel's four pixels: 9 ones and a bias of 4; of the first's: 9 and 3.
  {
    name: "onnx",
    args: [onnx],
    prints: { inputs: { input_1: [1, 4, 4] }, sum: 4 * (12 + 13) },
    limit: 127 * KB,
  },
  // The code of the worker, 120 KB, is a chunk of its own.
  {
    name: "worker",
    args: [file],
    prints: { shape: [[4, 4, 1]], pixels: [12, 13, 12, 13, 12, 13, 12, 13] },
    limit: 14 * KB,
  },
  { name: "nets", prints: { kernel: 2, missing: 101 }, limit: 40 * KB },
  { name: "canny", prints: { row: [0, 0, 0, 255, 0, 0, 0, 0], channels: 1 }, limit: 16 * KB },
  { name: "everything", prints: { value: [10], gradients: [[1, 2, 3, 4]] }, limit: 136 * KB },
];

beforeAll(async () => {
  const entry = pathToFileURL(join(project, "node_modules/convolith/dist/index.js")).href;
  const convolith = (await import(entry)) as typeof import("../../src/index.ts");
  using engine = await convolith.createEngine();
  const model = convolith.sequential([4, 4, 1], [convolith.conv2d({ filters: 2, kernel: 3, name: "c" })]);
  const weights = { "c.kernel": new Float32Array(18).fill(1), "c.bias": new Float32Array([3, 4]) };
  const net = engine.compile(model, { weights });
  writeFileSync(file, net.save());
  const writer = pathToFileURL(join(project, "node_modules/convolith/dist/formats/onnx.js")).href;
  const { toOnnx } = (await import(writer)) as typeof import("../../src/formats/onnx/index.ts");
  writeFileSync(onnx, toOnnx(net));
});

describe.each(Object.entries(bundlers))("%s", (bundler, bundle) => {
  test.each(programs)(
    "bundles $name, which runs and is small",
    async ({ name, args = [], prints, limit }) => {
      const { entry, loaded } = await bundle(join(project, `${name}.js`), emptyFolder(project));
      const bytes = gzipSync(loaded.join(""), { level: 9 }).length;
      console.log(`${bundler}, ${name}: ${(bytes / KB).toFixed(1)} KB gzipped of at most ${limit / KB}`);
      const printed = execFileSync(process.execPath, [entry, ...args], { encoding: "utf8" });
      expect(JSON.parse(printed)).toEqual(prints);
      expect(bytes).toBeLessThanOrEqual(limit);
    },
  );
});
