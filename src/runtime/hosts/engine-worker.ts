// Inside a worker of a worker engine, whose code is in one piece: the binary comes from the thread that started it.
import type { HostWorker } from "../thread-pool.ts";
import type { WasmSource } from "../wasm.ts";
import { startWorker } from "./workers.ts";

export async function binary(): Promise<WasmSource> {
  throw new Error("a worker gets its binary from its starter");
}

/** What starts a thread's worker; `url` says where its file lies. */
export async function threadWorker(url?: URL | string): Promise<() => HostWorker> {
  const { default: code } = await import("../../../build/thread-worker.txt");
  const file = (): never => {
    throw new Error("the policy of the page forbids workers from blobs");
  };
  return () => startWorker({ url, code, file });
}

export { cores, whyNoThreads } from "./workers.ts";
