// Colour maps and contact sheets, pixel by pixel.
import { expect, test } from "vitest";
import { ArgumentError, ConvolithError, ShapeError } from "../src/errors.ts";
import { drawText, textWidth } from "../src/image/font.ts";
import * as image from "../src/image/index.ts";
import { binary } from "./harness.ts";

const gray = (values: readonly number[], width = values.length): image.Image<Uint8Array> => ({
  data: Uint8Array.from(values),
  width,
  height: values.length / width,
  channels: 1,
});
const floats = (values: readonly number[], width = values.length): image.Image<Float32Array> => ({
  data: Float32Array.from(values),
  width,
  height: values.length / width,
  channels: 1,
});
const pixel = ({ data, width }: image.Image, x: number, y: number): number[] =>
  Array.from(data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3));

test("colour maps begin, end and pass through their middle", () => {
  const ends = (name: image.ColorMapName): number[] => Array.from(image.colorMap(gray([0, 255]), name).data);
  expect(ends("gray")).toEqual([0, 0, 0, 255, 255, 255]);
  expect(ends("viridis")).toEqual([0x44, 0x01, 0x54, 0xfd, 0xe7, 0x25]);
  expect(ends("magma")).toEqual([0, 0, 4, 0xfc, 0xfd, 0xbf]);
  expect(ends("coolwarm")).toEqual([0x3b, 0x4c, 0xc0, 0xb4, 0x04, 0x26]);
  // Between 0x1f9e89 and 0x26828e.
  expect(pixel(image.colorMap(gray([128]), "viridis"), 0, 0)).toEqual(
    [0x22, 0x91, 0x8b].map((v) => expect.closeTo(v, -1)),
  );
  // Lightness of viridis and magma only grows.
  for (const name of ["viridis", "magma", "gray"] as const) {
    const { data } = image.colorMap(gray(Array.from({ length: 256 }, (_, i) => i)), name);
    const light = Array.from(
      { length: 256 },
      (_, i) => 0.3 * data[3 * i] + 0.59 * data[3 * i + 1] + 0.11 * data[3 * i + 2],
    );
    for (let i = 1; i < 256; i++) expect(light[i]).toBeGreaterThan(light[i - 1] - 0.7);
  }
});

test("ranges of floats: from least to largest, around 0, or given", () => {
  const levels = (values: number[], range?: image.DisplayRange): number[] =>
    Array.from(
      { length: values.length },
      (_, i) => image.colorMap(floats(values), "gray", { range }).data[3 * i],
    );
  expect(levels([-1, 0, 3])).toEqual([0, 64, 255]);
  expect(levels([-1, 0, 3], "symmetric")).toEqual([85, 128, 255]);
  expect(levels([-1, 0, 3], [0, 2])).toEqual([0, 0, 255]);
  expect(levels([5, 5])).toEqual([0, 0]);
  expect(levels([0, 0], "symmetric")).toEqual([128, 128]);
  expect(levels([Number.NaN, Infinity, 2, 1])).toEqual([0, 255, 255, 0]);
  // A diverging map shows 0 in its middle, and bytes as they are.
  const [low, zero, high] = [0, 1, 2].map((x) => pixel(image.colorMap(floats([-4, 0, 2]), "coolwarm"), x, 0));
  expect(low).toEqual([0x3b, 0x4c, 0xc0]);
  expect(zero).toEqual([0xdd, 0xdd, 0xdd].map((v) => expect.closeTo(v, -0.5)));
  expect(high[0]).toBeGreaterThan(high[2]);
  expect(pixel(image.colorMap(gray([0]), "coolwarm"), 0, 0)).toEqual([0x3b, 0x4c, 0xc0]);
});

test("a sheet of images that differ in everything", async () => {
  const engine = await image.createImageEngine({ wasm: binary("simd") });
  const rgb = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), width: 1, height: 2, channels: 3 };
  const rgba = {
    data: Uint8ClampedArray.of(100, 0, 200, 0, 100, 0, 200, 51),
    width: 2,
    height: 1,
    channels: 4,
  };
  const tensor = image.toTensor(engine, gray([0, 255]));
  const made = image.montage(
    [
      gray([7, 8, 9]),
      rgb,
      rgba,
      floats([-1, 1]),
      tensor,
      [
        [0, 1],
        [2, 4],
      ],
    ],
    {
      columns: 4,
      gap: 1,
      background: [10, 20, 30],
    },
  );
  // Tiles of 3 x 2.
  expect([made.width, made.height, made.channels]).toEqual([4 * 4 + 1, 2 * 3 + 1, 3]);
  expect([0, 1, 2, 3, 4].map((x) => pixel(made, x, 1))).toEqual([
    [10, 20, 30],
    [7, 7, 7],
    [8, 8, 8],
    [9, 9, 9],
    [10, 20, 30],
  ]);
  expect([pixel(made, 6, 1), pixel(made, 6, 2), pixel(made, 5, 1)]).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [10, 20, 30],
  ]);
  // Alpha 0, and alpha 51 of 255 over the ground.
  expect([pixel(made, 9, 1), pixel(made, 10, 1)]).toEqual([
    [10, 20, 30],
    [28, 16, 64],
  ]);
  expect([pixel(made, 13, 1)[0], pixel(made, 14, 1)[0]]).toEqual([0, 255]);
  expect([pixel(made, 1, 4)[0], pixel(made, 2, 4)[0]]).toEqual([0, 255]);
  expect([pixel(made, 5, 4)[0], pixel(made, 6, 4)[0], pixel(made, 5, 5)[0], pixel(made, 6, 5)[0]]).toEqual([
    0, 64, 128, 255,
  ]);
  tensor.dispose();
});

