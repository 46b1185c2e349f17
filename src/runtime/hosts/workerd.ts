// Cloudflare's runtime forbids compiling bytes: the bundler hands the files over as compiled modules.
import type { WasmSource } from "../wasm.ts";
import relaxed from "./relaxed.wasm";
import simd from "./simd.wasm";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  return build === "relaxed" ? relaxed : simd;
}

export * from "./no-workers.ts";
