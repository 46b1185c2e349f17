// Gradients of ops behind kinds of layers that models read from files have, where test/ops-torch.test.ts does not reach them: those
// that are linear by the adjoint identity, functions of values by central differences of their formulas, others against PyTorch's.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../src/errors.ts";
import { Edge, Graph } from "../src/graph/graph.ts";
import { type Op, sizeOf } from "../src/graph/op.ts";
import { type PairParams, pair } from "../src/ops/arithmetic.ts";
import { padAxes, stridedSlice, take, tile } from "../src/ops/boxes.ts";
import { cumulate, fold } from "../src/ops/fold.ts";
import { gather, gatherElements, gatherKnown, gatherND } from "../src/ops/gather.ts";
import { type InterpolateParams, interpolate } from "../src/ops/interpolate.ts";
import { layerNorm } from "../src/ops/layer-norm.ts";
import { lrn } from "../src/ops/lrn.ts";
import { type MapParams, map } from "../src/ops/math.ts";
import { reverseSequence, triangle } from "../src/ops/move.ts";
import { maxUnpool } from "../src/ops/pool-index.ts";
import { cropAndResize, gridSample } from "../src/ops/sample.ts";
import { scatterElements, scatterND } from "../src/ops/scatter.ts";
import { GRADIENTS } from "../src/passes/gradients/index.ts";
import { type Dys, gradientsOf, numericGradient } from "./gradients.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { Random } from "./random.ts";
import { expectWithin } from "./tolerance.ts";

const random = new Random(11);
const floats = (...shape: number[]): Plain => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => random.next() * 4 - 2),
});
const ints = (shape: readonly number[], ...data: number[]): Plain => ({ shape, data: Int32Array.from(data) });

const INTERPOLATE: InterpolateParams = {
  ...({ axes: [1, 2], sizes: [7, 3], mode: "linear", coordinates: "halfPixel" } as const),
  ...({ nearest: "roundPreferFloor", cubicA: -0.75, excludeOutside: false } as const),
  ...{ antialias: false, extrapolation: 0 },
};

