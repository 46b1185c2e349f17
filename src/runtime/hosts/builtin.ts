// Node's modules where the package does not know whether it runs in Node: bundles for browsers must not name one.

interface Host {
  process?: { getBuiltinModule?: (name: string) => unknown };
  require?: (name: string) => unknown;
}

/** One of Node's modules; undefined elsewhere, and in Node before 20.16 and 22.3 outside the workers that run the package's own code. */
export function builtin(name: "node:os" | "node:worker_threads" | "node:zlib"): unknown {
  const { process, require } = globalThis as Host;
  // A page may have a `require` of its own.
  return process?.getBuiltinModule ? process.getBuiltinModule(name) : process && require?.(name);
}
