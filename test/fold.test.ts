// Folding of constants, against numbers of NumPy, and what it must refuse.
import { describe, expect, it } from "vitest";
import { type Constant, constant, lazyConstant } from "../src/formats/import/constant.ts";
import { FoldBudget, fold } from "../src/formats/import/fold.ts";

const float = (shape: number[], ...data: number[]): Constant =>
  constant(shape, "float", Float32Array.from(data));
const int = (shape: number[], ...data: number[]): Constant => constant(shape, "int", Float64Array.from(data));
const bool = (shape: number[], ...data: number[]): Constant =>
  constant(shape, "bool", Float64Array.from(data));
const iota = (...shape: number[]): Constant =>
  int(shape, ...Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i));

/** [shape, type, values] of every output. */
function run(kind: string, inputs: Constant[], config: Record<string, unknown> = {}): unknown[] {
  const outputs = fold(kind, inputs, config);
  expect(outputs, kind).toBeDefined();
  return outputs!.map(({ shape, type, data }) => [shape, type, Array.from(data)]);
}
const one = (...args: Parameters<typeof run>): unknown => run(...args)[0];
const values = (...args: Parameters<typeof run>): number[] => (one(...args) as unknown[])[2] as number[];

describe("folding element by element", () => {
  it("maps values", () => {
    const x = float([6], -2.5, -1.5, -0.5, 0.5, 1.5, 2.5);
    expect(values("unary", [x], { op: "round" })).toEqual([-2, -2, -0, 0, 2, 2]);
    expect(values("unary", [x], { op: "floor" })).toEqual([-3, -2, -1, 0, 1, 2]);
    expect(values("unary", [x], { op: "relu" })).toEqual([0, 0, 0, 0.5, 1.5, 2.5]);
    expect(values("unary", [x], { op: "shrink", p: 1, q: 0.5 })).toEqual([-2, -1, 0, 0, 1, 2]);
    expect(one("unary", [float([3], 0, NaN, -Infinity)], { op: "isNaN" })).toEqual([[3], "bool", [0, 1, 0]]);
    expect(values("unary", [float([3], Infinity, 1, -Infinity)], { op: "isInf", p: -1 })).toEqual([0, 0, 1]);
    expect(one("unary", [bool([2], 1, 0)], { op: "not" })).toEqual([[2], "bool", [0, 1]]);
    expect(one("unary", [int([], 7)], { op: "neg" })).toEqual([[], "int", [-7]]);
    const erf = values("unary", [float([4], 0.5, -1, 3, 7)], { op: "erf" });
    [0.5204998778, -0.8427007929, 0.9999779095, 1].forEach((value, i) => {
      expect(erf[i]).toBeCloseTo(value, 7);
    });
  });

  it("keeps integers whole", () => {
    expect(values("clip", [int([4], -1, 0, 1, 9)], { min: 0.25, max: 6.5 })).toEqual([1, 1, 1, 6]);
  });

  it("takes NaN as kinds do", () => {
    const x = float([4], 1, NaN, 3, NaN);
    expect(values("argExtreme", [x], { op: "max", axis: 0 })).toEqual([1]);
    expect(values("argExtreme", [x], { op: "min", axis: 0, last: true })).toEqual([3]);
    const both = float([3], Infinity, 1, Infinity);
    expect(values("argExtreme", [both], { op: "max", axis: 0, last: true })).toEqual([2]);
    const op = { op: "logSum", axes: [0], keepDims: false };
    expect(values("reduction", [int([2], -1, -3)], op)).toEqual([0]);
    expect(values("reduction", [int([2], -1, 1)], op)).toEqual([-(2 ** 31)]);
  });

  it("refuses the bits of floats", () => {
    const half = float([2], 0.5, -2);
    for (const op of ["and", "or", "xor"])
      expect(() => fold("arithmetic", [half, half], { op })).toThrow("for integers, not for floats");
  });

  it("broadcasts", () => {
    const a = int([2, 1], 7, -7);
    const b = int([3], 2, -2, 0);
    const ops = (op: string) => one("arithmetic", [a, b], { op });
    expect(ops("add")).toEqual([[2, 3], "int", [9, 5, 7, -5, -9, -7]]);
    expect(ops("div")).toEqual([[2, 3], "int", [3, -3, 0, -3, 3, 0]]);
    expect(ops("floorDiv")).toEqual([[2, 3], "int", [3, -4, 0, -4, 3, 0]]);
    expect(ops("mod")).toEqual([[2, 3], "int", [1, -1, 0, 1, -1, 0]]);
    expect(ops("fmod")).toEqual([[2, 3], "int", [1, 1, 0, -1, -1, 0]]);
    expect(ops("squaredDifference")).toEqual([[2, 3], "int", [25, 81, 49, 81, 25, 49]]);
    expect(values("arithmetic", [float([2], 1, 2), float([], 3)], { op: "div" })).toEqual([
      Math.fround(1 / 3),
      Math.fround(2 / 3),
    ]);
    expect(values("arithmetic", [int([2], 6, 2 ** 40 + 1), int([], 3)], { op: "and" })).toEqual([2, 1]);
    expect(one("arithmetic", [bool([2], 1, 0), bool([2], 1, 1)], { op: "and" })).toEqual([
      [2],
      "bool",
      [1, 0],
    ]);
    expect(one("arithmetic", [int([0, 3]), int([3], 1, 2, 3)], { op: "mul" })).toEqual([[0, 3], "int", []]);
    expect(one("compare", [a, b], { op: "less" })).toEqual([[2, 3], "bool", [0, 0, 0, 1, 1, 1]]);
    expect(one("where", [bool([2, 1], 1, 0), int([], 5), b], {})).toEqual([
      [2, 3],
      "int",
      [5, 5, 5, 2, -2, 0],
    ]);
  });

  it("casts", () => {
    const x = float([5], -1.7, NaN, 3e9, 0, 2.9);
    expect(one("cast", [x], { dtype: "int32" })).toEqual([[5], "int", [-1, 0, 2 ** 31 - 1, 0, 2]]);
    expect(one("cast", [x], { dtype: "int32", bool: true })).toEqual([[5], "bool", [1, 1, 1, 0, 1]]);
    expect(one("cast", [int([2], 3, -4)], { dtype: "float32" })).toEqual([[2], "float", [3, -4]]);
    expect(one("cast", [int([1], 2 ** 40)], { dtype: "int32" })).toEqual([[1], "int", [2 ** 40]]);
    expect(one("clip", [int([3], -3, 0, 9)], { min: -1, max: 4 })).toEqual([[3], "int", [-1, 0, 4]]);
  });
});