/** Ops that are linear in the inputs named. */
const LINEAR: readonly (readonly [op: Op<never>, inputs: readonly Plain[], params: object, by: number[]])[] =
  [
    [interpolate, [floats(2, 4, 5, 3)], INTERPOLATE, [0]],
    [interpolate, [floats(2, 4, 5, 3)], { ...INTERPOLATE, mode: "cubic", sizes: [3, 9] }, [0]],
    [interpolate, [floats(2, 4, 5, 3)], { ...INTERPOLATE, mode: "nearest" }, [0]],
    [interpolate, [floats(4, 6)], { ...INTERPOLATE, axes: [-1, 0], sizes: [4, 2], antialias: true }, [0]],
    [
      interpolate,
      [floats(1, 4, 5, 1)],
      {
        ...INTERPOLATE,
        coordinates: "tfCropAndResize",
        roi: [
          [-0.5, 0.7],
          [0.2, 1.4],
        ],
      },
      [0],
    ],
    [take, [floats(3, 5, 2)], { axis: 1, indices: [4, 1, 1, 0] }, [0]],
    [gatherKnown, [floats(3, 5, 2)], { axis: -2, indices: [4, 1, 2, 3, 0, 1, 1] }, [0]],
    [gather, [floats(3, 5), ints([2, 2], 0, -1, 2, 2)], { axis: 0, batchDims: 0 }, [0]],
    [
      gather,
      [floats(2, 3, 5), ints([2, 3, 2], 4, 0, 0, 1, 2, 2, 3, 3, 0, 0, 1, 4)],
      { axis: 2, batchDims: 2 },
      [0],
    ],
    [gatherElements, [floats(3, 4), ints([3, 2], 0, 3, 1, 1, -1, 2)], { axis: 1 }, [0]],
    [gatherND, [floats(3, 4, 2), ints([2, 1], 2, -3)], { batchDims: 0 }, [0]],
    [scatterND, [floats(4, 2), ints([2, 1], 3, 0), floats(2, 2)], { op: "none" }, [0, 2]],
    [scatterND, [floats(4, 2), ints([3, 1], 3, 0, 3), floats(3, 2)], { op: "add" }, [0, 2]],
    [
      scatterElements,
      [floats(3, 2), ints([2, 2], 2, 0, 1, 1), floats(2, 2)],
      { op: "none", axis: 0 },
      [0, 2],
    ],
    [stridedSlice, [floats(9, 4)], { begin: [8, 0], size: [3, 2], step: [-3, 2] }, [0]],
    [stridedSlice, [floats(9, 4)], { begin: [8, 3], size: [9, 1], step: [-1, 1] }, [0]],
    [tile, [floats(2, 1, 3)], { repeats: [2, 4, 1] }, [0]],
    [
      padAxes,
      [floats(3, 4)],
      {
        pads: [
          [1, 0],
          [2, 7],
        ],
        mode: "wrap",
        value: 0,
      },
      [0],
    ],
    [
      padAxes,
      [floats(3, 4)],
      {
        pads: [
          [7, 0],
          [2, 3],
        ],
        mode: "symmetric",
        value: 0,
      },
      [0],
    ],
    [
      padAxes,
      [floats(3, 4)],
      {
        pads: [
          [1, 2],
          [0, 1],
        ],
        mode: "constant",
        value: 0,
      },
      [0],
    ],
    [cumulate, [floats(2, 5, 3)], { op: "sum", axis: 1, exclusive: true, reverse: false }, [0]],
    [triangle, [floats(2, 3, 4)], { upper: false, k: 1 }, [0]],
    [reverseSequence, [floats(3, 4, 2), ints([3], 2, 4, 0)], { batchAxis: 0, timeAxis: 1 }, [0]],
    [
      maxUnpool,
      [floats(1, 2, 2, 2), ints([1, 2, 2, 2], 0, 9, 2, 11, 4, 15, 7, 12)],
      { outputSize: [3, 3] },
      [0],
    ],
  ] as readonly (readonly [Op<never>, Plain[], object, number[]])[];

interface Case {
  readonly inputs: readonly { readonly shape: number[]; readonly dtype?: "int32"; readonly data: number[] }[];
  readonly y: { readonly data: number[] };
  readonly dy: { readonly shape: number[]; readonly data: number[] };
  readonly gradients: readonly number[][];
}

/** Made by scripts/torch/ops.py. */
const TORCH: Readonly<Record<string, Case>> = JSON.parse(
  readFileSync(new URL("fixtures/torch/ops-imported.json", import.meta.url), "utf8"),
);

/** What a case is called for. */
function paramsOf(name: string): [Op<unknown>, object] {
  const has = (word: string): boolean => name.includes(word);
  if (has("cumprod"))
    return [
      cumulate as Op<unknown>,
      { op: "prod", axis: 1, exclusive: has("exclusive"), reverse: has("reverse") },
    ];
  if (has("crop")) {
    const [height, width] = has("pixel") ? [1, 1] : [3, 4];
    return [cropAndResize as Op<unknown>, { height, width, method: "bilinear", extrapolation: 0.5 }];
  }
  const padding = has("zeros") ? "zeros" : "border";
  return [gridSample as Op<unknown>, { mode: "bilinear", padding, alignCorners: !has("edges") }];
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (v, i) => v * b[i]).reduce((x, y) => x + y, 0);

const P = 1.5;
const Q = 0.25;
const FUNCTIONS: { readonly [op: string]: (x: number) => number } = {
  cbrt: Math.cbrt,
  thresholdedRelu: (x) => (x > P ? x : 0),
  shrink: (x) => (x < -P ? x + Q : x > P ? x - Q : 0),
  hardSigmoid: (x) => Math.min(Math.max(P * x + Q, 0), 1),
  celu: (x) => Math.max(0, x) + Math.min(0, P * Math.expm1(x / P)),
  scaledElu: (x) => (x > 0 ? Q * x : P * Q * Math.expm1(x)),
  swish: (x) => x / (1 + Math.exp(-P * x)),
};

const BUILT = builds();

