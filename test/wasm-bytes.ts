// What esbuild's loaders do for the bundle: a .deflate file becomes its bytes, a .txt file its text.
import { readFile } from "node:fs/promises";
import type { Plugin } from "vitest/config";

export const wasmBytes: Plugin = {
  name: "wasm-bytes",
  enforce: "pre",
  async load(id) {
    if (id.endsWith(".txt")) return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
    if (!id.endsWith(".deflate")) return null;
    const base64 = (await readFile(id)).toString("base64");
    return `export default Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0));`;
  },
};
