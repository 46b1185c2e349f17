// ONNX Runtime, twice: onnxruntime-web (WebAssembly) and onnxruntime-node (native), each with one thread.
// Both keep their own layout, NCHW; the change of layout is outside the timing.
import type { SessionOptions, Tensor } from "onnxruntime-web";
import { toOnnx } from "../../src/formats/onnx/index.ts";
import type { Engine } from "../task.ts";

type Runtime = Pick<typeof import("onnxruntime-web"), "InferenceSession" | "Tensor">;

/** `[rows, columns]` to `[columns, rows]`. */
function transpose(a: Float32Array, rows: number, columns: number): Float32Array {
  const b = new Float32Array(a.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) b[j * rows + i] = a[i * columns + j];
  return b;
}

function engine(name: string, ort: Runtime, options: SessionOptions): Engine {
  return {
    name,
    async create({ net, x }) {
      const session = await ort.InferenceSession.create(toOnnx(net), options);
      const [{ name: input, shape }] = net.model.inputs;
      const [h, w, c] = shape as number[];
      const feeds = { [input]: new ort.Tensor("float32", transpose(x, h * w, c), [1, c, h, w]) };
      let y: Tensor | undefined;
      return {
        async run() {
          y = (await session.run(feeds))[session.outputNames[0]];
        },
        output() {
          const { data, dims } = y!;
          return transpose(data as Float32Array, dims[1], data.length / dims[1]);
        },
        dispose: () => session.release(),
      };
    },
  };
}

export async function onnxruntimeWeb(): Promise<Engine> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  return engine("ort-web", ort, { executionProviders: ["wasm"] });
}

export async function onnxruntimeNode(): Promise<Engine> {
  const { default: ort } = await import("onnxruntime-node");
  return engine("ort-node", ort, { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1 });
}
