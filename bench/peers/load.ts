// From the bytes of an ONNX file to the first answer, each time in a process of its own, and the memory that takes:
//   npm run bench -- load model.onnx [--rounds=5]
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeHost } from "../roof.ts";
import { figure, table } from "../table.ts";
import { installPeers } from "./install.ts";

/** What load-child.mjs prints. */
interface Loaded {
  /** Milliseconds until the library is ready, the model is, and its first answer. */
  readonly start: number;
  readonly load: number;
  readonly run: number;
  /** How far the process's memory grew at most, in bytes, the file not counted. */
  readonly memory: number;
}

const WHO = {
  convolith: ["convolith"],
  "convolith, prefer memory": ["convolith", "memory"],
  "onnxruntime-web": ["onnxruntime-web"],
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rounds: { type: "string", default: "5" } },
  });
  const [file] = positionals;
  if (file === undefined) throw new Error("name an ONNX file: npm run bench -- load model.onnx");
  installPeers();
  console.log(`${await describeHost()}\n`);
  const results = new Map<string, Loaded[]>(Object.keys(WHO).map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [name, options] of Object.entries(WHO)) {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        ["bench/peers/load-child.mjs", file, ...options],
        { encoding: "utf8" },
      );
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      results.get(name)!.push(JSON.parse(stdout));
    }
  const { size } = statSync(file);
  const rows = [...results].map(([name, loaded]) => {
    const of = (key: keyof Loaded): number => median(loaded.map((each) => each[key]));
    const total = median(loaded.map(({ load, run }) => load + run));
    return [
      ...[name, figure(of("start")), figure(of("load")), figure(of("run")), figure(total)],
      ...[figure(of("memory") / 1e6), `${figure(of("memory") / size)}x`],
    ];
  });
  const head = [
    "milliseconds",
    "library",
    "model",
    "first answer",
    "bytes to answer",
    "MB more",
    "of the file",
  ];
  console.log(`${file}, ${figure(size / 1e6)} MB\n${table(head, rows)}`);
}
