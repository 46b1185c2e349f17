// filter2d and separableFilter against naive loops: sizes at every edge, channels, borders, strides; which sums are exact; bad calls.
import { describe, expect, it } from "vitest";
import { createEngine } from "../src/engine/create.ts";
import { ArgumentError, ShapeError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { binary, imageEngines } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engines = await imageEngines();
const [engine] = engines;

const random = new Random(11);
const photo = (width: number, height: number, channels: number): image.Image<Uint8Array> => ({
  ...{ width, height, channels },
  data: Uint8Array.from({ length: width * height * channels }, () =>
    random.chance(0.2) ? random.pick([0, 255]) : random.below(256),
  ),
});
const floats = (p: image.Image): image.Image<Float32Array> => ({
  ...p,
  data: Float32Array.from(p.data, (v) => v / 7 - 18),
});
const whole = (h: number, w: number, most: number): number[][] =>
  Array.from({ length: h }, () => Array.from({ length: w }, () => random.below(2 * most + 1) - most));
const outer = (a: readonly number[], b: readonly number[]): number[][] => a.map((v) => b.map((w) => v * w));

const clamped = (v: number): number => Math.min(255, Math.max(0, v));
/** To the nearest, ties to even. */
const rounded = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));

/** Bytes are the exact sums, rounded. */
function expectBytes(made: image.Image, want: oracle.Made): void {
  expect([made.width, made.height, made.channels]).toEqual([want.width, want.height, want.channels]);
  const bytes = Uint8Array.from(want.data, (v) => clamped(rounded(v)));
  if (Buffer.compare(made.data as Uint8Array, bytes)) expect(made.data).toEqual(bytes);
}

function expectFloats(made: image.Image, want: oracle.Made, largest: number): void {
  expect([made.width, made.height, made.channels]).toEqual([want.width, want.height, want.channels]);
  expect(made.data).toBeInstanceOf(Float32Array);
  const worst = want.data.reduce((most, v, i) => Math.max(most, Math.abs(v - made.data[i])), 0);
  expect(worst).toBeLessThanOrEqual(1e-5 * largest);
}

const gain = (kernel: oracle.Rows): number => kernel.flat().reduce((sum, w) => sum + Math.abs(w), 0);

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

const KERNELS: Readonly<Record<string, number[][]>> = {
  "integers of 16 bits": whole(3, 3, 9),
  "integers of rank one": outer([1, -2, 3, 1, 0, 2], [2, 0, -1, 4, 1]),
  "integers of rank one with large sums": outer([9, -7, 30, 11, 2], [50, 3, -60, 44, 21]),
  "integers that need floats": whole(4, 3, 5000),
  sixteenths: whole(3, 2, 40).map((row) => row.map((v) => v / 16)),
  "a binomial of 256ths": outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).map((row) => row.map((v) => v / 256)),
  "one weight beside the centre": [[0, 0, 0, 3]],
  nothing: [[0, 0, 0]],
};

describe.each(Object.entries(KERNELS))("bytes by %s", (_, kernel) => {
  it.each(SIZES)("of %i x %i pixels", (width, height) => {
    for (const channels of [1, 2, 3, 4])
      for (const border of BORDERS) {
        const p = photo(width, height, channels);
        const want = oracle.filter2d(p, kernel, { border });
        for (const e of engines) expectBytes(image.filter2d(e, p, kernel, { border }), want);
      }
  });
});

