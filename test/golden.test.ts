// Whoever judges the kernels is judged first: the comparisons, then the oracle against PyTorch, then what
// PyTorch's cases do not reach, by hand-worked answers and by identities in small integers.
import { describe, expect, test } from "vitest";
import { FORWARD_COUNTS, type GoldenCase, type GoldenOp, loadGolden, TRAINING_COUNTS } from "./golden.ts";
import * as oracle from "./oracle.ts";
import { expectClose, expectEqual, expectWithin, relativeL2 } from "./tolerance.ts";

describe("comparisons", () => {
  test("expectEqual names the first difference and counts them all", () => {
    expectEqual([1, -0, NaN, Infinity], [1, 0, NaN, Infinity]);
    expect(() => expectEqual([1, 2, 3, 5], [1, 2, 4, 4])).toThrow(
      "element 2 of 4 is 3 but expected 4; 2 of 4 differ",
    );
    expect(() => expectEqual([NaN], [0])).toThrow("element 0");
    expect(() => expectEqual([0], [NaN])).toThrow("element 0");
    expect(() => expectEqual([1], [1, 2])).toThrow("got 1 elements but expected 2");
    expect(() => expectEqual([], [])).toThrow("nothing to compare");
  });

  test("expectWithin takes one bound or one per element", () => {
    expectWithin([1.1, 2], [1, 2], 0.2);
    expectWithin([1.1, 2], [1, 2], [0.2, 0]);
    expect(() => expectWithin([1.1, 2], [1, 2], [0, 0.2])).toThrow("element 0");
    expect(() => expectWithin([1.1, 2], [1, 2], [0.2])).toThrow("got 1 bounds for 2 elements");
    expect(() => expectWithin([1], [1], NaN)).toThrow("must be finite");
    expect(() => expectWithin([1], [1], -1)).toThrow("must be finite");
  });

  test("NaN and infinities must match", () => {
    expectWithin([NaN, Infinity, 1], [NaN, Infinity, 1], 0.1);
    expect(() => expectWithin([NaN, 1], [1, 1], 0.1)).toThrow("element 0");
    expect(() => expectWithin([0, 1], [NaN, 1], 0.1)).toThrow("element 0");
    expect(() => expectWithin([-Infinity, 1], [Infinity, 1], 0.1)).toThrow("element 0");
    expect(() => expectWithin([3e38, 1], [Infinity, 1], 0.1)).toThrow("element 0");
    expect(relativeL2([NaN, 1], [1, 1])).toBeNaN();
  });

  test("a tolerance that zeros would meet is refused", () => {
    expect(() => expectWithin([1, 2], [1, 2], 2)).toThrow("cannot fail");
    expect(() => expectWithin([1, 2], [1, 2], [1, 2])).toThrow("cannot fail");
    expectWithin([1, 2], [1, 2], 1.5);
    expect(() => expectWithin([0], [0], 0.1)).toThrow("cannot fail");
    expect(() => expectClose([1, 2], [1, 2], 1, 0)).toThrow("cannot fail");
    expect(() => expectClose([1, 2], [1, 2], 0, 3)).toThrow("cannot fail");
    expect(() => relativeL2([0], [0])).toThrow("above 0");
  });

  test("expectClose and relativeL2 measure", () => {
    expectClose([100.9, 0], [100, 0], 0.01, 0);
    expect(() => expectClose([101.1, 0], [100, 0], 0.01, 0)).toThrow("element 0");
    expect(relativeL2([3, 5], [3, 4])).toBe(0.2);
  });
});

type Oracle = (inputs: readonly oracle.Tensor[], params: never) => oracle.Result[];
const ORACLE: Record<GoldenOp, Oracle> = oracle;

/**
 * PyTorch's answers were computed in float64 and then stored as float32: they may be off by half a place (a
 * ROUNDOFF part of themselves), and by what two float64 sums of another order may differ in, below 1e-14.
 */
