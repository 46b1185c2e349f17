// The messages of an ONNX file, encoded. Field numbers and enums: onnx/onnx.proto.
import { bytesOf, concatBytes } from "../bytes.ts";
import { type Fields, float, int, lengthOf, MAX_BYTES, message, text } from "./protobuf.ts";

/** The version of the format: 8 up to opset 18, and 9 with opset 19. */
const irVersion = (opset: number): number => (opset > 18 ? 9 : 8);

/** TensorProto.DataType. */
export const DATA_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
export type DataType = keyof typeof DATA_TYPE;

/** AttributeProto.AttributeType. */
const [FLOAT, INT, STRING, INTS] = [1, 2, 3, 7];

/** An attribute of a node: a string is a STRING, a list is INTS, a number an INT, `{ float }` a FLOAT. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface NodeProto {
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Readonly<Record<string, Attribute>>;
}

export interface TensorProto {
  name: string;
  dims: readonly number[];
  data: Float32Array | Int32Array | BigInt64Array;
}

/** An input or output of the graph. A dimension is a number, or a name where it is left open. */
export interface ValueProto {
  name: string;
  type: DataType;
  dims: readonly (number | string)[];
}

export interface GraphProto {
  name: string;
  nodes: readonly NodeProto[];
  initializers: readonly TensorProto[];
  inputs: readonly ValueProto[];
  outputs: readonly ValueProto[];
}

/** A model file with the operators of that opset; undefined where it would have more than MAX_BYTES. */
export function encodeModel(graph: GraphProto, opset: number): Uint8Array<ArrayBuffer> | undefined {
  const fields = [
    ...int(1, irVersion(opset)),
    ...text(2, "convolith"),
    ...message(7, ...encodeGraph(graph)),
    ...message(8, int(2, opset)),
  ];
  return lengthOf(fields) > MAX_BYTES ? undefined : concatBytes(fields);
}

const encodeGraph = (graph: GraphProto): Fields[] => [
  ...graph.nodes.map((node) => message(1, ...encodeNode(node))),
  text(2, graph.name),
  ...graph.initializers.map((tensor) => message(5, ...encodeTensor(tensor))),
  ...graph.inputs.map((value) => message(11, ...encodeValue(value))),
  ...graph.outputs.map((value) => message(12, ...encodeValue(value))),
];

const encodeNode = (node: NodeProto): Fields[] => [
  ...node.inputs.map((input) => text(1, input)),
  ...node.outputs.map((output) => text(2, output)),
  text(3, node.name),
  text(4, node.op),
  ...Object.entries(node.attributes).map(([name, value]) =>
    message(5, text(1, name), ...encodeAttribute(value)),
  ),
];

function encodeAttribute(value: Attribute): Fields[] {
  if (typeof value === "number") return [int(3, value), int(20, INT)];
  if (typeof value === "string") return [text(4, value), int(20, STRING)];
  if ("float" in value) return [float(2, value.float), int(20, FLOAT)];
  return [...value.map((v) => int(8, v)), int(20, INTS)];
}

function typeOf(data: TensorProto["data"]): DataType {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int32Array ? "int32" : "int64";
}

const encodeTensor = ({ name, dims, data }: TensorProto): Fields[] => [
  ...dims.map((dim) => int(1, dim)),
  int(2, DATA_TYPE[typeOf(data)]),
  text(8, name),
  // raw_data, little-endian.
  message(9, [bytesOf(data)]),
];

/** ValueInfoProto { name, type: { tensor_type: { elem_type, shape: { dim: { dim_value or dim_param } } } } }. */
const encodeValue = ({ name, type, dims }: ValueProto): Fields[] => [
  text(1, name),
  message(
    2,
    message(
      1,
      int(1, DATA_TYPE[type]),
      message(2, ...dims.map((dim) => message(1, typeof dim === "number" ? int(1, dim) : text(2, dim)))),
    ),
  ),
];
