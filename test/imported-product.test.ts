import { describe, expect, it } from "vitest";
import { Edge, Graph } from "../src/graph/graph.ts";
import * as kinds from "../src/layers/imported.ts";
import { conv } from "../src/ops/conv.ts";
import { type MatMulParams, matmul } from "../src/ops/matmul.ts";
import { concat } from "../src/ops/shape.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { indicesOf, noise, runGraph, runKind, small, valueAt } from "./imported-kinds.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const plain: MatMulParams = { transposeA: false, transposeB: false };

/** NumPy's matmul from its definition. */
function product(a: Plain, b: Plain, p = plain): { shape: number[]; data: number[] } {
  const [rankA, rankB] = [a.shape.length, b.shape.length];
  const ta = p.transposeA && rankA > 1;
  const tb = p.transposeB && rankB > 1;
  const m = rankA > 1 ? a.shape.at(ta ? -1 : -2)! : 1;
  const k = a.shape.at(ta ? -2 : -1)!;
  const n = rankB > 1 ? b.shape.at(tb ? -2 : -1)! : 1;
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const rank = Math.max(batchA.length, batchB.length);
  const batch = Array.from({ length: rank }, (_, i) =>
    Math.max(batchA.at(i - rank) ?? 1, batchB.at(i - rank) ?? 1),
  );
  const own = (index: readonly number[], shape: readonly number[]): number[] =>
    shape.map((size, i) => (size === 1 ? 0 : index[index.length - shape.length + i]));
  const data = indicesOf([...batch, m, n]).map((index) => {
    const outer = index.slice(0, -2);
    const [i, j] = index.slice(-2);
    let sum = 0;
    for (let t = 0; t < k; t++) {
      const ia = rankA > 1 ? [...own(outer, batchA), ...(ta ? [t, i] : [i, t])] : [t];
      const ib = rankB > 1 ? [...own(outer, batchB), ...(tb ? [j, t] : [t, j])] : [t];
      sum += valueAt(a, ia) * valueAt(b, ib);
    }
    return sum;
  });
  return { shape: [...batch, ...(rankA > 1 ? [m] : []), ...(rankB > 1 ? [n] : [])], data };
}

const SHAPES: [number[], number[]][] = [
  [[3], [3]],
  [[3], [3, 5]],
  [[4, 3], [3]],
  [
    [1, 1],
    [1, 1],
  ],
  [
    [5, 7],
    [7, 9],
  ],
  [
    [13, 17],
    [17, 33],
  ],
  [
    [2, 5, 7],
    [7, 9],
  ],
  [
    [2, 5, 7],
    [2, 7, 9],
  ],
  [
    [5, 7],
    [3, 7, 9],
  ],
  [[7], [3, 7, 9]],
  [[3, 5, 7], [7]],
  [
    [2, 3, 4, 5],
    [2, 3, 5, 6],
  ],
  [
    [2, 3, 4, 5],
    [3, 5, 6],
  ],
  [
    [2, 1, 4, 5],
    [1, 3, 5, 6],
  ],
  [
    [2, 1, 3, 4, 5],
    [2, 2, 1, 5, 6],
  ],
  [
    [1, 3, 4, 5],
    [2, 1, 5, 6],
  ],
  [
    [2, 3, 1, 2, 1, 3, 4],
    [1, 3, 2, 1, 2, 4, 3],
  ],
  [
    [1, 900],
    [900, 3],
  ],
];

for (const { name, engine } of builds())
  describe(`matmul (${name})`, () => {
    for (const [a, b] of SHAPES)
      it(`[${a}] times [${b}]`, async () => {
        const [x, y] = [small(a), small(b, 2)];
        const [z] = await evaluate(engine, matmul, [x, y], plain);
        const want = product(x, y);
        expect(z.shape).toEqual(want.shape);
        expectEqual(z.data, want.data);
      });

    it("of transposed operands", async () => {
      const swap = (shape: readonly number[]): number[] => [
        ...shape.slice(0, -2),
        shape.at(-1)!,
        shape.at(-2)!,
      ];
      for (const [a, b] of SHAPES.filter((pair) => pair.every((shape) => shape.length > 1)))
        for (const [transposeA, transposeB] of [
          [true, false],
          [false, true],
          [true, true],
        ]) {
          const p = { transposeA, transposeB };
          const [x, y] = [small(transposeA ? swap(a) : a), small(transposeB ? swap(b) : b, 2)];
          const [z] = await evaluate(engine, matmul, [x, y], p);
          const want = product(x, y, p);
          expect(z.shape).toEqual(want.shape);
          expectEqual(z.data, want.data);
        }
      const [x, y] = [small([4]), small([2, 6, 4], 2)];
      const [z] = await evaluate(engine, matmul, [x, y], { transposeA: true, transposeB: true });
      expectEqual(z.data, product(x, y, { transposeA: true, transposeB: true }).data);
    });

    it("of long sums is as accurate as these are", async () => {
      const [x, y] = [noise([2, 9, 1700]), noise([2, 1700, 10], 2)];
      const [z] = await evaluate(engine, matmul, [x, y], plain);
      const absolute = product(
        { ...x, data: x.data.map(Math.abs) },
        { ...y, data: y.data.map(Math.abs) },
      ).data.map((sum) => 4 * Math.sqrt(1700) * oracle.ROUNDOFF * sum);
      expectWithin(z.data, product(x, y).data, absolute);
    });
  });

