// What esbuild's loaders do for the bundle: a .deflate file becomes base64, a .txt file its text.
import { readFile } from "node:fs/promises";
import type { Plugin } from "vitest/config";

export const wasmBytes: Plugin = {
  name: "wasm-bytes",
  enforce: "pre",
  async load(id) {
    if (id.endsWith(".txt")) return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
    if (id.endsWith(".deflate")) return `export default "${await readFile(id, "base64")}";`;
    return null;
  },
};
