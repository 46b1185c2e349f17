// crop, flip, rotate90 and pad against their definitions by index.
import { describe, expect, test } from "vitest";
import { ArgumentError, ConvolithError, DisposedError, ShapeError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { Tensor } from "../src/tensor.ts";
import { binary } from "./harness.ts";
import { outside } from "./image-oracle.ts";

const engine = await image.createImageEngine({ wasm: binary("simd") });

function photo(width: number, height: number, channels: number): image.Image<Uint8Array> {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + 11) % 251);
  return { data, width, height, channels };
}

type At = (x: number, y: number) => readonly [x: number, y: number] | undefined;

/** By a function of the new place. */
function moved(
  p: image.Image,
  width: number,
  height: number,
  from: At,
  fill: readonly number[] = [],
): number[] {
  const made: number[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < p.channels; c++) {
        const at = from(x, y);
        made.push(at ? p.data[(at[1] * p.width + at[0]) * p.channels + c] : (fill[c] ?? 0));
      }
  return made;
}

function same(made: image.Image, data: number[], width: number, height: number): void {
  expect([made.width, made.height]).toEqual([width, height]);
  expect(Array.from(made.data)).toEqual(data);
}

const SIZES = [
  [1, 1],
  [1, 5],
  [5, 1],
  [2, 3],
  [16, 7],
  [3, 700],
] as const;

describe.each([1, 2, 3, 4])("of %i channels", (channels) => {
  test.each(SIZES)("%i x %i", (w, h) => {
    const p = photo(w, h, channels);
    same(
      image.flip(p),
      moved(p, w, h, (x, y) => [w - 1 - x, y]),
      w,
      h,
    );
    same(
      image.flip(p, { axis: "vertical" }),
      moved(p, w, h, (x, y) => [x, h - 1 - y]),
      w,
      h,
    );
    same(
      image.rotate90(p),
      moved(p, h, w, (x, y) => [w - 1 - y, x]),
      h,
      w,
    );
    same(
      image.rotate90(p, { turns: 2 }),
      moved(p, w, h, (x, y) => [w - 1 - x, h - 1 - y]),
      w,
      h,
    );
    same(
      image.rotate90(p, { turns: -1 }),
      moved(p, h, w, (x, y) => [y, h - 1 - x]),
      h,
      w,
    );
    same(image.rotate90(p, { turns: 8 }), Array.from(p.data), w, h);
    const [x0, y0] = [w >> 1, h >> 2];
    same(
      image.crop(p, { x: x0, y: y0 }),
      moved(p, w - x0, h - y0, (x, y) => [x + x0, y + y0]),
      w - x0,
      h - y0,
    );
    same(image.crop(p, { width: 1, height: 1 }), Array.from(p.data.subarray(0, channels)), 1, 1);
    for (const border of ["reflect101", "reflect", "replicate", "zeros"] as const) {
      const made = image.pad(p, { left: 3, top: 1, right: 0, bottom: 4, border });
      const wanted = moved(p, w + 3, h + 5, (x, y) => {
        const [a, b] = [outside(x - 3, w, border), outside(y - 1, h, border)];
        return a < 0 || b < 0 ? undefined : [a, b];
      });
      same(made, wanted, w + 3, h + 5);
    }
  });
});

test("pad fills in a value, or one for each channel", () => {
  const p = photo(2, 1, 3);
  const at: At = (x, y) => (y === 1 && x > 0 && x < 3 ? [x - 1, 0] : undefined);
  same(image.pad(p, { size: 1, value: 9 }), moved(p, 4, 3, at, [9, 9, 9]), 4, 3);
  same(image.pad(p, { size: 1, value: [1, 2, 3] }), moved(p, 4, 3, at, [1, 2, 3]), 4, 3);
  expect(image.pad(p, {}).data).toEqual(p.data);
});

test("what comes back is of the kind that came in, and a copy", () => {
  const p = photo(4, 3, 4);
  for (const Kind of [Uint8Array, Uint8ClampedArray, Float32Array]) {
    const made = image.crop({ ...p, data: Kind.from(p.data) }, {});
    expect(made.data).toBeInstanceOf(Kind);
    expect(made.data).not.toBe(p.data);
  }
  const tensor = image.toTensor(engine, p, { range: "0..255" });
  const turned = image.rotate90(tensor);
  expect(turned).toBeInstanceOf(Tensor);
  expect(turned.shape).toEqual([4, 3, 4]);
  expect(Array.from(turned.data())).toEqual(Array.from(image.rotate90(p).data));
  turned.dispose();
  tensor.dispose();
  expect(engine.memory.live).toBe(0);
  expect(() => image.flip(tensor)).toThrow(DisposedError);
});

test("turning and flipping back gives the image", () => {
  const p = photo(5, 3, 2);
  expect(image.rotate90(image.rotate90(p, { turns: 3 }))).toEqual({ ...p });
  expect(image.flip(image.flip(p))).toEqual({ ...p });
  expect(
    image.crop(image.pad(p, { size: 6, border: "reflect" }), { x: 6, y: 6, width: 5, height: 3 }),
  ).toEqual({ ...p });
});

test("strange calls are refused", () => {
  const p = photo(4, 3, 3);
  expect(() => image.crop(p, { x: 2, width: 3 })).toThrow(
    "crop: 3 x 3 pixels from (2, 0) on do not lie inside 4 x 3",
  );
  expect(() => image.crop(p, { x: 4 })).toThrow(ShapeError);
  expect(() => image.crop(p, { width: 0 })).toThrow("crop: width is 0");
  expect(() => image.crop(p, { x: -1 })).toThrow("crop: x is -1");
  expect(() => image.flip(p, { axis: "both" } as never)).toThrow(
    'flip: axis is "both" but must be "horizontal" or "vertical"',
  );
  expect(() => image.rotate90(p, { turns: 0.5 })).toThrow("rotate90: turns is 0.5");
  expect(() => image.pad(p, { left: -1 })).toThrow("pad: left is -1");
  expect(() => image.pad(p, { size: 40000 })).toThrow("pad: the new width is 80004");
  expect(() => image.pad(p, { value: [1, 2] })).toThrow(
    "pad: value has 2 numbers but the image has 3 channels",
  );
  expect(() => image.pad(p, { value: Number.NaN })).toThrow("pad: value is NaN");
  expect(() => image.pad(p, { border: "wrap" } as never)).toThrow(ArgumentError);
  const bad = [null, 3, "x", {}, [], { data: new Uint8Array(5), width: 2, height: 3 }, { ...p, channels: 4 }];
  for (const value of bad)
    for (const call of [
      image.flip,
      image.rotate90,
      (i: never) => image.crop(i, {}),
      (i: never) => image.pad(i, {}),
    ])
      expect(() => call(value as never)).toThrow(ConvolithError);
});
