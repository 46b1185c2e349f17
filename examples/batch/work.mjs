// A consumer: a process with an engine of its own. Start as many as there are cores, on as many machines as see the pictures and the folder
// of results; stop them whenever you like.
//
//   node examples/batch/work.mjs [--out results] [--task ./read-digits.mjs] [--lock 30000] [--queue images] [--redis ...]
//
// SIGTERM lets it finish its job and end. Killed outright, its job is given to another once its lock has run out.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bullmq, connectionTo, OPTIONS } from "./queue.mjs";

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    out: { type: "string", default: "results" },
    task: { type: "string" },
    lock: { type: "string", default: "30000" },
  },
});
const [out, lock] = [resolve(values.out), Number(values.lock)];
const module = values.task
  ? pathToFileURL(resolve(values.task))
  : new URL("read-digits.mjs", import.meta.url);
const { createTask } = await import(module.href);
const connection = await connectionTo(values.redis);
mkdirSync(out, { recursive: true });
const task = await createTask();

let [jobs, images] = [0, 0];
/** @param {{ id: string, data: { files: string[] } }} job */
async function answer({ id, data: { files } }) {
  const results = await task.run(files);
  const lines = files.map((file, i) => `${JSON.stringify({ file, ...results[i] })}\n`);
  // All of a job's results or none, and the same however often it is done: written beside, then renamed.
  const part = join(out, `${id}.${process.pid}.part`);
  writeFileSync(part, lines.join(""));
  renameSync(part, join(out, `${id}.ndjson`));
  jobs++;
  images += files.length;
}

const { Worker } = bullmq();
const worker = new Worker(values.queue, answer, {
  connection,
  // A job whose consumer has not renewed its lock for so long is given to another.
  lockDuration: lock,
  stalledInterval: lock,
  // However many consumers die over the same job: it is not to blame.
  maxStalledCount: 100,
});
worker.on("error", (/** @type {Error} */ error) => console.error(`worker ${process.pid}: ${error.message}`));
worker.on("failed", (/** @type {{ id: string } | undefined} */ job, /** @type {Error} */ error) =>
  console.error(`worker ${process.pid}: ${job?.id}: ${error.message}`),
);
for (const signal of ["SIGTERM", "SIGINT"])
  process.once(signal, async () => {
    await worker.close();
    task.dispose();
    console.log(`worker ${process.pid}: ${jobs} jobs, ${images} pictures`);
  });
