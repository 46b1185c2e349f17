// Files as src/formats/onnx reads them: every way a tensor may be stored, order, functions, and damage of every kind.
import { describe, expect, it } from "vitest";
import { FormatError, UnsupportedError } from "../src/errors.ts";
import { concatBytes } from "../src/formats/bytes.ts";
import { type Fields, float, int, message, text } from "../src/formats/onnx/protobuf.ts";
import { type OnnxModel, readModel } from "../src/formats/onnx/read.ts";
import { WIRE, Wire } from "../src/formats/onnx/wire.ts";

const bytesOf = (...fields: readonly Fields[]): Uint8Array => concatBytes(fields.flat());
const raw = (field: number, bytes: ArrayLike<number>): Fields => message(field, [Uint8Array.from(bytes)]);
const little = (data: ArrayBufferView): number[] => [...new Uint8Array(data.buffer)];

const FLOAT = 1;
const value = (field: number, name: string, type = FLOAT, dims: (number | string)[] = [2]): Fields =>
  message(
    field,
    text(1, name),
    message(
      2,
      message(
        1,
        int(1, type),
        message(2, ...dims.map((d) => message(1, typeof d === "number" ? int(1, d) : text(2, d)))),
      ),
    ),
  );
const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Fields[] = [],
  domain = "",
): Fields =>
  message(
    1,
    ...inputs.map((x) => text(1, x)),
    ...outputs.map((x) => text(2, x)),
    text(3, `${op}_${outputs[0]}`),
    text(4, op),
    ...attributes,
    text(7, domain),
  );
const tensor = (name: string, type: number, dims: number[], ...content: Fields[]): Fields =>
  message(5, ...dims.map((d) => int(1, d)), int(2, type), text(8, name), ...content);

const OPSET = message(8, int(2, 17));
const model = (graph: readonly Fields[], ...rest: readonly Fields[]): Uint8Array =>
  bytesOf(int(1, 8), message(7, ...graph), OPSET, ...rest);
/** A model whose output is the sum of its input and a constant. */
const withTensor = (...content: readonly Fields[]): Uint8Array =>
  model([node("Add", ["x", "w"], ["y"]), ...content, value(11, "x"), value(12, "y")]);

