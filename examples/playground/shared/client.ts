// The page's side of the workers. Each name is a worker of its own with an engine of its own, started at its first use: training must not
// keep pictures waiting.
import { type Remote, wrap } from "comlink";
import type { Jobs } from "../worker/index.ts";

export type WorkerName = "main" | "pictures" | "training" | "kernel" | "timing";

const workers = new Map<WorkerName, Remote<Jobs>>();

/** `await worker("pictures").gray(image)`: every function of worker/index.ts, as promises. */
export function worker(name: WorkerName = "main"): Remote<Jobs> {
  let remote = workers.get(name);
  if (!remote) {
    remote = wrap<Jobs>(new Worker(new URL("worker.js", document.baseURI), { type: "module", name }));
    workers.set(name, remote);
  }
  return remote;
}

export { proxy, transfer } from "comlink";
