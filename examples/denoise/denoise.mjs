// Lesson: an autoencoder that takes noise away, npm run lesson:denoise. Half a minute; pictures in examples/denoise/out/.
//
// An encoder squeezes an image of 784 pixels into a code of 32 numbers, a decoder makes the image again. What it reads is noisy, what it
// must give back is clean. There is no room for noise in the code: only what digits have in common fits. Between the codes of two
// digits lie digits, too, so that the decoder alone can turn one into the other.
import {
  adam,
  conv2d,
  convTranspose2d,
  cosine,
  createEngine,
  curves,
  dense,
  flatten,
  reshape,
  sequential,
  sigmoid,
  upTo,
} from "convolith";
import { montage } from "convolith/image";
import { oneOfEach, PIXELS, readDigits } from "../mnist/digits.mjs";
import { drawCurves, imagesOf, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";

const [EPOCHS, BATCH, CODE, NOISE] = [10, 64, 32, 0.6];
const out = new URL("out/", import.meta.url);
const { train, test } = readDigits({ seed: 1 });

// Convolutions of stride 2 halve the map, transposed ones double it. The decoder ends in logits, which the loss takes.
const half = /** @type {const} */ ({ kernel: 4, stride: 2, padding: 1, activation: "relu" });
const encoder = [
  conv2d({ filters: 16, ...half }),
  conv2d({ filters: 32, ...half }),
  flatten(),
  dense({ units: CODE, name: "code" }),
];
const decoder = [
  dense({ units: 7 * 7 * 32, activation: "relu", name: "grow" }),
  reshape({ shape: [0, 7, 7, 32] }), // 0 keeps the batch,
  convTranspose2d({ filters: 16, ...half, name: "double1" }),
  convTranspose2d({ filters: 1, kernel: 4, stride: 2, padding: 1, name: "double2" }),
];

const engine = await createEngine();
let seed = 0;
/** Images with noise of a normal distribution, other noise each time, cut off at 0 and 1. @param {Float32Array} clean */
function noisy(clean) {
  return engine.scope(() => {
    const noise = engine.randomNormal([clean.length], { std: NOISE, seed: ++seed });
    return engine.clip(engine.add(engine.tensor(clean, [clean.length]), noise), { min: 0, max: 1 }).data();
  });
}

const net = engine.compile(sequential([28, 28, 1], [...encoder, ...decoder]), { seed: 1, batchSize: 100 });
console.log(net.summary());

/** Clean digits in batches, each time with other noise: there is more to see than 8,000 images. */
function* batches() {
  for (let from = 0; from < train.x.length; from += BATCH * PIXELS) {
    const y = train.x.subarray(from, from + BATCH * PIXELS);
    yield { x: noisy(y), y };
  }
}
const perEpoch = Math.ceil(train.y.length / BATCH);
const bar = progressBar(perEpoch, "batches");
const begun = performance.now();
const history = await net.fit(batches, {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: "binaryCrossEntropy",
  optimizer: adam(),
  schedule: cosine(3e-3, EPOCHS * perEpoch, { warmup: 50 }),
  validation: { x: noisy(test.x), y: test.x },
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, validation }) => {
    bar.clear();
    console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  test ${validation?.loss.toFixed(4)}`);
  },
});
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on one thread`);
const { loss, valLoss } = curves(history);
writePicture(new URL("loss.png", out), drawCurves({ train: loss, test: valLoss }));

// Ten digits that were not trained on: clean, noisy, and what the net makes of the noisy ones.
const clean = oneOfEach(test);
const spoilt = noisy(clean);
const whole = engine.compile(sequential([28, 28, 1], [...encoder, ...decoder, sigmoid()]), {
  weights: net.weights,
});
const cleaned = whole.predict(spoilt);
/** Mean square of what separates two sets of images. @param {Float32Array} a */
const error = (a) => a.reduce((sum, v, i) => sum + (v - clean[i]) ** 2, 0) / a.length;
console.log(`mean squared error: ${error(spoilt).toFixed(4)} noisy, ${error(cleaned).toFixed(4)} cleaned`);
const rows = [clean, spoilt, cleaned].flatMap((values) => imagesOf(values, 28));
writePicture(new URL("denoised.png", out), montage(rows, { columns: 10, scale: 2, range: [0, 1] }));

// Both halves as nets of their own: from the code of one digit straight to the code of another.
const toCode = engine.compile(upTo(net, "code"));
const fromCode = engine.compile(sequential([CODE], [...decoder, sigmoid()]), {
  weights: net.weights,
  partial: true, // those of the encoder are left over
});
const codes = toCode.predict(clean);
const STEPS = 10;
const PAIRS = [
  [3, 8],
  [4, 9],
  [7, 1],
  [5, 6],
];
const between = PAIRS.flatMap(([a, b]) =>
  Array.from({ length: STEPS * CODE }, (_, i) => {
    const [from, to] = [a, b].map((digit) => codes[digit * CODE + (i % CODE)]);
    return from + (Math.floor(i / CODE) / (STEPS - 1)) * (to - from);
  }),
);
const morphs = imagesOf(fromCode.predict(Float32Array.from(between)), 28);
writePicture(new URL("between.png", out), montage(morphs, { columns: STEPS, scale: 2, range: [0, 1] }));
engine.dispose();
