// The kernels of the textbook against their formulas and, where they are OpenCV's, against its numbers (4.6).
import { describe, expect, test } from "vitest";
import { ArgumentError, ConvolithError } from "../src/errors.ts";
import * as k from "../src/image/index.ts";
import * as oracle from "./image-oracle.ts";

const sum = (kernel: k.Kernel): number => kernel.flat().reduce((a, b) => a + b, 0);
const transposed = (kernel: k.Kernel): number[][] => kernel[0].map((_, j) => kernel.map((row) => row[j]));
const turned = (kernel: k.Kernel): number[][] => kernel.map((row) => [...row].reverse()).reverse();

function close(a: k.Kernel, b: k.Kernel, tolerance = 1e-12): void {
  expect(a.map((row) => row.length)).toEqual(b.map((row) => row.length));
  a.forEach((row, i) => {
    row.forEach((x, j) => {
      expect(Math.abs(x - b[i][j]), `${i}, ${j}: ${x} and ${b[i][j]}`).toBeLessThanOrEqual(tolerance);
    });
  });
}

test.each([1, 3, 5, 7, 9, 31])("gaussian1d of size %i", (size) => {
  for (const sigma of [undefined, 0, -1, 0.5, 1, 2.5, 10])
    close([k.gaussian1d(size, sigma)], [oracle.gaussian1d(size, sigma ?? 0)]);
});

test("gaussian1d has the fixed windows of OpenCV", () => {
  expect(k.gaussian1d(3)).toEqual([0.25, 0.5, 0.25]);
  expect(k.gaussian1d(9).map((w) => w * 256)).toEqual([4, 13, 30, 51, 60, 51, 30, 13, 4]);
  expect(k.gaussian1d(9, 0.15 * 9 + 0.35)).not.toEqual(k.gaussian1d(9));
});

test("gaussian is the product of its windows, and sums to 1", () => {
  close(
    k.gaussian(5),
    oracle.gaussian1d(5, 0).map((a) => oracle.gaussian1d(5, 0).map((b) => a * b)),
  );
  expect(sum(k.gaussian(11, 1.7))).toBeCloseTo(1, 14);
  expect(k.gaussian(3, 1)[0][0] / k.gaussian(3, 1)[1][1]).toBeCloseTo(Math.exp(-1), 14);
});

test("box", () => {
  expect(k.box(2)).toEqual([
    [0.25, 0.25],
    [0.25, 0.25],
  ]);
  expect(k.box([1, 4])).toEqual([[0.25, 0.25, 0.25, 0.25]]);
});

test("derivative1d and Sobel's kernels of every size and order", () => {
  expect(k.derivative1d(1)).toEqual([-1, 0, 1]);
  expect(k.derivative1d(2, 5)).toEqual([1, 0, -2, 0, 1]);
  expect(k.derivative1d(3, 7)).toEqual([-1, 0, 3, 0, -3, 0, 1]);
  expect(k.sobelX()).toEqual([
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
  ]);
  expect(k.sobelY()).toEqual([
    [-1, -2, -1],
    [0, 0, 0],
    [1, 2, 1],
  ]);
  expect(k.sobelX(1)).toEqual([[-1, 0, 1]]);
  expect(k.sobelY(1)).toEqual([[-1], [0], [1]]);
  for (let size = 1; size <= 31; size += 2)
    for (let dx = 0; dx < Math.max(3, size); dx++)
      for (const dy of [0, 1, 2].filter((n) => n + dx > 0))
        expect(k.sobelX(size, { dx, dy })).toEqual(
          oracle.sobelKernel(dx, dy, size).map((r) => r.map((v) => v || 0)),
        );
  expect(k.sobelY(5, { dx: 1 })).toEqual(k.sobelX(5, { dy: 1 }));
});

test("Scharr, Prewitt, Roberts, Laplacians", () => {
  expect(k.scharrX()).toEqual([
    [-3, 0, 3],
    [-10, 0, 10],
    [-3, 0, 3],
  ]);
  expect(k.scharrY()).toEqual(transposed(k.scharrX()));
  expect(k.prewittX()).toEqual([
    [-1, 0, 1],
    [-1, 0, 1],
    [-1, 0, 1],
  ]);
  expect(k.prewittY()).toEqual(transposed(k.prewittX()));
  expect(k.robertsX()).toEqual([
    [1, 0],
    [0, -1],
  ]);
  expect(k.robertsY()).toEqual([
    [0, 1],
    [-1, 0],
  ]);
  expect(k.laplacianKernel()).toEqual(k.laplacian4());
  expect(k.laplacianKernel(3)).toEqual([
    [2, 0, 2],
    [0, -8, 0],
    [2, 0, 2],
  ]);
  expect(k.laplacianKernel(5)).toEqual([
    [2, 4, 4, 4, 2],
    [4, 0, -8, 0, 4],
    [4, -8, -24, -8, 4],
    [4, 0, -8, 0, 4],
    [2, 4, 4, 4, 2],
  ]);
  for (const kernel of [
    k.laplacian4(),
    k.laplacian8(),
    k.laplacianKernel(7),
    k.edge(),
    k.edge({ neighbours: 4 }),
  ])
    expect(sum(kernel)).toBe(0);
  expect(k.edge()).toEqual([
    [-1, -1, -1],
    [-1, 8, -1],
    [-1, -1, -1],
  ]);
});

