// What every engine is: loaded kernels with a memory of their own. Images need no more; engine.ts adds tensors, ops and networks.
import type { Runtime } from "../runtime/instance.ts";
import type { MemoryUse } from "../runtime/memory.ts";
import { refuse } from "../validate.ts";

export interface EngineInfo {
  /** The build that runs: "checked" is the test build, which traps on broken preconditions. */
  readonly build: "simd" | "relaxed" | "checked";
  /** Threads at work, the caller among them. */
  readonly threads: number;
  /** Why there are fewer threads than asked for; absent when there are not. */
  readonly fallback?: string;
}

/** The kernels of an engine, for functions that take one. */
let kernelsOf: (engine: BaseEngine) => Runtime | undefined;

/** Owns one WebAssembly instance and its memory. */
export class BaseEngine {
  readonly #runtime: Runtime;
  readonly #fallback: string | undefined;

  /** @internal */
  constructor(runtime: Runtime, fallback?: string) {
    this.#runtime = runtime;
    this.#fallback = fallback;
  }

  /** Which build runs and on how many threads, now: a worker that ends is missing from then on. */
  get info(): EngineInfo {
    const { checked, relaxed, executor } = this.#runtime;
    const build = checked ? "checked" : relaxed ? "relaxed" : "simd";
    const fallback = [this.#fallback, executor.fallback].filter(Boolean).join("; ");
    return { build, threads: executor.threads, ...(fallback && { fallback }) };
  }

  /**
   * Bytes: `live` allocated now, `peak` the most ever, `cached` kept for eager calls that may come again, `capacity` held from the host.
   */
  get memory(): Readonly<MemoryUse> {
    this.#runtime.alive("memory");
    return this.#runtime.memory.use;
  }

  get disposed(): boolean {
    return this.#runtime.disposed;
  }

  /** Frees the engine's memory, with all tensors and networks. */
  dispose(): void {
    this.#runtime.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  static {
    kernelsOf = (engine) => (#runtime in engine ? engine.#runtime : undefined);
  }
}

/** The kernels of an engine that is alive. Throws ArgumentError where `engine` is none. */
export function runtimeOf(engine: unknown, where: string): Runtime {
  const runtime = typeof engine === "object" && engine !== null && kernelsOf(engine as BaseEngine);
  if (!runtime)
    return refuse(engine, "the engine", where, "what createEngine or createImageEngine resolves to");
  runtime.alive(where);
  return runtime;
}
