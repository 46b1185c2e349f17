// The safetensors format: an 8-byte length, a JSON header, and the values of every tensor, one after the other.
// https://github.com/huggingface/safetensors#format
import { FormatError } from "../errors.ts";

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
  data_offsets: [number, number];
}

/** Bytes of a number, and how one is read at a byte of a view (little-endian). */
const TYPES: Readonly<Record<string, { bytes: number; read: (view: DataView, at: number) => number }>> = {
  F64: { bytes: 8, read: (v, at) => v.getFloat64(at, true) },
  F32: { bytes: 4, read: (v, at) => v.getFloat32(at, true) },
  F16: { bytes: 2, read: (v, at) => half(v.getUint16(at, true)) },
  BF16: { bytes: 2, read: (v, at) => bfloat(v.getUint16(at, true)) },
  I64: { bytes: 8, read: (v, at) => Number(v.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (v, at) => v.getInt32(at, true) },
  I16: { bytes: 2, read: (v, at) => v.getInt16(at, true) },
  I8: { bytes: 1, read: (v, at) => v.getInt8(at) },
  U8: { bytes: 1, read: (v, at) => v.getUint8(at) },
};
/** Headers beyond this are refused, as the format's own reader does. */
const MOST_HEADER = 100_000_000;
const PREFIX = 8;

/** IEEE 754 half precision: 1 sign bit, 5 of exponent, 10 of fraction. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 31
      ? fraction
        ? Number.NaN
        : Number.POSITIVE_INFINITY
      : exponent
        ? (1 + fraction / 1024) * 2 ** (exponent - 15)
        : (fraction / 1024) * 2 ** -14;
  return bits & 0x8000 ? -size : size;
}

/** The upper half of a float32. */
function bfloat(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/** The file as bytes; values are stored as F32, tensors in the order given. */
export function writeSafetensors({ tensors, metadata }: SafeTensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, Entry | Readonly<Record<string, string>>> = {};
  if (Object.keys(metadata).length) header.__metadata__ = metadata;
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape: [...shape], data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  let text = new TextEncoder().encode(JSON.stringify(header));
  // Spaces make the values begin at a multiple of eight, so that readers can map them.
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  padded.set(text);
  text = padded;
  const bytes = new Uint8Array(PREFIX + text.length + at);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, PREFIX);
  at = PREFIX + text.length;
  for (const { data } of Object.values(tensors))
    for (let i = 0; i < data.length; i++, at += 4) view.setFloat32(at, data[i], true);
  return bytes;
}

/** Reads a file; numbers of every type become float32. Throws FormatError, naming the tensor, for what is not whole. */
export function readSafetensors(bytes: Uint8Array): SafeTensors {
  const fail = (what: string): never => {
    throw new FormatError(`safetensors: ${what}`);
  };
  if (bytes.length < PREFIX) fail(`the file has ${bytes.length} bytes but must begin with a length of 8`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MOST_HEADER || PREFIX + length > bytes.length)
    fail(
      `the header should have ${length} bytes but the file has only ${bytes.length - PREFIX} after its length`,
    );
  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(PREFIX, PREFIX + length)),
    );
  } catch (cause) {
    throw new FormatError(`safetensors: the header is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) fail("the header is no object");
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  if (typeof metadata !== "object" || Object.values(metadata as object).some((v) => typeof v !== "string"))
    fail("__metadata__ must hold texts by name");
  const start = PREFIX + length;
  const room = bytes.length - start;
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, entry] of Object.entries(entries as Record<string, Entry>)) {
    const type = TYPES[entry?.dtype];
    if (!type)
      fail(
        `tensor "${name}" has dtype ${JSON.stringify(entry?.dtype)} but must have one of ${Object.keys(TYPES).join(", ")}`,
      );
    const { shape, data_offsets: offsets } = entry;
    if (!Array.isArray(shape) || !shape.every((d) => Number.isSafeInteger(d) && d >= 0))
      fail(`tensor "${name}" has shape ${JSON.stringify(shape)}, which is none`);
    const count = shape.reduce((a, b) => a * b, 1);
    const [from = Number.NaN, to = Number.NaN] = Array.isArray(offsets) ? offsets : [];
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to > room)
      fail(`tensor "${name}" lies at bytes ${from} to ${to} but the file holds ${room} bytes of values`);
    if (to - from !== count * type.bytes)
      fail(`tensor "${name}" of shape [${shape}] needs ${count * type.bytes} bytes but has ${to - from}`);
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = type.read(view, start + from + i * type.bytes);
    tensors[name] = { shape: [...shape], data };
  }
  return { tensors, metadata: metadata as Record<string, string> };
}
