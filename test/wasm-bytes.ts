// What esbuild's binary loader does for the bundle: a .deflate file becomes its bytes.
import { readFile } from "node:fs/promises";
import type { Plugin } from "vitest/config";

export const wasmBytes: Plugin = {
  name: "wasm-bytes",
  enforce: "pre",
  async load(id) {
    if (!id.endsWith(".deflate")) return null;
    const base64 = (await readFile(id)).toString("base64");
    return `export default Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0));`;
  },
};
