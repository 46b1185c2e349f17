// Makes an engine: probes the host, finds the binary, loads it.
import { ConvolithError, UnsupportedError } from "../errors.ts";
import { binary, startWorker, whyNoThreads } from "../runtime/hosts/default.ts";
import { Runtime } from "../runtime/instance.ts";
import { fetchSource, hasRelaxedSimd, load, type WasmSource } from "../runtime/wasm.ts";
import { type Checks, checkOptions } from "../validate.ts";
import { Engine } from "./engine.ts";

export type { WasmSource };

export interface EngineOptions {
  /** The WebAssembly binary, from anywhere: a compiled module, its bytes, a Response, or a URL to fetch. */
  wasm?: WasmSource | Promise<WasmSource>;
  /** Which build to load. Default: "relaxed" where the host has relaxed SIMD, else "simd". */
  build?: "simd" | "relaxed";
  /** The same bits on every host: the baseline build, which never fuses multiply and add, and no Winograd. Default false. */
  deterministic?: boolean;
  /**
   * How many threads share the work of every kernel, the caller among them; at most what `navigator.hardwareConcurrency` says
   * makes sense. Results are the same bits for any number. Where the host has no shared memory or no workers one thread runs,
   * and `engine.info.fallback` says why. Default 1.
   */
  threads?: number;
  /** Where the package's `worker.js` lies, if a bundler does not find it beside the code. Only used with threads. */
  worker?: URL | string;
}

/** More than any machine this runs on has cores; a typing error would start thousands of workers. */
const MAX_THREADS = 256;

const ENGINE: Checks<EngineOptions> = {
  wasm: true,
  build: true,
  deterministic: true,
  threads: true,
  worker: true,
};

/** Loads the kernels and makes an engine with a memory of its own. Rejects with UnsupportedError where WebAssembly SIMD is missing. */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  checkOptions("createEngine", options, ENGINE);
  const { build, deterministic = false } = options;
  if (build !== undefined && build !== "simd" && build !== "relaxed")
    throw new UnsupportedError(
      `createEngine: build is ${JSON.stringify(build)} but must be "simd" or "relaxed"`,
    );
  if (build === "relaxed" && deterministic)
    throw new UnsupportedError(
      'createEngine: deterministic results need build "simd"; relaxed SIMD differs between hosts',
    );
  if (build === "relaxed" && !hasRelaxedSimd())
    throw new UnsupportedError('createEngine: this host has no relaxed SIMD; leave build out, or use "simd"');
  const { threads = 1, worker } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
    throw new UnsupportedError(
      `createEngine: threads is ${threads} but must be an integer from 1 to ${MAX_THREADS}`,
    );
  const chosen = build ?? (!deterministic && hasRelaxedSimd() ? "relaxed" : "simd");
  const wasm = options.wasm ?? binary(chosen);
  try {
    if (threads === 1) return new Engine(new Runtime(await load(wasm), { deterministic }));
    const source = await fetchSource(wasm);
    let fallback = whyNoThreads();
    if (!fallback)
      try {
        // A chunk of its own, for those who want it.
        const { loadShared, startThreads } = await import("../runtime/thread-pool.ts");
        const instance = await loadShared(source);
        const executor = await startThreads(threads, instance.share!, () => startWorker(worker));
        return new Engine(new Runtime(instance, { deterministic, executor }));
      } catch (error) {
        fallback = (error as Error).message;
      }
    return new Engine(new Runtime(await load(source), { deterministic }), fallback);
  } catch (cause) {
    if (cause instanceof ConvolithError) throw cause;
    const what = options.wasm ? "the given wasm" : `the ${chosen} build`;
    throw new UnsupportedError(`createEngine: could not load ${what}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
