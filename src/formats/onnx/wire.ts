// Reads Protocol Buffers: bytes as fields, each a key and a value. Nothing is copied, and every length is held against the bytes there are.
// Format: https://protobuf.dev/programming-guides/encoding/
import { FormatError } from "../../errors.ts";

/** How a value is stored: 7 bits per byte, 8 bytes, a length and bytes, 4 bytes. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
export type WireType = (typeof WIRE)[keyof typeof WIRE];

/** A varint of 64 bits has at most ten bytes. */
const MOST_VARINT = 10;

/** The bytes of one message, or of packed numbers, and a place in them. */
export class Wire {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where in the file the bytes begin, for messages. */
  readonly #start: number;
  #offset = 0;
  #field = 0;
  #type: WireType = WIRE.varint;
  // Halves of the varint that was read last.
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = start;
  }

  /** The place in the file. */
  get position(): number {
    return this.#start + this.#offset;
  }

  get atEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  /** The number of the field that comes next, and how its value is stored. */
  get field(): number {
    return this.#field;
  }

  get type(): WireType {
    return this.#type;
  }

  /** Reads the next key; false at the end. */
  next(): boolean {
    if (this.atEnd) return false;
    const at = this.position;
    this.#varint();
    const key = this.#low;
    const type = key & 7;
    this.#field = key >>> 3;
    if (this.#high || !this.#field)
      throw new FormatError(`onnx: byte ${at}: a field has the number ${this.#high ? "2^29 or more" : 0}`);
    if (type !== WIRE.varint && type !== WIRE.fixed64 && type !== WIRE.bytes && type !== WIRE.fixed32)
      throw new FormatError(
        `onnx: byte ${at}: field ${this.#field} has wire type ${type}, which is not in use`,
      );
    this.#type = type;
    return true;
  }

  /** Steps over the value of a field. */
  skip(): void {
    if (this.#type === WIRE.varint) this.#varint();
    else if (this.#type === WIRE.bytes) this.bytes();
    else this.#take(this.#type === WIRE.fixed32 ? 4 : 8);
  }

  /** A signed integer of 64 bits; what numbers cannot tell apart becomes the largest, or the smallest, that they can. */
  int(): number {
    this.#varint();
    return clamped(this.#high | 0, this.#low);
  }

  /** The same without a sign. */
  unsigned(): number {
    this.#varint();
    return clamped(this.#high, this.#low);
  }

  float32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** A length and that many bytes: text, a message or packed numbers. */
  bytes(): Uint8Array {
    const at = this.position;
    const length = this.unsigned();
    const left = this.#bytes.length - this.#offset;
    if (length > left)
      throw new FormatError(
        `onnx: byte ${at}: field ${this.#field} has ${length} bytes, but only ${left} are left`,
      );
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  #take(length: number): number {
    const from = this.#offset;
    const left = this.#bytes.length - from;
    if (length > left)
      throw new FormatError(
        `onnx: byte ${this.position}: ${this.#field ? `field ${this.#field}` : "a number"} needs ${length} bytes, but only ${left} are left`,
      );
    this.#offset += length;
    return from;
  }

  #varint(): void {
    const at = this.#offset;
    const bytes = this.#bytes;
    let [low, high] = [0, 0];
    for (let i = 0; i < MOST_VARINT; i++) {
      const byte = bytes[at + i];
      if (byte === undefined)
        throw new FormatError(`onnx: byte ${this.#start + at}: a number runs past the end`);
      const bits = byte & 127;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 128) {
        this.#offset = at + i + 1;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new FormatError(`onnx: byte ${this.#start + at}: a number has more than ${MOST_VARINT} bytes`);
  }
}

const MOST = Number.MAX_SAFE_INTEGER;

/** An integer of two halves of 32 bits, the upper one with or without sign; beyond what numbers hold exactly, the nearest that they do. */
export const clamped = (high: number, low: number): number =>
  Math.max(-MOST, Math.min(MOST, high * 2 ** 32 + low));
