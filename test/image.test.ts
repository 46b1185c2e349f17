// Images in and out: kinds, sizes, errors, memory, strips and borders, with toGray as the function that is called.
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { createEngine } from "../src/engine/create.ts";
import { ArgumentError, ConvolithError, DisposedError, MemoryError, ShapeError } from "../src/errors.ts";
import { type BorderMode, borderIndex, Feed, produce, stripRows } from "../src/image/band.ts";
import { readImage } from "../src/image/image.ts";
import { type ImageEngine, type ImageLike, type PixelImage, toGray } from "../src/image/index.ts";
import { binary, limited, threaded } from "./harness.ts";

const engine = await createEngine({ wasm: binary("checked") });
afterAll(() => engine.dispose());
afterEach(() => expect(engine.memory.live).toBe(0));

const noise = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 2654435761) >>> 24);
const rgb = { data: noise(3 * 4 * 5), width: 4, height: 5, channels: 3 };
/** OpenCV's fixed point. */
const gray = (data: ArrayLike<number>, c: number): number[] =>
  Array.from({ length: data.length / c }, (_, i) => {
    const [r, g, b] = [data[i * c], data[i * c + 1], data[i * c + 2]];
    return (r * 9798 + g * 19235 + b * 3735 + 16384) >> 15;
  });

