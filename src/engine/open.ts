// Loads the kernels: probes the host, finds the binary, starts workers. What an engine is made of.
import { ConvolithError, UnsupportedError } from "../errors.ts";
import { binary, cores, threadWorker, whyNoThreads } from "../runtime/hosts/default.ts";
import { Runtime } from "../runtime/instance.ts";
import {
  fetchSource,
  hasRelaxedSimd,
  isWasmSource,
  type LoadedSource,
  load,
  type WasmSource,
} from "../runtime/wasm.ts";
import { aFlag, anInteger, aWord, type Checks, checkOptions, describe, refuse } from "../validate.ts";

export interface EngineOptions {
  /** The WebAssembly binary, from anywhere: a compiled module, its bytes, a Response, or a URL to fetch. */
  wasm?: WasmSource | Promise<WasmSource>;
  /** Which build to load. Default: "relaxed" where the host has relaxed SIMD, else "simd". */
  build?: "simd" | "relaxed";
  /** The same bits on every host: the baseline build, which never fuses multiply and add, and no Winograd. Default false. */
  deterministic?: boolean;
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
}

/** A typing error rather than a machine. */
const MAX_THREADS = 1024;

const WASM = "a WebAssembly.Module, its bytes, a Response, a URL, or a promise of one";

const ENGINE: Checks<EngineOptions> = {
  wasm(value, name, where) {
    if (!isWasmSource(value) && typeof (value as PromiseLike<unknown> | null)?.then !== "function")
      refuse(value, name, where, WASM);
  },
  build: aWord("simd", "relaxed"),
  deterministic: aFlag,
  threads: anInteger(1, MAX_THREADS),
  worker(value, name, where) {
    if (typeof value !== "string" && !(value instanceof URL)) refuse(value, name, where, "a URL");
  },
};

/** What an engine is made of: the kernels with a memory of their own, and why they run on fewer threads than were asked for. */
export interface Loaded {
  readonly runtime: Runtime;
  readonly fallback?: string | undefined;
}

/** Loads the kernels, as `createEngine` says. */
export async function open(options: EngineOptions): Promise<Loaded> {
  checkOptions("createEngine", options, ENGINE);
  const { build, deterministic = false, threads = 1, worker } = options;
  if (build === "relaxed" && deterministic) throw new UnsupportedError(`createEngine: ${DETERMINISTIC}`);
  if (build === "relaxed" && !hasRelaxedSimd())
    throw new UnsupportedError('createEngine: this host has no relaxed SIMD; leave build out, or use "simd"');
  const chosen = build ?? (!deterministic && hasRelaxedSimd() ? "relaxed" : "simd");
  try {
    const given = await (options.wasm ?? binary(chosen));
    if (!isWasmSource(given)) refuse(given, "wasm", "createEngine", WASM);
    const source = await fetchSource(given);
    const { runtime, fallback } = await start(source, threads, deterministic, worker);
    const loaded = runtime.relaxed ? "relaxed" : "simd";
    if (loaded !== (build ?? loaded) || (runtime.relaxed && deterministic)) {
      runtime.dispose();
      const why = deterministic ? DETERMINISTIC : `build is "${build}"`;
      throw new UnsupportedError(`createEngine: ${why}, but the given wasm is the ${loaded} build`);
    }
    return { runtime, fallback };
  } catch (cause) {
    if (cause instanceof ConvolithError) throw cause;
    const what = options.wasm !== undefined ? "the given wasm" : `the ${chosen} build`;
    const why = cause instanceof Error ? cause.message : describe(cause);
    throw new UnsupportedError(`createEngine: could not load ${what}: ${why}`, { cause });
  }
}

const DETERMINISTIC = 'deterministic results need build "simd"; relaxed SIMD differs between hosts';

/** Whether the console has been told that threads are missing. */
let warned = false;

/** The kernels on so many threads, or on fewer and why. */
async function start(
  source: LoadedSource,
  asked: number,
  deterministic: boolean,
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
      return { runtime: new Runtime(instance, { deterministic, executor }), fallback };
    } catch (error) {
      fallback = (error as Error).message;
    }
  if (fallback && !warned) console.warn(`convolith: one thread instead of ${asked}: ${fallback}`);
  warned ||= fallback !== undefined;
  return { runtime: new Runtime(await load(source), { deterministic }), fallback };
}
