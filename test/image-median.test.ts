// Medians against sorting: sizes, channels, bytes and floats, NaN, windows larger than the image, strips, threads.
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { BaseEngine } from "../src/engine/base.ts";
import { createEngine } from "../src/engine/create.ts";
import { ArgumentError } from "../src/errors.ts";
import { medianBlur, type PixelImage } from "../src/image/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { BUILDS, binary, inPieces, threaded } from "./harness.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

const engine = await createEngine({ wasm: binary("checked") });
afterAll(() => engine.dispose());
afterEach(() => expect(engine.memory.live).toBe(0));

const draw = new Random(11);

interface Drawn extends PixelImage {
  readonly channels: number;
}

function picture(width: number, height: number, channels: number, kind: "bytes" | "bits" | "floats"): Drawn {
  const length = width * height * channels;
  const ones = draw.pick([0.3, 0.5, 0.7]);
  const data =
    kind === "floats"
      ? Float32Array.from({ length }, () => draw.pick([1, 1e-3, 1e30]) * (draw.next() - 0.5))
      : Uint8Array.from({ length }, () =>
          kind === "bits" ? (draw.chance(ones) ? 255 : 0) : draw.below(256),
        );
  return { data, width, height, channels };
}

/** As oracle.medianBlur, with which it is compared, but in typed arrays: windows are large here. */
function wanted({ data, width, height, channels }: Drawn, size: number): number[] {
  const made = Array.from(data);
  const window = new Float32Array(size * size);
  const inside = (v: number, n: number): number => Math.min(Math.max(v - (size >> 1), 0), n - 1);
  for (let i = 0; i < made.length; i++) {
    const c = i % channels;
    if (channels % 2 === 0 && c === channels - 1) continue;
    const [px, py] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    for (let y = 0, k = 0; y < size; y++) {
      const row = inside(py + y, height) * width;
      for (let x = 0; x < size; x++) window[k++] = data[(row + inside(px + x, width)) * channels + c];
    }
    made[i] = window.sort()[(size * size) >> 1];
  }
  return made;
}

it("is compared with what is compared with OpenCV", () => {
  for (const kind of ["bytes", "floats"] as const) {
    const x = picture(9, 7, 4, kind);
    for (const size of [1, 3, 5, 9])
      expect(wanted(x, size)).toEqual(Array.from(oracle.medianBlur(x, size).data));
  }
});

const SIZES = [
  [1, 1],
  [1, 20],
  [20, 1],
  [2, 3],
  [15, 16],
  [16, 5],
  [17, 17],
  [33, 4],
];

describe.each(BUILDS)("%s", (build) => {
  it.each([1, 3, 5, 7, 9, 15])(
    "size %i: the middle of all values, for every channel but alpha",
    async (size) => {
      using own = await createEngine({ wasm: binary(build) });
      for (const [width, height] of SIZES)
        for (const channels of [1, 2, 3, 4])
          for (const kind of ["bytes", "floats"] as const) {
            if (size > 5 && channels % 3 !== 1) continue;
            const x = picture(width, height, channels, kind);
            const made = medianBlur(own, x, { size });
            expect(made).toMatchObject({ width, height, channels });
            expect(made.data.constructor).toBe(x.data.constructor);
            expect(Array.from(made.data), `${kind}, ${width} x ${height} x ${channels}`).toEqual(
              wanted(x, size),
            );
          }
      expect(own.memory.live).toBe(0);
    },
  );
});

describe("sorting networks", () => {
  // Right for zeros and ones is right for all: the 0-1 principle.
  it.each([3, 5])("of %i x %i find the middle of zeros and ones, however many there are", (size) => {
    for (let n = 0; n < 5; n++) {
      const x = picture(100, 60, 1, "bits");
      const expected = wanted(x, size);
      expect(Array.from(medianBlur(engine, x, { size }).data)).toEqual(expected);
      const floats = { ...x, data: Float32Array.from(x.data) };
      expect(Array.from(medianBlur(engine, floats, { size }).data)).toEqual(expected);
    }
  });
});

describe("large windows", () => {
  it.each([
    [31, 30, 20, 1],
    [63, 12, 30, 3],
    [127, 9, 7, 1],
    [255, 3, 5, 2],
    [255, 1, 1, 4],
  ])("of %i, in images of %i x %i x %i", (size, width, height, channels) => {
    for (const kind of ["bytes", "bits"] as const) {
      const x = picture(width, height, channels, kind);
      expect(Array.from(medianBlur(engine, x, { size }).data)).toEqual(wanted(x, size));
    }
  });

  it("of floats", () => {
    const x = picture(7, 5, 2, "floats");
    for (const size of [21, 33])
      expect(Array.from(medianBlur(engine, x, { size }).data)).toEqual(wanted(x, size));
  });
});

