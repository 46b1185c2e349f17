// Gradients of convolution, transposed convolution, dense layers and patches, in every build: against PyTorch, against central
// differences of the formula, and as adjoints in whole numbers.
import { describe, expect, test } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32, type Op, sizeOf } from "../src/graph/op.ts";
import { conv } from "../src/ops/conv.ts";
import { convTranspose } from "../src/ops/conv-transpose.ts";
import { dense } from "../src/ops/dense.ts";
import { col2im, im2col } from "../src/ops/im2col.ts";
import type { Padding } from "../src/ops/window.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { type GoldenCase, loadGolden } from "./golden.ts";
import { gradientsOf, numericGradient } from "./gradients.ts";
import { builds, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin, relativeL2 } from "./tolerance.ts";

// biome-ignore lint/suspicious/noExplicitAny: the one place where ops of all kinds meet
const OPS: Record<string, Op<any>> = { conv, convTranspose, dense, im2col, col2im };
type Formula = (inputs: readonly oracle.Tensor[], params: object) => oracle.Result[];
const FORMULAS = oracle as unknown as Record<string, Formula>;

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

/** 32 mixed bits of (i, seed). */
function scramble(i: number, seed: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

type Fill = (shape: readonly number[], seed: number) => Plain & { data: Float32Array };

/** From −4 to 4: every sum of fewer than 2^20 products is exact, in any order. */
const whole: Fill = (shape, seed) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => (scramble(i, seed) % 9) - 4),
});

/** Between −1 and 1. */
const noise: Fill = (shape, seed) => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => scramble(i, seed) / 2 ** 31 - 1),
});

interface Case {
  op: string;
  inputs: Plain[];
  params: object;
  dy: Plain;
}

/** A case with its dy, if the op takes it. */
function caseOf(op: string, shapes: readonly (readonly number[])[], params: object, fill = whole): Case {
  const inputs = shapes.map((shape, i) => fill(shape, i + 1));
  const [{ shape }] = OPS[op].infer(
    shapes.map((s) => float32(s)),
    params,
    op,
  );
  return { op, inputs, params, dy: fill(shape, 9) };
}

interface Layer {
  /** n, ...spatial */
  size: readonly number[];
  c: number;
  oc: number;
  kernel: readonly number[];
  groups?: number;
  bias?: boolean;
}

const layer = (
  op: string,
  { size, c, oc, kernel, groups = 1, bias = true }: Layer,
  p = {},
  fill = whole,
): Case =>
  caseOf(
    op,
    [[...size, c], [...kernel, c / groups, oc], ...(bias ? [[oc]] : [])],
    {
      ...{ stride: kernel.map(() => 1), dilation: kernel.map(() => 1), padding: "valid" as Padding, groups },
      ...(op === "conv" ? { paddingMode: "zeros" } : { outputPadding: kernel.map(() => 0) }),
      ...p,
    },
    fill,
  );

