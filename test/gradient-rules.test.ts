// Every op has a gradient rule or is listed as one that has none; and each rule is tested by a file below.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Op } from "../src/graph/op.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";

/**
 * Ops without a gradient: indices, comparisons, updates in place, what the layout pass writes, and ops that are a gradient or part
 * of one.
 */
const NONE =
  /^(argMax|blend|compare|copy|view|concatRest|zeroBorder|optimize|normLimit|valueLimit|updateRunning|convAdd|normStatistics|normGradSums|\w*Grad)$/;
/** Gradients that have a gradient of their own: tested by test/ops-second.test.ts, whole. */
const SECOND = [
  ...["activationGrad", "preluGrad", "softmaxGrad", "maxPoolGrad", "maxPoolPairsGrad"],
  ...["convFilterGrad", "denseFilterGrad", "transposeFilter", "combine", "maxShare", "equal"],
  ...["lossGrad", "softmaxCrossEntropyGrad", "normGrad"],
];
/** Ops behind the kinds of layers that only models read from files have: forward only, training through them is refused by name. */
const IMPORTED = [
  ...["argExtreme", "hardmax", "nonZero", "roiAlign", "oneHot"],
  ...["nonMaxSuppression", "nonMaxSuppressionTf"],
];
/** Which test file holds the finite differences and the adjoint identity of which ops. */
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
  "norm-grad": ["batchNorm", "batchNormTrain", "groupNorm", "instanceNorm", "layerNorm"],
  dropout: ["dropout"],
  loss: [
    "softmaxCrossEntropy",
    "meanSquaredError",
    "meanAbsoluteError",
    "huber",
    "binaryCrossEntropyWithLogits",
  ],
  "imported-grad": [
    ...["map", "pair", "take", "gatherKnown", "gather", "gatherND", "gatherElements", "scatterND"],
    ...["scatterElements", "stridedSlice", "tile", "padAxes", "cumulate", "fold", "interpolate"],
    ...["triangle", "reverseSequence", "maxUnpool", "lrn", "gridSample", "cropAndResize"],
  ],
  "ops-torch": ["cast", "clip", "matmul", "where", "expand", "topK", "maxPoolIndices", "stopGradient"],
  // The adjoint of summing: tested by reduce and binary.
  reduce: ["broadcastTo"],
};

const isOp = (value: unknown): value is Op<unknown> =>
  typeof value === "object" && value !== null && "infer" in value && "forward" in value;

test("all ops are differentiated and tested, or listed as what cannot be", async () => {
  const ops = new Map<string, Op<unknown>>();
  const collect = (exports: Record<string, unknown>): void => {
    for (const value of Object.values(exports)) if (isOp(value)) ops.set(value.name, value);
  };
  const filesOf = (folder: string): string[] =>
    readdirSync(new URL(`../src/${folder}/`, import.meta.url)).map((file) => file.replace(".ts", ""));
  for (const file of filesOf("ops")) collect(await import(`../src/ops/${file}.ts`));
  for (const file of filesOf("passes/gradients")) collect(await import(`../src/passes/gradients/${file}.ts`));
  expect(ops.size).toBeGreaterThan(40);
  const tested = new Set(Object.values(TESTED).flat());
  for (const [name, op] of ops) {
    const rule = GRADIENTS.get(op);
    if (SECOND.includes(name)) expect([name, typeof rule]).toEqual([name, "function"]);
    else if (NONE.test(name) || IMPORTED.includes(name)) expect([name, rule]).toEqual([name, undefined]);
    else expect([name, typeof rule, tested.has(name)]).toEqual([name, "function", true]);
  }
  expect([...GRADIENTS.keys()].filter((op) => ops.get(op.name) !== op)).toEqual([]);
  for (const name of [...tested, ...SECOND, ...IMPORTED]) expect([name, ops.has(name)]).toEqual([name, true]);
  for (const [file, names] of Object.entries(TESTED)) {
    const source = readFileSync(new URL(`./${file}.test.ts`, import.meta.url), "utf8");
    for (const name of names)
      if (file !== "reduce") expect([file, name, source.includes(name)]).toEqual([file, name, true]);
  }
});
