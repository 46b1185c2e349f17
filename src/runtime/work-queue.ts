// The board a crew works from: a small shared memory on which the caller writes the call at hand, and every thread marks
// which ranges of it are taken. Both sides of threads.ts and worker.ts follow this protocol:
//
//   caller: write the call, open the gate, take ranges until none is left, close the gate, wait until nobody is in.
//   worker: wait for an open gate, go in, look again whether it is open, take ranges until none is left, go out.
//
// Whoever is in when the gate closes is waited for, and whoever comes later finds it closed: so a call is never rewritten
// while somebody reads it, and a worker that sleeps holds nobody up. Atomics are sequentially consistent, which this needs.
import { runRange } from "./executor.ts";
import type { Kernel } from "./wasm.ts";

/** Words that different threads write are a cache line apart. */
const LINE = 16;
/** Odd: a call is open. Even: closed. Workers sleep on it. */
const GATE = 0;
/** The next unit nobody has taken. */
const NEXT = LINE;
/** How many workers are in. */
const INSIDE = 2 * LINE;
/** How many workers sleep. */
const ASLEEP = 3 * LINE;
/** A kernel trapped on a worker. */
const TRAPPED = 4 * LINE;
/** The call: kernel's index, units, units per range, number of arguments. Its arguments follow as float64, which holds any. */
const KERNEL = 5 * LINE;
const UNITS = KERNEL + 1;
const STEP = KERNEL + 2;
const COUNT = KERNEL + 3;
const ARGS = (6 * LINE) / 2;
const MOST_ARGS = 16;

/** Ranges per thread: more even out threads of unequal speed, fewer cost less taking. */
const RANGES = 8;
/** Looks at a closed gate before a worker sleeps: some tens of microseconds, longer than a caller's steps between calls. */
const LOOKS = 20_000;

const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

export class Board {
  readonly #words: Int32Array;
  readonly #args: Float64Array;
  readonly #own: number[] = [];

  constructor(readonly memory = new SharedArrayBuffer((ARGS + MOST_ARGS) * 8)) {
    this.#words = new Int32Array(memory);
    this.#args = new Float64Array(memory, ARGS * 8);
  }

  /** The caller's side: true when a kernel trapped on a worker. */
  run(index: number, kernel: Kernel, args: readonly number[], units: number, threads: number): boolean {
    const words = this.#words;
    words[KERNEL] = index;
    words[UNITS] = units;
    words[STEP] = Math.max(1, Math.floor(units / (threads * RANGES)));
    words[COUNT] = args.length;
    for (let i = 0; i < args.length; i++) this.#args[i] = args[i];
    words[NEXT] = 0;
    words[TRAPPED] = 0;
    Atomics.add(words, GATE, 1);
    if (Atomics.load(words, ASLEEP) > 0) Atomics.notify(words, GATE);
    try {
      this.#work(kernel, args);
    } finally {
      Atomics.add(words, GATE, 1);
      while (Atomics.load(words, INSIDE) > 0) pause();
    }
    return Atomics.load(words, TRAPPED) !== 0;
  }

  /** A worker's side: never comes back. */
  serve(kernels: readonly Kernel[]): never {
    const words = this.#words;
    for (;;) {
      this.#waitForGate();
      Atomics.add(words, INSIDE, 1);
      if (Atomics.load(words, GATE) & 1) {
        const args = this.#own;
        args.length = words[COUNT];
        for (let i = 0; i < args.length; i++) args[i] = this.#args[i];
        try {
          this.#work(kernels[words[KERNEL]], args);
        } catch {
          Atomics.store(words, TRAPPED, 1);
        }
      }
      const seen = Atomics.load(words, GATE);
      Atomics.sub(words, INSIDE, 1);
      // All ranges of this call are taken: the next gate to go through is another one.
      if (seen & 1) this.#waitWhile(seen);
    }
  }

  #work(kernel: Kernel, args: readonly number[]): void {
    const words = this.#words;
    const units = words[UNITS];
    const step = words[STEP];
    for (;;) {
      const from = Atomics.add(words, NEXT, step);
      if (from >= units) return;
      runRange(kernel, args, from, Math.min(from + step, units));
    }
  }

  #waitForGate(): void {
    const seen = Atomics.load(this.#words, GATE);
    if (!(seen & 1)) this.#waitWhile(seen);
  }

  #waitWhile(gate: number): void {
    const words = this.#words;
    for (let i = 0; i < LOOKS; i++) {
      if (Atomics.load(words, GATE) !== gate) return;
      pause();
    }
    // Counted before the last look, which `wait` takes: the caller either sees the sleeper or is seen.
    Atomics.add(words, ASLEEP, 1);
    Atomics.wait(words, GATE, gate);
    Atomics.sub(words, ASLEEP, 1);
  }
}