describe("folding of many values to one", () => {
  it("reduces", () => {
    const x = iota(2, 3);
    const by = (op: string, axes: number[], keepDims = false) =>
      one("reduction", [x], { op, axes, keepDims });
    expect(by("sum", [0])).toEqual([[3], "int", [3, 5, 7]]);
    expect(by("prod", [-1], true)).toEqual([[2, 1], "int", [0, 60]]);
    expect(by("mean", [0, 1])).toEqual([[], "int", [2]]);
    expect(by("max", [1])).toEqual([[2], "int", [2, 5]]);
    expect(by("all", [1])).toEqual([[2], "int", [0, 1]]);
    expect(by("sum", [])).toEqual([[2, 3], "int", [0, 1, 2, 3, 4, 5]]);
    expect(one("reduction", [iota(2, 0)], { op: "prod", axes: [1] })).toEqual([[2], "int", [1, 1]]);
    const [sum] = values("reduction", [float([2], 1000, 1000)], { op: "logSumExp", axes: [0] });
    expect(sum).toBeCloseTo(1000 + Math.log(2), 3);
    expect(values("reduction", [float([2], 3, 4)], { op: "l2", axes: [0] })).toEqual([5]);
  });

  it("finds extremes and sums up", () => {
    const x = float([2, 3], 1, 5, 5, 2, 0, 0);
    expect(one("argExtreme", [x], { op: "max", axis: 1 })).toEqual([[2], "int", [1, 0]]);
    expect(values("argExtreme", [x], { op: "max", axis: 1, last: true })).toEqual([2, 0]);
    expect(one("argExtreme", [x], { op: "min", axis: 0, keepDims: true })).toEqual([
      [1, 3],
      "int",
      [0, 1, 1],
    ]);
    const sums = (config: object) => values("cumulate", [iota(2, 3)], { op: "sum", axis: 1, ...config });
    expect(sums({})).toEqual([0, 1, 3, 3, 7, 12]);
    expect(sums({ exclusive: true })).toEqual([0, 0, 1, 0, 3, 7]);
    expect(sums({ reverse: true })).toEqual([3, 3, 2, 12, 9, 5]);
    expect(sums({ reverse: true, exclusive: true })).toEqual([3, 2, 0, 9, 5, 0]);
    expect(values("cumulate", [iota(2, 2)], { op: "prod", axis: 0 })).toEqual([0, 1, 0, 3]);
  });
});

