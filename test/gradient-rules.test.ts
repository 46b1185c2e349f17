// Every op says how it is differentiated, or stands in the list of those that are not; and each rule is tested by a file below.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Op } from "../src/graph/op.ts";

/** What has no gradient: places, comparisons, updates where weights lie, and what is a gradient (or made for gradients) itself. */
const NONE =
  /^(argMax|equal|combine|optimize|normLimit|valueLimit|updateRunning|convAdd|turnFilter|normStatistics|normGradSums|\w*Grad)$/;
/** Whose finite differences and adjoints are in which file. */
const TESTED: Readonly<Record<string, readonly string[]>> = {
  "conv-grad": ["conv", "convTranspose", "dense", "im2col", "col2im"],
  "shape-grad": [
    ...[
      "maxPool",
      "avgPool",
      "globalMaxPool",
      "globalAvgPool",
      "pad",
      "resize",
      "depthToSpace",
      "spaceToDepth",
    ],
    ...["reduce", "binary", "affine", "reshape", "flatten", "transpose", "concat", "slice", "split"],
  ],
  "activation-grad": ["activation", "prelu"],
  "softmax-grad": ["softmax", "logSoftmax"],
  "norm-grad": ["batchNorm", "batchNormTrain", "groupNorm", "instanceNorm"],
  dropout: ["dropout"],
  loss: ["softmaxCrossEntropy", "meanSquaredError", "l1", "huber", "binaryCrossEntropyWithLogits"],
  // The adjoint of summing: what reduce and binary are tested with.
  reduce: ["broadcastTo"],
};

const isOp = (value: unknown): value is Op<unknown> =>
  typeof value === "object" && value !== null && "infer" in value && "forward" in value;

test("all ops are differentiated and tested, or listed as what cannot be", async () => {
  const folder = new URL("../src/ops/", import.meta.url);
  const ops = new Map<string, Op<unknown>>();
  for (const file of readdirSync(folder)) {
    const exports = (await import(`../src/ops/${file.replace(".ts", "")}.ts`)) as Record<string, unknown>;
    for (const value of Object.values(exports)) if (isOp(value)) ops.set(value.name, value);
  }
  expect(ops.size).toBeGreaterThan(40);
  const tested = new Set(Object.values(TESTED).flat());
  for (const [name, op] of ops) {
    if (NONE.test(name)) expect([name, op.gradient]).toEqual([name, undefined]);
    else expect([name, typeof op.gradient, tested.has(name)]).toEqual([name, "function", true]);
  }
  for (const name of tested) expect([name, ops.has(name)]).toEqual([name, true]);
  for (const [file, names] of Object.entries(TESTED)) {
    const source = readFileSync(new URL(`./${file}.test.ts`, import.meta.url), "utf8");
    for (const name of names)
      if (file !== "reduce") expect([file, name, source.includes(name)]).toEqual([file, name, true]);
  }
});
