// A one-layer ONNX model as bytes: a Conv node with constant weights, float32, NCHW.
// Field numbers are those of onnx.proto.
import { outSize, type Row } from "../rows.ts";

const FLOAT = 1; // TensorProto.DataType
const INTS = 7; // AttributeProto.AttributeType
const INT = 2;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

const number = (field: number, value: number): Uint8Array =>
  Uint8Array.from([...varint(field << 3), ...varint(value)]);

/** A length-delimited field: text, raw bytes, or a message given as its fields. */
function chunk(field: number, content: string | Uint8Array | Uint8Array[]): Uint8Array {
  const parts =
    typeof content === "string"
      ? [new TextEncoder().encode(content)]
      : content instanceof Uint8Array
        ? [content]
        : content;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return join([Uint8Array.from([...varint((field << 3) | 2), ...varint(length)]), ...parts]);
}

function join(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const ints = (name: string, values: number[]): Uint8Array =>
  chunk(5, [chunk(1, name), ...values.map((value) => number(8, value)), number(20, INTS)]);
const int = (name: string, value: number): Uint8Array =>
  chunk(5, [chunk(1, name), number(3, value), number(20, INT)]);

const initializer = (name: string, dims: number[], data: Float32Array): Uint8Array =>
  chunk(5, [
    ...dims.map((dim) => number(1, dim)),
    number(2, FLOAT),
    chunk(8, name),
    chunk(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);

/** ValueInfoProto { name, type: { tensor_type: { elem_type, shape: { dim: { dim_value } } } } }. */
const valueInfo = (field: number, name: string, dims: number[]): Uint8Array => {
  const shape = chunk(
    2,
    dims.map((dim) => chunk(1, [number(1, dim)])),
  );
  return chunk(field, [chunk(1, name), chunk(2, [chunk(1, [number(1, FLOAT), shape])])]);
};

/** A row's model: "x" is `[1, c, h, w]`, "y" is `[1, oc, oh, ow]`, `w` is `[oc, c / groups, kh, kw]`. */
export function convModel(row: Row, w: Float32Array, bias: Float32Array): Uint8Array {
  const [top, left] = row.padding;
  const node = chunk(1, [
    ...["x", "w", "b"].map((input) => chunk(1, input)),
    chunk(2, "y"),
    chunk(4, "Conv"),
    ints("kernel_shape", [row.kh, row.kw]),
    ints("strides", [row.stride, row.stride]),
    ints("dilations", [row.dilation, row.dilation]),
    ints("pads", [top, left, top, left]),
    int("group", row.groups),
  ]);
  const graph = chunk(7, [
    node,
    chunk(2, "layer"),
    initializer("w", [row.oc, row.c / row.groups, row.kh, row.kw], w),
    initializer("b", [row.oc], bias),
    valueInfo(11, "x", [row.n, row.c, row.h, row.w]),
    valueInfo(12, "y", [row.n, row.oc, ...outSize(row)]),
  ]);
  return join([number(1, 8), graph, chunk(8, [number(2, 17)])]); // IR version 8, operator set 17
}
