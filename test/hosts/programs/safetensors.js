// A file read without an engine: node safetensors.js FILE
import { fromSafetensors } from "convolith";

const { readFileSync } = await import("node:fs");
const { model, weights } = fromSafetensors(new Uint8Array(readFileSync(process.argv[2])));
console.log(
  JSON.stringify({ layers: model.layers.map(({ kind }) => kind), bias: Array.from(weights["c.bias"]) }),
);
