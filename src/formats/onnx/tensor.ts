// Tensors of an ONNX file as constants, whose values are read when they are asked for: views of the file where they can be, never kept.
import { FormatError, UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { bfloat16ToFloat32, bytesOfShape, float16ToFloat32 } from "../bytes.ts";
import type { Budget } from "./limits.ts";
import { TENSOR, type TensorMessage } from "./messages.ts";
import { type Place, showPlace } from "./place.ts";
import { decode, located, type Stored } from "./schema.ts";
import { clamped, WIRE, Wire } from "./wire.ts";

/** The elements that are computed with: all floats as float32, all integers alike. */
export type ElementKind = "float" | "int" | "bool";

/** A type of elements, of those that can be read. */
export interface ElementType {
  /** As TensorProto.DataType calls it, in lower case. */
  readonly name: string;
  readonly kind: ElementKind;
  /** Bytes of one element. */
  readonly bytes: number;
  /** The least and the largest integer. */
  readonly range?: readonly [least: number, most: number];
  /** The field of TensorProto that holds the elements where raw_data does not. */
  readonly list: number;
  /** Reads the elements of a buffer that holds nothing else. */
  read(buffer: ArrayBuffer): Float32Array | Float64Array;
}

const [FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA] = [4, 5, 7, 10, 11];

const float = (name: string, bytes: number, list: number, read: ElementType["read"]): ElementType => ({
  name,
  kind: "float",
  bytes,
  list,
  read,
});
const int = (
  name: string,
  bits: number,
  signed: boolean,
  list: number,
  read: (buffer: ArrayBuffer) => ArrayLike<number>,
): ElementType => ({
  name,
  kind: "int",
  bytes: bits / 8,
  range: signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1],
  list,
  read: (buffer) => Float64Array.from(read(buffer)),
});

/** TensorProto.DataType: by number. */
export const ELEMENT_TYPES: Readonly<Record<number, ElementType>> = {
  1: float("float", 4, FLOAT_DATA, (buffer) => new Float32Array(buffer)),
  2: int("uint8", 8, false, INT32_DATA, (buffer) => new Uint8Array(buffer)),
  3: int("int8", 8, true, INT32_DATA, (buffer) => new Int8Array(buffer)),
  4: int("uint16", 16, false, INT32_DATA, (buffer) => new Uint16Array(buffer)),
  5: int("int16", 16, true, INT32_DATA, (buffer) => new Int16Array(buffer)),
  6: int("int32", 32, true, INT32_DATA, (buffer) => new Int32Array(buffer)),
  7: int("int64", 64, true, INT64_DATA, (buffer) => long(new Int32Array(buffer), new Uint32Array(buffer))),
  9: {
    name: "bool",
    kind: "bool",
    bytes: 1,
    list: INT32_DATA,
    read: (buffer) => Float64Array.from(new Uint8Array(buffer), (v) => (v ? 1 : 0)),
  },
  10: float("float16", 2, INT32_DATA, (buffer) => float16ToFloat32(new Uint16Array(buffer))),
  11: float("double", 8, DOUBLE_DATA, (buffer) => new Float32Array(new Float64Array(buffer))),
  12: int("uint32", 32, false, UINT64_DATA, (buffer) => new Uint32Array(buffer)),
  13: int("uint64", 64, false, UINT64_DATA, (buffer) =>
    long(new Uint32Array(buffer), new Uint32Array(buffer)),
  ),
  16: float("bfloat16", 2, INT32_DATA, (buffer) => bfloat16ToFloat32(new Uint16Array(buffer))),
};

/** The names of the others. */
const OTHERS: Readonly<Record<number, string>> = {
  0: "undefined",
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
};

/** What a type is called, also one that cannot be read. */
export const typeName = (type: number): string => ELEMENT_TYPES[type]?.name ?? OTHERS[type] ?? `type ${type}`;

/** The type of that number. Throws UnsupportedError for those that cannot be read. */
export function elementType(type: number, where: string): ElementType {
  const found = ELEMENT_TYPES[type];
  if (found) return found;
  throw new UnsupportedError(
    `${where}: elements of type ${typeName(type)} cannot be read; there are ${Object.values(ELEMENT_TYPES)
      .map(({ name }) => name)
      .join(", ")}`,
  );
}

