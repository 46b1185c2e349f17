// Eager ops that are no layers: their values against JavaScript's, tensors made of rules, numbers as operands, and wrong calls. Their
// gradients are in test/ops-torch.test.ts.
import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, ConvolithError, createEngine, DisposedError, ShapeError } from "../src/index.ts";
import type { DType, NestedNumbers, Tensor } from "../src/tensor.ts";
import { EAGER_ONLY } from "./eager-names.ts";
import { builds } from "./harness.ts";

const engine = await createEngine();

it("a tensor takes numbers in lists in lists as array() gives them", () => {
  for (const data of [
    7,
    [],
    [1, 2],
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [[[1], [2]]],
    [[], []],
  ] as NestedNumbers[])
    expect(engine.tensor(data).array()).toEqual(data);
  expect(engine.tensor(Float32Array.of(1, 2)).shape).toEqual([2]);
  expect(engine.tensor([[1], [2]], undefined, "int32").data()).toEqual(Int32Array.of(1, 2));
  expect(() => engine.tensor([[1.5]], undefined, "int32")).toThrow("data[0] is 1.5 but must be an integer");
});
afterAll(() => engine.dispose());

type Method = (...args: unknown[]) => Tensor<DType> | Tensor<DType>[];
const methodOf = (e: Engine, name: string): Method => (e as unknown as Record<string, Method>)[name].bind(e);

/** Values and type of the result of a call, whose tensors are disposed. */
function run(name: string, ...args: unknown[]): { dtype: DType; shape: number[]; data: number[] } {
  const y = methodOf(engine, name)(...args) as Tensor<DType>;
  const result = { dtype: y.dtype, shape: [...y.shape], data: Array.from(y.data(), (v) => v + 0) };
  y.dispose();
  return result;
}
const valuesOf = (name: string, ...args: unknown[]): number[] => run(name, ...args).data;
const floats = (...data: number[]): Tensor => engine.tensor(data, [data.length]);
const ints = (...data: number[]): Tensor<"int32"> => engine.tensor(data, [data.length], "int32");

describe("comparisons and logic", () => {
  const [a, b] = [floats(1, 2, 3, Number.NaN), floats(2, 2, 2, 2)];
  const [i, j] = [ints(1, 2, 3, 0), ints(2, 2, 2, 0)];

  it.each([
    ["equal", [0, 1, 0, 0], [0, 1, 0, 1]],
    ["notEqual", [1, 0, 1, 1], [1, 0, 1, 0]],
    ["greater", [0, 0, 1, 0], [0, 0, 1, 0]],
    ["greaterEqual", [0, 1, 1, 0], [0, 1, 1, 1]],
    ["less", [1, 0, 0, 0], [1, 0, 0, 0]],
    ["lessEqual", [1, 1, 0, 0], [1, 1, 0, 1]],
    ["logicalAnd", [1, 1, 1, 1], [1, 1, 1, 0]],
    ["logicalOr", [1, 1, 1, 1], [1, 1, 1, 0]],
    ["logicalXor", [0, 0, 0, 0], [0, 0, 0, 0]],
  ])("%s of floats and of int32 is int32", (name, ofFloats, ofInts) => {
    expect(run(name, a, b)).toEqual({ dtype: "int32", shape: [4], data: ofFloats });
    expect(run(name, i, j)).toEqual({ dtype: "int32", shape: [4], data: ofInts });
  });

  it("tells truth from what is not 0", () => {
    const x = floats(0, -0, 0.5, Number.NaN, -Infinity);
    expect(run("logicalNot", x)).toEqual({ dtype: "int32", shape: [5], data: [1, 1, 0, 0, 0] });
    expect(valuesOf("logicalNot", ints(0, 2, -1))).toEqual([1, 0, 0]);
    expect(valuesOf("logicalXor", x, 1)).toEqual([1, 1, 0, 0, 0]);
    expect(valuesOf("logicalAnd", ints(1, 2, 4), 1)).toEqual([1, 1, 1]);
    expect(run("isNaN", x).data).toEqual([0, 0, 0, 1, 0]);
    expect(run("isInf", x).data).toEqual([0, 0, 0, 0, 1]);
    expect(run("isFinite", x).data).toEqual([1, 1, 1, 0, 0]);
    expect(run("any", x)).toEqual({ dtype: "int32", shape: [], data: [1] });
    expect(valuesOf("all", engine.tensor([1, 0, 2, 3], [2, 2]), { axes: [1] })).toEqual([0, 1]);
  });

  it("where chooses", () => {
    expect(run("where", ints(0, 1, 7), floats(1, 2, 3), floats(4, 5, 6))).toEqual({
      ...{ dtype: "float32", shape: [3], data: [4, 2, 3] },
    });
    expect(run("where", ints(0, 1), ints(1, 2), -3)).toEqual({ dtype: "int32", shape: [2], data: [-3, 2] });
    expect(run("where", ints(0, 1), 0.5, -0.5)).toEqual({ dtype: "float32", shape: [2], data: [-0.5, 0.5] });
  });
});

