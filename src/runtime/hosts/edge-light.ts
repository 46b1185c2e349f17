// Vercel's edge runtime and the edge routes of Next.js forbid compiling bytes: `?module` asks their bundlers for compiled modules. They
// compile every module that a bundle names before it starts, and Next on Node 20 cannot compile the relaxed one.
import type { WasmSource } from "../wasm.ts";
import simd from "./simd.wasm?module";

export async function binary(): Promise<WasmSource> {
  return simd;
}

export * from "./no-workers.ts";
