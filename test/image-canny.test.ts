// Canny's edges against naive loops: sizes, apertures, norms, thresholds, kinds of images; its steps; thresholds from the image.
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { createEngine } from "../src/engine/create.ts";
import { ArgumentError, ShapeError } from "../src/errors.ts";
import { run, Scratch } from "../src/image/band.ts";
import { readImage } from "../src/image/image.ts";
import { type CannyOptions, canny, cannyStages, type ImageLike } from "../src/image/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, inPieces, threaded } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engine = await createEngine({ wasm: binary("checked") });
afterAll(() => engine.dispose());
afterEach(() => expect(engine.memory.live).toBe(0));

type Gray = { data: Uint8Array; width: number; height: number; channels: 1 };

const draw = new Random(7);
const KINDS: Readonly<Record<string, (x: number, y: number) => number>> = {
  noise: () => draw.below(256),
  "quiet noise": () => 100 + draw.below(12),
  steps: (x, y) => (x * 3 < y * 2 + 9 ? 30 : x > 9 ? 200 : 90),
  ramps: (x, y) => (x * 11 + y * 5 + draw.below(3)) % 256,
  checks: (x, y) => ((x >> 2) + (y >> 2)) % 2 && 255,
};

function picture(width: number, height: number, kind: string): Gray {
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    KINDS[kind](i % width, Math.floor(i / width)),
  );
  return { data, width, height, channels: 1 };
}

const SIZES = [
  [1, 1],
  [1, 20],
  [20, 1],
  [2, 2],
  [3, 3],
  [7, 9],
  [8, 8],
  [15, 16],
  [16, 15],
  [17, 17],
  [33, 24],
];
const SETTINGS: readonly Required<Pick<CannyOptions, "low" | "high" | "aperture" | "l2">>[] = [
  { low: 50, high: 150, aperture: 3, l2: false },
  { low: 0, high: 80.9, aperture: 3, l2: false },
  { low: 100.5, high: 200.25, aperture: 3, l2: true },
  { low: 300, high: 20, aperture: 3, l2: true },
  { low: 1000, high: 1e9, aperture: 3, l2: true },
  { low: 300, high: 900, aperture: 5, l2: false },
  { low: 400, high: 900.7, aperture: 5, l2: true },
  { low: 3000.5, high: 8000, aperture: 7, l2: false },
  { low: 2000, high: 9000, aperture: 7, l2: true },
];

const wanted = (x: oracle.Picture, { low, high, aperture, l2 }: (typeof SETTINGS)[number]): number[] =>
  Array.from(oracle.canny(x, low, high, aperture, l2).data);

describe.each(BUILDS)("%s", (build) => {
  it.each(SETTINGS)("gives the bytes of naive loops: %o", async (options) => {
    using own = await createEngine({ wasm: binary(build) });
    let edges = 0;
    for (const [width, height] of SIZES)
      for (const kind of Object.keys(KINDS)) {
        const x = picture(width, height, kind);
        const made = Array.from(canny(own, x, options).data);
        expect(made, `${kind}, ${width} x ${height}`).toEqual(wanted(x, options));
        edges += made.filter((v) => v === 255).length;
      }
    if (options.high < 1e9) expect(edges).toBeGreaterThan(20);
  });
});

describe("strips, threads and cuts", () => {
  const tall = picture(40, 700, "quiet noise");
  const wide = picture(3000, 40, "ramps");
  it.each([SETTINGS[1], SETTINGS[2], SETTINGS[5], SETTINGS[8]])("make no difference: %o", async (given) => {
    const options = { ...given, low: given.low / 8, high: given.high / 8 };
    const two = new BaseEngine(await threaded("simd", 2));
    const executor = { threads: 1, run: inPieces, dispose() {} };
    const cut = new BaseEngine(new Runtime(await load(binary("checked")), { executor }));
    for (const x of [tall, wide]) {
      const expected = wanted(x, options);
      expect(expected).toContain(255);
      for (const one of [engine, two, cut]) {
        const made = canny(one, x, options).data;
        expect(made.findIndex((v, i) => v !== expected[i])).toBe(-1);
      }
    }
    two.dispose();
    cut.dispose();
  });

  it("neither does a stack that is too small for all that waits", () => {
    const [n, h] = [70, 60];
    const marks = Uint8Array.from({ length: n * h }, () => draw.pick([0, 1, 1, 1]));
    marks[35] = marks[n * h - 1] = 2;
    const source = readImage(engine, picture(n, h, "noise"), "test");
    const traced = [1, 2, 50, n * h].map((capacity) => {
      const scratch = new Scratch(source);
      const pitch = 192;
      const map = scratch.allocate((h + 3) * pitch) + pitch + 64;
      const stack = scratch.allocate(capacity * 4);
      scratch.bytes.fill(0, map - pitch - 64, map + (h + 2) * pitch - 64);
      for (let y = 0; y < h; y++) scratch.bytes.set(marks.subarray(y * n, (y + 1) * n), map + y * pitch);
      run(source.runtime, "image_canny_trace", 1, map, stack, pitch, capacity, n, h);
      const made = Array.from(
        { length: n * h },
        (_, i) => scratch.bytes[map + Math.floor(i / n) * pitch + (i % n)],
      );
      scratch.free();
      return made;
    });
    for (const made of traced) expect(made).toEqual(traced[3]);
    expect(traced[0].filter((v) => v === 2).length).toBeGreaterThan(1000);
  });
});

