// Graph models of TensorFlow.js: every kind of operator on small graphs, against numbers worked out by hand from TensorFlow's definitions.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromTfjs } from "../src/formats/tfjs/index.ts";
import { createEngine, type Engine, type ModelSource } from "../src/index.ts";
import {
  type Attr,
  attr,
  floats,
  type Graph,
  graphFunction,
  graphModel,
  ints,
  list,
  type Node,
  scalar,
  type Weight,
} from "./tfjs-graphs.ts";

const { b, f, i, s, type } = attr;

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine({ wasm: readFileSync(new URL("../build/simd.wasm", import.meta.url)) });
});
afterAll(() => engine.dispose());

type Numbers = Float32Array | Int32Array;

/** What the outputs of a graph hold, by name. */
function outputsOf({ json, bytes }: Graph, x: readonly number[], batchSize = 1): Record<string, number[]> {
  const source = fromTfjs(json, bytes);
  if (!("resolve" in source)) throw new Error("no graph model");
  const network = engine.compile(source, { batchSize });
  try {
    const integers = source.resolve().model.inputs[0].dtype === "int32";
    const given = integers ? Int32Array.from(x) : Float32Array.from(x);
    const made = network.predict(given as Float32Array) as Numbers | Record<string, Numbers>;
    const values = ArrayBuffer.isView(made) ? [made] : Object.values(made);
    return Object.fromEntries(source.outputs.map((name, k) => [name, Array.from(values[k])]));
  } finally {
    network.dispose();
  }
}

const range = (n: number, start = 0): number[] => Array.from({ length: n }, (_, k) => start + k);

/** One operator on x, with other inputs known: its values. */
function one(
  op: string,
  x: readonly number[],
  shape: readonly number[],
  weights: Readonly<Record<string, Weight>> = {},
  attributes: Attr = {},
  inputs: readonly string[] = ["x", ...Object.keys(weights)],
  dtype?: string,
): number[] {
  return outputsOf(graphModel([["y", op, inputs, attributes]], weights, shape, dtype), x).y;
}

function close(actual: readonly number[], expected: readonly number[], digits = 5): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, k) => {
    expect(actual[k], `element ${k}`).toBeCloseTo(value, digits);
  });
}

const X = [-2.5, -0.5, 0.5, 1.5];

