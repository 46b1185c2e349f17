// Lesson: how a net is fooled, npm run lesson:fool. Some seconds; pictures in examples/fool/out/.
//
// The net is the one of examples/digits, which reads 97 of 100 digits. The gradient of its loss with respect to the image says in which
// direction each pixel makes the answer worse. Where every pixel moves a little in that direction, people still read the digit, and the
// net does not. After Goodfellow et al., "Explaining and Harnessing Adversarial Examples", 2014.
import { readFileSync } from "node:fs";
import { accuracy, createEngine, fromSafetensors, gradients, upTo } from "convolith";
import { montage } from "convolith/image";
import { oneOfEach, readDigits } from "../mnist/digits.mjs";
import { imagesOf, writePicture } from "../picture.mjs";

const out = new URL("out/", import.meta.url);
const { test } = readDigits({ seed: 1 });
const engine = await createEngine();
const trained = fromSafetensors(readFileSync(new URL("../digits/digits.safetensors", import.meta.url)));
// Without its last layer, softmax, the net gives the scores that the loss takes.
const net = engine.compile(upTo(trained, "dense_1"), { batchSize: 100 });

/** -1, 0 or 1 for each pixel: in which direction the loss grows. @param {Float32Array} images @param {ArrayLike<number>} digits */
function worse(images, digits) {
  return engine.scope(() => {
    const x = engine.tensor(images, [digits.length, 28, 28, 1]);
    const y = engine.tensor(Int32Array.from(digits), [digits.length], "int32");
    const { gradients: slope } = gradients(
      () => engine.loss(net(x), y, { kind: "softmaxCrossEntropy" }),
      [x],
    );
    return engine.sign(slope[0]).data();
  });
}
/** Images with every pixel moved, from 0 to 1 still. @param {Float32Array} images @param {Float32Array} direction @param {number} by */
const moved = (images, direction, by) =>
  images.map((v, i) => Math.min(1, Math.max(0, v + by * direction[i])));

const direction = worse(test.x, test.y);
// The same distance in a random direction, to see that it is not the distance.
const random = engine.sign(engine.randomNormal([direction.length], { seed: 1 })).data();
console.log("pixels moved by   in the worst direction   in a random one");
for (const by of [0, 0.05, 0.1, 0.15, 0.2, 0.25]) {
  const [worst, any] = [direction, random].map((d) => accuracy(net.predict(moved(test.x, d, by)), test.y));
  console.log(
    `${by.toFixed(2).padStart(15)}   ${(100 * worst).toFixed(1).padStart(16)} % right   ${(100 * any).toFixed(1).padStart(9)} % right`,
  );
}

// Ten digits with their pixels moved by 0.2, and what the net reads before and after.
const digits = oneOfEach(test);
const attacked = moved(digits, worse(digits, [...Array(10).keys()]), 0.2);
/** What the net reads, and how sure it is. @param {Float32Array} images */
function readings(images) {
  const x = engine.tensor(images, [10, 28, 28, 1]);
  const sure = engine.softmax(net.predict(x)).data();
  return Array.from({ length: 10 }, (_, n) => {
    const scores = sure.subarray(n * 10, (n + 1) * 10);
    const best = scores.reduce((m, v) => Math.max(m, v));
    return `${scores.indexOf(best)}: ${Math.round(100 * best)} %`;
  });
}
const sheet = montage([...imagesOf(digits, 28), ...imagesOf(attacked, 28)], {
  ...{ columns: 10, scale: 2, range: [0, 1], labels: [...readings(digits), ...readings(attacked)] },
});
writePicture(new URL("fooled.png", out), sheet);
engine.dispose();
