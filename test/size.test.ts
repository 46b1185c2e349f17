// What people download: the binaries, and the JavaScript of a bundle that only convolves.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { binary } from "./harness.ts";

test("the binaries stay below 120 KB", () => {
  expect(binary("relaxed").length).toBeLessThanOrEqual(120 * 1024);
  expect(binary("simd").length).toBeLessThanOrEqual(120 * 1024);
});

test("a bundle that only calls conv2d stays below 25 KB gzipped, without the binary", async () => {
  const bundle = await build({
    stdin: {
      contents: `import { createEngine } from "./src/index.ts";
        const engine = await createEngine();
        export const filter = (x, w) => engine.conv2d(x, w);`,
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    external: ["#host"],
  });
  expect(gzipSync(bundle.outputFiles[0].contents, { level: 9 }).length).toBeLessThanOrEqual(25 * 1024);
});
