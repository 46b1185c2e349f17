// A binary for other threads: compiled once where they can be handed a module.
import type { LoadedSource } from "./wasm.ts";

/** The source as a compiled module, if messages can carry one here; else as it is. */
export async function sendable(source: LoadedSource): Promise<LoadedSource> {
  if (!ArrayBuffer.isView(source) && !(source instanceof ArrayBuffer)) return source;
  try {
    const module = await WebAssembly.compile(source as BufferSource);
    // Some hosts refuse to copy modules, others make empty objects of them.
    return isModule(structuredClone(module)) ? module : source;
  } catch {
    return source;
  }
}

const isModule = (value: unknown): boolean =>
  Object.prototype.toString.call(value) === "[object WebAssembly.Module]";
