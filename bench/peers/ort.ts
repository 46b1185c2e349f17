// ONNX Runtime, twice: onnxruntime-web (WebAssembly) and onnxruntime-node (native), each with one thread.
// Both keep their own layout, NCHW; the change of layout is outside the timing.
import type { InferenceSession, InferenceSessionFactory, Tensor, TensorConstructor } from "onnxruntime-web";
import { type Engine, outSize } from "../rows.ts";
import { convModel } from "./onnx.ts";

interface Runtime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
}

/** `[rows, columns]` to `[columns, rows]`. */
function transpose(a: Float32Array, rows: number, columns: number): Float32Array {
  const b = new Float32Array(a.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) b[j * rows + i] = a[i * columns + j];
  return b;
}

function engine(name: string, ort: Runtime, options: InferenceSession.SessionOptions): Engine {
  return {
    name,
    async create(row, x, w, bias) {
      // [kh, kw, in, out] to [out, in, kh, kw]: two transpositions of matrices.
      const fan = row.c / row.groups;
      const oikk = transpose(w, row.kh * row.kw * fan, row.oc);
      const filter = new Float32Array(w.length);
      const plane = row.kh * row.kw * fan;
      for (let o = 0; o < row.oc; o++)
        filter.set(transpose(oikk.subarray(o * plane, (o + 1) * plane), row.kh * row.kw, fan), o * plane);
      const session = await ort.InferenceSession.create(convModel(row, filter, bias), options);
      const feeds = {
        x: new ort.Tensor("float32", transpose(x, row.h * row.w, row.c), [row.n, row.c, row.h, row.w]),
      };
      let y: Tensor | undefined;
      return {
        async run() {
          ({ y } = await session.run(feeds));
        },
        output() {
          const [oh, ow] = outSize(row);
          return transpose(y?.data as Float32Array, row.oc, oh * ow);
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
