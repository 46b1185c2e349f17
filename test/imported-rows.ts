// Every kind of layer that only imported models have, by examples that file formats are held to.
import { between, floats, type ImportedRow, ints, listed, type RowInput, row } from "./imported-row.ts";

/** What is found is as long as it is, and shapes are to be known when a file is read. */
const counted = { notRead: "how many there are is known only at run time" };

const map = floats(2, 5, 6, 4);
const matrix = floats(3, 5);
const strange: RowInput = { shape: [8], data: [1, -1, 0, Infinity, -Infinity, NaN, 2.5, -2.5] };

const unary = [
  ...["log", "log2", "log1p", "rsqrt", "sqrt"].map((op) => row("unary", { op }, [between(0.1, 3, map)])),
  ...["asin", "acos", "atanh"].map((op) => row("unary", { op }, [between(-0.9, 0.9, map)])),
  row("unary", { op: "acosh" }, [between(1, 4, map)]),
  ...`expm1 exp2 floor ceil round trunc sign reciprocal square erf sin cos tan atan sinh cosh asinh cbrt abs neg exp tanh sigmoid
    relu softplus softsign gelu silu mish identity`
    .split(/\s+/)
    .map((op) => row("unary", { op }, [map])),
  row("unary", { op: "thresholdedRelu", p: 0.7 }, [matrix]),
  row("unary", { op: "thresholdedRelu" }, [matrix]),
  row("unary", { op: "shrink", p: 0.5, q: 0.2 }, [matrix]),
  row("unary", { op: "hardSigmoid", p: 0.3, q: 0.4 }, [matrix]),
  row("unary", { op: "hardSigmoid" }, [matrix]),
  row("unary", { op: "celu", p: 1.5 }, [matrix]),
  row("unary", { op: "scaledElu", p: 1.5, q: 0.8 }, [matrix]),
  row("unary", { op: "swish", p: 1.7 }, [matrix]),
  row("unary", { op: "leakyRelu", p: 0.2 }, [floats()]),
  ...["isNaN", "isInf", "isFinite"].map((op) => row("unary", { op }, [strange])),
  ...[1, -1].map((p) => row("unary", { op: "isInf", p }, [strange])),
  ...["not", "abs", "neg", "sign", "square", "bitNot", "relu"].map((op) =>
    row("unary", { op }, [ints(2, 3, 4)]),
  ),
];

const broadcasts = (type: (...shape: number[]) => RowInput): RowInput[][] => [
  [type(2, 3, 4), type(2, 3, 4)],
  [type(2, 3, 4, 5), type(3, 1, 5)],
  [type(), type(2, 3, 1)],
  [type(4), type(4)],
];

const arithmetic = [
  ...[
    "add",
    "sub",
    "mul",
    "div",
    "min",
    "max",
    "mod",
    "fmod",
    "floorDiv",
    "squaredDifference",
    "atan2",
  ].flatMap((op) => broadcasts(floats).map((inputs) => row("arithmetic", { op }, inputs))),
  row("arithmetic", { op: "pow" }, [between(0.1, 3, matrix), floats(5)]),
  ...["add", "sub", "mul", "min", "max", "and", "or", "xor", "squaredDifference"].flatMap((op) =>
    broadcasts(ints).map((inputs) => row("arithmetic", { op }, inputs)),
  ),
  ...["div", "mod", "fmod", "floorDiv"].flatMap((op) =>
    (
      [
        [1, 6],
        [-6, -1],
      ] as const
    ).map((range) => row("arithmetic", { op }, [between(-20, 20, ints(3, 5)), { ...ints(5), from: range }])),
  ),
  ...["pow", "shiftLeft", "shiftRight"].map((op) =>
    row("arithmetic", { op }, [ints(3, 5), between(0, 6, ints(5))]),
  ),
];

