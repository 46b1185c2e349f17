// The safetensors format: an 8-byte length, a JSON header, and the values of every tensor, one after the other.
// https://github.com/huggingface/safetensors#format
import { ArgumentError, FormatError, UnsupportedError } from "../errors.ts";
import { describe, isObject } from "../validate.ts";
import {
  asBytes,
  bfloat16ToFloat32,
  bytesOf,
  bytesOfShape,
  concatBytes,
  float16ToFloat32,
  otherFormat,
  textOf,
} from "./bytes.ts";

export interface StoredTensor {
  readonly shape: readonly number[];
  /**
   * The values as float32. Of a file that was read: a view of its bytes where they are float32 and begin at a multiple of four, converted
   * anew whenever it is read otherwise, so that a large file is never there twice.
   */
  readonly data: Float32Array;
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
  /** The values as float32: a view of the bytes where they are that already. */
  read(bytes: Uint8Array): Float32Array;
}

/** A kind of typed array that views a buffer. */
interface Values<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): A;
}

/** A stored type whose values are those of a typed array, and how they are converted. */
const stored = <A>(kind: Values<A>, convert: (values: A) => Float32Array): StoredType => ({
  bytes: kind.BYTES_PER_ELEMENT,
  read(bytes) {
    const size = kind.BYTES_PER_ELEMENT;
    // Typed arrays begin at a multiple of their element's size, and tensors may begin anywhere.
    const { buffer, byteOffset, length } = bytes.byteOffset % size ? bytes.slice() : bytes;
    return convert(new kind(buffer, byteOffset, length / size));
  },
});

const converted = (values: ArrayLike<number>): Float32Array => new Float32Array(values);
const narrowed = (values: BigInt64Array | BigUint64Array): Float32Array =>
  Float32Array.from<bigint>(values, Number);

const TYPES: Readonly<Record<string, StoredType>> = {
  F64: stored(Float64Array, converted),
  F32: stored(Float32Array, (values) => values),
  F16: stored(Uint16Array, float16ToFloat32),
  BF16: stored(Uint16Array, bfloat16ToFloat32),
  I64: stored(BigInt64Array, narrowed),
  I32: stored(Int32Array, converted),
  I16: stored(Int16Array, converted),
  I8: stored(Int8Array, converted),
  U64: stored(BigUint64Array, narrowed),
  U32: stored(Uint32Array, converted),
  U16: stored(Uint16Array, converted),
  U8: stored(Uint8Array, converted),
  BOOL: stored(Uint8Array, converted),
};
/** Types that the format has and this reader does not. */
const UNSUPPORTED = /^(F4|F6_E2M3|F6_E3M2|F8_E\w+|C64)$/;
/** Longer headers are refused, as the format's own reader does. */
const MAX_HEADER = 100_000_000;
/** Bytes of the length that a file begins with. */
const PREFIX = 8;
/** The byte that a header begins with: "{". */
const OPENING = 0x7b;

/**
 * Writes a file. Values are stored as F32, tensors in the order given.
 *
 * @param file Tensors by name, and text by name; metadata without entries is left out of the file.
 */
