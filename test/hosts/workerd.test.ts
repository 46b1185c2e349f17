// The packed package in Cloudflare's runtime, where compiling bytes is forbidden and binaries arrive as modules.

import { expect, inject, test } from "vitest";
import { startWorkerd } from "./workerd.ts";

const worker = `
import { createEngine, sequential, conv2d, globalAvgPool } from "convolith";
import { canny, createImageEngine, toGray } from "convolith/image";
import { createWorkerEngine } from "convolith/worker";
export default {
  async fetch() {
    const engine = await createEngine();
    const x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
    const w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
    const eager = Array.from(engine.conv2d(x, w).data());
    const net = engine.compile(sequential([2, 2, 1], [conv2d({ filters: 1, kernel: 2, name: "c" }), globalAvgPool()]), {
      weights: { "c.kernel": new Float32Array(4).fill(1), "c.bias": new Float32Array(1) },
    });
    // Both entries load the same modules: each takes the other's engine.
    const photo = { data: Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 0 : 200)), width: 8, height: 8 };
    const images = await createImageEngine();
    const edges = Array.from(canny(images, photo, { low: 50, high: 150 }).data.subarray(24, 32));
    const gray = toGray(engine, photo).data[63];
    return Response.json({
      edges, gray, eager, net: Array.from(net.predict([1, 2, 3, 4])), info: engine.info, threaded: (await createEngine({ threads: 2 })).info,
      workers: await createWorkerEngine().catch(({ code, message }) => [code, message]),
    });
  },
};`;

test("loads and convolves in workerd", async () => {
  const project = inject("project");
  const flare = await startWorkerd(project, { stdin: { contents: worker, resolveDir: project } });
  try {
    const answer = await (await flare.dispatchFetch("http://localhost/")).json();
    const info = { build: "relaxed", threads: 1 };
    expect(answer).toEqual({
      edges: [0, 0, 0, 255, 0, 0, 0, 0],
      gray: 200,
      eager: [10],
      net: [10],
      info,
      threaded: { ...info, fallback: "this runtime has no workers" },
      workers: ["CONVOLITH_UNSUPPORTED", "createWorkerEngine: this runtime has no workers"],
    });
  } finally {
    await flare.dispose();
  }
});
