// The safetensors format: what is written is read back, every stored type is converted, damaged files are refused.
import { describe, expect, it } from "vitest";
import { FormatError } from "../src/errors.ts";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.ts";

/** A file of that header and those values; the header may be anything. */
function fileOf(header: unknown, values: ArrayBufferView = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + values.byteLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 8 + text.length);
  return bytes;
}

const readOne = (dtype: string, values: ArrayBufferView & { length: number }): number[] => {
  const entry = { dtype, shape: [values.length], data_offsets: [0, values.byteLength] };
  return [...readSafetensors(fileOf({ t: entry }, values)).tensors.t.data];
};

describe("safetensors", () => {
  it("reads what it wrote, from bytes at any place, and keeps nothing of them", () => {
    const stored = {
      tensors: {
        "a.kernel": { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-40, -Infinity) },
        // A part of a larger array.
        b: { shape: [2], data: new Float32Array([9, 7, 8, 9]).subarray(1, 3) },
        scalar: { shape: [], data: Float32Array.of(5) },
        none: { shape: [0, 4], data: new Float32Array(0) },
      },
      metadata: { format: "any", text: "Größe" },
    };
    const bytes = writeSafetensors(stored);
    const [headerLength] = new BigUint64Array(bytes.buffer, 0, 1);
    expect(Number(headerLength) % 8).toBe(0);
    expect(readSafetensors(bytes)).toEqual(stored);
    expect(readSafetensors(bytes.buffer)).toEqual(stored);
    expect(readSafetensors(Buffer.from(bytes))).toEqual(stored);
    for (const shift of [1, 2, 3]) {
      const moved = new Uint8Array(bytes.length + 4);
      moved.set(bytes, shift);
      const read = readSafetensors(moved.subarray(shift, shift + bytes.length));
      moved.fill(0);
      expect(read).toEqual(stored);
    }
    expect(writeSafetensors({ ...stored, metadata: {} }).length).toBeLessThan(bytes.length);
  });

  it("converts every type of number", () => {
    expect(readOne("F64", Float64Array.of(0.1, -2, 1e300))).toEqual([Math.fround(0.1), -2, Infinity]);
    expect(readOne("F32", Float32Array.of(0.5, -3))).toEqual([0.5, -3]);
    expect(readOne("BF16", Uint16Array.of(0x3f80, 0xc040, 0x7f80, 0x0001))).toEqual([
      1,
      -3,
      Infinity,
      2 ** -133,
    ]);
    expect(readOne("I64", BigInt64Array.of(1n, -(2n ** 40n)))).toEqual([1, -(2 ** 40)]);
    expect(readOne("I32", Int32Array.of(7, -70000))).toEqual([7, -70000]);
    expect(readOne("I16", Int16Array.of(7, -7000))).toEqual([7, -7000]);
    expect(readOne("I8", Int8Array.of(7, -70))).toEqual([7, -70]);
    expect(readOne("U8", Uint8Array.of(7, 200))).toEqual([7, 200]);
  });

  it("converts every half precision number as its formula says", () => {
    const read = readOne(
      "F16",
      Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits),
    );
    for (let bits = 0; bits < 2 ** 16; bits++) {
      const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
      let size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14;
      if (exponent === 31) size = fraction ? NaN : Infinity;
      if (!Object.is(read[bits], bits < 0x8000 ? size : -size))
        throw new Error(`bits ${bits} are read as ${read[bits]} but mean ${bits < 0x8000 ? size : -size}`);
    }
  });

  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const eight = new Uint8Array(8);
  it.each<[what: string, file: unknown, message: string]>([
    ["no bytes", "text", "the file must be an ArrayBuffer or a Uint8Array"],
    ["no length", new Uint8Array(7), "the file has 7 bytes but must begin with a length of 8"],
    ["a header beyond the end", fileOf("{}").subarray(0, 9), "should have 2 bytes but the file has only 1"],
    ["no JSON", fileOf("{]"), "the header is no JSON: "],
    ["a list", fileOf([]), "the header is no object"],
    ["metadata of numbers", fileOf({ __metadata__: { a: 1 } }), "__metadata__ must hold texts by name"],
    ["metadata of null", fileOf({ __metadata__: null }), "__metadata__ must hold texts by name"],
    ["an entry of null", fileOf({ t: null }), 'tensor "t" has dtype undefined but must have one of F64, F32'],
    [
      "an unknown type",
      fileOf({ t: { ...entry, dtype: "F8" } }, eight),
      'tensor "t" has dtype "F8" but must',
    ],
    [
      "a type that objects have",
      fileOf({ t: { ...entry, dtype: "constructor" } }, eight),
      'dtype "constructor"',
    ],
    ["no shape", fileOf({ t: { ...entry, shape: [-2] } }, eight), 'tensor "t" has shape [-2], which is none'],
    [
      "no offsets",
      fileOf({ t: { ...entry, data_offsets: 3 } }, eight),
      'tensor "t" lies at bytes NaN to NaN',
    ],
    [
      "values beyond the end",
      fileOf({ t: entry }, eight.subarray(1)),
      "at bytes 0 to 8 but the file holds 7 bytes",
    ],
    [
      "too few values",
      fileOf({ t: { ...entry, shape: [3] } }, eight),
      "of shape [3] needs 12 bytes but has 8",
    ],
  ])("refuses %s", (_, file, message) => {
    const read = () => readSafetensors(file as Uint8Array);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^safetensors: /);
  });
});
