// A smoke test in Cloudflare's runtime, where compiling bytes is forbidden and binaries arrive as modules.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { expect, test } from "vitest";
import { binary } from "./harness.ts";

const worker = `
import { createEngine, sequential, conv2d, globalAvgPool } from "./src/index.ts";
export default {
  async fetch() {
    const engine = await createEngine();
    const x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
    const w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
    const eager = Array.from(engine.conv2d(x, w).data());
    const net = engine.compile(sequential([2, 2, 1], [conv2d({ filters: 1, kernel: 2, name: "c" }), globalAvgPool()]), {
      weights: { "c.kernel": new Float32Array(4).fill(1), "c.bias": new Float32Array(1) },
    });
    return Response.json({ eager, net: Array.from(net.predict([1, 2, 3, 4])), info: engine.info, crew: (await createEngine({ threads: 2 })).info });
  },
};`;

test("loads and convolves in workerd", async () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const bundle = await build({
    stdin: { contents: worker, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    alias: { "#host": `${root}src/engine/host.workerd.ts` },
    external: ["*.wasm"],
  });
  const flare = new Miniflare({
    compatibilityDate: "2025-09-01",
    modules: [
      { type: "ESModule", path: "worker.mjs", contents: bundle.outputFiles[0].text },
      { type: "CompiledWasm", path: "relaxed.wasm", contents: binary("relaxed") },
      { type: "CompiledWasm", path: "simd.wasm", contents: binary("simd") },
    ],
  });
  try {
    const answer = await (await flare.dispatchFetch("http://localhost/")).json();
    const info = { build: "relaxed", threads: 1 };
    expect(answer).toEqual({
      eager: [10],
      net: [10],
      info,
      crew: { ...info, fallback: "this runtime has no workers" },
    });
  } finally {
    await flare.dispose();
  }
});
