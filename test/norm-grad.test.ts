// Normalisation in training: batch statistics, running averages, and gradients against central differences.
import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32, type Op } from "../src/graph/op.ts";
import { batchNormTrain, updateRunning, updateStatistics } from "../src/ops/batch-norm-train.ts";
import { layerNorm } from "../src/ops/layer-norm.ts";
import { batchNorm, groupNorm, instanceNorm } from "../src/ops/norm.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import * as layers from "./oracle-layers.ts";
import * as training from "./oracle-train.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

type Floats = Plain & { data: Float32Array };

function noise(shape: readonly number[], seed: number, scale = 1, offset = 0): Floats {
  const size = shape.reduce((a, b) => a * b, 1);
  const at = (i: number): number => (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i) * scale + offset) };
}

const epsilon = 1e-3;
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 20, 31, 32, 33, 67];

const largest = (data: ArrayLike<number>): number =>
  Array.from(data).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

type Oracle = (inputs: readonly oracle.Tensor[], params: never) => oracle.Result[];

async function check<P>(
  engine: Parameters<typeof gradientsOf>[0],
  op: Op<P>,
  f: Oracle,
  inputs: readonly Floats[],
  params: P,
): Promise<void> {
  const dy = noise(inputs[0].shape, 99);
  const grads = await gradientsOf(engine, op, inputs, params, [dy]);
  inputs.forEach((input, i) => {
    const want = numericGradient(f as never, inputs, params, [dy], i);
    const terms = inputs[0].data.length / input.data.length;
    // A random walk of as many terms, each rounded at the size of the largest result; differences are right to 1e-7 of a sum
    // over all of dy.
    const bound = 64 * oracle.ROUNDOFF * Math.sqrt(terms) * (1 + largest(want)) + 1e-7 * dy.data.length;
    if (largest(want) <= bound) expect(largest(grads[i]!)).toBeLessThanOrEqual(2 * bound);
    else expectWithin(grads[i]!, want, bound);
  });
}

