// Kinds of layers that compute value by value, of models read from files: against JavaScript's own functions in float64.
import { describe, expect, it } from "vitest";
import { sizeOf } from "../src/graph/op.ts";
import * as layers from "../src/layers/math.ts";
import { compare, pair, where } from "../src/ops/arithmetic.ts";
import { cast, clip, type MapParams, map } from "../src/ops/math.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { Random } from "./random.ts";
import { runKind } from "./run-kind.ts";
import { expectEqual } from "./tolerance.ts";
import { evaluateViews, ROOMS, roomFor } from "./views.ts";

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The distance between neighbouring floats at `v`. */
const ulp = (v: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(v))), -126) - 23);

/** Floats of every size and both signs, what is not finite, and those near 0, 1 and multiples of π. */
function sweep(): Float32Array {
  const list = [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -1.5,
    -2.5,
    3.5,
    Infinity,
    -Infinity,
    NaN,
    3e38,
    -3e38,
    1e-45,
  ];
  for (let at = 1; at < 0x7f800000; at += 524287 * 3) {
    bits[0] = at;
    list.push(float[0], -float[0]);
  }
  for (let i = -3000; i <= 3000; i++) list.push(i / 256, i * 0.01, (i * Math.PI) / 4, 1 + i * 1e-6, i * 1e-5);
  // The float nearest to a multiple of π/2
  list.push(16367173 * 2 ** 72, 6381956970095103 * 2 ** 10);
  return Float32Array.from(list);
}

const SWEEP = sweep();

/** The error function to full accuracy: its series, or the continued fraction of what is left of 1. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 80; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let f = a;
  for (let k = 80; k > 0; k--) f = a + k / 2 / f;
  return Math.sign(x) * (1 - Math.exp(-a * a) / f / Math.sqrt(Math.PI));
}

function roundToEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** Sines of large arguments come from JavaScript, which reduces them exactly. */
const FUNCTIONS: { [op: string]: [f: (x: number) => number, ulps: number] } = {
  log: [Math.log, 1.5],
  log2: [Math.log2, 0.6],
  log1p: [Math.log1p, 0.6],
  expm1: [Math.expm1, 0.6],
  exp2: [(x) => 2 ** x, 0.6],
  floor: [Math.floor, 0],
  ceil: [Math.ceil, 0],
  trunc: [Math.trunc, 0],
  round: [roundToEven, 0],
  sign: [Math.sign, 0],
  reciprocal: [(x) => 1 / x, 0.51],
  rsqrt: [(x) => 1 / Math.sqrt(x), 1.6],
  erf: [erf, 1.5],
  sin: [Math.sin, 0.6],
  cos: [Math.cos, 0.6],
  tan: [Math.tan, 0.6],
  asin: [Math.asin, 0.6],
  acos: [Math.acos, 0.6],
  atan: [Math.atan, 0.6],
  sinh: [Math.sinh, 0.6],
  cosh: [Math.cosh, 0.6],
  asinh: [Math.asinh, 0.6],
  acosh: [Math.acosh, 0.6],
  atanh: [Math.atanh, 0.6],
  cbrt: [Math.cbrt, 0.6],
};

const P = 1.5;
const Q = 0.25;
/** Functions with parameters 1.5 and 0.25, with an error relative to their largest term. */
const PARAMETRIC: { [op: string]: (x: number) => number } = {
  thresholdedRelu: (x) => (x > P ? x : 0),
  shrink: (x) => (x < -P ? x + Q : x > P ? x - Q : 0),
  hardSigmoid: (x) => Math.min(Math.max(P * x + Q, 0), 1),
  celu: (x) => Math.max(0, x) + Math.min(0, P * Math.expm1(x / P)),
  scaledElu: (x) => (x > 0 ? Q * x : P * Q * Math.expm1(x)),
  swish: (x) => x / (1 + Math.exp(-P * x)),
};

const ints = (shape: readonly number[], values: (i: number) => number): Plain => ({
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => values(i)),
});
const floats = (shape: readonly number[], values: (i: number) => number): Plain => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => values(i)),
});

