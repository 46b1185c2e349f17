import { describe, expect, it } from "vitest";
import { activation } from "../src/ops/activation.ts";
import { batchNorm, groupNorm, instanceNorm } from "../src/ops/norm.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

function noise(
  shape: readonly number[],
  seed: number,
  scale = 1,
  offset = 0,
): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  const at = (i: number): number => (Math.imul(i + seed * 7919 + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1;
  return { shape, data: Float32Array.from({ length: size }, (_, i) => at(i) * scale + offset) };
}

const CHANNELS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 67];
const SPATIAL = [[], [1], [3], [4], [17], [3, 5], [4, 8], [2, 3, 4]];
const epsilon = 1e-5;

/** What a few roundings of x * scale + shift may do: sixteen of them, each of the sizes that meet in it. */
function bound(
  x: Plain,
  mean: (i: number) => number,
  scale: (i: number) => number,
  beta: Float32Array,
): Float64Array {
  return Float64Array.from(
    x.data,
    (v, i) =>
      16 * oracle.ROUNDOFF * ((Math.abs(v) + Math.abs(mean(i))) * scale(i) + Math.abs(beta[i % beta.length])),
  );
}

/** Mean and 1 / deviation of the group of every element. */
function statistics({ shape, data }: Plain, groups: number): { mean: Float64Array; gain: Float64Array } {
  const c = shape[shape.length - 1];
  const picture = data.length / shape[0];
  const group = (i: number): number => Math.floor(i / picture) * groups + Math.floor((i % c) / (c / groups));
  const mean = new Float64Array(shape[0] * groups);
  const variance = new Float64Array(shape[0] * groups);
  for (let i = 0; i < data.length; i++) mean[group(i)] += (data[i] * groups) / picture;
  for (let i = 0; i < data.length; i++)
    variance[group(i)] += ((data[i] - mean[group(i)]) ** 2 * groups) / picture;
  const of = (f: (g: number) => number): Float64Array => Float64Array.from(data, (_, i) => f(group(i)));
  return { mean: of((g) => mean[g]), gain: of((g) => 1 / Math.sqrt(variance[g] + epsilon)) };
}

