// Random calls of every eager op against the oracle, with parameters from sane to hostile. A call must give the oracle's result or a
// ConvolithError; never a trap, another exception, a hang or lost memory. The same seed makes the same calls.
import { createEngine } from "../src/engine/create.ts";
import { ConvolithError } from "../src/errors.ts";
import { Tensor } from "../src/tensor.ts";
import { describe } from "../src/validate.ts";
import { type FuzzCall, generators, type Values } from "./fuzz-ops-calls.ts";
import type { Result } from "./oracle.ts";

/** Engines are made anew after so many calls, so that what memory a call asks for shows. */
const CALLS_PER_ENGINE = 500;
/** Calls whose results would have more elements are left out, unless they have so many that they must be refused. */
const MAX_ELEMENTS = 2 ** 21;
const MUST_REFUSE = 2 ** 29;
/** What a call may take: milliseconds, and bytes of memory beside those of its inputs and results, per byte of these. */
const MAX_MS = 2000;
const MAX_BYTES = 8 * 2 ** 20;
const BYTES_PER_BYTE = 80;

export interface FuzzReport {
  calls: number;
  ok: number;
  refused: number;
  /** What went wrong, each with the seed and number that make the call again. Calls in none of the three were left out. */
  wrong: string[];
}

/** Numbers in [0, 1) by the state. */
export type Random = () => number;

function mulberry32(seed: number): Random {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, t) => sum + 4 * t.size, 0);

/** A message where the results are not those expected. */
function difference(
  results: readonly Tensor[],
  expected: readonly Result[],
  call: FuzzCall,
): string | undefined {
  if (results.length !== expected.length) return `${results.length} results, not ${expected.length}`;
  for (const [i, want] of expected.entries()) {
    const got = results[i];
    if (String(got.shape) !== String(want.shape)) return `shape [${got.shape}], not [${want.shape}]`;
    const data = got.data(got.dtype);
    const bound = call.bound?.();
    let [error, norm] = [0, 0];
    let first = -1;
    for (let j = 0; j < data.length; j++) {
      const wanted = Math.fround(want.data[j]);
      if (Object.is(data[j], wanted) || data[j] === wanted) continue;
      const allowed = bound === undefined ? 0 : typeof bound === "number" ? bound : bound[j];
      if (Math.abs(data[j] - want.data[j]) <= allowed) continue;
      if (first < 0) first = j;
    }
    if (first < 0) continue;
    // Winograd's error is spread over a tile.
    for (let j = 0; j < data.length; j++) {
      error += (data[j] - want.data[j]) ** 2;
      norm += want.data[j] ** 2;
    }
    if (call.winograd && Math.sqrt(error / norm) < 3e-6) continue;
    return `element ${first} of [${got.shape}] is ${data[first]}, not ${want.data[first]}`;
  }
  return undefined;
}

export async function fuzzOps({
  calls,
  seed,
  only,
  log = () => {},
}: {
  calls: number;
  seed: number;
  /** The number of the only call that is run: to see what was wrong with it. */
  only?: number;
  log?: (line: string) => void;
}): Promise<FuzzReport> {
  const report: FuzzReport = { calls, ok: 0, refused: 0, wrong: [] };
  const names = Object.keys(generators);
  let engine = await createEngine();
  for (let n = 0; n < calls; n++) {
    if (only !== undefined && n !== only) continue;
    if (n % CALLS_PER_ENGINE === 0 && n > 0) {
      engine.dispose();
      engine = await createEngine();
    }
    // Each call has a seed of its own, so that one can be made without those before it.
    const random = mulberry32(seed * 1_000_003 + n);
    const name = names[Math.floor(random() * names.length)];
    const call = generators[name](random);
    const fail = (what: string): void => {
      const shapes = call.inputs.map((t) => (isValues(t) ? `[${t.shape}]` : describe(t)));
      const line = `seed ${seed} call ${n}: ${call.method}(${shapes.join(", ")}, ${describe(call.options, 4)}): ${what}`;
      report.wrong.push(line);
      log(line);
    };
    if (n > 0 && n % 10_000 === 0)
      log(`${n} calls: ${report.ok} right, ${report.refused} refused, ${report.wrong.length} wrong`);
    const elements = call.elements();
    if (elements > MAX_ELEMENTS && elements < MUST_REFUSE) continue;
    const tensors = call.inputs.map((t) =>
      isValues(t) ? engine.tensor(Float32Array.from(t.data), t.shape) : t,
    );
    const own = tensors.filter((t): t is Tensor => t instanceof Tensor);
    const before = engine.memory;
    const start = performance.now();
    let results: Tensor[] = [];
    try {
      const method = (engine as unknown as Record<string, (...args: unknown[]) => Tensor | Tensor[]>)[
        call.method
      ];
      results = [method.apply(engine, call.args(tensors))].flat();
    } catch (error) {
      if (error instanceof ConvolithError) {
        report.refused++;
        if (call.sane) fail(`refused: ${error.message}`);
        if (error.message.includes("internal")) fail(error.message);
      } else fail(`${error}`);
      if (engine.memory.live !== before.live)
        fail(`${engine.memory.live - before.live} bytes are left behind`);
      if (error instanceof WebAssembly.RuntimeError) engine = await createEngine();
      else for (const t of own) t.dispose();
      continue;
    }
    const ms = performance.now() - start;
    if (ms > MAX_MS) fail(`took ${ms.toFixed(0)} ms`);
    const took = engine.memory.capacity - before.capacity - MAX_BYTES;
    if (took > BYTES_PER_BYTE * (bytesOf(own) + bytesOf(results))) {
      fail(`took ${took} bytes`);
      engine.dispose();
      engine = await createEngine();
      continue;
    }
    let expected: Result[] | undefined;
    try {
      expected = call.expected();
    } catch (error) {
      fail(`gives shape [${results[0].shape}] where the oracle says ${error}`);
    }
    if (expected) {
      const what = difference(results, expected, call);
      if (what) fail(what);
      else report.ok++;
    }
    for (const t of [...own, ...results]) t.dispose();
    if (engine.memory.live !== before.live - bytesAligned(own)) fail("bytes are left behind");
  }
  engine.dispose();
  return report;
}

const bytesAligned = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, t) => sum + Math.ceil((4 * t.size) / 64) * 64, 0);

const isValues = (t: unknown): t is Values =>
  typeof t === "object" && t !== null && "data" in t && "shape" in t;
