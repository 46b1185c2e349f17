// Times in a browser, where clocks tick every 0.1 or even 1 ms: runs are timed in batches that last many ticks.

/** Milliseconds that a batch lasts at least. */
const BATCH = 20;
/** Whose median is told: odd, and fewer where one takes long. */
const BATCHES = 5;
const SLOW_BATCHES = 3;
const SLOW = 60;

export interface Timed<T> {
  /** Of one run: the median over batches. */
  readonly ms: number;
  readonly result: T;
}

/** Runs something synchronous until its time is known. The runs that find out how many make a batch warm it up, too. */
export function timed<T>(run: () => T): Timed<T> {
  let result = run();
  const batch = (runs: number): number => {
    const start = performance.now();
    for (let i = 0; i < runs; i++) result = run();
    return performance.now() - start;
  };
  let runs = 1;
  let spent = batch(runs);
  while (spent < BATCH) {
    // No more than four times as many at once: the first batches are slower than those that follow.
    runs = spent > 1 ? Math.min(4 * runs, Math.ceil((1.2 * BATCH * runs) / spent)) : 4 * runs;
    spent = batch(runs);
  }
  const batches = spent > SLOW ? SLOW_BATCHES : BATCHES;
  const times = Array.from({ length: batches }, () => batch(runs) / runs).sort((a, b) => a - b);
  return { ms: times[batches >> 1], result };
}
