// Rows of ops that wait for memory: GB/s of the best run, because noise on a shared machine only ever adds, and what part that is
// of the speed of a plain copy (by a vector loop, and by memory.copy) of as many bytes in the same run.
import { copyOf } from "./copy.ts";
import { figure, interleave } from "./table.ts";

export const BANDWIDTH_HEAD = ["MB", "median µs", "best µs", "GB/s", "of a loop", "of memory.copy"];

/** Times `run`, which reads and writes `bytes` in all; a line of a table under BANDWIDTH_HEAD. */
export async function bandwidth(bytes: number, run: () => void): Promise<string[]> {
  const copy = await copyOf(bytes / 2);
  const times = await interleave(
    { run, loop: () => copy.loop(), bulk: () => copy.bulk() },
    { rounds: 8, time: 25, warmup: 60 },
  );
  const { median, best } = times.run;
  return [
    ...[bytes / 1e6, 1e3 * median, 1e3 * best, bytes / 1e6 / best].map(figure),
    `${Math.round((100 * times.loop.best) / best)} %`,
    `${Math.round((100 * times.bulk.best) / best)} %`,
  ];
}
