// Node, browsers, Deno, Bun: the binary lies inlined in a chunk of its own, so only the one in use is loaded. It is deflated first:
// what compresses well as bytes does so no longer as the base64 a chunk holds it in.
import type { HostWorker } from "../thread-pool.ts";
import type { WasmSource } from "../wasm.ts";
import { nodeModule } from "./node-module.ts";
import { startWorker } from "./workers.ts";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  const chunk =
    build === "relaxed"
      ? await import("../../../build/relaxed.deflate")
      : await import("../../../build/simd.deflate");
  return await unpack(chunk.default);
}

/** Bytes of deflated bytes in base64. */
async function unpack(base64: string): Promise<BufferSource> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  // Streams take Node 60 ms when they are first used.
  const zlib = nodeModule<{ inflateRawSync(bytes: Uint8Array): Uint8Array<ArrayBuffer> }>("node:zlib");
  if (zlib) return zlib.inflateRawSync(bytes);
  try {
    const inflated = new Response(bytes).body!.pipeThrough(new DecompressionStream("deflate-raw"));
    return await new Response(inflated).arrayBuffer();
  } catch {
    // Node before 20.12, Bun 1.2 and edge-runtime have no such stream, jsdom in Jest not even a Response.
    const { inflateSync } = await import("./inflate.ts");
    return inflateSync(bytes) as Uint8Array<ArrayBuffer>;
  }
}

/** What starts a thread's worker; `url` says where its file lies. */
export async function threadWorker(url?: URL | string): Promise<() => HostWorker> {
  const { default: code } = await import("../../../build/thread-worker.txt");
  const file = (): Worker => new Worker(new URL("./thread-worker.js", import.meta.url));
  return () => startWorker({ url, code, file });
}

export { cores, startWorker, whyNoThreads, whyNoWorkers } from "./workers.ts";
