// Augmentation: what each step does, that seeds give the same numbers on every host, and that a network learns from it.
import { expect, test } from "vitest";
import { ConvolithError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { randomOf } from "../src/image/random.ts";
import { adam, conv2d, createEngine, dense, flatten, sequential } from "../src/index.ts";
import { binary } from "./harness.ts";

function photo(width: number, height: number, channels: number, float = false): image.Image {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => ((i * 37) % 200) + 20);
  return { data: float ? Float32Array.from(data) : data, width, height, channels };
}

const run = (step: image.Augmentation, x: image.Image, seed = 0, index = 0): image.Image =>
  image.augment([step], { seed })(x, index);

test("random numbers are the same everywhere", () => {
  const random = randomOf(1, 2, 3);
  expect([random(), random(), random.integer(1000)]).toEqual([0.8781322701834142, 0.8078629437368363, 391]);
});

test("random numbers are uniform, and streams do not depend on one another", () => {
  const n = 1e5;
  const random = randomOf(42, 0, 0);
  const counts = new Array<number>(16).fill(0);
  let [sum, product, last] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const v = random();
    if (!(v >= 0 && v < 1)) expect(v).toBe(0.5);
    counts[Math.floor(v * 16)]++;
    sum += v;
    product += (v - 0.5) * (last - 0.5);
    last = v;
  }
  // Chi-squared with 15 degrees of freedom: above 37.7 once in a thousand seeds.
  const chi = counts.reduce((s, c) => s + (c - n / 16) ** 2 / (n / 16), 0);
  expect(chi).toBeLessThan(37.7);
  expect(Math.abs(sum / n - 0.5)).toBeLessThan(4 / Math.sqrt(12 * n));
  expect(Math.abs(product / n)).toBeLessThan(4 / 12 / Math.sqrt(n));
  // First numbers of neighbouring streams.
  let across = 0;
  const first = (i: number, j: number): number => randomOf(7, i, j)() - 0.5;
  for (let i = 0; i < 1e4; i++) across += first(i, 0) * first(i + 1, 0) + first(i, 0) * first(i, 1);
  expect(Math.abs(across / 2e4)).toBeLessThan(4 / 12 / Math.sqrt(1e4));
  const distinct = new Set<number>();
  for (let i = 0; i < 300; i++)
    for (let j = 0; j < 3; j++) for (const seed of [0, 1, -1, 2 ** 40]) distinct.add(randomOf(seed, i, j)());
  expect(distinct.size).toBe(3600);
});

test("the same seed and index give the same image, in any order; others do not", () => {
  const steps = [
    image.randomCrop({ width: 7, height: 6, padding: 2 }),
    image.randomFlip(),
    image.randomContrast(),
  ];
  const images = Array.from({ length: 20 }, () => photo(7, 6, 3));
  const augmented = image.augment(steps, { seed: 9 });
  const all = augmented(images, 100);
  expect(image.augment(steps, { seed: 9 })(images[3], 103)).toEqual(all[3]);
  expect(augmented(images, 100)).toEqual(all);
  // Without an index it counts on.
  expect(augmented(images[0])).toEqual(augmented(images[0], 120));
  expect(augmented(images[0])).toEqual(augmented(images[0], 121));
  expect(image.augment(steps)(images)).toEqual(image.augment(steps)(images, 0));
  const others = image.augment(steps, { seed: 10 })(images, 100);
  expect(
    others.filter((x, i) => Buffer.compare(Buffer.from(x.data), Buffer.from(all[i].data)) === 0).length,
  ).toBeLessThan(3);
});

test("how much a step draws changes nothing for those after it", () => {
  const greedy: image.Augmentation = (x, random) => {
    for (let i = 0; i < 10; i++) random();
    return x;
  };
  const idle: image.Augmentation = (x) => x;
  const flip = image.randomBrightness({ amount: 0.9 });
  expect(image.augment([greedy, flip])(photo(5, 5, 3), 4)).toEqual(
    image.augment([idle, flip])(photo(5, 5, 3), 4),
  );
});

test("randomCrop takes every place", () => {
  const x = photo(4, 3, 1);
  const places = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const { data, width, height } = run(image.randomCrop({ width: 3, height: 2, padding: 1 }), x, 0, i);
    expect([width, height]).toEqual([3, 2]);
    places.add(Array.from(data).join());
  }
  expect(places.size).toBe(4 * 4);
  const padded = image.pad(x, { size: 1 });
  for (let px = 0; px < 4; px++)
    for (let py = 0; py < 4; py++)
      expect(places).toContain(
        Array.from(image.crop(padded, { x: px, y: py, width: 3, height: 2 }).data).join(),
      );
  const border = run(image.randomCrop({ width: 6, height: 5, padding: 1, border: "replicate" }), x);
  expect(border.data).toEqual(image.pad(x, { size: 1, border: "replicate" }).data);
});