/** f of values that broadcast to `shape`. */
function broadcast(
  shape: readonly number[],
  operands: readonly Plain[],
  f: (...v: number[]) => number,
): number[] {
  const at = ({ shape: own, data }: Plain, index: readonly number[]): number => {
    const from = index.length - own.length;
    return data[own.reduce((sum, size, i) => sum * size + (size === 1 ? 0 : index[from + i]), 0)];
  };
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const index = [...shape];
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return f(...operands.map((operand) => at(operand, index)));
  });
}

const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;
const floorMod = (a: number, b: number): number => {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
};
const intPower = (a: number, b: number): number => {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 ? -1 : 1) : 0;
  let result = 1;
  for (let i = 0; i < b; i++) result = Math.imul(result, a);
  return result;
};

const INT_PAIRS: { [op: string]: (a: number, b: number) => number } = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: (a, b) => Math.imul(a, b),
  div: (a, b) => (b === 0 ? 0 : (a / b) | 0),
  min: Math.min,
  max: Math.max,
  mod: (a, b) => (b === 0 ? 0 : floorMod(a, b)),
  fmod: (a, b) => (b === 0 ? 0 : a % b),
  floorDiv: (a, b) => (b === 0 ? 0 : Math.floor(a / b) | 0),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shiftLeft: (a, b) => (b >= 0 && b < 32 ? a << b : 0),
  shiftRight: (a, b) => a >> (b >= 0 && b < 32 ? b : 31),
};

const COMPARISONS: { [op: string]: (a: number, b: number) => boolean } = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessOrEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterOrEqual: (a, b) => a >= b,
};

/** Shapes that broadcast, of every rank from 0 to 8. */
const PAIRS: [number[], number[]][] = [
  [[], []],
  [[1], [1]],
  [[5], []],
  [[], [7]],
  [[1025], [1025]],
  [[3, 1030], [1030]],
  [
    [2, 3, 5],
    [2, 1, 5],
  ],
  [
    [4, 1, 3, 1],
    [2, 1, 6],
  ],
  [
    [2, 1, 2, 3, 1, 2, 1, 3],
    [1, 2, 1, 3, 2, 1, 2, 3],
  ],
];

const shapeOf = (...shapes: number[][]): number[] => {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((s) => s[i - rank + s.length] ?? 1)));
};

