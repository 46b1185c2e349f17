// Trains a CNN to tell shirts from coats: npm run train:fashion [-- --epochs 10 --seed 1 --folder folder]. It is right about 93 of 100
// images it has never seen, after some twelve minutes on two cores; fewer epochs are a first look. Writes the network, its curves, and the
// answers it was wrong about to examples/fashion/out/.
//
// Reads the four files of Fashion-MNIST (60,000 images to train on, 10,000 to test on), by default from where Debian's package
// dataset-fashion-mnist puts them. The last 5,000 images to train on are held out: their curve shows how well the net does while it learns,
// and the images to test on are looked at once, in the end.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  accuracy,
  adamW,
  batchNorm,
  confusionMatrix,
  conv2d,
  createEngine,
  curves,
  dense,
  dropout,
  flatten,
  maxPool2d,
  oneCycle,
  relu,
  sequential,
} from "convolith";
import { augment, flip, montage, randomCrop, randomFlip, toArray, toTensor } from "convolith/image";
import { generator, shuffle } from "../mnist/digits.mjs";
import { drawCurves, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";
import { readSets } from "./idx.mjs";

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
const [BATCH, HELD_OUT] = [64, 5000];
const { values } = parseArgs({
  options: {
    epochs: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    folder: { type: "string", default: "/usr/share/datasets/fashion-mnist" },
  },
});
const [epochs, seed] = [Number(values.epochs), Number(values.seed)];
const out = new URL("out/", import.meta.url);
const [all, test] = readSets(values.folder);
const count = all.labels.length - HELD_OUT;

/** @param {number} filters */
const block = (filters) => [
  conv2d({ filters, kernel: 3, padding: "same", bias: false, kernelInitializer: "heUniform" }),
  batchNorm(),
  relu(),
];
const engine = await createEngine({ threads: 2 });
const net = engine.compile(
  sequential(
    [28, 28, 1],
    [
      ...[...block(32), maxPool2d({ size: 2 })],
      ...[...block(64), ...block(64), maxPool2d({ size: 2 })],
      ...[...block(128), maxPool2d({ size: 2 }), flatten(), dropout({ rate: 0.3 }), dense({ units: 10 })],
    ],
  ),
  { seed, batchSize: 100 },
);
console.log(net.summary());

// A shirt in a mirror, or a pixel further left, is a shirt: the net sees every image a little different in each epoch.
const varied = augment([randomFlip(), randomCrop({ width: 28, height: 28, padding: 1 })], { seed });
/** @param {number} epoch */
function* batches(epoch) {
  const order = Array.from({ length: count }, (_, i) => i);
  shuffle(order, generator(seed * 1000 + epoch));
  for (let from = 0; from < count; from += BATCH) {
    const picked = order.slice(from, from + BATCH);
    const images = varied(
      picked.map((i) => all.images[i]),
      epoch * count + from,
    );
    yield { x: toArray(images), y: picked.map((i) => all.labels[i]) };
  }
}

const perEpoch = Math.ceil(count / BATCH);
const bar = progressBar(perEpoch, "batches");
const begun = performance.now();
const history = await net.fit(batches, {
  epochs,
  batchSize: BATCH,
  loss: { kind: "softmaxCrossEntropy", labelSmoothing: 0.1 },
  optimizer: adamW({ weightDecay: 0.05 }),
  // The longest steps are taken early; the last, short ones bring the most.
  schedule: oneCycle(5e-3, epochs * perEpoch, { pctStart: 0.2 }),
  validation: { x: toArray(all.images.slice(count)), y: all.labels.subarray(count) },
  seed,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, metrics, validation, imagesPerSecond }) => {
    bar.clear();
    console.log(
      `epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(4)}  accuracy ${percent(metrics.accuracy)}  ` +
        `held out ${percent(validation?.accuracy)}  ${Math.round(imagesPerSecond)} images/s`,
    );
  },
});
const minutes = (performance.now() - begun) / 60_000;

// The mean of what the net says of an image and of its mirror image is wrong less often.
const [seen, mirrored] = [test.images, test.images.map((image) => flip(image))].map((images) =>
  engine.scope(() => engine.softmax(net.predict(toTensor(engine, images))).data()),
);
const scores = seen.map((v, i) => (v + mirrored[i]) / 2);
const matrix = confusionMatrix(scores, test.labels);
console.log(`\n${"".padEnd(9)}${NAMES.map((name) => name.slice(0, 6).padStart(7)).join("")}`);
for (const [kind, row] of matrix.entries())
  console.log(`${NAMES[kind].padEnd(9)}${row.map((n) => String(n || "·").padStart(7)).join("")}`);
console.log(
  `\n${percent(accuracy(scores, test.labels))} of ${test.labels.length} test images right ` +
    `(${percent(accuracy(seen, test.labels))} without mirror images), ` +
    `after ${minutes.toFixed(1)} minutes on ${engine.info.threads} threads`,
);

const { accuracy: train, valAccuracy } = curves(history);
writePicture(new URL("accuracy.png", out), drawCurves({ train, "held out": valAccuracy }));
// The 40 wrong answers that the net is surest of: what it says, and what is right.
const wrong = Array.from(test.labels.entries(), ([i, label]) => {
  const own = scores.subarray(i * 10, i * 10 + 10);
  const sure = own.reduce((a, b) => Math.max(a, b));
  const [said, right] = [NAMES[own.indexOf(sure)], NAMES[label]];
  return { image: test.images[i], sure: said === right ? 0 : sure, label: `${said}, not ${right}` };
});
const worst = wrong.sort((a, b) => b.sure - a.sure).slice(0, 40);
writePicture(
  new URL("wrong.png", out),
  montage(
    worst.map(({ image }) => image),
    { columns: 8, scale: 3, labels: worst.map(({ label }) => label) },
  ),
);
const [file, part] = ["fashion.safetensors", "fashion.safetensors.part"].map((name) => new URL(name, out));
mkdirSync(out, { recursive: true });
writeFileSync(part, net.save());
renameSync(part, file);
engine.dispose();

/** @param {number | undefined} share */
function percent(share = 0) {
  return `${(100 * share).toFixed(2)} %`;
}
