// What it costs to compute off the main thread: `npm run bench -- worker`. A request beside the same call in this thread and beside
// Comlink; then images per second, and the longest time this thread was blocked, without workers and with one and two.
import { createRequire } from "node:module";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import * as comlink from "comlink";
import { createEngine } from "../src/engine/create.ts";
import { conv2d, dense } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import { mobileNetV2 } from "../src/nets/index.ts";
import { createWorkerEngine } from "../src/worker/index.ts";
import { describeHost } from "./roof.ts";
import { figure, interleave, table } from "./table.ts";

/** Values of a request, and a network that has next to nothing to do with them. */
const SIZES = [16, 64 * 64 * 3, 224 * 224 * 3];
const light = (size: number) => sequential([size], [dense({ units: 1 })]);
const photo = mobileNetV2();
const small = sequential(
  [64, 64, 3],
  [conv2d({ filters: 16, kernel: 3, activation: "relu" }), conv2d({ filters: 32, kernel: 3, stride: 2 })],
);

/** A worker behind Comlink that answers with one number, and computes nothing. */
function withComlink(): { worker: Worker; answer(x: Float32Array): Promise<Float32Array> } {
  const require = createRequire(import.meta.url);
  const endpoint = require("comlink/dist/umd/node-adapter") as (worker: Worker) => comlink.Endpoint;
  const paths = ["comlink", "comlink/dist/umd/node-adapter"].map((name) =>
    JSON.stringify(require.resolve(name)),
  );
  const worker = new Worker(
    `require(${paths[0]}).expose({ answer: (x) => x.slice(0, 1) }, require(${paths[1]})(require("node:worker_threads").parentPort));`,
    { eval: true },
  );
  const remote = comlink.wrap<{ answer(x: Float32Array): Float32Array }>(endpoint(worker));
  return { worker, answer: (x) => remote.answer(x) };
}

async function perCall(): Promise<void> {
  const here = await createEngine();
  const there = await createWorkerEngine();
  const { worker, answer } = withComlink();
  const rows: string[][] = [];
  for (const size of SIZES) {
    const x = new Float32Array(size);
    const model = light(size);
    const net = here.compile(model);
    const far = await there.compile(model);
    const timings = await interleave({
      here: () => void net.predict(x),
      worker: async () => void (await far.predict(x)),
      comlink: async () => void (await answer(x)),
    });
    const us = (name: string): string => figure(timings[name].median * 1000);
    rows.push([`${size}`, us("here"), us("worker"), us("comlink")]);
  }
  here.dispose();
  await there.dispose();
  await worker.terminate();
  console.log(table(["values", "this thread, µs", "worker, µs", "Comlink alone, µs"], rows));
}

/** Images per second, and the longest delay of the event loop in milliseconds, of `predict` called for so many images at once. */
async function measured(images: number, predict: () => unknown): Promise<string[]> {
  await predict();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: images }, async () => {
      // As requests of a server come: each in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve));
      await predict();
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  // A delay is counted when it is over.
  await new Promise((resolve) => setTimeout(resolve, 10));
  delay.disable();
  return [figure(images / seconds), figure(delay.percentile(99) / 1e6), figure(delay.max / 1e6)];
}

async function throughput(): Promise<void> {
  const rows: string[][] = [];
  for (const { name, model, size, images } of [
    { name: "MobileNetV2 224²", model: photo, size: 224 * 224 * 3, images: 60 },
    { name: "two convolutions 64²", model: small, size: 64 * 64 * 3, images: 1000 },
  ]) {
    const x = new Float32Array(size).fill(0.5);
    const here = await createEngine();
    const net = here.compile(model);
    rows.push([name, "none", ...(await measured(images, () => net.predict(x)))]);
    here.dispose();
    for (const workers of [1, 2]) {
      const engine = await createWorkerEngine({ workers });
      const far = await engine.compile(model);
      rows.push([name, `${workers}`, ...(await measured(images, () => far.predict(x)))]);
      await engine.dispose();
    }
  }
  console.log(table(["net", "workers", "images/s", "event loop, p99 ms", "at most, ms"], rows));
}

export async function run(): Promise<void> {
  console.log(await describeHost());
  await perCall();
  await throughput();
}