describe.each(builds())("value by value, $name build", ({ engine }) => {
  it.each(Object.keys(FUNCTIONS))("%s", async (op) => {
    const [f, most] = FUNCTIONS[op];
    const [{ data }] = await runKind(engine, layers.unary, { op }, [{ shape: [SWEEP.length], data: SWEEP }]);
    let worst = 0;
    SWEEP.forEach((x, i) => {
      const exact = f(x);
      const rounded = Math.fround(exact);
      if (!Number.isFinite(rounded) || exact === 0) {
        // Sums that round up to Infinity may be the largest float instead.
        const largest = data[i] === Math.sign(rounded) * 3.4028234663852886e38;
        if (!(Object.is(data[i] + 0, rounded + 0) || largest))
          expect.fail(`${op}(${x}) is ${data[i]} but should be ${rounded}`);
        return;
      }
      const error = Math.abs(data[i] - exact) / ulp(exact);
      if (!(error <= worst)) worst = error;
      if (!(error <= most))
        expect.fail(`${op}(${x}) is ${data[i]} but should be ${exact}: ${error} ulp, more than ${most}`);
    });
    if (most > 0) expect(worst).toBeGreaterThan(0.2);
  });

  it.each(Object.keys(PARAMETRIC))("%s with p and q", async (op) => {
    const data = SWEEP.filter((x) => Math.abs(x) < 60);
    const [y] = await runKind(engine, layers.unary, { op, p: P, q: Q }, [{ shape: [data.length], data }]);
    data.forEach((x, i) => {
      const exact = PARAMETRIC[op](x);
      expect(Math.abs(y.data[i] - exact), `${op}(${x}) is ${y.data[i]}`).toBeLessThanOrEqual(
        // The rounding of p · x grows with it in e^(p · x).
        4e-7 * Math.abs(exact) * (1 + Math.abs(x)) + (op === "hardSigmoid" ? 4e-7 : 1e-36),
      );
    });
  });

  it("cut and whole, at every length, of every kind the kernel has", async () => {
    for (const op of ["log", "erf", "floor", "sign", "sin", "celu", "swish", "isNaN", "isInf"] as const)
      for (const n of [1, 2, 3, 4, 5, 1023, 1024, 1025, 4100]) {
        const x = floats([n], (i) => SWEEP[(i * 97) % SWEEP.length]);
        await evaluate(engine, map, [x], { op } satisfies MapParams);
      }
  });

  it("activations are built as such, whatever alpha", async () => {
    const x = floats([3, 5], (i) => i - 7);
    for (const [config, f] of [
      [{ op: "relu" }, (v: number) => Math.max(v, 0)],
      [{ op: "neg" }, (v: number) => -v],
      [{ op: "square" }, (v: number) => v * v],
      [{ op: "leakyRelu", p: 0.5 }, (v: number) => (v > 0 ? v : v / 2)],
      [{ op: "identity" }, (v: number) => v],
    ] as const) {
      const [y] = await runKind(engine, layers.unary, config, [x]);
      expectEqual(y.data, Array.from(x.data, f));
    }
    const [y] = await runKind(engine, layers.unary, { op: "hardSigmoid", p: Math.fround(0.2), q: 0.5 }, [x]);
    expect([y.data[0], y.data[7], y.data[14]]).toEqual([0, 0.5, 1]);
  });

  it("what is not finite", async () => {
    const data = Float32Array.of(NaN, Infinity, -Infinity, 0, 3, -3e38);
    const run = async (config: object): Promise<number[]> => [
      ...(await runKind(engine, layers.unary, config, [{ shape: [6], data }]))[0].data,
    ];
    expect(await run({ op: "isNaN" })).toEqual([1, 0, 0, 0, 0, 0]);
    expect(await run({ op: "isInf" })).toEqual([0, 1, 1, 0, 0, 0]);
    expect(await run({ op: "isInf", p: 1 })).toEqual([0, 1, 0, 0, 0, 0]);
    expect(await run({ op: "isInf", p: -1 })).toEqual([0, 0, 1, 0, 0, 0]);
    expect(await run({ op: "isFinite" })).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it("functions of integers", async () => {
    const x = ints([7], (i) => [0, 1, -1, 5, -9, LEAST, MOST][i]);
    const run = async (op: string): Promise<number[]> => [
      ...(await runKind(engine, layers.unary, { op }, [x]))[0].data,
    ];
    const of = (f: (v: number) => number): number[] => Array.from(x.data, (v) => f(v) | 0);
    expect(await run("not")).toEqual([1, 0, 0, 0, 0, 0, 0]);
    expect(await run("abs")).toEqual(of(Math.abs));
    expect(await run("neg")).toEqual(of((v) => -v));
    expect(await run("sign")).toEqual(of(Math.sign));
    expect(await run("square")).toEqual(of((v) => Math.imul(v, v)));
    expect(await run("bitNot")).toEqual(of((v) => ~v));
    expect(await run("relu")).toEqual(of((v) => Math.max(v, 0)));
    await expect(run("log")).rejects.toThrow("op for int32 is");
  });

  it("arithmetic of integers", async () => {
    const random = new Random(3);
    const odd = [0, 1, -1, 2, -3, 7, 31, 32, 33, LEAST, MOST];
    const value = (): number => (random.chance(0.5) ? random.pick(odd) : random.below(41) - 20);
    for (const [left, right] of PAIRS) {
      const [a, b] = [ints(left, value), ints(right, value)];
      const shape = shapeOf(left, right);
      for (const op of Object.keys(INT_PAIRS)) {
        const [y] = await evaluate(engine, pair, [a, b], { op: op as "add" });
        expect(y.shape).toEqual(shape);
        expect(Array.from(y.data), op).toEqual(broadcast(shape, [a, b], INT_PAIRS[op]).map((v) => v | 0));
      }
      const exponents = ints(right, () => random.below(14) - 3);
      const [y] = await evaluate(engine, pair, [a, exponents], { op: "pow" });
      expectEqual(y.data, broadcast(shape, [a, exponents], intPower));
      const [d] = await runKind(engine, layers.arithmetic, { op: "squaredDifference" }, [a, b]);
      expectEqual(
        d.data,
        broadcast(shape, [a, b], (u, v) => Math.imul((u - v) | 0, (u - v) | 0)),
      );
    }
  });

  it("arithmetic of floats", async () => {
    const random = new Random(4);
    const odd = [0, -0, 1, -1, 2, 3, 0.5, -2, Infinity, -Infinity, NaN];
    const value = (): number => (random.chance(0.4) ? random.pick(odd) : (random.next() - 0.5) * 20);
    const pow = (a: number, b: number): number =>
      a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
    const exact: { [op: string]: (a: number, b: number) => number } = {
      pow,
      mod: floorMod,
      fmod: (a, b) => a % b,
      floorDiv: (a, b) => Math.floor(Math.fround(a / b)),
      squaredDifference: (a, b) => Math.fround(a - b) ** 2,
      atan2: Math.atan2,
      add: (a, b) => a + b,
      max: Math.max,
    };
    for (const [left, right] of PAIRS) {
      const [a, b] = [floats(left, value), floats(right, value)];
      const shape = shapeOf(left, right);
      for (const op of Object.keys(exact)) {
        const [y] = await runKind(engine, layers.arithmetic, { op }, [a, b]);
        if (op !== "add" && op !== "max") await evaluate(engine, pair, [a, b], { op: op as "pow" });
        expect(y.shape).toEqual(shape);
        broadcast(shape, [a, b], exact[op]).forEach((e, i) => {
          const near = Number.isFinite(e) ? Math.abs(y.data[i] - e) <= 0.6 * ulp(e) : Object.is(e, y.data[i]);
          if (!near) expect.fail(`${op}: element ${i} is ${y.data[i]} but should be ${e}`);
        });
      }
    }
  });

  it("remainders of very different sizes are exact", async () => {
    const a = Float32Array.of(1e30, -1e30, 3.5, 1e-40, 7, 123456789);
    const b = Float32Array.of(3, 7, 1e30, 1e-45, -0.1, 1e-3);
    const [y] = await evaluate(
      engine,
      pair,
      [
        { shape: [6], data: a },
        { shape: [6], data: b },
      ],
      { op: "fmod" },
    );
    expectEqual(
      y.data,
      Array.from(a, (v, i) => v % b[i]),
    );
  });

  it("comparisons and choices", async () => {
    const random = new Random(5);
    const odd = [0, -0, 1, -1, NaN, Infinity];
    for (const [left, right] of PAIRS) {
      const shape = shapeOf(left, right);
      for (const make of [floats, ints]) {
        const value = (): number =>
          make === floats && random.chance(0.3) ? random.pick(odd) : random.below(5) - 2;
        const [a, b] = [make(left, value), make(right, value)];
        for (const op of Object.keys(COMPARISONS)) {
          const [y] = await evaluate(engine, compare, [a, b], { op: op as "equal" });
          expect(y.data).toBeInstanceOf(Int32Array);
          expect(y.shape).toEqual(shape);
          expectEqual(
            y.data,
            broadcast(shape, [a, b], (u, v) => Number(COMPARISONS[op](u, v))),
          );
        }
        for (const third of [left, right, []]) {
          const condition = ints(third, () => random.below(3) - 1);
          const [y] = await evaluate(engine, where, [condition, a, b], {});
          expectEqual(
            y.data,
            broadcast(shape, [condition, a, b], (c, u, v) => (c ? u : v)),
          );
        }
      }
    }
  });

  it("conversions", async () => {
    const x = floats([2, 5], (i) => [0.9, -0.9, 1.5, -2.5, 0, NaN, 1e10, -1e10, Infinity, 1e-30][i]);
    const [y] = await evaluate(engine, cast, [x], { dtype: "int32" });
    expect([...y.data]).toEqual([0, 0, 1, -2, 0, 0, MOST, LEAST, MOST, 0]);
    const [truth] = await evaluate(engine, cast, [x], { dtype: "int32", bool: true });
    expect([...truth.data]).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1, 1]);
    const [same] = await evaluate(engine, cast, [x], { dtype: "float32", bool: true });
    expect([...same.data]).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1, 1]);
    const n = ints([5], (i) => [3, 0, -7, MOST, LEAST][i]);
    const [f] = await evaluate(engine, cast, [n], { dtype: "float32" });
    expect([...f.data]).toEqual([3, 0, -7, 2 ** 31, LEAST]);
    const [b] = await runKind(engine, layers.cast, { dtype: "int32", bool: true }, [n]);
    expect([...b.data]).toEqual([1, 0, 1, 1, 1]);
    const [kept] = await runKind(engine, layers.cast, { dtype: "int32" }, [n]);
    expect(kept.data).toEqual(n.data);
  });

  it("limits", async () => {
    const x = floats([9], (i) => (i === 4 ? NaN : i - 4));
    for (const limits of [
      {},
      { min: 0 },
      { min: 0, max: 6 },
      { max: -1 },
      { min: -2, max: 1.5 },
      { min: 2, max: 1 },
    ]) {
      const { min = -Infinity, max = Infinity } = limits as { min?: number; max?: number };
      const clamp = (v: number): number => (Number.isNaN(v) ? v : Math.min(Math.max(v, min), max));
      const [y] = await runKind(engine, layers.clip, limits, [x]);
      expectEqual(y.data, Array.from(x.data, clamp));
      const n = ints([9], (i) => i - 4);
      const [m] = await evaluate(engine, clip, [n], limits);
      expectEqual(
        m.data,
        Array.from(n.data, (v) => Math.min(Math.max(v, Math.ceil(min)), Math.floor(max))),
      );
    }
  });

  it.each(ROOMS)("views: %s", async (room) => {
    for (const shape of [
      [2, 3, 5, 7],
      [1, 2, 2, 16],
      [2, 3, 130],
      [2, 2, 2, 2, 3, 5],
    ]) {
      const x = floats(shape, (i) => ((i * 37) % 101) / 8 - 6);
      const channels = floats([shape.at(-1)!], (i) => i - 2.5);
      const places = [
        [room, undefined],
        [undefined, room],
        [room, room],
      ] as const;
      for (const [ins, outs] of places) {
        const views = (rank: number) => roomFor(ins, rank);
        const results = (rank: number) => roomFor(outs, rank);
        for (const op of ["erf", "sin", "swish"] as const) {
          const [dense] = await evaluate(engine, map, [x], { op });
          const [y] = await evaluateViews(engine, map, [x], { op }, views, results);
          expectEqual(y.data, dense.data);
        }
        for (const [a, b] of [
          [x, channels],
          [channels, x],
          [x, x],
        ]) {
          const [dense] = await evaluate(engine, pair, [a, b], { op: "squaredDifference" });
          const [y] = await evaluateViews(engine, pair, [a, b], { op: "squaredDifference" }, views, results);
          expectEqual(y.data, dense.data);
        }
      }
    }
  });
});

