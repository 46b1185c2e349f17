// The package as a stranger uses it: types are checked by several versions of TypeScript, the code is run by several of Node.
import {
  adam,
  conv2d,
  createEngine,
  dense,
  flatten,
  gradients,
  type Network,
  ShapeError,
  sequential,
  type Tensor,
} from "convolith";
import { canny, type Image, toGray } from "convolith/image";
import { loadStateDict, resnet18 } from "convolith/nets";
import { toOnnx } from "convolith/onnx";
import { fromTfjs } from "convolith/tfjs";

const engine = await createEngine();
const net: Network = engine.compile(sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3, name: "c" })]), {
  weights: { "c.kernel": new Float32Array(18).fill(1), "c.bias": new Float32Array(2) },
});
const y: Float32Array = net.predict(new Float32Array(16).fill(1));
const x: Tensor = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
const sum: number = engine.conv2d(x, engine.tensor([1, 1, 1, 1], [2, 2, 1, 1])).data()[0];
const w = engine.tensor([1, 2, 3, 4], [2, 2, 1, 1]);
const taken = gradients(() => engine.reduce(engine.conv2d(x, w), { kind: "sum" }), [w]);

const learner = engine.compile(sequential([2], [flatten(), dense({ units: 2 })]), { seed: 1 });
const samples = { x: new Float32Array([1, 0, 0, 1]), y: new Uint8Array([0, 1]) };
const optimizer = adam({ learningRate: 0.1 });
const history = await learner.fit(samples, { epochs: 50, loss: "softmaxCrossEntropy", optimizer });

let said = "";
try {
  net.predict(new Float32Array(3));
} catch (error) {
  said = error instanceof ShapeError && error instanceof Error ? (error.stack ?? "") : "";
}
const file: Uint8Array = toOnnx(net);
const filters = { "c.weight": { shape: [2, 1, 2, 3], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] } };
const tall = sequential([4, 4, 1], [conv2d({ filters: 2, kernel: [2, 3], bias: false, name: "c" })]);
const turned: Float32Array = loadStateDict(tall, filters).weights["c.kernel"];
const picture = { data: new Uint8ClampedArray(4 * 4 * 4).fill(255, 32), width: 4, height: 4 };
const gray: Image<Uint8ClampedArray> = toGray(engine, picture);
const edges: Image<Uint8ClampedArray> = canny(engine, picture, { low: 50, high: 100 });
const floats: Image<Float32Array> = toGray(engine, picture, { float: true });
console.log(
  JSON.stringify({
    predicted: Array.from(y),
    sum,
    value: taken.value.data()[0],
    gradient: Array.from(taken.gradients[0].data()),
    learns: history[49].loss < history[0].loss / 4,
    said,
    onnx: Array.from(file.subarray(0, 2)),
    gray: Array.from(gray.data.subarray(4, 12)),
    edges: Array.from(edges.data),
    floats: floats.data[15],
    fromTfjs: typeof fromTfjs,
    resnet: { kernel: Array.from(turned), layers: resnet18({ classes: 10 }).layers.length },
    build: engine.info.build,
  }),
);
engine.dispose();
