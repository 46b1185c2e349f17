// Losses by name against PyTorch, forward and backward, as eager ops; fixtures by scripts/torch/loss.py.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import {
  ConvolithError,
  createEngine,
  type DType,
  gradients,
  type LossKind,
  type LossOptions,
  type Tensor,
} from "../src/index.ts";
import { LOSS_KINDS, LOSS_NUMBERS } from "../src/layers/loss-options.ts";

interface Case {
  readonly name: string;
  readonly options: LossOptions;
  readonly shape: number[];
  readonly scores: number;
  readonly target: number;
  readonly integer: boolean;
  readonly loss: number;
  readonly dx: number[];
}

const { tensors, cases } = JSON.parse(
  readFileSync(new URL("fixtures/torch/loss.json", import.meta.url), "utf8"),
) as { tensors: number[][]; cases: Case[] };
const engine = await createEngine();
afterAll(() => engine.dispose());

/** Within 1e-5 of the largest value, and of each value that is not much smaller. */
function expectClose(actual: ArrayLike<number>, want: readonly number[]): void {
  const largest = Math.max(...want.map(Math.abs));
  expect(actual.length).toBe(want.length);
  want.forEach((value, i) => {
    expect(Math.abs(actual[i] - value) / (Math.abs(value) + largest), `value ${i}`).toBeLessThan(1e-5);
  });
}

describe("losses agree with PyTorch", () => {
  test.each(cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const x = engine.tensor(tensors[c.scores], c.shape);
    const target = c.integer
      ? engine.tensor(tensors[c.target], c.shape.slice(0, -1), "int32")
      : engine.tensor(tensors[c.target], c.shape);
    const { value, gradients: list } = gradients(() => engine.loss(x, target, c.options), [x]);
    expectClose(value.data(), [c.loss]);
    expectClose(list[0].data(), c.dx);
  });
});

describe("losses", () => {
  const numbers = Object.keys(LOSS_NUMBERS) as (keyof typeof LOSS_NUMBERS)[];
  const noise = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 7.3));

  test("of any kind, shape and option give a number or a ConvolithError that is short", () => {
    const wild = [
      Number.NaN,
      Infinity,
      -1,
      0,
      1,
      0.5,
      1e300,
      2 ** 31,
      "x",
      "sigmoid",
      [],
      [1],
      [1, -1, NaN],
      null,
      {},
      true,
    ];
    let [values, refused] = [0, 0];
    const attempt = (kind: LossKind, shape: number[], options: object): void => {
      using x = engine.tensor(noise(shape.reduce((a, b) => a * b, 1)), shape);
      try {
        using y = engine.loss(x, x, { kind, ...options });
        expect([y.shape, typeof y.data()[0]]).toEqual([[], "number"]);
        values++;
      } catch (error) {
        expect(error).toBeInstanceOf(ConvolithError);
        expect((error as Error).message.length).toBeLessThan(400);
        refused++;
      }
    };
    for (const kind of LOSS_KINDS) {
      for (const shape of [[3], [1, 1], [2, 3], [2, 3, 4], [1, 12, 13, 2], [1, 2, 2, 2, 3]])
        attempt(kind, shape, {});
      for (const name of numbers) for (const value of wild) attempt(kind, [2, 3], { [name]: value });
    }
    expect(values).toBeGreaterThan(LOSS_KINDS.length * 5);
    expect(refused).toBeGreaterThan(values);
  });

  test("name what is wrong", () => {
    using x = engine.tensor(noise(12), [2, 2, 3]);
    using classes = engine.tensor([0, 1, 2, 3], [2, 2], "int32");
    using flat = engine.tensor([0, 1, 2, 0], [4], "int32");
    const loss = (target: Tensor<DType>, options: object) => () =>
      engine.loss(x, target, options as LossOptions);
    const wrong: [() => unknown, RegExp][] = [
      [loss(classes, { kind: "dice" }), /target\[3\] is 3 but must be a class from 0 to 2/],
      [loss(flat, { kind: "dice" }), /the target has shape \[4\] but for scores \[2,2,3\] must have \[2,2\]/],
      [
        loss(classes, { kind: "poisson" }),
        /target is a Tensor.* must be float32 of the scores' shape \[2,2,3\]/,
      ],
      [loss(x, { kind: "ssim" }), /loss "ssim" is of images \[n, h, w, c\] of 11 pixels at least/],
      [loss(x, { kind: "focal", classWeights: [1] }), /classWeights are 1 numbers but must be 3/],
      [
        loss(x, { kind: "binaryCrossEntropy", positiveWeight: [1, 2] }),
        /positiveWeight are 2 numbers but must be 3/,
      ],
      [loss(x, { kind: "huber", smooth: 1 }), /loss "huber" takes no "smooth"; it takes delta/],
      [loss(x, { kind: "hinge", delta: 1 }), /loss "hinge" takes no "delta"; it has no options/],
      [loss(x, { kind: "toString" }), /kind is "toString" but must be/],
    ];
    for (const [call, message] of wrong) expect(call).toThrow(message);
    const ignored = { kind: "softmaxCrossEntropy", ignoreIndex: 3 } as const;
    expect(engine.loss(x, classes, ignored).data()[0]).toBeGreaterThan(0);
  });

  test("of a batch in which no answer counts are 0, and so are their gradients", () => {
    using x = engine.tensor(noise(6), [2, 3]);
    using none = engine.tensor([-100, -100], [2], "int32");
    for (const kind of ["softmaxCrossEntropy", "nll", "focal"] as const) {
      const { value, gradients: list } = gradients(
        () => engine.loss(x, none, { kind, ignoreIndex: -100 }),
        [x],
      );
      expect([value.data()[0], ...list[0].data()].map(Math.abs)).toEqual(new Array(7).fill(0));
    }
  });

  test("of large scores stay finite", () => {
    using x = engine.tensor([1e4, -1e4, 60, -60, 0, 1e4], [2, 3]);
    using t = engine.tensor([1, 0, 0, 1, 1, 0], [2, 3]);
    for (const kind of LOSS_KINDS) {
      // exp(score) is what they are of.
      if (kind === "poisson" || kind === "ssim") continue;
      const { value, gradients: list } = gradients(() => engine.loss(x, t, { kind }), [x]);
      expect([kind, Array.from([...value.data(), ...list[0].data()]).every(Number.isFinite)]).toEqual([
        kind,
        true,
      ]);
    }
  });
});
