// An ONNX file read, compiled and run.
import { createEngine } from "convolith";
import { fromOnnx } from "convolith/onnx";

const { readFileSync } = await import("node:fs");
const engine = await createEngine();
const net = engine.compile(fromOnnx(readFileSync(process.argv[2])));
const sum = net.predict(new Float32Array(16).fill(1)).reduce((a, b) => a + b);
console.log(JSON.stringify({ inputs: net.inputShapes, sum }));
engine.dispose();
