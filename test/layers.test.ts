// Every kind of layer against the oracle, and against the eager op of the same name.
import { describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { type EagerOps, Engine } from "../src/engine/engine.ts";
import type * as registry from "../src/layers/index.ts";
import type { LayerFactory } from "../src/layers/layer.ts";
import type { Model, Weights } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { sizeOf, type Tensor } from "../src/tensor.ts";
import { EAGER_ONLY } from "./eager-names.ts";
import { builds } from "./harness.ts";
import { BATCH, exampleOf, factories, type Row, TABLE } from "./layer-rows.ts";
import { expectClose, expectEqual } from "./tolerance.ts";

describe("the registry of layers", () => {
  it("holds every kind under its own name, and the table a row for each", () => {
    expect(factories.map(([, factory]) => factory.kind)).toEqual(factories.map(([key]) => key));
    expect(Object.keys(TABLE).sort()).toEqual(factories.map(([key]) => key).sort());
  });
});

async function check(runtime: Runtime, factory: LayerFactory, row: Row): Promise<void> {
  const { model: described, weights, x, expected } = exampleOf(factory, row);
  const net = new Network(runtime, described, { batchSize: BATCH, weights });
  const predicted = net.predict(x.map((t) => t.data)) as Float32Array | Float32Array[];
  const got = expected.length === 1 ? [predicted as Float32Array] : (predicted as Float32Array[]);
  expected.forEach((e, i) => {
    expect(net.outputShapes[described.outputs[i]]).toEqual(e.shape.slice(1));
    if (factory.kind === "argMax") {
      expect(got[i]).toBeInstanceOf(Int32Array);
      expectEqual(got[i], e.data);
    } else expectClose(got[i], e.data, 1e-5, 2e-6);
  });
  net.dispose();
  // Left to itself the layer must make the same weights.
  const [{ name }] = described.layers;
  const fresh = new Network(runtime, described);
  const sizes = Object.entries(row.weights ?? {}).map(([key, shape]) => [`${name}.${key}`, sizeOf(shape)]);
  expect(Object.entries(fresh.weights).map(([key, data]) => [key, data.length])).toEqual(sizes);
  fresh.dispose();
}

for (const { name, engine } of builds())
  describe(`layers (${name})`, () => {
    for (const [kind, factory] of factories)
      it(kind, async () => {
        const runtime = await engine;
        const before = runtime.memory.use.live;
        for (const row of [TABLE[kind] ?? []].flat()) await check(runtime, factory, row);
        expect(runtime.memory.use.live).toBe(before);
      });
  });

/** Kinds whose eager op drops values where the layer only does so in training; it takes a seed besides (test/dropout.test.ts). */
const DROPS = new Set(["dropout", "dropPath", "spatialDropout"]);
/** Eager ops without a layer. */
const NO_LAYER = EAGER_ONLY;
/** Eager ops that take weights in front of their options; the others take weights among them. */
const WEIGHTS_IN_FRONT = /^(conv|depthwiseConv|separableConv|dense|locallyConnected|prelu)/;
/** Options that describe a layer's weights, or its training. */
const LAYER_ONLY = new Set([
  ...["filters", "units", "kernel", "multiplier", "bias", "shared", "momentum"],
  ...["keyDim", "valueDim", "dropout", "ratio"],
  ...["initializer", "kernelInitializer", "biasInitializer"],
  ...["gammaInitializer", "betaInitializer", "meanInitializer", "varianceInitializer"],
]);
const layerOnly = (kind: string, option: string): boolean =>
  (LAYER_ONLY.has(option) && !(kind === "locallyConnected2d" && option === "kernel")) ||
  (kind === "prelu" && option === "shape");

/** Eager ops that take a list of tensors. */
const LISTS = new Set(["concat", "multiHeadAttention"]);

type EagerOp = (...args: unknown[]) => Tensor | Tensor[];
const opOf = (engine: Engine, kind: string): EagerOp =>
  (engine as unknown as Record<string, EagerOp>)[kind].bind(engine);

/** The arguments of a kind's eager op before its options. */
function operandsOf(kind: string, x: readonly Tensor[], weights: readonly Tensor[]): unknown[] {
  const positional = WEIGHTS_IN_FRONT.test(kind) ? weights.slice(0, kind.startsWith("sep") ? 2 : 1) : [];
  return [...(LISTS.has(kind) ? [x] : x), ...positional];
}

/** What a kind's eager op gives by a row's options and weights. */
function callOf(
  engine: Engine,
  kind: string,
  row: Row,
  { layers: [{ name }] }: Model,
  weights: Weights,
  x: readonly Tensor[],
): Tensor[] {
  const shapes = Object.entries(row.weights ?? {});
  const given = shapes.map(([key, shape]) => engine.tensor(weights[`${name}.${key}`], shape));
  const operands = operandsOf(kind, x, given);
  const left = shapes.flatMap(([key], i) => (operands.includes(given[i]) ? [] : [[key, given[i]]]));
  const config = Object.entries(row.config ?? {}).filter(([option]) => !layerOnly(kind, option));
  return [opOf(engine, kind)(...operands, Object.fromEntries([...config, ...left]))].flat();
}

/** An error that lists exactly these options, in any order. */
const expectingOptions = (kind: string, options: readonly string[]): object => ({
  asymmetricMatch(error: Error) {
    const [, message, list] = /^(.*); there are (.*)$/.exec(error.message) ?? [];
    return (
      message === `${kind}: there is no option "nonsense"` &&
      String(list.split(", ").sort()) === String(options.length ? options : ["none"])
    );
  },
});

describe("layers and eager ops", () => {
  const [{ engine: loading }] = builds();
  it("have the same names", () => {
    const names = new Set(Object.getOwnPropertyNames(Engine.prototype));
    expect(factories.filter(([kind]) => !names.has(kind))).toEqual([]);
    // The compiler knows the same names: a layer without a line in the types of eager ops does not compile here.
    const untyped: never[] = [] as Exclude<keyof typeof registry, keyof EagerOps>[];
    const others: typeof NO_LAYER = [] as Exclude<keyof EagerOps, keyof typeof registry>[];
    expect([...untyped, ...others]).toEqual([]);
    expect(NO_LAYER.filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(factories)("%s takes the same options in both", async (kind, factory) => {
    const engine = new Engine(await loading);
    const [row] = [TABLE[kind]].flat();
    const { x } = exampleOf(factory, row);
    const weights = Object.keys(row.weights ?? {});
    const own = Object.keys(factory.definition.options);
    const named = WEIGHTS_IN_FRONT.test(kind) ? weights.filter((name) => name === "bias") : weights;
    using tensor = engine.tensor(x[0].data, x[0].shape);
    const tensors = [x, weights].map((list) => list.map(() => tensor));
    const operands = operandsOf(kind, tensors[0], tensors[1]);
    const op = opOf(engine, kind);
    const seed = DROPS.has(kind) ? ["seed"] : [];
    const options = [...own.filter((option) => !layerOnly(kind, option)), ...named, ...seed].sort();
    expect(() => op(...operands, { nonsense: 1 })).toThrow(expectingOptions(kind, options));
  });

  for (const { name, engine: loading } of builds())
    describe(`(${name})`, () => {
      const steady = factories.filter(([kind]) => !DROPS.has(kind));
      it.each(steady)("%s gives the same bits in both", async (kind, factory) => {
        const runtime = await loading;
        const engine = new Engine(runtime);
        const before = runtime.memory.use.live;
        for (const row of [TABLE[kind]].flat()) {
          // Eager arithmetic takes two operands.
          if (row.inputs.length > 2 && !LISTS.has(kind)) continue;
          const { model, weights, x } = exampleOf(factory, row);
          const net = new Network(runtime, model, { batchSize: BATCH, weights });
          const expected = [net.predict(x.map((t) => t.data)) as Float32Array | Float32Array[]].flat();
          engine.scope(() => {
            const tensors = x.map((t) => engine.tensor(t.data, t.shape));
            const outs = callOf(engine, kind, row, model, weights, tensors);
            expect(outs.map((t) => t.data())).toEqual(expected);
            if (name !== "checked") return;
            // Of no images it is nothing, for which nothing is allocated, and its gradients are zeros.
            const none = x.map((t) => engine.tensor([], t.shape.with(0, 0)));
            const { live } = engine.memory;
            const made = callOf(engine, kind, row, model, weights, none);
            expect(made.map((t) => t.shape)).toEqual(outs.map((t) => t.shape.with(0, 0)));
            if (!row.weights) expect(engine.memory.live).toBe(live);
            const first = () => callOf(engine, kind, row, model, weights, none)[0];
            if (made[0].dtype !== "float32") return;
            const back = gradients(first, none, { unused: "zero" });
            expect(back.gradients.map((t) => t.shape)).toEqual(none.map((t) => t.shape));
          });
          net.dispose();
        }
        expect(runtime.memory.use.live).toBe(before);
      });
    });
});
