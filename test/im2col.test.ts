import { describe, expect, it } from "vitest";
import { col2im, type Im2colParams, im2col } from "../src/ops/im2col.ts";
import type { Padding } from "../src/ops/window.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 9, 16, 33];

interface Window {
  /** n, ...spatial; channels come from CHANNELS. */
  size: number[];
  kernel: number[];
  stride: number[];
  dilation: number[];
  padding: Padding;
}

const WINDOWS: Window[] = [
  { size: [1, 1], kernel: [1], stride: [1], dilation: [1], padding: "valid" },
  { size: [2, 9], kernel: [3], stride: [1], dilation: [1], padding: [[1, 1]] },
  { size: [2, 9], kernel: [2], stride: [3], dilation: [1], padding: "valid" },
  { size: [1, 3], kernel: [3], stride: [1], dilation: [1], padding: [[4, 5]] },
  { size: [2, 4], kernel: [5], stride: [1], dilation: [1], padding: "same" },
  { size: [1, 9], kernel: [3], stride: [2], dilation: [3], padding: [[2, 4]] },
  { size: [2, 6, 7], kernel: [1, 1], stride: [1, 1], dilation: [1, 1], padding: "valid" },
  { size: [2, 6, 7], kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: "half" },
  { size: [2, 7, 8], kernel: [3, 3], stride: [2, 2], dilation: [1, 1], padding: "same" },
  { size: [1, 5, 6], kernel: [2, 3], stride: [3, 2], dilation: [1, 1], padding: "valid" },
  {
    size: [1, 6, 6],
    kernel: [4, 2],
    stride: [1, 4],
    dilation: [1, 1],
    padding: [
      [3, 0],
      [0, 5],
    ],
  },
  { size: [2, 7, 8], kernel: [3, 2], stride: [1, 2], dilation: [2, 3], padding: [2, 1] },
  {
    size: [1, 2, 2],
    kernel: [2, 2],
    stride: [1, 1],
    dilation: [1, 1],
    padding: [
      [3, 3],
      [3, 3],
    ],
  },
  { size: [1, 9, 9], kernel: [7, 7], stride: [2, 2], dilation: [1, 1], padding: "half" },
  {
    size: [2, 3, 4, 5],
    kernel: [2, 3, 2],
    stride: [1, 2, 1],
    dilation: [1, 1, 1],
    padding: [
      [1, 0],
      [1, 1],
      [0, 1],
    ],
  },
  {
    size: [1, 5, 4, 4],
    kernel: [3, 2, 3],
    stride: [2, 1, 2],
    dilation: [2, 1, 1],
    padding: [
      [1, 2],
      [0, 0],
      [2, 1],
    ],
  },
  { size: [1, 4, 3, 5], kernel: [2, 2, 2], stride: [2, 3, 1], dilation: [1, 2, 3], padding: "half" },
];

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Whole numbers of either sign: sums are exact in every order. */
function whole(shape: readonly number[]): Plain & { data: Float32Array } {
  const value = (_: unknown, i: number): number => ((Math.imul(i + 1, 0x9e3779b1) >>> 12) % 2001) - 1000;
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) };
}

const noise = (shape: readonly number[]): Plain & { data: Float32Array } => {
  const { data } = whole(shape);
  return { shape, data: data.map((v) => v / 997) };
};

const title = (w: Window): string =>
  `[${w.size}] by [${w.kernel}], stride ${w.stride}, dilation ${w.dilation}, padding ${JSON.stringify(w.padding)}`;

for (const { name, engine } of builds())
  describe(`patches (${name})`, () => {
    for (const w of WINDOWS)
      it(title(w), async () => {
        for (const c of CHANNELS) {
          const x = whole([...w.size, c]);
          const [patches] = await evaluate(engine, im2col, [x], w);
          const [expected] = oracle.im2col([x], w);
          expect(patches.shape).toEqual(expected.shape);
          expectEqual(patches.data, expected.data);

          const params = { ...w, size: w.size.slice(1) };
          const g = whole(expected.shape);
          const [image] = await evaluate(engine, col2im, [g], params);
          const [summed] = oracle.col2im([g], params);
          expect(image.shape).toEqual(x.shape);
          expectEqual(image.data, summed.data);

          // The adjoint identity: <im2col(x), g> = <x, col2im(g)>.
          const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
            Array.from(a, (v, i) => v * b[i]).reduce((sum, v) => sum + v, 0);
          expect(dot(patches.data, g.data)).toBe(dot(x.data, image.data));

          const rough = noise(expected.shape);
          const [rounded] = await evaluate(engine, col2im, [rough], params);
          const [absolute] = oracle.col2im([{ ...rough, data: rough.data.map(Math.abs) }], params);
          const most = sizeOf(w.kernel);
          const [exact] = oracle.col2im([rough], params);
          if (exact.data.some((v) => v !== 0))
            expectWithin(
              rounded.data,
              exact.data,
              absolute.data.map((sum) => most * oracle.ROUNDOFF * sum),
            );
        }
      });
  });

describe("what im2col and col2im refuse", () => {
  const window: Im2colParams = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], padding: "valid" };
  const float = (...shape: number[]): { shape: number[]; dtype: "float32" } => ({ shape, dtype: "float32" });
  it("im2col", () => {
    const of = (input: ReturnType<typeof float>, params: object) => (): unknown =>
      im2col.infer([input], { ...window, ...params }, "im2col");
    expect(of(float(1, 5, 5, 2), {})()).toEqual([float(1, 3, 3, 18)]);
    expect(of(float(5, 5), {})).toThrow("must have rank 3 to 5");
    expect(of(float(1, 5, 2, 2), {})).toThrow("the kernel does not fit the width");
    expect(of(float(1, 5, 5, 2), { kernel: [3] })).toThrow(
      "kernel is [3] but must be a number or a list of 2",
    );
    expect(of(float(1, 5, 5, 2), { stride: [1, 0] })).toThrow("stride[1] is 0");
    expect(() => im2col.infer([{ shape: [1, 5, 5, 2], dtype: "int32" }], window, "im2col")).toThrow(
      "must be float32",
    );
  });
  it("col2im", () => {
    const of = (input: ReturnType<typeof float>, size: number[]) => (): unknown =>
      col2im.infer([input], { ...window, size }, "col2im");
    expect(of(float(1, 3, 3, 18), [5, 5])()).toEqual([float(1, 5, 5, 2)]);
    expect(of(float(1, 3, 4, 18), [5, 5])).toThrow(
      "input [1,3,4,18] has [3,4] patches but an image of [5,5] has [3,3] under this window",
    );
    expect(of(float(1, 3, 3, 20), [5, 5])).toThrow(
      "has 20 values per patch but kernel [3,3] needs a multiple of 9",
    );
    expect(of(float(1, 3, 3, 18), [5])).toThrow("size is [5] but must be a list of 2");
  });
});
