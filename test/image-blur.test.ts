// gaussianBlur, boxBlur and unsharpMask against naive loops: bytes exactly, floats to 1e-5 of the largest value.
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../src/errors.ts";
import { gaussianIntegers } from "../src/image/gaussian.ts";
import * as image from "../src/image/index.ts";
import { imageEngines } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engines = await imageEngines();
const [engine] = engines;

const random = new Random(12);
const photo = (width: number, height: number, channels: number): image.Image<Uint8Array> => ({
  ...{ width, height, channels },
  data: Uint8Array.from({ length: width * height * channels }, () =>
    random.chance(0.2) ? random.pick([0, 255]) : random.below(256),
  ),
});
const white = (p: image.Image<Uint8Array>): image.Image<Uint8Array> => ({
  ...p,
  data: new Uint8Array(p.data.length).fill(255),
});
const floats = (p: image.Image): image.Image<Float32Array> => ({
  ...p,
  data: Float32Array.from(p.data, (v) => v / 7 - 18),
});
const clamped = (v: number): number => Math.min(255, Math.max(0, v));

function expectFloats(made: image.Image, want: oracle.Made, largest: number): void {
  expect(made.data).toBeInstanceOf(Float32Array);
  const worst = want.data.reduce((most, v, i) => Math.max(most, Math.abs(v - made.data[i])), 0);
  expect(worst).toBeLessThanOrEqual(1e-5 * largest);
}

/** Bit by bit; where they differ, says where. */
function expectSame(made: image.PixelData, want: image.PixelData): void {
  if (Buffer.compare(new Uint8Array(made.buffer), new Uint8Array(want.buffer))) expect(made).toEqual(want);
}

/** Bytes that are the nearest; where the value lies in the middle, either. */
function expectNearest(made: image.Image, want: oracle.Made): void {
  made.data.forEach((v, i) => {
    if (!(Math.abs(v - clamped(want.data[i])) < 0.5001)) expect(v).toBe(want.data[i]);
  });
}

const SIZES = [
  [1, 1],
  [1, 7],
  [9, 1],
  [2, 2],
  [3, 3],
  [15, 4],
  [16, 3],
  [17, 5],
  [33, 2],
] as const;
const BORDERS = ["reflect101", "reflect", "replicate", "zeros"] as const;

describe("gaussian1d", () => {
  it("has fixed weights for small sizes without a sigma, and else those of the formula", () => {
    expect(image.gaussian1d(5)).toEqual([0.0625, 0.25, 0.375, 0.25, 0.0625]);
    expect(image.gaussian1d(3, 0)).toEqual([0.25, 0.5, 0.25]);
    for (const [size, sigma] of [
      [1, 2],
      [3, 0.5],
      [9, 0],
      [11, 0],
      [4, 1],
      [31, 5],
    ] as const) {
      const want = oracle.gaussian1d(size, sigma);
      image.gaussian1d(size, sigma).forEach((w, i) => {
        expect(w).toBeCloseTo(want[i], 14);
      });
    }
  });

  it("is the identity for the smallest sigma", () => {
    for (const sigma of [1e-3, 1e-200, Number.MIN_VALUE])
      expect(image.gaussian1d(3, sigma)).toEqual([0, 1, 0]);
  });

  it("gives a list of its own", () => {
    image.gaussian1d(3)[0] = 9;
    expect(image.gaussian1d(3)[0]).toBe(0.25);
  });

  it("in 256ths sums to 256", () => {
    for (let size = 1; size < 80; size += 2)
      for (const sigma of [0, 0.2, 0.8, 1, 2.5, 7, 40]) {
        const weights = gaussianIntegers(size, sigma);
        expect(weights).toEqual(oracle.fixedGaussian(size, sigma));
        expect(weights.reduce((a, b) => a + b)).toBe(256);
      }
  });

  it.each([0, -1, 1.5, Number.NaN, "3", null, undefined, 1e9])("refuses the size %s", (size) => {
    expect(() => image.gaussian1d(size as never)).toThrow(ArgumentError);
    expect(() => image.gaussian1d(3, Number.NaN)).toThrow("gaussian1d: sigma is NaN");
  });
});