test("scale, and the shape of a sheet", () => {
  const tile = gray([0, 255], 2);
  const made = image.montage([tile, tile, tile], { scale: 3, gap: 2, background: 100 });
  // Two columns of 6 x 3.
  expect([made.width, made.height]).toEqual([2 * 8 + 2, 2 * 5 + 2]);
  for (let x = 0; x < 6; x++)
    for (let y = 0; y < 3; y++) expect(pixel(made, 2 + x, 2 + y)[0]).toBe(x < 3 ? 0 : 255);
  expect(pixel(made, 12, 9)[0]).toBe(100);
  expect(image.montage([tile], { columns: 50, gap: 0 })).toMatchObject({ width: 2, height: 1 });
  expect(
    image.montage(
      Array.from({ length: 10 }, () => tile),
      { gap: 0 },
    ),
  ).toMatchObject({ width: 8, height: 3 });
});

test("labels are drawn under their tiles", () => {
  const tile = gray([128]);
  const made = image.montage([tile, tile], { labels: ["Ag", "i"], columns: 2, gap: 0 });
  expect([made.width, made.height]).toEqual([2 * textWidth("Ag"), 1 + 11]);
  const shown = Array.from({ length: 12 }, (_, y) =>
    Array.from({ length: 22 }, (_, x) => (pixel(made, x, y)[0] === 0 ? "#" : " "))
      .join("")
      .trimEnd(),
  );
  expect(shown).toEqual([
    "",
    "",
    "",
    " ###            #",
    "#   #",
    "#   #  ####    ##",
    "##### #   #     #",
    "#   # #   #     #",
    "#   # #  ##     #",
    "#   #  ## #    ###",
    "          #",
    "       ###",
  ]);
  // White on black, twice as large.
  const dark = image.montage([tile], { labels: ["AB"], labelScale: 2, background: 0, gap: 0 });
  expect([dark.width, dark.height]).toEqual([22, 1 + 22]);
  expect([2, 3, 4, 5].map((x) => pixel(dark, x, 5)[0])).toEqual([255, 255, 255, 255]);
  expect(pixel(dark, 1, 5)[0]).toBe(0);
});

test("the font has what names of kernels need", () => {
  const drawn = (text: string): string => {
    const pixels: string[] = [];
    drawText(text, (x, y) => pixels.push(`${x},${y}`));
    return pixels.join(" ");
  };
  const missing = drawn("\u{1f600}");
  const all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:-+=()/%°'!?#_[]<>*×";
  const shapes = [...all].map(drawn);
  for (const shape of shapes) expect(shape).not.toBe(missing);
  expect(new Set(shapes).size).toBe(all.length);
  expect(drawn(" ")).toBe("");
  for (const { label } of Object.values(image.KERNELS))
    for (const c of label) expect(drawn(c)).not.toBe(missing);
  // Names of objects are no glyphs.
  expect(drawn("constructor").length).toBeGreaterThan(100);
});

test("strange calls are refused", () => {
  const tile = gray([1]);
  expect(() => image.montage([])).toThrow("montage: the list of images is empty");
  expect(() => image.montage(tile as never)).toThrow("montage: images is");
  expect(() => image.montage([tile, null] as never)).toThrow("montage: images[1] is null");
  expect(() => image.montage([[[1, 2], [3]]])).toThrow("montage: images[0] is");
  expect(() => image.montage([tile], { labels: ["a", "b"] })).toThrow(
    "montage: there are 2 labels but 1 images",
  );
  expect(() => image.montage([tile], { labels: [3] } as never)).toThrow("montage: labels[0] is 3");
  expect(() => image.montage([tile], { background: [1, 2] } as never)).toThrow(
    "montage: background is [1,2]",
  );
  expect(() => image.montage([tile], { background: 256 })).toThrow("montage: background is 256");
  expect(() => image.montage([tile], { scale: 0 })).toThrow("montage: scale is 0");
  expect(() => image.montage([tile], { scale: 65535 })).toThrow("montage: the width of the sheet is 65543");
  expect(() => image.montage([tile], { colorMap: "jet" } as never)).toThrow(
    '"gray", "viridis", "magma" or "coolwarm"',
  );
  expect(() => image.montage([tile], { range: [3, 3] })).toThrow("its first must be the lesser");
  expect(() => image.montage([tile], { range: "minmax" } as never)).toThrow(ArgumentError);
  expect(() => image.colorMap({ data: new Uint8Array(3), width: 1, height: 1 }, "magma")).toThrow(ShapeError);
  for (const bad of [null, 3, "x", {}, { data: new Uint8Array(5), width: 2, height: 3 }])
    expect(() => image.colorMap(bad as never, "gray")).toThrow(ConvolithError);
});
