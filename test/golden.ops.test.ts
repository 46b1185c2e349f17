// The ops against PyTorch, in every build.
import { describe, expect, test } from "vitest";
import type { Op } from "../src/graph/op.ts";
import { activation, prelu } from "../src/ops/activation.ts";
import { conv } from "../src/ops/conv.ts";
import { convTranspose } from "../src/ops/conv-transpose.ts";
import { dense } from "../src/ops/dense.ts";
import { batchNorm, groupNorm } from "../src/ops/norm.ts";
import { pad } from "../src/ops/pad.ts";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../src/ops/pool.ts";
import { resize } from "../src/ops/resize.ts";
import { depthToSpace } from "../src/ops/shape.ts";
import { logSoftmax, softmax } from "../src/ops/softmax.ts";
import { type GoldenCase, type GoldenOp, loadGolden } from "./golden.ts";
import { builds, evaluate } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

// Every op takes its own params; a case carries those of the op it names.
// biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
const OPS: Record<GoldenOp, Op<any>> = {
  ...{ conv, convTranspose, dense, maxPool, avgPool, globalMaxPool, globalAvgPool, batchNorm, groupNorm },
  ...{ activation, prelu, softmax, logSoftmax, pad, resize, depthToSpace },
};

const EPS = oracle.ROUNDOFF;

/** What float32 arithmetic may be off by, per element; the stored answer's own rounding is within it. */
function boundOf(c: GoldenCase): Float64Array {
  const [x] = c.inputs;
  const y = Float64Array.from(c.expected.data, Math.abs);
  const channels = c.expected.shape[c.expected.shape.length - 1];
  switch (c.op) {
    case "conv":
      return oracle.productBound(oracle.conv, c.inputs, c.params as oracle.ConvParams);
    case "convTranspose":
      return oracle.productBound(oracle.convTranspose, c.inputs, c.params as oracle.ConvTransposeParams);
    case "dense":
      return oracle.productBound(oracle.dense, c.inputs, c.params);
    case "avgPool": {
      const p = c.params as oracle.AvgPoolParams;
      const terms = p.kernel.reduce((product, k) => product * k, 1);
      return oracle.sumOfAbsolutes(oracle.avgPool, [x], p).map((mean) => 4 * Math.sqrt(terms) * EPS * mean);
    }
    case "globalAvgPool": {
      const terms = x.data.length / y.length;
      const means = oracle.sumOfAbsolutes(oracle.globalAvgPool, [x], c.params as oracle.KeepDimsParams);
      return means.map((mean) => 4 * Math.sqrt(terms) * EPS * mean);
    }
    case "batchNorm": {
      // A kernel may fold the four vectors into x * scale + shift: every term is rounded at its own size.
      const [, gamma, beta, mean, variance] = c.inputs;
      const { epsilon } = c.params as oracle.BatchNormParams;
      return y.map((_, i) => {
        const k = i % channels;
        const scale = Math.abs(gamma.data[k]) / Math.sqrt(variance.data[k] + epsilon);
        return 8 * EPS * ((Math.abs(x.data[i]) + Math.abs(mean.data[k])) * scale + Math.abs(beta.data[k]));
      });
    }
    case "groupNorm": {
      const [, gamma, beta] = c.inputs;
      return y.map(
        (v, i) => 16 * EPS * (v + Math.abs(gamma.data[i % channels]) + Math.abs(beta.data[i % channels])),
      );
    }
    case "prelu":
      return y.map((v) => 2 * EPS * v);
    case "softmax":
      return y.map((v) => 16 * EPS * v);
    case "resize": {
      const largest = x.data.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      return y.map(() => 8 * EPS * largest);
    }
    // Built from exp, log or a rational function: a few roundings at the size of the answer or of 1.
    default:
      return y.map((v) => 16 * EPS * (v + 1));
  }
}

const { cases } = loadGolden();

describe.each(builds())("golden cases, $name build", ({ engine }) => {
  test.each(cases.map((c) => [c.name, c] as const))("%s", async (_, c) => {
    const outputs = await evaluate(await engine, OPS[c.op], c.inputs, c.params);
    expect(outputs.length).toBe(1);
    expect(outputs[0].shape).toEqual(c.expected.shape);
    if (c.exact) expectEqual(outputs[0].data, c.expected.data);
    else expectWithin(outputs[0].data, c.expected.data, boundOf(c));
  });
});
