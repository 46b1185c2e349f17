// Predicts and trains in workers while the page goes on, and compares with an engine in the page.
import { conv2d, createEngine, dense, flatten, sequential } from "/convolith/index.js";
import { createWorkerEngine } from "/convolith/worker.js";

const SIZE = 32 * 32 * 3;
const noise = (length) => Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7));
const model = sequential(
  [32, 32, 3],
  [conv2d({ filters: 16, kernel: 3, activation: "relu" }), flatten(), dense({ units: 5 })],
);
const data = { x: noise(16 * SIZE), y: Uint8Array.from({ length: 16 }, (_, i) => i % 5) };
const training = { epochs: 2, batchSize: 4, loss: "softmaxCrossEntropy", shuffle: false };

/** Frames while something is done: how many, and the longest time between two. */
async function watched(work) {
  let [frames, gap, last, on] = [0, 0, performance.now(), true];
  const frame = (now) => {
    gap = Math.max(gap, now - last);
    last = now;
    frames++;
    if (on) requestAnimationFrame(frame);
  };
  requestAnimationFrame((now) => {
    last = now;
    requestAnimationFrame(frame);
  });
  const result = await work();
  on = false;
  return { result, frames, gap };
}

window.run = async (threads) => {
  const engine = await createWorkerEngine({
    workers: 2,
    threads: Math.min(threads, navigator.hardwareConcurrency),
  });
  const net = await engine.compile(model, { seed: 1 });
  const here = await createEngine();
  const same = here.compile(model, { seed: 1 });
  const x = noise(SIZE);
  const equal = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
  const predicted = equal(await net.predict(x), same.predict(x));
  let batches = 0;
  const { frames, gap } = await watched(async () => {
    const optimizer = { kind: "sgd", learningRate: 0.01 };
    await net.fit(data, { ...training, optimizer, onBatch: () => void batches++ });
    for (let i = 0; i < 100; i++) await net.predict(data.x);
  });
  const { sgd } = await import("/convolith/index.js");
  await same.fit(data, { ...training, optimizer: sgd({ learningRate: 0.01 }) });
  const trained = equal(await net.predict(x), same.predict(x));
  const code = await net.predict(noise(5)).catch((error) => error.code);
  const { info } = engine;
  const disposed = net.predict(x).catch((error) => error.code);
  await engine.dispose();
  return { predicted, trained, batches, code, disposed: await disposed, info, frames, gap };
};
