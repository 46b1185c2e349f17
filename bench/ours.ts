// convolith under measurement: the built package, one thread, tensors that stay in the engine's memory.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine } from "./rows.ts";

/** npm runs scripts in the project's root, where `npm run build` has put dist/. */
export async function load(): Promise<typeof import("../src/index.ts")> {
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
      const input = engine.tensor(x, [1, row.h, row.w, row.c]);
      const output = net.predict(input);
      return {
        run: () => net.run(input, output),
        output: () => output.data() as Float32Array<ArrayBuffer>,
        dispose() {
          for (const held of [net, input, output]) held.dispose();
        },
      };
    },
  };
}
