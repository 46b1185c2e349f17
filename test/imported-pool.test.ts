import { describe, expect, it } from "vitest";
import * as kinds from "../src/layers/imported.ts";
import { maxPoolIndices, maxUnpool } from "../src/ops/pool-index.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import { indicesOf, noise, runKind, small, valueAt } from "./imported-kinds.ts";
import { expectClose, expectEqual, expectWithin } from "./tolerance.ts";

interface Window {
  size: number[];
  stride: number[];
  dilation: number[];
  padding: [number, number][];
  ceilMode: boolean;
}

/** Calls `each` with every output index of a pool, and the input indices under its window, in order. */
function windows(x: Plain, p: Window, each: (taps: (number[] | undefined)[]) => void): number[] {
  const sizes = x.shape.slice(1, -1);
  const outs = sizes.map((size, i) => {
    const [before, after] = p.padding[i];
    const room = size + before + after - p.dilation[i] * (p.size[i] - 1) - 1;
    let out = (p.ceilMode ? Math.ceil : Math.floor)(room / p.stride[i]) + 1;
    if (p.ceilMode && (out - 1) * p.stride[i] >= size + before) out--;
    return out;
  });
  const shape = [x.shape[0], ...outs, x.shape.at(-1)!];
  for (const [n, ...rest] of indicesOf(shape)) {
    const c = rest.pop()!;
    const taps = indicesOf(p.size).map((k) => {
      const at = k.map((t, i) => rest[i] * p.stride[i] + t * p.dilation[i] - p.padding[i][0]);
      return at.every((v, i) => v >= 0 && v < sizes[i]) ? [n, ...at, c] : undefined;
    });
    each(taps);
  }
  return shape;
}

const flat = (x: Plain, index: readonly number[], order: number): number => {
  const [n, ...at] = index;
  const c = at.pop()!;
  const sizes = x.shape.slice(1, -1);
  const [list, by] = order ? [at.toReversed(), sizes.toReversed()] : [at, sizes];
  const spatial = list.reduce((sum, v, i) => sum * by[i] + v, 0);
  return (n * x.shape.at(-1)! + c) * sizes.reduce((a, b) => a * b, 1) + spatial;
};

const WINDOWS: { shape: number[]; window: Window }[] = [
  { shape: [2, 9, 3], window: { size: [3], stride: [2], dilation: [1], padding: [[1, 0]], ceilMode: false } },
  {
    shape: [2, 7, 6, 5],
    window: {
      size: [3, 2],
      stride: [2, 1],
      dilation: [1, 2],
      padding: [
        [1, 1],
        [0, 1],
      ],
      ceilMode: true,
    },
  },
  {
    shape: [1, 5, 5, 9],
    window: {
      size: [5, 5],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [
        [2, 2],
        [2, 2],
      ],
      ceilMode: false,
    },
  },
  {
    shape: [2, 3, 4, 5, 4],
    window: {
      size: [2, 2, 3],
      stride: [1, 2, 2],
      dilation: [1, 1, 1],
      padding: [
        [0, 0],
        [1, 1],
        [1, 2],
      ],
      ceilMode: true,
    },
  },
];

for (const { name, engine } of builds())
  describe(`pools with indices (${name})`, () => {
    for (const { shape, window } of WINDOWS)
      for (const order of [0, 1] as const)
        it(`of [${shape}] by ${window.size}, order ${order}`, async () => {
          // Few values: ties are decided for the first.
          const x = small(shape);
          const [{ size: kernel, ...rest }, values, indices] = [window, [] as number[], [] as number[]];
          const expected = windows(x, window, (taps) => {
            let best: number[] | undefined;
            for (const tap of taps) if (tap && (!best || valueAt(x, tap) > valueAt(x, best))) best = tap;
            values.push(valueAt(x, best!));
            indices.push(flat(x, best!, order));
          });
          const [y, at] = await evaluate(engine, maxPoolIndices, [x], { kernel, ...rest, order });
          expect(y.shape).toEqual(expected);
          expectEqual(y.data, values);
          expect(at.data).toBeInstanceOf(Int32Array);
          expectEqual(at.data, indices);
        });

    it("take the first NaN, and -Infinity where there is nothing else", async () => {
      const x = { shape: [1, 4, 1], data: Float32Array.of(-Infinity, -Infinity, Number.NaN, Number.NaN) };
      const p = {
        kernel: [2],
        stride: [1],
        dilation: [1],
        padding: "valid",
        ceilMode: false,
        order: 0,
      } as const;
      const [y, at] = await evaluate(engine, maxPoolIndices, [x], p);
      expectEqual(y.data, [-Infinity, Number.NaN, Number.NaN]);
      expectEqual(at.data, [0, 2, 2]);
    });

    it("are undone by unpooling", async () => {
      const x = noise([2, 6, 8, 5]);
      const p = {
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        padding: "valid",
        ceilMode: false,
        order: 0,
      } as const;
      const [y, at] = await evaluate(engine, maxPoolIndices, [x], p);
      const [z] = await evaluate(engine, maxUnpool, [y, at], { outputSize: [6, 8] });
      expect(z.shape).toEqual(x.shape);
      let count = 0;
      z.data.forEach((v, i) => {
        if (v === 0) return;
        count++;
        expect(v).toBe(x.data[i]);
      });
      expect(count).toBe(y.data.length);
    });

    it("unpool into another size, and drop what lies outside", async () => {
      const x = { shape: [1, 2, 2, 1], data: Float32Array.of(1, 2, 3, 4) };
      const at = { shape: [1, 2, 2, 1], data: Int32Array.of(5, 7, 13, 15) };
      const [wide] = await evaluate(engine, maxUnpool, [x, at], { outputSize: [5, 5], indexSize: [4, 4] });
      expectEqual(wide.data, [0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0]);
      const [narrow] = await evaluate(engine, maxUnpool, [x, at], { outputSize: [2, 4], indexSize: [4, 4] });
      expectEqual(narrow.data, [0, 0, 0, 0, 0, 1, 0, 2]);
      const bad = { shape: at.shape, data: Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31), 3) };
      const [none] = await evaluate(engine, maxUnpool, [{ ...x, data: Int32Array.of(1, 2, 3, 4) }, bad], {
        outputSize: [2, 2],
      });
      expectEqual(none.data, [0, 0, 0, 4]);
      expect(none.data).toBeInstanceOf(Int32Array);
    });
  });