describe("int32", () => {
  const [a, b] = [ints(7, -7, 2 ** 31 - 1, 5), ints(2, 2, 2, 0)];
  it.each([
    ["add", [9, -5, -(2 ** 31) + 1, 5]],
    ["sub", [5, -9, 2 ** 31 - 3, 5]],
    ["mul", [14, -14, -2, 0]],
    ["div", [3, -3, 2 ** 30 - 1, 0]],
    ["floorDiv", [3, -4, 2 ** 30 - 1, 0]],
    ["mod", [1, 1, 1, 0]],
    ["min", [2, -7, 2, 0]],
    ["max", [7, 2, 2 ** 31 - 1, 5]],
    ["pow", [49, 49, 1, 1]],
  ])("%s stays int32", (name, data) => {
    expect(run(name, a, b)).toEqual({ dtype: "int32", shape: [4], data });
  });

  it("is what functions, reductions and moves of int32 give", () => {
    const x = engine.tensor([3, -1, 2, 5], [2, 2], "int32");
    expect(run("abs", x)).toEqual({ dtype: "int32", shape: [2, 2], data: [3, 1, 2, 5] });
    expect(valuesOf("neg", x)).toEqual([-3, 1, -2, -5]);
    expect(valuesOf("sign", x)).toEqual([1, -1, 1, 1]);
    expect(valuesOf("square", x)).toEqual([9, 1, 4, 25]);
    expect(run("sum", x)).toEqual({ dtype: "int32", shape: [], data: [9] });
    expect(valuesOf("prod", x, { axes: [0] })).toEqual([6, -5]);
    expect(valuesOf("amax", x, { axes: [1], keepDims: true })).toEqual([3, 5]);
    expect(valuesOf("cumsum", x, { axis: 1 })).toEqual([3, 2, 2, 7]);
    expect(valuesOf("argMin", x)).toEqual([1, 0]);
    expect(valuesOf("argMax", x, { axis: 0 })).toEqual([0, 1]);
    expect(run("clip", x, { min: 0, max: 2.5 })).toEqual({
      dtype: "int32",
      shape: [2, 2],
      data: [2, 0, 2, 2],
    });
    expect(
      valuesOf("pad", x, {
        padding: [
          [0, 0],
          [1, 0],
        ],
        value: 9,
      }),
    ).toEqual([9, 3, -1, 9, 2, 5]);
    expect(run("cast", x, { dtype: "float32" })).toEqual({
      dtype: "float32",
      shape: [2, 2],
      data: [3, -1, 2, 5],
    });
    expect(valuesOf("cast", floats(1.9, -1.9, Number.NaN, 1e20), { dtype: "int32" })).toEqual([
      1,
      -1,
      0,
      2 ** 31 - 1,
    ]);
    expect(run("cast", x, { dtype: "int32" }).data).toEqual([3, -1, 2, 5]);
  });

  it("does not meet floats unasked", () => {
    expect(() => engine.add(a as never, floats(1, 2, 3, 4))).toThrow(
      "add: inputs are int32 and float32 but must have one type: cast one",
    );
    expect(() => engine.add(a, 0.5)).toThrow("add: the number is 0.5 but elements are int32");
    expect(() => engine.mean(a as never)).toThrow("mean: input is int32 but must be float32");
    expect(() => engine.log(a as never)).toThrow("log: input is int32 but must be float32");
    expect(() => engine.atan2(a as never, b as never)).toThrow("atan2: input is int32 but must be float32");
    expect(() => engine.where(floats(1) as never, 1, 2)).toThrow(
      "the condition is float32 but must be int32",
    );
  });
});

