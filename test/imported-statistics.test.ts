import { describe, expect, it } from "vitest";
import * as kinds from "../src/layers/imported.ts";
import { layerNorm } from "../src/ops/layer-norm.ts";
import { lrn } from "../src/ops/lrn.ts";
import { sizeOf } from "../src/tensor.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { noise, runKind } from "./imported-kinds.ts";
import { expectClose, expectEqual, expectWithin } from "./tolerance.ts";

/** The statistics and the result of each part of `count` values. */
function normalise({ data }: Plain, count: number, epsilon: number, gamma?: Plain, beta?: Plain) {
  const [y, means, inverses]: number[][] = [[], [], []];
  for (let at = 0; at < data.length; at += count) {
    const part = Array.from({ length: count }, (_, i) => data[at + i]);
    const mean = part.reduce((sum, v) => sum + v, 0) / count;
    const variance = part.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    means.push(mean);
    inverses.push(inverse);
    part.forEach((v, i) => {
      y.push((v - mean) * inverse * (gamma?.data[i] ?? 1) + (beta?.data[i] ?? 0));
    });
  }
  return { y, means, inverses };
}

/** LRN from ONNX's definition. */
function neighbours(
  { shape, data }: Plain,
  size: number,
  alpha: number,
  beta: number,
  bias: number,
): number[] {
  const c = shape.at(-1)!;
  return Array.from(data, (v, i) => {
    const channel = i % c;
    let sum = 0;
    const last = Math.min(c - 1, channel + Math.ceil((size - 1) / 2));
    for (let k = Math.max(0, channel - Math.floor((size - 1) / 2)); k <= last; k++)
      sum += data[i - channel + k] ** 2;
    return v / (bias + (alpha / size) * sum) ** beta;
  });
}

for (const { name, engine } of builds())
  describe(`layerNorm and lrn (${name})`, () => {
    for (const [shape, axes] of [
      [[1], [0]],
      [[3, 1], [1]],
      [[5, 7], [-1]],
      [
        [2, 3, 4],
        [1, 2],
      ],
      [
        [2, 3, 5],
        [-2, -1],
      ],
      [
        [2, 3, 5],
        [0, 1, 2],
      ],
      [[3, 259], [-1]],
      [[2, 1030], [1]],
      [[2, 2, 1, 2, 1, 2, 1, 9], [7]],
    ] as const)
      it(`normalises axes [${axes}] of [${shape}]`, async () => {
        const own = shape.slice(shape.length - axes.length);
        const count = sizeOf(own);
        const x = noise(shape);
        const shifted = { shape, data: x.data.map((v) => v + 3) };
        const [gamma, beta] = [noise(own, 2), noise(own, 3)];
        for (const inputs of [[shifted], [shifted, gamma], [shifted, gamma, beta]]) {
          const outs = await evaluate(engine, layerNorm, inputs, { axes, epsilon: 1e-3 });
          const want = normalise(shifted, count, 1e-3, inputs[1], inputs[2]);
          expect(outs.map((out) => out.shape)).toEqual([
            shape,
            ...[0, 1].map(() => shape.map((d, i) => (i < shape.length - axes.length ? d : 1))),
          ]);
          if (count > 1) expectWithin(outs[0].data, want.y, 1e-5);
          expectClose(outs[1].data, want.means, 1e-6, 0);
          expectClose(outs[2].data, want.inverses, 1e-4, 0);
        }
      });

    it("keeps small differences from a large mean", async () => {
      const x = { shape: [1, 513], data: Float32Array.from({ length: 513 }, (_, i) => 10000 + (i % 8)) };
      const [y] = await evaluate(engine, layerNorm, [x], { axes: [1], epsilon: 0 });
      expectWithin(y.data, normalise(x, 513, 0).y, 2e-3);
    });

    for (const c of [1, 2, 3, 4, 5, 7, 8, 9, 17, 48])
      for (const size of [1, 2, 3, 5, 8, 11])
        it(`lrn of ${c} channels by ${size}`, async () => {
          const x = noise([2, 3, c], size);
          for (const [alpha, beta, bias] of [
            [0.5, 0.75, 1],
            [2e-4, 0.5, 2],
            [1, 1.3, 0.1],
          ]) {
            const [y] = await evaluate(engine, lrn, [x], { size, alpha, beta, bias });
            expectClose(y.data, neighbours(x, size, alpha, beta, bias), 2e-6, 0);
          }
        });
  });

describe("layers of normalisation", () => {
  const [{ engine }] = builds();

  it("have defaults, and outputs for the statistics", async () => {
    const x = noise([2, 4, 6]);
    const { outputs } = await runKind(engine, kinds.dynamicLayerNorm, [x], { axes: [-1] });
    expectWithin(outputs[0].data, normalise(x, 6, 1e-5).y, 1e-5);
    expect(outputs.map(({ shape }) => shape)).toEqual([
      [2, 4, 6],
      [2, 4, 1],
      [2, 4, 1],
    ]);
    const again = await runKind(engine, kinds.lrn, [x], { size: 5 });
    expectClose(again.outputs[0].data, neighbours(x, 5, 1e-4, 0.75, 1), 1e-6, 0);
    const wide = await runKind(engine, kinds.lrn, [x], { size: 2 ** 30 });
    expectEqual(wide.outputs[0].data, x.data);
  });

  it("refuse what they cannot do", async () => {
    const norm = (inputs: Plain[], config: object): Promise<unknown> =>
      runKind(engine, kinds.dynamicLayerNorm, inputs, config);
    const x = noise([2, 4, 6]);
    await expect(norm([x], { axes: [0] })).rejects.toThrow(
      "axes are [0] but must be the last 1 of input [2,4,6]",
    );
    await expect(norm([x, noise([4])], { axes: [2] })).rejects.toThrow("gamma has shape [4]");
    await expect(norm([x], { axes: [2], epsilon: -1 })).rejects.toThrow(
      "epsilon is -1 but must be at least 0",
    );
    await expect(norm([x], {})).rejects.toThrow("axes is missing");
    await expect(runKind(engine, kinds.lrn, [x], { size: 0 })).rejects.toThrow("size is 0");
  });
});
