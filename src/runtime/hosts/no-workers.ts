// Edge runtimes: one thread.
import type { HostWorker } from "../thread-pool.ts";

export const whyNoThreads = (): string | undefined => "this runtime has no workers";

export const cores = (): number | undefined => undefined;

export async function threadWorker(): Promise<() => HostWorker> {
  throw new Error(whyNoThreads());
}
