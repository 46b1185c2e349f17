// Kinds of layers that reduce axes or run along one, of models read from files: against loops in float64 and 32-bit integers.
import { describe, expect, it } from "vitest";
import { sizeOf } from "../src/graph/op.ts";
import * as layers from "../src/layers/reduction.ts";
import { argExtreme, cumulate, fold, hardmax } from "../src/ops/fold.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { Random } from "./random.ts";
import { runKind } from "./run-kind.ts";
import { expectClose, expectEqual } from "./tolerance.ts";

const ints = (shape: readonly number[], values: (i: number) => number): Plain => ({
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => values(i)),
});
const floats = (shape: readonly number[], values: (i: number) => number): Plain => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => values(i)),
});

/** Every arrangement of axes that go and stay, at ranks 0 to 8. */
const CASES: [shape: number[], axes: number[]][] = [
  [[], []],
  [[7], [0]],
  [[7], []],
  [[3, 5], [1]],
  [[3, 5], [0]],
  [
    [1, 6, 1],
    [0, 2],
  ],
  [
    [3, 4, 5],
    [0, 1, 2],
  ],
  [[3, 4, 5], [-2]],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [2, 40, 3, 18],
    [-3, 0],
  ],
  [
    [2, 1, 2, 3, 1, 2, 2, 3],
    [0, 3, 6],
  ],
  [[5, 300], [1]],
  [[300, 65], [0]],
];

/** The values that each value of the output is made of, in order. */
function groups({ shape, data }: Plain, axes: readonly number[]): number[][] {
  const reduced = new Set(axes.map((a) => (a < 0 ? a + shape.length : a)));
  const result: number[][] = [];
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    let at = 0;
    let step = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (!reduced.has(axis)) {
        at += (rest % shape[axis]) * step;
        step *= shape[axis];
      }
      rest = Math.floor(rest / shape[axis]);
    }
    result[at] ??= [];
    result[at].push(data[i]);
  }
  return result;
}

const kept = (shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] => {
  const reduced = new Set(axes.map((a) => (a < 0 ? a + shape.length : a)));
  return shape.map((d, i) => (reduced.has(i) ? (keepDims ? 1 : 0) : d)).filter((d) => d > 0);
};

const total = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0);
const FORMULAS: { [op: string]: (v: readonly number[]) => number } = {
  sum: total,
  mean: (v) => total(v) / v.length,
  max: (v) => Math.max(...v),
  min: (v) => Math.min(...v),
  prod: (v) => v.reduce((a, b) => a * b, 1),
  l1: (v) => total(v.map(Math.abs)),
  l2: (v) => Math.sqrt(total(v.map((x) => x * x))),
  sumSquare: (v) => total(v.map((x) => x * x)),
  logSum: (v) => Math.log(total(v)),
  logSumExp: (v) => Math.log(total(v.map(Math.exp))),
  any: (v) => Number(v.some((x) => x !== 0)),
  all: (v) => Number(v.every((x) => x !== 0)),
};