test("the Laplacian of a Gaussian sums to 0 and is its second derivatives", () => {
  const [size, sigma] = [13, 2];
  const log = k.laplacianOfGaussian(size, sigma);
  expect(Math.abs(sum(log))).toBeLessThan(1e-15);
  // By finite differences of the Gaussian itself.
  const h = 1e-3;
  const total = sum(k.gaussian(size, sigma).map((row) => row.map((v) => v / k.gaussian(size, sigma)[6][6])));
  const g = (x: number, y: number): number => Math.exp(-(x * x + y * y) / (2 * sigma * sigma)) / total;
  const raw = log.map((row, i) =>
    row.map((_, j) => {
      const [x, y] = [j - 6, i - 6];
      return (g(x + h, y) + g(x - h, y) + g(x, y + h) + g(x, y - h) - 4 * g(x, y)) / (h * h);
    }),
  );
  const mean = sum(raw) / size ** 2;
  close(
    log,
    raw.map((row) => row.map((v) => v - mean)),
    1e-6,
  );
  close(
    k.differenceOfGaussians(9, 1, 2),
    k.gaussian(9, 1).map((row, i) => row.map((v, j) => v - k.gaussian(9, 2)[i][j])),
  );
});

test("sharpening kernels sum to 1", () => {
  expect(k.sharpen()).toEqual([
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ]);
  expect(k.sharpen({ neighbours: 8 })).toEqual([
    [-1, -1, -1],
    [-1, 9, -1],
    [-1, -1, -1],
  ]);
  expect(sum(k.sharpen({ amount: 0.3 }))).toBeCloseTo(1, 14);
  expect(sum(k.unsharp(7, 1.5, 2.5))).toBeCloseTo(1, 14);
  close(k.unsharp(5, 1, 0), k.identity(5));
  expect(k.emboss()).toEqual([
    [-2, -1, 0],
    [-1, 1, 1],
    [0, 1, 2],
  ]);
  expect(k.emboss({ strength: 0 })).toEqual(k.identity());
});

test("motionBlur is a line", () => {
  close(k.motionBlur(5), [
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
    [0.2, 0.2, 0.2, 0.2, 0.2],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
  ]);
  close(k.motionBlur(5, Math.PI / 2), transposed(k.motionBlur(5)), 1e-15);
  const rising = k.motionBlur(7, Math.PI / 4);
  expect(sum(rising)).toBeCloseTo(1, 14);
  // On a screen: from the lower left to the upper right.
  expect(rising[1][5]).toBeGreaterThan(0.05);
  expect(rising[1][1]).toBe(0);
  close(turned(rising), rising, 1e-15);
});

test("gabor by its formula, oriented as OpenCV's", () => {
  const options = { sigma: 2, theta: 0.5, wavelength: 5, gamma: 0.7, phase: 0.3 };
  const made = k.gabor(11, options);
  for (const [i, j] of [
    [0, 0],
    [3, 9],
    [5, 5],
    [10, 2],
  ]) {
    const [x, y] = [5 - j, 5 - i];
    const u = x * Math.cos(0.5) + y * Math.sin(0.5);
    const v = -x * Math.sin(0.5) + y * Math.cos(0.5);
    const wanted =
      Math.exp(-0.5 * ((u / 2) ** 2 + ((0.7 * v) / 2) ** 2)) * Math.cos((2 * Math.PI * u) / 5 + 0.3);
    expect(made[i][j]).toBeCloseTo(wanted, 14);
  }
  // The wave of theta 0 runs along x: columns are alike in sign.
  const upright = k.gabor(9, { wavelength: 4 });
  expect(upright[0][4]).toBeGreaterThan(0);
  expect(upright[4][2]).toBeLessThan(0);
  close(transposed(upright), k.gabor(9, { wavelength: 4, theta: Math.PI / 2 }), 1e-12);
});

