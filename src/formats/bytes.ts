// Raw bytes: views of them, pieces joined, and the 16-bit floats that JavaScript has no typed arrays for.
// Typed arrays are used as little-endian, as they are wherever WebAssembly SIMD is found.

/**
 * The bytes of a file, in a buffer of their own: `Uint8Array<ArrayBuffer>`, and plain `Uint8Array` before TypeScript 5.7, which does not
 * tell kinds of buffers apart.
 */
export type FileBytes = ReturnType<typeof Uint8Array.from>;

/**
 * The bytes of an ArrayBuffer, a SharedArrayBuffer or a view of one, of any realm; undefined for anything else, and for a buffer that
 * was handed over to someone else.
 */
export function asBytes(value: unknown): Uint8Array | undefined {
  try {
    // A DataView takes true buffers alone, and throws for what only looks like one.
    return bytesOf(ArrayBuffer.isView(value) ? value : new DataView(value as ArrayBuffer));
  } catch {
    return undefined;
  }
}

/** The bytes of a typed array, which are little-endian. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** All pieces, one after the other. */
export function concatBytes(pieces: readonly Uint8Array[]): FileBytes {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

/** IEEE 754 binary16: 1 sign bit, 5 of exponent with a bias of 15, 10 of fraction. */
export function float16ToFloat32(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i];
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    // Subnormal numbers are normal ones of binary32, so these alone are computed. Infinity and NaN keep the highest exponent.
    if (exponent === 0) out[i] = (sign ? -fraction : fraction) * 2 ** -24;
    else bits[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  return out;
}

/** bfloat16: the upper half of a binary32. */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return out;
}

/** UTF-8 as text. Throws TypeError for bytes that are none. A copy is decoded, as browsers decode no shared memory. */
export const textOf = (bytes: Uint8Array): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice());

/** Bytes of that many values of that shape; undefined where it is no shape, or one that numbers cannot count. */
export function bytesOfShape(shape: unknown, bytesPerValue: number): number | undefined {
  if (!Array.isArray(shape)) return undefined;
  let size = bytesPerValue;
  for (const d of shape) {
    if (!Number.isSafeInteger(d) || d < 0) return undefined;
    size *= d;
    if (size > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return size;
}

/** How files begin that are taken for others: the first of these that fits. Those that can be read name the function that does. */
const BEGINNINGS: readonly (readonly [start: string | RegExp, what: string])[] = [
  // A length below 2^32, and the header.
  [/^.{4}\0{4}\{/s, "a safetensors file: use fromSafetensors, or loadStateDict of convolith/nets"],
  // Protobuf: field 1, the version of the format, as a varint.
  ["\x08", "an ONNX file: use fromOnnx of convolith/onnx"],
  [
    /^\s*\{.*"(modelTopology|graph-model|layers-model)"/s,
    "a JSON model of TensorFlow.js: use fromTfjs of convolith/tfjs",
  ],
  ["PK", "a zip archive (.keras, .npz, a PyTorch checkpoint)"],
  ["\x89HDF", "an HDF5 file (.h5)"],
  ["\x1f\x8b", "a gzip file"],
  ["\x80", "a pickle"],
  ["\x93NUMPY", "a NumPy array"],
  ["GGUF", "a GGUF file"],
  ["version https://git-lfs", "a Git LFS pointer instead of the file"],
  [/^\s*</, "an HTML page"],
  [/^\s*[{[]/, "JSON text"],
];

/**
 * What to say of a file that should be one of format `own` ("safetensors", "ONNX", "JSON"): which other one it seems to be, and what
 * reads that. Undefined where nothing is known of it, or it begins like one of its own.
 */
export function otherFormat(bytes: Uint8Array, own: string): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 512));
  const what = BEGINNINGS.find(([start]) =>
    typeof start === "string" ? head.startsWith(start) : start.test(head),
  )?.[1];
  if (what === undefined || what.includes(own)) return undefined;
  return what.includes(": use ") ? `this is ${what}` : `this is no ${own} file: it looks like ${what}`;
}
