// Lesson: a U-Net that finds digits on a patterned ground, pixel by pixel, npm run lesson:unet. A minute; pictures in examples/unet/out/.
//
// A segmentation net answers for every pixel. On its way down it halves the map three times, so that a pixel of the smallest map has
// seen most of the picture; on its way up it doubles it again, and at every size it reads what the way down had there, so that edges stay
// sharp. One pixel of twelve is ink: a net that finds none would be right for the other eleven. The Dice loss asks how much mask and
// answer have in common, whatever there is of ground.
import {
  adam,
  batchNorm,
  concat,
  conv2d,
  convTranspose2d,
  cosine,
  createEngine,
  curves,
  input,
  maxPool2d,
  metrics,
  model,
  relu,
} from "convolith";
import { montage } from "convolith/image";
import { readDigits } from "../mnist/digits.mjs";
import { drawCurves, imagesOf, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";
import { makeScenes, SIDE } from "./scenes.mjs";

const [EPOCHS, BATCH, SCENES] = [8, 8, 1200];
const out = new URL("out/", import.meta.url);
const digits = readDigits({ seed: 1 });
const train = makeScenes(digits.train, { count: SCENES, seed: 1 });
const test = makeScenes(digits.test, { count: 200, seed: 2 });

/** Two convolutions of 3x3. @param {import("convolith").SymbolicTensor} x @param {number} filters */
function twice(x, filters) {
  for (let i = 0; i < 2; i++)
    x = relu()(batchNorm()(conv2d({ filters, kernel: 3, padding: "same", bias: false })(x)));
  return x;
}
const image = input([SIDE, SIDE, 3]);
const passed = [];
let x = twice(image, 8);
for (const filters of [16, 32, 64]) {
  passed.push(x);
  x = twice(maxPool2d({ size: 2 })(x), filters);
}
for (const filters of [32, 16, 8]) {
  const larger = convTranspose2d({ filters, kernel: 2, stride: 2 })(x);
  x = twice(concat()(/** @type {typeof x} */ (passed.pop()), larger), filters);
}
const logits = conv2d({ filters: 1, kernel: 1 })(x);

const engine = await createEngine({ threads: 2 });
const net = engine.compile(model({ inputs: image, outputs: logits }), { seed: 1, batchSize: 20 });
console.log(net.summary());

const bar = progressBar(Math.ceil(SCENES / BATCH), "batches");
const begun = performance.now();
const history = await net.fit(train, {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: { kind: "dice", perImage: true },
  optimizer: adam(),
  schedule: cosine(5e-3, EPOCHS * Math.ceil(SCENES / BATCH), { warmup: 20 }),
  metrics: [metrics.f1()], // of pixels that is the Dice coefficient
  validation: test,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, validation }) => {
    bar.clear();
    const dice = validation?.metrics.f1 ?? 0;
    console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  Dice on new pictures ${dice.toFixed(3)}`);
  },
});
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on ${engine.info.threads} threads`);
const { loss, valF1 } = curves(history);
writePicture(new URL("loss.png", out), drawCurves({ loss, "Dice on new pictures": valF1 }));

// Eight pictures that were not trained on: the picture, its mask, and how sure the net is of ink.
const SHOWN = 8;
const scenes = test.x.subarray(0, SHOWN * SIDE * SIDE * 3);
const sure = net.predict(scenes).map((logit) => 1 / (1 + Math.exp(-logit)));
const rows = [
  ...imagesOf(scenes, SIDE, 3),
  ...imagesOf(test.y.subarray(0, SHOWN * SIDE * SIDE), SIDE),
  ...imagesOf(sure, SIDE),
];
writePicture(new URL("masks.png", out), montage(rows, { columns: SHOWN, scale: 2, range: [0, 1] }));
engine.dispose();
