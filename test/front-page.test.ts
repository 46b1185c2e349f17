// The front page of the README, as code: it must compile, and say what it says it says.
import { expect, test } from "vitest";
import {
  adam,
  conv2d,
  conv2dGrad,
  createEngine,
  dense,
  flatten,
  fromSafetensors,
  input,
  loadModel,
  maxPool2d,
  model,
  type Network,
  sequential,
  type Tensor,
} from "../src/index.ts";

const digits = sequential(
  [28, 28, 1],
  [
    conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }),
    conv2d({ filters: 32, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }),
    flatten(),
    dense({ units: 10 }),
  ],
);

test("describe, compile, run", async () => {
  using engine = await createEngine();
  using net: Network = engine.compile(digits, { seed: 1 });
  const images = new Float32Array(2 * 28 * 28).fill(0.5);
  const logits: Float32Array = net.predict(images);
  expect(logits.length).toBe(20);
  expect(logits.slice(0, 10)).toEqual(logits.slice(10));
  // A tensor works too, and gives the same bits.
  using batch = engine.tensor(images, [2, 28, 28, 1]);
  using answer: Tensor = net.predict(batch);
  expect(answer.shape).toEqual([2, 10]);
  expect(answer.data()).toEqual(logits);
  expect(net.summary()).toContain("20,490 parameters");
});

test("train, save, read again", async () => {
  using engine = await createEngine();
  using net = engine.compile(digits, { seed: 1 });
  const images = Float32Array.from({ length: 6 * 784 }, (_, i) => Math.sin(i * (1 + Math.floor(i / 784))));
  const labels = [0, 1, 2, 3, 4, 5];
  const history = await net.fit(
    { x: images, y: labels },
    { epochs: 30, batchSize: 6, loss: "softmaxCrossEntropy", optimizer: adam({ learningRate: 1e-2 }) },
  );
  expect(history.at(-1)!.loss).toBeLessThan(0.1);
  using again = engine.compile(fromSafetensors(net.save()));
  expect(again.predict(images)).toEqual(net.predict(images));
  expect(String(again.profile(images, { runs: 1 }))).toMatch(/conv2d_1 +conv2d +gemm/);
});

test("gradients of eager ops", async () => {
  using engine = await createEngine();
  using x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
  using w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
  const { dx, dw, dbias } = conv2dGrad(engine.tensor([2], [1, 1, 1, 1]), x, w);
  expect([[...dx.data()], [...dw.data()], dbias]).toEqual([[2, 2, 2, 2], [2, 4, 6, 8], undefined]);
});

test("a description is plain JSON", async () => {
  using engine = await createEngine();
  const again = loadModel(JSON.parse(JSON.stringify(digits)));
  expect(again).toEqual(digits);
  using a = engine.compile(digits, { seed: 3 });
  using b = engine.compile(again, { seed: 3 });
  const image = Float32Array.from({ length: 784 }, (_, i) => Math.sin(i));
  expect(b.predict(image)).toEqual(a.predict(image));
});

test("a graph with two ends", async () => {
  using engine = await createEngine();
  const x = input([8, 8, 3], { name: "photo" });
  const features = conv2d({ filters: 4, kernel: 3, padding: "same", activation: "relu" })(x);
  const map = conv2d({ filters: 1, kernel: 1, activation: "sigmoid" })(features);
  const score = dense({ units: 2 })(flatten()(features));
  using net = engine.compile(model({ inputs: x, outputs: [map, score] }));
  const [mask, scores] = net.predict<Float32Array[]>({ photo: new Float32Array(192) });
  expect([mask.length, scores.length]).toEqual([64, 2]);
});

test("eager ops on tensors", async () => {
  using engine = await createEngine();
  using x = engine.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
  using w = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
  using bias = engine.tensor([10], [1]);
  using y = engine.conv2d(x, w, { bias, stride: 2, padding: "same", dilation: 1, groups: 1 });
  // The sums of the four 2x2 corners of a picture padded below and to the right.
  expect(Array.from(y.data())).toEqual([10 + 12, 10 + 9, 10 + 15, 10 + 9]);
});
