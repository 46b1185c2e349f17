// Raw bytes: views of them, pieces joined, and the 16-bit floats that JavaScript has no typed arrays for.
// Typed arrays are used as little-endian, as they are wherever WebAssembly SIMD is found.

/**
 * The bytes of a file, in a buffer of their own: `Uint8Array<ArrayBuffer>`, and plain `Uint8Array` before TypeScript 5.7, which does not
 * tell kinds of buffers apart.
 */
export type FileBytes = ReturnType<typeof Uint8Array.from>;

/** A view of raw bytes; undefined for anything else. */
export function asBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  return undefined;
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
