// Workers of Node, browsers, Deno and Bun: how they are started, and how they find their starter.
import type { HostWorker, Peer } from "../thread-pool.ts";

/** What is used of Node's worker_threads, where there are no web workers. */
interface NodeThreads {
  readonly Worker: new (
    url: URL | string,
  ) => {
    postMessage(message: unknown): void;
    on(event: string, listener: (value: unknown) => void): void;
    unref(): void;
    terminate(): void;
  };
  readonly parentPort: {
    postMessage(message: unknown): void;
    once(event: "message", listener: (message: unknown) => void): void;
  };
}

/** Without importing it: bundles for browsers must not name a module of Node's. */
function nodeThreads(): NodeThreads | undefined {
  const host = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return host.process?.getBuiltinModule?.("node:worker_threads") as NodeThreads | undefined;
}

/** Why this host cannot run threads; undefined where it can. Asks without making a shared memory. */
export function whyNoThreads(): string | undefined {
  if (typeof SharedArrayBuffer === "undefined" || globalThis.crossOriginIsolated === false)
    return "no shared memory: a page must be cross-origin isolated (headers Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp)";
  if (typeof Worker === "undefined" && !nodeThreads())
    return "this host has neither web workers nor Node's worker threads";
  return undefined;
}

/** Starts a worker that runs worker.ts, from beside this file or from where `url` says it lies. */
export function startWorker(url?: URL | string): HostWorker {
  if (typeof Worker === "undefined") {
    const node = new (nodeThreads()!.Worker)(url ?? new URL("./worker.js", import.meta.url));
    return {
      post: (message) => node.postMessage(message),
      onMessage(listener) {
        node.on("message", listener);
        // Listening keeps the process alive, which an engine that nobody disposed of must not do.
        node.unref();
      },
      onError: (listener) => {
        node.on("error", (error) => listener((error as Error).message));
        node.on("exit", () => listener("it ended"));
      },
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
    onError: (listener) => {
      web.onerror = ({ message }) => listener(message || "its script could not be loaded");
    },
    stop: () => web.terminate(),
  };
}

/** The starter, as seen from inside a worker. */
export function insideWorker(): Peer {
  const scope = globalThis as unknown as {
    onmessage?: unknown;
    postMessage?: (message: unknown) => void;
    WorkerGlobalScope?: unknown;
  };
  if (scope.WorkerGlobalScope)
    return {
      post: (message) => scope.postMessage!(message),
      onMessage: (listener) => {
        scope.onmessage = ({ data }: MessageEvent) => listener(data);
      },
    };
  const { parentPort } = nodeThreads()!;
  return {
    post: (message) => parentPort.postMessage(message),
    onMessage: (listener) => parentPort.once("message", listener),
  };
}