export function writeSafetensors({ tensors, metadata }: SafeTensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, Entry | Readonly<Record<string, string>>> = Object.create(null);
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
 * Reads a file: tensors of type F64, F32, F16, BF16, I64 to I8, U64 to U8 and BOOL, all as float32, and the metadata. By the format's
 * own rules the tensors' bytes fill the file without gap or overlap, and no key comes twice.
 *
 * @param file The whole file: an ArrayBuffer, a SharedArrayBuffer, or a view of one, mapped into memory or not. Values are views of it, or
 * are read from it when they are asked for: it must not change while they are used.
 * @returns Objects without prototype: a name in a file may be "constructor".
 * @throws FormatError for a file that is truncated, damaged or of another format, naming the tensor and the bytes or the field.
 * @throws UnsupportedError for the format's floats of 4 to 8 bits and complex numbers.
 */
export function readSafetensors(file: unknown): SafeTensors {
  const bytes = asBytes(file);
  if (!bytes)
    throw new ArgumentError(
      `safetensors: the file is ${describe(file)} but must be an ArrayBuffer or a Uint8Array`,
    );
  const { header, start } = readHeader(bytes);
  const metadata: Record<string, string> = Object.create(null);
  const values = bytes.subarray(start);
  const entries: TensorEntry[] = [];
  for (const [name, entry] of Object.entries(header))
    if (name !== "__metadata__") entries.push(readEntry(name, entry, values.length));
    else if (!isObject(entry)) fail("__metadata__ must hold texts by name");
    else
      for (const [key, text] of Object.entries(entry))
        metadata[key] = typeof text === "string" ? text : fail("__metadata__ must hold texts by name");
  checkTiling(entries, values.length);
  const tensors: Record<string, StoredTensor> = Object.create(null);
  for (const { name, type, shape, from, to } of entries)
    tensors[name] = {
      shape,
      get data() {
        return type.read(values.subarray(from, to));
      },
    };
  return { tensors, metadata };
}

/** The header, and the byte after it, where the values begin. */
function readHeader(bytes: Uint8Array): { header: Readonly<Record<string, unknown>>; start: number } {
  const length =
    bytes.length < PREFIX ? 0 : Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = PREFIX + length;
  if (length > MAX_HEADER || bytes[PREFIX] !== OPENING) {
    const other = otherFormat(bytes, "safetensors");
    if (other) fail(other);
  }
  if (bytes.length < PREFIX) fail(`the file has ${bytes.length} bytes but must begin with a length of 8`);
  if (length > MAX_HEADER)
    fail(`this is no safetensors file: its header would have ${length} bytes, of at most ${MAX_HEADER}`);
  if (start > bytes.length)
    fail(
      `the header should have ${length} bytes but the file has only ${bytes.length - PREFIX} after its length`,
    );
  if (length === 0 || bytes[PREFIX] !== OPENING) fail("the header is no object: it must begin with {");
  let header: unknown;
  let text = "";
  try {
    text = textOf(bytes.subarray(PREFIX, start));
    header = JSON.parse(text);
  } catch (cause) {
    fail(`the header is no JSON: ${(cause as Error).message}`, cause);
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) fail(`the header holds ${describe(twice)} twice`);
  return { header: header as Record<string, unknown>, start };
}

/** A key that an object of this JSON holds twice, of which JSON.parse keeps the last. */
function repeatedKey(json: string): string | undefined {
  /** The keys of each object that is open; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === "{" || c === "[") open.push(c === "{" ? new Set() : undefined);
    else if (c === "}" || c === "]") open.pop();
    else if (c === '"') {
      const start = i;
      while (json[++i] !== '"') if (json[i] === "\\") i++;
      let next = i + 1;
      while (json[next] <= " ") next++;
      if (json[next] !== ":") continue;
      const key: string = JSON.parse(json.slice(start, i + 1));
      const keys = open.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

interface TensorEntry {
  name: string;
  type: StoredType;
  shape: number[];
  /** First and last byte, the last exclusive, counted from the end of the header. */
  from: number;
  to: number;
}

/** What the header says of a tensor, in a file with so many bytes of values. */
function readEntry(name: string, entry: unknown, length: number): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<Record<keyof Entry, unknown>>;
  const tensor = `tensor ${describe(name)}`;
  if (typeof dtype === "string" && UNSUPPORTED.test(dtype))
    throw new UnsupportedError(`safetensors: ${tensor} has dtype ${dtype}, which is not supported`);
  if (typeof dtype !== "string" || !Object.hasOwn(TYPES, dtype))
    return fail(
      `${tensor} has dtype ${describe(dtype)} but must have one of ${Object.keys(TYPES).join(", ")}`,
    );
  const type = TYPES[dtype];
  const size = bytesOfShape(shape, type.bytes);
  if (size === undefined) fail(`${tensor} has shape ${describe(shape)}, which is none`);
  const [from, to] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0)
    fail(`${tensor} has data_offsets ${describe(offsets)} but must have [first byte, last byte]`);
  if (to > length)
    fail(`${tensor} lies at bytes ${from} to ${to} but the file holds ${length} bytes of values`);
  if (to - from !== size)
    fail(`${tensor} of shape ${describe(shape)} needs ${size} bytes but has ${to - from}`);
  return { name, type, shape: shape as number[], from, to };
}

/** Throws unless the tensors' bytes follow one another from the first byte to the last. */
function checkTiling(entries: readonly TensorEntry[], length: number): void {
  let end = 0;
  for (const { name, from, to } of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end)
      fail(
        from < end
          ? `tensor ${describe(name)} begins at byte ${from}, inside another, which ends at ${end}`
          : `bytes ${end} to ${from} of the values, before tensor ${describe(name)}, belong to no tensor`,
      );
    end = to;
  }
  if (end !== length)
    fail(
      `the tensors end at byte ${end} but the file holds ${length} bytes of values: ${length - end} too many`,
    );
}

function fail(what: string, cause?: unknown): never {
  throw new FormatError(`safetensors: ${what}`, cause === undefined ? undefined : { cause });
}