describe("operators on each value", () => {
  it.each<[op: string, expected: (x: number) => number]>([
    ["Abs", Math.abs],
    ["Neg", (x) => -x],
    ["Exp", Math.exp],
    ["Expm1", Math.expm1],
    ["Square", (x) => x * x],
    ["Floor", Math.floor],
    ["Ceil", Math.ceil],
    ["Sign", Math.sign],
    ["Reciprocal", (x) => 1 / x],
    ["Sin", Math.sin],
    ["Cos", Math.cos],
    ["Tan", Math.tan],
    ["Atan", Math.atan],
    ["Sinh", Math.sinh],
    ["Cosh", Math.cosh],
    ["Asinh", Math.asinh],
    ["Tanh", Math.tanh],
    ["Sigmoid", (x) => 1 / (1 + Math.exp(-x))],
    ["Relu", (x) => Math.max(x, 0)],
    ["Relu6", (x) => Math.min(Math.max(x, 0), 6)],
    ["Elu", (x) => (x > 0 ? x : Math.expm1(x))],
    ["Selu", (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x))],
    ["Softplus", (x) => Math.log1p(Math.exp(x))],
    ["IsNan", () => 0],
    ["IsFinite", () => 1],
    ["ZerosLike", () => 0],
    ["OnesLike", () => 1],
    ["Identity", (x) => x],
    ["Round", (x) => [-2, -0, 0, 2][X.indexOf(x)]],
  ])("%s", (op, expected) => {
    // With x behind it, as constants alone are no network.
    const made = outputsOf(
      graphModel([
        ["y", op, ["x"]],
        ["z", "Cast", ["y"], { DstT: type("DT_FLOAT") }],
        ["nothing", "Sub", ["x", "x"]],
        ["sum", "Add", ["z", "nothing"]],
      ]),
      X,
    );
    close(made.sum, X.map(expected));
  });

  it("of positive values", () => {
    const x = [0.25, 1, 2, 9];
    close(one("Sqrt", x, [1, 4]), [0.5, 1, Math.SQRT2, 3]);
    close(one("Rsqrt", x, [1, 4]), [2, 1, Math.SQRT1_2, 1 / 3]);
    close(one("Log", x, [1, 4]), x.map(Math.log));
    close(one("Log1p", x, [1, 4]), x.map(Math.log1p));
    close(one("Acosh", [1, 2, 3, 4], [1, 4]), [1, 2, 3, 4].map(Math.acosh));
  });

  it("with parameters", () => {
    expect(one("LeakyRelu", [-4, -2, 0, 2], [1, 4], {}, { alpha: f(0.25) })).toEqual([-1, -0.5, 0, 2]);
    expect(one("Prelu", [-4, -2, 0, 2], [1, 4], { a: floats([4], 0.5, 0.25, 1, 1) })).toEqual([
      -2, -0.5, 0, 2,
    ]);
    expect(one("Prelu", [-4, -2, 0, 2], [1, 4], { a: floats([1, 1], 0.5) })).toEqual([-2, -1, 0, 2]);
    const alpha = floats([1, 2, 1], 0.5, 0.25);
    expect(one("Prelu", [-4, -4, -4, 4], [1, 2, 2], { alpha })).toEqual([-2, -2, -1, 4]);
    const limits = { low: floats([], -1), high: floats([], 1) };
    expect(one("ClipByValue", X, [1, 4], limits)).toEqual([-1, -0.5, 0.5, 1]);
  });

  it("two by two", () => {
    const y = { y0: floats([4], 2, -2, 4, 0.5) };
    expect(one("AddV2", X, [1, 4], y)).toEqual([-0.5, -2.5, 4.5, 2]);
    expect(one("Sub", X, [1, 4], y)).toEqual([-4.5, 1.5, -3.5, 1]);
    expect(one("Sub", X, [1, 4], y, {}, ["y0", "x"])).toEqual([4.5, -1.5, 3.5, -1]);
    expect(one("Mul", X, [1, 4], y)).toEqual([-5, 1, 2, 0.75]);
    expect(one("RealDiv", X, [1, 4], y)).toEqual([-1.25, 0.25, 0.125, 3]);
    expect(one("FloorDiv", X, [1, 4], y)).toEqual([-2, 0, 0, 3]);
    expect(one("FloorMod", X, [1, 4], y)).toEqual([1.5, -0.5, 0.5, 0]);
    expect(one("Maximum", X, [1, 4], y)).toEqual([2, -0.5, 4, 1.5]);
    expect(one("Minimum", X, [1, 4], y)).toEqual([-2.5, -2, 0.5, 0.5]);
    expect(one("SquaredDifference", X, [1, 4], y)).toEqual([20.25, 2.25, 12.25, 1]);
    close(one("Pow", [1, 2, 3, 4], [1, 4], y), [1, 0.25, 81, 2]);
    close(
      one("Atan2", X, [1, 4], y),
      X.map((x, k) => Math.atan2(x, [2, -2, 4, 0.5][k])),
    );
    expect(one("DivNoNan", X, [1, 4], { y0: floats([4], 0, -2, 0, 0.5) })).toEqual([0, 0.25, 0, 3]);
    expect(one("AddN", X, [1, 4], { ...y, z: floats([1, 4], 1, 1, 1, 1) })).toEqual([0.5, -1.5, 5.5, 3]);
    expect(one("BiasAdd", X, [1, 4], y)).toEqual([-0.5, -2.5, 4.5, 2]);
  });

  it("with constants made by a rule", () => {
    const graph = graphModel(
      [
        ["spaced", "LinSpace", ["start", "stop", "count"]],
        ["y", "Mul", ["x", "spaced"]],
      ],
      { start: floats([], 1), stop: floats([], 2), count: scalar(3) },
      [1, 3],
    );
    expect(outputsOf(graph, [2, 2, 2]).y).toEqual([2, 3, 4]);
  });

  it("broadcast", () => {
    const row = floats([2], 10, 20);
    expect(one("Add", [1, 2, 3, 4], [1, 2, 2], { row })).toEqual([11, 22, 13, 24]);
    const column = floats([2, 1], 10, 20);
    expect(one("Mul", [1, 2, 3, 4], [1, 2, 2], { column })).toEqual([10, 20, 60, 80]);
  });

  it("compare, choose and count", () => {
    const nodes: Node[] = [
      ["more", "Greater", ["x", "limit"]],
      ["same", "Equal", ["x", "limit"]],
      ["not", "LogicalNot", ["more"]],
      ["either", "LogicalOr", ["same", "more"]],
      ["both", "LogicalAnd", ["not", "either"]],
      ["y", "SelectV2", ["both", "x", "other"]],
      ["count", "Cast", ["either"], { DstT: type("DT_INT32") }],
    ];
    const made = outputsOf(graphModel(nodes, { limit: floats([], 0.5), other: floats([4], 7, 8, 9, 10) }), X);
    expect(made).toEqual({ y: [7, 8, 0.5, 10], count: [0, 0, 1, 1] });
  });

  it("on integers", () => {
    const y = { other: list(2, -2, 3, 5) };
    const run = (op: string) => one(op, [-7, 7, 8, 2], [4], y, {}, ["x", "other"], "DT_INT32");
    expect(run("FloorDiv")).toEqual([-4, -4, 2, 0]);
    expect(run("FloorMod")).toEqual([1, -1, 2, 2]);
    expect(run("Maximum")).toEqual([2, 7, 8, 5]);
    expect(run("Mul")).toEqual([-14, -14, 24, 10]);
    const matrix = ints([2, 2], 16_777_217, 1, 0, 1);
    const flags = { transpose_a: b(false), transpose_b: b(true) };
    expect(one("MatMul", [1, 2, 0, 1], [2, 2], { matrix }, flags, ["x", "matrix"], "DT_INT32")).toEqual([
      16_777_219, 2, 1, 1,
    ]);
  });
});

