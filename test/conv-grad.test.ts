// Gradients of convolution, transposed convolution, dense layers and patches, in every build: against PyTorch, against central
// differences of the formula, and as adjoints in whole numbers.
import { describe, expect, test } from "vitest";
import { type ConvParams, conv } from "../src/ops/conv.ts";
import { type ConvTransposeParams, convTranspose } from "../src/ops/conv-transpose.ts";
import { dense } from "../src/ops/dense.ts";
import { col2im, im2col } from "../src/ops/im2col.ts";
import type { Op } from "../src/ops/op.ts";
import { type GoldenCase, loadGolden } from "./golden.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

// biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
const OPS: Record<string, Op<any>> = { conv, convTranspose, dense, im2col, col2im };
// biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
const ORACLE: Record<string, (inputs: readonly oracle.Tensor[], params: any) => oracle.Result[]> =
  oracle as never;

const cases = loadGolden().cases.filter(({ op }) => ["conv", "convTranspose", "dense"].includes(op));

type Name = "conv" | "convTranspose" | "dense";

/** 4 √terms ε Σ|term| for every element of every gradient: the gradients where all values are positive, or 1. */
function boundsOf(op: Name, inputs: readonly Plain[], params: object, dy: Plain): Float64Array[] {
  const of = (value: (v: number) => number): oracle.Result[] => {
    const [up, ...all] = [dy, ...inputs].map(({ shape, data }) => ({
      shape,
      data: Float64Array.from(data, value),
    }));
    return oracle.productGradients(op, all, params, up);
  };
  const terms = of(() => 1);
  return of(Math.abs).map((sums, i) =>
    sums.data.map((sum, j) => 4 * Math.sqrt(terms[i].data[j]) * oracle.ROUNDOFF * sum),
  );
}

describe.each(builds())("golden gradients, $name build", ({ engine }) => {
  test.each(cases.map((c) => [c.name, c] as const))("%s", async (_, c: GoldenCase) => {
    const gradients = await gradientsOf(engine, OPS[c.op], c.inputs, c.params, [c.dy]);
    const bounds = boundsOf(c.op as Name, c.inputs, c.params, c.dy);
    c.grads.forEach((expected, i) => {
      expectWithin(gradients[i]!, expected!.data, bounds[i]);
    });
    expect(gradients.length).toBe(c.grads.length);
  });
});
