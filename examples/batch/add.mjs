// The producer: adds the pictures of a folder to the queue, some to a job.
//
//   node examples/batch/add.mjs folder [--chunk 100] [--queue images] [--redis redis://127.0.0.1:6379]
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { bullmq, connectionTo, OPTIONS } from "./queue.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { ...OPTIONS, chunk: { type: "string", default: "100" } },
});
const [folder, chunk] = [resolve(positionals[0] ?? "."), Number(values.chunk)];
const connection = await connectionTo(values.redis);

// In order, so that a folder added again, after a crash half-way, gives the same jobs under the same names: those there are stay.
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(png|jpe?g)$/i.test(name))
  .sort();
const jobs = [];
for (let from = 0; from < files.length; from += chunk)
  jobs.push({
    name: "chunk",
    data: { files: files.slice(from, from + chunk).map((file) => join(folder, file)) },
    opts: {
      jobId: `chunk-${String(from / chunk).padStart(6, "0")}`,
      // A consumer that throws, because a disk is full, say, is given the job again later.
      attempts: 5,
      backoff: { type: "exponential", delay: 1000 },
    },
  });

const { Queue } = bullmq();
const queue = new Queue(values.queue, { connection });
for (let from = 0; from < jobs.length; from += 500) await queue.addBulk(jobs.slice(from, from + 500));
console.log(`${files.length} pictures in ${jobs.length} jobs`);
await queue.close();
