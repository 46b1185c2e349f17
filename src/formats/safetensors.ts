// The safetensors format: an 8-byte length, a JSON header, and the values of every tensor, one after the other.
// https://github.com/huggingface/safetensors#format
import { FormatError } from "../errors.ts";
import { asBytes, bfloat16ToFloat32, bytesOf, concatBytes, float16ToFloat32 } from "./bytes.ts";

export interface StoredTensor {
  shape: readonly number[];
  data: Float32Array;
}

export interface SafeTensors {
  tensors: Readonly<Record<string, StoredTensor>>;
  /** Text by name, about the whole file. */
  metadata: Readonly<Record<string, string>>;
}

interface Entry {
  dtype: string;
  shape: number[];
  /** First and last byte, the last exclusive, counted from the end of the header. */
  data_offsets: [number, number];
}

interface StoredType {
  /** Bytes of one value. */
  readonly bytes: number;
  /** Converts a buffer that holds the values and nothing else. */
  read(buffer: ArrayBuffer): Float32Array;
}

const TYPES: Readonly<Record<string, StoredType>> = {
  F64: { bytes: 8, read: (buffer) => new Float32Array(new Float64Array(buffer)) },
  F32: { bytes: 4, read: (buffer) => new Float32Array(buffer) },
  F16: { bytes: 2, read: (buffer) => float16ToFloat32(new Uint16Array(buffer)) },
  BF16: { bytes: 2, read: (buffer) => bfloat16ToFloat32(new Uint16Array(buffer)) },
  I64: { bytes: 8, read: (buffer) => Float32Array.from(new BigInt64Array(buffer), Number) },
  I32: { bytes: 4, read: (buffer) => new Float32Array(new Int32Array(buffer)) },
  I16: { bytes: 2, read: (buffer) => new Float32Array(new Int16Array(buffer)) },
  I8: { bytes: 1, read: (buffer) => new Float32Array(new Int8Array(buffer)) },
  U8: { bytes: 1, read: (buffer) => new Float32Array(new Uint8Array(buffer)) },
};
/** Longer headers are refused, as the format's own reader does. */
const MAX_HEADER = 100_000_000;
/** Bytes of the length that a file begins with. */
const PREFIX = 8;

/**
 * Writes a file. Values are stored as F32, tensors in the order given.
 *
 * @param file Tensors by name, and text by name; metadata without entries is left out of the file.
 */
export function writeSafetensors({ tensors, metadata }: SafeTensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, Entry | Readonly<Record<string, string>>> = {};
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape: [...shape], data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  // The header is filled up with spaces: values begin at a multiple of eight, so that readers can map them.
  const start = PREFIX + Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(start).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(start - PREFIX), true);
  head.set(text, PREFIX);
  return concatBytes([head, ...Object.values(tensors).map(({ data }) => bytesOf(data))]);
}

/**
 * Reads a file: tensors of type F64, F32, F16, BF16, I64, I32, I16, I8 and U8, all converted to float32, and the metadata.
 *
 * @param file The whole file. Nothing read from it refers to its memory.
 * @throws FormatError for a file that is truncated or damaged, naming the tensor and the bytes or the field.
 */
export function readSafetensors(file: Uint8Array | ArrayBuffer): SafeTensors {
  const bytes = asBytes(file) ?? fail("the file must be an ArrayBuffer or a Uint8Array");
  const { header, start } = readHeader(bytes);
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== "string"))
    fail("__metadata__ must hold texts by name");
  const values = bytes.subarray(start);
  const tensors = Object.entries(entries).map(([name, entry]) => [name, readTensor(name, entry, values)]);
  return { tensors: Object.fromEntries(tensors), metadata: metadata as Record<string, string> };
}

/** The header, and the byte after it, where the values begin. */
function readHeader(bytes: Uint8Array): { header: Readonly<Record<string, unknown>>; start: number } {
  if (bytes.length < PREFIX) fail(`the file has ${bytes.length} bytes but must begin with a length of 8`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = PREFIX + length;
  if (length > MAX_HEADER || start > bytes.length)
    fail(
      `the header should have ${length} bytes but the file has only ${bytes.length - PREFIX} after its length`,
    );
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX, start)));
  } catch (cause) {
    fail(`the header is no JSON: ${(cause as Error).message}`, cause);
  }
  return { header: isObject(header) ? header : fail("the header is no object"), start };
}

/** One tensor out of the bytes that follow the header. */
function readTensor(name: string, entry: unknown, values: Uint8Array): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Record<keyof Entry, unknown>>;
  const known = typeof dtype === "string" && Object.hasOwn(TYPES, dtype);
  const type = known
    ? TYPES[dtype]
    : fail(
        `tensor "${name}" has dtype ${JSON.stringify(dtype)} but must have one of ${Object.keys(TYPES).join(", ")}`,
      );
  if (!Array.isArray(shape) || !shape.every((d) => Number.isSafeInteger(d) && d >= 0))
    return fail(`tensor "${name}" has shape ${JSON.stringify(shape)}, which is none`);
  const [from = Number.NaN, to = Number.NaN] = Array.isArray(offsets) ? offsets : [];
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to > values.length)
    fail(
      `tensor "${name}" lies at bytes ${from} to ${to} but the file holds ${values.length} bytes of values`,
    );
  const size = shape.reduce((product: number, d: number) => product * d, type.bytes);
  if (to - from !== size)
    fail(`tensor "${name}" of shape [${shape}] needs ${size} bytes but has ${to - from}`);
  // A copy, as typed arrays must begin at a multiple of their element's size, and tensors may begin anywhere.
  return { shape, data: type.read(new Uint8Array(values.subarray(from, to)).buffer) };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function fail(what: string, cause?: unknown): never {
  throw new FormatError(`safetensors: ${what}`, cause === undefined ? undefined : { cause });
}
