// Measuring several tasks fairly, and printing what came out.
import { Bench } from "tinybench";

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What is timed, by name. */
export type Tasks = Readonly<Record<string, () => void | Promise<void>>>;

export interface InterleaveOptions {
  /** How often the tasks take turns. */
  rounds?: number;
  /** Milliseconds of one turn; a turn holds at least `iterations` runs. */
  time?: number;
  iterations?: number;
  /** Milliseconds each task runs unmeasured before the first round. */
  warmup?: number;
}

/** Milliseconds of one run. On a shared machine noise only ever adds: `best` is what the code can do, `median` what one gets. */
export interface Timing {
  median: number;
  best: number;
}

/**
 * Times each task. The tasks take short turns, round after round, so that a slow spell of the machine falls on all of
 * them; the samples of all rounds are merged.
 */
export async function interleave(
  tasks: Tasks,
  options: InterleaveOptions = {},
): Promise<Record<string, Timing>> {
  const { rounds = 7, time = 60, iterations = 2, warmup = 150 } = options;
  const bench = new Bench({
    time,
    iterations,
    warmup: false,
    warmupTime: warmup,
    warmupIterations: 2,
    retainSamples: true,
    throws: true,
  });
  const samples: Record<string, number[]> = {};
  for (const [name, run] of Object.entries(tasks)) {
    samples[name] = [];
    // A synchronous task must not be charged for the turn of the microtask queue that `await` takes.
    const first = run();
    bench.add(name, run, { async: first instanceof Promise });
    await first;
  }
  for (const task of bench.tasks) await task.warmup();
  for (let round = 0; round < rounds; round++) {
    for (const task of await bench.run()) {
      const { result } = task;
      if (result.state === "completed")
        samples[task.name] = samples[task.name].concat(result.latency.samples ?? []);
    }
    bench.reset();
  }
  return Object.fromEntries(
    Object.entries(samples).map(([name, times]) => [
      name,
      { median: median(times), best: times.reduce((a, b) => Math.min(a, b)) },
    ]),
  );
}

/** Three significant digits, as a person would write them; a dash for what was not measured. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

/** Aligned columns: text to the left, everything that begins like a number (or is a dash) to the right. */
export function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...body.map((row) => row[i].length)));
  const right = head.map((_, i) => body.every((row) => /^([\d.–-]|$)/.test(row[i])) && i > 0);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n");
}
