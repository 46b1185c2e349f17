// TensorFlow.js with its WebAssembly backend (XNNPACK): SIMD, and in Node always one thread.
// Tensors stay in the backend's memory: neither upload nor download is timed.
import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { Engine } from "../rows.ts";

export async function tfjsWasm(): Promise<Engine> {
  const { default: tf } = await import("@tensorflow/tfjs-core");
  await import("@tensorflow/tfjs-backend-wasm");
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs: the wasm backend did not start");
  if (!tf.env().getBool("WASM_HAS_SIMD_SUPPORT")) throw new Error("tfjs: the wasm backend runs without SIMD");
  return {
    name: "tfjs-wasm",
    async create(row, x, w, bias) {
      const { kh, kw, oc, stride, dilation } = row;
      const [top, left] = row.padding;
      // The fused depthwise convolution takes one number for all four sides.
      if (top !== left) throw new Error(`tfjs: padding ${top}, ${left} is not the same on both axes`);
      const depthwise = row.groups > 1;
      const constants = {
        x: tf.tensor4d(x, [row.n, row.h, row.w, row.c]),
        filter: tf.tensor4d(w, depthwise ? [kh, kw, row.c, oc / row.c] : [kh, kw, row.c, oc]),
        bias: tf.tensor1d(bias),
      };
      const options = {
        ...constants,
        strides: stride,
        dilations: dilation,
        pad: top,
      };
      const conv = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
      let y: Tensor4D | undefined;
      return {
        run() {
          y?.dispose();
          y = tf.tidy(() => conv(options) as Tensor4D);
        },
        output: () => y?.dataSync() as Float32Array,
        dispose() {
          tf.dispose([y, ...Object.values(constants)]);
          y = undefined;
        },
      };
    },
  };
}