describe("operators along axes", () => {
  const x = [1, 5, 5, 2, 0, 3];
  const along = (op: string, axes: Weight, keep: boolean) =>
    one(op, x, [2, 3], { axes }, { keep_dims: b(keep) });

  it("reduce", () => {
    expect(along("Sum", list(1), false)).toEqual([11, 5]);
    expect(along("Mean", list(0), true)).toEqual([1.5, 2.5, 4]);
    expect(along("Max", scalar(-1), false)).toEqual([5, 3]);
    expect(along("Min", list(0, 1), false)).toEqual([0]);
    expect(along("Prod", list(1), false)).toEqual([25, 0]);
    close(along("EuclideanNorm", list(1), false), [Math.sqrt(51), Math.sqrt(13)]);
  });

  it("find and order", () => {
    const axis = { axis: scalar(1) };
    expect(one("ArgMax", x, [2, 3], axis)).toEqual([1, 2]);
    expect(one("ArgMin", x, [2, 3], axis)).toEqual([0, 1]);
    const graph = graphModel(
      [
        ["top", "TopKV2", ["x", "k"], { sorted: b(true) }],
        ["values", "Identity", ["top"]],
        ["indices", "Identity", ["top:1"]],
      ],
      { k: scalar(2) },
      [2, 3],
    );
    expect(outputsOf(graph, x)).toEqual({ values: [5, 5, 3, 2], indices: [1, 2, 2, 0] });
    expect(one("Cumsum", x, [2, 3], axis, { exclusive: b(true), reverse: b(false) })).toEqual([
      0, 1, 6, 0, 2, 2,
    ]);
    const e = x.map(Math.exp);
    const sums = [e[0] + e[1] + e[2], e[3] + e[4] + e[5]];
    close(
      one("Softmax", x, [2, 3]),
      e.map((v, k) => v / sums[Math.floor(k / 3)]),
    );
    close(
      one("LogSoftmax", x, [2, 3]),
      x.map((v, k) => v - Math.log(sums[Math.floor(k / 3)])),
    );
  });

  it("gather and scatter", () => {
    expect(one("GatherV2", x, [2, 3], { at: list(2, 0), axis: scalar(1) })).toEqual([5, 1, 3, 2]);
    expect(one("GatherNd", x, [2, 3], { at: ints([2, 2], 1, 2, 0, 1) })).toEqual([3, 5]);
    const scattered = outputsOf(
      graphModel(
        [["y", "ScatterNd", ["at", "x", "shape"]]],
        { at: ints([2, 1], 2, 0), shape: list(3, 3) },
        [2, 3],
      ),
      x,
    );
    expect(scattered.y).toEqual([2, 0, 3, 0, 0, 0, 1, 5, 5]);
    const dense = outputsOf(
      graphModel(
        [["y", "SparseToDense", ["at", "shape", "x", "rest"]]],
        { at: list(3, 1), shape: list(5), rest: floats([], 9) },
        [2],
      ),
      [4, 5],
    );
    expect(dense.y).toEqual([9, 5, 9, 4, 9]);
    const hot = { depth: scalar(3), on: floats([], 2), off: floats([], -1) };
    const inputs = ["x", "depth", "on", "off"];
    expect(one("OneHot", [2, -1], [2], hot, { axis: i(-1) }, inputs, "DT_INT32")).toEqual([
      -1, -1, 2, -1, -1, -1,
    ]);
  });
});

