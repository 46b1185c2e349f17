// A executor of workers: started once, each with an instance of its own over the one shared memory; see board.ts for how they work.

import { type BoundCall, type Executor, runCall } from "./executor.ts";
import type { Share } from "./wasm.ts";
import { Board } from "./work-queue.ts";

export { loadShared } from "./shared-memory.ts";

/** The other end of a worker: from its starter, or from inside. */
export interface Peer {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** A worker as its starter sees it. */
export interface HostWorker extends Peer {
  onError(listener: (reason: string) => void): void;
  stop(): void;
}

/** How long workers may take to start. They load a few kilobytes; a host that needs longer has most likely lost them. */
const PATIENCE = 10_000;

/** Starts `threads` − 1 workers beside the caller. Rejects with the reason, and leaves none behind, when one does not start. */
export async function startThreads(
  threads: number,
  share: Share,
  start: () => HostWorker,
): Promise<Executor> {
  const board = new Board();
  const workers: HostWorker[] = [];
  const stop = () => {
    for (const worker of workers) worker.stop();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`workers did not start within ${PATIENCE} ms`)), PATIENCE);
    });
    const ready = Array.from({ length: threads - 1 }, () => {
      const worker = start();
      workers.push(worker);
      return new Promise<void>((resolve, reject) => {
        worker.onMessage(() => resolve());
        worker.onError((reason) => reject(new Error(`a worker did not start: ${reason}`)));
        worker.post({ module: share.module, memory: share.memory, board: board.memory });
      });
    });
    await Promise.race([Promise.all(ready), late]);
  } catch (error) {
    stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const index = new Map(share.names.map((name, i) => [name, i]));
  return {
    threads,
    run(call: BoundCall): void {
      if (call.units < 2) runCall(call);
      else if (board.run(index.get(call.name)!, call.kernel, call.args, call.units, threads))
        throw new Error(`internal: ${call.name} trapped on a worker`);
    },
    dispose: stop,
  };
}
