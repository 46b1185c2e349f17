// Derivatives against naive correlation: sizes, orders, borders, channels, bytes and floats; the gradient against Math.
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { createEngine } from "../src/engine/create.ts";
import { ArgumentError, ShapeError } from "../src/errors.ts";
import { gradient, laplacian, type PixelImage, scharr, sobel } from "../src/image/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, inPieces, threaded } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engine = await createEngine({ wasm: binary("checked") });
afterAll(() => engine.dispose());
afterEach(() => expect(engine.memory.live).toBe(0));

const draw = new Random(5);

interface Drawn extends PixelImage {
  readonly channels: number;
}

function picture(
  width: number,
  height: number,
  channels: number,
  Kind: typeof Uint8Array | typeof Float32Array,
): Drawn {
  const data = new Kind(width * height * channels).map(() => draw.below(256));
  return { data, width, height, channels };
}

const SIZES = [
  [1, 1],
  [1, 19],
  [19, 1],
  [2, 3],
  [15, 6],
  [16, 16],
  [17, 5],
  [33, 20],
];
const BORDERS = ["reflect101", "reflect", "replicate", "zeros", "valid"] as const;

/** Floats to 1e-5 of the largest, bytes exactly. Sums of integers and halves are exact in between. */
function same(made: PixelImage, wanted: oracle.Made, what: string): void {
  const { data, width, height, channels } = made;
  expect([width, height, channels]).toEqual([wanted.width, wanted.height, wanted.channels]);
  const floats = data instanceof Float32Array;
  const want = floats ? wanted.data : oracle.bytes(wanted).data;
  const largest = want.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
  const allowed = floats ? 1e-6 * largest : 0;
  const at = want.findIndex((v, i) => !(Math.abs(data[i] - v) <= allowed));
  if (at >= 0) throw new Error(`${what}: value ${at} is ${data[at]}, not ${want[at]}`);
}

type Options = Readonly<Record<string, unknown>>;
type Op = (engine: BaseEngine, image: PixelImage, options: never) => unknown;
const CASES: readonly (readonly [string, Op, Options, number[][]])[] = [
  ...[
    [1, 0, 3],
    [0, 1, 3],
    [2, 0, 3],
    [1, 1, 3],
    [2, 2, 3],
    [1, 0, 1],
    [0, 2, 1],
    [1, 1, 1],
    [0, 1, 5],
    [3, 1, 5],
    [1, 0, 7],
    [0, 6, 7],
    [1, 0, 9],
  ].map(([dx, dy, size]) => ["sobel", sobel, { dx, dy, size }, oracle.sobelKernel(dx, dy, size)] as const),
  ["scharr", scharr, { dx: 1, dy: 0 }, oracle.scharrKernel(1)],
  ["scharr", scharr, { dx: 0, dy: 1 }, oracle.scharrKernel(0)],
  ...[1, 3, 5, 7].map((size) => ["laplacian", laplacian, { size }, oracle.laplacianKernel(size)] as const),
];

describe.each(BUILDS)("%s", (build) => {
  it.each(CASES)("%s is correlation with its kernel: %o %o", async (name, op, options, kernel) => {
    using own = await createEngine({ wasm: binary(build) });
    for (const [width, height] of SIZES)
      for (const channels of [1, 2, 3, 4])
        for (const Kind of [Uint8Array, Float32Array]) {
          const x = picture(width, height, channels, Kind);
          const border = draw.pick(BORDERS);
          const terms = draw.pick([{}, { scale: 0.5, bias: 128 }, { scale: -2, bias: 10 }, { bias: -3 }]);
          const all = { ...options, ...terms, border, float: draw.chance(0.5) };
          const what = `${name} of ${width} x ${height} x ${channels} ${Kind.name}, ${JSON.stringify(all)}`;
          if (border === "valid" && (kernel.length > height || kernel[0].length > width)) {
            expect(() => op(own, x, all as never)).toThrow(ShapeError);
            continue;
          }
          const made = op(own, x, all as never) as PixelImage;
          expect(made.data.constructor).toBe(all.float ? Float32Array : Kind);
          same(made, oracle.filter2d(x, kernel, { border, ...terms }), what);
        }
    expect(own.memory.live).toBe(0);
  });
});