describe("operators on shapes", () => {
  const x = range(6);

  it("reorder, cut and join", () => {
    expect(one("Transpose", x, [2, 3], { perm: list(1, 0) })).toEqual([0, 3, 1, 4, 2, 5]);
    expect(one("Slice", x, [2, 3], { begin: list(0, 1), size: list(-1, 2) })).toEqual([1, 2, 4, 5]);
    expect(one("ReverseV2", x, [2, 3], { axes: list(1) })).toEqual([2, 1, 0, 5, 4, 3]);
    expect(one("Tile", x, [2, 3], { times: list(1, 2) })).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]);
    expect(one("BroadcastTo", [1, 2], [2, 1], { shape: list(2, 2, 2) })).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
    const joined = graphModel(
      [
        ["parts", "SplitV", ["x", "sizes", "axis"], { num_split: i(2) }],
        ["halves", "Split", ["zero", "x"], { num_split: i(2) }],
        ["turned", "ConcatV2", ["parts:1", "parts", "axis"]],
        ["rows", "Pack", ["halves:1", "halves"], { axis: i(1) }],
        ["columns", "Unpack", ["x"], { axis: i(1), num: i(3) }],
        ["third", "Identity", ["columns:2"]],
      ],
      { sizes: list(1, -1), axis: scalar(1), zero: scalar(0) },
      [2, 3],
    );
    expect(outputsOf(joined, x)).toEqual({
      turned: [1, 2, 0, 4, 5, 3],
      rows: [3, 4, 5, 0, 1, 2],
      third: [2, 5],
    });
  });

  it("pad", () => {
    const by = { by: ints([2, 2], 1, 0, 0, 1) };
    expect(one("Pad", [1, 2], [1, 2], by)).toEqual([0, 0, 0, 1, 2, 0]);
    expect(one("PadV2", [1, 2], [1, 2], { ...by, value: floats([], 7) })).toEqual([7, 7, 7, 1, 2, 7]);
    const around = { by: ints([2, 2], 0, 0, 2, 1) };
    expect(one("MirrorPad", [1, 2, 3], [1, 3], around, { mode: s("REFLECT") })).toEqual([3, 2, 1, 2, 3, 2]);
    expect(one("MirrorPad", [1, 2, 3], [1, 3], around, { mode: s("SYMMETRIC") })).toEqual([2, 1, 1, 2, 3, 3]);
  });

  it("slice by strides and masks", () => {
    const cut = (begin: number[], end: number[], step: number[], masks: Record<string, number> = {}) =>
      one(
        "StridedSlice",
        range(12),
        [3, 4],
        { begin: list(...begin), end: list(...end), step: list(...step) },
        Object.fromEntries(Object.entries(masks).map(([name, mask]) => [`${name}_mask`, i(mask)])),
      );
    expect(cut([1, 0], [3, 3], [1, 2])).toEqual([4, 6, 8, 10]);
    expect(cut([-1, 0], [0, 0], [-1, 1], { end: 3 })).toEqual([8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]);
    expect(cut([2, 1], [0, 4], [1, 1], { shrink_axis: 1 })).toEqual([9, 10, 11]);
    expect(cut([0, -1], [0, 9], [1, 1], { ellipsis: 1 })).toEqual([3, 7, 11]);
    expect(cut([0, 1], [0, 2], [1, 1], { new_axis: 1, shrink_axis: 2 })).toEqual([4, 5, 6, 7]);
  });

  it("are computed when the model is compiled, for any batch", () => {
    const graph = graphModel(
      [
        ["shape", "Shape", ["x"]],
        ["n", "StridedSlice", ["shape", "zero", "one", "one"], { shrink_axis_mask: i(1) }],
        ["rest", "Prod", ["shape", "zero"], { keep_dims: b(false) }],
        ["columns", "FloorDiv", ["rest", "n"]],
        ["flat", "Pack", ["n", "columns"], { axis: i(0) }],
        ["row", "Reshape", ["x", "flat"]],
        ["y", "Add", ["row", "bias"]],
      ],
      { zero: list(0), one: list(1), bias: floats([4], 10, 20, 30, 40) },
      [-1, 2, 2],
    );
    // The constants "zero" and "one" are lists, from which a single number is taken.
    expect(outputsOf(graph, [1, 2, 3, 4]).y).toEqual([11, 22, 33, 44]);
    expect(outputsOf(graph, range(8), 2).y).toEqual([10, 21, 32, 43, 14, 25, 36, 47]);
  });

  it("of pixels and channels", () => {
    const image = range(16);
    const there = one("SpaceToDepth", image, [1, 4, 4, 1], {}, { block_size: i(2) });
    expect(there).toEqual([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
    expect(one("DepthToSpace", there, [1, 2, 2, 4], {}, { block_size: i(2) })).toEqual(image);
    const blocks = { block: list(2, 2), by: ints([2, 2], 0, 0, 0, 0) };
    const dealt = one("SpaceToBatchND", image, [1, 4, 4, 1], blocks);
    expect(dealt).toEqual([0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15]);
    expect(one("BatchToSpaceND", dealt, [4, 2, 2, 1], blocks)).toEqual(image);
  });
});

