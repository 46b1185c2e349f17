// Lesson: two nets that learn from each other to draw digits, npm run lesson:gan. Under a minute; pictures in examples/gan/out/.
//
// The generator makes an image of 64 random numbers. The critic is shown images and says how real they look. In each step the critic learns
// to tell digits from drawings, then the generator learns what the critic would take for a digit: its gradient comes back through the
// critic. Nobody tells the generator what a digit is. After Radford et al., "Unsupervised Representation Learning with Deep Convolutional
// Generative Adversarial Networks", 2015.
import {
  adam,
  batchNorm,
  conv2d,
  convTranspose2d,
  createEngine,
  dense,
  flatten,
  gradients,
  leakyRelu,
  relu,
  reshape,
  sequential,
  sigmoid,
} from "convolith";
import { montage } from "convolith/image";
import { PIXELS, generator as randomNumbers, readDigits, shuffle } from "../mnist/digits.mjs";
import { drawCurves, imagesOf, writePicture } from "../picture.mjs";
import { progressBar } from "../progress.mjs";

const [STEPS, BATCH, NOISE] = [1500, 64, 64];
/** Steps after which the same noise is drawn again, to watch the generator learn. */
const DRAWN = [1, 50, 100, 200, 400, 800, STEPS];
const out = new URL("out/", import.meta.url);
const { train } = readDigits({ test: 0, seed: 1 });

const engine = await createEngine({ threads: 2 });
const twice = /** @type {const} */ ({ kernel: 4, stride: 2, padding: 1 });
const generator = engine.compile(
  sequential(
    [NOISE],
    [
      ...[dense({ units: 7 * 7 * 32, bias: false }), batchNorm(), relu(), reshape({ shape: [0, 7, 7, 32] })],
      ...[convTranspose2d({ filters: 16, ...twice, bias: false }), batchNorm(), relu()],
      ...[convTranspose2d({ filters: 1, ...twice }), sigmoid()],
    ],
  ),
  { seed: 1, batchSize: BATCH },
);
const critic = engine.compile(
  sequential(
    [28, 28, 1],
    [
      ...[conv2d({ filters: 16, ...twice }), leakyRelu({ alpha: 0.2 })],
      ...[conv2d({ filters: 32, ...twice }), leakyRelu({ alpha: 0.2 })],
      ...[flatten(), dense({ units: 1 })],
    ],
  ),
  { seed: 2, batchSize: BATCH },
);

// Each has an optimizer of its own, with the momentum of the paper. The generator takes the longer steps: a critic that is far ahead
// has nothing to teach. In the second half both take shorter and shorter ones.
const [generatorRate, criticRate] = [2e-3, 5e-4];
const [generatorStep, criticStep] = [0, 1].map(() => adam({ beta1: 0.5 }));
// A critic that may be sure of digits to nine tenths alone leaves the generator something to learn from (Salimans et al., 2016).
const [real, almostReal, fake] = [1, 0.9, 0].map((label) => engine.full([BATCH, 1], label));
/** How wrong the critic's scores are. @param {import("convolith").Tensor} scores @param {import("convolith").Tensor} labels */
const loss = (scores, labels) => engine.loss(scores, labels, { kind: "binaryCrossEntropy" });

/** One step of both; their losses. @param {import("convolith").Tensor} digits @param {number} i The number of the step, from 1. */
function step(digits, i) {
  const part = Math.min(1, 2 - (2 * i) / (STEPS + 1));
  const noise = engine.randomNormal([BATCH, NOISE], { seed: i });
  const drawn = generator(noise, { training: true });
  const asCritic = gradients(
    () => engine.add(loss(critic(digits), almostReal), loss(critic(drawn), fake)),
    critic.variables,
  );
  criticStep.apply(critic.variables, asCritic.gradients, { learningRate: part * criticRate });
  // The critic stands still while the generator learns what it would have taken for real.
  const asGenerator = gradients(
    () => loss(critic(generator(noise, { training: true })), real),
    generator.variables,
  );
  generatorStep.apply(generator.variables, asGenerator.gradients, { learningRate: part * generatorRate });
  return [asCritic, asGenerator].map(({ value }) => value.data()[0]);
}

const random = randomNumbers(1);
const order = Array.from(train.y, (_, i) => i);
const watched = engine.randomNormal([10, NOISE], { seed: 1000 });
const sheet = [];
/** @type {{ critic: number[], generator: number[] }} */
const curve = { critic: [], generator: [] };
const bar = progressBar(STEPS, "steps");
const begun = performance.now();
for (let i = 1; i <= STEPS; i++) {
  const from = ((i - 1) * BATCH) % (order.length - BATCH + 1);
  if (from < BATCH) shuffle(order, random);
  const x = new Float32Array(BATCH * PIXELS);
  for (let n = 0; n < BATCH; n++) {
    const at = order[from + n] * PIXELS;
    x.set(train.x.subarray(at, at + PIXELS), n * PIXELS);
  }
  // What a step makes is disposed when it ends.
  const [criticLoss, generatorLoss] = engine.scope(() => step(engine.tensor(x, [BATCH, 28, 28, 1]), i));
  if (i % 10 === 0) {
    curve.critic.push(criticLoss);
    curve.generator.push(generatorLoss);
    bar.show(i, `critic ${criticLoss.toFixed(2)}, generator ${generatorLoss.toFixed(2)}`);
  }
  if (!DRAWN.includes(i)) continue;
  bar.clear();
  console.log(
    `step ${String(i).padStart(4)}  loss: critic ${criticLoss.toFixed(2)}, generator ${generatorLoss.toFixed(2)}`,
  );
  sheet.push(...imagesOf(generator.predict(watched.data()), 28));
}
console.log(`${((performance.now() - begun) / 1000).toFixed(0)} s on ${engine.info.threads} threads`);
writePicture(new URL("loss.png", out), drawCurves(curve, { x: "step", every: 10 }));
writePicture(new URL("learning.png", out), montage(sheet, { columns: 10, scale: 2, range: [0, 1] }));
const many = generator.predict(engine.randomNormal([100, NOISE], { seed: 2000 }).data());
writePicture(
  new URL("digits.png", out),
  montage(imagesOf(many, 28), { columns: 10, scale: 2, range: [0, 1] }),
);
engine.dispose();
