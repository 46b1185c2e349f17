// Images to tensors and back: values, layouts, refusals.
import { expect, test } from "vitest";
import { ArgumentError, ConvolithError, ShapeError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { conv2d, createEngine, sequential } from "../src/index.ts";
import { binary } from "./harness.ts";

const engine = await createEngine({ wasm: binary("simd") });

function photo(width: number, height: number, channels: number, from = 0): image.Image<Uint8Array> {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + from) & 255);
  return { data, width, height, channels };
}

const whole = photo(256, 1, 1);
whole.data.forEach((_, i) => {
  whole.data[i] = i;
});

test("ranges", () => {
  const made = (range?: image.ValueRange) => Array.from(image.toArray(whole, { range }));
  expect(made()).toEqual(Array.from(whole.data, (v) => Math.fround(v / 255)));
  made("-1..1").forEach((v, i) => {
    expect(Math.abs(v - (i / 127.5 - 1))).toBeLessThan(1e-7);
  });
  expect(made("0..255")).toEqual(Array.from(whole.data));
});

test.each(["0..1", "-1..1", "0..255"] as const)("every byte survives %s and back", (range) => {
  for (const layout of ["nhwc", "nchw"] as const) {
    const options = { range, layout, mean: 0.45, std: 0.225 };
    const images = [photo(4, 3, 3), photo(4, 3, 3, 91), whole].slice(0, 2);
    const batch = image.toTensor(engine, images, options);
    expect(image.imagesFromTensor(batch, options)).toEqual(images);
    expect(image.fromTensor(batch, { ...options, index: 1 })).toEqual(images[1]);
    batch.dispose();
  }
  const one = image.toTensor(engine, whole, { range });
  expect(one.shape).toEqual([1, 256, 1]);
  expect(image.fromTensor(one, { range })).toEqual(whole);
  one.dispose();
});

test("layouts and batches", () => {
  const images = [photo(5, 2, 3), photo(5, 2, 3, 7)];
  const [last, first] = (["nhwc", "nchw"] as const).map((layout) =>
    image.toTensor(engine, images, { layout }),
  );
  expect(last.shape).toEqual([2, 2, 5, 3]);
  expect(first.shape).toEqual([2, 3, 2, 5]);
  const [a, b] = [last.data(), first.data()];
  for (let n = 0; n < 2; n++)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 5; x++)
        for (let c = 0; c < 3; c++) {
          const v = Math.fround(images[n].data[(y * 5 + x) * 3 + c] / 255);
          expect(a[((n * 2 + y) * 5 + x) * 3 + c]).toBe(v);
          expect(b[((n * 3 + c) * 2 + y) * 5 + x]).toBe(v);
        }
  expect(image.toArray(images, { layout: "nchw" })).toEqual(b);
  const shapes = [
    [{ batch: true }, [1, 2, 5, 3]],
    [{ batch: true, layout: "nchw" }, [1, 3, 2, 5]],
    [{ layout: "nchw" }, [3, 2, 5]],
  ] as const;
  for (const [options, shape] of shapes) {
    const made = image.toTensor(engine, images[0], options);
    expect(made.shape).toEqual(shape);
    made.dispose();
  }
  last.dispose();
  first.dispose();
  expect(engine.memory.live).toBe(0);
});

test("mean and std by channel are torchvision's", () => {
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const p = photo(4, 4, 3);
  const wanted = Array.from(p.data, (v, i) => (v / 255 - mean[i % 3]) / std[i % 3]);
  const near = (made: ArrayLike<number>, values: readonly number[]) => {
    expect(made.length).toBe(values.length);
    values.forEach((v, i) => {
      expect(Math.abs(made[i] - v)).toBeLessThan(1e-6);
    });
  };
  near(image.toArray(p, { mean, std }), wanted);
  near(image.normalize(engine, p, { mean, std }).data, wanted);
  const gray = photo(3, 2, 1);
  near(
    image.normalize(engine, gray, { mean: 0.5, std: 0.5 }).data,
    Array.from(gray.data, (v) => v / 127.5 - 1),
  );
  const rgba = photo(3, 2, 4);
  const alpha = (v: number, i: number) => (i % 4 === 3 ? v / 255 : (v / 255 - mean[i % 4]) / std[i % 4]);
  near(image.normalize(engine, rgba, { mean, std }).data, Array.from(rgba.data, alpha));
  near(
    image.normalize(engine, rgba, { mean: 0.5 }).data,
    Array.from(rgba.data, (v, i) => v / 255 - (i % 4 === 3 ? 0 : 0.5)),
  );
  near(
    image.normalize(engine, rgba, { mean: [0, 0, 0, 1] }).data,
    Array.from(rgba.data, (v, i) => v / 255 - (i % 4 === 3 ? 1 : 0)),
  );
});

