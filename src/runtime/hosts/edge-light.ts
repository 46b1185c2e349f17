// Vercel's edge runtime and the edge routes of Next.js forbid compiling bytes: `?module` asks their bundlers for compiled modules. Next
// compiles all that are imported before a route is called, also on a Node without relaxed SIMD, so it is the baseline alone.
import type { WasmSource } from "../wasm.ts";
import simd from "./simd.wasm?module";

export async function binary(): Promise<WasmSource> {
  return simd;
}

export * from "./no-workers.ts";
