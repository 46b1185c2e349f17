// Runs one op in every build, whole and cut into odd pieces, with its weights constant and not.
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { denseValue, type Op, sizeOf, type TensorType, type Value } from "../src/graph/op.ts";
import { Address } from "../src/runtime/address.ts";
import { type BoundCall, type Executor, runRange } from "../src/runtime/executor.ts";
import { threadWorker } from "../src/runtime/hosts/default.ts";
import { Runtime, type RuntimeOptions } from "../src/runtime/instance.ts";
import { Program } from "../src/runtime/program.ts";
import { loadShared, startThreads } from "../src/runtime/thread-pool.ts";
import { hasRelaxedSimd, load, make } from "../src/runtime/wasm.ts";

/** A tensor of floats, or of int32 where `data` is an Int32Array. */
export interface Plain {
  shape: readonly number[];
  data: ArrayLike<number>;
}

export function typeOf({ shape, data }: Plain): TensorType {
  return { shape, dtype: data instanceof Int32Array ? "int32" : "float32" };
}

/** Writes the values from an address on. */
export function write({ memory }: Runtime, base: Address, { data }: Plain): void {
  if (data instanceof Int32Array) memory.ints.set(data, base.value / 4);
  else memory.floats.set(Float32Array.from(data), base.value / 4);
}

export interface Result {
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

export type Build = "simd" | "relaxed" | "checked";
const asked = process.env.TEST_BUILDS?.split(",") ?? ["simd", "relaxed", "checked"];
/** The builds under test: those that this host can run (relaxed SIMD needs Node 22 or later), of those in TEST_BUILDS if that is set. */
export const BUILDS = asked.filter((name) => name !== "relaxed" || hasRelaxedSimd()) as Build[];
if (!BUILDS.length) throw new Error(`no build of TEST_BUILDS=${process.env.TEST_BUILDS} runs here`);

export function binary(build: Build): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../build/${build}.wasm`, import.meta.url)));
}

/** An engine's parts, with a memory that can grow to so many pages of 64 KiB. */
export async function limited(pages: number, build: Build = "simd"): Promise<Runtime> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: pages });
  return new Runtime((await make(binary(build), memory)).instance);
}

/** An engine with a executor of its own. */
export async function threaded(
  build: Build,
  threads: number,
  options: RuntimeOptions = {},
): Promise<Runtime> {
  const instance = await loadShared(binary(build));
  const executor = await startThreads(threads, instance.share!, await threadWorker());
  return new Runtime(instance, { ...options, executor });
}

/**
 * Every build under test, on one thread and on two. Deterministic engines keep to the formula's own sums, so that whole numbers
 * come out exactly.
 */
export function builds(options: RuntimeOptions = {}): { name: string; engine: Promise<Runtime> }[] {
  const all = BUILDS.flatMap((name) => [
    { name, engine: load(binary(name)).then((instance) => new Runtime(instance, options)) },
    { name: `${name}, 2 threads`, engine: threaded(name, 2, options) },
  ]);
  // Workers must have started before the first test: tests block the event loop for longer than workers may take to start.
  beforeAll(() => Promise.all(all.map(({ engine }) => engine)).then(() => {}));
  return all;
}

/**
 * The op's outputs. It runs three ways that must agree in every bit: all inputs given per run; every input but the first
 * constant, so that weights are packed ahead; and each call cut at odd places, as threads would cut it.
 */
export async function evaluate<P>(
  engine: Runtime | Promise<Runtime>,
  op: Op<P>,
  inputs: readonly Plain[],
  params: P,
): Promise<Result[]> {
  const runtime = await engine;
  const before = runtime.memory.use.live;
  const whole = once(runtime, op, inputs, params, false, undefined);
  const packed = once(runtime, op, inputs, params, true, undefined);
  const cut = once(runtime, op, inputs, params, false, { run: inPieces });
  same(whole, packed, `${op.name}: constant weights change the result`);
  same(whole, cut, `${op.name}: cutting the range changes the result`);
  if (runtime.memory.use.live !== before) throw new Error(`${op.name}: left memory behind`);
  return whole;
}

function once<P>(
  runtime: Runtime,
  op: Op<P>,
  inputs: readonly Plain[],
  params: P,
  constant: boolean,
  executor: Pick<Executor, "run"> | undefined,
): Result[] {
  const program = new Program(runtime, op.name);
  const types = inputs.map(typeOf);
  const outTypes = op.infer(types, params, op.name);
  const values = inputs.map(({ shape, data }, i): Value => {
    const { dtype } = types[i];
    if (data.length !== sizeOf(shape))
      throw new Error(`${op.name}: ${data.length} values for shape [${shape}]`);
    if (constant && i > 0 && dtype === "float32")
      return denseValue({ shape, dtype }, program.constant(Float32Array.from(data)));
    const base = Address.of(data.length * 4, "run");
    program.input(base);
    return denseValue({ shape, dtype }, base);
  });
  const outs = outTypes.map((type, i): Value => {
    return denseValue(type, op.alias ? values[i].base : Address.of(sizeOf(type.shape) * 4, "run"));
  });
  op.forward(program, values, outs, params);
  for (const out of outs) program.output(out.base);
  const given = values.map(({ base }) => base.storage.data === undefined);
  program.place();
  const { memory } = runtime;
  values.forEach(({ base }, i) => {
    if (given[i]) write(runtime, base, inputs[i]);
  });
  program.run(executor);
  const results = outs.map(({ base, shape, dtype }) => {
    const all = dtype === "int32" ? memory.ints : memory.floats;
    return { shape, data: all.slice(base.value / 4, base.value / 4 + sizeOf(shape)) };
  });
  program.dispose();
  return results;
}

/** Runs a call in pieces of 1, 2, 3, 5, ... units, last piece first. */
export function inPieces({ kernel, args, units }: BoundCall): void {
  const cuts = [0];
  for (let step = 1, at = 1; at < units; at += step, step = (step * 3 + 1) >> 1) cuts.push(at);
  cuts.push(units);
  for (let i = cuts.length - 1; i > 0; i--) runRange(kernel, args, cuts[i - 1], cuts[i]);
}

function same(a: readonly Result[], b: readonly Result[], message: string): void {
  a.forEach((out, i) => {
    const at = out.data.findIndex((v, j) => !Object.is(v, b[i].data[j]));
    if (at >= 0) throw new Error(`${message}: element ${at} is ${out.data[at]} and ${b[i].data[at]}`);
  });
}

/** Engines for images: every build under test, and the first of them on two threads. After each test their memory must be free. */
export async function imageEngines(): Promise<BaseEngine[]> {
  const engines = await Promise.all(
    BUILDS.map(async (build) => new BaseEngine(new Runtime(await load(binary(build))))),
  );
  beforeAll(async () => {
    engines.push(new BaseEngine(await threaded(BUILDS[0], 2)));
  });
  afterAll(() => {
    for (const engine of engines) engine.dispose();
  });
  afterEach(() => expect(engines.map(({ memory }) => memory.live)).toEqual(engines.map(() => 0)));
  return engines;
}
