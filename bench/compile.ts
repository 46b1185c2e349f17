// What compiling takes: `npm run bench -- compile [part of a name]`. Milliseconds of the first compilation and of later ones, weights
// given; then, per byte of weights, what the compiled network holds in linear memory and in JavaScript arrays after the garbage has been
// collected and the caller has let go of the weights.
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Engine, Network } from "../src/index.ts";
import { conv2d } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { Builder } from "../src/model/graph-builder.ts";
import { type Net, nets } from "./nets.ts";
import { load } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { figure, median, table } from "./table.ts";
import { named } from "./task.ts";

const REPEATS = 7;

const eight = (size: number): Omit<Net, "parameters"> => ({
  name: `8 x 3x3 ${size}² 64`,
  model: sequential(
    [size, size, 64],
    Array.from({ length: 8 }, () => conv2d({ filters: 64, kernel: 3, padding: "same", activation: "relu" })),
  ),
});

const subjects = [256, 512, 1024].map(eight).concat(nets.filter(({ name }) => name === "ResNet-50"));

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes of arrays (WebAssembly's memories are not counted among them) and of other objects. */
async function heap(): Promise<{ arrays: number; objects: number }> {
  // Buffers are counted until the collector has swept them, which it does in the background.
  for (let i = 0; i < 3; i++) {
    collect();
    await setTimeout(20);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { arrays: arrayBuffers, objects: heapUsed };
}

/** A network compiled with weights that nobody else keeps, the milliseconds that took, and the bytes of those weights. */
function compile(engine: Engine, { model }: Pick<Net, "model">): { net: Network; ms: number; bytes: number } {
  const { weights } = new Builder(model, 1, { seed: 1 });
  const start = performance.now();
  const net = engine.compile(model, { weights });
  const ms = performance.now() - start;
  return { net, ms, bytes: Object.values(weights).reduce((sum, data) => sum + data.byteLength, 0) };
}

/** In a new engine, whose memory has not grown yet, as in a program that compiles one network. */
async function measure(subject: Omit<Net, "parameters">): Promise<string[]> {
  const { createEngine } = await load();
  const engine = await createEngine();
  const milliseconds = Array.from({ length: REPEATS }, () => {
    const { net, ms } = compile(engine, subject);
    net.dispose();
    return ms;
  });
  const before = await heap();
  const { net, bytes } = compile(engine, subject);
  const after = await heap();
  const line = [
    subject.name,
    ...[milliseconds[0], median(milliseconds.slice(1)), bytes / 1e6].map(figure),
    ...[net.bytes.kept / bytes, (after.arrays - before.arrays) / bytes].map(figure),
    ...[(after.objects - before.objects) / 1e6, net.bytes.run / 1e6].map(figure),
  ];
  engine.dispose();
  return line;
}

export async function run(args: readonly string[]): Promise<void> {
  const lines: string[][] = [];
  for (const subject of named(subjects, args.join(" "))) lines.push(await measure(subject));
  const perByte = ["linear memory per weight byte", "JS arrays per weight byte"];
  console.log(`${await describeHost()}\n`);
  console.log(
    table(
      ["net", "first ms", "median ms", "weights MB", ...perByte, "JS objects MB", "activations MB"],
      lines,
    ),
  );
}
