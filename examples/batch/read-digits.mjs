// What a consumer does with its pictures: reads the digit on each. Put a module of your own in its place, `--task yours.mjs`, that exports
// `createTask` as this one does.
import { readFileSync } from "node:fs";
import { createEngine, fromSafetensors } from "convolith";
import { readPhoto } from "../photo.mjs";

/** The network that demo.mjs trains. */
export const MODEL = new URL("out/digits.safetensors", import.meta.url);
const BATCH = 50;
const PIXELS = 28 * 28;

/** An engine, a network, and what answers pictures: a result for each file, in order. What cannot be read has an error for a result. */
export async function createTask() {
  const engine = await createEngine();
  const net = engine.compile(fromSafetensors(readFileSync(MODEL)), { batchSize: BATCH });
  return {
    /** @param {readonly string[]} files @returns {Promise<({ digit: number } | { error: string })[]>} */
    async run(files) {
      const results = [];
      for (let from = 0; from < files.length; from += BATCH) {
        results.push(...readDigits(net, files.slice(from, from + BATCH)));
        // Between batches the lock of the job can be renewed.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return results;
    },
    dispose: () => engine.dispose(),
  };
}

/** @param {import("convolith").Network} net @param {readonly string[]} files */
function readDigits(net, files) {
  const x = new Float32Array(files.length * PIXELS);
  const errors = files.map((file, n) => {
    try {
      const { data, width, height, channels } = readPhoto(file);
      if (width !== 28 || height !== 28) throw new Error(`${width} x ${height} pixels, not 28 x 28`);
      for (let p = 0; p < PIXELS; p++) x[n * PIXELS + p] = data[p * channels] / 255;
      return undefined;
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
  });
  const scores = /** @type {Float32Array} */ (net.predict(x));
  return errors.map((error, n) => {
    if (error !== undefined) return { error };
    const own = scores.subarray(n * 10, n * 10 + 10);
    return { digit: own.indexOf(Math.max(...own)) };
  });
}