describe("sobel", () => {
  it("derives once to the right unless it is told otherwise, and scharr too", () => {
    const x = picture(9, 8, 1, Uint8Array);
    expect(sobel(engine, x)).toEqual(sobel(engine, x, { dx: 1, dy: 0, size: 3, border: "reflect101" }));
    expect(sobel(engine, x, { dy: 1 })).toEqual(sobel(engine, x, { dx: 0, dy: 1 }));
    expect(scharr(engine, x)).toEqual(scharr(engine, x, { dx: 1, dy: 0 }));
    expect(scharr(engine, x, { dy: 1 })).toEqual(scharr(engine, x, { dx: 0, dy: 1 }));
    expect(laplacian(engine, x)).toEqual(laplacian(engine, x, { size: 1 }));
  });

  it("makes the same of strips, with threads and cut", async () => {
    const two = new BaseEngine(await threaded("simd", 2));
    const executor = { threads: 1, run: inPieces, dispose() {} };
    const cut = new BaseEngine(new Runtime(await load(binary("checked")), { executor }));
    for (const [width, height, channels] of [
      [20, 900, 3],
      [3000, 60, 1],
    ]) {
      const x = picture(width, height, channels, Uint8Array);
      const expected = oracle.filter2d(x, oracle.sobelKernel(1, 0, 3)).data;
      for (const one of [engine, two, cut]) {
        const made = sobel(one, x, { dx: 1, float: true }).data;
        expect(made.findIndex((v, i) => v !== expected[i])).toBe(-1);
      }
      const all = [engine, two, cut].map((one) => gradient(one, x));
      for (const name of ["dx", "dy", "magnitude", "angle"] as const)
        for (const made of all)
          expect(
            made[name].data.findIndex((v, i) => v !== all[0][name].data[i]),
            name,
          ).toBe(-1);
    }
    two.dispose();
    cut.dispose();
  });

  it("writes into `out`, and takes tensors", () => {
    const x = picture(9, 8, 3, Uint8Array);
    const out = { data: new Float32Array(9 * 8 * 3), width: 9, height: 8, channels: 3 };
    expect(sobel(engine, x, { float: true, out })).toBe(out);
    expect(out).toEqual(sobel(engine, x, { float: true }));
    using t = engine.tensor(Float32Array.from(x.data), [8, 9, 3]);
    using y = sobel(engine, t);
    expect(y.data()).toEqual(out.data);
  });
});

describe("gradient", () => {
  it.each([
    [{}, 3, oracle.sobelKernel(1, 0, 3), oracle.sobelKernel(0, 1, 3)],
    [{ kernel: "scharr" }, 1, oracle.scharrKernel(1), oracle.scharrKernel(0)],
    [{ size: 5, border: "replicate" }, 4, oracle.sobelKernel(1, 0, 5), oracle.sobelKernel(0, 1, 5)],
    [{ size: 3, border: "zeros" }, 2, oracle.sobelKernel(1, 0, 3), oracle.sobelKernel(0, 1, 3)],
  ] as const)("of the gray image, its magnitude and angle: %o", (options, channels, kernelX, kernelY) => {
    const border = "border" in options ? options.border : "reflect101";
    for (const [width, height] of SIZES) {
      const x = picture(width, height, channels, Uint8Array);
      const gray = oracle.grayBytes(x);
      const made = gradient(engine, x, options);
      same(made.dx, oracle.filter2d(gray, kernelX, { border }), "dx");
      same(made.dy, oracle.filter2d(gray, kernelY, { border }), "dy");
      made.dx.data.forEach((dx, i) => {
        const dy = made.dy.data[i];
        const m = Math.hypot(dx, dy);
        expect(Math.abs(made.magnitude.data[i] - m)).toBeLessThanOrEqual(1e-6 * m);
        expect(Math.abs(made.angle.data[i] - Math.atan2(dy, dx))).toBeLessThan(4e-7);
      });
    }
  });

  it("has the angle of every direction, also along the axes", () => {
    // A plane of every slope: dx and dy are 8 times it inside.
    const angles: number[] = [];
    for (let i = 0; i < 720; i++) {
      const [a, b] = [Math.cos((i * Math.PI) / 360), Math.sin((i * Math.PI) / 360)];
      const data = Float32Array.from(
        { length: 9 },
        (_, k) => a * ((k % 3) - 1) + b * (Math.floor(k / 3) - 1),
      );
      const { dx, dy, angle } = gradient(engine, { data, width: 3, height: 3 }, { border: "replicate" });
      angles.push(Math.abs(angle.data[4] - Math.atan2(dy.data[4], dx.data[4])));
    }
    expect(Math.max(...angles)).toBeLessThan(4e-7);
    const flat = gradient(engine, { data: new Uint8Array(9).fill(7), width: 3, height: 3 });
    expect(Array.from(flat.angle.data)).toEqual(new Array(9).fill(0));
    expect(Array.from(flat.magnitude.data)).toEqual(new Array(9).fill(0));
    for (const [x, y] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      const data = Uint8Array.from({ length: 9 }, (_, k) => 100 + 9 * (x * (k % 3) + y * Math.floor(k / 3)));
      const { angle } = gradient(engine, { data, width: 3, height: 3 });
      expect(angle.data[4]).toBeCloseTo(Math.atan2(y, x), 6);
    }
  });

  it("of tensors that move, because memory grows, is the same", async () => {
    for (const channels of [1, 4]) {
      using own = await createEngine({ wasm: binary("simd") });
      const x = picture(300, 300, channels, Float32Array);
      using t = own.tensor(x.data as Float32Array, [300, 300, channels]);
      const made = gradient(own, t);
      const plain = gradient(engine, x);
      for (const name of ["dx", "dy", "magnitude", "angle"] as const)
        expect(
          made[name].data().findIndex((v, i) => v !== plain[name].data[i]),
          name,
        ).toBe(-1);
    }
  });

  it("of a tensor are tensors, of anything else plain images, and NaN stays NaN", () => {
    const x = picture(8, 9, 3, Float32Array);
    const live = engine.memory.live;
    using t = engine.tensor(x.data as Float32Array, [9, 8, 3]);
    const made = gradient(engine, t);
    const plain = gradient(engine, x);
    for (const name of ["dx", "dy", "magnitude", "angle"] as const) {
      expect(made[name].shape).toEqual([9, 8, 1]);
      expect(made[name].data()).toEqual(plain[name].data);
      made[name].dispose();
    }
    t.dispose();
    expect(engine.memory.live).toBe(live);
    const nan = gradient(engine, { data: new Float32Array(9).fill(Number.NaN), width: 3, height: 3 });
    expect([nan.magnitude.data[4], nan.angle.data[4]]).toEqual([Number.NaN, Number.NaN]);
  });
});

