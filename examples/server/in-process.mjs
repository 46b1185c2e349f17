// The same server without workers and threads: every task runs in the thread that answers requests, which does nothing else meanwhile. For
// load.mjs, which shows what the workers are for.
import { createEngine, fromSafetensors } from "convolith";
import { readClassifier, readUpscaler, UPSCALER } from "./models.mjs";
import { tasks } from "./picture-tasks.mjs";
import { serve } from "./serve.mjs";

/** @returns {Promise<import("./models.mjs").Models>} */
async function loadModelsHere() {
  const engine = await createEngine();
  const classifier = engine.compile(fromSafetensors(readClassifier()));
  const upscaler = engine.compile(readUpscaler(), UPSCALER);
  return {
    classify: async (input) => classifier.predict(input),
    upscale: async (tiles) => upscaler.predict(tiles),
    info: () => ({ workers: 1, restarts: 0, waiting: 0, running: 0 }),
    close: async () => engine.dispose(),
  };
}

/** @type {import("./pictures.mjs").Pictures} */
const picturesHere = {
  run: async (task, input) => /** @type {any} */ (tasks[task])(input),
  close: async () => {},
};

serve({ models: await loadModelsHere(), pictures: picturesHere });
