// The workers of an engine, and the requests that wait for one.
import { DisposedError, QueueFullError, WorkerError } from "../errors.ts";
import type { HostWorker } from "../runtime/thread-pool.ts";
import type { Handlers } from "./connection.ts";
import type { HostCalls, Opening } from "./protocol.ts";
import { type SharedNet, Slot } from "./slot.ts";

/** Requests that a worker is given at once: while it answers one the next is there already, however busy the calling thread is. */
const MAX_LOAD = 2;

/** What waits for a worker. */
export interface Job {
  readonly net: SharedNet;
  /** Requests that it answers. */
  readonly size: number;
  /** Whether it may run: a batch that is being collected may not. */
  due: boolean;
  /** Runs it. Does not reject. */
  run(slot: Slot): Promise<void>;
  /** It will not run. */
  fail(error: unknown): void;
}

export class Pool {
  readonly slots: readonly Slot[] = [];
  readonly nets = new Set<SharedNet>();
  readonly #queue = new Set<Job>();
  readonly #limit: number;
  #disposed = false;

  constructor(
    workers: number,
    limit: number,
    opening: Promise<Opening>,
    start: () => HostWorker,
    handlers: Handlers<HostCalls>,
  ) {
    this.#limit = limit;
    const { nets } = this;
    const around = { nets, opening, handlers, start, changed: () => this.dispatch() };
    this.slots = Array.from({ length: workers }, () => new Slot(around));
  }

  /** Resolves when all workers have started; rejects, and leaves none behind, when one does not. */
  async started(): Promise<void> {
    await Promise.all(this.slots.map(({ ready }) => ready));
    const failed = this.slots.find(({ state }) => state === "ended");
    if (!failed) return;
    this.dispose();
    throw failed.failure;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Requests that wait. */
  get waiting(): number {
    let sum = 0;
    for (const { size } of this.#queue) sum += size;
    return sum;
  }

  /** Throws QueueFullError where one more request cannot run at once and must not wait. */
  admit(what: string): void {
    if (this.waiting < this.#limit) return;
    for (const job of this.#queue) job.due = true;
    this.dispatch();
    const { waiting } = this;
    if (waiting >= this.#limit && !this.#free())
      throw new QueueFullError(
        `${what}: ${waiting} requests wait for a worker, as many as may (queue: ${this.#limit}); try again later`,
      );
  }

  /** Runs a job as soon as it is due and a worker is free. */
  add(job: Job): void {
    this.#queue.add(job);
    this.dispatch();
  }

  /** Takes a job back; whether it was still waiting. */
  remove(job: Job): boolean {
    return this.#queue.delete(job);
  }

  /**
   * What the first free worker answers. Where the signal aborts, a request that waits is taken back, and the answer of one that runs is
   * dropped.
   */
  request<T>(net: SharedNet, signal: AbortSignal | undefined, run: (slot: Slot) => Promise<T>): Promise<T> {
    return abortable<T>(signal, (resolve, reject) => {
      const job: Job = {
        net,
        size: 1,
        due: true,
        run: (slot) => run(slot).then(resolve, reject),
        fail: reject,
      };
      this.add(job);
      return () => this.remove(job);
    });
  }

  /** Runs what is due, oldest first. */
  dispatch(): void {
    for (const job of this.#queue) {
      if (!job.due) continue;
      const slot = this.#free();
      if (!slot) break;
      this.#queue.delete(job);
      void job.run(slot);
    }
    if (this.#queue.size && this.slots.every(({ state }) => state === "ended"))
      for (const job of this.#queue) this.#drop(job, this.#noWorkers("predict"));
  }

  /** The worker that has least to do, once there is one; one that trains only where all do. */
  async best(what: string): Promise<Slot> {
    for (;;) {
      const [slot] = this.#ready();
      if (slot) return slot;
      const starting = this.slots.filter(({ state }) => state === "starting");
      if (!starting.length) throw this.#noWorkers(what);
      await Promise.race(starting.map(({ ready }) => ready));
    }
  }

  /** Brings every worker up to date. A worker that cannot follow is told to `failed`. */
  async sync(failed: (slot: Slot, error: unknown) => void): Promise<void> {
    const ready = this.slots.filter(({ state }) => state === "ready");
    await Promise.all(
      ready.map(async (slot) => {
        const { restarts } = slot;
        try {
          await slot.sync();
        } catch (error) {
          // One that died is brought up to date when it starts again.
          if (slot.state === "ready" && slot.restarts === restarts) failed(slot, error);
        }
      }),
    );
  }

  /** Forgets a network; its requests that wait are refused. */
  async forget(net: SharedNet): Promise<void> {
    if (!this.nets.delete(net)) return;
    for (const job of this.#queue)
      if (job.net === net) this.#drop(job, new DisposedError("predict: the network has been disposed"));
    await this.sync(() => {});
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const disposed = (call: string): Error => new DisposedError(`${call}: the engine has been disposed`);
    for (const job of this.#queue) this.#drop(job, disposed("predict"));
    for (const slot of this.slots) slot.stop(disposed);
    this.nets.clear();
  }

  #drop(job: Job, error: Error): void {
    this.#queue.delete(job);
    job.fail(error);
  }

  #noWorkers(what: string): Error {
    if (this.#disposed) return new DisposedError(`${what}: the engine has been disposed`);
    const failed = this.slots.find(({ failure }) => failure !== undefined)?.failure;
    const why = (failed as Error | undefined)?.message;
    return new WorkerError(`${what}: the engine's workers have ended and do not start again: ${why}`);
  }

  /** Workers that are ready, the one with least to do first; those that train only where all do. */
  #ready(): Slot[] {
    const ready = this.slots.filter(({ state }) => state === "ready");
    const idle = ready.filter(({ fits }) => fits === 0);
    return (idle.length ? idle : ready).sort((a, b) => a.fits - b.fits || a.load - b.load);
  }

  #free(): Slot | undefined {
    const [slot] = this.#ready();
    return slot && slot.load < MAX_LOAD ? slot : undefined;
  }
}

/**
 * A promise that `start` settles, unless the signal aborts first: then it rejects with the signal's reason, and what `start` gave is
 * called.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let cancel = (): void => {};
    const abort = (): void => {
      cancel();
      reject(signal!.reason);
    };
    const settled = (): void => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort, { once: true });
    cancel = start(
      (value) => {
        settled();
        resolve(value);
      },
      (error) => {
        settled();
        reject(error);
      },
    );
  });
}
