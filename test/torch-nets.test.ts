// Loops of one's own give PyTorch's numbers: a GAN of two nets and two optimizers, a critic whose loss holds a gradient, Grad-CAM,
// saliency and an adversary's step. The fixture is made by scripts/torch/nets.py.
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { gradients } from "../src/eager/gradients.ts";
import { Engine } from "../src/engine/engine.ts";
import {
  batchNorm,
  conv2d,
  convTranspose2d,
  dense,
  flatten,
  globalAvgPool,
  leakyRelu,
  relu,
  reshape,
  tanh,
} from "../src/layers/index.ts";
import { sequential } from "../src/model/build-model.ts";
import type { Tensor } from "../src/tensor.ts";
import { adam } from "../src/training/optimizers.ts";
import { builds } from "./harness.ts";

type Weights = Record<string, number[]>;
interface Fixture {
  gan: { real: number[]; noise: number[]; before: Weights[]; after: Weights[]; losses: number[][] };
  critic: {
    real: number[];
    fake: number[];
    share: number[];
    before: Weights;
    after: Weights;
    losses: number[];
  };
  looks: { x: number[]; weights: Weights; gradCam: number[]; saliency: number[]; fgsm: number[] };
}
const fixture = JSON.parse(
  readFileSync(new URL("fixtures/torch/nets.json", import.meta.url), "utf8"),
) as Fixture;

/** The largest difference of any value, over the largest value wanted. */
function off(got: ArrayLike<number>, want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  const scale = Math.max(...want.map(Math.abs), 1e-3);
  return Math.max(...want.map((v, i) => Math.abs(v - got[i]))) / scale;
}

const BATCH = 6;
const NOISE = 6;
const generator = sequential(
  [NOISE],
  [
    dense({ units: 64, name: "project" }),
    reshape({ shape: [0, 4, 4, 4] }),
    batchNorm({ name: "norm", epsilon: 1e-5, momentum: 0.1 }),
    relu(),
    convTranspose2d({ filters: 1, kernel: 4, stride: 2, padding: 1, name: "up" }),
    tanh(),
  ],
);
const discriminator = (norm: boolean) =>
  sequential(
    [8, 8, 1],
    [
      conv2d({ filters: 4, kernel: 3, stride: 2, padding: 1, name: "first" }),
      leakyRelu({ alpha: 0.2 }),
      conv2d({ filters: 6, kernel: 3, stride: 2, padding: 1, bias: !norm, name: "second" }),
      ...(norm ? [batchNorm({ name: "norm", epsilon: 1e-5, momentum: 0.1 })] : []),
      leakyRelu({ alpha: 0.2 }),
      flatten(),
      dense({ units: 1, name: "score" }),
    ],
  );

