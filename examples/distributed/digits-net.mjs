// What all processes of the training agree on: the network, its training, and which images a batch holds.
import { conv2d, dense, flatten, maxPool2d, sequential, sgd } from "convolith";
import { PIXELS, readDigits, shifted } from "../mnist/digits.mjs";

export const model = sequential(
  [28, 28, 1],
  [
    conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }),
    conv2d({ filters: 32, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }),
    flatten(),
    dense({ units: 10 }),
  ],
);

/** @param {number} batchSize */
export const training = (batchSize) => ({
  loss: /** @type {const} */ ("softmaxCrossEntropy"),
  optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }),
  clipNorm: 1,
  batchSize,
});

/** Images that are kept for testing. */
export const test = () => readDigits().test;

/**
 * The batches of all epochs, of this process its part: of `processes` equal ones that of `rank`.
 *
 * @param {{ images: number, epochs: number, batchSize: number, rank?: number, processes?: number }} options `batchSize` of all of them
 *   together.
 */
export function* parts({ images, epochs, batchSize, rank = 0, processes = 1 }) {
  const { train } = readDigits();
  const some = { x: train.x.subarray(0, images * PIXELS), y: train.y.subarray(0, images) };
  const batches = shifted(some, { seed: 1, batchSize });
  const size = batchSize / processes;
  for (let epoch = 0; epoch < epochs; epoch++)
    for (const { x, y } of batches) {
      if (y.length < batchSize) continue;
      const [from, to] = [rank * size, (rank + 1) * size];
      yield { x: x.subarray(from * PIXELS, to * PIXELS), y: y.subarray(from, to) };
    }
}