describe("pools of imported models", () => {
  const [{ engine }] = builds();
  const WIDE: Window = {
    size: [2, 3],
    stride: [1, 2],
    dilation: [2, 1],
    padding: [
      [3, 1],
      [4, 3],
    ],
    ceilMode: true,
  };

  for (const { shape, window } of [...WINDOWS, { shape: [2, 5, 4, 3], window: WIDE }])
    it(`in every form, of [${shape}] by ${window.size}`, async () => {
      const x = small(shape);
      const run = (config: object) => runKind(engine, kinds.poolWindows, [x], { ...window, ...config });
      const [largest, inner, whole, norms]: number[][] = [[], [], [], []];
      const expected = windows(x, window, (taps) => {
        const values = taps.flatMap((tap) => (tap ? [valueAt(x, tap)] : []));
        largest.push(Math.max(...values));
        const sum = values.reduce((a, b) => a + b, 0);
        inner.push(sum / Math.max(values.length, 1));
        norms.push(values.reduce((a, b) => a + Math.abs(b) ** 3, 0) ** (1 / 3));
        whole.push(sum);
      });
      const max = await run({ op: "max" });
      expect(max.outputs[0].shape).toEqual(expected);
      expectEqual(max.outputs[0].data, largest);
      expectWithin((await run({ op: "average" })).outputs[0].data, inner, 1e-6);
      const lp = async (p: number) =>
        (await runKind(engine, kinds.lpPool, [x], { ...window, p })).outputs[0].data;
      expectClose(await lp(3), norms, 1e-5, 1e-6);
      if (window.ceilMode) return;
      const taps = window.size.reduce((a, b) => a * b, 1);
      const counted = await run({ op: "average", countIncludePad: true });
      expectWithin(
        counted.outputs[0].data,
        whole.map((sum) => sum / taps),
        1e-6,
      );
    });

  it("count padding but nothing past it, dilated as well", async () => {
    const x = { shape: [1, 5, 1], data: Float32Array.of(1, 2, 3, 4, 5) };
    const config = {
      op: "average",
      size: 3,
      dilation: 2,
      padding: 1,
      stride: 2,
      ceilMode: true,
      countIncludePad: true,
    };
    const { outputs } = await runKind(engine, kinds.poolWindows, [x], config);
    // Taps -1 1 3, then 1 3 5: the last of these is padding. The window of 3 5 7 has one tap past it.
    expectWithin(outputs[0].data, [6 / 3, 6 / 3], 1e-6);
    const strided = await runKind(engine, kinds.poolWindows, [x], {
      ...config,
      dilation: 1,
      size: 2,
      padding: [[0, 0]],
    });
    expectWithin(strided.outputs[0].data, [1.5, 3.5, 5], 1e-6);
  });

  it("give p-norms", async () => {
    const x = { shape: [1, 4, 1], data: Float32Array.of(3, -4, 0, 0) };
    const lp = async (p?: number) =>
      (await runKind(engine, kinds.lpPool, [x], { size: 2, stride: 2, ...(p && { p }) })).outputs[0].data;
    expectWithin(await lp(), [5, 0], 1e-6);
    expectWithin(await lp(1), [7, 0], 1e-6);
    expectWithin(await lp(5), [(3 ** 5 + 4 ** 5) ** 0.2, 0], 1e-5);
  });

  it("are what the layers build where these do", async () => {
    const x = noise([1, 8, 8, 4]);
    const ops = async (config: object) =>
      (await runKind(engine, kinds.poolWindows, [x], { size: 3, ...config })).ops;
    expect(await ops({ op: "max", padding: 1 })).toEqual(["maxPool"]);
    expect(await ops({ op: "average", padding: 2, countIncludePad: true })).toEqual(["avgPool"]);
  });

  it("refuse what they cannot do", async () => {
    const x = noise([1, 4, 4, 2]);
    await expect(runKind(engine, kinds.maxPoolIndices, [x], { size: 5 })).rejects.toThrow("does not fit");
    await expect(runKind(engine, kinds.maxUnpool, [x, x], { outputSize: [4, 4] })).rejects.toThrow(
      "indices are float32 but must be int32",
    );
    const at = { shape: [1, 2, 2, 2], data: new Int32Array(8) };
    await expect(runKind(engine, kinds.maxUnpool, [x, at], { outputSize: [4, 4] })).rejects.toThrow(
      "indices have shape [1,2,2,2] but must have that of the input, [1,4,4,2]",
    );
    await expect(runKind(engine, kinds.poolWindows, [x], { size: 2 })).rejects.toThrow("op is missing");
    // Windows of padding alone, for which there is no memory.
    const far = {
      op: "average",
      size: 3,
      padding: [
        [2 ** 28, 1],
        [1, 1],
      ],
    };
    await expect(runKind(engine, kinds.poolWindows, [x], far)).rejects.toThrow(
      "windows that count their taps",
    );
  });
});
