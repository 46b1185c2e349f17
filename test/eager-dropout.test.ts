// Dropout as an op: what it drops, what its gradients are, and when it drops within layers and losses of one's own.
import { expect, it } from "vitest";
import { defineLayer } from "../src/eager/custom-layer.ts";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import { dense } from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import type { CustomLoss } from "../src/network/loss-config.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import type { Tensor } from "../src/tensor.ts";
import { sgd } from "../src/training/optimizers.ts";
import { binary } from "./harness.ts";
import { philox } from "./oracle-train.ts";

const made = async (): Promise<Engine> => new Engine(new Runtime(await load(binary("simd"))));
const engine = await made();
const ones = (...shape: number[]): Tensor => engine.ones(shape);

it("keeps the values whose number of the seed is large enough, and scales them", () => {
  const y = engine.dropout(ones(3, 11), { rate: 0.25, seed: 7 }).data();
  const word = (i: number): number =>
    philox([(i % 4) | (Math.floor(i / 16) << 2), 0, 0, 0], [7, 1])[(i % 16) >> 2];
  const scaled = Math.fround(4 / 3);
  expect([...y]).toEqual(Array.from({ length: 33 }, (_, i) => (word(i) >= 2 ** 30 ? scaled : 0)));
});

it("draws other numbers in every call, and the same ones in every engine", async () => {
  const [here, there] = [await made(), await made()];
  const masks = [here, here, there, there].map((e) => String(e.dropout(e.ones([64]), { rate: 0.5 }).data()));
  expect(masks[0]).not.toBe(masks[1]);
  expect(masks.slice(2)).toEqual(masks.slice(0, 2));
  // It counts with the other random numbers.
  expect(here.randomUniform([4]).data()).not.toEqual(here.randomUniform([4]).data());
});

it("drops whole channels, and whole images", () => {
  const x = ones(64, 2, 3, 32);
  const channels = engine.spatialDropout(x, { rate: 0.5, seed: 1 }).data();
  const images = engine.dropPath(x, { rate: 0.5, seed: 1 }).data();
  const at = (data: Float32Array, n: number, pixel: number, c: number) => data[(n * 6 + pixel) * 32 + c];
  for (let n = 0; n < 64; n++)
    for (let pixel = 0; pixel < 6; pixel++)
      for (let c = 0; c < 32; c++) {
        expect(at(channels, n, pixel, c)).toBe(at(channels, n, 0, c));
        expect(at(images, n, pixel, c)).toBe(at(images, n, 0, 0));
      }
  for (const data of [channels, images]) expect(new Set(data)).toEqual(new Set([0, 2]));
  expect(engine.dropPath(x, { rate: 0 }).data()).toEqual(x.data());
});

it("has its mask as the gradient, drawn anew whenever the program runs", () => {
  const x = ones(100);
  const masks = [0, 1].map(() => {
    const { value, gradients: by } = gradients(() => engine.dropout(x, { rate: 0.5 }), [x]);
    expect(by[0].data()).toEqual(value.data());
    return String(value.data());
  });
  expect(masks[0]).not.toBe(masks[1]);
});

const noisy = defineLayer("noisy", {
  weights: (_, [shape]) => ({
    mean: { shape: shape.slice(-1), trainable: false },
    one: { shape: [4], init: "ones" },
  }),
  call: (ops, [x], { mean, one }) =>
    // As an op it normalises by what it is given, in training, too.
    ops.batchNorm(ops.dropout(x, { rate: 0.5 }), { gamma: one, beta: mean, mean, variance: one, epsilon: 0 }),
});

it("within a layer of one's own drops in training alone, and in every step anew", async () => {
  using net = engine.compile(sequential([4], [noisy()]), { seed: 1 });
  expect([...net.predict([1, 2, 3, 4])]).toEqual([1, 2, 3, 4]);
  const x = ones(8, 4);
  const steps = [0, 1].map(() => {
    const { value } = gradients(() => net(x, { training: true }) as Tensor, [x]);
    return value.data();
  });
  for (const y of steps) expect(new Set(y)).toEqual(new Set([0, 2]));
  expect(steps[0]).not.toEqual(steps[1]);
  expect([...net.weights["noisy_1.mean"]]).toEqual([0, 0, 0, 0]);
});

it("within a loss drops in training, not in evaluation", () => {
  const loss: CustomLoss = (output, _target, ops) => ops.mean(ops.dropout(output, { rate: 0.5 }));
  using net = engine.compile(sequential([1], [dense({ units: 1, bias: false })]), {
    weights: { "dense_1.kernel": [1] },
    train: { loss, optimizer: sgd({ learningRate: 1e-6 }), batchSize: 64 },
  });
  const data = { x: new Float32Array(64).fill(1), y: new Float32Array(64) };
  const losses = [0, 1, 2].map(() => net.trainStep(data));
  expect(new Set(losses).size).toBe(3);
  for (const value of losses) expect(Math.abs(value - 1)).toBeLessThan(0.7);
  expect(net.evaluate(data, { loss }).loss).toBeCloseTo(1, 4);
});

it("refuses what it cannot do", () => {
  const x = ones(4);
  expect(() => engine.dropout(x, { rate: 1 })).toThrow(
    "dropout: rate is 1 but must be at least 0 and below 1",
  );
  expect(() => engine.dropout(x, {} as never)).toThrow("dropout: rate is missing");
  expect(() => engine.dropout(x, { rate: 0.5, seed: 0.5 })).toThrow("dropout: seed is 0.5");
  expect(() => (engine.dropout as (...args: unknown[]) => Tensor)(x, { rate: 0.5 }, 1)).toThrow(
    "dropout: takes",
  );
  const before = engine.memory.live;
  expect(() => engine.dropout("x" as never, { rate: 0.5 })).toThrow('input 0 is "x" but must be a Tensor');
  expect(engine.memory.live).toBe(before);
  const w = engine.ones([3, 3, 8, 2]);
  expect(() => engine.locallyConnected2d(engine.ones([1, 4, 4, 3]), w, { kernel: 2 })).toThrow(
    "locallyConnected2d: kernel has shape [3,3,8,2] but must have [3,3,12,2]",
  );
});