describe("what is wrong is said", () => {
  const x = picture(4, 4, 1, Uint8Array);
  it.each<[string, Op, unknown, string]>([
    [
      "sobel",
      sobel,
      { dx: 0, dy: 0 },
      "dx is 0 and dy is 0, but for size 3 each must be from 0 to 2, and one above 0",
    ],
    ["sobel", sobel, { dx: 3 }, "dx is 3 and dy is 0"],
    ["sobel", sobel, { dx: 1, dy: 5, size: 5 }, "dx is 1 and dy is 5, but for size 5"],
    ["sobel", sobel, { dx: -1 }, "dx is -1"],
    ["sobel", sobel, { dx: 0.5 }, "dx is 0.5"],
    ["sobel", sobel, { dx: "1" }, 'dx is "1"'],
    ["sobel", sobel, { size: 4 }, "size is 4 but must be an odd integer from 1 to 31"],
    ["sobel", sobel, { size: 33 }, "size is 33"],
    ["sobel", sobel, { size: 3n }, "size is 3n"],
    ["sobel", sobel, { scale: Number.NaN }, "scale is NaN"],
    ["sobel", sobel, { bias: Infinity }, "bias is Infinity"],
    ["sobel", sobel, { border: "wrap" }, 'border is "wrap"'],
    ["sobel", sobel, { float: 1 }, "float is 1"],
    ["sobel", sobel, { ksize: 3 }, 'there is no option "ksize"'],
    ["sobel", sobel, null, "options are null"],
    ["scharr", scharr, { dx: 1, dy: 1 }, "dx is 1 and dy is 1, but one must be 1 and one 0"],
    ["scharr", scharr, { dx: 2 }, "dx is 2"],
    ["scharr", scharr, { size: 3 }, 'there is no option "size"'],
    ["laplacian", laplacian, { size: 2 }, "size is 2"],
    ["gradient", gradient, { size: 1 }, "size is 1 but must be an odd integer from 3 to 31"],
    ["gradient", gradient, { size: 5, kernel: "scharr" }, "size is 5 but must be 3 with Scharr's kernel"],
    ["gradient", gradient, { kernel: "prewitt" }, 'kernel is "prewitt"'],
  ])("%s: %o %o", (name, op, options, message) => {
    const call = () => op(engine, x, options as never);
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(`${name}: ${message}`);
    expect(() => op(engine, null as never, {} as never)).toThrow(`${name}: image is null`);
  });

  it("scales that no float can hold", () => {
    for (const border of ["reflect101", "valid"] as const)
      expect(() => sobel(engine, x, { scale: 1e300, border, size: 3, float: true })).toThrow(ArgumentError);
  });
});
