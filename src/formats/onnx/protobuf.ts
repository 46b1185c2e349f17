// Writes Protocol Buffers: a message is a sequence of fields, each a key and a value.
// Format: https://protobuf.dev/programming-guides/encoding/

/** Encoded fields as pieces of bytes, joined once at the end: arrays are not copied at every level of nesting. */
export type Fields = readonly Uint8Array[];

/** Readers of Protocol Buffers refuse larger messages. */
export const MAX_BYTES = 2 ** 31 - 1;

/** A field of wire type "varint": an integer or an enum. Negative numbers are encoded as 64-bit two's complement. */
export function int(field: number, value: number): Fields {
  return [Uint8Array.from([...varint(field * 8), ...varint(value)])];
}

/** A float of 32 bits. */
export function float(field: number, value: number): Fields {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return [Uint8Array.from([...varint(field * 8 + 5), ...bytes])];
}

/** Text. */
export function text(field: number, value: string): Fields {
  return message(field, [new TextEncoder().encode(value)]);
}

/** A nested message, or raw bytes in one or more pieces. */
export function message(field: number, ...content: readonly Fields[]): Fields {
  const parts = content.flat();
  const key = varint(field * 8 + 2);
  return [Uint8Array.from([...key, ...varint(lengthOf(parts))]), ...parts];
}

/** Number of bytes. */
export function lengthOf(parts: Fields): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Seven bits per byte, lowest first; every byte but the last has the eighth bit set. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}