class Dice {
  #at = 0;
  constructor(readonly seed: number) {}
  from(least: number, most: number): number {
    return least + (scramble(this.#at++, this.seed) % (most - least + 1));
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.from(0, choices.length - 1)];
  }
}

/** Every parameter with every other, on small maps, so that differences can be taken of every input. */
function sweep(op: "conv" | "convTranspose", count: number): Case[] {
  const dice = new Dice(op.length);
  const found: Case[] = [];
  while (found.length < count) {
    const axes = dice.from(1, 3);
    const list = (least: number, most: number) => Array.from({ length: axes }, () => dice.from(least, most));
    const groups = dice.of([1, 1, 1, 2, 3, 5, 18]);
    const l: Layer = {
      size: [dice.of([1, 3]), ...list(1, [0, 9, 4, 3][axes])],
      c: groups * (groups > 4 ? 1 : dice.of([1, 2, 3, 5, 7])),
      oc: groups * (groups > 4 ? dice.of([1, 1, 2]) : dice.of([1, 2, 3, 5, 7, 9])),
      kernel: list(1, axes > 1 ? 3 : 7),
      groups,
      bias: dice.from(0, 2) > 0,
    };
    const p = {
      stride: dice.of([list(1, 1), list(1, 4)]),
      dilation: dice.of([list(1, 1), list(1, 3)]),
      padding: dice.of<Padding>([
        ...(["valid", "same", "half", 1, list(0, 3)] as const),
        list(0, 3).map((pad) => [pad, dice.from(0, 3)] as const),
      ]),
      ...(op === "conv"
        ? { paddingMode: dice.of(["zeros", "zeros", "reflect", "replicate"]) }
        : { outputPadding: dice.of([list(0, 0), list(0, 3)]) }),
    };
    try {
      const c = layer(op, l, p);
      // Differences take two runs per element.
      if (c.inputs.reduce((sum, { data }) => sum + data.length, 0) < 400) found.push(c);
    } catch {
      // does not fit
    }
  }
  return found;
}

const WINDOW = { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding: [1, 2] };

/** Small enough for differences. Everything is linear in each input: with a step of 1, whole numbers give them exactly. */
const SMALL: readonly Case[] = [
  ...sweep("conv", 120),
  ...sweep("convTranspose", 120),
  // One pixel; windows larger than the map; a border wider than the window, where dx is no convolution.
  layer("conv", { size: [1, 1, 1], c: 1, oc: 1, kernel: [1, 1] }),
  layer("conv", { size: [3, 1, 1], c: 5, oc: 7, kernel: [3, 3] }, { padding: 1 }),
  layer("conv", { size: [1, 2, 3], c: 2, oc: 9, kernel: [7, 7] }, { padding: "half" }),
  layer("conv", { size: [1, 3, 3], c: 2, oc: 3, kernel: [2, 2] }, { padding: 3 }),
  layer("conv", { size: [1, 4], c: 1, oc: 2, kernel: [1] }, { padding: [[2, 1]] }),
  layer("conv", { size: [1, 4, 4], c: 3, oc: 3, kernel: [2, 2], groups: 3 }, { padding: 2 }),
  // Windows that reach nothing of dy, and more of them than x has pixels.
  layer(
    "convTranspose",
    { size: [2, 1], c: 2, oc: 3, kernel: [2] },
    {
      ...{ dilation: [4], padding: [[5, 0]], outputPadding: [3] },
    },
  ),
  layer(
    "convTranspose",
    { size: [1, 3], c: 2, oc: 3, kernel: [2] },
    {
      ...{ dilation: [4], outputPadding: [3] },
    },
  ),
  // Channels as lanes: whole lines, rests, and lines of up to seven taps.
  ...[1, 2, 3, 4, 7].flatMap((width) =>
    [2, 4, 5, 16, 19, 24].map((c) =>
      layer(
        "conv",
        { size: [1, 3, 8], c, oc: c, kernel: [2, width], groups: c },
        { stride: [1, 1 + (c % 2)] },
      ),
    ),
  ),
  ...[1, 2, 3, 5, 7].flatMap((c) => [
    caseOf("dense", [[3, c], [c, 9], [9]], {}),
    caseOf(
      "dense",
      [
        [c, 2],
        [2, c],
      ],
      {},
    ),
  ]),
  caseOf("dense", [[7], [7, 3], [3]], {}),
  caseOf("dense", [[2, 3, 2, 5], [5, 10], [10]], {}),
  caseOf("im2col", [[2, 7, 6, 3]], WINDOW),
  caseOf("im2col", [[1, 5, 2]], { kernel: [4], stride: [3], dilation: [1], padding: "same" }),
  caseOf("im2col", [[1, 2, 3, 2, 5]], {
    kernel: [2, 2, 1],
    stride: [1, 1, 1],
    dilation: [1, 2, 1],
    padding: "half",
  }),
  caseOf("col2im", [[2, 4, 8, 18]], { ...WINDOW, size: [7, 6] }),
  caseOf("col2im", [[1, 2, 8]], { kernel: [4], stride: [3], dilation: [1], padding: "same", size: [5] }),
];

const differences = new Map<Case, Float64Array[]>();

/** By differences, taken once for all builds. */
function differencesOf(c: Case): Float64Array[] {
  let all = differences.get(c);
  if (!all) {
    const f = (inputs: unknown, params: object) => FORMULAS[c.op](inputs as oracle.Tensor[], params);
    all = c.inputs.map((_, at) => numericGradient(f, c.inputs, c.params, [c.dy], at, 1));
    differences.set(c, all);
  }
  return all;
}

const show = ({ op, inputs, params }: Case): string =>
  `${op} ${inputs.map(({ shape }) => `[${shape}]`).join(" ")} ${JSON.stringify(params)}`;

const formulaOf = ({ op, inputs, params, dy }: Case): oracle.Result[] =>
  oracle.productGradients(op as Name, inputs as never, params, dy as never);

/** Larger than a chunk of images, a block of pixels, a strip of rows. */
const LARGE: readonly Case[] = [
  layer("conv", { size: [11, 29, 30], c: 31, oc: 3, kernel: [2, 2] }, { padding: 1 }),
  layer("conv", { size: [1, 130, 141], c: 2, oc: 9, kernel: [1, 2] }),
  layer("conv", { size: [3, 90, 100], c: 20, oc: 20, kernel: [1, 3], groups: 20 }, { padding: "same" }),
  layer("conv", { size: [2, 3, 65], c: 49, oc: 17, kernel: [1, 3] }),
  layer(
    "conv",
    { size: [2, 20, 10], c: 6, oc: 50, kernel: [3, 3], groups: 2 },
    { stride: [2, 1], padding: 1 },
  ),
  layer("convTranspose", { size: [5, 30, 31], c: 9, oc: 30, kernel: [3, 3] }, { stride: [2, 2], padding: 1 }),
  caseOf("dense", [[700, 99], [99, 10], [10]], {}),
  caseOf("dense", [[5, 200, 7], [7, 70], [70]], {}),
];

describe.each(builds({ deterministic: true }))("in whole numbers, $name build", ({ engine }) => {
  test.each(SMALL.map((c) => [show(c), c] as const))("differences of %s", async (_, c) => {
    const gradients = await gradientsOf(engine, OPS[c.op], c.inputs, c.params, [c.dy]);
    differencesOf(c).forEach((expected, i) => {
      expectEqual(gradients[i]!, expected);
    });
  });

  test.each(LARGE.map((c) => [show(c), c] as const))("%s", async (_, c) => {
    const gradients = await gradientsOf(engine, OPS[c.op], c.inputs, c.params, [c.dy]);
    formulaOf(c).forEach((expected, i) => {
      expectEqual(gradients[i]!, expected.data);
    });
  });
});

describe.each(builds())("in float32, $name build", ({ engine }) => {
  test("a sum over 50,176 pixels stays as near as one in pieces", async () => {
    const c = layer("conv", { size: [64, 28, 28], c: 1, oc: 3, kernel: [1, 1] }, {}, noise);
    const gradients = await gradientsOf(
      engine,
      conv as Op<object>,
      c.inputs,
      c.params,
      [c.dy],
      [false, true, true],
    );
    const expected = formulaOf(c);
    // Of the norm of its terms. Summed in one piece it is off by 9e-6, in blocks by 5e-7.
    const norm = Math.sqrt(c.dy.data.length / 3) / 3;
    for (const i of [1, 2])
      expected[i].data.forEach((v, j) => {
        expect(Math.abs(gradients[i]![j] - v) / norm).toBeLessThan(2e-6);
      });
  });

  test.each([
    layer("conv", { size: [3, 14, 15], c: 16, oc: 20, kernel: [3, 3] }, { padding: 1 }, noise),
    layer(
      "conv",
      { size: [2, 13, 16], c: 24, oc: 16, kernel: [3, 3], bias: false },
      { padding: [2, 0] },
      noise,
    ),
    layer(
      "conv",
      { size: [3, 17, 22], c: 52, oc: 36, kernel: [3, 3] },
      { padding: 3, dilation: [3, 2] },
      noise,
    ),
    // Tiles of another kind: their gradient goes the direct way.
    layer("conv", { size: [1, 12, 13], c: 32, oc: 32, kernel: [5, 5] }, { padding: "same" }, noise),
    layer("conv", { size: [20, 28, 29], c: 16, oc: 32, kernel: [3, 3] }, { padding: "same" }, noise),
  ])("through Winograd's tiles, case %#", async (c) => {
    const gradients = await gradientsOf(engine, conv as Op<object>, c.inputs, c.params, [c.dy]);
    formulaOf(c).forEach((expected, i) => {
      expect(relativeL2(gradients[i]!, expected.data)).toBeLessThan(2e-6);
    });
  });
});

describe("a gradient rule", () => {
  const rules = [
    layer("conv", { size: [1, 4, 4], c: 2, oc: 3, kernel: [2, 2] }),
    layer("conv", { size: [1, 4, 4], c: 2, oc: 3, kernel: [2, 2] }, { stride: [2, 2] }),
    layer("convTranspose", { size: [1, 4, 4], c: 2, oc: 3, kernel: [2, 2] }),
    caseOf("dense", [[3, 4], [4, 5], [5]], {}),
    caseOf("im2col", [[2, 7, 6, 3]], WINDOW),
  ];
  const write = ({ op, inputs, params, dy }: Case, wanted: readonly boolean[], flows = true) => {
    const graph = new Graph();
    graph.apply(
      OPS[op],
      inputs.map(({ shape }) => new Edge(float32(shape))),
      params,
    );
    const [node] = graph.nodes;
    const up = flows ? new Edge(float32(dy.shape)) : undefined;
    return { graph, gradients: GRADIENTS.get(OPS[op])!(graph, node, [up], wanted) };
  };

  test.each(rules.map((c) => [show(c), c] as const))("computes what is wanted alone: %s", (_, c) => {
    for (let mask = 0; mask < 2 ** c.inputs.length; mask++) {
      const wanted = c.inputs.map((_, i) => (mask & (1 << i)) > 0);
      const { graph, gradients } = write(c, wanted);
      expect(gradients.map((g) => g !== undefined)).toEqual(wanted);
      gradients.forEach((g, i) => {
        if (g) expect(g.shape).toEqual(c.inputs[i].shape);
      });
      const written = graph.nodes.length - 1;
      graph.prune(gradients.filter((g) => g !== undefined));
      expect(graph.nodes.length).toBe(written);
      expect(write(c, wanted, false).gradients).toEqual(wanted.map(() => undefined));
    }
  });

  test("refuses an activation that was fused before", () => {
    for (const op of ["conv", "convTranspose", "dense"]) {
      const c =
        op === "dense"
          ? caseOf(
              op,
              [
                [3, 4],
                [4, 5],
              ],
              { activation: { kind: "relu" } },
            )
          : layer(op, { size: [1, 4], c: 2, oc: 3, kernel: [2] }, { activation: { kind: "relu" } });
      expect(() => write(c, [true, true])).toThrow("internal");
    }
  });
});