/** Integers of 64 bits from their halves, the lower one first. */
function long(high: Int32Array | Uint32Array, low: Uint32Array): Float64Array {
  const values = new Float64Array(low.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = clamped(high[2 * i + 1], low[2 * i]);
  return values;
}

/** A constant of the file. */
export interface StoredTensor {
  readonly name: string;
  /** How messages name it. */
  readonly where: string;
  readonly shape: readonly number[];
  readonly element: ElementType;
  readonly type: ElementKind;
  /** Read anew each time: Float32Array for floats, Float64Array for integers and bools. Not to be written to: it may be the file. */
  readonly data: Float32Array | Float64Array;
}

/** The bytes of a file next to the model. */
export type ExternalFiles = (name: string) => Uint8Array | undefined;

/**
 * Reads what a tensor is, and checks that all of its values are there.
 *
 * @param stored The bytes of a TensorProto.
 * @throws FormatError for one that is damaged, naming the field or the bytes that are missing.
 * @throws UnsupportedError for types of elements that cannot be read.
 */
export function readTensor(
  { bytes, start }: Stored,
  budget: Budget,
  place: Place,
  external: ExternalFiles,
): StoredTensor {
  const tensor = decode(new Wire(bytes, start), TENSOR, budget, place);
  const where = `onnx: tensor ${tensor.name ? describe(tensor.name) : showPlace(place)}`;
  const fail = (what: string): never => {
    throw new FormatError(`${where}: ${what}`);
  };
  const { dims: shape, raw } = tensor;
  const element = elementType(tensor.type, where);
  const size = bytesOfShape(shape, element.bytes);
  if (size === undefined)
    return fail(`its shape ${describe(shape)} is not one of sizes that numbers can count`);
  if (tensor.segment) throw new UnsupportedError(`${where}: tensors in segments cannot be read`);
  const count = size / element.bytes;
  const wanted = `shape ${describe(shape)} of ${element.name} needs ${size} bytes`;
  let read: () => Float32Array | Float64Array;
  if (tensor.external.length || tensor.location === 1) {
    const content = externalBytes(tensor, size, external, wanted, fail);
    read = () => valuesOf(content, element);
  } else if (raw) {
    if (raw.bytes.length !== size)
      fail(`${wanted}, but raw_data, which begins at byte ${raw.start}, has ${raw.bytes.length}`);
    read = () => valuesOf(raw.bytes, element);
  } else {
    let counted = 0;
    try {
      counted = walkList(bytes, start, element);
    } catch (error) {
      throw located(error, place);
    }
    if (counted !== count)
      fail(
        `shape ${describe(shape)} needs ${count} values, but there are ${counted} (field ${element.list})`,
      );
    read = () => {
      const values = element.kind === "float" ? new Float32Array(count) : new Float64Array(count);
      walkList(bytes, start, element, values);
      return values;
    };
  }
  return {
    name: tensor.name,
    where,
    shape,
    element,
    type: element.kind,
    get data() {
      return read();
    },
  };
}

/** The bytes as values: a view where floats may begin there, else a copy. */
function valuesOf(bytes: Uint8Array, element: ElementType): Float32Array | Float64Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (element === ELEMENT_TYPES[1] && byteOffset % 4 === 0)
    return new Float32Array(buffer, byteOffset, byteLength / 4);
  return element.read(bytes.slice().buffer as ArrayBuffer);
}

/** The bytes of a tensor in a file of its own. */
function externalBytes(
  { external }: TensorMessage,
  size: number,
  files: ExternalFiles,
  wanted: string,
  fail: (what: string) => never,
): Uint8Array {
  const entry = (key: string): string | undefined => external.find((e) => e.key === key)?.value;
  const integer = (key: string): number | undefined => {
    const text = entry(key);
    if (text === undefined) return undefined;
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : fail(`${key} of its external data is ${describe(text)}`);
  };
  const file = entry("location") ?? fail("its external data has no location");
  const given =
    files(file) ??
    fail(
      `its values are in the file ${describe(file)}, which is not given: fromOnnx(bytes, { external: { ${describe(file)}: ... } })`,
    );
  const offset = integer("offset") ?? 0;
  const length = integer("length") ?? size;
  if (length !== size) fail(`${wanted}, but its external data has the length ${length}`);
  if (offset + size > given.length)
    fail(`${wanted} from byte ${offset} of ${describe(file)}, which has ${given.length}`);
  return given.subarray(offset, offset + size);
}

/** Counts the elements of a tensor's list, and puts them into `values` if that is given. Lists may be in pieces, packed or not. */
function walkList(
  bytes: Uint8Array,
  start: number,
  element: ElementType,
  values?: Float32Array | Float64Array,
): number {
  const { list, kind, name } = element;
  const type = list === FLOAT_DATA ? WIRE.fixed32 : list === DOUBLE_DATA ? WIRE.fixed64 : WIRE.varint;
  const next = {
    [WIRE.fixed32]: (wire: Wire) => wire.float32(),
    [WIRE.fixed64]: (wire: Wire) => wire.float64(),
    [WIRE.varint]: list === UINT64_DATA ? (wire: Wire) => wire.unsigned() : (wire: Wire) => wire.int(),
  }[type];
  // Halves are stored as the integers that have their bits.
  const halves = kind === "float" && list === INT32_DATA ? new Uint16Array(1) : undefined;
  const convert = (value: number): number => {
    if (kind === "bool") return value ? 1 : 0;
    if (!halves) return value;
    halves[0] = value;
    return (name === "float16" ? float16ToFloat32(halves) : bfloat16ToFloat32(halves))[0];
  };
  let count = 0;
  const add = (value: number): void => {
    if (values) values[count] = convert(value);
    count++;
  };
  const wire = new Wire(bytes, start);
  while (wire.next())
    if (wire.field !== list) wire.skip();
    else if (wire.type === type) add(next(wire));
    else if (wire.type === WIRE.bytes) {
      const packed = wire.bytes();
      const inner = new Wire(packed, wire.position - packed.length);
      while (!inner.atEnd) add(next(inner));
    } else throw new FormatError(`onnx: byte ${wire.position}: field ${list} has wire type ${wire.type}`);
  return count;
}
