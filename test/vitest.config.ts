import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/hosts/**"],
    testTimeout: 120_000,
    pool: "forks",
    // The second is what CI counts.
    reporters: ["default", ["json", { outputFile: `${root}build/tests-node-${process.versions.node}.json` }]],
  },
  plugins: [
    {
      // What esbuild's binary loader does for the bundle: a .deflate file becomes its bytes.
      name: "wasm-bytes",
      enforce: "pre",
      async load(id) {
        if (!id.endsWith(".deflate")) return null;
        const base64 = (await readFile(id)).toString("base64");
        return `export default Uint8Array.from(atob("${base64}"), (c) => c.charCodeAt(0));`;
      },
    },
  ],
});
