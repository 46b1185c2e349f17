import { describe, expect, it } from "vitest";
import { float32, sizeOf } from "../src/graph/op.ts";
import { type ActivationKind, activation as activationOp } from "../src/ops/activation.ts";
import { dense } from "../src/ops/dense.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

type Values = Plain & { data: Float32Array };

const fill = (shape: readonly number[], value: (bits: number) => number, seed: number): Values => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
    value(Math.imul((i + 1) * 8 + seed, 0x9e3779b1) >>> 8),
  ),
});
/** Whole numbers from −8 to 8: sums are exact. */
const whole = (shape: readonly number[], seed: number): Values =>
  fill(shape, (bits) => ((bits >>> 7) % 17) - 8, seed);
/** Between −1 and 1. */
const noise = (shape: readonly number[], seed: number): Values =>
  fill(shape, (bits) => bits / 2 ** 23 - 1, seed);

/** x [...outer, inputs] by [inputs, units], with a bias or without. */
const operands = (
  make: typeof whole,
  outer: readonly number[],
  inputs: number,
  units: number,
  bias: boolean,
): Values[] => [make([...outer, inputs], 1), make([inputs, units], 2), ...(bias ? [make([units], 3)] : [])];

const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 33];
const ROWS = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 191, 192, 193, 198, 288, 294, 385];

for (const { name, engine } of builds()) {
  const exact = async (inputs: Values[], activation?: { kind: ActivationKind }): Promise<void> => {
    const [y] = await evaluate(engine, dense, inputs, { activation });
    const [want] = oracle.dense(inputs, { activation });
    expect(y.shape).toEqual(want.shape);
    expectEqual(y.data, want.data);
  };

  describe(`dense (${name})`, () => {
    it("features in and out round the width of a panel", async () => {
      for (const inputs of EDGES)
        for (const units of EDGES)
          for (const bias of [true, false]) await exact(operands(whole, [3], inputs, units, bias));
    });

    it("rows round the height of a tile and of a cell", async () => {
      for (const rows of ROWS)
        for (const units of [3, 6, 8, 17]) await exact(operands(whole, [rows], 5, units, rows % 2 > 0));
    });

    it("sums round the length of a block", async () => {
      for (const inputs of [767, 768, 769, 1535, 1536, 1537, 2305])
        for (const units of [1, 4, 5, 8, 10])
          for (const rows of [1, 7]) {
            await exact(operands(whole, [rows], inputs, units, true));
            await exact(operands(whole, [rows], inputs, units, false), { kind: "relu6" });
          }
    });

    for (const outer of [[], [1], [2, 3], [2, 3, 4], [3, 1, 2, 5], [1, 2, 1, 3, 2]])
      it(`an input of rank ${outer.length + 1}`, async () => {
        for (const kind of ["linear", "relu", "relu6"] as const)
          for (const bias of [true, false]) await exact(operands(whole, outer, 6, 11, bias), { kind });
      });

    it("an activation in the layer is the same as one after it", async () => {
      for (const kind of [
        "leakyRelu",
        "elu",
        "gelu",
        "sigmoid",
        "tanh",
        "softplus",
        "hardSwish",
        "exp",
      ] as const) {
        const inputs = operands(noise, [9], 13, 21, true);
        const [y] = await evaluate(engine, dense, inputs, { activation: { kind } });
        const [plain] = await evaluate(engine, dense, inputs, {});
        const [want] = await evaluate(engine, activationOp, [plain], { kind });
        expectEqual(y.data, want.data);
      }
    });

    it("lets NaN and infinities through", async () => {
      const inputs = operands(whole, [8], 3, 9, true);
      const x = inputs[0].data;
      [x[0], x[4], x[8]] = [Number.NaN, Infinity, -Infinity];
      expect(oracle.dense(inputs)[0].data.subarray(0, 9).every(Number.isNaN)).toBe(true);
      await exact(inputs, { kind: "relu" });
    });

    it("numbers that are not whole, within the rounding of a sum", async () => {
      for (const [rows, inputs, units] of [
        [1, 4096, 10],
        [13, 784, 128],
        [100, 33, 47],
        [7, 1537, 5],
      ]) {
        const given = operands(noise, [rows], inputs, units, true);
        const [y] = await evaluate(engine, dense, given, {});
        expectWithin(y.data, oracle.dense(given)[0].data, oracle.productBound(oracle.dense, given, {}));
      }
    });
  });
}

describe("dense", () => {
  it("counts multiply-adds", () => {
    const types = [float32([2, 5, 6]), float32([6, 7])];
    expect(dense.multiplyAdds!(types, dense.infer(types, {}, "dense"), {})).toBe(2 * 5 * 6 * 7);
  });

  const of = (...shapes: number[][]) => dense.infer(shapes.map(float32), {}, 'dense "head"');
  const REFUSED: [what: string, run: () => unknown, message: string][] = [
    [
      "other features",
      () => of([2, 5], [6, 7]),
      'dense "head": input [2,5] has 5 features but the weights expect 6 (weights [6,7])',
    ],
    [
      "weights of another rank",
      () => of([2, 6], [6]),
      "weights have shape [6] but must have rank 2 ([in, out])",
    ],
    ["a bias of another length", () => of([2, 6], [6, 7], [6]), "bias has shape [6] but must have shape [7]"],
    ["a scalar", () => of([], [6, 7]), "input is a scalar but must have shape [..., in]"],
    ["one input", () => of([2, 6]), "takes 2 to 3 inputs but got 1"],
    [
      "an output beyond 2 GiB",
      () => of([2 ** 20, 1], [1, 2 ** 10]),
      "output of shape [1048576,1024] would take 4294967296 bytes",
    ],
    [
      "integers",
      () => dense.infer([{ shape: [2, 6], dtype: "int32" }, float32([6, 7])], {}, "dense"),
      "input is int32 but must be float32",
    ],
  ];
  for (const [what, run, message] of REFUSED) it(`refuses ${what}`, () => expect(run).toThrow(message));
});
