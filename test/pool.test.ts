import { describe, expect, it } from "vitest";
import { avgPool, globalAvgPool, globalMaxPool, maxPool } from "../src/ops/pool.ts";
import type { Padding } from "../src/ops/window.ts";
import { builds, evaluate, type Plain } from "./harness.ts";
import * as oracle from "./oracle.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

const CHANNELS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 20, 33];

/** Small whole numbers, so that sums are exact in every order. */
function whole(shape: readonly number[]): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    shape,
    data: Float32Array.from({ length: size }, (_, i) => ((Math.imul(i + 1, 0x9e3779b1) >>> 16) % 41) - 20),
  };
}

function noise(shape: readonly number[]): Plain & { data: Float32Array } {
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    shape,
    data: Float32Array.from({ length: size }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 8) / 2 ** 23 - 1),
  };
}

interface Window {
  /** n, ...spatial; channels come from CHANNELS. */
  size: number[];
  kernel: number[];
  stride: number[];
  dilation?: number[];
  padding: Padding;
  ceilMode?: boolean;
}

const WINDOWS: Window[] = [
  { size: [1, 1], kernel: [1], stride: [1], padding: "valid" },
  { size: [2, 9], kernel: [3], stride: [1], padding: [[1, 1]] },
  { size: [2, 10], kernel: [3], stride: [2], padding: "valid", ceilMode: true },
  { size: [1, 7], kernel: [3], stride: [1], dilation: [2], padding: [[3, 2]] },
  { size: [2, 6, 7], kernel: [2, 2], stride: [2, 2], padding: "valid" },
  { size: [2, 5, 6], kernel: [2, 3], stride: [2, 2], padding: "same" },
  { size: [2, 7, 6], kernel: [3, 3], stride: [1, 1], padding: "half" },
  { size: [1, 7, 8], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  { size: [1, 7, 8], kernel: [3, 3], stride: [2, 2], padding: [1, 1], ceilMode: true },
  { size: [1, 8, 23], kernel: [2, 2], stride: [2, 2], padding: "valid" },
  {
    size: [1, 5, 24],
    kernel: [3, 4],
    stride: [2, 2],
    padding: [
      [1, 1],
      [1, 3],
    ],
  },
  { size: [1, 6, 6], kernel: [3, 2], stride: [2, 3], padding: "valid", ceilMode: true },
  {
    size: [1, 4, 9],
    kernel: [4, 5],
    stride: [3, 1],
    padding: [
      [3, 0],
      [0, 4],
    ],
  },
  { size: [1, 4, 3], kernel: [4, 3], stride: [1, 1], padding: "valid" },
  {
    size: [1, 9, 11],
    kernel: [3, 2],
    stride: [1, 2],
    dilation: [2, 3],
    padding: [
      [2, 1],
      [0, 3],
    ],
  },
  { size: [1, 1, 1], kernel: [2, 2], stride: [1, 1], dilation: [2, 2], padding: [1, 1] },
  { size: [2, 5, 4], kernel: [13, 13], stride: [1, 1], padding: [6, 6] },
  { size: [1, 9, 20], kernel: [5, 5], stride: [2, 1], padding: "half" },
  { size: [2, 1, 9], kernel: [3, 5], stride: [1, 2], padding: [1, 2] },
  {
    size: [1, 11, 12],
    kernel: [3, 3],
    stride: [1, 1],
    dilation: [2, 3],
    padding: [
      [3, 2],
      [1, 6],
    ],
  },
  { size: [1, 4, 5, 6], kernel: [3, 3, 3], stride: [1, 2, 1], padding: "half" },
  {
    size: [2, 3, 4, 5],
    kernel: [2, 3, 2],
    stride: [1, 2, 1],
    padding: [
      [1, 0],
      [1, 1],
      [0, 1],
    ],
  },
  {
    size: [1, 5, 4, 4],
    kernel: [3, 2, 3],
    stride: [2, 1, 1],
    dilation: [2, 1, 1],
    padding: [
      [1, 2],
      [0, 0],
      [1, 1],
    ],
    ceilMode: true,
  },
];

const title = (w: Window): string =>
  `[${w.size}] by [${w.kernel}], stride ${w.stride}, padding ${JSON.stringify(w.padding)}` +
  `${w.dilation ? `, dilation ${w.dilation}` : ""}${w.ceilMode ? ", ceil" : ""}`;

for (const { name, engine } of builds())
  describe(`pooling (${name})`, () => {
    for (const w of WINDOWS) {
      const ceilMode = w.ceilMode ?? false;
      it(`max over ${title(w)}`, async () => {
        const params = { ...w, dilation: w.dilation ?? w.kernel.map(() => 1), ceilMode };
        for (const c of CHANNELS) {
          const x = noise([...w.size, c]);
          const [y] = await evaluate(engine, maxPool, [x], params);
          const [want] = oracle.maxPool([x], params);
          expect(y.shape).toEqual(want.shape);
          expectEqual(y.data, want.data);
        }
      });
      if (w.dilation) continue;
      for (const countIncludePad of [false, true])
        it(`average over ${title(w)}, ${countIncludePad ? "with" : "without"} the border`, async () => {
          const params = { ...w, ceilMode, countIncludePad };
          for (const c of CHANNELS) {
            const x = whole([...w.size, c]);
            const [y] = await evaluate(engine, avgPool, [x], params);
            const [want] = oracle.avgPool([x], params);
            expect(y.shape).toEqual(want.shape);
            // The sum is exact and the quotient rounded once.
            expectEqual(y.data, want.data.map(Math.fround));
          }
        });
    }

    it("average of numbers that are not whole", async () => {
      const params = {
        kernel: [5, 4],
        stride: [2, 3],
        padding: "same" as const,
        ceilMode: false,
        countIncludePad: false,
      };
      const x = noise([2, 13, 11, 19]);
      const [y] = await evaluate(engine, avgPool, [x], params);
      const [want] = oracle.avgPool([x], params);
      const [size] = oracle.avgPool([{ ...x, data: x.data.map(Math.abs) }], params);
      expectWithin(
        y.data,
        want.data,
        size.data.map((s) => 4 * Math.sqrt(20) * oracle.ROUNDOFF * s),
      );
    });

    // Windows of every path: rows and columns of three, squares of two, the general one; whole and in two steps.
    for (const [kernel, stride, dilation] of [
      [
        [2, 3],
        [1, 2],
        [1, 1],
      ],
      [
        [3, 3],
        [1, 1],
        [1, 1],
      ],
      [
        [3, 3],
        [2, 2],
        [1, 1],
      ],
      [
        [2, 2],
        [2, 2],
        [1, 1],
      ],
      [
        [5, 4],
        [1, 1],
        [1, 2],
      ],
    ])
      it(`lets a NaN through a maximum, and infinities: [${kernel}], stride ${stride}`, async () => {
        const params = { kernel, stride, dilation, padding: "half" as const, ceilMode: false };
        for (const c of [1, 3, 4, 16, 17, 64]) {
          // Both signs of NaN, one after the other and far apart.
          for (const specials of [
            [Number.NaN, Infinity, -Infinity, -0],
            [Infinity, -Infinity, Infinity],
            [new Float32Array(new Uint32Array([0xffc00000]).buffer)[0]],
          ])
            for (const every of [11, 97]) {
              const x = noise([1, 12, 14, c]);
              for (let i = 0; i < x.data.length; i += every)
                x.data[i] = specials[(i / every) % specials.length];
              const [y] = await evaluate(engine, maxPool, [x], params);
              const [want] = oracle.maxPool([x], params);
              expect(want.data.some(Number.isFinite) && !want.data.every(Number.isFinite)).toBe(true);
              expectEqual(y.data, want.data);
            }
        }
      });

    it("takes the maximum of a channel that is -Infinity", async () => {
      const params = { kernel: [2], stride: [2], dilation: [1], padding: "valid" as const, ceilMode: false };
      const x = { shape: [1, 4, 1], data: new Float32Array(4).fill(-Infinity) };
      const [y] = await evaluate(engine, maxPool, [x], params);
      expectEqual(y.data, [-Infinity, -Infinity]);
    });

    for (const spatial of [[1], [7, 7], [127], [128], [129], [256], [257], [2, 9, 15], [601]])
      it(`global pools over [${spatial}]`, async () => {
        for (const c of CHANNELS) {
          const x = noise([2, ...spatial, c]);
          for (const keepDims of [false, true]) {
            const [max] = await evaluate(engine, globalMaxPool, [x], { keepDims });
            const [wantMax] = oracle.globalMaxPool([x], { keepDims });
            expect(max.shape).toEqual(wantMax.shape);
            expectEqual(max.data, wantMax.data);
            const [mean] = await evaluate(engine, globalAvgPool, [x], { keepDims });
            const [wantMean] = oracle.globalAvgPool([x], { keepDims });
            expect(mean.shape).toEqual(wantMean.shape);
            expectWithin(mean.data, wantMean.data, 3e-7);
          }
        }
      });
  });

describe("pooling refuses", () => {
  const max = {
    kernel: [2, 2],
    stride: [2, 2],
    dilation: [1, 1],
    padding: "valid" as Padding,
    ceilMode: false,
  };
  const of = (shape: number[], dtype: "float32" | "int32" = "float32") => [{ shape, dtype }];

  it("a window that would see only border", () => {
    expect(() => maxPool.infer(of([1, 4, 4, 3]), { ...max, padding: [2, 0] }, 'maxPool2d "p"')).toThrow(
      'maxPool2d "p": padding is 2 + 2 but must be smaller than the kernel\'s reach of 2',
    );
  });

  it("a window larger than the input", () => {
    expect(() => maxPool.infer(of([1, 1, 4, 3]), max, "maxPool")).toThrow(
      "the kernel does not fit the height",
    );
  });

  it("coordinates beyond 32 bits", () => {
    const far = 2 ** 31 - 1;
    expect(() => maxPool.infer(of([1, 4, 4, 3]), { ...max, stride: [2, far] }, "maxPool")).toThrow(
      `maxPool: windows with kernel 2, stride ${far} and dilation 1 over 4 pixels and padding of 0 span ${far + 6} pixels but ` +
        `may span at most ${far}`,
    );
    const wide = { ...max, kernel: [2 ** 30, 2], dilation: [2, 1], padding: "half" as const };
    expect(() => maxPool.infer(of([1, 4, 4, 3]), wide, "maxPool")).toThrow("over 4 pixels and padding");
    expect(maxPool.infer(of([1, 4, 4, 3]), { ...max, stride: [far - 6, 1] }, "maxPool")).toEqual(
      of([1, 1, 3, 3]),
    );
  });

  it("a rank, a kernel and a type that do not fit", () => {
    expect(() => maxPool.infer(of([4, 4]), max, "maxPool")).toThrow("rank 2");
    expect(() => maxPool.infer(of([1, 4, 4, 4, 3]), max, "maxPool")).toThrow("a list of 3");
    expect(() => maxPool.infer(of([1, 4, 4, 3], "int32"), max, "maxPool")).toThrow("int32");
    expect(() => globalAvgPool.infer(of([4, 4]), { keepDims: false }, "globalAvgPool")).toThrow("rank 2");
  });
});