describe("products of values", () => {
  const [{ engine }] = builds();

  it("of matrices as a layer, between a convolution and a concatenation", async () => {
    expectEqual(
      (await runKind(engine, kinds.matmul, [small([2, 3, 4]), small([4, 5], 2)])).outputs[0].data,
      product(small([2, 3, 4]), small([4, 5], 2)).data,
    );
    const [x, w, b] = [small([2, 6, 5, 4]), small([3, 3, 4, 5], 2), small([5, 7], 3)];
    const edges = [x, w, b].map(({ shape }) => new Edge({ shape, dtype: "float32" }));
    const graph = new Graph();
    graph.enter("test", "test");
    const still = {
      stride: [1, 1],
      dilation: [1, 1],
      padding: "same",
      paddingMode: "zeros",
      groups: 1,
    } as const;
    const y = graph.op(conv, [edges[0], edges[1]], still);
    const z = graph.op(matmul, [y, edges[2]], plain);
    const both = graph.op(concat, [z, y], { axis: -1 });
    const { outputs } = runGraph(await engine, graph, edges, [x, w, b], [both]);
    const [want] = oracle.conv([x, w], still);
    const times = product({ shape: want.shape, data: want.data }, b);
    expect(outputs[0].shape).toEqual([2, 6, 5, 12]);
    expectEqual(
      outputs[0].data,
      Array.from({ length: 60 }, (_, p) => [
        ...times.data.slice(p * 7, p * 7 + 7),
        ...want.data.slice(p * 5, p * 5 + 5),
      ]).flat(),
    );
  });

  it("refuse what does not fit, and say what would", async () => {
    const fails = (a: number[], b: number[]): Promise<unknown> =>
      runKind(engine, kinds.matmul, [small(a), small(b)]);
    await expect(fails([2, 3], [4, 5])).rejects.toThrow(
      "matmul: a [2,3] has rows of 3 but b [4,5] has columns of 4; both must be the same",
    );
    await expect(fails([2, 2, 3], [3, 3, 5])).rejects.toThrow("do not broadcast");
    await expect(fails([], [3])).rejects.toThrow("matmul: a is a scalar but must have rank 1 at least");
    await expect(
      runKind(engine, kinds.matmul, [{ shape: [1], data: new Int32Array(1) }, small([1])]),
    ).rejects.toThrow("int32 but must be float32");
  });

  it("of a convolution and a filter that is computed", async () => {
    for (const groups of [1, 2])
      for (const c of [4, 32]) {
        const [x, w, b] = [small([2, 9, 8, c]), small([3, 3, c / groups, 32], 2), small([32], 3)];
        const config = { stride: [1, 1], dilation: 1, padding: 1, groups };
        const { outputs } = await runKind(engine, kinds.dynamicConv, [x, w, b], config);
        const [want] = oracle.conv([x, w, b], {
          ...{ stride: [1, 1], dilation: [1, 1], padding: 1, paddingMode: "zeros", groups },
        });
        expect(outputs[0].shape).toEqual(want.shape);
        expectWithin(outputs[0].data, want.data, 0.02);
      }
    const [x, w] = [small([1, 9, 3]), small([4, 3, 5], 2)];
    const { outputs } = await runKind(engine, kinds.dynamicConv, [x, w], { stride: 2, padding: "same" });
    const [want] = oracle.conv([x, w], {
      ...{ stride: [2], dilation: [1], padding: "same", paddingMode: "zeros", groups: 1 },
    });
    expectEqual(outputs[0].data, want.data);
  });

  it("of a transposed convolution and a filter that is computed", async () => {
    const [x, w, b] = [small([2, 5, 4, 6]), small([3, 2, 3, 8], 2), small([8], 3)];
    const config = { stride: 2, padding: [1, 0], outputPadding: [1, 0], groups: 2 };
    const { outputs } = await runKind(engine, kinds.dynamicConvTranspose, [x, w, b], config);
    const [want] = oracle.convTranspose([x, w, b], {
      ...{ stride: [2, 2], dilation: [1, 1], padding: [1, 0], outputPadding: [1, 0], groups: 2 },
    });
    expect(outputs[0].shape).toEqual(want.shape);
    expectEqual(outputs[0].data, want.data);
  });

  it("of normalisations and statistics that are computed", async () => {
    const x = noise([2, 5, 3, 6]);
    const vectors = [1, 2, 3, 4].map((seed) => ({
      ...noise([6], seed),
      data: noise([6], seed).data.map((v) => v + 1.5),
    }));
    const epsilon = 1e-3;
    const check = async (
      kind: Parameters<typeof runKind>[1],
      count: number,
      config: object,
      want: oracle.Result,
    ) => {
      const { outputs } = await runKind(engine, kind, [x, ...vectors.slice(0, count)], {
        epsilon,
        ...config,
      });
      expectWithin(outputs[0].data, want.data, 1e-5);
    };
    await check(kinds.dynamicBatchNorm, 4, {}, oracle.batchNorm([x, ...vectors], { epsilon })[0]);
    const two = [x, ...vectors.slice(0, 2)];
    await check(kinds.dynamicInstanceNorm, 2, {}, oracle.instanceNorm(two, { epsilon })[0]);
    await check(kinds.dynamicGroupNorm, 2, { groups: 3 }, oracle.groupNorm(two, { groups: 3, epsilon })[0]);
  });

  it("of a slope that is computed", async () => {
    const [x, alpha] = [noise([2, 3, 4]), noise([3, 1], 2)];
    const { outputs } = await runKind(engine, kinds.dynamicPRelu, [x, alpha]);
    const want = Array.from(x.data, (v, i) =>
      v > 0 ? v : Math.fround(v * alpha.data[Math.floor(i / 4) % 3]),
    );
    expectEqual(outputs[0].data, want);
  });
});