const names = ({ nodes }: OnnxModel): string[] => nodes.map(({ op }) => op);
const failure = (read: () => unknown): Error => {
  try {
    read();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe("numbers as Protocol Buffers store them", () => {
  it("reads varints of every length, with sign, and clamps what numbers cannot tell apart", () => {
    for (const v of [0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, 2 ** 53 - 1, -1, -(2 ** 40)]) {
      const wire = new Wire(bytesOf(int(3, v)));
      expect(wire.next()).toBe(true);
      expect([wire.field, wire.type, wire.int()]).toEqual([3, WIRE.varint, v]);
      expect(wire.next()).toBe(false);
    }
    const most = Uint8Array.from([0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    const wire = new Wire(most);
    wire.next();
    expect(wire.int()).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    ["a number of eleven bytes", [8, ...new Array(10).fill(0x80), 1], "more than 10 bytes"],
    ["a number that runs past the end", [8, 0x80], "runs past the end"],
    ["a length beyond the end", [0x12, 100, 1, 2], "has 100 bytes, but only 2 are left"],
    ["a length of 2^63", [0x12, ...new Array(8).fill(0xff), 0x7f], "but only 0 are left"],
    ["half a float", [0xf5, 1, 0, 0], "needs 4 bytes, but only 2 are left"],
    ["field 0", [0, 0], "a field has the number 0"],
    ["a group", [0x0b], "wire type 3"],
  ])("refuses %s", (_, bytes, wanted) => {
    const error = failure(() => readModel(Uint8Array.from(bytes)));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain(wanted);
    expect(error.message).toMatch(/byte \d/);
  });
});

describe("tensors", () => {
  const cases: [string, number, Fields[], ArrayLike<number>][] = [
    ["float, raw", 1, [raw(9, little(Float32Array.of(1.5, -2)))], Float32Array.of(1.5, -2)],
    ["float, a list", 1, [raw(4, little(Float32Array.of(1.5, -2)))], Float32Array.of(1.5, -2)],
    ["float, one by one", 1, [float(4, 1.5), float(4, -2)], Float32Array.of(1.5, -2)],
    ["float, in pieces", 1, [float(4, 1.5), raw(4, little(Float32Array.of(-2)))], Float32Array.of(1.5, -2)],
    ["double", 11, [raw(9, little(Float64Array.of(0.5, 3)))], Float32Array.of(0.5, 3)],
    ["double, a list", 11, [raw(10, little(Float64Array.of(0.5, 3)))], Float32Array.of(0.5, 3)],
    ["float16", 10, [raw(9, [0, 0x3c, 0, 0xc0])], Float32Array.of(1, -2)],
    ["float16, a list", 10, [int(5, 0x3c00), int(5, 0xc000)], Float32Array.of(1, -2)],
    ["bfloat16", 16, [raw(9, [0x80, 0x3f, 0, 0xc0])], Float32Array.of(1, -2)],
    ["int8", 3, [raw(9, [0xff, 7])], Float64Array.of(-1, 7)],
    ["int8, a list", 3, [int(5, -1), int(5, 7)], Float64Array.of(-1, 7)],
    ["uint8", 2, [raw(9, [0xff, 7])], Float64Array.of(255, 7)],
    ["int16", 5, [raw(9, [0xff, 0xff, 7, 0])], Float64Array.of(-1, 7)],
    ["uint16", 4, [raw(9, [0xff, 0xff, 7, 0])], Float64Array.of(65535, 7)],
    ["int32", 6, [raw(9, little(Int32Array.of(-3, 9)))], Float64Array.of(-3, 9)],
    ["uint32", 12, [raw(9, little(Uint32Array.of(2 ** 32 - 1, 9)))], Float64Array.of(2 ** 32 - 1, 9)],
    [
      "int64",
      7,
      [raw(9, little(BigInt64Array.of(-5n, 2n ** 63n - 1n)))],
      Float64Array.of(-5, Number.MAX_SAFE_INTEGER),
    ],
    ["int64, a list", 7, [int(7, -5), int(7, 2 ** 40)], Float64Array.of(-5, 2 ** 40)],
    [
      "uint64",
      13,
      [raw(9, little(BigUint64Array.of(5n, 2n ** 64n - 1n)))],
      Float64Array.of(5, Number.MAX_SAFE_INTEGER),
    ],
    ["uint64, a list", 13, [int(11, 5), int(11, 6)], Float64Array.of(5, 6)],
    ["bool", 9, [raw(9, [0, 2])], Float64Array.of(0, 1)],
    ["bool, a list", 9, [int(5, 0), int(5, 1)], Float64Array.of(0, 1)],
  ];
  it.each(cases)("of %s", (_, type, content, want) => {
    const { constants } = readModel(withTensor(tensor("w", type, [2], ...content)));
    const w = constants.get("w")!;
    expect(w.shape).toEqual([2]);
    expect(w.data).toEqual(want);
    expect(w.type).toBe(type === 9 ? "bool" : want instanceof Float32Array ? "float" : "int");
  });

  it("of floats are the file itself where they begin at a multiple of four, and copies elsewhere", () => {
    const file = withTensor(tensor("w", FLOAT, [2], raw(9, little(Float32Array.of(1.5, -2)))));
    const mapped = [0, 1, 2, 3].map((shift) => {
      const moved = new Uint8Array(file.length + shift).subarray(shift);
      moved.set(file);
      const { data } = readModel(moved).constants.get("w")!;
      expect(data).toEqual(Float32Array.of(1.5, -2));
      return data.buffer === moved.buffer;
    });
    expect(mapped.filter(Boolean)).toHaveLength(1);
  });

  const external = (...entries: [string, string][]): Fields[] => [
    ...entries.map(([key, content]) => message(13, text(1, key), text(2, content))),
    int(14, 1),
  ];
  it("of a file next to the model", () => {
    const file = withTensor(
      tensor("w", FLOAT, [2], ...external(["location", "w.bin"], ["offset", "4"], ["length", "8"])),
    );
    const bytes = new Uint8Array(Float32Array.of(9, 1.5, -2).buffer);
    expect(readModel(file, { external: { "w.bin": bytes } }).constants.get("w")!.data).toEqual(
      Float32Array.of(1.5, -2),
    );
    expect(() => readModel(file)).toThrow(/values are in the file "w.bin", which is not given/);
    expect(() => readModel(file, { external: { "w.bin": bytes.subarray(4) } })).toThrow(
      /needs 8 bytes from byte 4 of "w.bin", which has 8/,
    );
    const bad = withTensor(tensor("w", FLOAT, [2], ...external(["location", "w.bin"], ["offset", "-4"])));
    expect(() => readModel(bad, { external: { "w.bin": bytes } })).toThrow(/offset of its external data/);
  });

  it.each<[string, Fields, RegExp]>([
    ["too few bytes", tensor("w", 1, [2], raw(9, [0, 0, 0, 0])), /"w": shape \[2\] of float needs 8 bytes/],
    ["too few values", tensor("w", 1, [3], float(4, 1)), /shape \[3\] needs 3 values, but there are 1/],
    ["no values", tensor("w", 1, [2 ** 40]), /needs 1099511627776 values, but there are 0/],
    ["a negative size", tensor("w", 1, [-1], float(4, 1)), /its shape \[-1\]/],
    ["a size past all numbers", tensor("w", 1, [2 ** 50, 2 ** 50]), /its shape/],
    [
      "half a float",
      tensor("w", 1, [1], raw(4, [0, 0])),
      /graph.initializer\[0\]: byte \d+: a number needs 4/,
    ],
  ])("that are damaged: %s", (_, stored, wanted) => {
    const error = failure(() => readModel(withTensor(stored)));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(wanted);
  });

  it("of texts and complex numbers are unsupported", () => {
    for (const type of [8, 14, 17])
      expect(() => readModel(withTensor(tensor("w", type, [1])))).toThrow(UnsupportedError);
  });
});

describe("graphs", () => {
  it("keep an order that is right, sort one that is not, and leave out what nothing needs", () => {
    const a = node("Relu", ["x"], ["a"]);
    const b = node("Exp", ["a"], ["b"]);
    const c = node("Add", ["a", "b"], ["y"]);
    const dead = node("Nonsense", ["a"], ["z"]);
    const ends = [value(11, "x"), value(12, "y")];
    expect(names(readModel(model([a, dead, b, c, ...ends])))).toEqual(["Relu", "Exp", "Add"]);
    expect(names(readModel(model([c, b, dead, a, ...ends])))).toEqual(["Relu", "Exp", "Add"]);
  });

  it("have inputs with sizes, names of sizes and defaults", () => {
    const file = model([
      node("Add", ["x", "w"], ["y"]),
      tensor("w", FLOAT, [1], float(4, 1)),
      value(11, "x", FLOAT, ["N", 3, -1]),
      value(11, "w"),
      value(12, "y"),
    ]);
    const { inputs, outputs, opset } = readModel(file);
    expect(inputs.map(({ name, shape }) => [name, shape])).toEqual([["x", ["N", 3, null]]]);
    expect([outputs, opset]).toEqual([["y"], 17]);
  });

  it.each<[string, Fields[], RegExp]>([
    [
      "a circle",
      [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Add", ["a", "b"], ["y"])],
      /circle/,
    ],
    ["a node that reads its own output", [node("Relu", ["y"], ["y"])], /circle/],
    [
      "a value made twice",
      [node("Relu", ["x"], ["y"]), node("Exp", ["x"], ["y"])],
      /"y" is already made by Relu "Relu_y"/,
    ],
    ["an input made again", [node("Relu", ["x"], ["x"])], /"x" is already an input or a constant/],
    ["a value from nowhere", [node("Relu", ["q"], ["y"])], /Relu "Relu_y": reads "q", which is no input/],
    ["no operator", [node("", ["x"], ["y"])], /names no operator/],
    [
      "an attribute twice",
      [node("Relu", ["x"], ["y"], [message(5, text(1, "a")), message(5, text(1, "a"))])],
      /"a" is given twice/,
    ],
    ["two inputs of a name", [node("Relu", ["x"], ["y"]), value(11, "x")], /"x" is there twice/],
  ])("that are wrong: %s", (_, graph, wanted) => {
    const error = failure(() => readModel(model([...graph, value(11, "x"), value(12, "y")])));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(wanted);
  });

  it("with sequences or sparse tensors are unsupported", () => {
    const sequence = message(11, text(1, "s"), message(2, message(4)));
    const graph = [node("Relu", ["x"], ["y"]), value(11, "x"), value(12, "y")];
    expect(() => readModel(model([...graph, sequence]))).toThrow(/input "s" is a sequence/);
    expect(() => readModel(model([...graph, message(15)]))).toThrow(UnsupportedError);
  });

  it("of a million nodes in few bytes are refused", () => {
    const many = new Uint8Array(2_000_000).fill(0).map((_, i) => (i % 2 ? 0 : 0x0a));
    const file = bytesOf(message(7, [many], value(12, "y")), OPSET);
    expect(() => readModel(file)).toThrow(/(more than [0-9]+ (nodes|names))/);
    expect(() => readModel(file, { limits: { nodes: 1000 } })).toThrow(/limits: { nodes } }/);
  });
});

describe("functions", () => {
  const inner = (...parts: Fields[]): Fields => message(7, ...parts);
  const elu = inner(
    text(1, "p"),
    text(2, "t"),
    text(4, "Elu"),
    message(5, text(1, "alpha"), int(20, 1), text(21, "beta")),
  );
  const neg = inner(text(1, "t"), text(2, "q"), text(4, "Neg"));
  const made = message(
    25,
    text(1, "F"),
    text(4, "p"),
    text(5, "q"),
    text(6, "beta"),
    elu,
    neg,
    message(9, int(2, 17)),
    text(10, "mine"),
  );

  it("are written out, with the attributes of the call", () => {
    const beta = message(5, text(1, "beta"), float(2, 0.5), int(20, 1));
    const graph = [
      node("F", ["x"], ["a"], [beta], "mine"),
      node("F", ["a"], ["y"], [], "mine"),
      value(11, "x"),
      value(12, "y"),
    ];
    const { nodes } = readModel(model(graph, made));
    expect(nodes.map(({ op }) => op)).toEqual(["Elu", "Neg", "Elu", "Neg"]);
    expect(nodes[0].attributes.float("alpha")).toBe(0.5);
    expect(nodes[2].attributes.float("alpha")).toBeUndefined();
    expect(nodes[1].outputs).toEqual(["a"]);
    expect(nodes[0].outputs).toEqual(nodes[1].inputs);
    expect(nodes[0].outputs).not.toEqual(nodes[2].outputs);
  });

  it("that call themselves, or double at every level, are refused", () => {
    const call = (name: string, from: string, to: string): Fields =>
      inner(text(1, from), text(2, to), text(4, name), text(7, "mine"));
    const loop = message(25, text(1, "F"), text(4, "p"), text(5, "q"), call("F", "p", "q"), text(10, "mine"));
    const graph = [node("F", ["x"], ["y"], [], "mine"), value(11, "x"), value(12, "y")];
    expect(() => readModel(model(graph, loop))).toThrow(/more than 16 deep/);
    const levels = Array.from({ length: 12 }, (_, i) =>
      message(
        25,
        text(1, i ? `F${i}` : "F"),
        text(4, "p"),
        text(5, "q"),
        ...Array.from({ length: 16 }, (_, j) =>
          call(`F${i + 1}`, j ? `v${j}` : "p", j === 15 ? "q" : `v${j + 1}`),
        ),
        text(10, "mine"),
      ),
    );
    expect(() => readModel(model(graph, ...levels))).toThrow(/more than 50000 nodes/);
  });
});

describe("other files", () => {
  it.each([
    ["nothing", "", /the file is empty/],
    ["JSON", '{"a": 1}', /JSON text/],
    ["a page", "<!DOCTYPE html>", /an HTML page/],
    ["a zip archive", "PK\x03\x04aaaa", /a zip archive/],
  ])("%s", (_, content, wanted) => {
    const error = failure(() => readModel(new TextEncoder().encode(content)));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(wanted);
  });
  it("a model without a graph or operators", () => {
    expect(() => readModel(bytesOf(int(1, 8), OPSET))).toThrow(/it has no graph/);
    expect(() => readModel(bytesOf(int(1, 8), message(7)))).toThrow(/opset_import/);
    expect(() => readModel(bytesOf(message(7), message(7), OPSET))).toThrow(/model.graph: byte \d+: .*twice/);
  });
});
