// A network that learns.
import { adam, createEngine, dense, flatten, sequential } from "convolith";

const engine = await createEngine();
const net = engine.compile(sequential([2], [flatten(), dense({ units: 2 })]), { seed: 1 });
const samples = { x: new Float32Array([1, 0, 0, 1]), y: new Uint8Array([0, 1]) };
const options = { epochs: 50, loss: "softmaxCrossEntropy" };
const history = await net.fit(samples, { ...options, optimizer: adam({ learningRate: 0.1 }) });
const refused = await net
  .fit(samples, { ...options, optimizer: { kind: "adam" } })
  .catch((error) => `${error.name}: ${error.message}`);
console.log(JSON.stringify({ learns: history[49].loss < history[0].loss / 4, refused }));
