// All that the front door exports.
import * as convolith from "convolith";

// So that no bundler leaves a part out.
globalThis.everything = convolith;

const engine = await convolith.createEngine();
const x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
const w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
const { value, gradients } = convolith.gradients(
  () => engine.reduce(engine.conv2d(x, w), { kind: "sum", axes: [1, 2, 3] }),
  [w],
);
console.log(
  JSON.stringify({ value: Array.from(value.data()), gradients: gradients.map((g) => Array.from(g.data())) }),
);