for (const { name, engine } of builds())
  describe(`normalisation in training (${name})`, () => {
    it("batch statistics and y, with every number of channels", async () => {
      for (const c of CHANNELS)
        for (const spatial of [[2], [3], [5, 7], [16, 16]]) {
          const x = noise([2, ...spatial, c], c, 2, 0.5);
          const vectors = [noise([c], 2, 0.5, 1), noise([c], 3)];
          const got = await evaluate(engine, batchNormTrain, [x, ...vectors], { epsilon });
          const want = training.batchNormTrain([x, ...vectors], { epsilon });
          const gain = 1 / Math.sqrt(epsilon + Math.min(...want[2].data));
          got.forEach((out, i) => {
            expect(out.shape).toEqual(want[i].shape);
            expectWithin(out.data, want[i].data, 16 * oracle.ROUNDOFF * (i === 0 ? 4 * gain : 4));
          });
        }
    });

    it("far from zero, over more rows than a chunk has", async () => {
      // The mean is 1000 times the deviation: squares less the square of the mean would have no digit left.
      for (const [shape, c] of [
        [[3, 33, 31], 3],
        [[2, 64, 64], 8],
        [[4, 17, 19], 33],
      ] as const) {
        const x = noise([...shape, c], 5, 1, 1000);
        const vectors = [noise([c], 2, 0.5, 1), noise([c], 3)];
        const [y, mean, variance] = await evaluate(engine, batchNormTrain, [x, ...vectors], { epsilon });
        const want = training.batchNormTrain([x, ...vectors], { epsilon });
        expectWithin(mean.data, want[1].data, 1000 * oracle.ROUNDOFF);
        expectWithin(variance.data, want[2].data, 16 * oracle.ROUNDOFF);
        // As much as the rounding of the mean can do.
        expectWithin(y.data, want[0].data, 1000 * 4 * oracle.ROUNDOFF * Math.sqrt(3));
      }
    });

    it("the gradient of batch norm by x, gamma and beta, with every number of channels", async () => {
      for (const c of CHANNELS)
        for (const spatial of c < 9 ? [[2], [3], [4, 5]] : [[2]]) {
          const inputs = [noise([2, ...spatial, c], c, 2, 0.5), noise([c], 2, 0.5, 1), noise([c], 3)];
          await check(engine, batchNormTrain, training.batchNormTrain as Oracle, inputs, { epsilon });
        }
    });

    it("the gradient of a large batch norm adds up to nothing along x and along 1", async () => {
      // What normalisation removes cannot matter: Σ dx = 0 and Σ dx · x = 0 but for epsilon's share, whatever dy.
      const c = 5;
      const inputs = [noise([7, 40, 41, c], 1, 1, 3), noise([c], 2, 0.5, 1), noise([c], 3)];
      const dy = noise(inputs[0].shape, 4);
      const [dx] = await gradientsOf(engine, batchNormTrain, inputs, { epsilon: 0 }, [dy]);
      const count = dx!.length / c;
      for (let k = 0; k < c; k++) {
        let [sum, product, size] = [0, 0, 0];
        for (let i = k; i < dx!.length; i += c) {
          sum += dx![i];
          product += dx![i] * (inputs[0].data[i] - 3);
          size += Math.abs(dx![i]);
        }
        expect(size).toBeGreaterThan(0.1 * count);
        // Every dx is rounded at its own size, the tables once for all.
        expect(Math.abs(sum)).toBeLessThan(8 * oracle.ROUNDOFF * size);
        expect(Math.abs(product)).toBeLessThan(8 * oracle.ROUNDOFF * size);
      }
    });

    it("the gradient of group and instance norm", async () => {
      for (const [c, groups] of [
        [1, 1],
        [4, 1],
        [4, 2],
        [6, 3],
        [6, 6],
        [32, 8],
        [33, 3],
      ] as const)
        for (const spatial of c < 9 ? [[3], [4, 4], [3, 5]] : [[3]]) {
          const inputs = [noise([3, ...spatial, c], c, 2, 0.5), noise([c], 2, 0.5, 1), noise([c], 3)];
          await check(engine, groupNorm, oracle.groupNorm as Oracle, inputs, { groups, epsilon });
          if (groups === c)
            await check(engine, instanceNorm, oracle.instanceNorm as Oracle, inputs, { epsilon });
        }
    });

    it("the gradient of layer norm, through its result and its statistics", async () => {
      for (const [shape, axes] of [
        [[3, 1], [-1]],
        [[1, 5], [-1]],
        [[2, 3, 7], [-1]],
        [
          [3, 2, 8],
          [1, 2],
        ],
        [
          [2, 3, 4],
          [0, 1, 2],
        ],
        [[5, 33], [1]],
      ] as const) {
        const own = shape.slice(shape.length - axes.length);
        const x = noise(shape, 1, 2, 0.5);
        const kept = shape.map((d, i) => (i < shape.length - axes.length ? d : 1));
        const dys = [noise(shape, 99), noise(kept, 98), noise(kept, 97)];
        const affine = [x, noise(own, 2, 0.5, 1), noise(own, 3)];
        for (const inputs of [affine, [x]])
          for (const given of [dys, [dys[0]], [undefined, dys[1]], [undefined, undefined, dys[2]]]) {
            const params = { axes, epsilon };
            const three = [0, 1, 2].map((i) => given[i]);
            const grads = await gradientsOf(engine, layerNorm, inputs, params, three);
            inputs.forEach((_, i) => {
              expect(grads[i] === undefined).toBe(!given[0] && i > 0);
              if (!grads[i]) return;
              const want = numericGradient(layers.layerNorm, inputs, params, three, i);
              const bound = 2e-5 * (1 + largest(want));
              if (largest(want) <= bound) expect(largest(grads[i]!)).toBeLessThanOrEqual(bound);
              else expectWithin(grads[i], want, bound);
            });
          }
      }
    });

    it("the gradient of group norm with many pixels is the one of batch norm, picture by picture", async () => {
      for (const c of [3, 8, 33]) {
        const pictures = [0, 1].map((n) => noise([1, 30, 29, c], n, 2, 0.5));
        const vectors = [noise([c], 2, 0.5, 1), noise([c], 3)];
        const dys = [0, 1].map((n) => noise([1, 30, 29, c], 7 + n));
        const joined = (list: Floats[]): Floats => ({
          shape: [2, 30, 29, c],
          data: Float32Array.from(list.flatMap((t) => [...t.data])),
        });
        const both = [joined(pictures), ...vectors];
        const [dx, dgamma, dbeta] = await gradientsOf(engine, instanceNorm, both, { epsilon }, [joined(dys)]);
        const single = await Promise.all(
          [0, 1].map((n) =>
            gradientsOf(engine, batchNormTrain, [pictures[n], ...vectors], { epsilon }, [dys[n]]),
          ),
        );
        expectWithin(dx!, [...single[0][0]!, ...single[1][0]!], 1e-6);
        for (const [i, sum] of [
          [1, dgamma],
          [2, dbeta],
        ] as const)
          expectWithin(
            sum!,
            single[0][i]!.map((v, k) => v + single[1][i]![k]),
            1e-4,
          );
      }
    });

    it("the gradient of batch norm by given statistics, by all five inputs", async () => {
      for (const c of [1, 2, 3, 5, 8, 32, 33]) {
        const vectors = [noise([c], 2, 0.5, 1), noise([c], 3), noise([c], 4), noise([c], 5, 0.4, 1)];
        const inputs = [noise([2, 3, 5, c], c, 2, 0.5), ...vectors];
        await check(engine, batchNorm, oracle.batchNorm as Oracle, inputs, { epsilon });
      }
    });

    it("running averages move where they lie", async () => {
      const running = noise([7], 1);
      const batch = noise([7], 2);
      const params = { momentum: 0.1, factor: 32 / 31 };
      const [out] = await evaluate(engine, updateRunning, [running, batch], params);
      const want = running.data.map((v, i) => 0.9 * v + 0.1 * (32 / 31) * batch.data[i]);
      expectWithin(out.data, want, 4 * oracle.ROUNDOFF);
      const tiny = { shape: [3], data: Float32Array.of(1.2e-38, -1.2e-38, Number.NaN) };
      const zeros = { shape: [3], data: new Float32Array(3) };
      const [gone] = await evaluate(engine, updateRunning, [tiny, zeros], { momentum: 0.1, factor: 1 });
      expectEqual(gone.data, [0, 0, Number.NaN]);
      const kept = await evaluate(engine, updateRunning, [running, batch], { momentum: 0, factor: 2 });
      expectEqual(kept[0].data, running.data);
    });
  });

