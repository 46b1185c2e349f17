// ONNX files written down in a few words, for tests: any opset, any attribute.
import { concatBytes } from "../src/formats/bytes.ts";
import { type Fields, float, int, message, text } from "../src/formats/onnx/protobuf.ts";

/** A whole number is an INT, a list of them INTS; `{ float }`, `{ floats }` and `{ tensor }` say what else a number may be. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Known };

/** Operator, inputs and outputs as words ("-" for one that is left out), attributes. */
export type Node = readonly [
  op: string,
  inputs: string,
  outputs: string,
  attributes?: Readonly<Record<string, Attribute>>,
];

/** Data as float32, int64, int32, uint8, int8 or bool. */
export interface Known {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;
  readonly bool?: boolean;
}

export interface GraphFile {
  readonly opset: number;
  readonly nodes: readonly Node[];
  readonly constants?: Readonly<Record<string, Known>>;
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  /** Names of the outputs. */
  readonly outputs: string;
}

export const ints = (...values: readonly number[]): Known => ({
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
export const floats = (...values: readonly number[]): Known => ({
  shape: [values.length],
  data: Float32Array.from(values),
});
/** Without axes. */
export const one = ({ data }: Known): Known => ({ shape: [], data });
export const shaped = (shape: readonly number[], { data }: Known): Known => ({ shape, data });

const raw = (field: number, { buffer, byteOffset, byteLength }: ArrayBufferView): Fields =>
  message(field, [new Uint8Array(buffer, byteOffset, byteLength)]);

function typeOf({ data, bool }: Known): number {
  if (data instanceof Float32Array) return 1;
  if (data instanceof BigInt64Array) return 7;
  if (data instanceof Int32Array) return 6;
  if (data instanceof Int8Array) return 3;
  return bool ? 9 : 2;
}

const tensor = (known: Known, name = ""): Fields[] => [
  ...known.shape.map((size) => int(1, size)),
  int(2, typeOf(known)),
  text(8, name),
  raw(9, known.data),
];

function attribute(name: string, value: Attribute): Fields {
  const of = (type: number, ...content: Fields[]): Fields =>
    message(5, text(1, name), ...content, int(20, type));
  if (typeof value === "number") return of(2, int(3, value));
  if (typeof value === "string") return of(3, text(4, value));
  if ("float" in value) return of(1, float(2, value.float));
  if ("floats" in value) return of(6, ...value.floats.map((v) => float(7, v)));
  if ("tensor" in value) return of(4, message(5, ...tensor(value.tensor)));
  return of(7, ...value.map((v) => int(8, v)));
}

const value = (field: number, name: string, shape: readonly (number | string)[]): Fields =>
  message(
    field,
    text(1, name),
    message(
      2,
      message(
        1,
        int(1, 1),
        message(2, ...shape.map((d) => message(1, typeof d === "number" ? int(1, d) : text(2, d)))),
      ),
    ),
  );

const words = (list: string): string[] =>
  list === "" ? [] : list.split(" ").map((word) => (word === "-" ? "" : word));

/** The bytes of the file. Inputs are float32. */
export function onnxFile({ opset, nodes, constants = {}, inputs, outputs }: GraphFile): Uint8Array {
  const graph = [
    ...nodes.map(([op, reads, makes, attributes = {}], i) =>
      message(
        1,
        ...words(reads).map((name) => text(1, name)),
        ...words(makes).map((name) => text(2, name)),
        text(3, `${op}_${i}`),
        text(4, op),
        ...Object.entries(attributes).map(([name, given]) => attribute(name, given)),
      ),
    ),
    text(2, "g"),
    ...Object.entries(constants).map(([name, known]) => message(5, ...tensor(known, name))),
    ...Object.entries(inputs).map(([name, shape]) => value(11, name, shape)),
    // Types of outputs are inferred; of those that are no floats the type is told by a Cast.
    ...words(outputs).map((name) => message(12, text(1, name), message(2, message(1, int(1, 1))))),
  ];
  return concatBytes(
    [...int(1, opset > 18 ? 10 : 8), ...message(7, ...graph), ...message(8, int(2, opset))].flat(),
  );
}
