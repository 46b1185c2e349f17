// Lesson: learning from few images with a net that has seen others, npm run lesson:transfer. Half a minute; pictures in
// examples/transfer/out/.
//
// A net learns the digits 0 to 4 from four thousand images. Then it gets a new head, for the digits 5 to 9, which it has never seen, and
// three images of each. Strokes, bows and crossings are the same in all digits: what the first layers have learnt about them stays useful.
// One student trains the head alone, one the head and all the rest, and one learns the five digits from nothing.
import {
  adam,
  batchNorm,
  conv2d,
  cosine,
  createEngine,
  curves,
  dense,
  dropout,
  globalMaxPool,
  maxPool2d,
  relu,
  replaceHead,
  sequential,
} from "convolith";
import { montage } from "convolith/image";
import { PIXELS, readDigits } from "../mnist/digits.mjs";
import { drawCurves, imagesOf, writePicture } from "../picture.mjs";

const [EACH, EPOCHS] = [3, 40];
const out = new URL("out/", import.meta.url);
const all = readDigits({ seed: 1 });

/** Images of the digits from `first` to `first + 4`, at most `most` of each, as classes 0 to 4. @param {typeof all.train} from @param {number} first @param {number} [most] */
function five({ x, y }, first, most = Number.POSITIVE_INFINITY) {
  const taken = [0, 0, 0, 0, 0];
  const picked = Array.from(y.keys()).filter(
    (i) => y[i] >= first && y[i] < first + 5 && taken[y[i] - first]++ < most,
  );
  const images = new Float32Array(picked.length * PIXELS);
  picked.forEach((i, n) => {
    images.set(x.subarray(i * PIXELS, (i + 1) * PIXELS), n * PIXELS);
  });
  return { x: images, y: Uint8Array.from(picked, (i) => y[i] - first) };
}

/** @param {number} filters @param {number} i */
const block = (filters, i) => [
  conv2d({ filters, kernel: 3, padding: "same", bias: false, name: `conv${i}` }),
  batchNorm({ name: `norm${i}` }),
  relu(),
];
const model = sequential(
  [28, 28, 1],
  [
    ...[...block(16, 1), maxPool2d({ size: 2 }), ...block(32, 2), maxPool2d({ size: 2 })],
    ...[...block(64, 3), globalMaxPool(), dropout({ rate: 0.2 }), dense({ units: 5, name: "first" })],
  ],
);
const engine = await createEngine({ threads: 2 });
const loss = "softmaxCrossEntropy";

const teacher = engine.compile(model, { seed: 1, batchSize: 100 });
const begun = performance.now();
await teacher.fit(five(all.train, 0), {
  ...{
    epochs: 3,
    batchSize: 64,
    loss,
    optimizer: adam({ learningRate: 3e-3 }),
    validation: five(all.test, 0),
  },
  onEpoch: ({ epoch, validation }) =>
    console.log(`0 to 4, epoch ${epoch + 1}: ${percent(validation?.accuracy)}`),
});

// The same description with another last layer; what is before it brings its weights along.
const few = five(all.train, 5, EACH);
const test = five(all.test, 5);
const head = dense({ units: 5, name: "second" });
const students = {
  "from nothing": { source: model, rate: 1e-2, freeze: [] },
  "new head alone": {
    source: replaceHead(teacher, head),
    rate: 3e-2, // a single layer takes longer steps
    freeze: ["conv1", "conv2", "conv3", "norm1", "norm2", "norm3"],
  },
  "new head and the rest": { source: replaceHead(teacher, head), rate: 1e-2, freeze: [] },
};
/** @type {Record<string, number[]>} */
const curve = {};
for (const [name, { source, rate, freeze }] of Object.entries(students)) {
  const net = engine.compile(source, { seed: 2, batchSize: 100 });
  const history = await net.fit(few, {
    ...{
      epochs: EPOCHS,
      batchSize: few.y.length,
      loss,
      optimizer: adam(),
      schedule: cosine(rate, EPOCHS),
      freeze,
      validation: test,
    },
  });
  curve[name] = curves(history).valAccuracy;
  console.log(
    `5 to 9 from ${few.y.length} images, ${name}: ${percent(curve[name].at(-1))} of ${test.y.length} read right`,
  );
}
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on ${engine.info.threads} threads`);
writePicture(new URL("accuracy.png", out), drawCurves(curve, { range: [0, 1] }));
writePicture(
  new URL("few.png", out),
  montage(imagesOf(few.x, 28), { columns: few.y.length / 5, scale: 2, range: [0, 1] }),
);
engine.dispose();

/** @param {number | undefined} share */
function percent(share = 0) {
  return `${(100 * share).toFixed(1)} %`;
}