describe("operators on images", () => {
  const same = { padding: s("SAME"), strides: attr.ints(1, 1, 1, 1) };
  const valid = { padding: s("VALID"), strides: attr.ints(1, 1, 1, 1) };

  it("convolve", () => {
    const filter = floats([2, 2, 1, 1], 1, 2, 3, 4);
    const image = range(9);
    expect(one("Conv2D", image, [1, 3, 3, 1], { filter }, valid)).toEqual([27, 37, 57, 67]);
    expect(one("Conv2D", image, [1, 3, 3, 1], { filter }, same)).toEqual([27, 37, 17, 57, 67, 29, 20, 23, 8]);
    const explicit = {
      ...valid,
      padding: s("EXPLICIT"),
      explicit_paddings: attr.ints(0, 0, 1, 0, 0, 0, 0, 0),
    };
    expect(one("Conv2D", image, [1, 3, 3, 1], { filter }, explicit)).toEqual([4, 11, 27, 37, 57, 67]);
    const first = { ...valid, data_format: s("NCHW") };
    const two = floats([1, 1, 2, 1], 1, 10);
    expect(one("Conv2D", range(8), [1, 2, 2, 2], { two }, first)).toEqual([40, 51, 62, 73]);
    const fused = { ...valid, fused_ops: attr.texts("BiasAdd", "Relu6") };
    expect(one("_FusedConv2D", image, [1, 3, 3, 1], { filter, bias: floats([1], -51) }, fused)).toEqual([
      0, 0, 6, 6,
    ]);
    const slope = { filter, bias: floats([1], -40), alpha: floats([1, 1, 1], 0.5) };
    const prelu = { ...valid, fused_ops: attr.texts("BiasAdd", "Prelu") };
    expect(one("_FusedConv2D", image, [1, 3, 3, 1], slope, prelu)).toEqual([-6.5, -1.5, 17, 27]);
  });

  it("convolve each channel", () => {
    const filter = floats([1, 1, 2, 2], 1, 2, 3, 4);
    expect(one("DepthwiseConv2dNative", [1, 10, 2, 20], [1, 1, 2, 2], { filter }, valid)).toEqual([
      1, 2, 30, 40, 2, 4, 60, 80,
    ]);
  });

  it("convolve what is known only when the network runs", () => {
    const graph = graphModel(
      [
        ["filter", "Reshape", ["x", "shape"]],
        ["y", "Conv2D", ["image", "filter"], valid],
      ],
      { shape: list(2, 2, 1, 1), image: floats([1, 3, 3, 1], ...range(9)) },
    );
    expect(outputsOf(graph, [1, 2, 3, 4]).y).toEqual([27, 37, 57, 67]);
  });

  it("turn convolutions round", () => {
    const filter = floats([2, 2, 1, 1], 1, 2, 3, 4);
    const graph = (padding: string, size: number) =>
      graphModel(
        [
          [
            "y",
            "Conv2DBackpropInput",
            ["size", "filter", "x"],
            { padding: s(padding), strides: attr.ints(1, 2, 2, 1) },
          ],
        ],
        { size: list(1, size, size, 1), filter },
        [1, 2, 2, 1],
      );
    const whole = [1, 2, 2, 4, 3, 4, 6, 8, 3, 6, 4, 8, 9, 12, 12, 16];
    expect(outputsOf(graph("VALID", 4), [1, 2, 3, 4]).y).toEqual(whole);
    expect(outputsOf(graph("SAME", 4), [1, 2, 3, 4]).y).toEqual(whole);
    // A convolution with padding "same" of 3 x 3 by strides of 2 has 2 x 2 pixels, and 1 of padding at the end.
    expect(outputsOf(graph("SAME", 3), [1, 2, 3, 4]).y).toEqual([1, 2, 2, 3, 4, 6, 3, 6, 4]);
    expect(outputsOf(graph("VALID", 5), [1, 2, 3, 4]).y.slice(0, 5)).toEqual([1, 2, 2, 4, 0]);
    expect(() => outputsOf(graph("SAME", 9), [1, 2, 3, 4])).toThrow(/does not go with/);
  });

  it("see dilations where pixels are dealt out and put together again", () => {
    const filter = floats([3, 3, 1, 1], ...range(9, 1));
    const blocks = { block: list(2, 2), by: ints([2, 2], 2, 2, 2, 3), crops: ints([2, 2], 0, 0, 0, 1) };
    const nodes: Node[] = [
      ["dealt", "SpaceToBatchND", ["x", "block", "by"]],
      ["made", "Conv2D", ["dealt", "filter"], valid],
      ["y", "BatchToSpaceND", ["made", "block", "crops"]],
    ];
    const dealt = graphModel(nodes, { filter, ...blocks }, [1, 4, 5, 1]);
    const plain = graphModel(
      [["y", "Conv2D", ["x", "filter"], { ...same, dilations: attr.ints(1, 2, 2, 1) }]],
      { filter },
      [1, 4, 5, 1],
    );
    expect(outputsOf(dealt, range(20)).y).toEqual(outputsOf(plain, range(20)).y);
    const kinds = (
      fromTfjs(dealt.json, dealt.bytes) as Exclude<ReturnType<typeof fromTfjs>, { model: unknown }>
    )
      .resolve()
      .model.layers.map(({ kind }) => kind);
    expect(kinds).not.toContain("transpose");
    // The grids themselves are an output, too: then they are made.
    const both = graphModel(
      [...nodes, ["grids", "Identity", ["dealt"]]],
      { filter, ...blocks },
      [1, 4, 5, 1],
    );
    expect(outputsOf(both, range(20)).y).toEqual(outputsOf(plain, range(20)).y);
  });

  it("pool and normalise", () => {
    const window = { ksize: attr.ints(1, 2, 2, 1), strides: attr.ints(1, 2, 2, 1), padding: s("SAME") };
    expect(one("MaxPool", range(9), [1, 3, 3, 1], {}, window)).toEqual([4, 5, 7, 8]);
    expect(one("AvgPool", range(9), [1, 3, 3, 1], {}, window)).toEqual([2, 3.5, 6.5, 8]);
    const statistics = {
      gamma: floats([2], 2, 1),
      beta: floats([2], 1, 0),
      mean: floats([2], 1, 2),
      variance: floats([2], 3, 0),
    };
    const graph = graphModel(
      [
        [
          "y",
          "FusedBatchNormV3",
          ["x", ...Object.keys(statistics)],
          { epsilon: f(1), is_training: b(false) },
        ],
      ],
      statistics,
      [1, 1, 2, 2],
    );
    close(outputsOf(graph, [1, 2, 5, 6]).y, [1, 0, 5, 4]);
    const squares = { depth_radius: i(1), alpha: f(1), beta: f(1), bias: f(1) };
    close(one("LRN", [1, 2, 3, 4], [1, 1, 1, 4], {}, squares), [1 / 6, 2 / 15, 3 / 30, 4 / 26]);
  });

  it("resize", () => {
    const size = { size: list(1, 4) };
    const bilinear = (flags: Attr) => one("ResizeBilinear", [0, 4], [1, 1, 2, 1], size, flags);
    expect(bilinear({})).toEqual([0, 2, 4, 4]);
    expect(bilinear({ half_pixel_centers: b(true) })).toEqual([0, 1, 3, 4]);
    close(bilinear({ align_corners: b(true) }), [0, 4 / 3, 8 / 3, 4]);
    const nearest = (flags: Attr) => one("ResizeNearestNeighbor", [0, 1, 2], [1, 1, 3, 1], size, flags);
    expect(nearest({})).toEqual([0, 0, 1, 2]);
    expect(nearest({ align_corners: b(true) })).toEqual([0, 1, 1, 2]);
    const crops = {
      boxes: floats([1, 4], 0, 0, 1, 0.5),
      index: list(0),
      size: list(1, 2),
    };
    expect(one("CropAndResize", [0, 4, 8], [1, 1, 3, 1], crops, { method: s("bilinear") })).toEqual([0, 4]);
  });

  it("leave out boxes that overlap better ones", () => {
    const graph = graphModel(
      [
        [
          "kept",
          "NonMaxSuppressionV4",
          ["boxes", "x", "most", "iou", "least"],
          { pad_to_max_output_size: b(true) },
        ],
        ["indices", "Identity", ["kept"]],
        ["count", "Identity", ["kept:1"]],
      ],
      {
        boxes: floats([3, 4], 0, 0, 1, 1, 0, 0, 1, 0.9, 2, 2, 3, 3),
        most: scalar(3),
        iou: floats([], 0.5),
        least: floats([], 0),
      },
      [3],
    );
    expect(outputsOf(graph, [0.5, 0.9, 0.7])).toEqual({ indices: [1, 2, 0], count: [2] });
  });

  it("multiply matrices", () => {
    const m = floats([2, 2], 1, 2, 3, 4);
    expect(one("MatMul", [1, 10], [1, 2], { m })).toEqual([31, 42]);
    expect(one("MatMul", [1, 10], [1, 2], { m }, { transpose_b: b(true) })).toEqual([21, 43]);
    const fused = { fused_ops: attr.texts("BiasAdd", "Relu") };
    expect(one("_FusedMatMul", [1, 10], [1, 2], { m, bias: floats([2], -40, 1) }, fused)).toEqual([0, 43]);
    const batch = floats([2, 2, 1], 1, 10, 1, -1);
    expect(one("BatchMatMulV2", [1, 2, 3, 4], [2, 1, 2], { batch })).toEqual([21, -1]);
    const equation = { equation: s("bij,bjk->bki") };
    expect(one("Einsum", [1, 2, 3, 4], [2, 1, 2], { batch }, equation)).toEqual([21, -1]);
    expect(one("BatchMatMulV2", [1, 2, 3, 4], [2, 1, 2], {}, { adj_y: b(true) }, ["x", "x"])).toEqual([
      5, 25,
    ]);
  });
});