describe.each(BUILT)("gradients of imported ops, $name build", ({ engine }) => {
  it.each(LINEAR.map((row) => [row[0].name, row] as const))("the adjoint of %s", async (_, row) => {
    const [op, inputs, params, by] = row as readonly [Op<unknown>, readonly Plain[], object, number[]];
    const [y] = await evaluate(engine, op, inputs, params);
    const dy = floats(...y.shape);
    const wanted = inputs.map((_x, i) => by.includes(i));
    const gradients = await gradientsOf(engine, op, inputs, params, [dy], wanted);
    const products = by.map((i) => dot(inputs[i].data, gradients[i]!));
    const want = dot(y.data, dy.data);
    const size = Math.sqrt(dot(y.data, y.data) * dot(dy.data, dy.data));
    expect(Math.abs(products.reduce((a, b) => a + b, 0) - want)).toBeLessThan(2e-6 * (size + 1));
    expect(size).toBeGreaterThan(0.1);
  });

  it.each(Object.entries(TORCH))("of %s, as PyTorch", async (name, { inputs, y, dy, gradients }) => {
    const given = inputs.map(
      ({ shape, dtype, data }): Plain =>
        dtype === "int32" ? ints(shape, ...data) : { shape, data: Float32Array.from(data) },
    );
    const up = { shape: dy.shape, data: Float32Array.from(dy.data) };
    const [op, params] = paramsOf(name);
    const [got] = await evaluate(engine, op, given, params);
    const all = await gradientsOf(engine, op, given, params, [up]);
    const slopes = all.filter((_, i) => inputs[i].dtype !== "int32");
    expect(slopes.length).toBe(gradients.length);
    expectWithin(got.data, y.data, 1e-5 * Math.max(1, ...y.data.map(Math.abs)));
    gradients.forEach((want, i) => {
      const size = Math.max(...want.map(Math.abs));
      if (size) expectWithin(slopes[i]!, want, 1e-5 * Math.max(1, size));
      else expect([...slopes[i]!].every((slope) => slope === 0)).toBe(true);
    });
  });

  it.each(Object.keys(FUNCTIONS))("of %s", async (op) => {
    const x = { shape: [9], data: Float32Array.of(-3.1, -1.7, -1.2, -0.6, -0.1, 0.3, 0.45, 1.3, 2.2) };
    const params = { op: op as MapParams["op"], p: P, q: Q };
    const dys: Dys = [floats(9)];
    const [dx] = await gradientsOf(engine, map, [x], params, dys);
    const f = (inputs: readonly { shape: readonly number[]; data: Float64Array }[]) => [
      { shape: [9], data: inputs[0].data.map(FUNCTIONS[op]) },
    ];
    const numeric = numericGradient(f, [x], params, dys, 0);
    numeric.forEach((v, i) => {
      expect(Math.abs(dx![i] - v), `${op}(${x.data[i]})`).toBeLessThan(1e-5 * Math.abs(v) + 1e-6);
    });
  });

  it("of remainders with the sign of the dividend", async () => {
    const [a, b] = [
      { shape: [4], data: Float32Array.of(5.5, -5.5, 5.5, -5.5) },
      { shape: [4], data: Float32Array.of(3, 3, -2, -2) },
    ];
    const params: PairParams = { op: "fmod" };
    const [da, db] = await gradientsOf(engine, pair, [a, b], params, [{ shape: [4], data: [1, 1, 1, 1] }]);
    expect([...da!]).toEqual([1, 1, 1, 1]);
    expect([...db!].map((v) => v + 0)).toEqual([-1, 1, 2, -2]);
  });

  it("of layerNorm, through its statistics as well", async () => {
    const x = floats(3, 8);
    const params = { axes: [-1], epsilon: 0.01 };
    const f = ([{ data }]: readonly { shape: readonly number[]; data: Float64Array }[]) => {
      const [y, mean, inverse] = [new Float64Array(24), new Float64Array(3), new Float64Array(3)];
      for (let i = 0; i < 3; i++) {
        const row = data.subarray(i * 8, i * 8 + 8);
        mean[i] = row.reduce((a, b) => a + b, 0) / 8;
        inverse[i] = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean[i]) ** 2, 0) / 8 + 0.01);
        row.forEach((v, j) => {
          y[i * 8 + j] = (v - mean[i]) * inverse[i];
        });
      }
      return [
        { shape: [3, 8], data: y },
        { shape: [3, 1], data: mean },
        { shape: [3, 1], data: inverse },
      ];
    };
    for (const used of [[0], [1], [2], [0, 1, 2]]) {
      const dys = [floats(3, 8), floats(3, 1), floats(3, 1)].map((dy, i) =>
        used.includes(i) ? dy : undefined,
      );
      const [dx] = await gradientsOf(engine, layerNorm, [x], params, dys);
      const numeric = numericGradient(f, [x], params, dys, 0);
      numeric.forEach((v, i) => {
        expect(Math.abs(dx![i] - v)).toBeLessThan(1e-5);
      });
    }
  });
});

