// Fashion-MNIST as far as a small net gets: npm run train:fashion-best [-- folder]. Half an hour on two cores. What it adds to
// fashion.mjs: residual blocks, twice as deep; every image mirrored or not and moved by a pixel or two, anew in each epoch; decay of
// weights; and an answer that is the mean over the image and its mirror image. Writes the network and the curves to examples/fashion/out/.
import { renameSync, writeFileSync } from "node:fs";
import {
  accuracy,
  adamW,
  add,
  batchNorm,
  conv2d,
  cosine,
  createEngine,
  dense,
  dropout,
  globalAvgPool,
  input,
  maxPool2d,
  model,
  relu,
} from "convolith";
import { augment, randomCrop, randomFlip, toArray } from "convolith/image";
import { generator, shuffle } from "../mnist/digits.mjs";
import { curves, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";
import { readSets } from "./idx.mjs";

const [EPOCHS, BATCH, SIDE] = [8, 64, 28];
const folder = process.argv[2] ?? "/usr/share/datasets/fashion-mnist";
const out = new URL("out/", import.meta.url);

const [train, test] = readSets(folder, "npm run train:fashion-best");

/** @typedef {import("convolith").SymbolicTensor} Symbolic */

/** @param {Symbolic} x @param {number} filters */
const convNorm = (x, filters) =>
  batchNorm()(
    conv2d({ filters, kernel: 3, padding: "same", bias: false, kernelInitializer: "heUniform" })(x),
  );

/** A convolution, then a block that adds to what it reads. @param {Symbolic} x @param {number} filters */
function stage(x, filters) {
  const y = relu()(convNorm(x, filters));
  return relu()(add()(convNorm(relu()(convNorm(y, filters)), filters), y));
}

const image = input([SIDE, SIDE, 1]);
let x = maxPool2d({ size: 2 })(relu()(convNorm(image, 24)));
x = maxPool2d({ size: 2 })(stage(x, 48));
x = globalAvgPool()(stage(x, 96));
const scores = dense({ units: 10 })(dropout({ rate: 0.2 })(x));

const engine = await createEngine({ threads: 2 });
const net = engine.compile(model({ inputs: image, outputs: scores }), { seed: 1, batchSize: 100 });
console.log(net.summary());

// Bytes, one image each, as the functions on images take them.
const bytes = Uint8Array.from(train.x, (v) => Math.round(255 * v));
const photos = Array.from(train.y, (_, i) => ({
  ...{ data: bytes.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE), width: SIDE, height: SIDE, channels: 1 },
}));
const steps = [randomFlip(), randomCrop({ width: SIDE, height: SIDE, padding: 2 })];
const varied = augment(steps, { seed: 1 });
let pass = 0;
/** All images in a new order, each as it was never seen before. */
function* batches() {
  const order = Array.from(train.y, (_, i) => i);
  shuffle(order, generator(pass));
  for (let from = 0; from < order.length; from += BATCH) {
    const picked = order.slice(from, from + BATCH);
    const images = varied(
      picked.map((i) => photos[i]),
      pass * order.length + from,
    );
    yield { x: toArray(images), y: Uint8Array.from(picked, (i) => train.y[i]) };
  }
  pass++;
}

const perEpoch = Math.ceil(train.y.length / BATCH);
const bar = progressBar(perEpoch, "batches");
const begun = performance.now();
const history = await net.fit(batches, {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: "softmaxCrossEntropy",
  optimizer: adamW({ weightDecay: 0.05 }),
  schedule: cosine(3e-3, EPOCHS * perEpoch, { warmup: 300 }),
  validation: test,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, metrics, validation, imagesPerSecond }) => {
    bar.clear();
    console.log(
      `epoch ${epoch + 1}  loss ${loss.toFixed(4)}  accuracy ${percent(metrics.accuracy)}  ` +
        `test ${percent(validation?.accuracy)}  ${Math.round(imagesPerSecond)} images/s`,
    );
  },
});
const minutes = (performance.now() - begun) / 60_000;

// A shirt in a mirror is a shirt: the mean over both views is wrong less often.
const mirrored = test.x.map((_, i) => test.x[i - (i % SIDE) + SIDE - 1 - (i % SIDE)]);
const [seen, turned] = [net.predict(test.x), net.predict(mirrored)];
const right = accuracy(
  seen.map((v, i) => v + turned[i]),
  test.y,
);
console.log(
  `\n${percent(right)} of ${test.y.length} right, after ${minutes.toFixed(1)} minutes on ${engine.info.threads} threads`,
);
writePicture(
  new URL("accuracy.png", out),
  curves({
    train: history.map((h) => h.metrics.accuracy ?? 0),
    test: history.map((h) => h.validation?.accuracy ?? 0),
  }),
);
const [file, part] = ["best.safetensors", "best.safetensors.part"].map((name) => new URL(name, out));
writeFileSync(part, net.save());
renameSync(part, file);
engine.dispose();

/** @param {number | undefined} share */
function percent(share = 0) {
  return `${(100 * share).toFixed(2)} %`;
}
