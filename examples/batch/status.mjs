// The status line: how far the queue is. Ends when all jobs are done; exit code 1 where some have failed.
//
//   node examples/batch/status.mjs [--queue images] [--redis ...]

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { progressBar } from "../progress.mjs";
import { bullmq, connectionTo, OPTIONS } from "./queue.mjs";

const { values } = parseArgs({ options: OPTIONS });
const { Queue } = bullmq();
const queue = new Queue(values.queue, { connection: await connectionTo(values.redis) });
/** @type {ReturnType<typeof progressBar> | undefined} */
let bar;
for (;;) {
  const { waiting, active, delayed, completed, failed } = await queue.getJobCounts();
  const all = waiting + active + delayed + completed + failed;
  bar ??= progressBar(all, "jobs");
  bar.show(completed, `${await queue.getWorkersCount()} consumers, ${active} at work, ${failed} failed`);
  if (completed + failed === all) {
    bar.clear();
    console.log(`${completed} jobs done, ${failed} failed`);
    process.exitCode = failed ? 1 : 0;
    break;
  }
  await sleep(200);
}
await queue.close();
