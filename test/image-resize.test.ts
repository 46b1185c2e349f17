// resize against loops in float64, at every edge of sizes; cut as threads cut it; strange calls.
import { describe, expect, test } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { ArgumentError, ConvolithError, ShapeError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, inPieces } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engines = await Promise.all(
  BUILDS.map(async (build) => {
    const whole = new BaseEngine(new Runtime(await load(binary(build))));
    const executor = { threads: 1, run: inPieces, dispose() {} };
    const cut = new BaseEngine(new Runtime(await load(binary(build)), { executor }));
    return { build, whole, cut };
  }),
);
const [{ whole: engine }] = engines;
const random = new Random(5);

type Photo = image.Image;

function photo(width: number, height: number, channels: number, float = false): Photo {
  const data = Uint8Array.from({ length: width * height * channels }, () => random.below(256));
  return { data: float ? Float32Array.from(data, (v) => v - 100.25) : data, width, height, channels };
}

const METHODS = ["nearest", "linear", "cubic", "area"] as const;

const bytesOf = ({ data }: Photo): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** In every build, whole and in pieces: all the same bits but for fused sums. */
function resized(x: Photo, options: image.ResizeOptions<Photo>): Photo[] {
  return engines.map(({ whole, cut }) => {
    const [a, b] = [image.resize(whole, x, options), image.resize(cut, x, options)];
    if (Buffer.compare(bytesOf(a), bytesOf(b))) expect(b).toEqual(a);
    expect(whole.memory.live).toBe(0);
    return a;
  });
}

function check(x: Photo, width: number, height: number, method: image.ResizeMethod): void {
  const wanted = oracle.resize(x, width, height, method);
  const float = x.data instanceof Float32Array;
  // OpenCV rounds positions to float32.
  const place = 400 * Math.max(x.width, x.height) * 2 ** -24;
  // Bytes of linear weights have 11 bits and are rounded for each axis; other ties may go either way.
  const rounding = float ? 2e-4 : method === "nearest" ? 0 : method === "cubic" ? 0.5002 : 1;
  const slack = method === "nearest" ? 0 : rounding + place;
  for (const made of resized(x, { width, height, method })) {
    expect([made.width, made.height, made.channels]).toEqual([width, height, x.channels]);
    expect(made.data.constructor).toBe(x.data.constructor);
    made.data.forEach((v, i) => {
      const w = float ? wanted.data[i] : Math.max(0, Math.min(255, wanted.data[i]));
      if (!(Math.abs(v - w) <= slack))
        expect(v, `value ${i} of ${x.width} x ${x.height} to ${width} x ${height}`).toBe(w);
    });
  }
}

const SIZES: readonly (readonly [number, number])[] = [
  ...([
    [1, 1],
    [1, 9],
    [9, 1],
    [2, 2],
    [3, 5],
    [15, 16],
    [16, 15],
    [17, 33],
    [33, 17],
    [64, 4],
  ] as const),
];