describe("normalisation in training", () => {
  const edges = (...shapes: number[][]): Edge[] => shapes.map((shape) => new Edge(float32(shape)));

  it("refuses a batch of one value per channel", () => {
    expect(() => batchNormTrain.infer(edges([1, 1, 4], [4], [4]), { epsilon }, 'batchNorm "bn"')).toThrow(
      'batchNorm "bn": input has shape [1,1,4], one value per channel, but batch statistics need two at least',
    );
  });

  it("updates with PyTorch's unbiased variance", () => {
    const g = new Graph();
    g.apply(batchNormTrain, edges([2, 8, 4], [4], [4]), { epsilon });
    const [mean, variance] = edges([4], [4]);
    const updated = updateStatistics(g, g.nodes[0], { mean, variance }, 0.1);
    expect(g.nodes.slice(1).map((n) => n.params)).toEqual([
      { momentum: 0.1, factor: 1 },
      { momentum: 0.1, factor: 16 / 15 },
    ]);
    g.prune(updated);
    expect(g.nodes.length).toBe(3);
  });

  it("makes nothing that is not wanted", () => {
    for (const [op, vectors, params] of [
      [batchNormTrain, 2, { epsilon }],
      [batchNorm, 4, { epsilon }],
      [groupNorm, 2, { groups: 2, epsilon }],
      [instanceNorm, 2, { epsilon }],
    ] as const) {
      const inputs = edges([2, 3, 4], ...new Array<number[]>(vectors).fill([4]));
      const [dy] = edges([2, 3, 4]);
      const of = (wanted: boolean[]): { grads: (Edge | undefined)[]; names: string[]; reads: Edge[] } => {
        const g = new Graph();
        g.apply(op as Op<unknown>, inputs, params);
        const grads = GRADIENTS.get(op)!(g, g.nodes[0], [dy], wanted);
        const made = g.nodes.slice(1);
        const kept = new Set(made);
        g.prune(grads.filter((e) => e !== undefined));
        // Nothing but the op itself may be pruned.
        expect(made.filter((n) => !g.nodes.includes(n)).length, op.name).toBe(0);
        return { grads, names: [...kept].map((n) => n.op.name), reads: made.flatMap((n) => n.inputs) };
      };
      const none = inputs.map(() => false);
      expect(of(none).names).toEqual([]);
      for (let i = 0; i < inputs.length; i++) {
        const { grads } = of(none.with(i, true));
        expect(inputs.map((_, k) => grads[k] !== undefined)).toEqual(none.with(i, true));
      }
      expect(of(none.with(1, true)).names).not.toContain("normGrad");
    }
    // By x alone, given statistics need no sum over x.
    const g = new Graph();
    const [x, dy, ...rest] = edges([2, 4], [2, 4], [4], [4], [4], [4]);
    g.apply(batchNorm, [x, ...rest], { epsilon });
    GRADIENTS.get(batchNorm)!(g, g.nodes[0], [dy], [true, false, false, false, false]);
    expect(g.nodes.slice(1).flatMap((n) => n.inputs)).not.toContain(x);
  });
});