describe("floats", () => {
  it.each([3, 5, 7, 11])(
    "that are NaN make the windows that hold them NaN, and no others: size %i",
    (size) => {
      const x = picture(30, 25, 1, "floats");
      const places = [0, 30 * 12 + 13, 30 * 25 - 1];
      for (const place of places) x.data[place] = Number.NaN;
      const made = medianBlur(engine, x, { size }).data;
      const clean = medianBlur(engine, { ...x, data: x.data.map((v) => v || 0) }, { size }).data;
      const near = (i: number): boolean =>
        places.some((place) =>
          [(i % 30) - (place % 30), Math.floor(i / 30) - Math.floor(place / 30)].every(
            (d) => Math.abs(d) <= size >> 1,
          ),
        );
      for (let i = 0; i < made.length; i++) expect(made[i]).toBe(near(i) ? Number.NaN : clean[i]);
    },
  );

  it.each([3, 5, 7])("may be infinite, and signed zeros: size %i", (size) => {
    const x = picture(20, 20, 1, "floats");
    const some = [Infinity, -Infinity, 0, -0, 1e-45, 3.4e38];
    const data = x.data.map(() => draw.pick(some));
    const made = Array.from(medianBlur(engine, { ...x, data }, { size }).data, (v) => v + 0);
    expect(made).toEqual(wanted({ ...x, data }, size).map((v) => v + 0));
  });

  it("of tensors", () => {
    const image = picture(9, 8, 3, "floats");
    using x = engine.tensor(image.data as Float32Array, [8, 9, 3]);
    using y = medianBlur(engine, x, { size: 5 });
    expect(y.shape).toEqual([8, 9, 3]);
    expect(Array.from(y.data())).toEqual(wanted(image, 5));
  });
});

describe("strips, threads and cuts make no difference", () => {
  it.each([
    [3, 20, 700],
    [5, 700, 40],
    [5, 9, 2500],
    [9, 60, 700],
    [31, 900, 40],
  ])("size %i of %i x %i", async (size, width, height) => {
    const two = new BaseEngine(await threaded("simd", 2));
    const executor = { threads: 1, run: inPieces, dispose() {} };
    const cut = new BaseEngine(new Runtime(await load(binary("checked")), { executor }));
    for (const kind of size === 3 || size === 5 ? (["bytes", "floats"] as const) : (["bytes"] as const))
      for (const channels of size < 9 ? [1, 4] : [2]) {
        const x = picture(width, height, channels, kind);
        const all = [engine, two, cut].map((one) => medianBlur(one, x, { size }).data);
        for (const made of all) expect(made.findIndex((v, i) => !Object.is(v, all[0][i]))).toBe(-1);
        // The oracle would take long: it judges a few rows, far from the first and from one another.
        for (const row of [0, Math.floor(height / 2), height - 1]) {
          const reach = size >> 1;
          const [from, to] = [Math.max(0, row - reach), Math.min(height, row + reach + 1)];
          const columns = Math.min(width, 40);
          const part = {
            data: Array.from({ length: (to - from) * columns * channels }, (_, i) => {
              const y = from + Math.floor(i / (columns * channels));
              return x.data[y * width * channels + (i % (columns * channels))];
            }),
            ...{ width: columns, height: to - from, channels },
          };
          const length = (columns === width ? columns : columns - reach) * channels;
          const at = (row - from) * columns * channels;
          const expected = wanted(part as never, size).slice(at, at + length);
          const made = all[0].slice(row * width * channels, row * width * channels + length);
          expect(Array.from(made)).toEqual(expected);
        }
      }
    two.dispose();
    cut.dispose();
  });
});

describe("what is wrong is said", () => {
  const x = picture(4, 4, 1, "bytes");
  it.each<[unknown, string]>([
    [{}, "size is missing: give { size: 5 }"],
    [undefined, "options are undefined but must be an object"],
    [{ size: 4 }, "size is 4 but must be an odd integer from 1 to 255"],
    [{ size: 0 }, "size is 0"],
    [{ size: -3 }, "size is -3"],
    [{ size: 257 }, "size is 257"],
    [{ size: 3.5 }, "size is 3.5"],
    [{ size: Number.NaN }, "size is NaN"],
    [{ size: "5" }, 'size is "5"'],
    [{ size: 5n }, "size is 5n"],
    [{ size: [5, 5] }, "size is [5,5]"],
    [{ size: 3, border: "zeros" }, 'there is no option "border"'],
  ])("%o", (options, message) => {
    const call = () => medianBlur(engine, x, options as never);
    expect(call).toThrow(ArgumentError);
    expect(call).toThrow(`medianBlur: ${message}`);
  });

  it("images that are none, and `out` that does not fit", () => {
    for (const image of [null, [], { data: new Uint8Array(3), width: 2, height: 1 }])
      expect(() => medianBlur(engine, image as never, { size: 3 })).toThrow("medianBlur: image");
    const out = { data: new Float32Array(16), width: 4, height: 4 };
    expect(() => medianBlur(engine, x, { size: 3, out })).toThrow("medianBlur: out has");
    expect(() => medianBlur(engine, x, { size: 3, out: x })).toThrow("medianBlur: out shares memory");
    const good = { data: new Uint8Array(16), width: 4, height: 4 };
    expect(medianBlur(engine, x, { size: 3, out: good })).toBe(good);
  });
});
