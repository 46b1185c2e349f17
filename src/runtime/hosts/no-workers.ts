// Edge runtimes: one thread.
import type { HostWorker } from "../thread-pool.ts";

export const whyNoWorkers = (): string | undefined => "this runtime has no workers";

export const whyNoThreads = whyNoWorkers;

export const cores = (): number | undefined => undefined;

export async function threadWorker(): Promise<() => HostWorker> {
  throw new Error(whyNoThreads());
}

export function startWorker(): HostWorker {
  throw new Error(whyNoWorkers());
}
