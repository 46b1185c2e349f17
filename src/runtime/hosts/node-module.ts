interface Host {
  process?: { type?: string; getBuiltinModule?: (name: string) => unknown };
}

/** A module of Node's, without importing it: bundles for browsers must not name one. Bun and Deno have them, too. */
export function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as Host;
  // Electron's pages have Node's modules, but cannot run its workers.
  return process?.type === "renderer" ? undefined : (process?.getBuiltinModule?.(name) as T | undefined);
}
