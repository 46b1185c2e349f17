// Cloudflare's runtime forbids compiling bytes: the bundler hands the files over as compiled modules.
import relaxed from "./relaxed.wasm";
import simd from "./simd.wasm";
import type { HostWorker } from "./threads.ts";
import type { WasmSource } from "./wasm.ts";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  return build === "relaxed" ? relaxed : simd;
}

export const whyNoThreads = (): string | undefined => "this runtime has no workers";

export function startWorker(): HostWorker {
  throw new Error(whyNoThreads());
}
