// Every engine on every layer, in one process, taking turns:
//   npm run bench:peers -- [part of a row's name] [--rounds=7] [--engines=convolith,ort-web]
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { convolith } from "../ours.ts";
import { measureRoof } from "../roof.ts";
import { type Engine, flops, operandsOf, outSize, type Row, type Runner, rows } from "../rows.ts";
import { figure, interleave, table } from "../table.ts";
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

/** The largest difference relative to the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= most)) most = d; // a NaN stays
    largest = Math.max(largest, Math.abs(a[i]));
  }
  return most / largest;
}

interface Measured {
  row: Row;
  ms: Record<string, number>;
  /** The worst pair of engines and how far they are apart. */
  pair: string;
  error: number;
}

async function measure(row: Row, engines: Engine[], rounds: number): Promise<Measured> {
  const { x, w, bias } = operandsOf(row);
  const runners: Record<string, Runner> = {};
  for (const engine of engines) runners[engine.name] = await engine.create(row, x, w, bias);

  const answers: [string, Float32Array][] = [];
  for (const [name, runner] of Object.entries(runners)) {
    await runner.run();
    answers.push([name, Float32Array.from(runner.output())]);
  }
  let [pair, error] = ["", 0];
  const [oh, ow] = outSize(row);
  answers.forEach(([name, a], i) => {
    if (a.length !== oh * ow * row.oc)
      [pair, error] = [`${name} and the row's size`, Number.POSITIVE_INFINITY];
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
  return { row, ms, pair, error };
}

function report(measured: Measured[], names: string[]): string {
  const peers = names.filter((name) => name !== OURS && name !== NATIVE);
  const compare = names.includes(OURS) && peers.length > 0;
  const ratios = compare
    ? measured.map(({ ms }) => Math.min(...peers.map((name) => ms[name])) / ms[OURS])
    : [];
  const times = table(
    ["milliseconds", ...names, ...(compare ? ["times as fast as the best peer"] : []), "max difference"],
    measured.map(({ row, ms, error }, i) => [
      row.name,
      ...names.map((name) => figure(ms[name])),
      ...(compare ? [`${figure(ratios[i])}x`] : []),
      error.toExponential(1),
    ]),
  );
  const speeds = table(
    ["GFLOP/s", ...names, "MFLOP"],
    measured.map(({ row, ms }) => {
      const mflop = flops(row) / 1e6;
      return [row.name, ...names.map((name) => figure(mflop / ms[name])), figure(mflop)];
    }),
  );
  const parts = [times, speeds];
  if (compare) {
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    parts.push(`geometric mean of all layers: ${figure(mean)}x the best WebAssembly peer`);
  }
  return parts.join("\n\n");
}

const { values, positionals } = parseArgs({
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
const wanted = (positionals[0] ?? "").toLowerCase();
const chosen = rows.filter((row) => row.name.toLowerCase().includes(wanted));
if (!chosen.length)
  throw new Error(`no row's name contains "${wanted}"; there are ${rows.map((row) => row.name).join("; ")}`);

const roof = await measureRoof();
const fused = roof.relaxed ? `${figure(roof.relaxed)} fused multiply-add, ` : "";
console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread`);
console.log(`the roof of 128-bit SIMD, GFLOP/s: ${fused}${figure(roof.baseline)} multiply and add\n`);

const engines: Engine[] = [];
for (const name of names) engines.push(await LOADERS[name]());
const measured: Measured[] = [];
for (const row of chosen) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${row.name}`);
  measured.push(await measure(row, engines, rounds));
}
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
console.log(report(measured, names));

const wrong = measured.filter(({ error }) => !(error <= TOLERANCE));
for (const { row, pair, error } of wrong)
  console.error(`${row.name}: ${pair} differ by ${error.toExponential(1)} of the largest value`);
if (wrong.length) process.exitCode = 1;