describe("gaussianBlur", () => {
  const WINDOWS = [
    { size: 1, sigma: 1 },
    { size: 3, sigma: 0 },
    { size: 3, sigma: 0.8 },
    { size: 5, sigma: 0 },
    { size: 5, sigma: 1.1 },
    { size: 7, sigma: 0 },
    { size: 9, sigma: 0 },
    { size: 9, sigma: 20 },
    { size: 15, sigma: 3 },
  ];
  it.each(WINDOWS)("of bytes is OpenCV's fixed point: %j", ({ size, sigma }) => {
    for (const [width, height] of SIZES)
      for (const channels of [1, 2, 3, 4]) {
        const border = random.pick(BORDERS);
        const one = photo(width, height, channels);
        for (const p of size < 9 ? [one, white(one)] : [one]) {
          const want = oracle.gaussianBlurBytes(p, size, sigma, border);
          for (const e of engines)
            expectSame(image.gaussianBlur(e, p, { size, sigma, border }).data, Uint8Array.from(want.data));
        }
      }
  });

  it.each(WINDOWS)("of floats: %j", ({ size, sigma }) => {
    for (const [width, height] of SIZES)
      for (const channels of [1, 4]) {
        const p = floats(photo(width, height, channels));
        const border = random.pick(BORDERS);
        const want = oracle.gaussianBlur(p, size, sigma, border);
        for (const e of engines) expectFloats(image.gaussianBlur(e, p, { size, sigma, border }), want, 20);
      }
  });

  it("takes a size and a sigma for each axis", () => {
    const p = photo(30, 20, 4);
    const want = image.separableFilter(engine, p, image.gaussian1d(5, 2), image.gaussian1d(3, 0.7), {
      float: true,
    });
    const made = image.gaussianBlur(engine, p, { size: [3, 5], sigma: [0.7, 2], float: true });
    expect(made).toEqual(want);
  });

  it("takes the size from sigma: 6 sigma for bytes, 8 for floats", () => {
    const p = photo(40, 30, 3);
    expect(image.gaussianBlur(engine, p, { sigma: 1.4 })).toEqual(
      image.gaussianBlur(engine, p, { size: 9, sigma: 1.4 }),
    );
    expect(image.gaussianBlur(engine, p, { sigma: 1.4, float: true })).toEqual(
      image.gaussianBlur(engine, p, { size: 13, sigma: 1.4, float: true }),
    );
  });

  it("with border valid is the inner part", () => {
    for (const channels of [1, 4])
      for (const sigma of [0, 1.2]) {
        const p = photo(20, 12, channels);
        const all = image.gaussianBlur(engine, p, { size: 5, sigma });
        for (const e of engines) {
          const made = image.gaussianBlur(e, p, { size: 5, sigma, border: "valid" });
          expect([made.width, made.height]).toEqual([16, 8]);
          for (let y = 0; y < 8; y++) {
            const from = ((y + 2) * 20 + 2) * channels;
            expect(made.data.slice(y * 16 * channels, (y + 1) * 16 * channels)).toEqual(
              all.data.slice(from, from + 16 * channels),
            );
          }
        }
      }
    expect(() => image.gaussianBlur(engine, photo(4, 9, 1), { size: 5, border: "valid" })).toThrow(
      ShapeError,
    );
  });

  it.each([
    [{ size: 4 }, "size is 4 but must be an odd integer"],
    [{ size: [3, 2] }, "size[1] is 2 but must be an odd integer"],
    [{ size: -3 }, "size is -3"],
    [{ size: 2000001 }, "size is 2000001"],
    [{ size: "5" }, 'size is "5"'],
    [{ size: null }, "size is null"],
    [{}, "size and sigma are both missing"],
    [{ sigma: 0 }, "size and sigma are both missing"],
    [{ size: [0, 3] }, "size and sigma are both missing"],
    [{ sigma: -1 }, "sigma is -1"],
    [{ sigma: Number.NaN }, "sigma is NaN"],
    [{ sigma: 1e9 }, "sigma is 1000000000"],
    [{ sigma: 3n }, "sigma is 3n"],
    [{ size: 3, border: "wrap" }, "border"],
    [{ size: 3, kernel: 3 }, 'there is no option "kernel"'],
    [null, "options are null"],
  ])("refuses %o", (options, message) => {
    expect(() => image.gaussianBlur(engine, photo(3, 3, 1), options as never)).toThrow(ArgumentError);
    expect(() => image.gaussianBlur(engine, photo(3, 3, 1), options as never)).toThrow(
      `gaussianBlur: ${message}`,
    );
  });
});

