// Losses by name against PyTorch, forward and backward, as eager ops; fixtures by scripts/torch/loss.py.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { createEngine, gradients, type LossOptions } from "../src/index.ts";

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
