// Every library on every layer and every net, in one process, taking turns:
//   npm run bench -- peers [layers | nets | part of a name] [--rounds=7] [--engines=convolith,ort-web]
import { parseArgs } from "node:util";
import { difference } from "../difference.ts";
import { nets } from "../nets.ts";
import { convolith } from "../ours.ts";
import { describeHost } from "../roof.ts";
import { rows } from "../rows.ts";
import { figure, interleave, table } from "../table.ts";
import { type Engine, layerTask, named, netTask, type Runner, type Task } from "../task.ts";
import { installPeers } from "./install.ts";
import { onnxruntimeNode, onnxruntimeWeb } from "./ort.ts";
import { tfjsWasm } from "./tfjs.ts";

const OURS = "convolith";
const NATIVE = "ort-node"; // the ceiling: not a peer that runs where WebAssembly runs
const LOADERS: Record<string, () => Promise<Engine>> = {
  [OURS]: convolith,
  "ort-web": onnxruntimeWeb,
  "tfjs-wasm": tfjsWasm,
  [NATIVE]: onnxruntimeNode,
};
/** How far two engines may differ, relative to the largest value: room for Winograd, none for a mistake. */
const TOLERANCE = 1e-4;

interface Measured {
  name: string;
  mflop: number;
  ms: Record<string, number>;
  /** The worst pair of engines and how far they are apart. */
  pair: string;
  error: number;
}

async function measure(task: Task, engines: readonly Engine[], rounds: number): Promise<Measured> {
  const runners: Record<string, Runner> = {};
  for (const engine of engines) {
    const runner = await engine.create(task);
    if (runner) runners[engine.name] = runner;
  }

  const answers: [string, Float32Array][] = [];
  for (const [name, runner] of Object.entries(runners)) {
    await runner.run();
    answers.push([name, Float32Array.from(runner.output())]);
  }
  let [pair, error] = ["", 0];
  answers.forEach(([name, a], i) => {
    for (const [other, b] of answers.slice(0, i)) {
      const d = difference(b, a);
      if (!(d <= error)) [pair, error] = [`${other} and ${name}`, d];
    }
  });

  const tasks = Object.fromEntries(
    Object.entries(runners).map(([name, runner]) => [name, () => runner.run()]),
  );
  const timings = await interleave(tasks, { rounds });
  const ms = Object.fromEntries(Object.entries(timings).map(([name, { median }]) => [name, median]));
  for (const runner of Object.values(runners)) await runner.dispose();
  return { name: task.name, mflop: task.flops / 1e6, ms, pair, error };
}

function report(measured: readonly Measured[], names: readonly string[], what: string): string {
  const peers = names.filter((name) => name !== OURS && name !== NATIVE);
  const compare = names.includes(OURS) && peers.length > 0;
  const ratios = compare
    ? measured.map(
        ({ ms }) => Math.min(...peers.map((name) => ms[name] ?? Number.POSITIVE_INFINITY)) / ms[OURS],
      )
    : [];
  const times = table(
    ["milliseconds", ...names, ...(compare ? ["times as fast as the best peer"] : []), "max difference"],
    measured.map(({ name, ms, error }, i) => [
      name,
      ...names.map((name) => figure(ms[name])),
      ...(compare ? [`${figure(ratios[i])}x`] : []),
      error.toExponential(1),
    ]),
  );
  const speeds = table(
    ["GFLOP/s", ...names, "MFLOP"],
    measured.map(({ name, mflop, ms }) => [
      name,
      ...names.map((name) => figure(mflop / ms[name])),
      figure(mflop),
    ]),
  );
  const parts = [times, speeds];
  if (compare) {
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    parts.push(`geometric mean of all ${what}: ${figure(mean)}x the best WebAssembly peer`);
  }
  return parts.join("\n\n");
}

interface Choice {
  readonly names: readonly string[];
  readonly rounds: number;
  /** What to measure: "layers", "nets", a part of a name, or nothing for everything. */
  readonly part: string;
}

function parse(args: readonly string[]): Choice {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "7" },
      engines: { type: "string", default: Object.keys(LOADERS).join(",") },
    },
  });
  const names = values.engines.split(",");
  const unknown = names.filter((name) => !(name in LOADERS));
  if (unknown.length)
    throw new Error(`no engine ${unknown.join(", ")}; there are ${Object.keys(LOADERS).join(", ")}`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds=${values.rounds} must be a whole number from 1`);
  return { names, rounds, part: positionals.join(" ") };
}

/** One at a time: the weights of a net are made when its turn has come. */
async function measureAll<T extends { name: string }>(
  list: readonly T[],
  taskOf: (item: T) => Task,
  engines: readonly Engine[],
  rounds: number,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const item of list) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${item.name}`);
    measured.push(await measure(taskOf(item), engines, rounds));
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return measured;
}

export async function run(args: readonly string[]): Promise<void> {
  const { names, rounds, part } = parse(args);
  const everything = part === "layers" || part === "nets" ? "" : part;
  const chosen = new Set<object>(named([...rows, ...nets], everything));
  const layers = part === "nets" ? [] : rows.filter((row) => chosen.has(row));
  const whole = part === "layers" ? [] : nets.filter((net) => chosen.has(net));
  installPeers();
  console.log(`${await describeHost()}\n`);
  const engines: Engine[] = [];
  for (const name of names) engines.push(await LOADERS[name]());

  const measuredLayers = await measureAll(layers, (row) => layerTask(row), engines, rounds);
  if (measuredLayers.length) console.log(`${report(measuredLayers, names, "layers")}\n`);
  const measuredNets = await measureAll(whole, netTask, engines, rounds);
  if (measuredNets.length) console.log(`${report(measuredNets, names, "nets")}\n`);
  for (const { name, pair, error } of [...measuredLayers, ...measuredNets]) {
    if (error <= TOLERANCE) continue;
    console.error(`${name}: ${pair} differ by ${error.toExponential(1)} of the largest value`);
    process.exitCode = 1;
  }
}
