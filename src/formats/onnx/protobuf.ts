// Writes Protocol Buffers: a message is its fields, one after the other, each a key and a value.
// Format: https://protobuf.dev/programming-guides/encoding/

/** Bytes in pieces, joined once at the end: large arrays are not copied at every level of nesting. */
export type Fields = readonly Uint8Array[];

/** Protobuf readers refuse larger messages. */
export const MAX_BYTES = 2 ** 31 - 1;

/** A field of the wire type "varint": whole numbers and enums. Negative ones are two's complement of 64 bits. */
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

/** A message within a message, or raw bytes in one or more pieces. */
export function message(field: number, ...content: readonly Fields[]): Fields {
  const parts = content.flat();
  const key = varint(field * 8 + 2);
  return [Uint8Array.from([...key, ...varint(lengthOf(parts))]), ...parts];
}

export function lengthOf(parts: Fields): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

export function join(parts: Fields): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Seven bits a byte, lowest first; all but the last have the eighth bit set. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}
