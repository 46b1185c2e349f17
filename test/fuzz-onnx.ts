// Small ONNX files that use what the reader can do, for the fuzzer: what toOnnx writes, and graphs that compute shapes.
import { toOnnx } from "../src/formats/onnx/index.ts";
import { type Attribute, encodeModel, type NodeProto, type TensorProto } from "../src/formats/onnx/proto.ts";
import type { Model, Weights } from "../src/model/schema.ts";

type Node = readonly [
  op: string,
  inputs: string,
  outputs: string,
  attributes?: Readonly<Record<string, Attribute>>,
];

const int64 = (name: string, ...values: number[]): TensorProto => ({
  name,
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const float = (name: string, dims: number[], ...values: number[]): TensorProto => ({
  name,
  dims,
  data: Float32Array.from(values),
});

/** A file of a graph from x, [n, 3, 6, 6] unless told otherwise, to y. Inputs and outputs of nodes are written as words. */
function file(
  nodes: readonly Node[],
  initializers: readonly TensorProto[] = [],
  dims: (number | string)[] = ["n", 3, 6, 6],
) {
  const protos = nodes.map(([op, inputs, outputs, attributes = {}], i): NodeProto => {
    const list = (words: string): string[] =>
      words ? words.split(" ").map((word) => (word === "-" ? "" : word)) : [];
    return { op, name: `${op}${i}`, inputs: list(inputs), outputs: list(outputs), attributes };
  });
  return encodeModel({
    name: "g",
    nodes: protos,
    initializers,
    inputs: [{ name: "x", type: "float32", dims }],
    outputs: [{ name: "y", type: "float32", dims: [] }],
  })!;
}

const GRAPHS: readonly Uint8Array[] = [
  file(
    [
      ["Shape", "x", "s"],
      ["Gather", "s zero", "n"],
      ["Unsqueeze", "n zero1", "n1"],
      ["Concat", "n1 rest", "to", { axis: 0 }],
      ["Reshape", "x to", "r"],
      ["Softmax", "r", "y", { axis: -1 }],
    ],
    [{ ...int64("zero", 0), dims: [] }, int64("zero1", 0), int64("rest", -1)],
  ),
  file(
    [
      ["Slice", "x start end axes step", "a"],
      ["Pad", "a pads", "b", { mode: "reflect" }],
      ["Transpose", "b", "c", { perm: [0, 2, 3, 1] }],
      ["ReduceMean", "c", "y", { axes: [1, -1], keepdims: 0 }],
    ],
    [
      int64("start", 1, -1),
      int64("end", 9, -7),
      int64("axes", 2, 3),
      int64("step", 1, -2),
      int64("pads", 0, 0, 1, 0, 0, 0, 0, 2),
    ],
  ),
  file(
    [
      ["Resize", "x - scales", "a", { mode: "linear", coordinate_transformation_mode: "asymmetric" }],
      ["Clip", "a low high", "b"],
      ["Split", "b parts", "p q", { axis: 1 }],
      ["Mul", "p q", "c"],
      ["Where", "bigger c p", "y"],
      ["Greater", "p low", "bigger"],
    ],
    [float("scales", [4], 1, 1, 1.5, 2), float("low", [], -1), float("high", [], 1), int64("parts", 1, 2)],
  ),
  file(
    [
      ["TopK", "x k", "v i", { axis: -1 }],
      ["Cast", "i", "f", { to: 1 }],
      ["Add", "v f", "a"],
      ["ConstantOfShape", "shape", "zeros"],
      ["Expand", "a shape", "e"],
      ["Sub", "e zeros", "b"],
      ["Tile", "b repeats", "y"],
    ],
    [int64("k", 2), int64("shape", 1, 3, 6, 2), int64("repeats", 1, 1, 2, 1)],
  ),
  file(
    [
      ["MatMul", "x w", "a"],
      ["Einsum", "a a", "b", { equation: "nchw,ncvw->nchv" }],
      ["LayerNormalization", "b g", "c", { axis: -1 }],
      ["GatherElements", "c i", "y", { axis: 3 }],
    ],
    [
      float("w", [6, 4], ...Array.from({ length: 24 }, (_, i) => i % 5)),
      float("g", [6], 1, 2, 3, 4, 5, 6),
      { ...int64("i", 0, 1, -1), dims: [1, 3, 1, 1] },
    ],
  ),
  file(
    [
      ["Conv", "x w", "a", { kernel_shape: [3, 3], auto_pad: "SAME_UPPER" }],
      ["BatchNormalization", "a g g g g", "b"],
      ["MaxPool", "b", "c i", { kernel_shape: [2, 2], strides: [2, 2] }],
      ["MaxUnpool", "c i", "d", { kernel_shape: [2, 2], strides: [2, 2] }],
      ["ConvTranspose", "d v", "e", { strides: [2, 2], pads: [0, 1, 1, 0] }],
      ["DepthToSpace", "e", "y", { blocksize: 2 }],
    ],
    [
      float("w", [2, 3, 3, 3], ...Array.from({ length: 54 }, (_, i) => (i % 7) - 3)),
      float("v", [2, 4, 2, 2], ...Array.from({ length: 32 }, (_, i) => (i % 5) - 2)),
      float("g", [2], 1, 2),
    ],
  ),
];

/** The files: those of these models, and of the graphs above. */
export const onnxFiles = (models: readonly { model: Model; weights: Weights }[]): Uint8Array[] => [
  ...GRAPHS,
  ...models.map((trained) => toOnnx(trained)),
];
