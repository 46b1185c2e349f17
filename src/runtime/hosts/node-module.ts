import { builtin } from "./builtin.ts";

/** A module of Node's, in Bun and Deno, too; undefined elsewhere. */
export function nodeModule<T>(name: Parameters<typeof builtin>[0]): T | undefined {
  const { process } = globalThis as { process?: { type?: string } };
  // Electron's pages have Node's modules, but cannot run its workers.
  return process?.type === "renderer" ? undefined : (builtin(name) as T | undefined);
}
