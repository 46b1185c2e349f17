// Random calls of the kinds of layers that imported models have, as models without a batch, in the checked build: a right answer, as far as
// constants are folded by other code, or a ConvolithError; never a trap, another exception, or a byte outside a buffer.
import { ConvolithError } from "../src/errors.ts";
import { type Constant, constant } from "../src/formats/import/constant.ts";
import { fold } from "../src/formats/import/fold.ts";
import * as importedKinds from "../src/layers/imported.ts";
import type { LayerKind } from "../src/layers/layer.ts";
import type { Model } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { make } from "../src/runtime/wasm.ts";
import { sizeOf } from "../src/tensor.ts";
import { describe } from "../src/validate.ts";
import { KIND_CALLS, type KindCall } from "./fuzz-kinds-calls.ts";
import type { FuzzReport } from "./fuzz-ops.ts";
import { Random } from "./random.ts";

/** 64 KB each: what the engine's memory may grow to. */
const PAGES = 512;
const MOST_MS = 1000;
/** Larger inputs are compiled and not run. */
const MOST_VALUES = 2 ** 18;
const MOST_WORK = 2 ** 26;

const kinds = importedKinds as unknown as Readonly<Record<string, LayerKind>>;
const NAMES = Object.keys(KIND_CALLS);

/** Numbers that go where sizes, axes and factors do. */
const NUMBERS: readonly number[] = [
  ...[
    0,
    1,
    -1,
    2,
    3,
    -2,
    7,
    16,
    100,
    1000,
    65_536,
    2 ** 20,
    2 ** 24,
    2 ** 28,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
  ],
  ...[2 ** 32, 2 ** 53, -(2 ** 53), 0.5, 1e-30, 1e300, Number.NaN, Infinity, -Infinity, -0],
];
const WILD: readonly unknown[] = [
  ...["", "2", "same", "constructor", "__proto__", null, true, false, {}, [], [[1, 1]], [null], [1, 2, 3, 4]],
  ...[{ length: 2 }, undefined, 3n, Symbol("s"), new Float32Array(2)],
];

type Config = Record<string, unknown>;

/** Changes an option, an input or its shape: most calls are refused then. */
function spoil(call: KindCall, r: Random): KindCall {
  const inputs = [...call.inputs];
  const config: Config = { ...call.config };
  const value = (was: unknown): unknown => {
    if (Array.isArray(was) && was.length && r.chance(0.7)) {
      const list = [...was];
      const at = r.below(list.length);
      if (r.chance(0.15)) list.splice(at, 1);
      else if (r.chance(0.1)) list.push(r.pick(NUMBERS));
      else list[at] = value(list[at]);
      return list;
    }
    if (typeof was === "number" && r.chance(0.4)) return r.pick([was + 1, was - 1, -was, 2 * was]);
    return r.pick<unknown>(r.chance(0.6) ? NUMBERS : WILD);
  };
  const name = Object.keys(config).length ? r.pick(Object.keys(config)) : "axis";
  const at = inputs.length ? r.below(inputs.length) : 0;
  switch (r.below(8)) {
    case 0:
      delete config[name];
      break;
    case 1:
      // An option of some other kind.
      Object.assign(config, KIND_CALLS[r.pick(NAMES)](r).config);
      break;
    case 2:
      inputs.splice(at, 1);
      break;
    case 3:
      inputs.push(inputs[at] ?? { shape: [2], dtype: "int32" });
      break;
    case 4:
    case 5: {
      const input = inputs[at];
      if (!input) break;
      const shape = [...input.shape];
      const axis = r.below(shape.length + 1);
      if (r.chance(0.3)) shape.splice(axis, 0, r.pick([1, 2, 3]));
      else if (axis === shape.length || r.chance(0.3)) shape.splice(axis, 1);
      else shape[axis] = r.pick([1, 2, 3, 4, 5, 8, 1000, 65_536, 2 ** 24, 2 ** 31]);
      inputs[at] = r.chance(0.2)
        ? { shape, dtype: input.dtype === "int32" ? "float32" : "int32" }
        : { ...input, shape };
      break;
    }
    default:
      config[name] = value(config[name]);
  }
  return { inputs, config };
}

function valuesOf(shape: readonly number[], dtype: string, r: Random): Float32Array | Int32Array {
  const size = sizeOf(shape);
  const wild = r.chance(0.15);
  if (dtype === "int32")
    return Int32Array.from({ length: size }, () =>
      wild && r.chance(0.2) ? r.pick([2 ** 31 - 1, -(2 ** 31), 65_536, -1]) : r.below(7) - 2,
    );
  return Float32Array.from({ length: size }, () =>
    wild && r.chance(0.2) ? r.pick([NaN, Infinity, -Infinity, 3e38, 1e-40, -0]) : (r.below(65) - 32) / 16,
  );
}

type Values = Float32Array | Int32Array;

/** Where results may differ: sums and products that are too large on the way, which folding computes with more bits. */
function overflows({ config: { op } }: KindCall, values: readonly Values[], got: number): boolean {
  let largest = 0;
  for (const list of values)
    for (const value of list) if (Math.abs(value) > largest) largest = Math.abs(value);
  if (op === "gelu") return largest === Infinity;
  return Number.isFinite(got) ? op === "mean" && largest > 2 ** 24 : largest > 1e18;
}

