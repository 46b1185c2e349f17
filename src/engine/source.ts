// Which binary an engine loads, and from where.
import { ConvolithError, UnsupportedError } from "../errors.ts";
import { binary } from "../runtime/hosts/default.ts";
import {
  fetchSource,
  hasRelaxedSimd,
  isWasmSource,
  type LoadedSource,
  type WasmSource,
} from "../runtime/wasm.ts";
import { aFlag, aWord, type Check, type Checks, describe, refuse } from "../validate.ts";

export interface SourceOptions {
  /** The WebAssembly binary, from anywhere: a compiled module, its bytes, a Response, or a URL to fetch. */
  wasm?: WasmSource | Promise<WasmSource>;
  /** Which build to load. Default: "relaxed" where the host has relaxed SIMD, else "simd". */
  build?: "simd" | "relaxed";
  /** The same bits on every host: the baseline build, which never fuses multiply and add, and no Winograd. Default false. */
  deterministic?: boolean;
}

/** A typing error rather than a machine. */
export const MAX_THREADS = 1024;

const WASM = "a WebAssembly.Module, its bytes, a Response, a URL, or a promise of one";

export const SOURCE_OPTIONS: Checks<SourceOptions> = {
  wasm(value, name, where) {
    if (!isWasmSource(value) && typeof (value as PromiseLike<unknown> | null)?.then !== "function")
      refuse(value, name, where, WASM);
  },
  build: aWord("simd", "relaxed"),
  deterministic: aFlag,
};

/** A file of the package, by where it lies. */
export const aUrl: Check<URL | string> = (value, name, where) => {
  if (typeof value !== "string" && !(value instanceof URL)) refuse(value, name, where, "a URL");
};

export const DETERMINISTIC = 'deterministic results need build "simd"; relaxed SIMD differs between hosts';

/**
 * What `use` makes of the binary that checked options ask for. Rejects with UnsupportedError where options contradict one another, or the
 * binary cannot be loaded or used.
 */
export async function withSource<T>(
  where: string,
  { wasm, build, deterministic = false }: SourceOptions,
  use: (source: LoadedSource) => Promise<T>,
): Promise<T> {
  if (build === "relaxed" && deterministic) throw new UnsupportedError(`${where}: ${DETERMINISTIC}`);
  if (build === "relaxed" && !hasRelaxedSimd())
    throw new UnsupportedError(`${where}: this host has no relaxed SIMD; leave build out, or use "simd"`);
  const chosen = build ?? (!deterministic && hasRelaxedSimd() ? "relaxed" : "simd");
  try {
    const given = await (wasm ?? binary(chosen));
    if (!isWasmSource(given)) refuse(given, "wasm", where, WASM);
    return await use(await fetchSource(given));
  } catch (cause) {
    if (cause instanceof ConvolithError) throw cause;
    const what = wasm !== undefined ? "the given wasm" : `the ${chosen} build`;
    const why = cause instanceof Error ? cause.message : describe(cause);
    throw new UnsupportedError(`${where}: could not load ${what}: ${why}`, { cause });
  }
}