const comparisons = [
  ...["equal", "notEqual", "less", "lessOrEqual", "greater", "greaterOrEqual"].flatMap((op) => [
    ...broadcasts(floats).map((inputs) => row("compare", { op }, inputs)),
    row("compare", { op }, [strange, between(-1, 1, floats(8))]),
    row("compare", { op }, [between(0, 2, ints(3, 4)), between(0, 2, ints(4))]),
  ]),
  row("where", {}, [between(0, 1, ints(2, 3, 1)), floats(3, 4), floats()]),
  row("where", {}, [between(0, 1, ints(4)), ints(2, 3, 4), ints(3, 1)]),
  row("cast", { dtype: "int32" }, [between(-9, 9, map)]),
  row("cast", { dtype: "float32" }, [ints(2, 3, 4)]),
  row("cast", { dtype: "int32", bool: true }, [strange]),
  row("cast", { dtype: "int32", bool: true }, [ints(3, 4)]),
  row("cast", { dtype: "float32", bool: true }, [ints(3, 4)]),
  row("clip", { min: -0.5, max: 1.25 }, [map]),
  row("clip", { max: 0.25 }, [matrix]),
  row("clip", { min: 0 }, [matrix]),
  row("clip", { min: -2.5, max: 2.5 }, [ints(3, 4)]),
  row("clip", { min: -1 }, [ints(3, 4)]),
];

const REDUCTIONS = ["sum", "mean", "max", "min", "prod", "l1", "l2", "sumSquare", "logSumExp", "any", "all"];

const reductions = [
  ...REDUCTIONS.flatMap((op) => [
    row("reduction", { op, axes: [1, -1] }, [floats(2, 3, 4)]),
    row("reduction", { op, axes: [0], keepDims: true }, [map]),
    row("reduction", { op }, [matrix]),
    row("reduction", { op, axes: [0, 2] }, [between(-3, 3, ints(2, 3, 4))]),
    row("reduction", { op, axes: [], keepDims: true }, [between(-3, 3, ints(4))]),
  ]),
  row("reduction", { op: "logSum", axes: [1] }, [between(0.1, 2, floats(2, 3, 4))]),
  ...["max", "min"].flatMap((op) =>
    [true, false].flatMap((last) => [
      row("argExtreme", { op, axis: 1, last }, [floats(2, 4, 3)]),
      row("argExtreme", { op, axis: 0, last, keepDims: true }, [between(0, 2, ints(5, 3))]),
    ]),
  ),
  row("hardmax", { axis: 1 }, [map]),
  row("hardmax", {}, [matrix]),
  ...[true, false].flatMap((exclusive) =>
    [true, false].flatMap((reverse) => [
      row("cumulate", { op: "sum", axis: 1, exclusive, reverse }, [floats(2, 4, 3)]),
      row("cumulate", { op: "sum", axis: 0, exclusive, reverse }, [ints(5, 3)]),
    ]),
  ),
  row("cumulate", { op: "prod", axis: 0 }, [matrix], { refused: "there is no running product" }),
];

const gathers = [
  row("gather", { axis: 1 }, [floats(2, 4, 3), between(-4, 3, ints(2, 2))]),
  row("gather", { axis: 0 }, [ints(4, 3), listed([], 2)]),
  row("gather", { axis: 1, batchDims: 1 }, [floats(2, 4, 3), between(0, 3, ints(2, 5))]),
  row("gather", { axis: 2, batchDims: 1 }, [floats(2, 3, 4, 2), between(0, 3, ints(2, 5))]),
  row("gather", { axis: 1, indices: [0, 2, 2, -1] }, [floats(2, 4, 3)]),
  row("gather", { axis: -1, indices: [3, 0, 2, 1, 3, 0, 0, 2, 1, 3, 1, 2], indicesShape: [3, 4] }, [map]),
  row("gather", { axis: 1, indices: [1, 2, 3] }, [map]),
  row("gatherElements", { axis: 1 }, [floats(2, 4, 3), between(-4, 3, ints(2, 2, 3))]),
  row("gatherElements", { axis: 0 }, [ints(4, 3), between(0, 3, ints(2, 3))]),
  row("gatherND", {}, [floats(2, 3, 4), between(0, 1, ints(5, 2))]),
  row("gatherND", { batchDims: 1 }, [floats(2, 3, 4), between(-3, 2, ints(2, 5, 1))]),
  ...["none", "add", "mul", "min", "max"].flatMap((op) => [
    row("scatterND", { op }, [floats(4, 5), listed([3, 1], 0, 2, op === "none" ? 3 : 0), floats(3, 5)]),
    row("scatterElements", { op, axis: 1 }, [floats(2, 5), listed([2, 2], 0, 3, -1, 1), floats(2, 2)]),
    row("scatterElements", { op }, [ints(3, 2), listed([2, 2], 0, 1, 2, 2), ints(2, 2)]),
  ]),
  row("oneHot", { depth: 4 }, [between(-6, 6, ints(2, 5))]),
  row("oneHot", { depth: 3, axis: 0, on: 5, off: -1, dtype: "int32" }, [between(-3, 2, ints(2, 5))]),
  row("oneHot", { depth: 4, axis: 1, on: 0.5, wrap: false }, [between(-6, 6, ints(2, 5))]),
  row("topK", { k: 3, axis: 1 }, [floats(2, 5, 3)], { outputs: 2 }),
  row("topK", { k: 2, axis: 0, largest: false }, [between(0, 3, ints(6, 2))], { outputs: 2 }),
];