describe("the kind that comes back", () => {
  it.each([Uint8Array, Uint8ClampedArray])("is an object with the same kind of array: %o", (Kind) => {
    const { data, ...rest } = toGray(engine, { ...rgb, data: new Kind(rgb.data) });
    expect(data).toBeInstanceOf(Kind);
    expect(rest).toEqual({ width: 4, height: 5, channels: 1 });
    expect(Array.from(data)).toEqual(gray(rgb.data, 3));
  });

  it("has floats for floats, and where they are asked for", () => {
    const floats = Float32Array.from(rgb.data, (v) => v / 100 - 1);
    const made = toGray(engine, { ...rgb, data: floats });
    expect(made.data).toBeInstanceOf(Float32Array);
    made.data.forEach((v, i) => {
      const [r, g, b] = floats.subarray(3 * i);
      expect(v).toBeCloseTo(0.299 * r + 0.587 * g + 0.114 * b, 5);
    });
    const asked = toGray(engine, rgb, { float: true }).data;
    expect(asked[7]).toBeCloseTo(0.299 * rgb.data[21] + 0.587 * rgb.data[22] + 0.114 * rgb.data[23], 4);
  });

  it("has bytes for 16 bits, which decoders of PNG give", () => {
    const made = toGray(engine, { ...rgb, data: Uint16Array.from(rgb.data, (v) => v * 257) });
    expect(made.data).toBeInstanceOf(Uint8Array);
    expect(Array.from(made.data)).toEqual(gray(rgb.data, 3));
    const out = { data: new Uint16Array(20) as never, width: 4, height: 5 };
    expect(() => toGray(engine, rgb, { out })).toThrow("toGray: out.data is a Uint16Array of 20");
  });

  it("is a tensor for a tensor", () => {
    using x = engine.tensor(rgb.data, [5, 4, 3]);
    using y = toGray(engine, x);
    expect(y.shape).toEqual([5, 4, 1]);
    expect(y.data()[0]).toBeCloseTo(0.299 * rgb.data[0] + 0.587 * rgb.data[1] + 0.114 * rgb.data[2], 4);
  });

  it("is an ImageData for an ImageData, gray as RGBA", () => {
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
      const image = new ImageData(3, 2);
      image.data.set(noise(24));
      const made = toGray(engine, image);
      expect(made).toBeInstanceOf(ImageData);
      expect(Array.from(made.data)).toEqual(gray(image.data, 4).flatMap((v) => [v, v, v, 255]));
      const out = new ImageData(3, 2);
      expect(toGray(engine, image, { out })).toBe(out);
      expect(out.data).toEqual(made.data);
      const plain = { data: new Uint8ClampedArray(24), width: 3, height: 2 };
      expect(() => toGray(engine, image, { out: plain })).toThrow("toGray: out is ");
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("is `out` where that is given", () => {
    const out = { data: new Uint8Array(20), width: 4, height: 5, channels: 1 };
    expect(toGray(engine, rgb, { out })).toBe(out);
    expect(Array.from(out.data)).toEqual(gray(rgb.data, 3));
    const floats = { data: new Float32Array(20), width: 4, height: 5 };
    expect(toGray(engine, rgb, { out: floats, float: true })).toBe(floats);
  });
});

describe("channels", () => {
  it.each([1, 2, 3, 4])("%i, counted from the data", (channels) => {
    const data = noise(channels * 70);
    const made = toGray(engine, { data, width: 7, height: 10 });
    const first = Array.from({ length: 70 }, (_, i) => data[i * channels]);
    expect(Array.from(made.data)).toEqual(channels < 3 ? first : gray(data, channels));
  });
});

describe("what is no image is refused in words", () => {
  const bytes = new Uint8Array(12);
  it.each<[unknown, string]>([
    [null, "image is null but must be an ImageData, { data, width, height }, a Tensor [h, w, c] or a canvas"],
    [undefined, "image is undefined"],
    ["photo.png", 'image is "photo.png"'],
    [bytes, "image is a Uint8Array of 12"],
    [{}, "image is {}"],
    [{ data: [1], width: 1, height: 1 }, "image.data is [1] but must be a Uint8Array"],
    [{ data: new Int16Array(4), width: 2, height: 2 }, "image.data is an Int16Array of 4"],
    [{ data: new Float64Array(4), width: 2, height: 2 }, "image.data is a Float64Array of 4"],
    [{ data: bytes, width: 0, height: 2 }, "image.width is 0 but must be an integer from 1 to 65535"],
    [{ data: bytes, width: 2.5, height: 2 }, "image.width is 2.5"],
    [{ data: bytes, width: "3", height: 4 }, 'image.width is "3"'],
    [{ data: bytes, width: 3, height: 3n }, "image.height is 3n"],
    [{ data: bytes, width: 70000, height: 1 }, "image.width is 70000 but must be an integer from 1 to 65535"],
    [{ data: new Uint8Array(0), width: 0, height: 0 }, "image.width is 0"],
    [
      { data: bytes, width: 3, height: 3 },
      "image.data has 12 values, but 3 x 3 pixels need 1 to 4 values each",
    ],
    [
      { data: bytes, width: 3, height: 2, channels: 3 },
      "image.data has 12 values, but 3 x 2 pixels of 3 channels need 18",
    ],
    [{ data: bytes, width: 12, height: 1, channels: 0 }, "image.channels is 0"],
    [{ data: new Uint8Array(60), width: 4, height: 3, channels: 5 }, "image.channels is 5"],
  ])("%o", (image, message) => {
    const call = () => toGray(engine, image as ImageLike);
    expect(call).toThrow(ConvolithError);
    expect(call).toThrow(`toGray: ${message}`);
  });

  it("tensors that are no image", () => {
    using flat = engine.tensor([1, 2], [2]);
    using deep = engine.tensor(new Float32Array(5), [1, 1, 5]);
    using whole = engine.tensor([1, 2, 3], [1, 1, 3], "int32");
    for (const x of [flat, deep, whole])
      expect(() => toGray(engine, x as never)).toThrow("must be a float32 Tensor [height, width, channels]");
    const other = engine.tensor([1], [1, 1, 1]);
    other.dispose();
    expect(() => toGray(engine, other)).toThrow(DisposedError);
  });

  it("engines that are none, or are gone", async () => {
    for (const wrong of [null, undefined, {}, "engine", rgb, Object.create(BaseEngine.prototype)])
      expect(() => toGray(wrong as ImageEngine, rgb)).toThrow("toGray: the engine is ");
    const gone = await createEngine({ wasm: binary("simd") });
    gone.dispose();
    expect(() => toGray(gone, rgb)).toThrow(DisposedError);
  });

  it("options and `out` that do not fit", () => {
    expect(() => toGray(engine, rgb, { floats: true } as never)).toThrow('there is no option "floats"');
    expect(() => toGray(engine, rgb, null as never)).toThrow(ArgumentError);
    const out = (data: PixelImage["data"], width = 4) => ({ data, width, height: 5 });
    expect(() => toGray(engine, rgb, { out: out(new Uint8Array(60)) })).toThrow(
      "toGray: out has 4 x 5 pixels of 3 bytes but the result has 4 x 5 pixels of 1 bytes",
    );
    expect(() => toGray(engine, rgb, { out: out(new Float32Array(20)) })).toThrow(ShapeError);
    expect(() => toGray(engine, rgb, { out: out(new Uint8Array(15), 3) })).toThrow(ShapeError);
    expect(() => toGray(engine, rgb, { out: out(rgb.data.subarray(0, 20)) })).toThrow(
      "toGray: out shares memory with the image but must be another",
    );
    expect(() => toGray(engine, rgb, { out: "out.png" as never })).toThrow("toGray: out is ");
  });
});

describe("rows", () => {
  it("come in strips: a picture higher than a band is the same as its parts", () => {
    const [width, height] = [2000, 301];
    const data = noise(4 * width * height);
    const made = toGray(engine, { data, width, height }).data;
    expect(stripRows(4 * width, height)).toBeLessThan(height / 5);
    expect(Array.from(made)).toEqual(gray(data, 4));
  });

  const borders: [BorderMode, string][] = [
    ["reflect101", "b c d c b|a b c d|c b a b c d"],
    ["reflect", "d d c b a|a b c d|d c b a a b"],
    ["replicate", "a a a a a|a b c d|d d d d d d"],
    ["zeros", "0 0 0 0 0|a b c d|0 0 0 0 0 0"],
  ];
  it.each(borders)("beyond the edges: %s", (mode, shown) => {
    const letters = shown.split(/[ |]/);
    letters.forEach((letter, i) => {
      const index = borderIndex(i - 5, 4, mode);
      expect(index < 0 ? "0" : "abcd"[index], `column ${i - 5}`).toBe(letter);
    });
    expect(borderIndex(-3, 1, mode)).toBe(mode === "zeros" ? -1 : 0);
  });

  it.each(borders)("are fed with margins, from bytes and floats: %s", (border) => {
    for (const [width, height, channels] of [
      [1, 1, 1],
      [5, 3, 3],
      [16, 9, 4],
      [33, 40, 2],
    ])
      for (const kind of [Uint8Array, Float32Array])
        for (const float of [false, true]) {
          const data = kind.from(noise(width * height * channels));
          const source = readImage(engine, { data, width, height, channels }, "test");
          const [margin, rows] = [4, 6];
          produce(source, { ...source, float: true }, undefined, (scratch) => {
            const feed = new Feed(scratch, source, { rows, left: margin, right: margin, border, float });
            const size = float || source.float ? 4 : 1;
            // Windows that overlap, stand still, and leave gaps.
            for (const y of [-4, -3, -3, 0, 1, Math.max(1, height - 3), height + 1]) {
              const at = feed.rows(y, y + rows);
              const memory = size === 4 ? source.runtime.memory.floats : scratch.bytes;
              for (let i = 0; i < rows; i++)
                for (let x = -margin; x < width + margin; x++)
                  for (let c = 0; c < channels; c++) {
                    const [iy, ix] = [borderIndex(y + i, height, border), borderIndex(x, width, border)];
                    const wanted = iy < 0 || ix < 0 ? 0 : data[(iy * width + ix) * channels + c];
                    const place = (at + i * feed.pitch) / size + x * channels + c;
                    if (memory[place] !== wanted)
                      throw new Error(`row ${y + i} column ${x}: ${memory[place]}, not ${wanted}`);
                  }
            }
          });
        }
  });
});

describe("memory", () => {
  it("does not grow with the height of a picture", async () => {
    using own = await createEngine({ wasm: binary("simd") });
    const image = (height: number) => ({ data: new Uint8Array(4 * 300 * height), width: 300, height });
    toGray(own, image(2000));
    const { capacity } = own.memory;
    toGray(own, image(20_000));
    expect(own.memory.capacity).toBe(capacity);
    expect(own.memory.live).toBe(0);
  });

  it("that is not to be had is a MemoryError, and all is as before", async () => {
    const small = new BaseEngine(await limited(2));
    const image = { data: new Uint8Array(4 * 60_000), width: 60_000, height: 1 };
    expect(() => toGray(small, image, { float: true })).toThrow(MemoryError);
    expect(small.memory.live).toBe(0);
    expect(toGray(small, rgb).data.length).toBe(20);
  });
});

it("threads make the same bytes", async () => {
  const two = new BaseEngine(await threaded("simd", 2));
  const image = { data: noise(4 * 500 * 400), width: 500, height: 400 };
  expect(toGray(two, image).data).toEqual(toGray(engine, image).data);
  two.dispose();
});
