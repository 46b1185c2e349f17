// One library reads one ONNX file and answers once; what it took, as JSON. Run by load.ts.
import { readFileSync } from "node:fs";

const [file, library, prefer] = process.argv.slice(2);
const peak = () => process.resourceUsage().maxRSS * 1024;
const bytes = readFileSync(file);
const began = performance.now();

/** What makes the model ready, and then answers. */
async function convolith() {
  const { createEngine } = await import("../../dist/node/index.js");
  const { fromOnnx } = await import("../../dist/node/formats/onnx.js");
  const engine = await createEngine();
  return async () => {
    const net = engine.compile(fromOnnx(bytes), { prefer: prefer ?? "speed" });
    const [size] = Object.values(net.inputShapes).map((shape) => shape.reduce((a, b) => a * b, 1));
    return () => net.predict(new Float32Array(size).fill(0.5));
  };
}

async function onnxruntime() {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  const options = { executionProviders: ["wasm"] };
  return async () => {
    const session = await ort.InferenceSession.create(bytes, options);
    const [{ shape }] = session.inputMetadata;
    const x = new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape);
    return () => session.run({ [session.inputNames[0]]: x });
  };
}

const load = await (library === "convolith" ? convolith : onnxruntime)();
const before = peak();
const ready = performance.now();
const answer = await load();
const loaded = performance.now();
await answer();
const done = performance.now();
console.log(
  JSON.stringify({ start: ready - began, load: loaded - ready, run: done - loaded, memory: peak() - before }),
);