const pads = [
  [1, 2],
  [0, 0],
  [3, 0],
];

const moves = [
  row("stridedSlice", { begin: [1, 3, 5], size: [1, 2, 3], step: [1, -3, -2] }, [floats(2, 4, 6)]),
  row("stridedSlice", { begin: [0, 0], size: [2, 3], step: [1, 2] }, [ints(2, 5)]),
  row("stridedSlice", { begin: [0, 1, 0], size: [2, 2, 3], step: [1, 1, 1] }, [floats(2, 4, 3)]),
  row("stridedSlice", { begin: [0, 0], size: [2, 3], step: [1, 1] }, [ints(2, 3)]),
  row("tile", { repeats: [1, 2, 3] }, [floats(2, 3, 2)]),
  row("tile", { repeats: [2, 1] }, [ints(2, 3)]),
  row("expand", { shape: [3, 1, 4] }, [floats(2, 1)]),
  row("expand", { shape: [2, 3, 4] }, [ints(1, 3, 1)]),
  row("expand", { shape: [1, 1, 3, 4] }, [floats(3, 4)]),
  ...["constant", "reflect", "symmetric", "replicate", "wrap"].flatMap((mode) => [
    row("padAxes", { pads, mode }, [floats(4, 3, 5)]),
    row("padAxes", { pads, mode }, [ints(4, 3, 5)]),
  ]),
  row("padAxes", { pads: [[0, 0], [9, 7]], mode: "reflect" }, [floats(2, 3)]), // biome-ignore format: a list
  row("padAxes", { pads: [[0, 0], [1, 2], [0, 3], [0, 0]], value: 2 }, [map]), // biome-ignore format: a list
  row("padAxes", { pads: [[-1, 0], [-1, 2]], value: 7 }, [ints(3, 4)]), // biome-ignore format: a list
  ...[true, false].flatMap((upper) => [
    row("trilu", { upper, k: 1 }, [floats(2, 4, 5)]),
    row("trilu", { upper, k: -1 }, [ints(4, 3)]),
  ]),
  row("reverse", { axes: [0, -1] }, [floats(2, 4, 3)]),
  row("reverse", { axes: [1] }, [ints(3, 4)]),
  row("reverseSequence", { batchAxis: 1, timeAxis: 0 }, [floats(4, 3, 2), listed([3], 1, 4, 2)]),
  row("reverseSequence", { batchAxis: 2, timeAxis: 1 }, [floats(2, 4, 3), listed([3], 1, 4, 2)]),
  row("nonZero", {}, [between(0, 2, ints(3, 4))], { outputs: 2, ...counted }),
  row("nonZero", {}, [{ shape: [2, 3], data: [1, 0, 0, 2, 3, 0] }], { outputs: 2, ...counted }),
];

const boxes: RowInput = {
  shape: [1, 5, 4],
  data: [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1],
};
const scores: RowInput = { shape: [1, 2, 5], data: [0.9, 0.75, 0.6, 0.95, 0.5, 0.2, 0.7, 0.1, 0.3, 0.8] };

