// Gradient descent finds the Sobel kernel: npm run learn:kernel. All it is given are a photo and the output of Sobel's filter; a layer with
// one 3x3 kernel, initialised at random, is trained until it produces the same.
import { readFileSync } from "node:fs";
import { conv2d, createEngine, sequential, sgd } from "convolith";
import { decode } from "fast-png";
import { progressBar } from "../progress.mjs";

const SOBEL = [-1, 0, 1, -2, 0, 2, -1, 0, 1]; // how fast brightness grows to the right

const photo = new URL("../../node_modules/@upscalerjs/esrgan-slim/assets/fixture.png", import.meta.url);
const { width, height, data, channels } = decode(readFileSync(photo));
const grey = Float32Array.from({ length: width * height }, (_, i) => {
  const pixel = i * channels;
  return (data[pixel] + data[pixel + 1] + data[pixel + 2]) / 3 / 255;
});

const engine = await createEngine();
const shape = [height, width, 1];
const filter = conv2d({ filters: 1, kernel: 3, bias: false, name: "filter" });
const teacher = engine.compile(sequential(shape, [filter]), {
  weights: { "filter.kernel": Float32Array.from(SOBEL) },
});
const answer = teacher.predict(grey);

const net = engine.compile(sequential(shape, [filter]), {
  seed: 1,
  train: { loss: "meanSquaredError", optimizer: sgd({ learningRate: 0.05, momentum: 0.95 }), batchSize: 1 },
});
/** @type {(step: number, loss: number) => void} */
const show = (step, loss) => {
  const k = [...net.weights["filter.kernel"]].map((v) => v.toFixed(3).padStart(7));
  console.log(
    `step ${String(step).padStart(5)}  loss ${loss.toExponential(1)}\n  ${k.slice(0, 3).join("")}\n  ${k.slice(3, 6).join("")}\n  ${k.slice(6).join("")}`,
  );
};
show(0, net.evaluate({ x: grey, y: answer }).loss);
const bar = progressBar(10_000, "steps");
for (let step = 1; step <= 10_000; step *= 10) {
  for (let i = step === 1 ? 0 : step / 10; i < step; i++) {
    const loss = net.trainStep({ x: grey, y: answer });
    bar.show(i + 1, `loss ${loss.toExponential(1)}`);
  }
  bar.clear();
  show(step, net.evaluate({ x: grey, y: answer }).loss);
}
const off = Math.max(...net.weights["filter.kernel"].map((v, i) => Math.abs(v - SOBEL[i])));
console.log(`\nevery weight within ${off.toFixed(4)} of Sobel's`);
engine.dispose();