describe.each(METHODS)("%s", (method) => {
  test.each([1, 2, 3, 4])("of %i channels equals the formula at every edge", (channels) => {
    for (const [w, h] of SIZES)
      for (const [ow, oh] of SIZES) {
        if ((w + oh + channels) % 2 === 0) check(photo(w, h, channels), ow, oh, method);
        if ((w + ow) % 3 === 0) check(photo(w, h, channels, true), ow, oh, method);
      }
  });

  test("of more rows than a strip, and of long ones", () => {
    check(photo(3, 700, 4), 5, 311, method);
    check(photo(3, 311, 1, true), 2, 700, method);
    check(photo(5000, 3, 3), 1234, 2, method);
    check(photo(1234, 2, 4, true), 5001, 5, method);
    // Two rows fill a strip.
    check(photo(30000, 5, 3), 100, 3, method);
    check(photo(40, 5, 3), 30000, 4, method);
  });

  test("from one pixel to a thousand, and from thousands to one", () => {
    const one = { data: Uint8Array.of(10, 20, 30), width: 1, height: 1, channels: 3 };
    for (const [width, height] of [
      [1000, 1],
      [1, 1000],
      [100, 100],
    ])
      for (const made of resized(one, { width, height, method })) {
        // Weights of a border add up to one but for their rounding.
        for (let i = 0; i < made.data.length; i++) expect(made.data[i]).toBe(one.data[i % 3]);
      }
    check(photo(2000, 3, 4), 1, 1, method);
    check(photo(1, 2000, 2), 1, 1, method);
    check(photo(3, 2000, 1, true), 2, 1, method);
    check(photo(2000, 1, 1), 1, 3, method);
  });

  test("to 65535 pixels", () => {
    const made = image.resize(engine, photo(2, 1, 1), { width: 65535, height: 1, method });
    expect(made.data.length).toBe(65535);
    check(photo(65535, 1, 1), 3, 1, method);
  });

  test("to the same size is the image", () => {
    for (const channels of [1, 2, 3, 4]) {
      const x = photo(21, 13, channels);
      for (const made of resized(x, { width: 21, height: 13, method })) expect(made.data).toEqual(x.data);
    }
  });
});

test("areas of integer factors are exact, ties to even; but those of 2 x 2 pixels round up, as OpenCV's", () => {
  const x = { data: Uint8Array.of(0, 1, 1, 0, 5, 4, 4, 4), width: 8, height: 1, channels: 1 };
  expect(image.resize(engine, x, { width: 2, height: 1, method: "area" }).data).toEqual(Uint8Array.of(0, 4));
  const y = {
    data: Uint8Array.of(0, 1, 1, 0, 1, 2, 3, 4, 0, 0, 0, 0, 1, 2, 4, 4),
    width: 8,
    height: 2,
    channels: 1,
  };
  // 1/4, 3/4 ..., 6/4 and 15/4.
  for (const method of ["area", "linear"] as const)
    expect(image.resize(engine, y, { width: 4, height: 1, method }).data).toEqual(Uint8Array.of(0, 0, 2, 4));
});

test.each([1, 2, 3, 4])("half the size of %i channels of bytes", (channels) => {
  for (const [w, h] of [
    [1, 1],
    [2, 1],
    [5, 3],
    [8, 2],
    [11, 4],
    [16, 7],
    [33, 5],
    [700, 3],
    [3, 700],
    [9000, 2],
  ]) {
    const x = photo(2 * w, 2 * h, channels);
    for (const method of ["linear", "area"] as const)
      for (const made of resized(x, { width: w, height: h, method })) {
        const wanted = Uint8Array.from({ length: w * h * channels }, (_, i) => {
          const [c, px, py] = [i % channels, Math.floor(i / channels) % w, Math.floor(i / channels / w)];
          const at = (dx: number, dy: number) => x.data[((2 * py + dy) * 2 * w + 2 * px + dx) * channels + c];
          const sum = at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1);
          return channels === 2 ? oracle.nearest(sum / 4) : (sum + 2) >> 2;
        });
        expect(made.data).toEqual(wanted);
      }
  }
});

test("linear bytes are OpenCV's fixed point, bit by bit", () => {
  // cv2.resize of arange(24).reshape(4, 6) * 11 % 256 to 5 x 7.
  const x = {
    data: Uint8Array.from({ length: 24 }, (_, i) => (i * 11) % 256),
    width: 6,
    height: 4,
    channels: 1,
  };
  const { data } = image.resize(engine, x, { width: 5, height: 7, method: "linear" });
  expect(Array.from(data)).toEqual([
    1, 14, 27, 40, 54, 24, 38, 51, 64, 77, 62, 76, 89, 102, 115, 100, 113, 127, 140, 153, 138, 151, 164, 177,
    190, 176, 189, 202, 215, 228, 199, 212, 225, 239, 252,
  ]);
});

