// What a compiled network keeps on the JavaScript heap: each named weight once, and nothing of the graph it was compiled from.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import { type Edge, Graph } from "../src/graph/graph.ts";
import { Lowering } from "../src/graph/lower.ts";
import { adam, batchNorm, conv2d, dense, flatten, type Network, relu, sequential } from "../src/index.ts";
import { Program } from "../src/runtime/program.ts";
import { builds } from "./harness.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** What is still alive of some objects, after everything else has been collected. */
async function alive<T extends object>(refs: readonly WeakRef<T>[]): Promise<T[]> {
  // What a WeakRef was made for stays alive until the job that made it ends.
  await new Promise((resolve) => setTimeout(resolve));
  gc();
  return refs.flatMap((ref) => ref.deref() ?? []);
}

const originals = {
  constant: Program.prototype.constant,
  apply: Graph.prototype.apply,
  write: Lowering.prototype.write,
};
afterEach(() => {
  Program.prototype.constant = originals.constant;
  Graph.prototype.apply = originals.apply;
  Lowering.prototype.write = originals.write;
});

/** Notes the constants, edges and lowerings that are made from now on. */
function watch(): {
  constants: WeakRef<Float32Array>[];
  edges: WeakRef<Edge>[];
  lowerings: WeakRef<Lowering>[];
} {
  const seen = {
    constants: [] as WeakRef<Float32Array>[],
    edges: [] as WeakRef<Edge>[],
    lowerings: [] as WeakRef<Lowering>[],
  };
  Program.prototype.constant = function (data, bytes) {
    const note = (values: Float32Array): Float32Array => {
      seen.constants.push(new WeakRef(values));
      return values;
    };
    if (data instanceof Int32Array) return originals.constant.call(this, data, bytes);
    const noted = typeof data === "function" ? () => note(data()) : note(data);
    return originals.constant.call(this, noted, bytes);
  };
  Graph.prototype.apply = function (op, inputs, params) {
    const outputs = originals.apply.call(this, op, inputs, params);
    for (const edge of [...inputs, ...outputs]) seen.edges.push(new WeakRef(edge));
    return outputs;
  };
  Lowering.prototype.write = function (graph, each) {
    seen.lowerings.push(new WeakRef(this));
    originals.write.call(this, graph, each);
  };
  return seen;
}

const model = sequential(
  [8, 8, 3],
  [
    conv2d({ filters: 16, kernel: 3, padding: "same", name: "a" }),
    batchNorm({ name: "norm" }),
    relu(),
    conv2d({ filters: 8, kernel: 1, name: "b" }),
    flatten(),
    dense({ units: 10, name: "c" }),
  ],
);
const engineOf = async (): Promise<Engine> => new Engine(await builds()[0].engine);
const x = Float32Array.from({ length: 8 * 8 * 3 }, (_, i) => Math.sin(i));
const samples = { x, y: Uint8Array.of(3) };

it("a compiled network holds a copy of its weights, and no others of them or edges of its graph", async () => {
  const engine = await engineOf();
  using first = engine.compile(model, { seed: 1 });
  const weights = { ...first.weights };
  const seen = watch();
  using net = engine.compile(model, { weights });
  // The convolutions' and the dense layer's, of which one is folded with the normalisation: its filter and bias were made, and are gone.
  expect(seen.constants.length).toBe(6);
  expect(seen.edges.length).toBeGreaterThan(10);
  const held = await alive(seen.constants);
  const own = Object.values(weights).map(String);
  expect(held.length).toBe(4);
  for (const values of held) expect(own).toContain(String(values));
  expect((await alive(seen.edges)).length).toBe(0);
  expect((await alive(seen.lowerings)).length).toBe(0);
  expect(net.predict(x)).toEqual(first.predict(x));
});

it("a network that is trained holds its weights in linear memory alone", async () => {
  const engine = await engineOf();
  const seen = watch();
  const compiled = (): Network => {
    const weights = engine.compile(model, { seed: 1 }).weights;
    seen.constants.push(...Object.values(weights).map((data) => new WeakRef(data)));
    return engine.compile(model, { weights, train: { loss: "softmaxCrossEntropy", optimizer: adam() } });
  };
  using net = compiled();
  net.trainStep(samples);
  net.predict(x);
  net.trainStep(samples);
  expect(seen.edges.length).toBeGreaterThan(50);
  expect(await alive(seen.constants)).toEqual([]);
  expect((await alive(seen.edges)).length).toBe(0);
  expect((await alive(seen.lowerings)).length).toBe(0);
});

it("an evaluation keeps nothing", async () => {
  const engine = await engineOf();
  using net = engine.compile(model, { seed: 1 });
  net.evaluate(samples, { loss: "softmaxCrossEntropy" });
  const { live } = engine.memory;
  const seen = watch();
  for (let i = 0; i < 3; i++) net.evaluate(samples, { loss: "softmaxCrossEntropy" });
  expect(engine.memory.live).toBe(live);
  // The network's own, which are read for it.
  const own = new Set(Object.values(net.weights).map(String));
  expect((await alive(seen.constants)).filter((data) => !own.has(String(data)))).toEqual([]);
  expect((await alive(seen.edges)).length).toBe(0);
});
