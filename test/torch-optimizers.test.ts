// Optimizers against PyTorch's, and against their papers' where PyTorch has none (scripts/torch/loop.py), in every build.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createEngine } from "../src/index.ts";
import { blend } from "../src/ops/optimizer.ts";
import { type Optimizer, optimizerState, RULE_START, stepNumbers } from "../src/ops/optimizer-formulas.ts";
import { optimizerOfKind } from "../src/training/optimizers.ts";
import { builds, evaluate } from "./harness.ts";
import { train } from "./optimizing.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

interface Fixture {
  readonly weights: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly optimizer: Optimizer & { readonly learningRate?: number };
    readonly after: Readonly<Record<string, readonly number[]>>;
  }[];
}

const fixture = new URL("fixtures/torch/loop.json", import.meta.url);
const { weights, gradients, cases }: Fixture = JSON.parse(readFileSync(fixture, "utf8")).optimizers;
/** PyTorch's own defaults. */
const RATES = { sgd: 1e-3, adam: 1e-3, adamW: 1e-3, rmsprop: 1e-2, adagrad: 1e-2, radam: 1e-3, lion: 1e-4 };
const OTHERS = { nadam: 2e-3, adamax: 2e-3, adadelta: 1, lamb: 1e-3 };

for (const { name, engine } of builds())
  describe(`optimizers (${name})`, () => {
    it.each(cases.map((c) => [JSON.stringify(c.optimizer), c] as const))("%s", async (_, c) => {
      const { learningRate, ...optimizer } = c.optimizer;
      const rate = learningRate ?? { ...RATES, ...OTHERS }[optimizer.kind];
      const kept: Record<string, Float32Array> = {};
      const got = await train(engine, optimizer as Optimizer, weights, gradients, rate, kept);
      expect(Object.keys(kept)).toEqual(optimizerState(optimizer as Optimizer));
      for (const [step, want] of Object.entries(c.after)) {
        const size = Math.max(...want.map(Math.abs));
        expectWithin(got[Number(step) - 1].subarray(0, want.length), want, 1e-6 * size);
      }
      // They moved.
      expect(got[9].some((w, i) => Math.abs(w - weights[i]) > 1e-4)).toBe(true);
      // Whatever the length, a value becomes the same, but where the step depends on a tensor's norm.
      if (optimizer.kind === "lamb") return;
      for (const count of [1, 3, 6, 65]) {
        const short = gradients.map((g) => g.slice(0, count));
        const part = await train(engine, optimizer as Optimizer, weights.slice(0, count), short, rate);
        expectEqual(part[9], Array.from(got[9].subarray(0, count)));
      }
    });

    it("lamb takes a plain step where weights or gradients are 0", async () => {
      const [zeros, ones] = [new Float32Array(5), new Float32Array(5).fill(1)];
      const lamb: Optimizer = { kind: "lamb", weightDecay: 0 };
      expectWithin((await train(engine, lamb, zeros, [ones], 0.5))[0], [-0.5, -0.5, -0.5, -0.5, -0.5], 1e-5);
      expectEqual((await train(engine, lamb, ones, [zeros], 0.5))[0], ones);
      expectEqual((await train(engine, lamb, ones, [ones], 0))[0], ones);
    });

    it("NaN propagates, and lion's sign of 0 is 0", async () => {
      const g = Float32Array.of(0, Number.NaN, 2, -3, 0);
      const lion: Optimizer = { kind: "lion" };
      const [got] = await train(engine, lion, new Float32Array(5).fill(1), [g], 0.25);
      expectEqual(got, [1, Number.NaN, 0.75, 1.25, 1]);
      for (const kind of ["adamax", "adadelta", "nadam", "radam"] as const) {
        const [after] = await train(engine, { kind }, new Float32Array(5).fill(1), [g], 0.25);
        expect(Array.from(after, Number.isNaN)).toEqual([false, true, false, false, false]);
      }
    });

    it("an average takes a share of what it is blended with", async () => {
      const plain = (data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
      const [average] = await evaluate(
        engine,
        blend,
        [plain([0, 1, 2, 3, 4]), plain([1, 1, 0, -1, 8]), plain([-0.25, 0, 0, 0])],
        {},
      );
      expectEqual(average.data, [0.25, 1, 1.5, 2, 5]);
    });
  });

describe("optimizer.apply", () => {
  it.each(cases.map((c) => [JSON.stringify(c.optimizer), c] as const))(
    "steps on tensors: %s",
    async (_, c) => {
      using engine = await createEngine();
      const optimizer = optimizerOfKind(c.optimizer);
      const weight = engine.tensor(weights, [7, 10]);
      for (const g of gradients) {
        using gradient = engine.tensor(g, [7, 10]);
        optimizer.apply([weight], [gradient]);
      }
      const want = c.after[10];
      expectWithin(weight.data().subarray(0, want.length), want, 1e-6 * Math.max(...want.map(Math.abs)));
    },
  );
});

describe("the numbers of a step", () => {
  it("of nadam stay finite after any number of steps", () => {
    const o: Optimizer = { kind: "nadam" };
    const late = stepNumbers(o, 1e7, 0.1);
    expect(Array.from(late).every(Number.isFinite)).toBe(true);
    expectWithin(late.subarray(0, RULE_START), [0.1, 0.09, 1, 0.01], 1e-6);
  });
});
