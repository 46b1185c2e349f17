// Losses against their formulas and central differences.
import { beforeAll, describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32, type Op } from "../src/graph/op.ts";
import * as losses from "../src/ops/loss.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { ROUNDOFF } from "./oracle.ts";
import * as oracle from "./oracle-train.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

type Floats = Plain & { data: Float32Array };
const { softmaxCrossEntropy, meanSquaredError, meanAbsoluteError, huber, binaryCrossEntropyWithLogits } =
  losses;

const at = (i: number, seed: number): number =>
  (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;

function noise(shape: readonly number[], seed: number, scale = 1, offset = 0): Floats {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i, seed) * scale + offset) };
}

/** A class per row, or the probability of each. */
function classes(shape: readonly number[], seed: number): Plain {
  const c = shape[shape.length - 1];
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const data = Int32Array.from({ length: rows }, (_, i) => Math.floor(((at(i, seed) + 1) / 2) * c));
  return { shape: shape.slice(0, -1), data };
}

function chances(shape: readonly number[], seed: number): Floats {
  const c = shape[shape.length - 1];
  const t = noise(shape, seed, 0.5, 0.5);
  for (let r = 0; r < t.data.length; r += c) {
    const row = t.data.subarray(r, r + c);
    const sum = row.reduce((a, b) => a + b, 0);
    row.forEach((v, k) => {
      row[k] = v / sum;
    });
  }
  return t;
}

const scalar = (value: number): Plain => ({ shape: [], data: Float32Array.of(value) });

const SHAPES = [
  [1, 2],
  [3, 3],
  [5, 4],
  [4, 5],
  [2, 3, 7],
  [64, 10],
  [2, 8],
  [1, 17],
  [2, 2, 2, 33],
  [3, 120],
  [7],
];

const BETWEEN = [
  { op: meanSquaredError, f: oracle.meanSquaredError },
  { op: meanAbsoluteError, f: oracle.meanAbsoluteError },
  { op: huber, f: oracle.huber },
  { op: huber, f: oracle.huber, delta: 0.3 },
  { op: huber, f: oracle.huber, delta: 5 },
  { op: binaryCrossEntropyWithLogits, f: oracle.binaryCrossEntropyWithLogits },
];

const BUILDS = builds();
// Workers must have started before the first test: these tests block the event loop for longer than workers may take to start.
beforeAll(() => Promise.all(BUILDS.map(({ engine }) => engine)));

