// Workers of Node, browsers, Deno and Bun: how they are started, and how they find their starter.
import type { HostWorker, Peer } from "../thread-pool.ts";

/** What is used of Node's worker_threads. */
interface NodeThreads {
  readonly Worker: new (
    url: URL | string,
    options: { execArgv: string[] },
  ) => {
    postMessage(message: unknown): void;
    on(event: string, listener: (value: unknown) => void): void;
    unref(): void;
    terminate(): void;
  };
  readonly parentPort: {
    postMessage(message: unknown): void;
    once(event: "message", listener: (message: unknown) => void): void;
  } | null;
}

interface Host {
  process?: { type?: string; getBuiltinModule?: (name: string) => unknown };
  navigator?: { hardwareConcurrency?: number };
}

/** A module of Node's, without importing it: bundles for browsers must not name one. */
function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as Host;
  // Electron's pages have Node's modules, but cannot run its workers.
  return process?.type === "renderer" ? undefined : (process?.getBuiltinModule?.(name) as T | undefined);
}

/** Bun and Deno have them, too, and keep the process alive for their web workers. */
const nodeThreads = (): NodeThreads | undefined => nodeModule("node:worker_threads");

/** How many threads this machine runs at once; undefined where the host does not say. */
export function cores(): number | undefined {
  return (
    (globalThis as Host).navigator?.hardwareConcurrency ??
    nodeModule<{ availableParallelism(): number }>("node:os")?.availableParallelism()
  );
}

/** Why this host cannot run threads; undefined where it can. Asks without making a shared memory. */
export function whyNoThreads(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined" || globalThis.crossOriginIsolated === false)
    return "no shared memory: a page must be cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp)";
  if (typeof Worker === "undefined" && !nodeThreads())
    return "this host has neither web workers nor Node's worker threads (in Node from 20.16 and 22.3 on)";
  return undefined;
}

/** Starts a worker that runs worker.ts, from beside this file or from where `url` says it lies. */
export function startWorker(url?: URL | string): HostWorker {
  const threads = nodeThreads();
  if (threads) {
    const file = url ?? new URL("./worker.js", import.meta.url);
    // Flags of the process are not for it: some, such as --input-type, are refused.
    const node = new threads.Worker(/^file:/.test(`${file}`) ? new URL(file) : file, { execArgv: [] });
    return {
      post: (message) => node.postMessage(message),
      onMessage: (listener) => node.on("message", listener),
      onEnd: (listener) => {
        node.on("error", (error) => listener((error as Error)?.message ?? `${error}`));
        node.on("exit", (code) => listener(`it exited with code ${code}`));
      },
      unref: () => node.unref(),
      stop: () => node.terminate(),
    };
  }
  // Bundlers look for this very expression to find the file.
  const web = url
    ? new Worker(url, { type: "module" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  return {
    post: (message) => web.postMessage(message),
    onMessage: (listener) => {
      web.onmessage = ({ data }) => listener(data);
    },
    onEnd: (listener) => {
      web.onerror = ({ message }) => listener(message || "its script could not be loaded");
    },
    // A page ends whatever its workers do.
    unref() {},
    stop: () => web.terminate(),
  };
}

/** The starter, as seen from inside a worker. */
export function insideWorker(): Peer {
  const port = nodeThreads()?.parentPort;
  if (port)
    return {
      post: (message) => port.postMessage(message),
      onMessage: (listener) => port.once("message", listener),
    };
  const scope = globalThis as unknown as {
    onmessage: unknown;
    postMessage: (message: unknown) => void;
  };
  return {
    post: (message) => scope.postMessage(message),
    onMessage: (listener) => {
      scope.onmessage = ({ data }: MessageEvent) => listener(data);
    },
  };
}