test("randomFlip flips as often as told", () => {
  const x = photo(5, 4, 3);
  const flipped = (options: image.RandomFlipOptions, like: image.Image): number =>
    Array.from({ length: 1000 }, (_, i) => run(image.randomFlip(options), x, 3, i)).filter(
      ({ data }) => Buffer.compare(Buffer.from(data), Buffer.from(like.data)) === 0,
    ).length;
  expect(Math.abs(flipped({}, image.flip(x)) - 500)).toBeLessThan(65);
  expect(flipped({ axis: "vertical", probability: 1 }, image.flip(x, { axis: "vertical" }))).toBe(1000);
  expect(flipped({ probability: 0 }, x)).toBe(1000);
});

test("randomRotation: bilinear, about the middle, counterclockwise above 0", () => {
  const half: image.Augmentation = (x, random) =>
    image.randomRotation({ angle: Math.PI / 2 })(
      x,
      Object.assign(() => 1, { integer: random.integer }),
    );
  const x = photo(6, 6, 3, true);
  const turned = run(half, x);
  const wanted = image.rotate90(x);
  turned.data.forEach((v, i) => {
    expect(Math.abs(v - wanted.data[i])).toBeLessThan(1e-3);
  });
  expect(run(image.randomRotation({ angle: 0 }), x)).toEqual(x);
  for (const channels of [1, 2, 3, 4]) {
    const p = photo(9, 7, channels, true);
    for (const border of ["zeros", "replicate", "reflect"] as const) {
      const random = Object.assign(() => 0.8, { integer: () => 0 });
      const made = image.randomRotation({ angle: 0.5, border })(p, random);
      const wide = image.pad(p, { size: 9, border });
      const angle = 0.3;
      for (let y = 0; y < 7; y++)
        for (let px = 0; px < 9; px++)
          for (let c = 0; c < channels; c++) {
            const u = (px - 4) * Math.cos(angle) - (y - 3) * Math.sin(angle) + 4;
            const v = (px - 4) * Math.sin(angle) + (y - 3) * Math.cos(angle) + 3;
            const at = (a: number, b: number): number =>
              wide.data[((b + 9) * wide.width + a + 9) * channels + c];
            const [l, t] = [Math.floor(u), Math.floor(v)];
            const [s, w] = [u - l, v - t];
            const value =
              (1 - w) * ((1 - s) * at(l, t) + s * at(l + 1, t)) +
              w * ((1 - s) * at(l, t + 1) + s * at(l + 1, t + 1));
            const d = made.data[(y * 9 + px) * channels + c] - value;
            if (!(Math.abs(d) < 1e-3)) expect(d).toBe(0);
          }
    }
  }
});

test("brightness and contrast change colours within their amounts, and no alpha", () => {
  const x = photo(6, 5, 4, true);
  const gray = (p: image.Image): number => {
    let sum = 0;
    for (let i = 0; i < p.data.length; i += 4)
      sum += 0.299 * p.data[i] + 0.587 * p.data[i + 1] + 0.114 * p.data[i + 2];
    return sum / (p.data.length / 4);
  };
  const factors: number[] = [];
  for (let i = 0; i < 300; i++) {
    const bright = run(image.randomBrightness({ amount: 0.4 }), x, 0, i);
    const factor = bright.data[0] / x.data[0];
    factors.push(factor);
    const contrast = run(image.randomContrast({ amount: 0.4 }), x, 0, i);
    expect(gray(contrast)).toBeCloseTo(gray(x), 3);
    const spread = (contrast.data[0] - gray(x)) / (x.data[0] - gray(x));
    expect(spread > 0.599 && spread < 1.401).toBe(true);
    x.data.forEach((v, j) => {
      const wanted = j % 4 === 3 ? v : v * factor;
      if (!(Math.abs(bright.data[j] - wanted) < 1e-3)) expect(bright.data[j]).toBe(wanted);
      if (j % 4 === 3 && contrast.data[j] !== v) expect(contrast.data[j]).toBe(v);
    });
  }
  expect(Math.min(...factors)).toBeGreaterThan(0.599);
  expect(Math.min(...factors)).toBeLessThan(0.62);
  expect(Math.max(...factors)).toBeGreaterThan(1.38);
  const bytes = run(image.randomBrightness({ amount: 100 }), photo(3, 3, 1), 1, 0);
  expect(bytes.data).toBeInstanceOf(Uint8Array);
});

test("cutout fills a square around any pixel, and no alpha", () => {
  const x = photo(8, 6, 4);
  const seen = new Set<number>();
  for (let i = 0; i < 400; i++) {
    const { data } = run(image.cutout({ size: 3, value: 7 }), x, 0, i);
    const filled: number[] = [];
    for (let p = 0; p < 48; p++) {
      if (data[4 * p + 3] !== x.data[4 * p + 3]) expect(p).toBe(-1);
      if (data[4 * p] === 7) filled.push(p);
      else if ([0, 1, 2].some((c) => data[4 * p + c] !== x.data[4 * p + c])) expect(p).toBe(-1);
    }
    const [columns, rows] = [new Set(filled.map((p) => p % 8)), new Set(filled.map((p) => p >> 3))];
    expect(filled.length).toBe(columns.size * rows.size);
    expect(columns.size <= 3 && rows.size <= 3 && filled.length >= 4).toBe(true);
    seen.add(filled[0]);
  }
  expect(seen.size).toBeGreaterThan(20);
  expect(run(image.cutout({ size: 3, probability: 0 }), x)).toEqual(x);
});

