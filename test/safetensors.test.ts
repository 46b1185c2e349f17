// The safetensors format: what is written is read back, every stored type is converted, damaged files are refused.
import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError, UnsupportedError } from "../src/errors.ts";
import { fromSafetensors } from "../src/formats/checkpoint.ts";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.ts";
import { fromTfjs } from "../src/formats/tfjs/index.ts";

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
  it("reads what it wrote, from bytes at any place", () => {
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
      expect(readSafetensors(moved.subarray(shift, shift + bytes.length))).toEqual(stored);
    }
    expect(writeSafetensors({ ...stored, metadata: {} }).length).toBeLessThan(bytes.length);
  });

  it("gives views of the file where its values are float32 and can be viewed, and else converts when asked", () => {
    const [f32, f16] = [Float32Array.of(1, 2), Uint16Array.of(0x3c00, 0x4000)];
    const values = new Uint8Array(12);
    values.set(new Uint8Array(f32.buffer));
    values.set(new Uint8Array(f16.buffer), 8);
    // As long as a multiple of four, so that values begin at one.
    const header = JSON.stringify({
      a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
      b: { dtype: "F16", shape: [2], data_offsets: [8, 12] },
    });
    const file = fileOf(header.padEnd(Math.ceil(header.length / 4) * 4), values);
    const shared = new Uint8Array(new SharedArrayBuffer(file.length));
    shared.set(file);
    for (const bytes of [file, file.buffer, shared, shared.buffer]) {
      const { a, b } = readSafetensors(bytes).tensors;
      expect(a.data.buffer).toBe("buffer" in bytes ? bytes.buffer : bytes);
      expect(a.data.byteLength).toBe(8);
      expect([...a.data, ...b.data]).toEqual([1, 2, 1, 2]);
      expect(b.data.buffer).not.toBe(a.data.buffer);
      // Nothing converted is kept.
      expect(b.data.buffer).not.toBe(b.data.buffer);
    }
    const moved = new Uint8Array(file.length + 1);
    moved.set(file, 1);
    expect(readSafetensors(moved.subarray(1)).tensors.a.data).toEqual(f32);
  });

  it("takes no memory for the values of a file", () => {
    const size = 2 ** 24;
    const file = writeSafetensors({
      tensors: { t: { shape: [size], data: new Float32Array(size) } },
      metadata: {},
    });
    // Twice as many values of half the size.
    const half = file.slice();
    const header = new TextDecoder()
      .decode(half.subarray(8, 80))
      .replace("F32", "F16")
      .replace(`[${size}]`, `[${2 * size}]`);
    half.set(new TextEncoder().encode(header), 8);
    const before = process.memoryUsage().arrayBuffers;
    const read = [readSafetensors(file), readSafetensors(half)];
    expect(read.map(({ tensors }) => tensors.t.shape)).toEqual([[size], [2 * size]]);
    expect(read[0].tensors.t.data.length).toBe(size);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
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
    expect(readOne("BOOL", Uint8Array.of(0, 1))).toEqual([0, 1]);
    expect(readOne("U16", Uint16Array.of(7, 65535))).toEqual([7, 65535]);
    expect(readOne("U32", Uint32Array.of(7, 2 ** 32 - 2 ** 10))).toEqual([7, 2 ** 32 - 2 ** 10]);
    expect(readOne("U64", BigUint64Array.of(7n, 2n ** 63n))).toEqual([7, 2 ** 63]);
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

  it("reads any buffer and any view of one", () => {
    const bytes = writeSafetensors({
      tensors: { t: { shape: [2], data: Float32Array.of(1, 2) } },
      metadata: {},
    });
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 1));
    shared.set(bytes, 1);
    const foreign = vm.runInNewContext(`new Uint8Array([${bytes}]).buffer`);
    expect(foreign instanceof ArrayBuffer).toBe(false);
    for (const file of [
      bytes,
      bytes.buffer,
      Buffer.from(bytes),
      new DataView(bytes.buffer),
      shared.subarray(1),
      foreign,
      new Uint8Array(foreign),
    ])
      expect(readSafetensors(file).tensors.t).toEqual({ shape: [2], data: Float32Array.of(1, 2) });
  });

  it.each<[what: string, file: unknown, message: string]>([
    [
      "text",
      "model.safetensors",
      'the file is "model.safetensors" but must be an ArrayBuffer or a Uint8Array',
    ],
    ["nothing", undefined, "the file is undefined but must be"],
    ["a promise", Promise.resolve(), "the file is a Promise but must be"],
    ["what only looks like a buffer", { byteLength: 8, [Symbol.toStringTag]: "ArrayBuffer" }, "but must be"],
    ["a list", [1, 2], "the file is [1,2] but must be"],
  ])("takes no %s for a file", (_, file, message) => {
    for (const read of [readSafetensors, fromSafetensors] as ((file: unknown) => unknown)[]) {
      expect(() => read(file)).toThrow(ArgumentError);
      expect(() => read(file)).toThrow(message);
      expect(() => read(file)).toThrow(/^safetensors: /);
    }
  });

  it("says what another file looks like", () => {
    const of = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
    for (const [start, said] of [
      ["\b\x07\x12\x07pytorch\x1a\x032.1:", "this is an ONNX file: use fromOnnx of convolith/onnx"],
      [
        '{"format": "graph-model", "generatedBy": "2.4.0"',
        "this is a JSON model of TensorFlow.js: use fromTfjs of convolith/tfjs",
      ],
      ['\n{"modelTopology": {', "this is a JSON model of TensorFlow.js: use fromTfjs of convolith/tfjs"],
    ])
      expect(() => readSafetensors(of(start))).toThrow(`safetensors: ${said}`);
    for (const [start, what] of [
      ["PK\x03\x04\x14\0\0\0\b\0", "a zip archive"],
      ["\x89HDF\r\n\x1a\n\0\0\0", "an HDF5 file"],
      ["\x1f\x8b\b\0\0\0\0\0\0\x03", "a gzip file"],
      ["\x80\x02}q\0(X\x06\0\0\0", "a pickle"],
      ["\x93NUMPY\x01\0v\0", "a NumPy array"],
      ['{"format":"mine"}', "JSON text"],
      ["\n<!doctype html><html>", "an HTML page"],
      ["<html>", "an HTML page"],
      ["version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"],
    ])
      expect(() => readSafetensors(of(start))).toThrow(
        `safetensors: this is no safetensors file: it looks like ${what}`,
      );
    expect(() => readSafetensors(new Uint8Array(20).fill(0xee))).toThrow(
      "its header would have 17216961135462248000 bytes, of at most 100000000",
    );
  });

  it("is named by the readers of other files", () => {
    const file = writeSafetensors({ tensors: { t: { shape: [1], data: Float32Array.of(1) } }, metadata: {} });
    expect(() => fromTfjs(file, new Uint8Array(0))).toThrow(
      /^tfjs: this is a safetensors file: use fromSafetensors, or loadStateDict of convolith\/nets$/,
    );
    expect(() => fromTfjs(Uint8Array.of(8, 7, 18, 7), new Uint8Array(0))).toThrow(
      /^tfjs: this is an ONNX file: use fromOnnx of convolith\/onnx$/,
    );
  });

  it("takes names that objects have for names, and changes no object", () => {
    const names = ["constructor", "toString", "__proto__", "hasOwnProperty"];
    const header = names.map(
      (name, i) => `"${name}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
    );
    const file = fileOf(`{"__metadata__":{"__proto__":"x"},${header}}`, Uint8Array.of(5, 6, 7, 8));
    const { tensors, metadata } = readSafetensors(file);
    expect(Object.keys(tensors)).toEqual(names);
    expect(names.map((name) => tensors[name].data[0])).toEqual([5, 6, 7, 8]);
    expect(Object.entries(metadata)).toEqual([["__proto__", "x"]]);
    expect(readSafetensors(fileOf({})).tensors.constructor).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("refuses 3,000 tensors that are one, before it takes memory for them", () => {
    const values = new Uint8Array(2 ** 20);
    const entry = { dtype: "U8", shape: [2 ** 20], data_offsets: [0, 2 ** 20] };
    const header = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`t${i}`, entry]));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readSafetensors(fileOf(header, values))).toThrow(/begins at byte 0, inside another/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
  });

  const entry = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const eight = new Uint8Array(8);

  it.each(["F8_E5M2", "F8_E4M3", "F4", "F6_E2M3", "C64"])("does not support %s", (dtype) => {
    const read = () => readSafetensors(fileOf({ t: { ...entry, dtype } }, eight));
    expect(read).toThrow(UnsupportedError);
    expect(read).toThrow(`safetensors: tensor "t" has dtype ${dtype}, which is not supported`);
  });

  const text = JSON.stringify(entry);
  it.each<[what: string, file: unknown, message: string]>([
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
      'tensor "t" has data_offsets 3 but must have [first byte, last byte]',
    ],
    [
      "values beyond the end",
      fileOf({ t: entry }, eight.subarray(1)),
      "at bytes 0 to 8 but the file holds 7 bytes",
    ],
    ["a hole", fileOf({ t: { ...entry, data_offsets: [4, 12] } }, new Uint8Array(12)), "bytes 0 to 4 of the"],
    [
      "a hole between tensors",
      fileOf({ t: entry, u: { ...entry, data_offsets: [9, 17] } }, new Uint8Array(17)),
      'bytes 8 to 9 of the values, before tensor "u", belong to no tensor',
    ],
    [
      "an overlap",
      fileOf({ u: { ...entry, data_offsets: [4, 12] }, t: entry }, new Uint8Array(12)),
      'tensor "u" begins at byte 4, inside another, which ends at 8',
    ],
    [
      "bytes behind the last tensor",
      fileOf({ t: entry }, new Uint8Array(11)),
      "the tensors end at byte 8 but the file holds 11 bytes of values: 3 too many",
    ],
    ["values without a tensor", fileOf({}, eight), "8 too many"],
    [
      "a tensor that ends before it begins",
      fileOf({ t: { ...entry, data_offsets: [8, 0] } }, eight),
      "but has -8",
    ],
    [
      "offsets that are none",
      fileOf({ t: { ...entry, data_offsets: [0, 8, 9] } }, eight),
      "data_offsets [0,8,9] but must",
    ],
    [
      "fractional offsets",
      fileOf({ t: { ...entry, data_offsets: [0, 7.5] } }, eight),
      "data_offsets [0,7.5] but must",
    ],
    [
      "a shape that no number counts",
      fileOf({ t: { ...entry, shape: [2 ** 30, 2 ** 30, 0] } }),
      "has shape [1073741824,1073741824,0]",
    ],
    ["a tensor that comes twice", fileOf(`{"t":${text},"t":${text}}`, eight), 'the header holds "t" twice'],
    [
      "one that comes twice in disguise",
      fileOf(`{"t":${text},"\\u0074" : ${text}}`, eight),
      'the header holds "t" twice',
    ],
    [
      "a field that comes twice",
      fileOf(`{"t":{"dtype":"I8",${text.slice(1)}}`, eight),
      'holds "dtype" twice',
    ],
    ["metadata that comes twice", fileOf('{"__metadata__":{"a":"\\"b\\":","a":"c"}}'), 'holds "a" twice'],
    ["a header that begins with a space", fileOf(" {}"), "it must begin with {"],
    ["no header", new Uint8Array(8), "it must begin with {"],
    [
      "a header that is no UTF-8",
      fileOf('{"\xff":1}').map((b) => (b === 0xc3 ? 0xff : b)),
      "the header is no JSON",
    ],
    ["a deep header", fileOf(`{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}`), 'tensor "a" has dtype undefined'],
    [
      "an unknown type that is no text",
      fileOf({ t: { ...entry, dtype: { toString: 1 } } }, eight),
      'dtype {"toString":1} but',
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
