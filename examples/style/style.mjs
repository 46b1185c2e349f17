// Lesson: a photo in the colors and strokes of another picture, npm run lesson:style [-- photo.png style.png]. A minute; pictures in
// examples/style/out/.
//
// Nothing is trained here but the pixels of the photo. A net that was trained to sharpen photos (ESRGAN-slim) sees edges, strokes and
// colors. How often it sees which of them together is the style of a picture, wherever they are: Gram matrices. The pixels change until their
// Gram matrices are those of the style, at three sizes, while what is seen at each place stays near the photo's. After Gatys et al., "Image
// Style Transfer Using Convolutional Neural Networks", 2016.
import { readFileSync } from "node:fs";
import { adam, createEngine, gradients, upTo } from "convolith";
import { fromTensor, montage, resize, toTensor } from "convolith/image";
import { fromTfjs } from "convolith/tfjs";
import { astronaut, readPhoto } from "../photo.mjs";
import { drawCurves, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";

const [SIDE, STEPS] = [128, 60];
/** How much it counts that the photo is still to be seen, and that pixels are like those beside them. */
const [CONTENT, SMOOTH] = [0.1, 0.2];
const out = new URL("out/", import.meta.url);
const esrgan = new URL("../../node_modules/@upscalerjs/esrgan-slim/", import.meta.url);
const [photo = astronaut, style] = process.argv.slice(2);

const engine = await createEngine({ threads: 2 });
/** A tensor [1, SIDE, SIDE, 3] of a picture, from 0 to 1. @param {import("convolith/image").Image<Uint8Array>} picture */
function read(picture) {
  const small = resize(engine, picture, { width: SIDE, height: SIDE, method: "area" });
  return toTensor(engine, small, { channels: 3, batch: true });
}
const [given, wanted] = [read(readPhoto(photo)), read(style ? readPhoto(style) : brushStrokes(256))];

const file = (/** @type {string} */ name) => readFileSync(new URL(`models/x2/${name}`, esrgan));
const trained = fromTfjs(file("model.json"), file("group1-shard1of1.bin"));
const LAYERS = ["F_0", "GFF_2", "UPN1_Relu"];
/** The net for the picture, for half and for a quarter of its size. */
const nets = [1, 2, 4].map((divisor) =>
  engine.compile(upTo(trained, LAYERS), { shape: [SIDE / divisor, SIDE / divisor, 3] }),
);

/** @typedef {import("convolith").Tensor} Tensor */

/** What the layers give at every size. @param {Tensor} x @returns {Tensor[][]} */
function features(x) {
  let picture = x;
  return nets.map((net, i) => {
    if (i > 0) picture = engine.avgPool2d(picture, { size: 2 });
    return /** @type {Tensor[]} */ (/** @type {unknown} */ (net(picture)));
  });
}

/** How often maps are active together: [c, c]. @param {Tensor} maps [1, h, w, c] */
function gram(maps) {
  const [, h, w, c] = maps.shape;
  const flat = engine.reshape(maps, { shape: [h * w, c] });
  return engine.mul(engine.matmul(flat, flat, { transposeA: true }), 1 / (h * w));
}
/** Mean square of the difference, in parts of the mean square of the second. @param {Tensor} a @param {Tensor} b */
const distance = (a, b) =>
  engine.div(engine.mean(engine.square(engine.sub(a, b))), engine.mean(engine.square(b)));

/** Mean distance of pixels from those beside and below them. @param {Tensor} x */
function variation(x) {
  /** @type {(top: number, left: number) => Tensor} */
  const from = (top, left) => engine.slice(x, { begin: [0, top, left, 0], size: [1, SIDE - 1, SIDE - 1, 3] });
  const [right, below] = [from(0, 1), from(1, 0)].map((moved) =>
    engine.mean(engine.abs(engine.sub(moved, from(0, 0)))),
  );
  return engine.add(right, below);
}

const grams = features(wanted).map((layers) => layers.map(gram));
const content = features(given)[1];
function loss(/** @type {Tensor} */ x) {
  const seen = features(x);
  const terms = seen.flatMap((layers, i) => layers.map((maps, k) => distance(gram(maps), grams[i][k])));
  terms.push(engine.mul(distance(seen[1][2], content[2]), CONTENT));
  terms.push(engine.mul(variation(x), SMOOTH));
  return terms.reduce((sum, term) => engine.add(sum, term));
}

const picture = engine.tensor(given.data(), given.shape);
const optimizer = adam({ learningRate: 0.02 });
const [frames, losses] = [[fromTensor(given), fromTensor(wanted)], /** @type {number[]} */ ([])];
const bar = progressBar(STEPS, "steps");
const begun = performance.now();
for (let i = 1; i <= STEPS; i++) {
  engine.scope(() => {
    const { value, gradients: by } = gradients(() => loss(picture), [picture]);
    optimizer.apply([picture], by);
    losses.push(value.data()[0]);
  });
  bar.show(i, `loss ${losses.at(-1)?.toFixed(3)}`);
  if (![10, 30, STEPS].includes(i)) continue;
  bar.clear();
  console.log(`step ${i}  loss ${losses.at(-1)?.toFixed(3)}`);
  picture.write(picture.data().map((v) => Math.min(1, Math.max(0, v))));
  frames.push(fromTensor(picture));
}
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on ${engine.info.threads} threads`);
writePicture(new URL("loss.png", out), drawCurves({ loss: losses }, { x: "step" }));
writePicture(new URL("style.png", out), montage(frames, { columns: frames.length, scale: 2 }));
engine.dispose();

/** Curved bands of blue and yellow, with an edge of their own each: a picture with strokes. @param {number} side */
function brushStrokes(side) {
  const palette = [
    [18, 32, 88],
    [32, 74, 150],
    [86, 150, 190],
    [236, 200, 80],
    [250, 240, 190],
    [40, 60, 110],
  ];
  const data = new Uint8Array(side * side * 3);
  for (let p = 0; p < side * side; p++) {
    const [x, y] = [(p % side) / side, Math.floor(p / side) / side];
    const bend = Math.sin(5 * x + 3 * Math.sin(4 * y)) + Math.cos(6 * y - 2 * Math.sin(5 * x));
    const band = 9 * bend + 4 * Math.hypot(x - 0.7, y - 0.3);
    const color = palette[((Math.floor(band) % 6) + 6) % 6];
    const edge = 0.75 + 0.25 * Math.sin(Math.PI * (band - Math.floor(band)));
    for (let c = 0; c < 3; c++) data[p * 3 + c] = color[c] * edge;
  }
  return { data, width: side, height: side, channels: 3 };
}