describe("smoothing", () => {
  it.each([
    { size: 5, sigma: 1.4 },
    { size: 3 },
    { size: 9, sigma: 0.7 },
    { size: 1, sigma: 2 },
    { sigma: 2 },
    { size: 31, sigma: 6 },
  ])("is OpenCV's blur of bytes: %o", (blur) => {
    const options = { low: 20, high: 60, aperture: 3, l2: true } as const;
    for (const [width, height] of [...SIZES, [30, 300]])
      for (const kind of ["noise", "steps"]) {
        const x = picture(width, height, kind);
        const { size, sigma = 0 } = { size: 13, ...blur };
        const smooth = oracle.gaussianBlurBytes(x, size, sigma, "reflect101");
        const stages = cannyStages(engine, x, { ...options, ...blur });
        expect(Array.from(stages.smoothed.data)).toEqual(Array.from(smooth.data));
        const made = Array.from(canny(engine, x, { ...options, ...blur }).data);
        expect(made).toEqual(wanted(smooth, options));
      }
  });
});

describe("kinds of images", () => {
  const options = { low: 60, high: 150, aperture: 3, l2: false } as const;
  const random = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => draw.below(256));

  it.each([1, 2, 3, 4])("of %i channels are made gray, without alpha", (channels) => {
    const x = { data: random(20 * 15 * channels), width: 20, height: 15, channels };
    const made = canny(engine, x, options);
    expect(made).toMatchObject({ width: 20, height: 15, channels: 1 });
    expect(made.data).toBeInstanceOf(Uint8Array);
    expect(Array.from(made.data)).toEqual(wanted(oracle.grayBytes(x), options));
  });

  it("of floats are rounded to bytes, and give floats", () => {
    const bytes = picture(20, 15, "noise");
    const data = Float32Array.from(bytes.data, (v) =>
      v === 255 ? 300 : v === 0 ? -9 : v + draw.pick([0.4, -0.4]),
    );
    const made = canny(engine, { ...bytes, data }, options);
    expect(made.data).toBeInstanceOf(Float32Array);
    expect(Array.from(made.data)).toEqual(wanted(bytes, options));
    using x = engine.tensor(data, [15, 20, 1]);
    using y = canny(engine, x, options);
    expect(y.shape).toEqual([15, 20, 1]);
    expect(Array.from(y.data())).toEqual(wanted(bytes, options));
    using rgb = engine.tensor(random(20 * 15 * 3), [15, 20, 3]);
    using edges = canny(engine, rgb, options);
    expect(edges.shape).toEqual([15, 20, 1]);
  });

  it("may be tensors that move, because memory grows", async () => {
    for (const channels of [1, 3]) {
      using own = await createEngine({ wasm: binary("simd") });
      const x = { data: random(300 * 300 * channels), width: 300, height: 300, channels };
      using t = own.tensor(x.data, [300, 300, channels]);
      const before = own.memory.capacity;
      using edges = canny(own, t, { ...options, l2: true });
      expect(own.memory.capacity).toBeGreaterThan(before);
      const wantedFloats = canny(engine, { ...x, data: Float32Array.from(x.data) }, { ...options, l2: true });
      expect(edges.data().findIndex((v, i) => v !== wantedFloats.data[i])).toBe(-1);
      expect(edges.data()).toContain(255);
    }
  });

  it("of 16 bits are read as bytes", () => {
    const x = picture(20, 15, "noise");
    const made = canny(engine, { ...x, data: Uint16Array.from(x.data, (v) => v * 257) }, options);
    expect(Array.from(made.data)).toEqual(wanted(x, options));
  });

  it("that are an ImageData give one", () => {
    class ImageData {
      readonly data: Uint8ClampedArray;
      constructor(
        readonly width: number,
        readonly height: number,
      ) {
        this.data = new Uint8ClampedArray(4 * width * height);
      }
    }
    vi.stubGlobal("ImageData", ImageData);
    try {
      const x = new ImageData(20, 15);
      x.data.set(random(4 * 20 * 15));
      const made = canny(engine, x, options);
      expect(made).toBeInstanceOf(ImageData);
      const rgba = wanted(oracle.grayBytes({ ...x, data: x.data, channels: 4 }), options).flatMap((v) => [
        v,
        v,
        v,
        255,
      ]);
      expect(Array.from(made.data)).toEqual(rgba);
      expect(cannyStages(engine, x, options).edges.channels).toBe(1);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("write into `out`", () => {
    const x = picture(20, 15, "noise");
    const out = { data: new Uint8Array(300).fill(9), width: 20, height: 15 };
    expect(canny(engine, x, { ...options, out })).toBe(out);
    expect(Array.from(out.data)).toEqual(wanted(x, options));
    expect(() => canny(engine, x, { out: { data: new Uint8Array(299), width: 23, height: 13 } })).toThrow(
      ShapeError,
    );
    expect(() => canny(engine, x, { out: x })).toThrow("canny: out shares memory");
  });
});

describe("automatic thresholds", () => {
  /** Otsu's threshold by trying all. */
  function otsu(magnitudes: readonly number[]): number {
    let [best, threshold] = [0, 0];
    for (let t = 0; t <= Math.max(...magnitudes); t++) {
      const [a, b] = [magnitudes.filter((m) => m <= t), magnitudes.filter((m) => m > t)];
      const mean = (list: number[]): number => list.reduce((x, y) => x + y, 0) / list.length;
      const variance = a.length && b.length && a.length * b.length * (mean(a) - mean(b)) ** 2;
      if (variance > best * (1 + 1e-12)) [best, threshold] = [variance, t];
    }
    return threshold;
  }

  it.each([
    { aperture: 3, l2: false },
    { aperture: 3, l2: true },
    { aperture: 5, l2: false },
    { aperture: 7, l2: true },
  ] as const)("are Otsu's of the magnitudes, and half of it: %o", (options) => {
    for (const kind of ["steps", "quiet noise", "checks"]) {
      const x = picture(23, 19, kind);
      const stages = cannyStages(engine, x, options);
      const unit = options.aperture === 7 ? 16 : 1;
      const whole = Array.from(stages.magnitude.data, (m) => Math.floor(m / unit));
      expect(stages.high).toBe(otsu(whole) * unit);
      expect(stages.low).toBe(stages.high / 2);
      const { low, high } = stages;
      expect(canny(engine, x, options).data).toEqual(canny(engine, x, { ...options, low, high }).data);
      expect(Array.from(stages.edges.data)).toContain(255);
    }
  });

  it("find the contour of what is brighter than noise", () => {
    const x = picture(60, 60, "quiet noise");
    for (let y = 20; y < 40; y++) x.data.fill(200, y * 60 + 20, y * 60 + 40);
    const { data } = canny(engine, x);
    const inside = (i: number): boolean => [i % 60, Math.floor(i / 60)].every((v) => v >= 18 && v <= 41);
    expect(data.every((v, i) => v === 0 || inside(i))).toBe(true);
    expect(data.filter((v) => v === 255).length).toBeGreaterThan(60);
  });

  it("are half and double where one is given", () => {
    const x = picture(30, 30, "noise");
    expect(cannyStages(engine, x, { low: 40 })).toMatchObject({ low: 40, high: 80 });
    expect(cannyStages(engine, x, { high: 90 })).toMatchObject({ low: 45, high: 90 });
    expect(cannyStages(engine, x, { low: 0, high: 0 })).toMatchObject({ low: 0, high: 0 });
  });

  it("find nothing where nothing changes", () => {
    const flat = { data: new Uint8Array(100).fill(77), width: 10, height: 10 };
    expect(cannyStages(engine, flat)).toMatchObject({ low: 0, high: 0 });
    expect(canny(engine, flat).data.every((v) => v === 0)).toBe(true);
    expect(Array.from(canny(engine, { data: new Uint8Array([3]), width: 1, height: 1 }).data)).toEqual([0]);
  });
});

describe("stages", () => {
  it.each(SETTINGS)("follow from one another: %o", (options) => {
    for (const [width, height] of [...SIZES, [21, 300]])
      for (const kind of ["noise", "steps", "ramps"]) {
        const x = picture(width, height, kind);
        const made = cannyStages(engine, x, options);
        expect(Array.from(made.edges.data)).toEqual(wanted(x, options));
        expect([made.low, made.high]).toEqual([options.low, options.high]);
        const kernel = (dx: number, dy: number) => oracle.sobelKernel(dx, dy, options.aperture);
        const unit = options.aperture === 7 ? 16 : 1;
        const derive = (dx: number, dy: number) =>
          oracle
            .filter2d(x, kernel(dx, dy), { border: "replicate", scale: 1 / unit })
            .data.map((v) => oracle.nearest(v) * unit);
        const [dx, dy] = [derive(1, 0), derive(0, 1)];
        expect(Array.from(made.dx.data, Math.abs)).toEqual(Array.from(dx, Math.abs));
        expect(Array.from(made.dy.data, Math.abs)).toEqual(Array.from(dy, Math.abs));
        const [low, high] = [options.low, options.high].sort((a, b) => a - b);
        const wrong = Array.from(dx, (_, i) => {
          const m = options.l2 ? Math.hypot(dx[i], dy[i]) : Math.abs(dx[i]) + Math.abs(dy[i]);
          if (Math.abs(made.magnitude.data[i] - m) > 0.01) return `magnitude, not ${m}`;
          const angle = (Math.atan2(dy[i], dx[i]) * 180) / Math.PI + 360;
          const turned = Math.abs(((angle - made.direction.data[i] + 90) % 180) - 90);
          if (m && turned > 22.6) return `direction of ${angle}`;
          const thinned = made.thinned.data[i];
          if (thinned !== 0 && thinned !== made.magnitude.data[i]) return "thinned";
          const mark = made.thresholds.data[i];
          const least = mark === 255 ? high : low;
          if (mark ? thinned < Math.floor(least) : thinned > low) return `threshold ${mark} of ${thinned}`;
          return made.edges.data[i] && !mark ? "edge" : undefined;
        });
        expect(
          wrong.findIndex((what) => what !== undefined),
          wrong.join(""),
        ).toBe(-1);
        const traced = made.thresholds.data.map((mark, i) => (mark === 255 ? made.edges.data[i] : 255));
        expect(traced.every((v) => v === 255)).toBe(true);
      }
  });

  it("name directions as they lie in the picture", () => {
    const of = (slope: (x: number, y: number) => number): number => {
      const data = Uint8Array.from(
        { length: 81 },
        (_, i) => 100 + slope((i % 9) - 4, Math.floor(i / 9) - 4) * 5,
      );
      return cannyStages(engine, { data, width: 9, height: 9 }, { low: 1, high: 2 }).direction.data[40];
    };
    expect([of((x) => x), of((x) => -x)]).toEqual([0, 0]);
    expect([of((x, y) => x + y), of((x, y) => -x - y)]).toEqual([45, 45]);
    expect([of((_, y) => y), of((_, y) => -y)]).toEqual([90, 90]);
    expect([of((x, y) => x - y), of((x, y) => y - x)]).toEqual([135, 135]);
  });

  it("are plain images of one channel, and of the engine's memory nothing is kept", () => {
    using x = engine.tensor(new Float32Array(12 * 10 * 3), [12, 10, 3]);
    const { low: _, high: __, ...images } = cannyStages(engine, x);
    for (const made of Object.values(images))
      expect(made).toMatchObject({ width: 10, height: 12, channels: 1 });
  });
});

describe("what is wrong is said", () => {
  const x = picture(4, 4, "noise");
  it.each<[object, string]>([
    [{ low: -1 }, "low is -1 but must be a number of at least 0"],
    [{ high: Number.NaN }, "high is NaN"],
    [{ high: Infinity }, "high is Infinity"],
    [{ low: "10" }, 'low is "10"'],
    [{ low: 3n }, "low is 3n"],
    [{ aperture: 4 }, "aperture is 4 but must be 3, 5 or 7"],
    [{ aperture: 1 }, "aperture is 1"],
    [{ aperture: "3" }, 'aperture is "3"'],
    [{ sigma: 0 }, "sigma is 0 but must be a number above 0"],
    [{ sigma: 1e6 }, "sigma is 1000000 but must be at most"],
    [{ size: 4 }, "size is 4 but must be an odd integer from 1 to"],
    [{ size: [3, 3] }, "size is [3,3]"],
    [{ l2: 1 }, "l2 is 1 but must be true or false"],
    [{ border: "zeros" }, 'there is no option "border"'],
    [{ float: true }, 'there is no option "float"'],
  ])("%o", (options, message) => {
    for (const [name, call] of Object.entries({ canny, cannyStages })) {
      expect(() => call(engine, x, options as never)).toThrow(ArgumentError);
      expect(() => call(engine, x, options as never)).toThrow(`${name}: ${message}`);
    }
  });

  it("images and options that are none", () => {
    for (const image of [
      null,
      "photo.png",
      { data: x.data, width: 4, height: 5 },
      { data: [1], width: 1, height: 1 },
    ])
      expect(() => canny(engine, image as ImageLike)).toThrow("canny: image");
    expect(() => canny(engine, x, null as never)).toThrow("canny: options");
    expect(() => cannyStages(engine, x, { out: x } as never)).toThrow('there is no option "out"');
    expect(() => canny({} as never, x)).toThrow("canny: the engine is");
  });
});
