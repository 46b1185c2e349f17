// convolith under measurement: the built package, one thread, a Float32Array in and a Float32Array out.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine } from "./rows.ts";

/** npm runs scripts in the project's root, where `npm run build` has put dist/. */
async function load(): Promise<typeof import("../src/index.ts")> {
  return await import(pathToFileURL(resolve("dist/index.js")).href);
}

export async function convolith(): Promise<Engine> {
  const { createEngine, sequential, conv2d, depthwiseConv2d } = await load();
  const engine = await createEngine();
  return {
    name: "convolith",
    async create(row, x, w, bias) {
      const window = {
        kernel: [row.kh, row.kw],
        stride: row.stride,
        dilation: row.dilation,
        padding: row.padding,
      };
      const layer =
        row.groups === row.c
          ? depthwiseConv2d({ ...window, name: "conv" })
          : conv2d({ ...window, name: "conv", filters: row.oc, groups: row.groups });
      const net = engine.compile(sequential([row.h, row.w, row.c], [layer]), {
        weights: { "conv.kernel": w, "conv.bias": bias },
      });
      let y = new Float32Array(0);
      return {
        run() {
          y = net.predict(x);
        },
        output: () => y,
        dispose: () => net.dispose(),
      };
    },
  };
}
