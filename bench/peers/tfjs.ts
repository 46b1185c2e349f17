// TensorFlow.js with its WebAssembly backend (XNNPACK): SIMD, and in Node always one thread.
// Tensors stay in the backend's memory: neither upload nor download is timed.
import type { Tensor } from "@tensorflow/tfjs-core";
import type { Engine } from "../task.ts";
import { type Fixed, lower } from "./tfjs-net.ts";

export async function tfjsWasm(): Promise<Engine> {
  const { default: tf } = await import("@tensorflow/tfjs-core");
  await import("@tensorflow/tfjs-backend-wasm");
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs: the wasm backend did not start");
  if (!tf.env().getBool("WASM_HAS_SIMD_SUPPORT")) throw new Error("tfjs: the wasm backend runs without SIMD");
  return {
    name: "tfjs-wasm",
    async create({ net, x }) {
      const program = lower(tf, net);
      if (!program) return undefined;
      const { steps, input, output } = program;
      const hold = ({ data, shape }: Fixed): Tensor => tf.tensor(data, [...shape]);
      const constants = steps.map((step) => step.constants.map(hold));
      const image = hold({ data: x, shape: input.shape });
      let y: Tensor | undefined;
      return {
        run() {
          y?.dispose();
          y = tf.tidy(() => {
            const values = new Map([[input, image]]);
            steps.forEach(({ inputs, output, run }, i) => {
              values.set(output, run([...inputs.map((edge) => values.get(edge)!), ...constants[i]]));
            });
            return values.get(output)!;
          });
        },
        output: () => y?.dataSync() as Float32Array,
        dispose() {
          tf.dispose([image, ...constants.flat()]);
          y?.dispose();
          y = undefined;
        },
      };
    },
  };
}
