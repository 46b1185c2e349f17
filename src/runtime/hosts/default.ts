// Node, browsers, Deno, Bun: the binary lies inlined in a chunk of its own, so only the one in use is loaded. It is deflated first:
// what compresses well as bytes does so no longer as the base64 a chunk holds it in.
import type { WasmSource } from "../wasm.ts";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  const chunk =
    build === "relaxed"
      ? await import("../../../build/relaxed.deflate")
      : await import("../../../build/simd.deflate");
  const inflated = new Blob([chunk.default]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return await new Response(inflated).arrayBuffer();
}

export { cores, startWorker, whyNoThreads } from "./workers.ts";