test("images are left as they were, and keep their kind", () => {
  const steps = [
    image.randomCrop({ width: 5, height: 5, padding: 1 }),
    image.randomFlip({ probability: 1 }),
    image.randomRotation({ angle: 1 }),
    image.randomBrightness(),
    image.randomContrast(),
    image.cutout({ size: 2 }),
  ];
  for (const Kind of [Uint8Array, Uint8ClampedArray, Float32Array]) {
    const x = { ...photo(5, 5, 3), data: Kind.from(photo(5, 5, 3).data) };
    const before = x.data.slice();
    const made = image.augment(steps)(x);
    expect(x.data).toEqual(before);
    expect(made.data).toBeInstanceOf(Kind);
    expect(made.data).not.toEqual(before);
  }
});

test("fit learns from augmented batches", async () => {
  const engine = await createEngine({ wasm: binary("simd"), deterministic: true });
  // Bright above or bright below: cutouts and noise leave that.
  const n = 64;
  const images = Array.from({ length: n }, (_, i) => {
    const data = Uint8Array.from(
      { length: 64 },
      (_, p) => (p < 32 === (i % 2 === 0) ? 200 : 40) + ((p * i) % 30),
    );
    return { data, width: 8, height: 8, channels: 1 };
  });
  const labels = Uint8Array.from(images, (_, i) => i % 2);
  const augmented = image.augment(
    [
      image.randomCrop({ width: 8, height: 8, padding: 1 }),
      image.randomFlip(),
      image.randomBrightness(),
      image.cutout({ size: 3 }),
    ],
    { seed: 5 },
  );
  let epoch = 0;
  function* batches() {
    const first = n * epoch++;
    for (let from = 0; from < n; from += 16)
      yield {
        x: image.toArray(augmented(images.slice(from, from + 16), first + from)),
        y: labels.subarray(from, from + 16),
      };
  }
  const model = sequential(
    [8, 8, 1],
    [conv2d({ filters: 4, kernel: 3, activation: "relu" }), flatten(), dense({ units: 2 })],
  );
  const trained = async (): Promise<number[]> => {
    epoch = 0;
    const net = engine.compile(model, { seed: 1 });
    const history = await net.fit(batches, {
      epochs: 6,
      loss: "softmaxCrossEntropy",
      optimizer: adam({ learningRate: 0.02 }),
    });
    const accuracy = net.evaluate({ x: image.toArray(images), y: labels });
    expect(accuracy.accuracy).toBe(1);
    net.dispose();
    return history.map(({ loss }) => loss);
  };
  const losses = await trained();
  expect(losses.at(-1)!).toBeLessThan(losses[0] / 4);
  expect(await trained()).toEqual(losses);
  engine.dispose();
});

test("strange calls are refused", () => {
  const x = photo(4, 3, 3);
  expect(() => image.augment(null as never)).toThrow("augment: steps is null");
  expect(() => image.augment([3] as never)).toThrow("augment: steps[0] is 3");
  expect(() => image.augment([], { seed: 0.5 })).toThrow("augment: seed is 0.5");
  expect(() => image.augment([])(x, -1)).toThrow("augment: index is -1");
  expect(() => image.augment([])([x, null] as never)).toThrow("augment: images[1] is null");
  expect(() => image.augment([() => null as never])(x)).toThrow(
    "augment, steps[0]: what it returned is null",
  );
  expect(() => image.augment([image.randomCrop({ width: 9, height: 1 })])(x)).toThrow(
    "randomCrop: 9 x 1 pixels do not fit into 4 x 3",
  );
  expect(() => image.randomCrop({} as never)).toThrow("randomCrop: width is missing");
  expect(() => image.randomCrop({ width: 0, height: 1 })).toThrow("randomCrop: width is 0");
  expect(() => image.randomFlip({ probability: 1.1 })).toThrow("randomFlip: probability is 1.1");
  expect(() => image.randomRotation({} as never)).toThrow("randomRotation: angle is missing");
  expect(() => image.randomRotation({ angle: 15 })).toThrow(
    "randomRotation: angle is 15 but must be an angle in radians from 0 to π",
  );
  expect(() => image.randomBrightness({ amount: -1 })).toThrow("randomBrightness: amount is -1");
  expect(() => image.randomContrast({ amount: Number.NaN })).toThrow("randomContrast: amount is NaN");
  expect(() => image.cutout({ size: 0 })).toThrow("cutout: size is 0");
  expect(() => image.cutout({ size: 2, value: Infinity })).toThrow("cutout: value is Infinity");
  for (const bad of [null, 3, {}, { data: new Uint8Array(2), width: 3, height: 3 }])
    expect(() => image.augment([])(bad as never)).toThrow(ConvolithError);
});
