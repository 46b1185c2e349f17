// Trains a CNN to read digits: npm run train:mnist [-- seed]. 8,000 real digits to train on, 2,000 others to test on. Writes the network
// and a picture of what the first layer has learnt to examples/mnist/out/.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import {
  adam,
  batchNorm,
  confusionMatrix,
  conv2d,
  cosine,
  createEngine,
  dense,
  dropout,
  flatten,
  maxPool2d,
  relu,
  sequential,
} from "convolith";
import { progressBar } from "../progress.mjs";
import { readDigits, shifted } from "./digits.mjs";
import { contactSheet } from "./sheet.mjs";

const EPOCHS = 20;
const BATCH = 64;
const seed = Number(process.argv[2] ?? 1);
const out = new URL("out/", import.meta.url);

const { train, test } = readDigits({ seed });
const steps = EPOCHS * Math.ceil(train.y.length / BATCH);

const first = [
  conv2d({ filters: 16, kernel: 3, padding: "same", bias: false, name: "conv1" }),
  batchNorm({ name: "norm1" }),
  relu({ name: "relu1" }),
];
const layers = [
  ...first,
  maxPool2d({ size: 2 }),
  conv2d({ filters: 32, kernel: 3, padding: "same", bias: false }),
  batchNorm(),
  relu(),
  maxPool2d({ size: 2 }),
  flatten(),
  dropout({ rate: 0.4 }),
  dense({ units: 128, activation: "relu" }),
  dropout({ rate: 0.3 }),
  dense({ units: 10 }),
];

const engine = await createEngine();
const net = engine.compile(sequential([28, 28, 1], layers), { seed, batchSize: 100 });
console.log(net.summary());

const bar = progressBar(Math.ceil(train.y.length / BATCH), "batches");
const begun = performance.now();
await net.fit(shifted(train, { seed, batchSize: BATCH }), {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: "softmaxCrossEntropy",
  optimizer: adam(),
  schedule: cosine(3e-3, steps, { warmup: 100 }),
  validation: test,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, metrics, validation, imagesPerSecond }) => {
    bar.clear();
    console.log(
      `epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(4)}  accuracy ${percent(metrics.accuracy)}  ` +
        `test ${percent(validation?.accuracy)}  ${Math.round(imagesPerSecond)} images/s`,
    );
  },
});
const seconds = (performance.now() - begun) / 1000;

const scores = net.predict(test.x);
const matrix = confusionMatrix(scores, test.y);
const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
console.log(
  `\nrows: the digit shown; columns: the digit read\n    ${[..."0123456789"].map((d) => d.padStart(4)).join("")}`,
);
for (const [digit, row] of matrix.entries())
  console.log(`${String(digit).padStart(4)}${row.map((n) => String(n || "·").padStart(4)).join("")}`);
console.log(
  `\n${right} of ${test.y.length} right, ${percent(right / test.y.length)}, after ${seconds.toFixed(1)} s on one thread`,
);
console.log(`weights ${checksum(net.weights)} (the same seed gives the same)`);

mkdirSync(out, { recursive: true });
// Write beside the old file, then rename: one of the two is always whole.
const [file, part] = ["digits.safetensors", "digits.safetensors.part"].map((name) => new URL(name, out));
writeFileSync(part, net.save());
renameSync(part, file);
const own = Object.fromEntries(Object.entries(net.weights).filter(([name]) => /^(conv1|norm1)\./.test(name)));
const head = engine.compile(sequential([28, 28, 1], first), { weights: own });
const digit = test.x.slice(0, 784);
const sheet = contactSheet(own["conv1.kernel"], digit, head.predict(digit), 16);
writeFileSync(new URL("kernels.png", out), sheet);
console.log(
  `examples/mnist/out: digits.safetensors, and kernels.png: the kernels of the first layer and their response to a ${test.y[0]}`,
);
engine.dispose();

/** @param {number | undefined} part */
function percent(part = 0) {
  return `${(100 * part).toFixed(2)} %`;
}

/**
 * FNV-1a over the bits of all weights.
 *
 * @param {Record<string, Float32Array>} weights
 */
function checksum(weights) {
  let h = 0x811c9dc5;
  for (const data of Object.values(weights))
    for (const byte of new Uint8Array(data.buffer)) h = Math.imul(h ^ byte, 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}
