// Kinds of layers that only imported models have, written as ONNX and read again: the same answers. That other runtimes give them too is
// checked by `npm run check:onnx`, which needs onnxruntime-web.
import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../src/errors.ts";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import type { TrainedModel } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { sizeOf } from "../src/tensor.ts";
import { binary } from "./harness.ts";
import { type ImportedRow, modelOf, numbersOf } from "./imported-row.ts";
import { importedRows } from "./imported-rows.ts";
import { BATCH } from "./layer-rows.ts";
import { cases } from "./onnx-cases.ts";
import { readOnnx } from "./onnx-reader.ts";

type Numbers = Float32Array | Int32Array;

const engine = load(binary("simd")).then((instance) => new Runtime(instance));

/** How far two answers may be apart, relative to the largest value: sums may be made in another order. */
const TOLERANCE = 1e-5;

function expectSame(got: readonly Numbers[], want: readonly Numbers[]): void {
  expect(got.length).toBe(want.length);
  want.forEach((expected, i) => {
    expect(got[i].constructor).toBe(expected.constructor);
    expect(got[i].length).toBe(expected.length);
    const sizes = Array.from(expected, Math.abs).filter(Number.isFinite);
    const largest = Math.max(0, ...sizes);
    const bad = expected.findIndex((v, at) => {
      const other = got[i][at];
      return !(v === other || Object.is(v, other) || Math.abs(v - other) <= TOLERANCE * largest);
    });
    if (bad >= 0) expect.fail(`output ${i}, element ${bad}: ${got[i][bad]} rather than ${expected[bad]}`);
  });
}

const predicted = (net: Network, inputs: readonly Numbers[]): Numbers[] =>
  [net.predict<Numbers | Numbers[]>(inputs)].flat();

const KINDS = [...new Set(importedRows.map(({ kind }) => kind))];

describe("toOnnx of kinds that imported models bring along", () => {
  for (const kind of KINDS)
    it(`writes ${kind}`, async () => {
      for (const row of importedRows.filter((other) => other.kind === kind))
        try {
          await expectRow(row);
        } catch (cause) {
          throw new Error(`${row.name}: ${(cause as Error).message}`, { cause });
        }
    });

  it("has rows of all kinds there are", () => {
    expect(KINDS.sort()).toEqual(Object.keys(modelOf(importedRows[0]).kinds!).sort());
  });

  async function expectRow(row: ImportedRow): Promise<void> {
    const trained = modelOf(row);
    const runtime = await engine;
    const net = new Network(runtime, trained);
    const inputs = trained.model.inputs.map(({ shape }, i) =>
      row.inputs.length ? numbersOf(row.inputs[i], i) : new Float32Array(sizeOf(shape as number[])),
    );
    if (row.refused) {
      net.dispose();
      expect(() => toOnnx(trained)).toThrow(UnsupportedError);
      expect(() => toOnnx(trained)).toThrow(
        `toOnnx: ${row.kind} "layer" cannot be said in ONNX (${row.refused})`,
      );
      return;
    }
    const want = predicted(net, inputs);
    const bytes = toOnnx(net);
    expectEnds(bytes, trained);
    net.dispose();
    if (row.notRead) return;
    const read = new Network(runtime, fromOnnx(bytes));
    expectSame(predicted(read, inputs), want);
    read.dispose();
  }

  /** Inputs and outputs as the model has them: names, all axes in their order, and types. */
  function expectEnds(bytes: Uint8Array, { model }: TrainedModel): void {
    const file = readOnnx(bytes);
    expect(file.inputs).toEqual(
      model.inputs.map(({ name, shape, dtype }) => ({ name, type: dtype === "int32" ? 6 : 1, dims: shape })),
    );
    expect(file.outputs.map(({ name }) => name)).toEqual(model.outputs);
  }
});

describe("toOnnx of a model that was read", () => {
  it("keeps the order of axes, names, the open batch and the number of nodes", async () => {
    const runtime = await engine;
    const described = cases.find(({ name }) => name === "a small DenseNet")!.model;
    const net = new Network(runtime, described, { batchSize: BATCH, seed: 3 });
    const first = toOnnx(net);
    net.dispose();
    const read = new Network(runtime, fromOnnx(first), { batchSize: BATCH });
    const second = readOnnx(toOnnx(read));
    read.dispose();
    const { inputs, outputs, nodes } = readOnnx(first);
    expect(second.inputs).toEqual(inputs);
    expect(inputs[0].dims).toEqual(["N", 3, 8, 8]);
    expect(second.outputs.map(({ dims }) => dims)).toEqual(outputs.map(({ dims }) => dims));
    expect(second.nodes.map(({ op }) => op)).toEqual(nodes.map(({ op }) => op));
  });
});