describe("folding by indices", () => {
  it("gathers", () => {
    const x = iota(3, 2);
    expect(one("gather", [x, int([2], -1, 0)], { axis: 0 })).toEqual([[2, 2], "int", [4, 5, 0, 1]]);
    expect(one("gather", [x, int([], 1)], { axis: 1 })).toEqual([[3], "int", [1, 3, 5]]);
    expect(one("gather", [x], { axis: 0, indices: [1], indicesShape: [1, 1] })).toEqual([
      [1, 1, 2],
      "int",
      [2, 3],
    ]);
    expect(one("gather", [x, int([0])], { axis: 0 })).toEqual([[0, 2], "int", []]);
    expect(one("gatherElements", [x, int([1, 2], 2, 0)], { axis: 0 })).toEqual([[1, 2], "int", [4, 1]]);
    expect(one("gatherND", [x, int([2, 2], 0, 1, 2, 0)], {})).toEqual([[2], "int", [1, 4]]);
    expect(one("gatherND", [x, int([1, 1], 1)], { batchDims: 0 })).toEqual([[1, 2], "int", [2, 3]]);
    expect(one("gatherND", [iota(2, 3), int([2, 1], 1, 0)], { batchDims: 1 })).toEqual([[2], "int", [1, 3]]);
    expect(() => fold("gather", [x, int([1], 3)], { axis: 0 })).toThrow(
      /index 3 is outside an axis of size 3/,
    );
  });

  it("scatters", () => {
    const indices = int([2, 1], 2, 0);
    const updates = int([2, 2], 10, 11, 12, 13);
    const by = (op: string) => values("scatterND", [iota(3, 2), indices, updates], { op });
    expect(by("none")).toEqual([12, 13, 2, 3, 10, 11]);
    expect(by("add")).toEqual([12, 14, 2, 3, 14, 16]);
    expect(one("oneHot", [int([2], 2, -1)], { depth: 3, axis: -1, on: 5, off: 1, dtype: "int32" })).toEqual([
      [2, 3],
      "int",
      [1, 1, 5, 1, 1, 5],
    ]);
    expect(one("oneHot", [int([2], 0, 1)], { depth: 2, axis: 0, dtype: "float32" })).toEqual([
      [2, 2],
      "float",
      [1, 0, 0, 1],
    ]);
  });

  it("expands", () => {
    expect(one("expand", [int([2, 1], 1, 2)], { shape: [2, 1, 2] })).toEqual([
      [2, 2, 2],
      "int",
      [1, 1, 2, 2, 1, 1, 2, 2],
    ]);
    expect(one("expand", [int([2, 1], 1, 2)], { shape: [1] })).toEqual([[2, 1], "int", [1, 2]]);
    expect(one("expand", [int([1], 1)], { shape: [0] })).toEqual([[0], "int", []]);
  });
});

