// The board a thread pool works from: a small shared memory on which the caller writes the call at hand, and every thread marks
// which ranges of it are taken. Both thread-pool.ts and worker.ts follow this protocol:
//
//   caller: write the call, open the gate, take ranges until none is left, close the gate, wait until nobody is in.
//   worker: wait for an open gate, go in, look again whether it is open, take ranges until none is left, go out.
//
// Whoever is in when the gate closes is waited for, and whoever comes later finds it closed: so a call is never rewritten
// while somebody reads it, and a worker that sleeps holds nobody up. Atomics are sequentially consistent, which this needs.
// A worker that is stopped while it is in never goes out: the caller gives up after a time, and names those who are still in.
import { WorkerError } from "../errors.ts";
import { runRange } from "./executor.ts";
import type { Kernel } from "./wasm.ts";

/** Words that different threads write are a cache line apart. */
const LINE = 16;
/** Odd: a call is open. Even: closed. Workers sleep on it. */
const GATE = 0;
/** The next unit nobody has taken. */
const NEXT = LINE;
/** How many workers sleep. One that is stopped in its sleep leaves it too high, which costs a notify per call and nothing else. */
const ASLEEP = 2 * LINE;
/** Set while the caller sleeps: workers wake it. */
const CALLER_ASLEEP = 3 * LINE;
/** The length of the reason why a kernel trapped on a worker; 0: none did. */
const TRAPPED = 4 * LINE;
/** The call: kernel's index, units, units per range, number of arguments. Its arguments follow as float64, which holds any. */
const KERNEL = 5 * LINE;
const UNITS = KERNEL + 1;
const STEP = KERNEL + 2;
const COUNT = KERNEL + 3;
const ARGS = 6 * LINE;
const MOST_ARGS = 16;
/** The reason, as UTF-16. */
const REASON = ARGS + 2 * MOST_ARGS;
const MOST_REASON = 256;
/** A line per worker: whether it is in. */
const WORKERS = REASON + MOST_REASON / 2;
const OUT = 0;
const IN = 1;

/** Ranges per thread: more even out threads of unequal speed, fewer cost less taking. */
const RANGES = 8;
/** Looks at a word between two looks at the clock, which costs as much as all of them. */
const LOOKS = 128;
/** Milliseconds for which a worker looks at a closed gate before it sleeps: longer than a caller's steps between calls. */
const WORKER_SPINS = 0.4;
/** Milliseconds for which the caller looks at a worker that is in before it sleeps; then those it sleeps at a time. */
const CALLER_SPINS = 0.2;
const NAP = 10;
/**
 * A worker that is in for as long after the caller ran out of work is lost: milliseconds, and ranges such as the caller's own. Where ten
 * programs share a core, a worker that is well has been kept waiting for more than 600.
 */
const PATIENCE = 3000;
const PATIENCE_RANGES = 8;
/** Calls in a row between two looks at the clock, which costs a small call some percent. */
const CALLS = 4;

const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});

export class Board {
  readonly #words: Int32Array;
  readonly #args: Float64Array;
  readonly #reason: Uint16Array;
  readonly #own: number[] = [];
  /** The first word of the line after the last worker's. */
  readonly #end: number;
  /** The caller may sleep; not so the main thread of a page. */
  readonly #sleeps: boolean;
  /** When the call at hand began, or one shortly before it. */
  #start = 0;
  #calls = 0;
  /** Ranges that the caller ran in the call at hand. */
  #ranges = 1;
  /** The workers that stayed in after the last call. */
  lost: readonly number[] = [];

  /** A board for so many workers, or the one that another thread made. */
  constructor(workers: number | SharedArrayBuffer) {
    const memory =
      typeof workers === "number" ? new SharedArrayBuffer((WORKERS + workers * LINE) * 4) : workers;
    this.#words = new Int32Array(memory);
    this.#args = new Float64Array(memory, ARGS * 4, MOST_ARGS);
    this.#reason = new Uint16Array(memory, REASON * 4, MOST_REASON);
    this.#end = this.#words.length;
    this.#sleeps = maySleep(this.#words);
  }

  get memory(): SharedArrayBuffer {
    return this.#words.buffer as SharedArrayBuffer;
  }

