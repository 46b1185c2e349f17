// The engine in workers answers as the engine in this thread does: to the bit, with the same errors.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ArgumentError,
  adam,
  conv2d,
  createEngine,
  dense,
  type Engine,
  FormatError,
  flatten,
  fromSafetensors,
  input,
  model,
  ShapeError,
  sequential,
  sgd,
  UnsupportedError,
} from "../src/index.ts";
import { createWorkerEngine, type WorkerEngine } from "../src/worker/index.ts";

const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * 1.7 * seed));
const net = sequential(
  [8, 8, 3],
  [conv2d({ filters: 6, kernel: 3, padding: "same", activation: "relu" }), flatten(), dense({ units: 4 })],
);
const images = noise(20 * 8 * 8 * 3);
const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 4);

let here: Engine;
let there: WorkerEngine;
beforeAll(async () => {
  here = await createEngine();
  there = await createWorkerEngine({ workers: 2 });
});
afterAll(async () => {
  here.dispose();
  await there.dispose();
});

describe("a network in workers", () => {
  it("predicts the same bits", async () => {
    const a = here.compile(net, { seed: 3 });
    const b = await there.compile(net, { seed: 3 });
    expect(await b.predict(images)).toEqual(a.predict(images));
    expect(await b.summary()).toBe(a.summary());
  });
  it("trains to the same bits", async () => {
    const a = here.compile(net, { seed: 3 });
    const b = await there.compile(net, { seed: 3 });
    const options = { epochs: 2, batchSize: 8, loss: "softmaxCrossEntropy", optimizer: adam() } as const;
    const x = await a.fit({ x: images, y: labels }, options);
    const y = await b.fit({ x: images, y: labels }, options);
    expect(y.map(({ loss, metrics }) => ({ loss, metrics }))).toEqual(
      x.map(({ loss, metrics }) => ({ loss, metrics })),
    );
    expect({ ...(await b.weights()) }).toEqual({ ...a.weights });
    for (let i = 0; i < 4; i++) expect(await b.predict(images)).toEqual(a.predict(images));
  });
});
