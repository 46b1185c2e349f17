// THE SEAM: the only file that sees what asc built. Types of the kernels come from asc's own declarations.
import { instantiate } from "@assemblyscript/loader";
import { BUILD_CHECKED, BUILD_RELAXED } from "../../assembly/abi.ts";
import type { KernelArguments } from "../../build/kernels.js";
import type { instantiate as generated } from "../../build/simd.js";
import { FormatError } from "../errors.ts";

export * from "../../assembly/abi.ts";
export * from "../../assembly/abi-imported.ts";
export * from "../../assembly/abi-math.ts";

type Exports = Awaited<ReturnType<typeof generated>>;

export type { KernelArguments };
export type KernelName = keyof KernelArguments;
export type Kernel = (...args: number[]) => void;
export type Kernels = Readonly<Record<KernelName, Kernel>>;

/** What a WebAssembly binary begins with. */
const MAGIC = [0, 0x61, 0x73, 0x6d];

/** What `createEngine({ wasm })` takes: a compiled module, its bytes, a response, or where to fetch it. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

/** A source with its bytes at hand. */
export type LoadedSource = WebAssembly.Module | BufferSource;

export interface Instance {
  kernels: Kernels;
  memory: WebAssembly.Memory;
  /** What another thread needs to make an instance over the same memory; undefined when the memory is not shared. */
  share: Share | undefined;
  /** First byte that is free for the arena. */
  heapBase: number;
  relaxed: boolean;
  checked: boolean;
}

/** What threads share. */
export interface Share {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** The kernels, in the order in which every thread counts them. */
  names: readonly KernelName[];
}

const isModule = (value: unknown): boolean => kind(value) === "WebAssembly.Module";
const isResponse = (value: unknown): value is Response => kind(value) === "Response";
const isBytes = (value: unknown): boolean => ArrayBuffer.isView(value) || kind(value) === "ArrayBuffer";

/** Holds for objects of other realms, too. */
function kind(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function isWasmSource(value: unknown): value is WasmSource {
  return (
    typeof value === "string" ||
    value instanceof URL ||
    isModule(value) ||
    isBytes(value) ||
    isResponse(value)
  );
}

/** What can be loaded more than once: a URL is fetched, a response read. Throws FormatError where bytes are no WebAssembly. */
export async function fetchSource(source: WasmSource): Promise<LoadedSource> {
  const wasm = typeof source === "string" || source instanceof URL ? await fetch(source) : source;
  let name = "it";
  let binary = wasm as LoadedSource;
  if (isResponse(wasm)) {
    name = wasm.url || name;
    if (!wasm.ok) throw new Error(`${name} was answered with ${wasm.status} ${wasm.statusText}`.trim());
    binary = await wasm.arrayBuffer();
  }
  if (isModule(binary)) return binary;
  const bytes = ArrayBuffer.isView(binary)
    ? new Uint8Array(binary.buffer as ArrayBuffer, binary.byteOffset, binary.byteLength)
    : new Uint8Array(binary as ArrayBuffer);
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    const first = String.fromCharCode(...bytes.subarray(0, 40));
    const shown = `${bytes.length} bytes that begin with ${JSON.stringify(first)}`;
    throw new FormatError(`createEngine: the given wasm is no WebAssembly: ${name} has ${shown}`);
  }
  return bytes;
}

/** Builds an instance with a memory of its own. */
export async function load(source: LoadedSource): Promise<Instance> {
  return (await make(source, new WebAssembly.Memory({ initial: 1 }))).instance;
}

/** Builds an instance over a memory. */
export async function make(
  wasm: LoadedSource,
  memory: WebAssembly.Memory,
): Promise<{ instance: Instance; module: WebAssembly.Module }> {
  const module = isModule(wasm)
    ? (wasm as WebAssembly.Module)
    : await WebAssembly.compile(wasm as BufferSource);
  const exports = WebAssembly.Module.exports(module).map(({ name }) => name);
  if (!exports.includes("build_flags") || !exports.includes("heap_base"))
    throw new FormatError(
      "createEngine: the given wasm is another module: it lacks the exports build_flags and heap_base of convolith's",
    );
  const imports = { env: { memory } };
  // The loader takes a module of another realm, such as Next's edge routes get, for bytes.
  const ofThisRealm: boolean = module instanceof WebAssembly.Module;
  const instance = ofThisRealm
    ? (await instantiate(module, imports)).instance
    : await WebAssembly.instantiate(module, imports);
  // The instance's own exports: the loader's copies are wrapped, and a wrapper makes garbage at every call.
  const e = instance.exports as unknown as Exports & Kernels;
  const flags = e.build_flags();
  return {
    module,
    instance: {
      kernels: e,
      memory,
      share: undefined,
      heapBase: e.heap_base() >>> 0,
      relaxed: (flags & BUILD_RELAXED) !== 0,
      checked: (flags & BUILD_CHECKED) !== 0,
    },
  };
}

/** The kernels of an instance by name, in the order of the module's exports. */
export function kernelsOf(exports: object): [KernelName, Kernel][] {
  return Object.entries(exports).filter(([, value]) => typeof value === "function") as [KernelName, Kernel][];
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