describe.each(builds())("along axes, $name build", ({ engine }) => {
  it.each(Object.keys(FORMULAS))("%s of floats", async (op) => {
    const random = new Random(1);
    for (const [shape, axes] of CASES)
      for (const keepDims of [false, true]) {
        const x = floats(shape, () =>
          op === "any" || op === "all"
            ? Number(random.chance(op === "all" ? 0.9 : 0.1))
            : random.next() + 0.5,
        );
        const [y] = await runKind(engine, layers.reduction, { op, axes, keepDims }, [x]);
        expect(y.shape).toEqual(kept(shape, axes, keepDims));
        const expected = groups(x, axes).map(FORMULAS[op]);
        if (op === "any" || op === "all") {
          expect(y.data).toBeInstanceOf(Int32Array);
          expectEqual(y.data, expected);
        } else expectClose(y.data, expected, 3e-5, 1e-6);
      }
  });

  it.each(Object.keys(FORMULAS))("%s of integers", async (op) => {
    const random = new Random(2);
    const roots = op === "l2" || op === "logSum" || op === "logSumExp";
    for (const [shape, axes] of CASES) {
      const x = ints(shape, () => (roots ? 1 + random.below(4) : random.below(9) - 4));
      const [y] = await runKind(engine, layers.reduction, { op, axes }, [x]);
      expect(y.shape).toEqual(kept(shape, axes, false));
      expect(y.data).toBeInstanceOf(Int32Array);
      const expected = groups(x, axes).map((v) => {
        if (op === "prod") return v.reduce((a, b) => Math.imul(a, b), 1);
        return Math.trunc(FORMULAS[op](v));
      });
      // What is nearly whole may fall on either side.
      if (roots) expect(expected.every((e, i) => Math.abs(y.data[i] - e) <= 1)).toBe(true);
      else expectEqual(y.data, expected);
    }
  });

  it("all axes by default, and cut at odd places", async () => {
    const x = ints([4, 5, 33], (i) => (i % 7) - 3);
    const [y] = await runKind(engine, layers.reduction, { op: "sum" }, [x]);
    expect([...y.data]).toEqual([total([...(x.data as Int32Array)])]);
    for (const axes of [[0], [1], [2], [0, 2]]) {
      const [z] = await evaluate(engine, fold, [x], { op: "min", axes, keepDims: true });
      expectEqual(z.data, groups(x, axes).map(FORMULAS.min));
    }
    const [p] = await evaluate(engine, fold, [floats([3, 70], (i) => 1 + (i % 5) / 64)], {
      ...{ op: "prod", axes: [0], keepDims: false },
    });
    expect(p.shape).toEqual([70]);
  });

  it("the logarithm of a sum of exponentials neither overflows nor vanishes", async () => {
    const x = floats(
      [5, 3],
      (i) =>
        [1000, 1000, 0, -1000, -1001, -1e4, Infinity, 0, 1, -Infinity, -Infinity, -Infinity, 0, NaN, 1][i],
    );
    const [y] = await runKind(engine, layers.reduction, { op: "logSumExp", axes: [1] }, [x]);
    expect(y.data[0]).toBeCloseTo(1000 + Math.LN2, 3);
    expect(y.data[1]).toBeCloseTo(-1000 + Math.log1p(Math.exp(-1)), 3);
    expect([...y.data.slice(2)]).toEqual([Infinity, -Infinity, NaN]);
  });

  it("running sums and products", async () => {
    const random = new Random(6);
    for (const [shape] of CASES.filter(([s]) => s.length > 0))
      for (const axis of [0, -1, shape.length >> 1])
        for (const op of ["sum", "prod"] as const)
          for (const exclusive of [false, true])
            for (const reverse of [false, true])
              for (const make of [ints, floats]) {
                const x = make(shape, () =>
                  op === "sum" ? random.below(9) - 4 : random.pick([1, -1, 2, 0.5, 1]),
                );
                const [y] = await evaluate(engine, cumulate, [x], { op, axis, exclusive, reverse });
                expect(y.shape).toEqual(shape);
                const at = axis < 0 ? axis + shape.length : axis;
                const inner = sizeOf(shape.slice(at + 1));
                const expected = new (make === ints ? Int32Array : Float32Array)(x.data.length);
                for (let start = 0; start < x.data.length; start += inner * shape[at])
                  for (let c = 0; c < inner; c++) {
                    let sum: number = op === "sum" ? 0 : 1;
                    for (let r = 0; r < shape[at]; r++) {
                      const i = start + (reverse ? shape[at] - 1 - r : r) * inner + c;
                      const v = x.data[i];
                      const next: number =
                        op === "sum" ? sum + v : make === ints ? Math.imul(sum, v) : Math.fround(sum * v);
                      expected[i] = exclusive ? sum : next;
                      sum = next;
                    }
                  }
                expectEqual(y.data, expected);
              }
  });

  it("where extremes lie, the first or the last of equals", async () => {
    const random = new Random(7);
    const odd = [NaN, -0, 0, Infinity, -Infinity, 1, -1];
    for (const [shape] of CASES.filter(([s]) => s.length > 0))
      for (const axis of [0, -1, shape.length >> 1])
        for (const op of ["min", "max"] as const)
          for (const last of [false, true])
            for (const make of [ints, floats]) {
              const x = make(shape, () =>
                make === floats && random.chance(0.05) ? random.pick(odd) : random.below(7) - 3,
              );
              const [y] = await evaluate(engine, argExtreme, [x], { op, axis, keepDims: last, last });
              expect(y.shape).toEqual(kept(shape, [axis], last));
              const expected = groups(x, [axis]).map((v) => {
                const nan = v.some(Number.isNaN);
                const best = nan ? NaN : op === "min" ? Math.min(...v) : Math.max(...v);
                const same = (a: number): boolean => (nan ? Number.isNaN(a) : a === best);
                return last ? v.findLastIndex(same) : v.findIndex(same);
              });
              expectEqual(y.data, expected);
            }
    const ends = ints([4], (i) => [2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1, -(2 ** 31)][i]);
    const run = async (config: object): Promise<number> =>
      (await runKind(engine, layers.argExtreme, config, [ends]))[0].data[0];
    expect(await run({ op: "max" })).toBe(0);
    expect(await run({ op: "max", last: true })).toBe(2);
    expect(await run({ op: "min" })).toBe(1);
    expect(await run({ op: "min", last: true })).toBe(3);
  });

  it("hardmax", async () => {
    for (const [shape] of CASES.filter(([s]) => s.length > 0))
      for (const axis of [0, -1, shape.length >> 1]) {
        const x = floats(shape, (i) => (i * 7) % 5);
        const [y] = await evaluate(engine, hardmax, [x], { axis });
        const at = axis < 0 ? axis + shape.length : axis;
        const inner = sizeOf(shape.slice(at + 1));
        const first = groups(x, [axis]).map((v) => v.indexOf(Math.max(...v)));
        expectEqual(
          y.data,
          Array.from(x.data, (_, i) => {
            const o = Math.floor(i / inner / shape[at]);
            return Number(Math.floor(i / inner) % shape[at] === first[o * inner + (i % inner)]);
          }),
        );
      }
  });
});

describe("messages", () => {
  const x = { shape: [2, 3], dtype: "float32" } as const;
  const n = { shape: [2, 3], dtype: "int32" } as const;
  it("types, kinds and axes", () => {
    expect(() => fold.infer([x], { op: "sum", axes: [0], keepDims: false }, "reduction")).toThrow(
      'op for float32 is "sum" but must be "prod"',
    );
    expect(() => fold.infer([n], { op: "sum", axes: [0, -2], keepDims: false }, "reduction")).toThrow(
      "axis 0 twice",
    );
    expect(() =>
      cumulate.infer([n], { op: "sum", axis: 2, exclusive: false, reverse: false }, "cumulate"),
    ).toThrow("cumulate: axis is 2 but the input has rank 2 (axes -2 to 1)");
    expect(() => hardmax.infer([n], { axis: 0 }, "hardmax")).toThrow("int32 but must be float32");
    expect(() =>
      argExtreme.infer([n], { op: "max", axis: 0, keepDims: false, last: 1 as never }, "arg"),
    ).toThrow("last is 1 but must be true or false");
  });
});
