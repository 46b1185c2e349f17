import { describe, expect, it } from "vitest";
import type { LayerFactory } from "../src/layers/layer.ts";
import { Network } from "../src/network/network.ts";
import type { Runtime } from "../src/runtime/instance.ts";
import { sizeOf } from "../src/tensor.ts";
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
  const net = new Network(runtime, described, { batch: BATCH, weights });
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