describe("control flow", () => {
  const branches = (value: number): Graph =>
    graphModel(
      [
        ["there", "Switch", ["x", "condition"]],
        ["no", "Neg", ["there"]],
        ["yes", "Add", ["there:1", "there:1"]],
        ["y", "Merge", ["no", "yes"]],
        ["index", "Identity", ["y:1"]],
        ["sum", "Cast", ["index"], { DstT: type("DT_FLOAT") }],
        ["z", "Add", ["y", "sum"]],
      ],
      { condition: { shape: [], data: [value], dtype: "bool" } },
      [1, 2],
    );

  it("takes branches that are known", () => {
    expect(outputsOf(branches(0), [1, 2]).z).toEqual([-1, -2]);
    expect(outputsOf(branches(1), [1, 2]).z).toEqual([3, 5]);
  });

  const withFunctions = (nodes: Node[], functions: object[], weights = {}): Graph => {
    const graph = graphModel(nodes, weights, [1, 2]);
    graph.json.modelTopology.library = { function: functions };
    return graph;
  };
  const twice = graphFunction("twice", ["a"], [["sum", "AddV2", ["a", "a"]]], ["sum:z:0"]);
  const top = graphFunction(
    "top",
    ["a"],
    [
      ["k", "Const"],
      ["best", "TopKV2", ["a", "k:output:0"]],
      ["i", "Cast", ["best:indices:0"], { DstT: type("DT_FLOAT") }],
    ],
    ["i:y:0"],
  );

  it("calls functions", () => {
    const call: Node = ["y", "StatefulPartitionedCall", ["x"], { f: attr.func("twice") }];
    expect(outputsOf(withFunctions([call], [twice]), [1, 2]).y).toEqual([2, 4]);
    const chosen: Node = [
      "y",
      "StatelessIf",
      ["condition", "x"],
      { then_branch: attr.func("twice"), else_branch: attr.func("top") },
    ];
    const conditions = (value: number) => ({
      condition: { shape: [], data: [value], dtype: "bool" },
      k: scalar(1),
    });
    expect(outputsOf(withFunctions([chosen], [twice, top], conditions(1)), [1, 2]).y).toEqual([2, 4]);
    expect(outputsOf(withFunctions([chosen], [twice, top], conditions(0)), [1, 2]).y).toEqual([1]);
  });

  it("repeats what is known to end", () => {
    const condition = graphFunction(
      "below",
      ["n", "a"],
      [
        ["three", "Const"],
        ["less", "Less", ["n", "three:output:0"]],
      ],
      ["less:z:0"],
    );
    const body = graphFunction(
      "body",
      ["n", "a"],
      [
        ["one", "Const"],
        ["next", "AddV2", ["n", "one:output:0"]],
        ["sum", "AddV2", ["a", "a"]],
      ],
      ["next:z:0", "sum:z:0"],
    );
    const attributes = { cond: attr.func("below"), body: attr.func("body") };
    const nodes: Node[] = [
      ["loop", "StatelessWhile", ["zero", "x"], attributes],
      ["y", "Identity", ["loop:1"]],
    ];
    const numbers = { zero: scalar(0), one: scalar(1), three: scalar(3) };
    expect(outputsOf(withFunctions(nodes, [condition, body], numbers), [1, 2]).y).toEqual([8, 16]);
    const forever = { ...numbers, one: scalar(0) };
    expect(() => outputsOf(withFunctions(nodes, [condition, body], forever), [1, 2])).toThrow(
      /more than 20000 layers/,
    );
    const float = { ...numbers, zero: floats([], 0), one: floats([], 1), three: floats([], 3) };
    const onInput: Node[] = [["loop", "StatelessWhile", ["x", "x"], attributes], nodes[1]];
    expect(() => outputsOf(withFunctions(onInput, [condition, body], float), [1, 2])).toThrow(
      /known only when the network runs/,
    );
  });

  it("does not follow functions that call themselves", () => {
    const again = graphFunction(
      "again",
      ["a"],
      [["b", "PartitionedCall", ["a"], { f: attr.func("again") }]],
      ["b:output:0"],
    );
    const call: Node = ["y", "PartitionedCall", ["x"], { f: attr.func("again") }];
    expect(() => outputsOf(withFunctions([call], [again]), [1, 2])).toThrow(/nested more than 32 deep/);
  });
});