test("dilate and normalizeKernel", () => {
  expect(
    k.dilate(
      [
        [1, 2],
        [3, 4],
      ],
      3,
    ),
  ).toEqual([
    [1, 0, 0, 2],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [3, 0, 0, 4],
  ]);
  expect(k.dilate([[1, 2, 3]], 1)).toEqual([[1, 2, 3]]);
  expect(
    k.normalizeKernel([
      [1, 2],
      [3, 2],
    ]),
  ).toEqual([
    [0.125, 0.25],
    [0.375, 0.25],
  ]);
  expect(k.normalizeKernel([[-1, -3]])).toEqual([[0.25, 0.75]]);
  expect(k.normalizeKernel(k.sobelX())).toEqual(k.sobelX().map((row) => row.map((v) => v / 8)));
  expect(k.normalizeKernel([[0, 0]])).toEqual([[0, 0]]);
});

describe("KERNELS", () => {
  test.each(Object.entries(k.KERNELS))(
    "%s: a kernel of finite numbers, and a text",
    (_, { label, formula, make }) => {
      const kernel = make();
      const again = make();
      expect(kernel).not.toBe(again);
      expect(new Set(kernel.map((row) => row.length)).size).toBe(1);
      for (const value of kernel.flat()) {
        expect(Number.isFinite(value)).toBe(true);
        expect(Object.is(value, -0)).toBe(false);
      }
      expect(label.length).toBeGreaterThan(2);
      expect(formula.length).toBeGreaterThan(2);
    },
  );
});

const BAD: readonly unknown[] = [0, 2, -3, 1.5, Number.NaN, Infinity, "3", null, 3n, [3], {}, 2 ** 31];

test.each([
  ["gaussian", (size: never) => k.gaussian(size)],
  ["box", (size: never) => k.box([3, size] as never)],
  ["sobelX", (size: never) => k.sobelX(size)],
  ["sobelY", (size: never) => k.sobelY(size)],
  ["derivative1d", (size: never) => k.derivative1d(0, size)],
  ["laplacianKernel", (size: never) => k.laplacianKernel(size)],
  ["laplacianOfGaussian", (size: never) => k.laplacianOfGaussian(size)],
  ["differenceOfGaussians", (size: never) => k.differenceOfGaussians(size, 1, 2)],
  ["unsharp", (size: never) => k.unsharp(size)],
  ["motionBlur", (size: never) => k.motionBlur(size)],
  ["gabor", (size: never) => k.gabor(size)],
  ["identity", (size: never) => k.identity(size)],
] as const)("%s says which sizes it takes", (name, make) => {
  for (const size of BAD.filter((value) => !(name === "box" && value === 2))) {
    expect(() => make(size as never), String(size)).toThrow(ArgumentError);
    expect(() => make(size as never)).toThrow(`${name}: size is `);
  }
});

test("what else is refused, and how", () => {
  expect(() => k.gaussian(4)).toThrow("gaussian: size is 4 but must be odd, such as 3 or 5");
  expect(() => k.identity(0)).toThrow("identity: size is 0 but must be an integer from 1 to 1023");
  expect(() => k.sobelX(33)).toThrow("sobelX: size is 33 but must be an integer from 1 to 31");
  expect(() => k.sobelX(3, { dx: 3 })).toThrow(
    "sobelX: dx is 3 and dy is 0, but for size 3 each must be from 0 to 2",
  );
  expect(() => k.sobelX(3, { dx: 0 })).toThrow("and one above 0");
  expect(() => k.derivative1d(5, 5)).toThrow("derivative1d: order is 5 but must be below the size, 5");
  expect(() => k.laplacianOfGaussian(5, 0)).toThrow(
    "laplacianOfGaussian: sigma is 0 but must be a number above 0",
  );
  expect(() => k.differenceOfGaussians(5, 1, Number.NaN)).toThrow("differenceOfGaussians: sigma2 is NaN");
  expect(() => k.gabor(5, { sigma: -1 })).toThrow("gabor: sigma is -1");
  expect(() => k.gabor(5, { lambda: 3 } as never)).toThrow("gabor: there is no option");
  expect(() => k.sharpen({ neighbours: 5 } as never)).toThrow("sharpen: neighbours is 5 but must be 4 or 8");
  expect(() => k.dilate([[1, 2], [3]], 2)).toThrow("dilate: kernel[1] has 1 numbers but kernel[0] has 2");
  expect(() => k.dilate([[1, Number.NaN]], 2)).toThrow(
    "dilate: kernel[0][1] is NaN but must be a finite number",
  );
  expect(() => k.dilate([[1, 2]], 0)).toThrow("dilate: rate is 0");
  expect(() => k.dilate(k.gaussian(301), 900)).toThrow("larger than 1023 x 1023");
  for (const kernel of [null, 3, [], [[]], [3], "kernel", { length: 1 }])
    expect(() => k.normalizeKernel(kernel as never)).toThrow(ConvolithError);
});