/** A message where the outputs are not what folding gives; nothing where that is not known. */
function difference(
  kind: string,
  call: KindCall,
  values: readonly Values[],
  outputs: readonly Values[],
): string | undefined {
  const given = call.inputs.map(({ shape }, i): Constant => {
    const data = values[i];
    return data instanceof Int32Array
      ? constant(shape, "int", Float64Array.from(data))
      : constant(shape, "float", data);
  });
  let folded: Constant[] | undefined;
  let wanted: (Float32Array | Float64Array)[];
  try {
    folded = fold(kind, given, call.config);
    if (!folded) return undefined;
    wanted = folded.map(({ data }) => data);
  } catch (error) {
    if (error instanceof ConvolithError) return undefined;
    return `folding: ${(error as Error).stack}`;
  }
  for (const [i, want] of wanted.entries()) {
    const got = outputs[i];
    if (got.length !== want.length) return `output ${i} has ${got.length} values, not ${want.length}`;
    for (let j = 0; j < got.length; j++) {
      const [a, b] = [got[j], want[j]];
      if (Object.is(a, b) || a === b) continue;
      // Integers of the file have 64 bits; powers have more.
      if (got instanceof Int32Array && (Math.abs(b) >= 2 ** 31 || call.config.op === "pow")) continue;
      // Products of many values, in another order, and functions to some units in the last place; what is tiny may be 0.
      if (Math.abs(a - b) <= 2e-6 * Math.max(1, Math.abs(b))) continue;
      if (overflows(call, values, a)) continue;
      return `element ${j} of output ${i} is ${a}, folded ${b}`;
    }
  }
  return undefined;
}

/** Compiles a model and runs it with random values, where that is little work. */
function answers(runtime: Runtime, model: Model, values: Values[], r: Random): Values[] | undefined {
  using net = new Network(runtime, { model, weights: {}, kinds }, { seed: 1 });
  const size = model.inputs.reduce((sum, { shape }) => sum + sizeOf(shape as number[]), 0);
  if (size > MOST_VALUES || net.multiplyAdds > MOST_WORK) return undefined;
  for (const { shape, dtype } of model.inputs) values.push(valuesOf(shape as number[], dtype ?? "", r));
  return [net.predict(values)].flat() as Values[];
}

export async function fuzzKinds({
  wasm,
  calls,
  seed,
  only,
  log = () => {},
}: {
  /** The binary: the checked build traps where a kernel is called wrongly. */
  wasm: Uint8Array<ArrayBuffer>;
  calls: number;
  seed: number;
  /** The number of the only call that is run: to see what was wrong with it. */
  only?: number;
  log?: (line: string) => void;
}): Promise<FuzzReport & { slowest: number; compared: number }> {
  const report = { calls, ok: 0, refused: 0, wrong: [] as string[], slowest: 0, compared: 0 };
  const engine = async (): Promise<Runtime> =>
    new Runtime((await make(wasm, new WebAssembly.Memory({ initial: 1, maximum: PAGES }))).instance);
  let runtime = await engine();
  for (let n = 0; n < calls; n++) {
    if (only !== undefined && n !== only) continue;
    const r = new Random(seed, n);
    const kind = r.pick(NAMES);
    const sane = r.chance(0.6);
    let call = KIND_CALLS[kind](r);
    if (!sane) for (let more = 1 + r.below(2); more > 0; more--) call = spoil(call, r);
    const { inputs, config } = call;
    const model: Model = {
      ...{ format: "convolith", version: 1, batch: false },
      inputs: inputs.map(({ shape, dtype }, i) => ({
        ...{ name: `x${i}`, shape: [...shape], ...(dtype === "int32" && { dtype }) },
      })),
      layers: [{ name: "y", kind, config, inputs: inputs.map((_, i) => `x${i}`) }],
      outputs: ["y"],
    };
    // A model must have an input.
    if (!inputs.length) model.inputs.push({ name: "unused", shape: [1] });
    const fail = (what: string): void => {
      const shapes = inputs.map(({ shape, dtype }) => `${dtype} [${shape}]`);
      const line = `seed ${seed} call ${n}: ${kind}(${shapes.join(", ")}, ${describe(config, 4)}): ${what}`;
      report.wrong.push(line);
      log(line);
    };
    const before = runtime.memory.use.live;
    const start = performance.now();
    let outputs: Values[] | undefined;
    const values: Values[] = [];
    try {
      outputs = answers(runtime, model, values, r);
    } catch (error) {
      if (!(error instanceof ConvolithError)) {
        fail(`${(error as Error)?.stack ?? error}`);
        runtime = await engine();
        continue;
      }
      report.refused++;
      if (sane) fail(`refused: ${error.message}`);
      else if (error.message.includes("internal")) fail(error.message);
    }
    const ms = performance.now() - start;
    report.slowest = Math.max(report.slowest, ms);
    if (ms > MOST_MS) fail(`took ${ms.toFixed(0)} ms`);
    if (runtime.memory.use.live !== before) fail(`${runtime.memory.use.live - before} bytes are left behind`);
    if (!outputs) continue;
    const what = difference(kind, call, values, outputs);
    if (what) fail(what);
    else report.ok++;
  }
  return report;
}