function storedBound(c: GoldenCase): Float64Array {
  const rounding = Float64Array.from(c.expected.data, (e) => oracle.ROUNDOFF * Math.abs(e) + 1e-14);
  if (c.op !== "batchNorm") return rounding;
  // Mean and variance were rounded too, but only after they had been used: that moves x - mean by a ROUNDOFF
  // of the mean, and the scale by half a ROUNDOFF.
  const { epsilon } = c.params as oracle.BatchNormParams;
  const [x, gamma, , mean, variance] = c.inputs;
  return rounding.map((bound, i) => {
    const k = i % mean.data.length;
    const scale = Math.abs(gamma.data[k]) / Math.sqrt(variance.data[k] + epsilon);
    const moved = Math.abs(mean.data[k]) + Math.abs(x.data[i] - mean.data[k]) / 2;
    return bound + oracle.ROUNDOFF * scale * moved;
  });
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

describe("the oracle gives PyTorch's answers", () => {
  const { cases, training } = loadGolden();

  test("every one of the 205 cases is run, here or in golden-train.test.ts", () => {
    expect(countOf(cases.map((c) => c.source))).toEqual(FORWARD_COUNTS);
    expect(countOf(training.map((c) => c.source))).toEqual(TRAINING_COUNTS);
    expect([cases.length, training.length]).toEqual([190, 15]);
    expect(new Set(cases.map((c) => c.name)).size).toBe(190);
  });

  test("every case holds what came in at its output, and a gradient for all inputs but statistics", () => {
    for (const c of cases) {
      expect(c.dy.shape, c.name).toEqual(c.expected.shape);
      const wanted = c.inputs.map((x, i) => (c.op === "batchNorm" && i > 2 ? undefined : x.shape));
      expect(
        c.grads.map((g) => g?.shape),
        c.name,
      ).toEqual(wanted);
    }
  });

  test.each(cases.map((c) => [c.name, c] as const))("%s", (_, c) => {
    const outputs = ORACLE[c.op](c.inputs, c.params as never);
    expect(outputs.length).toBe(1);
    expect(outputs[0].shape).toEqual(c.expected.shape);
    if (c.exact) expectEqual(outputs[0].data, c.expected.data);
    else expectWithin(outputs[0].data, c.expected.data, storedBound(c));
  });
});

let seed = 1;
/** Small whole numbers: sums of products of them are exact, so identities hold with `===`. */
function integers(...shape: number[]): oracle.Result {
  const data = new Float64Array(shape.reduce((product, d) => product * d, 1)).map(() => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return ((seed >>> 24) % 9) - 4;
  });
  return { shape, data };
}

function tensor(shape: number[], ...values: number[]): oracle.Result {
  return { shape, data: Float64Array.from(values) };
}

function dot(a: oracle.Result, b: oracle.Result): number {
  expect(a.shape).toEqual(b.shape);
  return a.data.reduce((sum, v, i) => sum + v * b.data[i], 0);
}

function expectSame(actual: oracle.Result, expected: oracle.Result): void {
  expect(actual.shape).toEqual(expected.shape);
  expectEqual(actual.data, expected.data);
}

const PLAIN = {
  stride: [1, 1],
  dilation: [1, 1],
  padding: "valid",
  paddingMode: "zeros",
  groups: 1,
} as const;