test("float: true gives what bytes are rounded from", () => {
  const x = photo(19, 11, 3);
  for (const method of METHODS) {
    const made = image.resize(engine, x, { width: 8, height: 30, method, float: true });
    expect(made.data).toBeInstanceOf(Float32Array);
    const wanted = oracle.resize(x, 8, 30, method);
    made.data.forEach((v, i) => {
      expect(Math.abs(v - wanted.data[i])).toBeLessThanOrEqual(1e-3);
    });
  }
});

test("one side keeps the proportions", () => {
  const x = photo(40, 30, 1);
  expect(image.resize(engine, x, { width: 20 })).toMatchObject({ width: 20, height: 15 });
  expect(image.resize(engine, x, { height: 10 })).toMatchObject({ width: 13, height: 10 });
  expect(image.resize(engine, photo(2, 300, 1), { height: 10 })).toMatchObject({ width: 1, height: 10 });
});

test("clamped bytes, tensors, and an image to write to", async () => {
  const x = { ...photo(9, 7, 4), data: Uint8ClampedArray.from(photo(9, 7, 4).data) };
  const out = { data: new Uint8ClampedArray(5 * 3 * 4), width: 5, height: 3, channels: 4 };
  expect(image.resize(engine, x, { width: 5, height: 3, out })).toBe(out);
  expect(out.data).toEqual(image.resize(engine, x, { width: 5, height: 3 }).data);
  expect(() => image.resize(engine, x, { width: 5, height: 4, out })).toThrow(ShapeError);
  const tensor = image.toTensor(engine, x, { range: "0..255" });
  const made = image.resize(engine, tensor, { width: 5, height: 3, method: "cubic" });
  expect(made.shape).toEqual([3, 5, 4]);
  expect(made.data()).toEqual(
    image.resize(engine, x, { width: 5, height: 3, method: "cubic", float: true }).data,
  );
  tensor.dispose();
  made.dispose();
  expect(engine.memory.live).toBe(0);
});

test("infinities and NaN stay where they are mixed", () => {
  const x = { data: new Float32Array(64).fill(1), width: 8, height: 8, channels: 1 };
  x.data[0] = Number.NaN;
  x.data[63] = Infinity;
  for (const method of ["linear", "cubic", "area"] as const)
    for (const made of resized(x, { width: 4, height: 4, method })) {
      expect(made.data[0]).toBeNaN();
      expect(made.data[15] === Infinity || Number.isNaN(made.data[15])).toBe(true);
      expect([made.data[3], made.data[12]]).toEqual([1, 1]);
    }
});

test.each([
  ["nothing", {}, "resize: width and height are missing"],
  ["a width of 0", { width: 0, height: 3 }, "resize: width is 0 but must be an integer from 1 to 65535"],
  [
    "a width above 65535",
    { width: 65536, height: 3 },
    "resize: width is 65536 but must be an integer from 1 to 65535",
  ],
  ["a width that is a fraction", { width: 1.5, height: 3 }, "resize: width is 1.5"],
  ["a width that is a text", { width: "3", height: 3 }, 'resize: width is "3"'],
  ["another method", { width: 3, method: "lanczos" }, '"nearest", "linear", "cubic" or "area"'],
  ["an option there is not", { width: 3, size: 3 }, 'resize: there is no option "size"'],
  ["null", null, "resize: options are null"],
])("%s is refused", (_, options, message) => {
  expect(() => image.resize(engine, photo(3, 3, 1), options as never)).toThrow(message);
  expect(() => image.resize(engine, photo(3, 3, 1), options as never)).toThrow(ArgumentError);
});

test("an image that is none is refused", () => {
  for (const bad of [
    null,
    3,
    {},
    { data: new Uint8Array(5), width: 2, height: 3 },
    { data: [1], width: 1, height: 1 },
  ])
    expect(() => image.resize(engine, bad as never, { width: 2 })).toThrow(ConvolithError);
});
