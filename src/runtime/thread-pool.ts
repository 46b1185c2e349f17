// An executor with workers: started once, each with an instance of its own over the one shared memory; see work-queue.ts for how
// they work.

import { WorkerError } from "../errors.ts";
import { type BoundCall, type Executor, runCall } from "./executor.ts";
import type { Share } from "./wasm.ts";
import { Board } from "./work-queue.ts";

export { loadShared } from "./shared-memory.ts";

/** The other end of a worker: from its starter, or from inside. */
export interface Peer {
  /** `transfer` lists the buffers in the message that are moved instead of copied. */
  post(message: unknown, transfer?: readonly Transferable[]): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** A worker as its starter sees it. */
export interface HostWorker extends Peer {
  /** The worker failed or ended: it runs no more. A host may not say so of a worker that was stopped. */
  onEnd(listener: (reason: string) => void): void;
  /** From now on it keeps the process alive, as it does when it starts. */
  ref(): void;
  /** From now on it does not keep the process alive. Comes after all listeners, which do. */
  unref(): void;
  stop(): void;
}

/** What a worker is told first. */
export interface Task extends Share {
  board: SharedArrayBuffer;
  /** Its number, from 0. */
  worker: number;
}

/** How long workers may take to start. They load a few kilobytes; a host that needs longer has most likely lost them. */
const PATIENCE = 10_000;

/** Starts `threads` − 1 workers beside the caller. Rejects with the reason, and leaves none behind, when one does not start. */
export async function startThreads(
  threads: number,
  share: Share,
  start: () => HostWorker,
): Promise<Executor> {
  const board = new Board(threads - 1);
  const pool = new ThreadPool(board, share);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`workers did not start within ${PATIENCE} ms`)), PATIENCE);
    });
    const ready = Array.from({ length: threads - 1 }, (_, worker) => {
      const host = start();
      pool.add(host);
      return new Promise<void>((resolve, reject) => {
        host.onMessage(() => resolve());
        host.onEnd((reason) => {
          reject(new Error(`a worker did not start: ${reason}`));
          pool.ended(worker, reason);
        });
        host.post({ ...share, board: board.memory, worker } satisfies Task);
      });
    });
    await Promise.race([Promise.all(ready), late]);
  } catch (error) {
    pool.dispose();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  pool.unref();
  return pool;
}

/** The caller and its workers; those that end are done without. */
class ThreadPool implements Executor {
  readonly #board: Board;
  readonly #index: ReadonlyMap<string, number>;
  /** By number; undefined once it has ended. */
  readonly #workers: (HostWorker | undefined)[] = [];
  #disposed = false;
  threads = 1;
  fallback: string | undefined;

  constructor(board: Board, share: Share) {
    this.#board = board;
    this.#index = new Map(share.names.map((name, i) => [name, i]));
  }

  add(worker: HostWorker): void {
    this.#workers.push(worker);
    this.threads++;
  }

  unref(): void {
    for (const worker of this.#workers) worker?.unref();
  }

  run(call: BoundCall): void {
    // One that is only late could still write into memory that is in use again.
    if (this.#board.lost.length)
      throw new WorkerError(
        "the engine lost a worker inside a call and runs nothing until the worker is known to have ended: make a new engine, or wait",
      );
    const { name, kernel, args, units } = call;
    try {
      if (units < 2 || this.threads === 1) runCall(call);
      else this.#board.run(name, this.#index.get(name)!, kernel, args, units, this.threads);
    } catch (error) {
      for (const worker of this.#board.lost) this.#workers[worker]?.stop();
      throw error;
    }
  }

  /** A worker has ended by itself or was stopped. */
  ended(worker: number, reason: string): void {
    const host = this.#workers[worker];
    if (this.#disposed || !host) return;
    // A web worker whose script failed still listens.
    host.stop();
    this.#workers[worker] = undefined;
    this.#board.free(worker);
    this.threads--;
    this.fallback ??= `a worker ended: ${reason}`;
  }

  dispose(): void {
    this.#disposed = true;
    for (const worker of this.#workers) worker?.stop();
  }
}
