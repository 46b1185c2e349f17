// Eager ops alone, and a description that came as JSON.
import { createEngine } from "convolith";

const engine = await createEngine();
const x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
const w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
const json = {
  format: "convolith",
  version: 1,
  inputs: [{ name: "input", shape: [2, 2, 1] }],
  layers: [{ name: "flat", kind: "flatten", config: {}, inputs: ["input"] }],
  outputs: ["flat"],
};
console.log(
  JSON.stringify({
    sum: Array.from(engine.conv2d(x, w).data()),
    relu: Array.from(engine.relu(engine.sub(x, engine.tensor([2], [1]))).data()),
    json: Array.from(engine.compile(json).predict([1, 2, 3, 4])),
  }),
);
