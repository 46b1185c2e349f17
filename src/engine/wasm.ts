// THE SEAM: the only file that sees what asc built. Types of the kernels come from asc's own declarations.
import { instantiate } from "@assemblyscript/loader";
import { BUILD_CHECKED, BUILD_RELAXED } from "../../assembly/abi.ts";
import type { instantiate as generated } from "../../build/simd.js";

export * from "../../assembly/abi.ts";

type Exports = Awaited<ReturnType<typeof generated>>;
export type KernelName = Exclude<keyof Exports, "memory" | "heap_base" | "build_flags">;
export type Kernel = (...args: number[]) => void;
export type Kernels = Readonly<Record<KernelName, Kernel>>;

/** What `createEngine({ wasm })` takes: a compiled module, its bytes, a response, or where to fetch it. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

export interface Instance {
  kernels: Kernels;
  memory: WebAssembly.Memory;
  /** First byte that is free for the arena. */
  heapBase: number;
  relaxed: boolean;
  checked: boolean;
}

/** Builds an instance with a memory of its own. */
export async function load(source: WasmSource | Promise<WasmSource>): Promise<Instance> {
  let wasm = await source;
  if (typeof wasm === "string" || wasm instanceof URL) wasm = await fetch(wasm);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { instance } = await instantiate(wasm as WebAssembly.Module, { env: { memory } });
  // The instance's own exports: the loader's copies are wrapped, and a wrapper makes garbage at every call.
  const e = instance.exports as unknown as Exports & Kernels;
  const flags = e.build_flags();
  return {
    kernels: e,
    memory,
    heapBase: e.heap_base() >>> 0,
    relaxed: (flags & BUILD_RELAXED) !== 0,
    checked: (flags & BUILD_CHECKED) !== 0,
  };
}

/**
 * A module that only validates where relaxed SIMD exists: one function of type () -> v128 holding
 * f32x4.relaxed_madd (0xfd 0x105) of three zero vectors. Validating works even where compiling is forbidden.
 */
export function hasRelaxedSimd(): boolean {
  const zero = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
  const code = [0, ...zero, ...zero, ...zero, 0xfd, 0x85, 0x02, 0x0b];
  // biome-ignore format: a section a line
  const bytes = new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic, version
    1, 5, 1, 0x60, 0, 1, 0x7b, // type section: () -> v128
    3, 2, 1, 0, // function section
    10, code.length + 2, 1, code.length, ...code, // code section
  ]);
  return WebAssembly.validate(bytes);
}