const selections = [
  row("nonMaxSuppression", { maxOutput: 3, iouThreshold: 0.5 }, [boxes, scores], { outputs: 2, ...counted }),
  row("nonMaxSuppression", { maxOutput: 9, iouThreshold: 0.5, scoreThreshold: 0.4 }, [boxes, scores], {
    outputs: 2,
    ...counted,
  }),
  row("nonMaxSuppression", { maxOutput: 3, iouThreshold: 0.3, center: true }, [boxes, scores], {
    outputs: 2,
    ...counted,
  }),
  ...[0.4, undefined].map((scoreThreshold) =>
    row(
      "nonMaxSuppressionTf",
      { maxOutput: 4, iouThreshold: 0.5, ...(scoreThreshold && { scoreThreshold }) },
      [
        { ...boxes, shape: [5, 4] },
        { shape: [5], data: [0.9, 0.75, 0.6, 0.95, 0.5] },
      ],
      { outputs: 3, ...counted },
    ),
  ),
  row("nonMaxSuppressionTf", { maxOutput: 4, softSigma: 0.5 }, [floats(5, 4), floats(5)], {
    outputs: 3,
    refused: "overlapping boxes lose score rather than be suppressed",
  }),
];

const image = floats(2, 7, 6, 3);

const windows = [
  row("maxPoolIndices", { size: 2, stride: 2 }, [image], { outputs: 2 }),
  row("maxPoolIndices", { size: [3, 2], padding: [[1, 0], [0, 1]], order: 1 }, [image], { outputs: 2 }), // biome-ignore format: a list
  row("maxPoolIndices", { size: 3, stride: 2, ceilMode: true }, [image], { outputs: 2 }),
  row("maxUnpool", { outputSize: [4, 4] }, [floats(1, 2, 2, 1), listed([1, 2, 2, 1], 5, 7, 13, 15)]),
  row("maxUnpool", { outputSize: [5, 6], indexSize: [4, 4] }, [
    floats(1, 2, 2, 1),
    listed([1, 2, 2, 1], 5, 7, 13, 15),
  ]),
  ...[1, 2, 3].map((p) => row("lpPool", { p, size: 3, stride: 2, padding: 1 }, [image])),
  row("lpPool", { size: 2, dilation: 2 }, [floats(1, 7, 2)]),
  row("poolWindows", { op: "average", size: 3, dilation: 2, padding: 2, countIncludePad: true }, [image]),
  row("poolWindows", { op: "average", size: 3, dilation: 2, padding: 1 }, [image]),
  row("poolWindows", { op: "average", size: 3, stride: 2, ceilMode: true }, [image]),
  row("poolWindows", { op: "max", size: 2, padding: 3, stride: 2 }, [image]),
  row("poolWindows", { op: "max", size: 3, dilation: 2, padding: 2 }, [image]),
];

const norms = [
  row("dynamicLayerNorm", { axes: [-1] }, [floats(2, 3, 4), floats(4), floats(4)], { outputs: 3 }),
  row("dynamicLayerNorm", { axes: [1, 2], epsilon: 1e-3 }, [floats(2, 3, 4)], { outputs: 3 }),
  row("lrn", { size: 5, alpha: 0.1, beta: 0.5, bias: 2 }, [map]),
  row("lrn", { size: 3, alpha: 0.3 }, [floats(2, 7, 6)]),
  row("lrn", { size: 3, alpha: 0.3 }, [floats(2, 6)]),
  row("lrn", { size: 4, alpha: 0.3 }, [map], { notRun: "it wants an odd size" }),
];