describe("messages", () => {
  const x = { shape: [2, 3], dtype: "float32" } as const;
  const n = { shape: [2, 3], dtype: "int32" } as const;
  it("types and kinds", () => {
    expect(() => map.infer([n], { op: "sin" }, "unary")).toThrow(
      'unary: op for int32 is "sin" but must be "not",',
    );
    expect(() => map.infer([x], { op: "isInf", p: 2 }, "unary")).toThrow(
      "p is 2 but must be an integer from -1 to 1",
    );
    expect(() => pair.infer([x, n], { op: "pow" }, "arithmetic")).toThrow(
      "arithmetic: inputs are float32 and int32 but must have one type: cast one",
    );
    expect(() => pair.infer([x, x], { op: "and" }, "arithmetic")).toThrow('op for float32 is "and"');
    expect(() => compare.infer([x, n], { op: "less" }, "compare")).toThrow("cast one");
    expect(() => where.infer([x, x, x], {}, "where")).toThrow("the condition is float32 but must be int32");
    expect(() => where.infer([{ ...n, shape: [4, 3] }, x, x], {}, "where")).toThrow("do not broadcast");
    expect(() => cast.infer([x], { dtype: "float32" }, "cast")).toThrow("which the input has already");
    expect(() => clip.infer([x], { min: NaN }, "clip")).toThrow("min is NaN but must be a number");
  });
});
