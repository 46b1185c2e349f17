// convolith under measurement: the built package, one thread or more, tensors that stay in the engine's memory.
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Engine, Runner, Task } from "./task.ts";

/** More than four are seldom what one measures for. */
export const MANY_THREADS = Math.min(4, availableParallelism());

/** npm runs scripts in the project's root, where `npm run build` has put dist/. */
export async function load(): Promise<typeof import("../src/index.ts")> {
  return await import(pathToFileURL(resolve("dist/index.js")).href);
}

interface OurRunner extends Runner {
  /** Bytes in linear memory: weights and tables; activations and scratch. */
  readonly bytes: { readonly kept: number; readonly run: number };
}

export interface OurEngine extends Engine {
  readonly threads: number;
  create(task: Task): Promise<OurRunner>;
  dispose(): void;
}

export async function convolith(threads = 1): Promise<OurEngine> {
  const { createEngine } = await load();
  const engine = await createEngine({ threads });
  return {
    name: "convolith",
    threads: engine.info.threads,
    dispose: () => engine.dispose(),
    async create({ net: { model, weights }, x }) {
      const net = engine.compile(model, { weights });
      const input = engine.tensor(x, [1, ...(model.inputs[0].shape as number[])]);
      const output = net.predict(input);
      return {
        bytes: net.bytes,
        run: () => net.run(input, output),
        output: () => output.data(),
        dispose() {
          for (const held of [net, input, output]) held.dispose();
        },
      };
    },
  };
}
