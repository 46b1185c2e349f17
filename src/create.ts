// Makes an engine: probes the host, finds the binary, loads it.
import { binary } from "#host";
import { Engine } from "./eager.ts";
import { Runtime } from "./engine/runtime.ts";
import { hasRelaxedSimd, load, type WasmSource } from "./engine/wasm.ts";
import { ConvolithError, UnsupportedError } from "./errors.ts";

export interface EngineOptions {
  /** The WebAssembly binary, from anywhere: a compiled module, its bytes, a Response, or a URL to fetch. */
  wasm?: WasmSource | Promise<WasmSource>;
  /** Which build to load. Default: "relaxed" where the host has relaxed SIMD, else "simd". */
  build?: "simd" | "relaxed";
  /** The same bits on every host: the baseline build, which never fuses multiply and add, and no Winograd. Default false. */
  deterministic?: boolean;
}

/** Loads the kernels and makes an engine with a memory of its own. Rejects with UnsupportedError where WebAssembly SIMD is missing. */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
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
  const chosen = build ?? (!deterministic && hasRelaxedSimd() ? "relaxed" : "simd");
  try {
    return new Engine(new Runtime(await load(options.wasm ?? binary(chosen)), deterministic));
  } catch (cause) {
    if (cause instanceof ConvolithError) throw cause;
    const what = options.wasm ? "the given wasm" : `the ${chosen} build`;
    throw new UnsupportedError(`createEngine: could not load ${what}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
