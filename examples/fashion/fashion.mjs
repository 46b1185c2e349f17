// Trains a CNN to tell shirts from coats: npm run train:fashion [-- folder]. Reads the four files of Fashion-MNIST (60,000 images to train
// on, 10,000 to test on), by default from where Debian's package dataset-fashion-mnist puts them. Any IDX files of the same names and
// sizes will do, such as MNIST's own.
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
import { readSets } from "./idx.mjs";

const folder = process.argv[2] ?? "/usr/share/datasets/fashion-mnist";
const NAMES = [
  "T-shirt",
  "trousers",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "boot",
];
const [EPOCHS, BATCH] = [5, 64];

const [train, test] = readSets(folder, "npm run train:fashion");
/** @param {number} filters */
const block = (filters) => [
  conv2d({ filters, kernel: 3, padding: "same", bias: false }),
  batchNorm(),
  relu(),
];
const engine = await createEngine();
const net = engine.compile(
  sequential(
    [28, 28, 1],
    [
      ...block(32),
      maxPool2d({ size: 2 }),
      ...block(64),
      maxPool2d({ size: 2 }),
      flatten(),
      dropout({ rate: 0.3 }),
      dense({ units: 128, activation: "relu" }),
      dropout({ rate: 0.3 }),
      dense({ units: 10 }),
    ],
  ),
  { seed: 1, batchSize: 100 },
);
const batches = Math.ceil(train.y.length / BATCH);
const bar = progressBar(batches, "batches");
const begun = performance.now();
await net.fit(train, {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: "softmaxCrossEntropy",
  optimizer: adam(),
  schedule: cosine(2e-3, EPOCHS * batches, { warmup: 200 }),
  validation: test,
  seed: 1,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, metrics, validation, imagesPerSecond }) => {
    bar.clear();
    console.log(
      `epoch ${epoch + 1}  loss ${loss.toFixed(4)}  accuracy ${(100 * (metrics.accuracy ?? 0)).toFixed(2)} %  ` +
        `test ${(100 * (validation?.accuracy ?? 0)).toFixed(2)} %  ${Math.round(imagesPerSecond)} images/s`,
    );
  },
});
const matrix = confusionMatrix(net.predict(test.x), test.y);
console.log(`\n${"".padEnd(9)}${NAMES.map((name) => name.slice(0, 6).padStart(7)).join("")}`);
for (const [kind, row] of matrix.entries())
  console.log(`${NAMES[kind].padEnd(9)}${row.map((n) => String(n || "·").padStart(7)).join("")}`);
const right = matrix.reduce((sum, row, i) => sum + row[i], 0);
console.log(
  `\n${right} of ${test.y.length} right, ${((100 * right) / test.y.length).toFixed(2)} %, after ${((performance.now() - begun) / 1000).toFixed(0)} s on one thread`,
);
const out = new URL("out/", import.meta.url);
mkdirSync(out, { recursive: true });
const [file, part] = ["fashion.safetensors", "fashion.safetensors.part"].map((name) => new URL(name, out));
writeFileSync(part, net.save());
renameSync(part, file);
engine.dispose();