describe.each(builds())("$name build", ({ engine: runtime }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = new Engine(await runtime);
  });

  it("trains a GAN for ten steps as PyTorch does", () => {
    const { real, noise, before, after, losses } = fixture.gan;
    const g = engine.compile(generator, { weights: before[0] });
    const d = engine.compile(discriminator(true), { weights: before[1] });
    const [ofG, ofD] = [0, 1].map(() => adam({ learningRate: 2e-3, beta1: 0.5 }));
    const truth = engine.tensor(real, [BATCH, 8, 8, 1]);
    const judge = (x: Tensor, is: 0 | 1): Tensor =>
      engine.loss(d(x, { training: true }), engine.full([BATCH, 1], is), { kind: "binaryCrossEntropy" });
    const z = (step: number, i: number): Tensor => {
      const from = (step * 2 + i) * BATCH * NOISE;
      return engine.tensor(noise.slice(from, from + BATCH * NOISE), [BATCH, NOISE]);
    };
    losses.forEach(([lossD, lossG], step) => {
      engine.scope(() => {
        const ofTruth = gradients(
          () => engine.add(judge(truth, 1), judge(g(z(step, 0), { training: true }), 0)),
          d.variables,
        );
        expect(Math.abs(ofTruth.value.data()[0] - lossD)).toBeLessThan(1e-4 * lossD);
        ofD.apply(d.variables, ofTruth.gradients);
        const ofFake = gradients(() => judge(g(z(step, 1), { training: true }), 1), g.variables);
        expect(Math.abs(ofFake.value.data()[0] - lossG)).toBeLessThan(1e-4 * lossG);
        ofG.apply(g.variables, ofFake.gradients);
      });
    });
    for (const [net, wanted] of [
      [g, after[0]],
      [d, after[1]],
    ] as const)
      for (const [name, want] of Object.entries(wanted))
        expect(off(net.weights[name], want), name).toBeLessThan(1e-4);
    truth.dispose();
    g.dispose();
    d.dispose();
  });

  it("trains a critic by a loss that holds a gradient", () => {
    const { real, fake, share, before, after, losses } = fixture.critic;
    const net = engine.compile(discriminator(false), { weights: before });
    const optimizer = adam({ learningRate: 1e-3, beta1: 0, beta2: 0.9 });
    losses.forEach((wanted, step) => {
      engine.scope(() => {
        const [x, y] = [real, fake].map((values) => engine.tensor(values, [BATCH, 8, 8, 1]));
        const part = engine.tensor(share.slice(step * BATCH, (step + 1) * BATCH), [BATCH, 1, 1, 1]);
        const { value, gradients: by } = gradients(() => {
          const between = engine.add(engine.mul(part, x), engine.mul(engine.sub(1, part), y));
          const [slope] = gradients(() => engine.sum(net(between)), [between]).gradients;
          const norm = engine.sqrt(engine.sum(engine.square(slope), { axes: [1, 2, 3] }));
          const penalty = engine.mean(engine.square(engine.sub(norm, 1)));
          const gap = engine.sub(engine.mean(net(y)), engine.mean(net(x)));
          return engine.add(gap, engine.mul(penalty, 10));
        }, net.variables);
        expect(Math.abs(value.data()[0] - wanted)).toBeLessThan(1e-5 * Math.abs(wanted));
        optimizer.apply(net.variables, by);
      });
    });
    for (const [name, want] of Object.entries(after))
      expect(off(net.weights[name], want), name).toBeLessThan(1e-4);
    net.dispose();
  });

  it("looks into a net: Grad-CAM, saliency, and the step of an adversary", () => {
    const { x: values, weights, gradCam, saliency, fgsm } = fixture.looks;
    const layers = [
      conv2d({ filters: 6, kernel: 3, activation: "relu", name: "first" }),
      conv2d({ filters: 8, kernel: 3, activation: "relu", name: "features" }),
      globalAvgPool(),
      dense({ units: 3, name: "head" }),
    ];
    const net = engine.compile(sequential([9, 9, 1], layers), { weights });
    const inside = net.intermediate(["features", "head"]);
    engine.scope(() => {
      const x = engine.tensor(values, [2, 9, 9, 1]);
      let maps!: Tensor;
      const {
        gradients: [slope],
      } = gradients(
        () => {
          let scores: Tensor;
          [maps, scores] = inside(x);
          return engine.sum(engine.slice(scores, { begin: [0, 1], size: [-1, 1] }));
        },
        () => [maps],
      );
      const [features] = inside(x);
      const shares = engine.mean(slope, { axes: [1, 2], keepDims: true });
      const cam = engine.relu(engine.sum(engine.mul(features, shares), { axes: [3] }));
      expect(off(cam.data(), gradCam)).toBeLessThan(1e-5);

      const labels = engine.tensor([0, 2], [2], "int32");
      const {
        gradients: [byInput],
      } = gradients(() => engine.loss(net(x), labels, { kind: "softmaxCrossEntropy" }), [x]);
      expect(off(byInput.data(), saliency)).toBeLessThan(1e-5);
      const attacked = engine.add(x, engine.mul(engine.sign(byInput), 0.1));
      expect(off(attacked.data(), fgsm)).toBeLessThan(1e-5);
    });
    inside.dispose();
    net.dispose();
  });
});
