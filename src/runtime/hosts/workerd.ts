// Cloudflare's runtime forbids compiling bytes: the bundler hands the files over as compiled modules.

import type { HostWorker } from "../thread-pool.ts";
import type { WasmSource } from "../wasm.ts";
import relaxed from "./relaxed.wasm";
import simd from "./simd.wasm";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  return build === "relaxed" ? relaxed : simd;
}

export const whyNoThreads = (): string | undefined => "this runtime has no workers";

export const cores = (): number | undefined => undefined;

export function startWorker(): HostWorker {
  throw new Error(whyNoThreads());
}