test("normalize of a tensor is a tensor", () => {
  const tensor = image.toTensor(engine, photo(2, 2, 3), { range: "0..255" });
  const made = image.normalize(engine, tensor, { mean: 0.5 });
  expect(made.data()).toEqual(image.normalize(engine, photo(2, 2, 3), { mean: 0.5 }).data);
  made.dispose();
  tensor.dispose();
});

test("channels: alpha is left out, gray repeated", () => {
  const rgba = photo(3, 2, 4);
  const rgb = Array.from(rgba.data).filter((_, i) => i % 4 !== 3);
  expect(Array.from(image.toArray(rgba, { channels: 3, range: "0..255" }))).toEqual(rgb);
  const gray = photo(3, 1, 2);
  expect(Array.from(image.toArray(gray, { channels: 3, range: "0..255" }))).toEqual(
    [0, 0, 0, 2, 2, 2, 4, 4, 4].map((i) => gray.data[i]),
  );
  expect(Array.from(image.toArray(gray, { channels: 1, range: "0..255" }))).toEqual(
    [0, 2, 4].map((i) => gray.data[i]),
  );
  expect(() => image.toArray(rgba, { channels: 1 })).toThrow("images of 4 channels cannot become 1");
});

test("what a network takes, and what it gives", () => {
  const net = engine.compile(
    sequential([4, 5, 3], [conv2d({ filters: 3, kernel: 1, bias: false, name: "c" })]),
    {
      weights: { "c.kernel": Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1) },
    },
  );
  const images = [photo(5, 4, 3), photo(5, 4, 3, 77)];
  const y = net.predict(image.toArray(images));
  expect(image.imagesFromTensor({ data: y, shape: [2, 4, 5, 3] })).toEqual(images);
  const x = image.toTensor(engine, images);
  const made = net.predict(x);
  expect(image.imagesFromTensor(made)).toEqual(images);
  made.dispose();
  x.dispose();
  net.dispose();
});

test("fromTensor rounds to even and saturates, or leaves floats", () => {
  const data = Float32Array.of(-3, 0.5, 1.5, 2.5, 300, Number.NaN);
  const values = { data, shape: [1, 6, 1] };
  expect(Array.from(image.fromTensor(values, { range: "0..255" }).data)).toEqual([0, 0, 2, 2, 255, 0]);
  expect(image.fromTensor(values, { range: "0..255", float: true }).data).toEqual(data);
});

test("strange calls are refused", () => {
  const p = photo(4, 3, 3);
  expect(() => image.toArray([p, photo(3, 4, 3)])).toThrow(
    "toArray: image 1 has 3 x 4 pixels of 3 channels but image 0 has 4 x 3 of 3",
  );
  expect(() => image.toArray([])).toThrow("toArray: the list of images is empty");
  expect(() => image.toArray(p, { mean: [1, 2] })).toThrow(
    "toArray: mean has 2 numbers but there are 3 channels",
  );
  expect(() => image.toArray(p, { std: [1, 0, 1] })).toThrow(
    "toArray: std is 0 but must be a number other than 0",
  );
  expect(() => image.toArray(p, { range: "0..2" } as never)).toThrow("toArray: range is");
  expect(() => image.toArray(p, { batch: true } as never)).toThrow("toArray: there is no option");
  expect(() => image.toTensor(engine, [p, null] as never)).toThrow(ArgumentError);
  expect(() => image.toTensor({} as never, p)).toThrow("toTensor: the engine is");
  expect(() => image.normalize(engine, p, { mean: [1] })).toThrow(ShapeError);
  const batch = { data: new Float32Array(24), shape: [2, 2, 2, 3] };
  expect(() => image.fromTensor(batch)).toThrow("fromTensor: the batch has 2 images");
  expect(() => image.fromTensor(batch, { index: 2 })).toThrow("fromTensor: index is 2");
  expect(() => image.fromTensor({ data: [1, 2], shape: [1, 1, 3] })).toThrow("2 values for shape [1,1,3]");
  expect(() => image.fromTensor({ data: new Float32Array(5), shape: [1, 1, 5] })).toThrow(
    "of 1 to 4 channels",
  );
  expect(() => image.fromTensor({ data: new Float32Array(4), shape: [4] })).toThrow(ShapeError);
  for (const bad of [
    null,
    3,
    {},
    { data: 3, shape: [1, 1, 1] },
    { data: [1], shape: "x" },
    { data: ["1"], shape: [1, 1, 1] },
  ])
    expect(() => image.fromTensor(bad as never)).toThrow(ConvolithError);
  expect(engine.memory.live).toBe(0);
});
