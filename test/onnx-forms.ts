// Operators in the forms that the ONNX project's cases, which end with opset 17, do not have: old attributes, new inputs, new operators.
// Each is a graph from x (and z) to y. What onnxruntime answers is in test/fixtures/onnx-forms.json (scripts/onnx-forms.ts asks it).
import {
  type Attribute,
  floats,
  type GraphFile,
  ints,
  type Known,
  type Node,
  one,
  shaped,
} from "./onnx-graph.ts";

export interface Form extends GraphFile {
  readonly name: string;
}

const form = (
  name: string,
  opset: number,
  shape: readonly number[],
  nodes: readonly Node[],
  constants: Readonly<Record<string, Known>> = {},
  z?: readonly number[],
): Form => ({ name, opset, nodes, constants, inputs: { x: shape, ...(z && { z }) }, outputs: "y" });

/** One node, from x and constants to y; what is no float is cast to be. */
const single = (
  op: string,
  opset: number,
  shape: readonly number[],
  attributes: Readonly<Record<string, Attribute>> = {},
  constants: Readonly<Record<string, Known>> = {},
  note = "",
): Form =>
  form(
    `${op} ${opset}${note && `, ${note}`}`,
    opset,
    shape,
    [[op, ["x", ...Object.keys(constants)].join(" "), "y", attributes]],
    Object.fromEntries(Object.entries(constants).filter(([name]) => name !== "-")),
  );

const image = [1, 2, 5, 6];
const numbers = (count: number, f = (i: number) => ((i * 7) % 11) / 4 - 1): Known =>
  floats(...Array.from({ length: count }, (_, i) => f(i)));

const resize = (
  note: string,
  opset: number,
  attributes: Readonly<Record<string, Attribute>>,
  constants: Readonly<Record<string, Known>>,
  shape: readonly number[] = image,
): Form =>
  form(
    `Resize ${opset}, ${note}`,
    opset,
    shape,
    [["Resize", `x - ${constants.sizes ? "- " : ""}${Object.keys(constants)[0]}`, "y", attributes]],
    constants,
  );

const reductions = ["L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].map((kind) =>
  single(`Reduce${kind}`, 18, image, { keepdims: 0 }, { axes: ints(1, -1) }),
);

const hardSwish = (note: string, ...nodes: Node[]): Form =>
  form(`x · relu6(x + 3) / 6, ${note}`, 13, image, nodes, {
    three: one(floats(3)),
    zero: one(floats(0)),
    six: one(floats(6)),
    sixth: one(floats(1 / 6)),
  });
const GATE: readonly Node[] = [
  ["Add", "x three", "a"],
  ["Clip", "a zero six", "c"],
];
const gelu = (note: string, ...nodes: Node[]): Form =>
  form(
    `GELU, ${note}`,
    13,
    image,
    [["Div", "x root", "d"], ["Erf", "d", "e"], ["Add", "e one", "s"], ...nodes],
    { root: one(floats(Math.SQRT2)), one: one(floats(1)), half: one(floats(0.5)) },
  );

const einsum = (equation: string, a: readonly number[], b?: readonly number[]): Form =>
  form(`Einsum ${equation}`, 12, a, [["Einsum", b ? "x z" : "x", "y", { equation }]], {}, b);