describe("floats", () => {
  const kernels = {
    fractions: whole(3, 4, 900).map((row) => row.map((v) => v / 777)),
    lines: outer([0.1, 0.7, -0.3, 0.2, 0.4, 0.1], [0.3, 0.1, 0.9, 0.6, -1.2, 0.7]),
  };
  it.each(Object.entries(kernels))("by %s", (_, kernel) => {
    for (const [width, height] of SIZES)
      for (const channels of [1, 2, 3, 4])
        for (const border of BORDERS) {
          const p = photo(width, height, channels);
          const f = floats(p);
          const want = oracle.filter2d(p, kernel, { border });
          const wantFloats = oracle.filter2d(f, kernel, { border });
          for (const e of engines) {
            expectFloats(image.filter2d(e, p, kernel, { border, float: true }), want, 255 * gain(kernel));
            expectFloats(image.filter2d(e, f, kernel, { border }), wantFloats, 20 * gain(kernel));
          }
        }
  });

  it("make bytes that are the nearest, ties aside", () => {
    for (const kernel of Object.values(kernels))
      for (const channels of [1, 2, 3, 4]) {
        const p = photo(19, 8, channels);
        const want = oracle.filter2d(p, kernel);
        for (const e of engines)
          image.filter2d(e, p, kernel).data.forEach((v, i) => {
            expect(Math.abs(v - clamped(want.data[i]))).toBeLessThan(0.5001);
          });
      }
  });

  it("make bytes of the full-size triples of three columns", () => {
    for (const rows of [1, 2, 3, 5]) {
      const kernel = whole(rows, 3, 500).map((row) => row.map((v) => v / 777));
      const p = photo(21, 9, 4);
      const want = oracle.filter2d(p, kernel);
      for (const e of engines)
        image.filter2d(e, p, kernel).data.forEach((v, i) => {
          expect(Math.abs(v - clamped(want.data[i]))).toBeLessThan(0.5001);
        });
    }
  });
});

describe("options", () => {
  const OPTIONS = [
    { stride: [1, 2] as const },
    { stride: [3, 1] as const },
    { stride: [2, 3] as const, dilation: [1, 2] as const },
    { dilation: [3, 2] as const, border: "zeros" as const },
    { bias: 30, scale: 2 },
    { bias: -0.5, scale: 0.25 },
    { border: "valid" as const },
    { border: "valid" as const, stride: [2, 2] as const, dilation: [2, 1] as const },
  ];
  const kernels = {
    direct: whole(3, 3, 4),
    even: whole(2, 4, 4),
    separable: outer([1, 2, 0, 2, 1], [1, 4, 6, 4, 1]),
  };
  it.each(Object.entries(kernels))("%s", (_, kernel) => {
    for (const options of OPTIONS)
      for (const channels of [1, 2, 3, 4]) {
        const p = photo(23, 17, channels);
        const want = oracle.filter2d(p, kernel, options);
        for (const e of engines) {
          expectBytes(image.filter2d(e, p, kernel, options), want);
          const most = 255 * gain(kernel) * 2 + 30;
          expectFloats(image.filter2d(e, p, kernel, { ...options, float: true }), want, most);
        }
      }
  });

  it("one number for both axes", () => {
    const p = photo(20, 20, 1);
    const kernel = whole(3, 3, 4);
    expect(image.filter2d(engine, p, kernel, { stride: 2, dilation: 3 })).toEqual(
      image.filter2d(engine, p, kernel, { stride: [2, 2], dilation: [3, 3] }),
    );
  });

  it("kernels larger than the image", () => {
    const kernel = whole(23, 31, 1);
    for (const border of BORDERS) {
      const p = photo(4, 3, 3);
      for (const e of engines)
        expectBytes(image.filter2d(e, p, kernel, { border }), oracle.filter2d(p, kernel, { border }));
    }
  });

  it("bytes saturate, and ties go to the even neighbour", () => {
    const p = { data: Uint8Array.of(1, 3, 5, 255, 0), width: 5, height: 1 };
    expect(Array.from(image.filter2d(engine, p, [[0.5]]).data)).toEqual([0, 2, 2, 128, 0]);
    expect(Array.from(image.filter2d(engine, p, [[-1]], { bias: 4 }).data)).toEqual([3, 1, 0, 0, 4]);
    expect(Array.from(image.filter2d(engine, p, [[3]]).data)).toEqual([3, 9, 15, 255, 0]);
    expect(Array.from(image.filter2d(engine, p, [[3e30]]).data)).toEqual([255, 255, 255, 255, 0]);
  });
});

