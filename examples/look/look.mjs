// Lesson: where a net sees what it says, npm run lesson:look. Half a minute; pictures in examples/look/out/.
//
// A net learns which digits are in a picture of three. It is never told where they are. Yet gradients know: Grad-CAM asks how much the
// score of a digit depends on each map of the last convolution, and adds the maps up by that. After Selvaraju et al., "Grad-CAM: Visual
// Explanations from Deep Networks via Gradient-based Localization", 2017.
import {
  adam,
  batchNorm,
  conv2d,
  cosine,
  createEngine,
  curves,
  dense,
  globalMaxPool,
  gradients,
  maxPool2d,
  relu,
  sequential,
} from "convolith";
import { montage, resize } from "convolith/image";
import { readDigits } from "../mnist/digits.mjs";
import { drawCurves, imagesOf, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";
import { makePictures, SIDE } from "./pictures.mjs";

const [EPOCHS, BATCH] = [6, 32];
const out = new URL("out/", import.meta.url);
const digits = readDigits({ seed: 1 });
const [train, test] = [makePictures(digits.train, 4000, 1), makePictures(digits.test, 500, 2)];

/** @param {number} filters */
const block = (filters) => [conv2d({ filters, kernel: 3, padding: "same", bias: false }), batchNorm()];
const engine = await createEngine({ threads: 2 });
const net = engine.compile(
  sequential(
    [SIDE, SIDE, 1],
    [
      ...[...block(16), relu(), maxPool2d({ size: 2 })],
      ...[...block(32), relu(), maxPool2d({ size: 2 })],
      ...[...block(48), relu(), ...block(48), relu({ name: "maps" })],
      ...[globalMaxPool(), dense({ units: 10, name: "scores" })],
    ],
  ),
  { seed: 1, batchSize: 50 },
);

const bar = progressBar(Math.ceil(4000 / BATCH), "batches");
const begun = performance.now();
const history = await net.fit(train, {
  epochs: EPOCHS,
  batchSize: BATCH,
  loss: "binaryCrossEntropy",
  optimizer: adam(),
  schedule: cosine(5e-3, (EPOCHS * 4000) / BATCH, { warmup: 50 }),
  metrics: ["accuracy"],
  validation: test,
  onBatch: ({ batch, imagesPerSecond }) => bar.show(batch + 1, `${Math.round(imagesPerSecond)} images/s`),
  onEpoch: ({ epoch, loss, validation }) => {
    bar.clear();
    const right = (100 * (validation?.accuracy ?? 0)).toFixed(1);
    console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  new pictures: ${right} % of all answers right`);
  },
});
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on ${engine.info.threads} threads`);
const { loss, valLoss } = curves(history);
writePicture(new URL("loss.png", out), drawCurves({ train: loss, test: valLoss }));

const inside = net.intermediate(["maps", "scores"]);

/** How much of a digit is seen at each place: [14, 14]. @param {Float32Array} picture @param {number} digit */
function gradCam(picture, digit) {
  return engine.scope(() => {
    const x = engine.tensor(picture, [1, SIDE, SIDE, 1]);
    const asked = engine.oneHot(engine.tensor([digit], [1], "int32"), { depth: 10 });
    const [maps] = inside(x);
    /** @type {typeof maps} */
    let seen;
    const { gradients: byMap } = gradients(
      () => {
        const [features, scores] = inside(x);
        seen = features;
        return engine.sum(engine.mul(scores, asked));
      },
      () => [seen],
    );
    const weights = engine.mean(byMap[0], { axes: [1, 2], keepDims: true });
    return engine.relu(engine.sum(engine.mul(maps, weights), { axes: [3] })).data();
  });
}

/** The picture in gray, and in red what is seen. @param {Float32Array} picture @param {Float32Array} cam */
function overlay(picture, cam) {
  const [small] = imagesOf(cam, 14);
  const { data } = resize(engine, small, { width: SIDE, height: SIDE });
  const most = data.reduce((m, v) => Math.max(m, v), 1e-6);
  const rgb = new Uint8Array(picture.length * 3);
  picture.forEach((v, p) => {
    const heat = Math.max(0, data[p] / most);
    for (let c = 0; c < 3; c++)
      rgb[p * 3 + c] = 200 * v * (1 - heat * (c ? 0.8 : 0)) + (c ? 0 : 55 * heat + 200 * heat * (1 - v));
  });
  return { data: rgb, width: SIDE, height: SIDE, channels: 3 };
}

const [tiles, labels] = [
  /** @type {import("convolith/image").Image<Uint8Array>[]} */ ([]),
  /** @type {string[]} */ ([]),
];
for (let n = 0; tiles.length < 8 * 4; n++) {
  const picture = test.x.slice(n * SIDE * SIDE, (n + 1) * SIDE * SIDE);
  const there = [...Array(10).keys()].filter((digit) => test.y[n * 10 + digit] === 1);
  if (there.length < 3) continue;
  tiles.push(
    overlay(picture, new Float32Array(14 * 14)),
    ...there.map((d) => overlay(picture, gradCam(picture, d))),
  );
  labels.push("the picture", ...there.map((digit) => `where is a ${digit}?`));
}
writePicture(new URL("where.png", out), montage(tiles, { columns: 8, scale: 2, labels }));
engine.dispose();
