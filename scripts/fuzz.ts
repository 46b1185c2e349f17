// Long runs of the fuzzers:
//   npm run fuzz -- formats --mutants 100000 --seed 1 [--only tfjs] [--from 4711]
//   npm run fuzz -- ops --calls 200000 --seed 1 [--only 4711]
//   npm run fuzz -- kinds --calls 200000 --seed 1 [--only 4711]
//   npm run fuzz -- images --calls 200000 --seed 1 [--only 4711]
//
// For formats the work is done in a thread that is watched: one that takes too long over a mutant, or too much memory, is ended, which is a defect
// found, and another goes on behind that mutant.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import {
  count,
  FORMATS,
  type Format,
  FormatFuzzer,
  MOST_MS,
  newTally,
  type Tally,
} from "../test/fuzz-formats.ts";
import { fuzzImages } from "../test/fuzz-images.ts";
import { fuzzKinds } from "../test/fuzz-kinds.ts";
import { fuzzOps } from "../test/fuzz-ops.ts";

interface Options {
  mutants: number;
  calls: number;
  seed: number;
  from: number;
  only: string | undefined;
}

/** A fuzzer: how many defects it found. */
type Program = (options: Options) => Promise<number>;

/** What can be fuzzed, by the first argument. Further fuzzers are entries here. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  formats: fuzzFormats,
  ops: fuzzCalls("ops", fuzzOps),
  kinds: fuzzCalls("kinds", (options) =>
    fuzzKinds({ ...options, wasm: new Uint8Array(readFileSync("build/checked.wasm")) }),
  ),
  images: fuzzCalls("images", (options) =>
    fuzzImages({ ...options, wasm: new Uint8Array(readFileSync("build/checked.wasm")) }),
  ),
};

interface Work {
  format: Format;
  seed: number;
  from: number;
  to: number;
  /** Number of the mutant that is read, and since when in ms: -1 before the first. */
  state: SharedArrayBuffer;
}

/** Between two looks at a worker, in ms. */
const LOOK = 200;
/** Mutants between two reports of a worker. */
const REPORT = 100;
/** Above what the process has at the beginning. */
const MOST_MEMORY = 768 * 2 ** 20;

async function work({ format, seed, from, to, state }: Work): Promise<void> {
  const now = new Float64Array(state);
  const fuzzer = await FormatFuzzer.create();
  let tally = newTally();
  for (let n = from; n < to; n++) {
    now[1] = Date.now();
    now[0] = n;
    count(tally, n, fuzzer.run(format, seed, n));
    if ((n + 1) % REPORT && n + 1 < to && !tally.defects.length) continue;
    parentPort!.postMessage(tally);
    tally = newTally();
  }
}

/** Runs a worker until it is done or is ended; from which mutant on to continue. */
function watch(work: Work, report: (tally: Tally) => void): Promise<number> {
  const now = new Float64Array(work.state);
  now[0] = -1;
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  return new Promise((resolve) => {
    const stop = (why: string): void => {
      const mutant = Math.max(now[0], work.from);
      clearInterval(timer);
      worker.removeAllListeners();
      // What it still says while it ends.
      worker.on("error", () => {});
      report({ ...newTally(), mutants: 1, kinds: { ended: 1 }, defects: [{ mutant, defect: why }] });
      worker.terminate().then(() => resolve(mutant + 1));
    };
    const timer = setInterval(() => {
      const ms = now[0] < 0 ? 0 : Date.now() - now[1];
      if (ms > 4 * MOST_MS) stop(`hangs: ended after ${ms} ms`);
      else if (process.memoryUsage.rss() > MOST_MEMORY) stop("takes too much memory");
    }, LOOK);
    worker.on("message", report);
    worker.on("error", (error) => stop(`ends the thread: ${error.message}`));
    worker.on("exit", () => {
      clearInterval(timer);
      resolve(work.to);
    });
  });
}

async function fuzzFormats({ mutants, seed, from, only }: Options): Promise<number> {
  let defects = 0;
  for (const format of FORMATS.filter((name) => only === undefined || name === only)) {
    const all = newTally();
    const start = performance.now();
    const add = (tally: Tally): void => {
      all.mutants += tally.mutants;
      for (const [kind, n] of Object.entries(tally.kinds)) all.kinds[kind] = (all.kinds[kind] ?? 0) + n;
      if (tally.slowest.ms > all.slowest.ms) all.slowest = tally.slowest;
      all.taken = Math.max(all.taken, tally.taken);
      for (const { mutant, defect } of tally.defects) {
        defects++;
        console.log(`${format}, --seed ${seed} --from ${mutant} --mutants 1: ${defect.slice(0, 1500)}\n`);
      }
    };
    const state = new SharedArrayBuffer(16);
    for (let next = from; next < from + mutants; )
      next = await watch({ format, seed, from: next, to: from + mutants, state }, add);
    const kinds = Object.entries(all.kinds).map(([kind, n]) => `${kind} ${n}`);
    console.log(
      `${format}: ${all.mutants} mutants in ${Math.round((performance.now() - start) / 1000)} s: ${kinds.join(", ")}; ` +
        `slowest ${all.slowest.ms.toFixed(0)} ms (${all.slowest.mutant}), most memory of one ${(all.taken / 2 ** 20).toFixed(1)} MB`,
    );
  }
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(`peak of the process ${peak.toFixed(0)} MB; ${defects} defects`);
  return defects;
}

function fuzzCalls(name: string, fuzz: typeof fuzzOps): Program {
  return async ({ calls, seed, only }) => {
    const start = performance.now();
    const number = only === undefined ? {} : { only: Number(only) };
    const { ok, refused, wrong } = await fuzz({ calls, seed, ...number, log: console.log });
    for (const what of wrong) console.log(what);
    console.log(
      `${name}: ${calls} calls in ${Math.round((performance.now() - start) / 1000)} s: ${ok} right, ${refused} refused, ` +
        `${calls - ok - refused - wrong.length} left out (too large for the oracle), ${wrong.length} wrong`,
    );
    return wrong.length;
  };
}

if (isMainThread) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      mutants: { type: "string", default: "10000" },
      calls: { type: "string", default: "20000" },
      seed: { type: "string", default: "1" },
      from: { type: "string", default: "0" },
      only: { type: "string" },
    },
  });
  const program = PROGRAMS[positionals[0]];
  if (!program) throw new Error(`what is to be fuzzed? One of ${Object.keys(PROGRAMS).join(", ")}`);
  const { only, ...numbers } = values;
  const [mutants, calls, seed, from] = [numbers.mutants, numbers.calls, numbers.seed, numbers.from].map(
    Number,
  );
  const found = await program({ mutants, calls, seed, from, only });
  process.exitCode = found ? 1 : 0;
} else await work(workerData as Work);
