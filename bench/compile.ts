// What compiling takes: `npm run bench -- compile [part of a name]`. Milliseconds of the first compilation and of later ones, weights
// given; then, per byte of weights, what the compiled network holds in linear memory and on the JavaScript heap (garbage collected,
// the caller's own weights let go of).
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { conv2d } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { type Net, nets } from "./nets.ts";
import { load } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { figure, median, table } from "./table.ts";
import { named, netTask } from "./task.ts";

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

/** Bytes on the JavaScript heap and in array buffers, which do not count WebAssembly's memories. */
function heap(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export async function run(args: readonly string[]): Promise<void> {
  const { createEngine } = await load();
  const lines: string[][] = [];
  for (const net of named(subjects, args.join(" "))) {
    // A new engine each: its memory has not grown yet, as in a program that compiles one network.
    const engine = await createEngine();
    const milliseconds: number[] = [];
    const compile = () => {
      const { model, weights } = netTask(net).net;
      const start = performance.now();
      const compiled = engine.compile(model, { weights });
      milliseconds.push(performance.now() - start);
      const bytes = Object.values(weights).reduce((sum, data) => sum + data.byteLength, 0);
      return { compiled, bytes };
    };
    for (let i = 0; i < REPEATS; i++) compile().compiled.dispose();
    const before = heap();
    const { compiled, bytes } = compile();
    const held = heap() - before;
    lines.push([
      net.name,
      ...[milliseconds[0], median(milliseconds.slice(1)), bytes / 1e6].map(figure),
      ...[compiled.bytes.kept / bytes, held / bytes, compiled.bytes.run / 1e6].map(figure),
    ]);
    compiled.dispose();
    engine.dispose();
  }
  const perByte = ["linear memory per weight byte", "heap per weight byte"];
  console.log(`${await describeHost()}\n`);
  console.log(table(["net", "first ms", "median ms", "weights MB", ...perByte, "activations MB"], lines));
}