describe("strips", () => {
  it.each([
    [3, 700, 1],
    [3000, 41, 4],
    [5000, 9, 3],
  ])("of %i x %i pixels, %i channels", (width, height, channels) => {
    const p = photo(width, height, channels);
    for (const kernel of [
      whole(3, 3, 5),
      outer([1, 2, 3, 2, 1], [1, 4, 6, 4, 1]),
      [[0.3], [0.1], [-0.7], [0.9]],
    ]) {
      const options = { border: "reflect" as const, stride: [2, 1] as const };
      const want = oracle.filter2d(p, kernel, options);
      for (const e of [engine, engines.at(-1)!])
        image.filter2d(e, p, kernel, options).data.forEach((v, i) => {
          if (!(Math.abs(v - clamped(want.data[i])) < 0.5001)) expect(v).toBe(want.data[i]);
        });
    }
  });

  it("threads make the same bits", () => {
    const p = photo(300, 200, 4);
    const kernel = [[0.3, 0.1, 0.77]];
    const one = image.filter2d(engines[0], p, kernel, { float: true });
    expect(image.filter2d(engines.at(-1)!, p, kernel, { float: true })).toEqual(one);
  });
});

describe("lists of kernels", () => {
  const p = photo(20, 30, 4);
  const kernels = [whole(3, 3, 3), whole(5, 1, 3), [[0.25, 0.123]], outer([1, 2, 3, 2, 1], [1, 4, 6, 4, 1])];

  it.each(["reflect101", "valid"] as const)("give an image each, border %s", (border) => {
    for (const e of engines) {
      const all = image.filter2d(e, p, kernels, { border, stride: [2, 1] });
      expect(all).toEqual(kernels.map((kernel) => image.filter2d(e, p, kernel, { border, stride: [2, 1] })));
    }
  });

  it("write into a list of images", () => {
    const out = kernels.map(() => ({
      data: new Uint8Array(p.data.length),
      width: 20,
      height: 30,
      channels: 4,
    }));
    const all = image.filter2d(engine, p, kernels, { out });
    expect(all.map((one, i) => one === out[i])).toEqual([true, true, true, true]);
    expect(all.map(({ data }) => data)).toEqual(image.filter2d(engine, p, kernels).map(({ data }) => data));
    expect(() => image.filter2d(engine, p, kernels, { out: out.slice(1) })).toThrow(
      new ShapeError("filter2d: out has 3 images but there are 4 kernels"),
    );
    expect(() => image.filter2d(engine, p, kernels, { out: kernels.map(() => out[0]) })).toThrow(
      "filter2d: out has the same image twice",
    );
  });

  it("of tensors are tensors", async () => {
    const full = await createEngine({ wasm: binary("checked") });
    const x = full.tensor(Float32Array.from(p.data), [30, 20, 4]);
    const made = image.filter2d(full, x, kernels);
    made.forEach((y, i) => {
      expect(y.shape).toEqual([30, 20, 4]);
      expectFloats(
        { data: y.data() as Float32Array, width: 20, height: 30, channels: 4 },
        oracle.filter2d(p, kernels[i]),
        255 * gain(kernels[i]),
      );
      y.dispose();
    });
    x.dispose();
    expect(full.memory.live).toBe(0);
    full.dispose();
  });
});

describe("separableFilter", () => {
  const LINES = [
    [
      [1, 2, 1],
      [-1, 0, 1],
    ],
    [
      [0.25, 0.5, 0.25],
      [0.125, 0.75, 0.125],
    ],
    [
      [0.3, 0.5, 0.1, 0.1],
      [1, -0.7],
    ],
    [[1], [2, 3, 4, 5, 6, 7, 8]],
    [
      [100, 200, 300],
      [1, 50, -100, 7],
    ],
    [
      [4096, 30000],
      [3, 3],
    ],
  ] as const;
  it.each(LINES)("of %j and %j", (x, y) => {
    const kernel = outer(y, x);
    for (const [width, height] of SIZES)
      for (const channels of [1, 2, 3, 4])
        for (const border of [...BORDERS, "valid" as const]) {
          if (border === "valid" && (width < x.length || height < y.length)) continue;
          const p = photo(width, height, channels);
          const options = { border, bias: 3, scale: 0.5 };
          const want = oracle.filter2d(p, kernel, options);
          const most = 255 * gain(kernel) + 3;
          for (const e of engines) {
            expectFloats(
              image.separableFilter(e, p, [...x], [...y], { ...options, float: true }),
              want,
              most,
            );
            image.separableFilter(e, p, [...x], [...y], options).data.forEach((v, i) => {
              if (!(Math.abs(v - clamped(want.data[i])) < 0.5001)) expect(v).toBe(want.data[i]);
            });
          }
        }
  });

  it("is what filter2d makes of the product, in bytes of whole numbers", () => {
    const p = photo(40, 30, 3);
    const [x, y] = [
      [1, 2, 0, -2, -1],
      [1, 4, 6, 4, 1],
    ];
    for (const e of engines)
      expect(image.separableFilter(e, p, x, y)).toEqual(image.filter2d(e, p, outer(y, x)));
  });
});