const products = [
  row("matmul", {}, [floats(3, 4), floats(4, 5)]),
  row("matmul", {}, [floats(2, 1, 3, 4), floats(5, 4, 2)]),
  row("matmul", { transposeA: true, transposeB: true }, [floats(2, 4, 3), floats(2, 5, 4)]),
  row("matmul", {}, [floats(4), floats(2, 4, 3)]),
  row("matmul", {}, [floats(2, 3, 4), floats(4)]),
  row("dynamicConv", { padding: 1, stride: 2 }, [image, floats(3, 2, 3, 5), floats(5)]),
  row("dynamicConv", { padding: "same", paddingMode: "reflect" }, [image, floats(3, 3, 3, 2)]),
  row("dynamicConv", { groups: 2, dilation: 2 }, [floats(1, 9, 4), floats(3, 2, 6)]),
  row("dynamicConvTranspose", { stride: 2, outputPadding: 1 }, [image, floats(3, 3, 3, 4), floats(4)]),
  row("dynamicConvTranspose", { groups: 2, padding: 1 }, [floats(1, 9, 4), floats(3, 2, 6)]),
  row("dynamicBatchNorm", {}, [image, floats(3), floats(3), floats(3), between(0.5, 2, floats(3))]),
  row("dynamicInstanceNorm", {}, [image, floats(3), floats(3)]),
  row("dynamicGroupNorm", { groups: 2 }, [map, floats(4), floats(4)]),
  row("dynamicPRelu", {}, [map, floats(4)]),
  row("dynamicPRelu", {}, [map, floats(2, 1, 6, 1)]),
];

const sized = (axes: number[], sizes: number[]) => ({ axes, sizes });
const inward = sized([1, 2], [10, 4]);

const resampled = [
  ...["nearest", "linear", "cubic"].flatMap((mode) =>
    ["halfPixel", "pytorchHalfPixel", "asymmetric", "alignCorners"].map((coordinates) =>
      row("interpolate", { ...inward, mode, coordinates }, [image]),
    ),
  ),
  ...["roundPreferFloor", "roundPreferCeil", "floor", "ceil"].map((nearest) =>
    row("interpolate", { ...inward, nearest, coordinates: "asymmetric" }, [image]),
  ),
  row("interpolate", { ...sized([2, 3], [10, 9]), mode: "linear" }, [floats(1, 2, 5, 6)]),
  row("interpolate", { ...sized([0, 1], [4, 9]) }, [floats(2, 3)]),
  row("interpolate", { ...sized([1, 2], [8, 3]) }, [ints(1, 4, 6, 2)]),
  row("interpolate", { ...sized([1, 2], [11, 9]), scales: [1.6, 1.5], mode: "linear" }, [image]),
  row("interpolate", { ...inward, mode: "cubic", cubicA: -0.5, excludeOutside: true }, [image]),
  row("interpolate", { ...inward, mode: "linear", antialias: true }, [image]),
  row("interpolate", { ...inward, mode: "linear", coordinates: "halfPixelSymmetric" }, [image]),
  row(
    "interpolate",
    {
      ...inward,
      mode: "linear",
      coordinates: "tfCropAndResize",
      roi: [
        [0.1, 1.2],
        [0.2, 0.7],
      ],
      extrapolation: 5,
    },
    [image],
  ),
  row("interpolate", { ...inward, coordinates: "tfHalfPixelForNN" }, [image], {
    refused: 'coordinates "tfHalfPixelForNN"',
  }),
  ...["nearest", "bilinear", "bicubic"].flatMap((mode) =>
    ["zeros", "border", "reflection"].map((padding) =>
      row("gridSample", { mode, padding, alignCorners: padding === "border" }, [
        image,
        between(-1.4, 1.4, floats(2, 4, 5, 2)),
      ]),
    ),
  ),
  ...[true, false].flatMap((halfPixel) =>
    ["avg", "max"].map((mode) =>
      row(
        "roiAlign",
        { mode, outputHeight: 3, outputWidth: 2, samplingRatio: 2, spatialScale: 0.5, halfPixel },
        [image, { shape: [2, 4], data: [0.5, 1, 9, 11, 2, 3, 7, 8] }, listed([2], 1, 0)],
      ),
    ),
  ),
  row("cropAndResize", { height: 3, width: 4 }, [image, floats(2, 4), listed([2], 1, 0)], {
    refused: 'its op "cropAndResize"',
  }),
];

/** Examples of each kind. */
export const importedRows: readonly ImportedRow[] = [
  ...unary,
  ...arithmetic,
  ...comparisons,
  ...reductions,
  ...gathers,
  ...moves,
  ...selections,
  ...windows,
  ...norms,
  ...products,
  ...resampled,
  row("constant", { shape: [2, 3], values: [1, -2, 3, 4, 5, -6] }, []),
  row("constant", { shape: [1, 2, 2, 2] }, [], {
    weights: { "layer.value": Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  }),
];