describe("convolution beyond PyTorch's cases", () => {
  const x = integers(2, 7, 6, 4);
  const w = integers(3, 2, 2, 6);
  const b = integers(6);
  const image = (pads: [number, number][], mode: oracle.PadParams["mode"]): oracle.Result =>
    oracle.pad([x], { pads: [[0, 0], ...pads, [0, 0]], mode, value: 0 })[0];

  test.each([
    ["zeros", "constant"],
    ["reflect", "reflect"],
    ["replicate", "replicate"],
  ] as const)("a border of %s is a padded image", (paddingMode, mode) => {
    const padding: [number, number][] = [
      [1, 3],
      [2, 0],
    ];
    const p = { ...PLAIN, groups: 2, stride: [2, 1], dilation: [1, 3] };
    const [y] = oracle.conv([x, w, b], { ...p, padding, paddingMode });
    expectSame(y, oracle.conv([image(padding, mode), w, b], p)[0]);
  });

  test('"same" is TensorFlow\'s: ceil(W / S) pixels, the odd one at the end', () => {
    const p = { ...PLAIN, groups: 2, stride: [2, 3] };
    const [y] = oracle.conv([x, w], { ...p, padding: "same" });
    // 7 rows by 3, stride 2: 4 rows, padding 2 = 1 + 1. 6 columns by 2, stride 3: 2 columns, no padding.
    expect(y.shape).toEqual([2, 4, 2, 6]);
    expectSame(
      y,
      oracle.conv([x, w], {
        ...p,
        padding: [
          [1, 1],
          [0, 0],
        ],
      })[0],
    );
    const [even] = oracle.conv([x, w], { ...PLAIN, groups: 2, padding: "same" });
    expectSame(
      even,
      oracle.conv([x, w], {
        ...PLAIN,
        groups: 2,
        padding: [
          [1, 1],
          [0, 1],
        ],
      })[0],
    );
  });

  test('"half" is floor(D * (K - 1) / 2) on both sides', () => {
    const p = { ...PLAIN, groups: 2, dilation: [2, 3] };
    expectSame(
      oracle.conv([x, w], { ...p, padding: "half" })[0],
      oracle.conv([x, w], { ...p, padding: [2, 1] })[0],
    );
  });

  test("depthwise with a multiplier, by hand", () => {
    const y = oracle.conv(
      [tensor([1, 2, 2], 1, 2, 3, 4), tensor([2, 1, 4], 1, 10, 100, 1000, 2, 20, 200, 2000)],
      {
        ...{ stride: [1], dilation: [1], padding: "valid", paddingMode: "zeros", groups: 2 },
      },
    );
    // Channel 0 holds 1, 3 and feeds outputs 0 and 1; channel 1 holds 2, 4 and feeds outputs 2 and 3.
    expectSame(y[0], tensor([1, 1, 4], 7, 70, 1000, 10000));
  });

  test("im2col, then a matrix product, is a convolution", () => {
    const full = integers(3, 2, 4, 5);
    const p = { stride: [2, 1], dilation: [1, 2], padding: [1, 2] };
    const [patches] = oracle.im2col([x], { ...p, kernel: [3, 2] });
    const [y] = oracle.dense([patches, { shape: [24, 5], data: full.data }]);
    expectSame(y, oracle.conv([x, full], { ...PLAIN, ...p })[0]);
  });

  test("col2im is the adjoint of im2col", () => {
    const p = { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding: [1, 2] };
    const [patches] = oracle.im2col([x], p);
    const z = integers(...patches.shape);
    expect(dot(patches, z)).toBe(dot(x, oracle.col2im([z], { ...p, size: [7, 6] })[0]));
    const line = oracle.col2im([tensor([1, 2, 4], 1, 2, 3, 4, 10, 20, 30, 40)], {
      ...{ size: [3], kernel: [2], stride: [1], dilation: [1], padding: "valid" },
    });
    expectSame(line[0], tensor([1, 3, 2], 1, 2, 13, 24, 30, 40));
  });

  test.each([
    "valid",
    "same",
    "half",
    [
      [2, 0],
      [0, 1],
    ],
  ] as const)("a transposed convolution is the adjoint of one (padding %j)", (padding) => {
    const p = { ...PLAIN, stride: [2, 3], dilation: [1, 2], padding, groups: 2 };
    const big = integers(2, 8, 9, 4);
    const [y] = oracle.conv([big, w], p);
    const z = integers(...y.shape);
    // The same taps, [k, in / groups, out] read from the other side: channels of a group change places.
    const turned = integers(3, 2, 3, 4);
    for (let k = 0; k < 6; k++)
      for (let g = 0; g < 2; g++)
        for (let i = 0; i < 2; i++)
          for (let o = 0; o < 3; o++)
            turned.data[(k * 3 + o) * 4 + g * 2 + i] = w.data[(k * 2 + i) * 6 + g * 3 + o];
    // outputPadding restores the rows no window reached.
    const free = oracle.convTranspose([z, turned], { ...p, outputPadding: [0, 0] })[0].shape;
    const outputPadding = [8 - free[1], 9 - free[2]];
    expect(dot(y, z)).toBe(dot(big, oracle.convTranspose([z, turned], { ...p, outputPadding })[0]));
  });

  test('a transposed convolution with "same" has W * S pixels, bias where no tap lands', () => {
    const p = { ...PLAIN, stride: [3], dilation: [1], padding: "same", outputPadding: [0] } as const;
    const line = tensor([1, 2, 1], 1, 2);
    const narrow = oracle.convTranspose([line, tensor([2, 1, 1], 10, 20), tensor([1], 5)], p);
    expectSame(narrow[0], tensor([1, 6, 1], 15, 25, 5, 25, 45, 5));
    // Kernel 4, stride 3: one pixel too many, taken from the end.
    const wide = oracle.convTranspose([line, tensor([4, 1, 1], 1, 10, 100, 1000)], p);
    expectSame(wide[0], tensor([1, 6, 1], 1, 10, 100, 1002, 20, 200));
  });

  test("the bound of a product sum counts its terms", () => {
    const p = { ...PLAIN, padding: 1, stride: [1], dilation: [1] };
    const inputs = [tensor([1, 2, 1], -3, 2), tensor([3, 1, 1], 1, -1, 1), tensor([1], -7)];
    expectEqual(oracle.termsOf(oracle.conv, inputs, p), [3, 3]);
    expectEqual(oracle.sumOfAbsolutes(oracle.conv, inputs, p), [12, 12]);
    const clipped = { ...p, activation: { kind: "relu" } };
    expectEqual(oracle.conv(inputs, p)[0].data, [-2, -12]);
    expectEqual(oracle.conv(inputs, clipped)[0].data, [0, 0]);
    expectEqual(
      oracle.productBound(oracle.conv, inputs, clipped),
      new Array(2).fill(4 * Math.sqrt(3) * 2 ** -24 * 12),
    );
  });
});