for (const { name, engine } of BUILDS)
  describe(`losses (${name})`, () => {
    it.each([0, 0.1, 1])("softmax cross-entropy, smoothed by %f", async (labelSmoothing) => {
      for (const shape of SHAPES)
        for (const labels of [classes(shape, 5), chances(shape, 6)]) {
          const x = noise(shape, 1, 4);
          const params = { labelSmoothing };
          const [loss] = await evaluate(engine, softmaxCrossEntropy, [x, labels], params);
          const [want] = oracle.softmaxCrossEntropy([x, labels], params);
          expect(loss.shape).toEqual([]);
          expectWithin(loss.data, want.data, 16 * ROUNDOFF * (1 + want.data[0]));
          const inputs = [x, labels];
          const [dx, none] = await gradientsOf(
            engine,
            softmaxCrossEntropy,
            inputs,
            params,
            [scalar(3)],
            [true, false],
          );
          expect(none).toBe(undefined);
          // By chances; classes have none.
          const [, byLabels] = await gradientsOf(
            engine,
            softmaxCrossEntropy,
            inputs,
            params,
            [scalar(3)],
            [false, true],
          );
          if (labels.data instanceof Int32Array) expect(byLabels).toBe(undefined);
          else if (labelSmoothing === 1) expect(byLabels!.every((v) => v === 0)).toBe(true);
          else {
            const slope = numericGradient(oracle.softmaxCrossEntropy, inputs, params, [scalar(3)], 1);
            expectWithin(byLabels!, slope, 1e-6 * (1 + Math.max(...slope.map(Math.abs))));
          }
          const gradient = numericGradient(oracle.softmaxCrossEntropy, inputs, params, [scalar(3)], 0);
          // Values of at most 1 in each row, times 3 / rows.
          const size = (3 * shape.at(-1)!) / x.data.length;
          const bound = 16 * ROUNDOFF * size + 1e-8;
          if (gradient.every((v) => Math.abs(v) < bound))
            expect(dx!.every((v) => Math.abs(v) < bound)).toBe(true);
          else expectWithin(dx!, gradient, bound);
        }
    });

    it("softmax cross-entropy of logits far apart", async () => {
      const x = {
        shape: [4, 3],
        data: Float32Array.of(1e4, 0, -1e4, 1e4, 0, -1e4, 88, 89, 90, -3e38, 3e38, 0),
      };
      const labels = { shape: [4], data: Int32Array.of(0, 2, 1, 1) };
      const [loss] = await evaluate(engine, softmaxCrossEntropy, [x, labels], {});
      const want = (20000 + Math.log(Math.exp(-1) + 1 + Math.exp(1))) / 4;
      expectWithin(loss.data, [want], want * 4 * ROUNDOFF);
      const [dx] = await gradientsOf(
        engine,
        softmaxCrossEntropy,
        [x, labels],
        {},
        [scalar(4)],
        [true, false],
      );
      const p = [-1, 0, 1].map((v) => Math.exp(v) / (Math.exp(-1) + 1 + Math.exp(1)));
      expectWithin(dx!, [0, 0, 0, 1, 0, -1, p[0], p[1] - 1, p[2], 0, 0, 0], 8 * ROUNDOFF);
    });

    it("a label that is no class makes NaN of its row, and reads nothing", async () => {
      const x = noise([3, 4], 1);
      for (const bad of [-1, 4, 2 ** 31 - 1, -(2 ** 31)]) {
        const labels = { shape: [3], data: Int32Array.of(1, bad, 2) };
        const [loss] = await evaluate(engine, softmaxCrossEntropy, [x, labels], {});
        expectEqual(loss.data, [Number.NaN]);
        const [dx] = await gradientsOf(
          engine,
          softmaxCrossEntropy,
          [x, labels],
          {},
          [scalar(1)],
          [true, false],
        );
        expect([...dx!].map(Number.isNaN)).toEqual(Array.from(x.data, (_, i) => i >= 4 && i < 8));
      }
    });

    it.each(BETWEEN)("$op.name, delta $delta", async ({ op, f, delta }) => {
      const params = { delta };
      for (const shape of [[1], [2], [3], [5], [4, 6], [63], [64], [65], [3, 7, 31], [20_001]]) {
        const x = noise(shape, 1, 3);
        const target = op === binaryCrossEntropyWithLogits ? noise(shape, 2, 0.5, 0.5) : noise(shape, 2, 3);
        const [loss] = await evaluate(engine, op, [x, target], params);
        const [want] = f([x, target], params);
        expect(loss.shape).toEqual([]);
        expectWithin(loss.data, want.data, 16 * ROUNDOFF * want.data[0]);
        const count = x.data.length;
        if (count > 1000) continue;
        const grads = await gradientsOf(engine, op, [x, target], params, [scalar(2)]);
        for (const i of [0, 1]) {
          const gradient = numericGradient(f, [x, target], params, [scalar(2)], i, 1e-5);
          // Kinks: where a difference would look across one, what it finds means nothing.
          const kink = (k: number): boolean =>
            op === meanAbsoluteError && Math.abs(x.data[k] - target.data[k]) < 2e-5;
          const kept = [...gradient.keys()].filter((k) => !kink(k));
          expectWithin(
            kept.map((k) => grads[i]![k]),
            kept.map((k) => gradient[k]),
            (32 * ROUNDOFF * 6 + 1e-7) / count,
          );
        }
      }
    });

    it("of values alike are 0 and pull nowhere", async () => {
      const x = noise([70], 1);
      for (const { op } of BETWEEN.slice(0, 4)) {
        const [loss] = await evaluate(engine, op, [x, x], {});
        expectEqual(loss.data, [0]);
        const [dx] = await gradientsOf(engine, op, [x, x], {}, [scalar(1)]);
        expectEqual(dx!, new Float32Array(70));
      }
    });

    it("binary cross-entropy does not overflow", async () => {
      const x = { shape: [6], data: Float32Array.of(1000, 1000, -1000, -1000, 0, 50) };
      const target = { shape: [6], data: Float32Array.of(1, 0, 0, 1, 0.5, 1) };
      const [loss] = await evaluate(engine, binaryCrossEntropyWithLogits, [x, target], {});
      expectWithin(loss.data, [(2000 + Math.LN2) / 6], 334 * 4 * ROUNDOFF);
      const [dx] = await gradientsOf(
        engine,
        binaryCrossEntropyWithLogits,
        [x, target],
        {},
        [scalar(6)],
        [true, false],
      );
      expectEqual(dx!, [0, 1, 0, -1, 0, 0]);
    });

    it("a long mean is right to its last digits", async () => {
      const n = 1_000_003;
      const x = { shape: [n], data: Float32Array.from({ length: n }, (_, i) => 1000 + (i % 7)) };
      const target = { shape: [n], data: new Float32Array(n) };
      const [loss] = await evaluate(engine, meanAbsoluteError, [x, target], {});
      const want = oracle.meanAbsoluteError([x, target])[0].data;
      expectWithin(loss.data, want, want[0] * 4 * ROUNDOFF);
    });
  });

describe("losses refuse", () => {
  const of = (shape: number[], dtype: "float32" | "int32" = "float32") => ({ shape, dtype });
  it("labels that do not fit the logits", () => {
    expect(() => softmaxCrossEntropy.infer([of([8, 10]), of([7], "int32")], {}, "loss")).toThrow(
      "loss: labels are int32 [7] but for logits [8,10] must be int32 [8] (classes) or float32 [8,10] (probabilities)",
    );
    expect(() => softmaxCrossEntropy.infer([of([8, 10]), of([8])], {}, "loss")).toThrow(
      "labels are float32 [8]",
    );
  });
  it("a target of another shape, and numbers out of range", () => {
    expect(() => meanAbsoluteError.infer([of([8, 10]), of([8])], {}, "meanAbsoluteError")).toThrow(
      "target has shape [8] but must have",
    );
    expect(() => huber.infer([of([2]), of([2])], { delta: 0 }, "huber")).toThrow("delta is 0");
    expect(() =>
      softmaxCrossEntropy.infer([of([2, 2]), of([2], "int32")], { labelSmoothing: 1.5 }, "loss"),
    ).toThrow("labelSmoothing is 1.5 but must be from 0 to 1");
  });
});

describe("gradients of losses", () => {
  it("are made for what is wanted alone", () => {
    for (const op of Object.values(losses.LOSSES) as Op<object>[]) {
      const g = new Graph();
      const [x, t] = [1, 2].map(() => new Edge(float32([2, 3])));
      const dy = new Edge(float32([]));
      g.op(op, [x, t], {});
      const [node] = g.nodes;
      expect(GRADIENTS.get(op)!(g, node, [dy], [false, false]).some(Boolean)).toBe(false);
      expect(GRADIENTS.get(op)!(g, node, [undefined], [true, false]).some(Boolean)).toBe(false);
      expect(g.nodes.length).toBe(1);
      GRADIENTS.get(op)!(g, node, [dy], [true, false]);
      expect(g.nodes.length).toBe(2);
    }
  });
});
