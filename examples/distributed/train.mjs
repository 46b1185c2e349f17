// Several processes train one network: npm run train:distributed [-- processes]. Each computes the gradients of its part of every batch;
// they are averaged over a socket and applied by all, which so keep the same weights. Then one process trains alone, on the whole batches,
// to show how little that differs.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createEngine } from "convolith";
import { progressBar } from "../progress.mjs";
import { model, parts, test, training } from "./digits-net.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: { type: "string", default: "8000" }, epochs: { type: "string", default: "2" } },
});
const processes = Number(positionals[0] ?? 2);
const [images, epochs] = [values.images, values.epochs].map(Number);
const batchSize = processes * 32;
const steps = epochs * Math.floor(images / batchSize);
/** The step after which weights are compared for the first time. */
const early = Math.min(10, steps);

/** Starts a process of the training. @param {number} rank @param {number} [port] */
function start(rank, port) {
  const options = JSON.stringify({ rank, processes, port, images, epochs, batchSize, early });
  const script = fileURLToPath(new URL("process.mjs", import.meta.url));
  const child = fork(script, [options], { serialization: "advanced" });
  child.on("exit", (code, signal) => {
    if (code === 0) return;
    console.error(`process ${rank} ended by ${signal ?? `code ${code}`}`);
    process.exit(1);
  });
  return child;
}

/**
 * The first message of a process that holds a value of that name.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {string} name
 */
const told = (child, name) =>
  new Promise((resolve) => {
    child.on("message", (/** @type {any} */ message) => {
      if (message[name] !== undefined) resolve(message[name]);
    });
  });

console.log(`${processes} processes, batches of ${batchSize}: ${steps} steps`);
const bar = progressBar(steps, "steps");
const begun = performance.now();
const first = start(0);
first.on("message", (/** @type {any} */ { step, loss }) => {
  if (step) bar.show(step, `loss ${loss.toFixed(4)}`);
});
const weightsEarly = told(first, "early");
const port = processes > 1 ? await told(first, "port") : undefined;
const children = [first, ...Array.from({ length: processes - 1 }, (_, i) => start(i + 1, port))];
const weights = await Promise.all(children.map((child) => told(child, "weights")));
bar.clear();
const engine = await createEngine();
const net = engine.compile(model, { seed: 1, batchSize: 100, train: training(batchSize) });
const fresh = net.weights;
report(`${processes} processes`, performance.now() - begun, weights[0]);
const sums = weights.map(checksum);
const equal = sums.every((sum) => sum === sums[0]);
console.log(`weights of each: ${sums.join(" ")}, ${equal ? "the same bits" : "NOT the same bits"}`);
if (!equal) process.exitCode = 1;

net.weights = fresh;
const alone = performance.now();
let step = 0;
let apartEarly = 0;
for (const batch of parts({ images, epochs, batchSize })) {
  const loss = net.trainStep(batch);
  bar.show(++step, `loss ${loss.toFixed(4)}`);
  if (step === early) apartEarly = distance(await weightsEarly, net.weights);
}
bar.clear();
report("one process", performance.now() - alone, net.weights);
// Sums were taken in another order. Every ReLU and maximum that a rounding turns over widens the gap, as it does on one process that takes
// the images of each batch in another order.
const apart = [apartEarly, distance(weights[0], net.weights)].map((part) => part.toExponential(1));
console.log(
  `weights of one process and of ${processes} differ by ${apart[0]} of their norm after ${early} steps, by ${apart[1]} after ${steps}`,
);
engine.dispose();

/** @param {string} who @param {number} ms @param {Record<string, Float32Array>} weights */
function report(who, ms, weights) {
  net.weights = weights;
  const { accuracy = 0 } = net.evaluate(test());
  console.log(`${who}: ${(ms / 1000).toFixed(1)} s, test accuracy ${(100 * accuracy).toFixed(2)} %`);
}

/** FNV-1a over the bits of all weights. @param {Record<string, Float32Array>} weights */
function checksum(weights) {
  let h = 0x811c9dc5;
  for (const { buffer, byteOffset, byteLength } of Object.values(weights))
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}

/** The norm of a difference, as part of a norm. @param {Record<string, Float32Array>} a @param {Record<string, Float32Array>} b */
function distance(a, b) {
  let [off, norm] = [0, 0];
  for (const [name, values] of Object.entries(b))
    values.forEach((value, i) => {
      off += (a[name][i] - value) ** 2;
      norm += value ** 2;
    });
  return Math.sqrt(off / norm);
}
