// Workers of Node, browsers, Deno and Bun: how they are started, and how they find their starter.
import type { HostWorker, Peer } from "../thread-pool.ts";
import { nodeModule } from "./node-module.ts";

/** What is used of Node's worker_threads. */
interface NodeThreads {
  readonly Worker: new (
    url: URL | string,
    options: { execArgv: string[]; eval: boolean },
  ) => {
    postMessage(message: unknown, transfer?: readonly Transferable[]): void;
    on(event: string, listener: (value: unknown) => void): void;
    ref(): void;
    unref(): void;
    terminate(): void;
  };
  readonly parentPort: {
    postMessage(message: unknown, transfer?: readonly Transferable[]): void;
    on(event: "message", listener: (message: unknown) => void): void;
  } | null;
}

/** Bun and Deno have them, too, and keep the process alive for their web workers. */
const nodeThreads = (): NodeThreads | undefined => nodeModule("node:worker_threads");

/** How many threads this machine runs at once; undefined where the host does not say. */
export function cores(): number | undefined {
  return (
    (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ??
    nodeModule<{ availableParallelism(): number }>("node:os")?.availableParallelism()
  );
}

/** Why this host cannot run threads; undefined where it can. Asks without making a shared memory. */
export function whyNoThreads(): string | undefined {
  if (globalThis.crossOriginIsolated === false)
    return "no shared memory: a page must be cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp)";
  if (typeof SharedArrayBuffer === "undefined") return "this host has no shared memory";
  return whyNoWorkers();
}

/** Why this host cannot run workers; undefined where it can. */
export function whyNoWorkers(): string | undefined {
  if (typeof Worker === "undefined" && !nodeThreads())
    return "this host has neither web workers nor Node's worker threads (bundles have those in Node from 20.16 and 22.3 on)";
  return undefined;
}

/** What a worker runs: a classic script in one piece, which the package carries along, since bundlers lose files of dependencies. */
export interface WorkerScript {
  /** Where its file lies, if the caller said so: no other way is tried then. */
  readonly url: URL | string | undefined;
  readonly code: string;
  /** A worker from the package's file, for pages whose policy forbids workers from blobs. Some bundlers find the file by this expression. */
  readonly file: () => Worker;
}

/** Starts a worker of Node's where there are such, else a web worker. */
export function startWorker(script: WorkerScript): HostWorker {
  const threads = nodeThreads();
  return threads ? nodeWorker(threads, script) : webWorker(script);
}

function nodeWorker({ Worker }: NodeThreads, { url, code }: WorkerScript): HostWorker {
  const file = /^file:/.test(`${url}`) ? new URL(url!) : url;
  // Flags of the process are not for it: some, such as --input-type, are refused.
  const node = new Worker(file ?? code, { eval: file === undefined, execArgv: [] });
  return {
    post: (message, transfer) => node.postMessage(message, transfer),
    onMessage: (listener) => node.on("message", listener),
    onEnd: (listener) => {
      node.on("error", (error) => listener((error as Error)?.message ?? `${error}`));
      node.on("exit", (code) => listener(`it exited with code ${code}`));
    },
    ref: () => node.ref(),
    unref: () => node.unref(),
    stop: () => node.terminate(),
  };
}

/** From a blob of the code; where the page's policy forbids that, from the file. */
function webWorker({ url, code, file }: WorkerScript): HostWorker {
  const blob = url ? undefined : URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  let worker: Worker;
  let heard: ((message: unknown) => void) | undefined;
  let ended: ((reason: string) => void) | undefined;
  /** What was posted before the worker from the blob answered: the one from the file gets it, too. */
  let posted: unknown[] | undefined = blob ? [] : undefined;
  const settle = (): void => {
    if (posted) URL.revokeObjectURL(blob!);
    posted = undefined;
  };
  const open = (made: Worker): void => {
    worker = made;
    worker.onmessage = ({ data }) => {
      settle();
      heard?.(data);
    };
    worker.onerror = ({ message }) => {
      const again = posted;
      settle();
      if (again) openFile(again);
      else ended?.(message || "its script could not be loaded");
    };
  };
  const openFile = (messages: readonly unknown[]): void => {
    try {
      open(file());
      for (const message of messages) worker.postMessage(message);
    } catch (error) {
      ended?.((error as Error).message);
    }
  };
  try {
    open(url ? new Worker(url, { type: "module" }) : new Worker(blob!));
  } catch (error) {
    if (!blob) throw error;
    settle();
    open(file());
  }
  return {
    post: (message, transfer = []) => {
      posted?.push(message);
      worker.postMessage(message, transfer as Transferable[]);
    },
    onMessage: (listener) => {
      heard = listener;
    },
    onEnd: (listener) => {
      ended = listener;
    },
    // A page ends whatever its workers do.
    ref() {},
    unref() {},
    stop: () => {
      settle();
      worker.terminate();
    },
  };
}

/** The starter, as seen from inside a worker. */
export function insideWorker(): Peer {
  const port = nodeThreads()?.parentPort;
  if (port)
    return {
      post: (message, transfer) => port.postMessage(message, transfer),
      onMessage: (listener) => port.on("message", listener),
    };
  const scope = globalThis as unknown as {
    onmessage: unknown;
    postMessage: (message: unknown, transfer: readonly Transferable[]) => void;
  };
  return {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    onMessage: (listener) => {
      scope.onmessage = ({ data }: MessageEvent) => listener(data);
    },
  };
}
