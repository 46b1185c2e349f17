// Trains the network that examples/edge and examples/server serve: node examples/digits/train.mjs. 8,000 handwritten digits to train
// on, 2,000 others to test on. The same bits on every machine: the file beside this one is what comes out.
import { writeFileSync } from "node:fs";
import {
  adam,
  conv2d,
  cosine,
  createEngine,
  dense,
  dropout,
  flatten,
  maxPool2d,
  sequential,
  softmax,
} from "convolith";
import { PIXELS, readDigits, shifted } from "../mnist/digits.mjs";
import { digitInput, SIDE } from "./input.mjs";

const [EPOCHS, BATCH, SEED] = [12, 64, 1];
const engine = await createEngine({ deterministic: true });

/** Every digit as a picture that somebody sends. @param {import("../mnist/digits.mjs").Digits} digits */
function asSent({ x, y }) {
  const sent = new Float32Array(x.length);
  y.forEach((_, i) => {
    const data = Uint8Array.from(x.subarray(i * PIXELS, (i + 1) * PIXELS), (v) => Math.round(255 * (1 - v)));
    sent.set(digitInput(engine, { data, width: SIDE, height: SIDE, channels: 1 }), i * PIXELS);
  });
  return { x: sent, y };
}

const digits = readDigits({ seed: SEED });
const [train, test] = [asSent(digits.train), asSent(digits.test)];
const same = /** @type {const} */ ({ kernel: 3, padding: "same", activation: "relu" });
const layers = [
  conv2d({ filters: 8, ...same }),
  maxPool2d({ size: 2 }),
  conv2d({ filters: 16, ...same }),
  maxPool2d({ size: 2 }),
  flatten(),
  dropout({ rate: 0.2 }),
  dense({ units: 10 }),
];
const net = engine.compile(sequential([SIDE, SIDE, 1], layers), { seed: SEED, batchSize: 100 });
await net.fit(shifted(train, { seed: SEED, batchSize: BATCH, limit: 1 }), {
  epochs: EPOCHS,
  batchSize: BATCH,
  optimizer: adam(),
  loss: "softmaxCrossEntropy",
  schedule: cosine(4e-3, EPOCHS * Math.ceil(train.y.length / BATCH), { warmup: 100 }),
  validation: test,
  onEpoch: ({ epoch, loss, validation }) =>
    console.log(
      `epoch ${epoch + 1}  loss ${loss.toFixed(4)}  test ${(100 * (validation?.accuracy ?? 0)).toFixed(2)} %`,
    ),
});
// What is served answers with probabilities.
const served = engine.compile(sequential([SIDE, SIDE, 1], [...layers, softmax()]), { weights: net.weights });
writeFileSync(new URL("digits.safetensors", import.meta.url), served.save());
engine.dispose();
