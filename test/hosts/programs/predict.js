// A network that predicts, described here or by JSON; and what it says to an optimizer that is none.
import { conv2d, createEngine, sequential } from "convolith";

const engine = await createEngine();
const model = sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3, name: "c" })]);
const weights = { "c.kernel": new Float32Array(18).fill(1), "c.bias": new Float32Array(2) };
const net = engine.compile(model, { weights });
const copy = engine.compile(JSON.parse(JSON.stringify(model)), { weights });
const ones = new Float32Array(16).fill(1);
const samples = { x: ones, y: new Float32Array(8) };
const refused = await net
  .fit(samples, { loss: "meanSquaredError", optimizer: { kind: "adam" } })
  .catch((error) => `${error.name}: ${error.message}`);
console.log(
  JSON.stringify({ described: Array.from(net.predict(ones)), json: Array.from(copy.predict(ones)), refused }),
);
