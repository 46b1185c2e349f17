// Vercel's edge runtime and the edge routes of Next.js forbid compiling bytes: `?module` asks their bundlers for compiled modules.
import type { WasmSource } from "../wasm.ts";
import relaxed from "./relaxed.wasm?module";
import simd from "./simd.wasm?module";

export async function binary(build: "simd" | "relaxed"): Promise<WasmSource> {
  return build === "relaxed" ? relaxed : simd;
}

export * from "./no-workers.ts";