describe("refuses", () => {
  const p = photo(4, 4, 1);
  const at =
    (kernel: unknown, options: object = {}) =>
    () =>
      image.filter2d(engine, p, kernel as never, options as never);
  it.each([
    [null],
    [undefined],
    ["sobel"],
    [3],
    [5n],
    [[]],
    [[[]]],
    [{}],
    [{ length: 1, 0: [1] }],
    [[1, 2, 3]],
    [[[1, Number.NaN]]],
    [[[1, Infinity]]],
    [[["1"]]],
    [[[1n]]],
    [new Array(3)],
    [[[1], null]],
    [[[[1]], [[Number.NaN]]]],
    [[[[1]], 7]],
  ])("the kernel %s", (kernel) => {
    expect(at(kernel)).toThrow(/^filter2d: kernel/);
  });

  it("rows of several lengths", () => {
    expect(at([[1, 2], [3]])).toThrow(
      new ShapeError(
        "filter2d: kernel[1] has 1 weights but kernel[0] has 2: rows must be as long as one another",
      ),
    );
  });

  it("a kernel that does not fit into the image with border valid", () => {
    expect(
      at(
        [
          [1, 1, 1],
          [1, 1, 1],
        ],
        { border: "valid", dilation: 2 },
      ),
    ).toThrow(ShapeError);
    expect(
      at(
        [
          [1, 1, 1],
          [1, 1, 1],
        ],
        { border: "valid", dilation: 2 },
      ),
    ).toThrow("3 x 5 values");
  });

  it("weights that no float32 holds, and windows that are too large", () => {
    expect(at([[1e308]])).toThrow(ArgumentError);
    expect(at([[1e30]], { scale: 1e30 })).toThrow("finite float32");
    expect(at([[1, 1, 1]], { dilation: 600 })).toThrow("1201 pixels");
  });

  it.each([
    ["border", "mirror"],
    ["border", null],
    ["stride", 0],
    ["stride", [1]],
    ["stride", [1, 2, 3]],
    ["stride", [1, 0.5]],
    ["stride", "2"],
    ["dilation", -1],
    ["dilation", [1, Number.NaN]],
    ["bias", Number.NaN],
    ["bias", "1"],
    ["scale", Infinity],
    ["float", 1],
    ["size", 3],
  ])("the option %s: %j", (name, value) => {
    expect(at([[1]], { [name]: value })).toThrow(ArgumentError);
    expect(at([[1]], { [name]: value })).toThrow(name);
  });

  it("bad lines of separableFilter", () => {
    const of = (x: unknown, y: unknown) => () => image.separableFilter(engine, p, x as never, y as never);
    expect(of([1], null)).toThrow("separableFilter: kernelY is null");
    expect(of([], [1])).toThrow("separableFilter: kernelX has 0 weights");
    expect(of([Number.NaN], [1])).toThrow("separableFilter: kernelX[0] is NaN");
    expect(of([[1]], [1])).toThrow("separableFilter: kernelX[0] is [1]");
  });

  it("leaves what it was given alone", () => {
    const kernel = [Object.freeze([1, 2]), Object.freeze([3, 4])];
    const options = Object.freeze({ stride: Object.freeze([1, 1]) as never });
    expect(at(Object.freeze(kernel), options)).not.toThrow();
  });
});
