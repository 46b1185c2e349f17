// Loads the kernels: probes the host, finds the binary, starts workers. What an engine is made of.
import { UnsupportedError } from "../errors.ts";
import { cores, threadWorker, whyNoThreads } from "../runtime/hosts/default.ts";
import { Runtime, type RuntimeOptions } from "../runtime/instance.ts";
import { type LoadedSource, load } from "../runtime/wasm.ts";
import { aFlag, anInteger, type Checks, checkOptions } from "../validate.ts";
import {
  aUrl,
  DETERMINISTIC,
  MAX_THREADS,
  SOURCE_OPTIONS,
  type SourceOptions,
  withSource,
} from "./source.ts";

export interface EngineOptions extends SourceOptions {
  /**
   * How many threads share the work of every kernel, the caller among them, from 1 to 1024; no more run than the machine runs at
   * once, nor more than one where the host has no shared memory or no workers: `engine.info.fallback` says why, and so does a warning
   * on the console, once. Results are the same bits for any number. Default 1.
   */
  threads?: number;
  /**
   * Where the package's `thread-worker.js` lies, for pages whose policy forbids workers from blobs (`worker-src`). Default: the package
   * carries its code along. Only used with threads.
   */
  worker?: URL | string;
  /** Whether to note what makes each tensor, for `engine.leaks()`. Default false. */
  debug?: boolean;
}

const ENGINE: Checks<EngineOptions> = {
  ...SOURCE_OPTIONS,
  threads: anInteger(1, MAX_THREADS),
  worker: aUrl,
  debug: aFlag,
};

/** What an engine is made of: the kernels with a memory of their own, and why they run on fewer threads than were asked for. */
export interface Loaded {
  readonly runtime: Runtime;
  readonly fallback?: string | undefined;
}

/** Loads the kernels, as `createEngine` says. */
export async function open(options: EngineOptions): Promise<Loaded> {
  checkOptions("createEngine", options, ENGINE);
  const { build, deterministic = false, threads = 1, worker, debug = false } = options;
  return await withSource("createEngine", options, async (source) => {
    const { runtime, fallback } = await start(source, threads, { deterministic, track: debug }, worker);
    const loaded = runtime.relaxed ? "relaxed" : "simd";
    if (loaded !== (build ?? loaded) || (runtime.relaxed && deterministic)) {
      runtime.dispose();
      const why = deterministic ? DETERMINISTIC : `build is "${build}"`;
      throw new UnsupportedError(`createEngine: ${why}, but the given wasm is the ${loaded} build`);
    }
    return { runtime, fallback };
  });
}

/** Whether the console has been told that threads are missing. */
let warned = false;

/** The kernels on so many threads, or on fewer and why. */
async function start(
  source: LoadedSource,
  asked: number,
  options: RuntimeOptions,
  worker: URL | string | undefined,
): Promise<Loaded> {
  let fallback = asked > 1 ? whyNoThreads() : undefined;
  const threads = fallback ? 1 : Math.min(asked, cores() || asked);
  if (threads < asked)
    fallback ??= `${asked} threads were asked for, but this machine runs ${threads} at once`;
  if (threads > 1)
    try {
      // A chunk of its own, for those who want it.
      const { loadShared, startThreads } = await import("../runtime/thread-pool.ts");
      const instance = await loadShared(source);
      const executor = await startThreads(threads, instance.share!, await threadWorker(worker));
      return { runtime: new Runtime(instance, { ...options, executor }), fallback };
    } catch (error) {
      fallback = (error as Error).message;
    }
  if (fallback && !warned) console.warn(`convolith: one thread instead of ${asked}: ${fallback}`);
  warned ||= fallback !== undefined;
  return { runtime: new Runtime(await load(source), options), fallback };
}