it("of lrn with any window", async () => {
  for (const size of [1, 2, 3, 9]) {
    const x = floats(2, 3, 7);
    const params = { size, alpha: 0.9, beta: 0.75, bias: 1.5 };
    const f = ([{ data }]: readonly { shape: readonly number[]; data: Float64Array }[]) => [
      {
        shape: x.shape,
        data: data.map((v, i) => {
          const row = data.subarray(i - (i % 7), i - (i % 7) + 7);
          const first = (i % 7) - Math.floor((size - 1) / 2);
          const taps = row.slice(Math.max(first, 0), Math.min(first + size, 7));
          return v / (1.5 + (0.9 / size) * taps.reduce((sum, t) => sum + t * t, 0)) ** 0.75;
        }),
      },
    ];
    const dys = [floats(2, 3, 7)];
    const [dx] = await gradientsOf(BUILT[0].engine, lrn, [x], params, dys);
    numericGradient(f, [x], params, dys, 0).forEach((v, i) => {
      expect(Math.abs(dx![i] - v)).toBeLessThan(1e-5);
    });
  }
});

describe("gradients of imported ops", () => {
  const rule = (op: Op<never>, inputs: readonly Plain[], params: object) => () => {
    const graph = new Graph();
    graph.enter("it", 'it "there"');
    const edges = inputs.map(
      ({ shape, data }) => new Edge({ shape, dtype: data instanceof Int32Array ? "int32" : "float32" }),
    );
    const [y] = graph.apply(op as Op<unknown>, edges, params);
    return GRADIENTS.get(op)!(
      graph,
      graph.nodes[0],
      [new Edge({ shape: y.shape, dtype: "float32" })],
      edges.map(() => true),
    );
  };

  it("are refused by name where there are none", () => {
    const indices = ints([2, 1], 3, 0);
    const refused = [
      ...[
        { mode: "bicubic", padding: "zeros" },
        { mode: "nearest", padding: "border" },
        { mode: "bilinear", padding: "reflection" },
      ].map((params) =>
        rule(gridSample as Op<never>, [floats(1, 2, 2, 1), floats(1, 1, 1, 2)], {
          ...params,
          alignCorners: false,
        }),
      ),
      rule(cropAndResize as Op<never>, [floats(1, 2, 2, 1), floats(1, 4), ints([1], 0)], {
        ...{ height: 2, width: 2, method: "nearest", extrapolation: 0 },
      }),
      rule(scatterND as Op<never>, [floats(4, 2), indices, floats(2, 2)], { op: "mul" }),
      rule(gatherND as Op<never>, [floats(2, 4), indices], { batchDims: 1 }),
    ];
    for (const of of refused) expect(of).toThrow(UnsupportedError);
    for (const of of refused) expect(of).toThrow('it "there"');
  });

  it("do not pass through integers", () => {
    const list = ints([3], 1, 2, 3);
    expect(rule(fold as Op<never>, [list], { op: "sum", axes: [0], keepDims: false })()).toEqual([undefined]);
    expect(rule(pair as Op<never>, [list, list], { op: "mul" })()).toEqual([undefined, undefined]);
  });
});
