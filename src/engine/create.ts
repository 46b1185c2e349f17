// Makes an engine.
import type { WasmSource } from "../runtime/wasm.ts";
import { Engine } from "./engine.ts";
import { type EngineOptions, open } from "./open.ts";

export type { EngineOptions, WasmSource };

/**
 * Loads the kernels and makes an engine with a memory of its own. Rejects with ArgumentError where an option has a value it cannot
 * have, with FormatError where `wasm` is no WebAssembly or another module, and with UnsupportedError where it cannot be loaded, the host
 * lacks WebAssembly SIMD or what is asked for, or two options contradict one another.
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const { runtime, fallback } = await open(options);
  return new Engine(runtime, fallback);
}