describe("files", () => {
  const relu = (): Graph => graphModel([["y", "Relu", ["x"]]], {}, [1, 2]);

  it("name inputs and outputs by their signature", () => {
    const graph = graphModel(
      [
        ["a", "Relu", ["x"]],
        ["b", "Neg", ["a"]],
      ],
      {},
      [-1, 2],
    );
    graph.json.signature = {
      inputs: { picture: { name: "x:0", dtype: "DT_FLOAT" } },
      outputs: { "b:0": { name: "b:0" }, middle: { name: "a:0" } },
    };
    const source = fromTfjs(graph.json, graph.bytes);
    expect(source).toMatchObject({
      inputs: [{ name: "picture", shape: [null, 2], type: "float" }],
      outputs: ["b", "middle"],
    });
    expect(outputsOf(graph, [-1, 2])).toEqual({ b: [-0, -2], middle: [0, 2] });
    // Not "b_1", though a node has the name, too.
    expect("resolve" in source && source.resolve().model.outputs).toEqual(["b", "middle"]);
  });

  it("hold quantised weights, and integers with all their bits", () => {
    const graph = graphModel([["y", "Mul", ["x", "w"]]], {}, [1, 3]);
    graph.json.modelTopology.node.push({ name: "w", op: "Const" });
    const quantization = { dtype: "uint8", scale: 0.5, min: -1 };
    graph.json.weightsManifest[0].weights.push({ name: "w", shape: [3], dtype: "float32", quantization });
    const full = { ...graph, bytes: Uint8Array.of(0, 2, 6) };
    expect(outputsOf(full, [1, 1, 2]).y).toEqual([-1, 0, 4]);
    const large = graphModel([["y", "Add", ["x", "w"]]], { w: list(16_777_217) }, [1], "DT_INT32");
    expect(outputsOf(large, [2]).y).toEqual([16_777_219]);
  });

  it("take values of inputs that are known, and shapes that the graph leaves out", () => {
    const graph = graphModel(
      [
        [
          "scale",
          "Placeholder",
          [],
          { dtype: type("DT_FLOAT"), shape: { shape: { unknownRank: true } } as never },
        ],
        ["y", "Mul", ["x", "scale"]],
      ],
      {},
      [1, 2],
    );
    expect(() => fromTfjs(graph.json, graph.bytes)).toThrow(/nothing is known of the shape of input "scale"/);
    const run = (options: object, inputs: object) => {
      const network = engine.compile(fromTfjs(graph.json, graph.bytes, options));
      return Array.from(network.predict(inputs as never) as unknown as Float32Array);
    };
    expect(run({ known: { scale: 3 } }, Float32Array.of(1, 2))).toEqual([3, 6]);
    const both = { x: Float32Array.of(1, 2), scale: Float32Array.of(4, 5) };
    expect(run({ shapes: { scale: [1, 2] } }, both)).toEqual([4, 10]);
    expect(() => fromTfjs(graph.json, graph.bytes, { known: { other: 1 } })).toThrow(
      /"other", which is no input/,
    );
  });

  it("that need what is not there are refused", () => {
    const refuses = (nodes: Node[], message: RegExp, weights = {}): void => {
      expect(() => outputsOf(graphModel(nodes, weights), X)).toThrow(message);
    };
    refuses(
      [
        ["a", "Fft", ["x"]],
        ["b", "Fft", ["a"]],
        ["c", "Where", ["b"]],
      ],
      /operators that are not supported: Fft \("a"\), Where \("c"\)$/,
    );
    refuses([["y", "NonMaxSuppressionV5", ["x"]]], /not supported: NonMaxSuppressionV5/);
    // Names of operators that every object has.
    for (const op of ["constructor", "toString", "__proto__"])
      refuses([["y", op, ["x"]]], /operators that are not supported/);
    refuses([["y", "Relu", ["z"]]], /Relu "y": reads "z", which is no node/);
    refuses([["y", "Relu", ["x:1"]]], /reads output 1 of "x", which has 1/);
    refuses([["y", "Add", ["x"]]], /has 1 inputs but needs 2/);
    refuses([["y", "Add", ["x", "w"]]], /no weight of that name|is no node/);
    refuses(
      [
        ["y", "Add", ["x", "w"]],
        ["w", "Const"],
      ],
      /Const "w": the manifest lists no weight/,
    );
    refuses(
      [["y", "Unpack", ["x"], { axis: attr.i(1), num: attr.i(3) }]],
      /num is 3 but axis 1 of the input has 4/,
    );
    const wide = graphModel([["y", "Unpack", ["x"], { axis: attr.i(1) }]], {}, [1, 2 ** 28]);
    expect(() => (fromTfjs(wide.json, wide.bytes) as ModelSource).resolve()).toThrow(
      /268435456 parts are more than 4096/,
    );
    refuses([["y", "Reshape", ["x", "shape"]]], /4 values cannot have the shape \[3\]/, { shape: list(3) });
    refuses(
      [
        ["n", "Cast", ["x"], { DstT: type("DT_INT32") }],
        ["y", "Fill", ["n", "x"]],
      ],
      /must be known when the model is compiled/,
    );
    refuses(
      [
        ["y", "Switch", ["x", "c"]],
        ["c", "IsNan", ["x"]],
      ],
      /known only when the network runs/,
    );
    refuses(
      [
        ["a", "Add", ["x", "b"]],
        ["b", "Neg", ["a"]],
        ["y", "Neg", ["a"]],
      ],
      /in a circle/,
    );
    refuses([["y", "PartitionedCall", ["x"], { f: attr.func("f") }]], /calls "f", which is no function/);
    refuses([["y", "Conv2D", ["x", "x"], { padding: s("SAME") }]], /must have 4 axes/);
    refuses([["y", "Cast", ["x"], { DstT: type("DT_STRING") }]], /tensors of type DT_STRING/);
    refuses([["y", "Add", ["x", "w"]]], /a value of type float and one of type int/, { w: list(1, 2, 3, 4) });
  });

  it("are read from bytes, too", () => {
    const { json, bytes } = relu();
    expect(fromTfjs(new TextEncoder().encode(JSON.stringify(json)), [bytes])).toMatchObject({
      outputs: ["y"],
    });
  });
});
