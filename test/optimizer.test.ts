// Optimizers against PyTorch's formulas in float64, over every option; limits of gradients.
import { describe, expect, it } from "vitest";
import { float32 } from "../src/graph/op.ts";
import { normLimit, optimize, valueLimit } from "../src/ops/optimizer.ts";
import { type Optimizer, optimizerState, RULE_START, stepNumbers } from "../src/ops/optimizer-formulas.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { train } from "./optimizing.ts";
import { ROUNDOFF } from "./oracle.ts";
import { type OptimizerOptions, type OptimizerState, optimizerStep } from "./oracle-train.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const at = (i: number, seed: number): number =>
  (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
const noise = (count: number, seed: number, scale = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => at(i, seed) * scale);

const OPTIMIZERS: Optimizer[] = [
  { kind: "sgd" },
  { kind: "sgd", weightDecay: 0.1 },
  { kind: "sgd", momentum: 0.9 },
  { kind: "sgd", momentum: 0.9, weightDecay: 0.1 },
  { kind: "sgd", momentum: 0.5, nesterov: true },
  { kind: "adam" },
  { kind: "adam", beta1: 0.5, beta2: 0.9, epsilon: 0.1, weightDecay: 0.1 },
  { kind: "adam", beta1: 0 },
  { kind: "adamW" },
  { kind: "adamW", weightDecay: 0.3 },
  { kind: "rmsprop" },
  { kind: "rmsprop", alpha: 0.5, epsilon: 0.1, weightDecay: 0.1 },
  { kind: "rmsprop", momentum: 0.9 },
  { kind: "rmsprop", centered: true },
  { kind: "rmsprop", centered: true, momentum: 0.5 },
  { kind: "adagrad" },
  { kind: "adagrad", rateDecay: 0.1, weightDecay: 0.1, epsilon: 0.01 },
];

for (const { name, engine } of builds())
  describe(`optimizers (${name})`, () => {
    it.each(OPTIMIZERS.map((o) => [JSON.stringify(o), o] as const))("%s", async (_, optimizer) => {
      const steps = 12;
      const rate = (step: number): number => 0.1 / (1 + step);
      for (const count of [1, 2, 3, 4, 5, 63, 64, 65, 200]) {
        const weights = noise(count, 1, 2);
        const gradients = Array.from({ length: steps }, (_, step) => noise(count, 2 + step));
        const kept: Record<string, Float32Array> = {};
        const got = await train(engine, optimizer, weights, gradients, rate, kept);
        const want = Float64Array.from(weights);
        const state: OptimizerState = {};
        gradients.forEach((gradient, i) => {
          optimizerStep(optimizer as OptimizerOptions, want, gradient, state, i + 1, rate(i + 1));
          // Roundings of weights of at most 2, and updates of about 0.1, a few more at every step. Where a mean of squares
          // cancels against the square of a mean, a centred divisor keeps fewer digits.
          const digits = (optimizer as OptimizerOptions).centered ? 512 : 1;
          expectWithin(got[i], want, digits * (i + 1) * 8 * ROUNDOFF);
        });
        expect(Object.keys(kept)).toEqual(optimizerState(optimizer));
        for (const name of Object.keys(kept))
          expectWithin(kept[name], state[name], 64 * ROUNDOFF * (1 + Math.max(...state[name].map(Math.abs))));
      }
    });

    it("what is kept of a gradient that is gone becomes 0, not a denormal number; NaN stays", async () => {
      const keeps: Optimizer[] = [
        { kind: "sgd", momentum: 0.9 },
        { kind: "adam", beta1: 0.5, beta2: 0.5 },
        { kind: "rmsprop", alpha: 0.5, momentum: 0.5, centered: true },
      ];
      const steps = 1000;
      const none = Float32Array.of(0, 0, 0, 0, 0, 0);
      for (const optimizer of keeps) {
        const gradients = Array.from({ length: steps }, (_, i) =>
          i === 0 ? Float32Array.of(1, -1, 0.5, Number.NaN, 3, -2) : none,
        );
        const kept: Record<string, Float32Array> = {};
        await train(engine, optimizer, new Float32Array(6), gradients, 0.1, kept);
        for (const name of Object.keys(kept)) expectEqual(kept[name], [0, 0, 0, Number.NaN, 0, 0]);
        // Small, but normal: nothing is lost.
        const small = Float32Array.of(1e-37, -1e-37, 2e-38, 0, 1e-18, -1e-18);
        await train(engine, optimizer, new Float32Array(6), [small], 0.1, kept);
        const first = Object.values(kept).at(optimizer.kind === "sgd" ? 0 : -1)!;
        if (optimizer.kind === "sgd") expectEqual(first, small);
        else expect(Array.from(kept.square)).toEqual([0, 0, 0, 0, kept.square[4], kept.square[4]]);
        if (optimizer.kind !== "sgd") expect(kept.square[4]).toBeGreaterThan(4e-37);
      }
    });

    it("a limit on the norm of all gradients scales them together", async () => {
      for (const sizes of [[1], [5, 64], [200, 3, 65], [100_001]]) {
        const gradients = sizes.map((n, i): Plain => ({ shape: [n], data: noise(n, i + 1) }));
        let squares = 0;
        for (const { data } of gradients) for (const v of Array.from(data)) squares += v * v;
        const norm = Math.sqrt(squares);
        for (const limit of [norm / 3, norm * 3]) {
          const [scale, got] = await evaluate(engine, normLimit, gradients, { limit });
          expect([scale.shape, got.shape]).toEqual([[], []]);
          expectWithin(got.data, [norm], 4 * ROUNDOFF * norm);
          expectWithin(scale.data, [Math.min(1, limit / (norm + 1e-6))], 8 * ROUNDOFF);
        }
      }
      const zeros = { shape: [9], data: new Float32Array(9) };
      expectEqual((await evaluate(engine, normLimit, [zeros], { limit: 1 }))[0].data, [1]);
      const broken = { shape: [9], data: new Float32Array(9).fill(Number.NaN) };
      expectEqual((await evaluate(engine, normLimit, [broken], { limit: 1 }))[0].data, [Number.NaN]);
    });

    it("a limit on values", async () => {
      const x = { shape: [5], data: Float32Array.of(-3, -0.5, 0, 0.5, 3) };
      expectEqual((await evaluate(engine, valueLimit, [x], { limit: 1 }))[0].data, [-1, -0.5, 0, 0.5, 1]);
    });
  });

describe("optimizers", () => {
  it("keep PyTorch's defaults", () => {
    expect(stepNumbers({ kind: "adam" }, 2, 0.5).slice(0, RULE_START)).toEqual(
      Float32Array.of(0.5, 0.5 / (1 - 0.9 ** 2), 1 / Math.sqrt(1 - 0.999 ** 2), 0),
    );
    expect(stepNumbers({ kind: "adagrad", rateDecay: 0.5 }, 3, 0.5)[0]).toBe(0.25);
  });

  it("refuse what the formulas cannot take", () => {
    const infer = (o: Optimizer, shapes = [[4], [4], [4]]): unknown =>
      optimize.infer(shapes.map(float32), o, "sgd");
    expect(() => infer({ kind: "sgd", nesterov: true })).toThrow("nesterov needs a momentum above 0");
    expect(() => infer({ kind: "sgd", weightDecay: -1 })).toThrow("weightDecay is -1 but must be at least 0");
    expect(() => infer({ kind: "adam", beta1: 1 })).toThrow("beta1 is 1 but must be from 0 to below 1");
    expect(() => infer({ kind: "sgd", momentum: 0.9 })).toThrow("takes 4 inputs but got 3");
    expect(() => infer({ kind: "sgd" }, [[4], [5], [4]])).toThrow(
      "gradient has shape [5] but must have the weight's [4]",
    );
    expect(() => infer({ kind: "sgd" }, [[4], [4], [2]])).toThrow("hyper has shape [2] but must be [12]");
    expect(() => infer({ kind: "lars" as "sgd" })).toThrow('optimizer is "lars" but must be "sgd", "adam"');
    expect(() => infer({ kind: "sgd", decay: 1 } as Optimizer)).toThrow(
      'there is no option "decay"; there are learningRate, momentum, nesterov, weightDecay',
    );
    expect(() => normLimit.infer([float32([2])], { limit: 0 }, "clip")).toThrow("limit is 0");
  });
});