export const FORMS: readonly Form[] = [
  ...reductions,
  single("ReduceMean", 11, image, { axes: [2, -1] }),
  single("ReduceSum", 11, image, { axes: [1], keepdims: 0 }),

  form("Split 18, uneven", 18, [2, 7], [["Split", "x", "a y c", { axis: 1, num_outputs: 3 }]]),
  form("Split 11, attribute", 11, [2, 7], [["Split", "x", "a y", { axis: -1, split: [2, 5] }]]),
  single("Slice", 9, image, { starts: [1, -4], ends: [100, -1], axes: [2, 3] }),
  single(
    "Slice",
    13,
    image,
    {},
    { starts: ints(-1, 4), ends: ints(-100, 0), axes: ints(2, 3), steps: ints(-2, -1) },
  ),
  single("Pad", 10, image, { pads: [0, 0, 1, 2, 0, 0, 0, 1], mode: "edge" }),
  single("Pad", 10, image, { pads: [0, 0, -1, 2, 0, 0, 0, -1], value: { float: 2.5 } }, {}, "negative"),
  single("Pad", 18, image, { mode: "reflect" }, { pads: ints(2, 3, 1, 4), "-": ints(), axes: ints(2, -1) }),
  single("Pad", 19, image, { mode: "wrap" }, { pads: ints(0, 1, 1, 2, 0, 0, 2, 3) }),
  single("Squeeze", 11, [1, 3, 1, 2], { axes: [0, -2] }),
  single("Squeeze", 13, [1, 3, 1, 2], {}, {}, "all"),
  single("Unsqueeze", 11, [3, 2], { axes: [0, -1] }),
  single("Flatten", 13, image, { axis: -2 }),
  single("Reshape", 14, [2, 3, 4], {}, { shape: ints(0, -1) }),
  single("Expand", 13, [3, 1], {}, { shape: ints(2, 1, 4) }),
  single("Upsample", 7, image, { scales: { floats: [1, 1, 2, 1.5] } }),
  single("Upsample", 9, image, { mode: "linear" }, { scales: floats(1, 1, 2, 1.5) }),
  single("Resize", 10, image, {}, { scales: floats(1, 1, 0.6, 1.7) }),

  resize("axes", 18, { axes: [3, 2], mode: "linear" }, { sizes: ints(9, 3) }),
  resize("antialias", 18, { antialias: 1, mode: "linear" }, { scales: floats(1, 1, 0.5, 0.6) }),
  resize(
    "antialias, cubic",
    18,
    { antialias: 1, mode: "cubic", cubic_coeff_a: { float: -0.5 } },
    { scales: floats(1, 1, 0.6, 0.5) },
  ),
  resize(
    "not larger",
    18,
    { axes: [2, 3], keep_aspect_ratio_policy: "not_larger", mode: "linear" },
    { sizes: ints(9, 7) },
  ),
  resize("not smaller", 18, { axes: [2, 3], keep_aspect_ratio_policy: "not_smaller" }, { sizes: ints(9, 7) }),
  resize(
    "symmetric",
    19,
    { coordinate_transformation_mode: "half_pixel_symmetric", mode: "linear" },
    { scales: floats(1, 1, 0.7, 1.3) },
  ),
  resize(
    "ceil",
    13,
    { mode: "nearest", nearest_mode: "ceil", coordinate_transformation_mode: "align_corners" },
    { sizes: ints(1, 2, 3, 11) },
  ),
  resize(
    "one axis",
    13,
    { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
    { sizes: ints(4, 7) },
    [3, 5],
  ),
  resize("cubic", 13, { mode: "cubic", exclude_outside: 1 }, { sizes: ints(1, 2, 8, 4) }),

  single("AveragePool", 19, image, { kernel_shape: [2, 3], dilations: [2, 2], pads: [1, 1, 0, 1] }),
  single(
    "AveragePool",
    19,
    image,
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], ceil_mode: 1, count_include_pad: 1 },
    {},
    "ceil",
  ),
  single("LpPool", 18, image, { kernel_shape: [2, 2], strides: [2, 1], p: 3, pads: [0, 1, 0, 0] }),
  single("GlobalLpPool", 2, image, { p: 1 }),
  single("GlobalLpPool", 2, image, { p: 3 }, {}, "p = 3"),
  single("MaxPool", 12, [1, 1, 4, 4], { kernel_shape: [3, 3], auto_pad: "SAME_LOWER", strides: [2, 2] }),

  single(
    "GroupNormalization",
    21,
    [2, 4, 3, 3],
    { num_groups: 2 },
    { scale: floats(1, 2, 3, -1), bias: floats(0, 1, 0.5, 2) },
  ),
  single(
    "LayerNormalization",
    17,
    [2, 3, 4],
    { axis: 1 },
    { scale: shaped([3, 4], numbers(12)), bias: shaped([3, 4], numbers(12)) },
  ),
  single(
    "BatchNormalization",
    9,
    [2, 3],
    {},
    { s: floats(1, 2, 3), b: floats(0, 1, 0), m: floats(0.5, 0, 1), v: floats(1, 2, 0.5) },
  ),
  single("LRN", 13, [1, 7, 2, 2], {
    size: 5,
    alpha: { float: 0.5 },
    beta: { float: 0.6 },
    bias: { float: 2 },
  }),

  single("Softmax", 11, [2, 3, 4], {}),
  single("Softmax", 11, [2, 3, 1, 1], { axis: 1 }, {}, "channels"),
  single("LogSoftmax", 11, [2, 3, 4], { axis: 1 }),
  single("Hardmax", 11, [2, 3, 4], { axis: 1 }),
  form("TopK 1", 1, [2, 5], [["TopK", "x", "y i", { axis: 1, k: 3 }]]),
  form(
    "TopK 11, smallest",
    11,
    [5, 2],
    [
      ["TopK", "x k", "v i", { axis: 0, largest: 0 }],
      ["Cast", "i", "y", { to: 1 }],
    ],
    { k: ints(3) },
  ),
  single("CumSum", 14, [3, 4], { reverse: 1, exclusive: 1 }, { axis: one(ints(-1)) }),
  single("Trilu", 14, [3, 4], { upper: 0 }, { k: one(ints(1)) }),

  single("Clip", 6, image, { min: { float: -0.5 }, max: { float: 0.75 } }),
  single("Clip", 13, image, {}, { "-": floats(), max: one(floats(0.25)) }),
  single("Mish", 18, image),
  single("Gelu", 20, image),
  single("Gelu", 20, image, { approximate: "tanh" }, {}, "tanh"),
  single("HardSwish", 14, image),
  single("ThresholdedRelu", 10, image, { alpha: { float: 0.5 } }),
  single("Celu", 12, image, { alpha: { float: 2 } }),
  single("Shrink", 9, image, { lambd: { float: 0.3 }, bias: { float: 0.1 } }),
  single("PRelu", 9, image, {}, { slope: shaped([2, 1, 1], floats(0.1, -2)) }),
  single("PRelu", 16, image, {}, { slope: shaped([5, 6], numbers(30)) }, "per pixel"),
  single("Pow", 13, image, {}, { e: one(ints(3)) }),
  form(
    "Mean and Sum 13",
    13,
    [2, 3],
    [
      ["Mean", "x z x", "a"],
      ["Sum", "a x z", "y"],
    ],
    {},
    [3],
  ),
  form(
    "integers",
    18,
    [2, 3],
    [
      ["Cast", "x", "i", { to: 6 }],
      ["Mul", "i four", "m"],
      ["BitwiseXor", "m seven", "b"],
      ["BitwiseNot", "b", "n"],
      ["Div", "n three", "d"],
      ["Cast", "d", "y", { to: 1 }],
    ],
    {
      four: one({ shape: [], data: Int32Array.of(4) }),
      seven: one({ shape: [], data: Int32Array.of(7) }),
      three: one({ shape: [], data: Int32Array.of(-3) }),
    },
  ),
  form(
    "bytes wrap around",
    14,
    [2, 3],
    [
      ["Cast", "x", "i", { to: 6 }],
      ["Cast", "i", "b", { to: 3 }],
      ["Mul", "b big", "m"],
      ["Cast", "m", "y", { to: 1 }],
    ],
    { big: one({ shape: [], data: Int8Array.of(100) }) },
  ),

  form(
    "ScatterElements 18, max",
    18,
    [3, 3],
    [["ScatterElements", "x i u", "y", { axis: 1, reduction: "max" }]],
    { i: shaped([2, 2], ints(0, -1, 1, 1)), u: shaped([2, 2], floats(5, -6, 7, 8)) },
  ),
  form("ScatterND 18, min", 18, [3, 2], [["ScatterND", "x i u", "y", { reduction: "min" }]], {
    i: shaped([2, 1], ints(2, 0)),
    u: shaped([2, 2], floats(-5, 6, 7, -8)),
  }),
  form(
    "OneHot, axis 0",
    11,
    [3],
    [
      ["Cast", "x", "i", { to: 7 }],
      ["OneHot", "i d v", "y", { axis: 0 }],
    ],
    { d: one(ints(4)), v: floats(-1, 2) },
  ),
  form(
    "GridSample 20",
    20,
    [1, 2, 4, 5],
    [["GridSample", "x g", "y", { mode: "cubic", padding_mode: "reflection" }]],
    { g: shaped([1, 2, 3, 2], numbers(12)) },
  ),
  form(
    "QuantizeLinear, per axis",
    13,
    [2, 3],
    [
      ["QuantizeLinear", "x s o", "q", { axis: 1 }],
      ["DequantizeLinear", "q s o", "y", { axis: 1 }],
    ],
    { s: floats(0.1, 0.2, 0.01), o: { shape: [3], data: Int8Array.of(0, 3, -5) } },
  ),
  form(
    "Dropout 12, with its mask",
    12,
    [2, 3],
    [
      ["Dropout", "x", "d m"],
      ["Where", "m d x", "y"],
    ],
  ),

  hardSwish("divided last", ...GATE, ["Mul", "x c", "m"], ["Div", "m six", "y"]),
  hardSwish("multiplied last", ...GATE, ["Mul", "c x", "m"], ["Mul", "m sixth", "y"]),
  hardSwish("divided first", ...GATE, ["Div", "c six", "m"], ["Mul", "x m", "y"]),
  hardSwish(
    "of another value",
    ["Add", "x three", "a"],
    ["Clip", "a zero six", "c"],
    ["Mul", "a c", "m"],
    ["Div", "m six", "y"],
  ),
  ...([13, 18] as const).map((opset) => {
    const axes: Readonly<Record<string, Attribute>> = opset < 18 ? { axes: [-1] } : {};
    const reads = opset < 18 ? "" : " last";
    return form(
      `layer normalisation written out, opset ${opset}`,
      opset,
      [2, 3, 5],
      [
        ["ReduceMean", `x${reads}`, "m", axes],
        ["Sub", "x m", "c"],
        ["Pow", "c two", "p"],
        ["ReduceMean", `p${reads}`, "v", axes],
        ["Add", "v epsilon", "e"],
        ["Sqrt", "e", "s"],
        ["Div", "c s", "n"],
        ["Mul", "n gamma", "g"],
        ["Add", "g beta", "y"],
      ],
      {
        two: one(floats(2)),
        epsilon: one(floats(1e-3)),
        gamma: floats(1, 2, 3, -1, 0.5),
        beta: floats(0, 1, 0, 2, 1),
        ...(opset >= 18 && { last: ints(-1) }),
      },
    );
  }),
  gelu("halved last", ["Mul", "x s", "m"], ["Mul", "m half", "y"]),
  gelu("halved first", ["Mul", "x half", "m"], ["Mul", "m s", "y"]),
  gelu("halved inside", ["Mul", "s half", "m"], ["Mul", "m x", "y"]),
  form(
    "factors and summands",
    13,
    image,
    [
      ["Conv", "x w", "a", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["Mul", "a two", "b"],
      ["Add", "b three", "c"],
      ["Div", "c five", "d"],
      ["Relu", "d", "e"],
      ["Mul", "e two", "f"],
      ["Sub", "f three", "g"],
      ["Mul", "g channels", "h"],
      ["Add", "h channels", "y"],
    ],
    {
      w: shaped([3, 2, 3, 3], numbers(54)),
      two: one(floats(2)),
      three: one(floats(3)),
      five: one(floats(5)),
      channels: shaped([3, 1, 1], floats(1, -2, 3)),
    },
  ),

  einsum("ij,jk->ik", [2, 3], [3, 4]),
  einsum("bhqd,bhkd->bhqk", [1, 2, 3, 4], [1, 2, 5, 4]),
  einsum("bij,bjk", [2, 2, 3], [2, 3, 4]),
  einsum("nchw,ck->nkhw", [1, 3, 2, 4], [3, 5]),
  einsum("...ij,...jk->...ik", [4, 2, 3], [4, 3, 2]),
  einsum("ij->i", [3, 4]),
  einsum("ii->i", [3, 3]),
  einsum("i,j->ij", [3], [4]),
  einsum("i,i", [5], [5]),
];

/** The values of x, or of z. */
export const inputOf = (shape: readonly number[], name: string): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => {
    const n = (i * (name === "x" ? 37 : 23) + (name === "x" ? 5 : 11)) % 41;
    return (n - 20) / 8;
  });