describe("numbers as operands", () => {
  const x = floats(1, 2, 4);

  it("stand for tensors of shape [] on either side", () => {
    expect(valuesOf("sub", 1, x)).toEqual([0, -1, -3]);
    expect(valuesOf("pow", x, 2)).toEqual([1, 4, 16]);
    expect(valuesOf("pow", 2, x)).toEqual([2, 4, 16]);
    expect(valuesOf("greater", x, 1.5)).toEqual([0, 1, 1]);
    expect(valuesOf("mul", 2, x, { activation: "neg" })).toEqual([-2, -4, -8]);
    expect(valuesOf("min", x, Infinity)).toEqual([1, 2, 4]);
    expect(valuesOf("add", x, Number.NaN)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    expect(valuesOf("add", ints(1, 2), 3)).toEqual([4, 5]);
  });

  it("make no program each, and leave no memory behind", () => {
    engine.mul(x, 0.25).dispose();
    const { live, cached } = engine.memory;
    for (let i = 0; i < 50; i++) engine.mul(x, i / 7).dispose();
    expect(engine.memory.live).toBe(live);
    expect(engine.memory.cached).toBe(cached);
    expect(() => engine.mul(x, { at: 1 } as never)).toThrow(ArgumentError);
    expect(() => engine.add(2, floats(1), { activation: "none" as never })).toThrow(ArgumentError);
  });

  it("need a tensor beside them", () => {
    expect(() => engine.add(1, 2)).toThrow("add: operands are 1 and 2 but one of them must be a Tensor");
    expect(() => methodOf(engine, "max")(x)).toThrow(
      "max: takes two operands; over axes it is engine.amax(x, { axes })",
    );
    expect(() => engine.min(x, { axes: [0] } as never)).toThrow("over axes it is engine.amin(x, { axes })");
    expect(() => engine.relu(1 as never)).toThrow("relu: input 0 is 1 but must be a Tensor");
    expect(() => engine.where(1 as never, 2, x)).toThrow("where: input 0 is 1 but must be a Tensor");
    const gone = floats(1);
    gone.dispose();
    expect(() => engine.mul(gone, 2)).toThrow(DisposedError);
  });
});

describe("tensors made of rules", () => {
  it("hold what the rule says", () => {
    expect(run("zeros", [2, 1])).toEqual({ dtype: "float32", shape: [2, 1], data: [0, 0] });
    expect(run("ones", [2], "int32")).toEqual({ dtype: "int32", shape: [2], data: [1, 1] });
    expect(run("full", [], Infinity)).toEqual({ dtype: "float32", shape: [], data: [Infinity] });
    expect(run("range", 0, 5)).toEqual({ dtype: "float32", shape: [5], data: [0, 1, 2, 3, 4] });
    expect(valuesOf("range", 1, -0.6, -0.5)).toEqual([1, 0.5, 0, -0.5]);
    expect(run("range", 2, 9, 3, "int32")).toEqual({ dtype: "int32", shape: [3], data: [2, 5, 8] });
    expect(run("eye", 2)).toEqual({ dtype: "float32", shape: [2, 2], data: [1, 0, 0, 1] });
    expect(run("eye", 2, 3, "int32")).toEqual({ dtype: "int32", shape: [2, 3], data: [1, 0, 0, 0, 1, 0] });
  });

  it("are random by a seed, and by the call without one", async () => {
    const twice = (name: string, options: object, ...more: unknown[]): void => {
      const of = (seed: number): number[] => valuesOf(name, [40], { ...options, seed }, ...more);
      expect(of(3)).toEqual(of(3));
      expect(of(3)).not.toEqual(of(4));
      expect(of(-1)).not.toEqual(of(1));
      expect(valuesOf(name, [40], options)).not.toEqual(valuesOf(name, [40], options));
    };
    twice("randomNormal", { mean: 1 });
    twice("randomUniform", {});
    twice("randomInt", { max: 1000 });
    const draw = async (): Promise<number[]> => {
      using fresh = await createEngine();
      return [...fresh.randomNormal([3]).data(), ...fresh.randomUniform([3]).data()];
    };
    expect(await draw()).toEqual(await draw());
  });

  it("are distributed as they say", () => {
    const n = 20000;
    const normal = valuesOf("randomNormal", [n], { mean: 2, std: 3, seed: 1 });
    const mean = normal.reduce((a, b) => a + b, 0) / n;
    const variance = normal.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    expect(Math.abs(mean - 2)).toBeLessThan(0.06);
    expect(Math.abs(Math.sqrt(variance) - 3)).toBeLessThan(0.06);
    const uniform = valuesOf("randomUniform", [n], { min: -1, max: 3, seed: 1 });
    expect(Math.abs(uniform.reduce((a, b) => a + b, 0) / n - 1)).toBeLessThan(0.03);
    expect(uniform.every((v) => v >= -1 && v < 3)).toBe(true);
    const counts = [0, 0, 0];
    for (const v of valuesOf("randomInt", [n], { min: -1, max: 2, seed: 1 })) counts[v + 1]++;
    expect(counts.every((count) => Math.abs(count - n / 3) < 300)).toBe(true);
    expect(
      valuesOf("randomUniform", [64], { min: 1, max: 1 + 2 ** -23, seed: 5 }).every((v) => v === 1),
    ).toBe(true);
  });

  it("refuse rules that are none", () => {
    const wrong: readonly (readonly [() => unknown, string])[] = [
      [() => engine.zeros([2, -1]), "zeros: the tensor has shape [2,-1]"],
      [() => engine.zeros(3 as never), "zeros: shape of the tensor is 3 but must be a list of sizes"],
      [() => engine.zeros([2 ** 16, 2 ** 16]), "zeros: the tensor of shape [65536,65536] would take"],
      [() => engine.ones([1], "bool" as never), 'ones: dtype is "bool" but must be "float32" or "int32"'],
      [() => engine.full([1], "1" as never), 'full: value is "1" but must be a number'],
      [() => engine.full([1], 1.5, "int32"), "full: value is 1.5 but elements are int32"],
      [() => engine.range(0, 5, 0), "range: step is 0 but must be a number that leads from 0 to 5"],
      [() => engine.range(0, 5, -1), "range: step is -1 but must be a number that leads from 0 to 5"],
      [() => engine.range(0, Infinity), "range: stop is Infinity but must be a finite number"],
      [() => engine.range(0, 1e12), "range: the tensor of shape [1000000000000] would take"],
      [() => engine.range(0.5, 3, 1, "int32"), "range: start is 0.5 but elements are int32"],
      [() => engine.eye(-1), "eye: rows is -1 but must be an integer of at least 0"],
      [
        () => engine.randomNormal([1], { std: -1 }),
        "randomNormal: std is -1 but must be a number of at least 0",
      ],
      [() => engine.randomNormal([1], { seed: 0.5 }), "randomNormal: seed is 0.5 but must be an integer"],
      [() => engine.randomUniform([1], { min: 1 }), "randomUniform: max is 1 but must be above min, 1"],
      [() => engine.randomUniform([1], null as never), "randomUniform: options are null"],
      [() => engine.randomInt([1], {} as never), "randomInt: max is missing"],
      [() => engine.randomInt([1], { max: 2.5 }), "randomInt: max is 2.5 but elements are int32"],
      [
        () => engine.randomInt([1], { max: 1, toString: 1 } as never),
        'randomInt: there is no option "toString"',
      ],
    ];
    const { live } = engine.memory;
    for (const [call, message] of wrong) {
      expect(call).toThrow(ConvolithError);
      expect(call).toThrow(message);
    }
    expect(engine.memory.live).toBe(live);
  });
});

describe("ops that move values", () => {
  const x = engine.tensor([1, 2, 3, 4, 5, 6], [2, 3]);

  it("put them where they say", () => {
    expect(run("stack", [floats(1, 2), floats(3, 4)], { axis: -1 })).toEqual({
      ...{ dtype: "float32", shape: [2, 2], data: [1, 3, 2, 4] },
    });
    const parts = engine.unstack(x);
    expect(parts.map((t) => [...t.data()])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(engine.unstack(floats(7))[0].shape).toEqual([]);
    expect(run("squeeze", engine.ones([1, 2, 1])).shape).toEqual([2]);
    expect(run("squeeze", engine.ones([1, 2, 1]), { axes: [-1] }).shape).toEqual([1, 2]);
    expect(run("expandDims", x, { axis: 1 }).shape).toEqual([2, 1, 3]);
    expect(valuesOf("tile", floats(1, 2), { repeats: [2] })).toEqual([1, 2, 1, 2]);
    expect(valuesOf("reverse", x, { axes: [-1] })).toEqual([3, 2, 1, 6, 5, 4]);
    expect(run("broadcastTo", floats(1, 2), { shape: [2, 2] }).data).toEqual([1, 2, 1, 2]);
    expect(valuesOf("oneHot", ints(1, 3, -1), { depth: 3 })).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(run("oneHot", ints(1, 0), { depth: 2, axis: 0, on: 5, dtype: "int32" })).toEqual({
      ...{ dtype: "int32", shape: [2, 2], data: [0, 5, 5, 0] },
    });
    const [values, indices] = engine.topK(x, { k: 2 });
    expect([[...values.data()], [...indices.data()]]).toEqual([
      [3, 2, 6, 5],
      [2, 1, 2, 1],
    ]);
    const [pooled, at] = engine.maxPoolWithIndices(engine.reshape(x, { shape: [1, 2, 3, 1] }), {
      size: 2,
      stride: 1,
    });
    expect([[...pooled.data()], [...at.data()]]).toEqual([
      [5, 6],
      [4, 5],
    ]);
    expect([...engine.maxUnpool(pooled, at, { outputSize: [2, 3] }).data()]).toEqual([0, 0, 0, 0, 5, 6]);
  });

  it("say what does not fit", () => {
    expect(() => engine.stack([floats(1), floats(1, 2)])).toThrow(
      new ShapeError("stack: input 1 has shape [2] but must have that of input 0, [1]"),
    );
    expect(() => engine.stack([])).toThrow(ArgumentError);
    expect(() => engine.squeeze(x, { axes: [0] })).toThrow(
      "squeeze: axis 0 of the input [2,3] has size 2 but must have size 1",
    );
    expect(() => engine.expandDims(x, { axis: 3 })).toThrow(ArgumentError);
    expect(() => engine.broadcastTo(x, { shape: [3] })).toThrow(
      "broadcastTo: input [2,3] cannot be broadcast to shape [3]",
    );
    expect(() =>
      engine.pad(x, {
        padding: [
          [0, 0],
          [3, 0],
        ],
        mode: "reflect",
      }),
    ).toThrow('mode "reflect" can add at most 2 on a side');
    expect(() => engine.gather(x, x as never)).toThrow(
      "gather: input 1, the indices, is float32 but must be int32",
    );
    expect(() => engine.matmul(x, x)).toThrow("matmul: a [2,3] has rows of 3 but b [2,3] has columns of 2");
  });
});

describe("any arguments", () => {
  const some: readonly unknown[] = [
    ...[
      undefined,
      null,
      Number.NaN,
      -1,
      2 ** 31,
      "axis",
      "__proto__",
      [],
      [[]],
      {},
      () => 1,
      5n,
      Symbol("s"),
    ],
    ...[
      { axis: 0.5 },
      { axes: [9] },
      { axes: "0" },
      { axis: 2 ** 40 },
      { depth: -1 },
      { k: 1e9 },
      { shape: [-1] },
    ],
    ...[
      { repeats: [2 ** 30, 2 ** 30] },
      { padding: [[Number.NaN, 1]] },
      { dtype: "toString" },
      { op: "valueOf" },
    ],
    ...[{ begin: [0], size: [1], step: [0] }, { size: 0 }, { outputSize: [1e9, 1e9] }, { constructor: 1 }],
    ...[
      { min: Number.NaN },
      { max: -Infinity, min: Infinity },
      new Float32Array(2),
      Object.create({ axis: 1 }),
    ],
  ];
  it.each(EAGER_ONLY)("of %s give a result, or an error on purpose that leaves nothing behind", (name) => {
    const [x, i] = [engine.tensor([1, 2, 3, 4, 5, 6], [2, 3]), engine.tensor([0, 1], [2], "int32")];
    const { live } = engine.memory;
    const method = methodOf(engine, name);
    for (const operands of [[], [x], [x, x], [x, i], [i, x, x], [x, i, x], [[x, x]], [[2, 2]], [[2, 2], 3]])
      for (const argument of some)
        try {
          for (const t of [method(...operands, argument)].flat()) t.dispose();
        } catch (error) {
          if (!(error instanceof ConvolithError)) throw new Error(`${name}: ${error}`, { cause: error });
        }
    expect(engine.memory.live).toBe(live);
    x.dispose();
    i.dispose();
  });
});

describe.each(builds())("ops of $name", ({ engine: runtime }) => {
  it("reduce any axes of any type as loops do", async () => {
    const e = new Engine(await runtime);
    const x = e.randomInt([3, 4, 5], { min: -9, max: 10, seed: 2 });
    const f = e.cast(x, { dtype: "float32" });
    const data = Array.from(x.data());
    const sums = Array.from({ length: 4 }, (_, j) =>
      data.reduce((sum, v, at) => (Math.floor(at / 5) % 4 === j ? sum + v : sum), 0),
    );
    for (const t of [x, f]) expect([...e.sum(t as Tensor, { axes: [0, -1] }).data()]).toEqual(sums);
    expect([...e.mean(f, { axes: [2, 0] }).data()]).toEqual(sums.map((v) => Math.fround(v / 15)));
    const running = e.cumsum(x, { axis: 2, reverse: true }).data();
    expect([...running]).toEqual(data.map((v, at) => v + (at % 5 < 4 ? running[at + 1] : 0)));
  });
});