  /**
   * The caller's side. Throws the trap of a kernel, on whatever thread it happened; and WorkerError where a worker stayed in: the
   * board must not be used again until all that are `lost` have ended.
   */
  run(
    name: string,
    index: number,
    kernel: Kernel,
    args: readonly number[],
    units: number,
    threads: number,
  ): void {
    const words = this.#words;
    const step = Math.max(1, Math.floor(units / (threads * RANGES)));
    words[KERNEL] = index;
    words[UNITS] = units;
    words[STEP] = step;
    words[COUNT] = args.length;
    for (let i = 0; i < args.length; i++) this.#args[i] = args[i];
    // The first range is the caller's, so that it knows how long one takes.
    words[NEXT] = step;
    words[TRAPPED] = 0;
    Atomics.add(words, GATE, 1);
    // Workers are awake only if the last call was a moment ago.
    const asleep = Atomics.load(words, ASLEEP) > 0;
    if (asleep) Atomics.notify(words, GATE);
    if (asleep || ++this.#calls % CALLS === 0) this.#start = performance.now();
    this.#ranges = 1;
    try {
      runRange(kernel, args, 0, Math.min(step, units));
      this.#ranges += this.#work(kernel, args);
    } finally {
      Atomics.add(words, GATE, 1);
      this.#settle();
    }
    if (this.lost.length) throw incomplete(name, this.lost.length);
    if (Atomics.load(words, TRAPPED) !== 0)
      throw new Error(`internal: ${name} trapped on a worker: ${this.#why()}`);
  }

  /** A worker's side: never comes back. */
  serve(kernels: readonly Kernel[], worker: number): never {
    const words = this.#words;
    const slot = WORKERS + worker * LINE;
    for (;;) {
      this.#waitForGate();
      Atomics.store(words, slot, IN);
      if (Atomics.load(words, GATE) & 1) {
        const args = this.#own;
        args.length = words[COUNT];
        for (let i = 0; i < args.length; i++) args[i] = this.#args[i];
        try {
          this.#work(kernels[words[KERNEL]], args);
        } catch (error) {
          this.#trap(error);
        }
      }
      const seen = Atomics.load(words, GATE);
      Atomics.store(words, slot, OUT);
      if (Atomics.load(words, CALLER_ASLEEP) !== 0) Atomics.notify(words, slot);
      // All ranges of this call are taken: the next gate to go through is another one.
      if (seen & 1) this.#waitWhile(seen);
    }
  }

  /** Takes out a worker that has ended. */
  free(worker: number): void {
    Atomics.store(this.#words, WORKERS + worker * LINE, OUT);
    this.lost = this.lost.filter((other) => other !== worker);
  }

  /** Takes ranges until none is left: how many it were. */
  #work(kernel: Kernel, args: readonly number[]): number {
    const words = this.#words;
    const units = words[UNITS];
    const step = words[STEP];
    for (let ranges = 0; ; ranges++) {
      const from = Atomics.add(words, NEXT, step);
      if (from >= units) return ranges;
      runRange(kernel, args, from, Math.min(from + step, units));
    }
  }

  /** Waits until nobody is in, or somebody stays. */
  #settle(): void {
    const words = this.#words;
    for (let slot = WORKERS; slot < this.#end; slot += LINE)
      if (Atomics.load(words, slot) === IN && !this.#waitFor(slot))
        this.lost = [...this.lost, (slot - WORKERS) / LINE];
  }

  /** Waits until a worker is out: false when it is lost. */
  #waitFor(slot: number): boolean {
    const words = this.#words;
    // Most are out before a look at the clock were over.
    if (this.#seesOut(slot)) return true;
    const from = performance.now();
    // One that is lost has taken all the time there is.
    const patience = this.lost.length
      ? 0
      : PATIENCE + (PATIENCE_RANGES * (from - this.#start)) / this.#ranges;
    let last = from;
    for (let waited = 0; waited < patience; ) {
      if (this.#sleeps && last - from > CALLER_SPINS) {
        Atomics.store(words, CALLER_ASLEEP, 1);
        Atomics.wait(words, slot, IN, NAP);
        Atomics.store(words, CALLER_ASLEEP, 0);
      }
      if (this.#seesOut(slot)) return true;
      const now = performance.now();
      // Where the whole process or machine stood still, workers had no time either.
      waited += Math.min(now - last, 2 * NAP);
      last = now;
    }
    return false;
  }

  /** Looks at a worker for a few microseconds: whether it is out. */
  #seesOut(slot: number): boolean {
    for (let i = 0; i < LOOKS; i++) {
      if (Atomics.load(this.#words, slot) === OUT) return true;
      pause();
    }
    return false;
  }

  /** The first reason is kept: the caller reads it when nobody is in. */
  #trap(error: unknown): void {
    const reason = error instanceof Error ? `${error.message}` : `${error}`;
    const length = Math.min(MOST_REASON, Math.max(1, reason.length));
    if (Atomics.compareExchange(this.#words, TRAPPED, 0, length) !== 0) return;
    for (let i = 0; i < length; i++) this.#reason[i] = reason.charCodeAt(i);
  }

  #why(): string {
    return String.fromCharCode(...this.#reason.subarray(0, this.#words[TRAPPED]));
  }

  #waitForGate(): void {
    const seen = Atomics.load(this.#words, GATE);
    if (!(seen & 1)) this.#waitWhile(seen);
  }

  #waitWhile(gate: number): void {
    const words = this.#words;
    const until = performance.now() + WORKER_SPINS;
    do
      for (let i = 0; i < LOOKS; i++) {
        if (Atomics.load(words, GATE) !== gate) return;
        pause();
      }
    while (performance.now() < until);
    // Counted before the last look, which `wait` takes: the caller either sees the sleeper or is seen.
    Atomics.add(words, ASLEEP, 1);
    Atomics.wait(words, GATE, gate);
    Atomics.sub(words, ASLEEP, 1);
  }
}

function incomplete(name: string, count: number): WorkerError {
  const who = count === 1 ? "a worker did not finish its" : `${count} workers did not finish their`;
  return new WorkerError(
    `${who} part of ${name} and must have been stopped: the results of this call are incomplete`,
  );
}

/** Whether this thread may sleep: the main thread of a page may not. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, GATE, -1, 0);
    return true;
  } catch {
    return false;
  }
}
