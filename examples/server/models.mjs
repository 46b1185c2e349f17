// The two networks that are served: a classifier of digits, and ESRGAN, which makes pictures twice as wide and high.
import { readFileSync } from "node:fs";
import { fromTfjs } from "convolith/tfjs";
import { TILE } from "./picture-tasks.mjs";

const digits = new URL("../digits/digits.safetensors", import.meta.url);
const esrgan = new URL("../../node_modules/@upscalerjs/esrgan-slim/models/x2/", import.meta.url);

/**
 * @typedef {{ workers: number, restarts: number, waiting: number, running: number }} Info
 *
 * @typedef {object} Models
 * @property {(input: Float32Array, signal: AbortSignal) => Promise<Float32Array>} classify 28 x 28 values in, ten probabilities out.
 * @property {(tiles: Float32Array, signal: AbortSignal) => Promise<Float32Array>} upscale Tiles [n, 64, 64, 3] in, [n, 128, 128, 3] out.
 * @property {() => Info} info
 * @property {() => Promise<void>} close
 */

/** The file of the classifier, for `engine.compile`. */
export const readClassifier = () => readFileSync(digits);

/** The upscaling network, for `engine.compile` with UPSCALER. */
export const readUpscaler = () =>
  fromTfjs(
    readFileSync(new URL("model.json", esrgan), "utf8"),
    readFileSync(new URL("group1-shard1of1.bin", esrgan)),
  );

/** The network takes any size; this is the one it is compiled for. */
export const UPSCALER = { shape: [TILE, TILE, 3] };

/**
 * The networks in workers of an engine of convolith/worker.
 *
 * @param {import("convolith/worker").WorkerEngine} engine
 * @returns {Promise<Models>}
 */
export async function loadModels(engine) {
  // A digit takes a tenth of a millisecond: what comes within two milliseconds goes to a worker as one message.
  const classifier = await engine.compile(readClassifier(), { microBatch: { batchSize: 16, waitMs: 2 } });
  const upscaler = await engine.compile(readUpscaler(), UPSCALER);
  const options = (/** @type {AbortSignal} */ signal) => ({ signal, transfer: true });
  return {
    classify: (input, signal) => classifier.predict(input, options(signal)),
    upscale: (tiles, signal) => upscaler.predict(tiles, options(signal)),
    info: () => engine.info,
    close: () => engine.dispose(),
  };
}
