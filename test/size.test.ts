// What people download: the binaries, and the JavaScript of a bundle that only convolves.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { binary } from "./harness.ts";

test("the binaries stay below 144 KB", () => {
  expect(binary("relaxed").length).toBeLessThanOrEqual(144 * 1024);
  expect(binary("simd").length).toBeLessThanOrEqual(144 * 1024);
});

test("a bundle that only calls conv2d stays below 31 KB gzipped, without the binary", async () => {
  const bundle = await build({
    stdin: {
      contents: `import { createEngine } from "./src/index.ts";
        const engine = await createEngine();
        export const filter = (x, w) => engine.conv2d(x, w);`,
      resolveDir: fileURLToPath(new URL("..", import.meta.url)),
    },
    bundle: true,
    splitting: true,
    outdir: "out",
    metafile: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    external: ["#host"],
  });
  // What is loaded at once; threads come in a chunk of their own when they are asked for.
  const { outputs } = bundle.metafile;
  const loaded = Object.keys(outputs).filter((file) => outputs[file].entryPoint === "<stdin>");
  for (const file of loaded)
    for (const { path, kind } of outputs[file].imports)
      if (kind === "import-statement" && outputs[path] && !loaded.includes(path)) loaded.push(path);
  const text = bundle.outputFiles
    .filter((f) => loaded.some((file) => f.path.endsWith(file)))
    .map((f) => f.text);
  expect(text.length).toBe(loaded.length);
  expect(gzipSync(text.join(""), { level: 9 }).length).toBeLessThanOrEqual(31 * 1024);
});