describe("the other ops beyond PyTorch's cases", () => {
  test("pooling in a border, and windows that hang over it", () => {
    const x = tensor([1, 3, 1], -1, -2, -3);
    const p = { kernel: [2], stride: [2], ceilMode: true, dilation: [1] };
    expectSame(oracle.maxPool([x], { ...p, padding: "valid" })[0], tensor([1, 2, 1], -1, -3));
    expectSame(oracle.maxPool([x], { ...p, padding: [[1, 0]] })[0], tensor([1, 2, 1], -1, -2));
    expectSame(
      oracle.maxPool([tensor([1, 2, 1], NaN, 1)], { ...p, padding: "valid" })[0],
      tensor([1, 1, 1], NaN),
    );
    // The second window covers one pixel and one place past the end: only the pixel counts, either way.
    for (const countIncludePad of [true, false])
      expectSame(
        oracle.avgPool([x], { ...p, padding: "valid", countIncludePad })[0],
        tensor([1, 2, 1], -1.5, -3),
      );
    expectSame(
      oracle.avgPool([x], { ...p, padding: [[1, 0]], countIncludePad: true })[0],
      tensor([1, 2, 1], -0.5, -2.5),
    );
    expectSame(oracle.globalMaxPool([x], { keepDims: true })[0], tensor([1, 1, 1], -1));
  });

  test("reduce and argMax", () => {
    const x = tensor([2, 2, 2], 1, 5, 3, 7, -2, 4, 0, -6);
    expectSame(oracle.reduce([x], { kind: "sum", axes: [0, 2], keepDims: false })[0], tensor([2], 8, 4));
    expectSame(
      oracle.reduce([x], { kind: "mean", axes: [1], keepDims: true })[0],
      tensor([2, 1, 2], 2, 6, -1, -1),
    );
    expectSame(
      oracle.reduce([x], { kind: "max", axes: [-1], keepDims: false })[0],
      tensor([2, 2], 5, 7, 4, 0),
    );
    expectSame(oracle.reduce([x], { kind: "min", axes: [0, 1, 2], keepDims: false })[0], tensor([], -6));
    expectSame(oracle.argMax([x], { axis: 1, keepDims: false })[0], tensor([2, 2], 1, 1, 1, 0));
    expectSame(
      oracle.argMax([tensor([1, 4], 1, 3, 3, 2)], { axis: -1, keepDims: true })[0],
      tensor([1, 1], 1),
    );
    expectSame(
      oracle.argMax([tensor([1, 3], 1, NaN, 3)], { axis: -1, keepDims: true })[0],
      tensor([1, 1], 1),
    );
  });

  test("instanceNorm leaves every channel with mean beta and spread gamma", () => {
    const x = integers(2, 5, 5, 3);
    const [y] = oracle.instanceNorm([x, tensor([3], 1, 2, 3), tensor([3], 10, 20, 30)], { epsilon: 0 });
    const mean = oracle.globalAvgPool([y], { keepDims: false })[0];
    expectClose(mean.data, [10, 20, 30, 10, 20, 30], 1e-12, 0);
    const square = oracle.binary([y, y], { kind: "mul" })[0];
    const meanSquare = oracle.globalAvgPool([square], { keepDims: false })[0];
    expectClose(meanSquare.data, [101, 404, 909, 101, 404, 909], 1e-12, 0);
  });

  test("softmax along an inner axis, with numbers exp cannot take", () => {
    const [y] = oracle.softmax([tensor([1, 2, 2], 1000, 0, 1000, Math.log(3))], { axis: 1 });
    expectClose(y.data, [0.5, 0.25, 0.5, 0.75], 1e-12, 0);
  });

  test("activations at places where their values are known", () => {
    const run = (kind: string, ...x: number[]): Float64Array =>
      oracle.activation([tensor([x.length], ...x)], { kind })[0].data;
    // gelu(x) = x * Phi(x), with the normal distribution's quantiles: Phi(1.959963984540054) = 0.975.
    const q = 1.959963984540054;
    expectClose(run("gelu", q, -q, -6, 0), [q * 0.975, -q * 0.025, -6 * 9.865876450376981e-10, 0], 1e-13, 0);
    expectClose(run("geluTanh", 1, -1), [0.8411919906082768, -0.15880800939172324], 1e-12, 0);
    expectEqual(run("linear", -2), [-2]);
    expectClose(run("hardSigmoidKeras", -3, -2, 1, 3), [0, 0.1, 0.7, 1], 1e-15, 1e-15);
    expectClose(run("exp", 1), [Math.E], 1e-15, 0);
    expectEqual(run("softsign", -3, 1), [-0.75, 0.5]);
    expectEqual(run("abs", -3), [3]);
    expectEqual(run("neg", -3), [3]);
    expectEqual(run("sqrt", 9), [3]);
    expectEqual(run("silu", -1e4), [0]);
    expectEqual(oracle.prelu([tensor([1, 3], -1, -2, 4), tensor([1], 0.5)])[0].data, [-0.5, -1, 4]);
  });

  test("binary broadcasts and affine scales", () => {
    const a = tensor([2, 1], 1, 2);
    const b = tensor([3], 10, 20, 30);
    expectSame(oracle.binary([a, b], { kind: "add" })[0], tensor([2, 3], 11, 21, 31, 12, 22, 32));
    expectSame(oracle.binary([b, a], { kind: "sub" })[0], tensor([2, 3], 9, 19, 29, 8, 18, 28));
    expectSame(oracle.binary([b, a], { kind: "div" })[0], tensor([2, 3], 10, 20, 30, 5, 10, 15));
    expectSame(oracle.binary([a, tensor([], 2)], { kind: "mul" })[0], tensor([2, 1], 2, 4));
    expectSame(oracle.binary([a, tensor([1], 1.5)], { kind: "min" })[0], tensor([2, 1], 1, 1.5));
    expectSame(oracle.binary([a, tensor([1], 1.5)], { kind: "max" })[0], tensor([2, 1], 1.5, 2));
    expect(() => oracle.binary([a, tensor([3, 1], 1, 2, 3)], { kind: "add" })).toThrow("broadcast");
    expectSame(oracle.affine([a], { scale: 2, offset: -1 })[0], tensor([2, 1], 1, 3));
  });

  test("shape ops move every number where it belongs", () => {
    const x = integers(2, 4, 6, 8);
    expectSame(oracle.reshape([x], { shape: [4, -1, 3] })[0], { shape: [4, 32, 3], data: x.data });
    expectSame(oracle.flatten([x])[0], { shape: [2, 192], data: x.data });
    const m = tensor([2, 1, 3], 1, 2, 3, 4, 5, 6);
    expectSame(oracle.transpose([m], { perm: [2, 0, 1] })[0], tensor([3, 2, 1], 1, 4, 2, 5, 3, 6));
    expectSame(oracle.slice([m], { begin: [1, 0, 1], size: [1, 1, 2] })[0], tensor([1, 1, 2], 5, 6));
    const parts = oracle.split([x], { axis: 2, sizes: [1, 3, 2] });
    expect(parts.map((t) => t.shape[2])).toEqual([1, 3, 2]);
    expectSame(oracle.concat(parts, { axis: -2 })[0], x);
    for (const order of ["dcr", "crd"] as const) {
      const deep = oracle.spaceToDepth([x], { block: 2, order })[0];
      expect(deep.shape).toEqual([2, 2, 3, 32]);
      expectSame(oracle.depthToSpace([deep], { block: 2, order })[0], x);
    }
    // Channels (block row, block column, channel) for dcr; (channel, block row, block column) for crd.
    const depth = tensor([1, 1, 1, 8], 0, 1, 2, 3, 4, 5, 6, 7);
    expectSame(
      oracle.depthToSpace([depth], { block: 2, order: "dcr" })[0],
      tensor([1, 2, 2, 2], 0, 1, 2, 3, 4, 5, 6, 7),
    );
    expectSame(
      oracle.depthToSpace([depth], { block: 2, order: "crd" })[0],
      tensor([1, 2, 2, 2], 0, 4, 1, 5, 2, 6, 3, 7),
    );
    const pads: [number, number][] = [
      [1, 0],
      [0, 1],
    ];
    const padded = oracle.pad([tensor([1, 1], 3)], { pads, mode: "constant", value: 7 })[0];
    expectSame(padded, tensor([2, 2], 7, 7, 3, 7));
  });

  test("resize by hand", () => {
    const x = tensor([1, 4, 1], 0, 10, 20, 30);
    const run = (
      method: "nearest" | "linear",
      coordinates: oracle.ResizeParams["coordinates"],
      size: number,
    ): Float64Array => oracle.resize([x], { size: [size], method, coordinates })[0].data;
    expectEqual(run("nearest", "asymmetric", 2), [0, 20]);
    expectEqual(run("nearest", "halfPixel", 2), [10, 30]);
    expectEqual(run("nearest", "alignCorners", 2), [0, 30]);
    expectEqual(run("nearest", "alignCorners", 7), [0, 10, 10, 20, 20, 30, 30]);
    expectEqual(run("linear", "asymmetric", 8), [0, 5, 10, 15, 20, 25, 30, 30]);
    expectEqual(run("linear", "halfPixel", 8), [0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30]);
    expectEqual(run("linear", "halfPixel", 2), [5, 25]);
    expectEqual(run("linear", "alignCorners", 7), [0, 5, 10, 15, 20, 25, 30]);
    expectEqual(run("linear", "alignCorners", 1), [0]);
    const cube = oracle.resize([integers(1, 2, 3, 4, 2)], {
      size: [4, 3, 2],
      method: "linear",
      coordinates: "halfPixel",
    });
    expect(cube[0].shape).toEqual([1, 4, 3, 2, 2]);
  });
});