describe("folding of moves", () => {
  it("reorders, reshapes and joins", () => {
    const x = iota(2, 3);
    expect(one("transpose", [x], { perm: [1, 0] })).toEqual([[3, 2], "int", [0, 3, 1, 4, 2, 5]]);
    expect(one("transpose", [int([], 4)], { perm: [] })).toEqual([[], "int", [4]]);
    expect(one("reshape", [x], { shape: [3, 1, 2] })).toEqual([[3, 1, 2], "int", [0, 1, 2, 3, 4, 5]]);
    expect(one("concat", [x, int([2, 1], 8, 9)], { axis: 1 })).toEqual([
      [2, 4],
      "int",
      [0, 1, 2, 8, 3, 4, 5, 9],
    ]);
    expect(one("concat", [int([0]), int([2], 1, 2)], { axis: 0 })).toEqual([[2], "int", [1, 2]]);
    expect(run("split", [x], { axis: 1, sizes: [1, 0, 2] })).toEqual([
      [[2, 1], "int", [0, 3]],
      [[2, 0], "int", []],
      [[2, 2], "int", [1, 2, 4, 5]],
    ]);
    expect(one("reverse", [x], { axes: [1] })).toEqual([[2, 3], "int", [2, 1, 0, 5, 4, 3]]);
  });

  it("cuts and repeats", () => {
    const x = iota(3, 4);
    expect(one("stridedSlice", [x], { begin: [2, 1], size: [2, 2], step: [-2, 2] })).toEqual([
      [2, 2],
      "int",
      [9, 11, 1, 3],
    ]);
    expect(one("stridedSlice", [x], { begin: [3, 0], size: [0, 4], step: [1, 1] })).toEqual([
      [0, 4],
      "int",
      [],
    ]);
    expect(one("tile", [int([1, 2], 1, 2)], { repeats: [2, 2] })).toEqual([
      [2, 4],
      "int",
      [1, 2, 1, 2, 1, 2, 1, 2],
    ]);
    expect(one("tile", [int([2], 1, 2)], { repeats: [0] })).toEqual([[0], "int", []]);
    expect(one("trilu", [iota(2, 3)], { upper: true, k: 1 })).toEqual([[2, 3], "int", [0, 1, 2, 0, 0, 5]]);
    expect(one("trilu", [iota(2, 3)], { upper: false })).toEqual([[2, 3], "int", [0, 0, 0, 3, 4, 0]]);
  });

  it("pads", () => {
    const by = (mode: string, pads = [[2, 3]]) =>
      values("padAxes", [int([3], 1, 2, 3)], { pads, mode, value: 9 });
    expect(by("constant")).toEqual([9, 9, 1, 2, 3, 9, 9, 9]);
    expect(by("reflect")).toEqual([3, 2, 1, 2, 3, 2, 1, 2]);
    expect(by("symmetric")).toEqual([2, 1, 1, 2, 3, 3, 2, 1]);
    expect(by("replicate")).toEqual([1, 1, 1, 2, 3, 3, 3, 3]);
    expect(by("wrap")).toEqual([2, 3, 1, 2, 3, 1, 2, 3]);
    expect(by("constant", [[-1, 1]])).toEqual([2, 3, 9]);
    const pads = [
      [1, 0],
      [0, 1],
    ];
    expect(one("padAxes", [iota(1, 2)], { pads })).toEqual([[2, 3], "int", [0, 0, 0, 0, 1, 0]]);
  });

  it("makes ranges and fills", () => {
    expect(one("range", [int([], 7), int([], 0), int([], -3)])).toEqual([[3], "int", [7, 4, 1]]);
    expect(one("range", [float([], 0), float([], 1), float([], 0.25)])).toEqual([
      [4],
      "float",
      [0, 0.25, 0.5, 0.75],
    ]);
    expect(one("range", [int([], 3), int([], 0), int([], 1)])).toEqual([[0], "int", []]);
    expect(one("fill", [int([2], 2, 1), float([], 1.5)])).toEqual([[2, 1], "float", [1.5, 1.5]]);
    expect(one("fill", [int([0]), bool([], 1)])).toEqual([[], "bool", [1]]);
  });

  it("reads large weights only when they are asked for", () => {
    let reads = 0;
    const shape = [100, 100];
    const weight = lazyConstant(shape, "float", () => {
      reads++;
      return Float32Array.from({ length: 10_000 }, (_, i) => i);
    });
    const [flat] = fold("reshape", [weight], { shape: [10_000] })!;
    const [square] = fold("reshape", [flat], { shape })!;
    const [turned] = fold("transpose", [square], { perm: [1, 0] })!;
    const [whole] = fold("cast", [turned], { dtype: "int32" })!;
    expect(reads).toBe(0);
    expect(Array.from(whole.data.subarray(0, 3))).toEqual([0, 100, 200]);
    expect(reads).toBe(1);
  });
});

describe("folding refuses", () => {
  it("what asks for too much memory or time", () => {
    const huge = int([3], 1e5, 1e5, 1e5);
    expect(() => fold("fill", [huge, int([], 0)], {})).toThrow(/need more than the 268435456 bytes/);
    expect(() => fold("expand", [int([], 0)], { shape: [1e8] })).toThrow(/bytes/);
    expect(() => fold("tile", [iota(2)], { repeats: [1e9] })).toThrow(/bytes|steps/);
    expect(() => fold("tile", [int([2, 0])], { repeats: [1e15, 1] })).toThrow(/steps/);
    expect(() => fold("range", [int([], 0), int([], 1e12), int([], 1)], {})).toThrow(/bytes/);
    expect(() => fold("padAxes", [iota(2)], { pads: [[1e12, 0]] })).toThrow(/bytes|steps/);
    const budget = new FoldBudget(1000);
    const twice = () => fold("tile", [iota(100)], { repeats: [1] }, budget);
    twice();
    expect(twice).toThrow(/may be computed at load/);
  });

  it("what does not fit", () => {
    const x = iota(2, 3);
    expect(() => fold("range", [int([], 0), int([], 1), int([], 0)], {})).toThrow(/never ends/);
    expect(() => fold("arithmetic", [x, iota(2)], { op: "add" })).toThrow(/do not broadcast/);
    expect(() => fold("reshape", [x], { shape: [4] })).toThrow(/cannot take the shape/);
    expect(() => fold("transpose", [x], { perm: [0, 0] })).toThrow(/each axis/);
    expect(() => fold("stridedSlice", [x], { begin: [0, 0], size: [3, 3], step: [1, 1] })).toThrow(/leave/);
    expect(() => fold("concat", [x, iota(3, 3)], { axis: 1 })).toThrow(/cannot be joined/);
    expect(() => fold("gatherND", [x, iota(1, 3)], {})).toThrow(/do not fit/);
    expect(() => fold("reduction", [x], { op: "sum", axes: [2] })).toThrow(/axis is 2/);
    expect(() => fold("unary", [x], { op: "toString" })).toThrow(/is not computed at load/);
    expect(fold("conv2d", [x], {})).toBeUndefined();
    expect(fold("toString", [x], {})).toBeUndefined();
  });
});
