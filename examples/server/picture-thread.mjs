// A thread of pictures.mjs: one task after the other.
import { parentPort } from "node:worker_threads";
import { PictureError } from "../digits/picture-error.mjs";
import { tasks } from "./picture-tasks.mjs";

parentPort?.on("message", ({ task, input }) => {
  try {
    const output = tasks[/** @type {keyof typeof tasks} */ (task)](input);
    parentPort?.postMessage({ output }, buffersOf(output));
  } catch (error) {
    // A class does not survive the journey.
    const status = error instanceof PictureError ? error.status : undefined;
    parentPort?.postMessage({ message: error instanceof Error ? error.message : String(error), status });
  }
});

/** The memory of arrays, handed over rather than copied. @param {object} output */
function buffersOf(output) {
  const arrays = ArrayBuffer.isView(output) ? [output] : Object.values(output).filter(ArrayBuffer.isView);
  return arrays.map(({ buffer }) => /** @type {ArrayBuffer} */ (buffer));
}
