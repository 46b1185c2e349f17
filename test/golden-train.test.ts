// Gradients of activations, softmax and normalisation, losses, batch statistics and optimizer steps against PyTorch, in every
// build.
import { describe, expect, test } from "vitest";
import type { Op } from "../src/graph/op.ts";
import { activation, prelu } from "../src/ops/activation.ts";
import { batchNormTrain } from "../src/ops/batch-norm-train.ts";
import {
  binaryCrossEntropyWithLogits,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  softmaxCrossEntropy,
} from "../src/ops/loss.ts";
import { batchNorm, groupNorm } from "../src/ops/norm.ts";
import type { Optimizer } from "../src/ops/optimizer-formulas.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { type GoldenCase, loadGolden, TRAINING_COUNTS, type TrainingCase } from "./golden.ts";
import { gradientsOf } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { train } from "./optimizing.ts";
import { ROUNDOFF } from "./oracle.ts";
import { expectWithin } from "./tolerance.ts";

const EPS = ROUNDOFF;

// biome-ignore lint/suspicious/noExplicitAny: every op takes its own params
const GRADIENTS: Record<string, Op<any>> = {
  ...{ activation, prelu, softmax, logSoftmax, batchNorm, groupNorm },
};

const largest = (data: ArrayLike<number>): number =>
  Array.from(data).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/**
 * What float32 may do to a gradient: each value is a sum of `terms` products of values no larger than what is in play, and a
 * few roundings more. Terms add up like a random walk.
 */
function boundOf(c: Pick<GoldenCase, "inputs" | "dy">, grad: Plain, gain: number): number {
  const terms = Math.max(1, c.inputs[0].data.length / grad.data.length);
  return 16 * EPS * Math.sqrt(terms) * gain * largest(c.dy.data) * Math.max(1, largest(c.inputs[0].data));
}

/** How much an op magnifies: normalisation divides by the deviation, about 1 in these cases, and multiplies by gamma. */
const gainOf = (c: GoldenCase): number => (c.op.endsWith("Norm") ? 1 + largest(c.inputs[1].data) : 1);

const LOSSES: Record<string, Op<object>> = {
  ...{ meanSquaredError, huber, l1: meanAbsoluteError, binaryCrossEntropyWithLogits, softmaxCrossEntropy },
};

const OPTIMIZERS: Record<string, Optimizer["kind"]> = {
  "optimizer.sgd": "sgd",
  "optimizer.sgdMomentum": "sgd",
  "optimizer.sgdNesterov": "sgd",
  "optimizer.adam": "adam",
  "optimizer.adamW": "adamW",
  "optimizer.rmsprop": "rmsprop",
  "optimizer.adagrad": "adagrad",
};

const { cases, training } = loadGolden();
const named = <T extends { name: string }>(list: readonly T[]): (readonly [string, T])[] =>
  list.map((c) => [c.name, c] as const);
const of = (...tables: object[]): TrainingCase[] =>
  training.filter((c) => tables.some((table) => c.source in table));

test("every case of training is run below", () => {
  expect(Object.keys(TRAINING_COUNTS).sort()).toEqual(
    [...Object.keys(LOSSES), ...Object.keys(OPTIMIZERS), "batchNorm2dTrain"].sort(),
  );
});

describe.each(builds())("golden gradients, $name build", ({ engine }) => {
  test.each(named(cases.filter((c) => c.op in GRADIENTS)))("%s", async (_, c) => {
    const wanted = c.grads.map((g) => g !== undefined);
    const grads = await gradientsOf(engine, GRADIENTS[c.op], c.inputs, c.params, [c.dy], wanted);
    c.grads.forEach((want, i) => {
      if (want) expectWithin(grads[i]!, want.data, boundOf(c, want, gainOf(c)));
      else expect(grads[i]).toBe(undefined);
    });
  });

  test.each(named(of({ batchNorm2dTrain: 1 })))("%s", async (_, c) => {
    const inputs = ["in.x", "in.gamma", "in.beta"].map(c.tensor);
    const params = { epsilon: c.params.eps as number };
    const [y] = await evaluate(engine, batchNormTrain, inputs, params);
    expectWithin(y.data, c.tensor("out").data, 16 * EPS * (1 + largest(c.tensor("out").data)));
    const dy = c.tensor("dout");
    const grads = await gradientsOf(engine, batchNormTrain, inputs, params, [dy]);
    ["grad.x", "grad.gamma", "grad.beta"].forEach((name, i) => {
      const want = c.tensor(name);
      expectWithin(grads[i]!, want.data, boundOf({ inputs, dy }, want, 1 + largest(inputs[1].data)));
    });
  });

  test.each(named(of(LOSSES)))("%s", async (_, c) => {
    const x = c.tensor("in.x");
    const labels = c.params.labels as number[] | undefined;
    const target = labels ? { shape: [labels.length], data: Int32Array.from(labels) } : c.tensor("in.target");
    const [loss] = await evaluate(engine, LOSSES[c.source], [x, target], {});
    expect(loss.shape).toEqual([]);
    expectWithin(loss.data, c.tensor("out").data, 8 * EPS * largest(c.tensor("out").data));
    const dy = { shape: [], data: c.tensor("dout").data };
    const [dx] = await gradientsOf(engine, LOSSES[c.source], [x, target], {}, [dy], [true, false]);
    const want = c.tensor("grad.x").data;
    expectWithin(dx!, want, 8 * EPS * largest(want));
  });

  test.each(named(of(OPTIMIZERS)))("%s", async (_, c) => {
    const { lr, weight_decay: weightDecay, momentum, nesterov } = c.params as Record<string, number>;
    const optimizer = { kind: OPTIMIZERS[c.source], weightDecay, momentum, nesterov } as Optimizer;
    const steps = [0, 1, 2, 3, 4];
    const gradients = steps.map((step) => c.tensor(`step${step}.grad`).data);
    const got = await train(engine, optimizer, c.tensor("in.p").data, gradients, lr);
    for (const step of steps) {
      const want = c.tensor(`step${step}.p`).data;
      // Roundings of the weight at every step, and of an update of about the learning rate.
      expectWithin(got[step], want, (step + 1) * EPS * (2 * largest(want) + 16 * lr));
    }
  });
});