for (const { name, engine } of builds())
  describe(`normalisation (${name})`, () => {
    it("batch norm and an activation are one pass, with the bits of two", async () => {
      for (const c of [1, 3, 4, 16, 17, 33, 67])
        for (const pixels of [1, 7, 8, 19]) {
          const x = noise([2, pixels, c], 1, 3);
          const vectors = [noise([c], 2), noise([c], 3), noise([c], 4), noise([c], 5, 0.9, 1)];
          const [two] = await evaluate(engine, batchNorm, [x, ...vectors], { epsilon });
          for (const kind of ["linear", "relu", "relu6", "tanh", "leakyRelu", "gelu"] as const) {
            const params = { epsilon, activation: { kind } };
            const [y] = await evaluate(engine, batchNorm, [x, ...vectors], params);
            const [want] = await evaluate(engine, activation, [two], { kind });
            expectEqual(y.data, want.data as Float32Array);
          }
        }
    });

    it("batch norm with every number of channels", async () => {
      for (const c of CHANNELS)
        for (const spatial of SPATIAL) {
          const x = noise([2, ...spatial, c], 1, 3);
          const vectors = [noise([c], 2), noise([c], 3), noise([c], 4), noise([c], 5, 0.9, 1)];
          const [y] = await evaluate(engine, batchNorm, [x, ...vectors], { epsilon });
          const [want] = oracle.batchNorm([x, ...vectors], { epsilon });
          const [gamma, beta, mean, variance] = vectors.map((v) => v.data);
          const scale = (i: number): number => Math.abs(gamma[i % c]) / Math.sqrt(variance[i % c]);
          expect(y.shape).toEqual(want.shape);
          expectWithin(
            y.data,
            want.data,
            bound(x, (i) => mean[i % c], scale, beta),
          );
        }
    });

    it("batch norm of whole numbers is exact", async () => {
      const c = 13;
      const x = { shape: [3, 7, c], data: Float32Array.from({ length: 21 * c }, (_, i) => (i % 37) - 18) };
      const vector = (f: (i: number) => number) => ({
        shape: [c],
        data: Float32Array.from({ length: c }, (_, i) => f(i)),
      });
      const inputs = [
        x,
        vector((i) => i - 6),
        vector((i) => 2 * i),
        vector((i) => i % 3),
        vector((i) => 4 ** (i % 4)),
      ];
      const [y] = await evaluate(engine, batchNorm, inputs, { epsilon: 0 });
      expectEqual(y.data, oracle.batchNorm(inputs, { epsilon: 0 })[0].data);
    });

    it("group norm with every size of group", async () => {
      for (const c of CHANNELS)
        for (let groups = 1; groups <= c; groups++) {
          if (c % groups !== 0) continue;
          for (const spatial of [[], [3], [5, 7], [130], [300]]) {
            const x = noise([2, ...spatial, c], 6, 2, 1);
            const vectors = [noise([c], 7), noise([c], 8)];
            const [y] = await evaluate(engine, groupNorm, [x, ...vectors], { groups, epsilon });
            const [want] = oracle.groupNorm([x, ...vectors], { groups, epsilon });
            expect(y.shape).toEqual(want.shape);
            const { mean, gain } = statistics(x, groups);
            const [gamma, beta] = vectors.map((v) => v.data);
            const scale = (i: number): number => Math.abs(gamma[i % c]) * gain[i];
            expectWithin(
              y.data,
              want.data,
              bound(x, (i) => mean[i], scale, beta),
            );
          }
        }
    });

    it("instance norm with every number of channels", async () => {
      for (const c of CHANNELS)
        for (const spatial of [[4], [6, 6], [129], [9, 33]]) {
          const x = noise([2, ...spatial, c], 9, 2, -1);
          const vectors = [noise([c], 10), noise([c], 11)];
          const [y] = await evaluate(engine, instanceNorm, [x, ...vectors], { epsilon });
          const [want] = oracle.instanceNorm([x, ...vectors], { epsilon });
          expect(y.shape).toEqual(want.shape);
          const { mean, gain } = statistics(x, c);
          const [gamma, beta] = vectors.map((v) => v.data);
          const scale = (i: number): number => Math.abs(gamma[i % c]) * gain[i];
          expectWithin(
            y.data,
            want.data,
            bound(x, (i) => mean[i], scale, beta),
          );
        }
    });

    it("group norm as accurate far from zero as near it", async () => {
      const c = 8;
      const vectors = [
        { shape: [c], data: new Float32Array(c).fill(1) },
        { shape: [c], data: new Float32Array(c) },
      ];
      // A deviation of about 0.6: a mean rounded to a float, or its square, would lose every digit of it.
      for (const offset of [0, -1e3, 1e5, 1e6])
        for (const size of [8, 64]) {
          const x = noise([1, size, size, c], 12, 1, offset);
          const [y] = await evaluate(engine, groupNorm, [x, ...vectors], { groups: 2, epsilon });
          const [want] = oracle.groupNorm([x, ...vectors], { groups: 2, epsilon });
          expectWithin(
            y.data,
            want.data,
            want.data.map((v) => 8 * oracle.ROUNDOFF * (Math.abs(v) + 0.1)),
          );
        }
    });

    it("group norm of a picture that begins far from its mean", async () => {
      const c = 8;
      const vectors = [noise([c], 18), noise([c], 19)];
      for (const first of [1, 16, 40]) {
        const x = noise([1, 20, 20, c], 20, 1, 1e4);
        x.data.fill(-3e4, 0, first * c);
        const [y] = await evaluate(engine, groupNorm, [x, ...vectors], { groups: 2, epsilon });
        const [want] = oracle.groupNorm([x, ...vectors], { groups: 2, epsilon });
        expectWithin(
          y.data,
          want.data,
          want.data.map((v) => 16 * oracle.ROUNDOFF * (Math.abs(v) + 1)),
        );
      }
    });

    it("group norm of chunks of every length", async () => {
      for (const c of [4, 20])
        for (const pixels of [255, 256, 257, 513]) {
          const x = noise([2, pixels, c], 15, 1, 100);
          const vectors = [noise([c], 16), noise([c], 17)];
          const [y] = await evaluate(engine, groupNorm, [x, ...vectors], { groups: 2, epsilon });
          const [want] = oracle.groupNorm([x, ...vectors], { groups: 2, epsilon });
          expectWithin(
            y.data,
            want.data,
            want.data.map((v) => 8 * oracle.ROUNDOFF * (Math.abs(v) + 1)),
          );
        }
    });

    it("a constant picture becomes beta", async () => {
      const c = 5;
      const x = { shape: [1, 9, 9, c], data: new Float32Array(81 * c).fill(0.3) };
      const vectors = [noise([c], 13), noise([c], 14)];
      const [y] = await evaluate(engine, instanceNorm, [x, ...vectors], { epsilon });
      const beta = Float64Array.from(y.data, (_, i) => vectors[1].data[i % c]);
      // Its variance is 0: rounding errors of 0.3 are magnified by 1 / sqrt(epsilon).
      expectWithin(y.data, beta, (16 * oracle.ROUNDOFF * 0.3) / Math.sqrt(epsilon));
    });
  });

describe("normalisation refuses", () => {
  const of = (...shapes: number[][]) => shapes.map((shape) => ({ shape, dtype: "float32" as const }));
  it("vectors that do not fit the channels", () => {
    expect(() => batchNorm.infer(of([2, 4], [4], [4], [3], [4]), { epsilon }, 'batchNorm "bn"')).toThrow(
      'batchNorm "bn": mean has shape [3] but must be [4]',
    );
  });
  it("groups that do not divide the channels", () => {
    expect(() => groupNorm.infer(of([2, 6], [6], [6]), { groups: 4, epsilon }, "groupNorm")).toThrow(
      "groups is 4 but must divide the 6 channels",
    );
  });
  it("a negative epsilon, and a missing input", () => {
    expect(() => groupNorm.infer(of([2, 6], [6], [6]), { groups: 2, epsilon: -1 }, "groupNorm")).toThrow(
      "epsilon is -1",
    );
    expect(() => instanceNorm.infer(of([2, 6], [6]), { epsilon }, "instanceNorm")).toThrow(
      "takes 3 inputs but got 2",
    );
  });
});
