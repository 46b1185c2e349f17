// Node, browsers, Deno, Bun: the binary lies inlined in a chunk of its own, so only the one in use is loaded.
import type { WasmSource } from "./wasm.ts";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  const chunk =
    build === "relaxed" ? await import("../../build/relaxed.wasm") : await import("../../build/simd.wasm");
  return chunk.default;
}

export { startWorker, whyNoThreads } from "./host.workers.ts";
