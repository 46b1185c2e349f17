// Every layer, and how layers meet, written as ONNX and read again: the same answers, channels first.
import { describe, expect, it } from "vitest";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import type { Model, Weights } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { sizeOf } from "../src/tensor.ts";
import { binary } from "./harness.ts";
import { BATCH, exampleOf, factories, TABLE } from "./layer-rows.ts";
import { cases } from "./onnx-cases.ts";
import { Random } from "./random.ts";

const engine = load(binary("simd")).then((instance) => new Runtime(instance));

type Values = Float32Array | Int32Array;

/** Compares a network with itself, written and read. */
async function expectSame(
  model: Model,
  weights: Weights | undefined,
  name: string,
  positive = false,
): Promise<void> {
  const runtime = await engine;
  const random = new Random(name.length);
  const net = new Network(runtime, model, { batchSize: BATCH, weights, seed: 1, layout: "nchw" });
  const x = net.model.inputs.map(({ shape }) =>
    Float32Array.from({ length: BATCH * sizeOf(shape as number[]) }, () => {
      const value = random.next() * 4 - 2;
      return positive ? Math.abs(value) : value;
    }),
  );
  const want = [net.predict<Values | Values[]>(x)].flat() as Values[];
  const again = new Network(runtime, fromOnnx(toOnnx(net)), { batchSize: BATCH });
  const got = [again.predict<Values | Values[]>(x)].flat() as Values[];
  expect(got).toHaveLength(want.length);
  got.forEach((values, i) => {
    expect(values.length, name).toBe(want[i].length);
    const at = want[i].findIndex(
      (v, j) => !(Math.abs(v - values[j]) <= 1e-5 + 1e-5 * Math.abs(v) || Object.is(v, values[j])),
    );
    expect(at < 0 ? "" : `${name}: output ${i}, value ${at} is ${values[at]} instead of ${want[i][at]}`).toBe(
      "",
    );
  });
  net.dispose();
  again.dispose();
  expect(runtime.memory.use.live).toBe(0);
}

describe("written as ONNX and read again", () => {
  it.each(factories.map(([kind, factory]) => ({ kind, factory })))("$kind", async ({ kind, factory }) => {
    for (const row of [TABLE[kind] ?? []].flat()) {
      const { model, weights } = exampleOf(factory, row);
      await expectSame(model, weights, kind, row.positive);
    }
  });

  it.each(cases)("$name", async ({ name, model, weights }) => {
    await expectSame(model, weights, name);
  });
});