describe("boxBlur", () => {
  const WINDOWS = [
    [1, 1],
    [1, 2],
    [2, 1],
    [3, 3],
    [2, 5],
    [4, 4],
    [7, 9],
    [16, 16],
    [17, 20],
    [9, 1],
  ] as const;
  it.each(WINDOWS)("of %i x %i values", (h, w) => {
    for (const [width, height] of SIZES)
      for (const channels of [1, 2, 3, 4]) {
        const border = random.pick(BORDERS);
        for (const p of [photo(width, height, channels), white(photo(width, height, channels))]) {
          const want = oracle.boxBlur(p, [h, w], border);
          const wantFloats = oracle.boxBlur(floats(p), [h, w], border);
          for (const e of engines) {
            expectNearest(image.boxBlur(e, p, { size: [h, w], border }), want);
            expectFloats(image.boxBlur(e, p, { size: [h, w], border, float: true }), want, 255);
            expectFloats(image.boxBlur(e, floats(p), { size: [h, w], border }), wantFloats, 20);
          }
        }
      }
  });

  it("rounds a half up in small windows, as OpenCV does, and to even in those of more than 256 pixels", () => {
    const line = (...data: number[]): image.Image<Uint8Array> => ({
      data: Uint8Array.from(data),
      width: data.length,
      height: 1,
      channels: 1,
    });
    const mean = (p: image.Image, size: image.Pair): number[] =>
      Array.from(image.boxBlur(engine, p, { size, border: "replicate" }).data);
    expect(mean(line(0, 1, 1, 2), [1, 2])).toEqual([0, 1, 1, 2]);
    expect(mean(line(2, 3, 4), [1, 2])).toEqual([2, 3, 4]);
    expect(mean(line(255, 255, 0, 0), [1, 2])).toEqual([255, 255, 128, 0]);
    // 129 of 258 columns are 1 more.
    const wide = line(...Array.from({ length: 258 }, (_, i) => (i < 129 ? 5 : 4)));
    expect(mean(wide, [1, 258])[129]).toBe(4);
    expect(mean({ ...wide, data: wide.data.map((v) => v + 1) }, [1, 258])[129]).toBe(6);
  });

  it("sums more rows than 16 bits hold", () => {
    for (const channels of [1, 4]) {
      const p = white(photo(5, 300, channels));
      for (const size of [
        [257, 3],
        [258, 3],
        [299, 1],
        [600, 1],
      ] as const)
        for (const e of engines) {
          expect(image.boxBlur(e, p, { size }).data).toEqual(p.data);
        }
      const q = photo(5, 300, channels);
      const want = oracle.boxBlur(q, [259, 3], "reflect");
      for (const e of engines)
        expectNearest(image.boxBlur(e, q, { size: [259, 3], border: "reflect" }), want);
    }
  });

  it("makes strips and cuts that are the same bits", () => {
    for (const p of [photo(3, 700, 1), photo(2000, 40, 4)])
      for (const q of [p, floats(p)]) {
        const want = oracle.boxBlur(q, [5, 3], "reflect101");
        const all = engines.map((e) => image.boxBlur(e, q, { size: [5, 3], float: true }));
        expectFloats(all[0], want, 255);
        for (const { data } of all) expectSame(data, all[0].data);
      }
  });

  it.each([
    [{}, "size is missing"],
    [{ size: 0 }, "size is 0"],
    [{ size: 1.5 }, "size is 1.5"],
    [{ size: [3] }, "size is [3]"],
    [{ size: 1e7 }, "size is 10000000"],
    [{ size: 3, border: "valid" }, 'border is "valid"'],
  ])("refuses %o", (options, message) => {
    expect(() => image.boxBlur(engine, photo(3, 3, 1), options as never)).toThrow(ArgumentError);
    expect(() => image.boxBlur(engine, photo(3, 3, 1), options as never)).toThrow(`boxBlur: ${message}`);
  });
});

describe("unsharpMask", () => {
  it.each([
    { sigma: 1, amount: 1 },
    { sigma: 0.1, amount: 3 },
    { sigma: 2.4, amount: -0.5 },
    { sigma: 1.5, amount: 2, threshold: 20 },
  ])("%j", ({ sigma, amount, threshold = 0 }) => {
    for (const [width, height] of [...SIZES, [40, 90] as const])
      for (const channels of [1, 2, 3, 4]) {
        const p = photo(width, height, channels);
        const want = oracle.unsharpMask(p, sigma, amount, threshold);
        const options = { sigma, amount, threshold };
        for (const e of engines) {
          expectFloats(
            image.unsharpMask(e, p, { ...options, float: true }),
            want,
            255 * (Math.abs(amount) * 2 + 1),
          );
          expectNearest(image.unsharpMask(e, p, options), want);
        }
      }
  });

  it("has scikit-image's defaults", () => {
    const p = photo(9, 9, 3);
    const options = { sigma: 1, amount: 1, threshold: 0, border: "reflect" } as const;
    expect(image.unsharpMask(engine, p)).toEqual(image.unsharpMask(engine, p, options));
  });

  it.each([
    [{ sigma: 0 }, "sigma is 0"],
    [{ sigma: -1 }, "sigma is -1"],
    [{ sigma: 1e6 }, "sigma is 1000000"],
    [{ amount: Number.NaN }, "amount is NaN"],
    [{ amount: 1e308 }, "amount is 1e+308 but must be a finite number that float32 can hold"],
    [{ threshold: -1 }, "threshold is -1"],
    [{ radius: 1 }, 'there is no option "radius"'],
  ])("refuses %o", (options, message) => {
    expect(() => image.unsharpMask(engine, photo(3, 3, 1), options as never)).toThrow(
      `unsharpMask: ${message}`,
    );
  });
});
