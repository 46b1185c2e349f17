// Makes a worker engine: finds the binary once for all workers, and the code that they run.
import { aUrl, MAX_THREADS, SOURCE_OPTIONS, type SourceOptions, withSource } from "../engine/source.ts";
import { UnsupportedError } from "../errors.ts";
import { startWorker, whyNoWorkers } from "../runtime/hosts/default.ts";
import { sendable } from "../runtime/module.ts";
import type { HostWorker } from "../runtime/thread-pool.ts";
import type { LoadedSource } from "../runtime/wasm.ts";
import { anInteger, type Checks, checkOptions } from "../validate.ts";
import { WorkerEngine } from "./engine.ts";

export interface WorkerEngineOptions extends SourceOptions {
  /** How many workers, each with an engine and a memory of its own, from 1 to 256. Default 1. */
  workers?: number;
  /** Threads of each worker's engine, as `createEngine` takes them. Default 1. */
  threads?: number;
  /** How many requests may wait for a worker; those beyond are refused with a QueueFullError. Default 1024. */
  queue?: number;
  /**
   * Where the package's `engine-worker.js` lies, for pages whose policy forbids workers from blobs (`worker-src`). Default: the package
   * carries its code along.
   */
  worker?: URL | string;
}

const OPTIONS: Checks<WorkerEngineOptions> = {
  ...SOURCE_OPTIONS,
  workers: anInteger(1, 256),
  threads: anInteger(1, MAX_THREADS),
  queue: anInteger(1),
  worker: aUrl,
};

/**
 * An engine whose work is done by workers: nothing it does blocks this thread. Rejects with ArgumentError where an option has a value it
 * cannot have, with UnsupportedError where the host has no workers or as `createEngine` does, with WorkerError where they do not start.
 */
export async function createWorkerEngine(options: WorkerEngineOptions = {}): Promise<WorkerEngine> {
  const where = "createWorkerEngine";
  checkOptions(where, options, OPTIONS);
  const why = whyNoWorkers();
  if (why) throw new UnsupportedError(`${where}: ${why}`);
  const { worker, threads = 1 } = options;
  // Threads need a module of another kind, with shared memory, which their engine makes of the bytes.
  const wasm = withSource(where, options, async (source) => (threads > 1 ? source : sendable(source)));
  // Heard by every worker that starts; until then it is not unhandled.
  wasm.catch(() => {});
  const code = worker === undefined ? (await import("../../build/engine-worker.txt")).default : "";
  return await openWorkerEngine(options, wasm, () => startWorker({ url: worker, code, file: besideThis }));
}

/** @internal The same with workers that `start` starts: they load their code while the binary is loaded. */
export async function openWorkerEngine(
  { workers = 1, queue = 1024, threads, build, deterministic }: WorkerEngineOptions,
  wasm: Promise<LoadedSource>,
  start: () => HostWorker,
): Promise<WorkerEngine> {
  const opening = wasm.then((wasm) => ({ wasm, build, deterministic, threads }));
  const engine = new WorkerEngine(workers, queue, opening, start);
  await engine.started();
  return engine;
}

/** A worker from the package's file. Not by `new URL(name, import.meta.url)`: bundlers would make a file of it that hardly anyone needs. */
const besideThis = (): Worker => new Worker(`${import.meta.url}`.replace(/[^/]*$/, "engine-worker.js"));
