// Batches that come one by one, pulled ahead and gathered; and batches whose images are mixed.
import { afterAll, describe, expect, it } from "vitest";
import {
  adam,
  type Batches,
  concat,
  conv2d,
  createEngine,
  cutmix,
  dense,
  flatten,
  input,
  mixup,
  model,
  type Network,
  type Samples,
  sequential,
  sgd,
} from "../src/index.ts";
import { beta, permutation, randomOf } from "../src/training/random.ts";
import { expectWithin } from "./tolerance.ts";

const engine = await createEngine();
afterAll(() => engine.dispose());

const train = { loss: "softmaxCrossEntropy", optimizer: adam({ learningRate: 0.05 }) } as const;
const compiled = (): Network =>
  engine.compile(sequential([2, 2, 1], [flatten(), dense({ units: 3 })]), { seed: 1 });
const data = (n: number, phase = 0) => ({
  x: Float32Array.from({ length: n * 4 }, (_, i) => Math.sin(i * 1.7 + phase)),
  y: Uint8Array.from({ length: n }, (_, i) => (i * 5 + phase) % 3),
});
const bits = (net: Network): string =>
  String(Object.values(net.weights).map((w) => new Uint32Array(w.buffer)));
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("prefetch", () => {
  it("pulls so many batches ahead, in order, and trains on the same", async () => {
    const log: string[] = [];
    async function* batches(): AsyncGenerator<Samples> {
      try {
        for (let i = 0; i < 6; i++) {
          log.push(`pull ${i}`);
          yield data(4, i);
        }
      } finally {
        log.push("end");
      }
    }
    using plain = compiled();
    await plain.fit(batches, train);
    log.length = 0;
    using net = compiled();
    await net.fit(batches, {
      ...{ ...train, prefetch: 2 },
      onBatch: async ({ batch }) => {
        await turn();
        log.push(`step ${batch}`);
      },
    });
    expect(bits(net)).toBe(bits(plain));
    expect(log.slice(0, 4)).toEqual(["pull 0", "pull 1", "pull 2", "step 0"]);
    expect(log.slice(4, 6)).toEqual(["pull 3", "step 1"]);
    expect(log.filter((entry) => entry === "end").length).toBe(1);
    expect(log.at(-1)).toBe("step 5");
  });

  it("ends the source where training ends, and passes its errors on", async () => {
    let ended = 0;
    async function* endless(): AsyncGenerator<Samples> {
      try {
        for (;;) yield data(2);
      } finally {
        ended++;
      }
    }
    using net = compiled();
    const stop = (): never => {
      throw new Error("mine");
    };
    await expect(net.fit(endless, { ...train, prefetch: 3, onBatch: stop })).rejects.toThrow("mine");
    expect(ended).toBe(1);
    async function* broken(): AsyncGenerator<Samples> {
      yield data(2);
      yield data(2);
      throw new Error("theirs");
    }
    const seen: number[] = [];
    const fitted = net.fit(broken, { ...train, prefetch: 9, onBatch: ({ batch }) => void seen.push(batch) });
    await expect(fitted).rejects.toThrow("theirs");
    expect(seen).toEqual([0, 1]);
    await net.fit([Promise.resolve(data(2)), data(3)] as unknown as Batches, { ...train, prefetch: 4 });
    await expect(net.fit(endless, { ...train, prefetch: 1.5 })).rejects.toThrow("prefetch is 1.5");
  });
});

describe("rebatch", () => {
  it("gathers and cuts batches to one size", async () => {
    const sizes = [3, 1, 10, 2, 2, 5];
    const whole = data(23);
    let from = 0;
    const parts = sizes.map((n, i) => {
      const part = {
        x: whole.x.slice(from * 4, (from + n) * 4),
        // Arrays of several kinds.
        y: i % 2 ? Array.from(whole.y.slice(from, from + n)) : whole.y.slice(from, from + n),
        weight: Float32Array.from({ length: n }, (_, k) => 1 + ((from + k) % 4)),
      };
      from += n;
      return part;
    });
    using net = compiled();
    using same = compiled();
    const batches: (number | undefined)[] = [];
    await net.fit(parts, {
      ...{ ...train, rebatch: true, batchSize: 5 },
      onBatch: ({ batch, batches: of }) => void batches.push(batch, of),
    });
    const weight = Float32Array.from({ length: 23 }, (_, k) => 1 + (k % 4));
    await same.fit({ ...whole, weight }, { ...train, batchSize: 5, shuffle: false });
    expect(bits(net)).toBe(bits(same));
    expect(batches.filter((_, i) => i % 2 === 0)).toEqual([0, 1, 2, 3, 4]);
    // Rows of probabilities do not go with classes.
    using mixed = compiled();
    let steps = 0;
    const rows = { x: data(2).x, y: Float32Array.of(1, 0, 0, 0, 1, 0) };
    await mixed.fit([data(3), rows, rows], {
      ...train,
      rebatch: true,
      batchSize: 8,
      onBatch: () => void steps++,
    });
    expect(steps).toBe(2);
  });
});

describe("mixup and cutmix", () => {
  const classesOf = (y: ArrayLike<number>, classes = 3): number[][] =>
    Array.from({ length: y.length / classes }, (_, i) => Array.from(y).slice(i * classes, (i + 1) * classes));
  const all = async (batches: AsyncIterable<Samples>): Promise<{ x: Float32Array; y: Float32Array }[]> => {
    const list: { x: Float32Array; y: Float32Array }[] = [];
    for await (const batch of batches) list.push(batch as { x: Float32Array; y: Float32Array });
    return list;
  };

  it("blend images and labels with the same share", async () => {
    // An image's values tell its class, so that a blend of images tells the blend of labels.
    const y = Uint8Array.from({ length: 50 }, (_, i) => i % 3);
    const x = Float32Array.from({ length: 200 }, (_, i) => Number(y[i >> 2] === i % 4));
    const batches = await all(mixup({ x, y }, { classes: 3, alpha: 0.4, batchSize: 16, seed: 3 })(0));
    expect(batches.map((batch) => batch.y.length / 3)).toEqual([16, 16, 16, 2]);
    const shares = new Set<string>();
    for (const batch of batches)
      classesOf(batch.y).forEach((row, i) => {
        expectWithin(batch.x.slice(i * 4, i * 4 + 3), row, 1e-6);
        expectWithin([row.reduce((a, b) => a + b)], [1], 1e-6);
        if (Math.max(...row) < 1) shares.add(Math.max(...row).toFixed(4));
      });
    expect(shares.size).toBeGreaterThan(1);
    expect(shares.size).toBeLessThanOrEqual(4);
  });

  it("put boxes of other images in, and as much of their labels", async () => {
    const side = 8;
    const y = Uint8Array.from({ length: 40 }, (_, i) => i % 3);
    const x = Float32Array.from(
      { length: 40 * side * side * 2 },
      (_, i) => y[Math.floor(i / (side * side * 2))],
    );
    const options = { classes: 3, shape: [side, side, 2], batchSize: 10 } as const;
    let cut = 0;
    for (const batch of await all(cutmix({ x, y }, options)(0)))
      classesOf(batch.y).forEach((row, i) => {
        const image = batch.x.slice(i * side * side * 2, (i + 1) * side * side * 2);
        const parts = [0, 1, 2].map((value) => image.filter((v) => v === value).length / image.length);
        expectWithin(parts, row, 1e-6);
        cut += Number(Math.max(...row) < 1);
      });
    expect(cut).toBeGreaterThan(5);
    expect(() => cutmix({ x, y }, { ...options, shape: [8, 4, 2] })).toThrow(
      "cutmix: images have 128 values but 64, shape [8,4,2], are expected",
    );
  });

  it("mix all inputs and outputs alike, and labels of pixels with their pixels", async () => {
    type Named = Record<string, Float32Array>;
    const [images, side] = [24, 4];
    // All values of an image tell its class, and of an output's labels, too.
    const kinds = Array.from({ length: images }, (_, i) => i % 3);
    const filled = (size: number, of = (kind: number) => kind): Float32Array =>
      Float32Array.from({ length: images * size }, (_, i) => of(kinds[Math.floor(i / size)]));
    const given = {
      x: {
        photo: filled(side * side * 2, (kind) => kind + 1),
        depth: filled(side * side, (kind) => kind + 1),
      },
      y: { label: kinds, map: filled(side * side), value: filled(2, (kind) => kind * 10 + 10) },
    };
    const options = {
      classes: { label: 3, map: 3, value: 2 },
      targets: { label: "indices", map: "indices", value: "rows" },
      pixels: { label: 1, map: side * side, value: 1 },
      ...{ batchSize: 8, seed: 5 },
    } as const;
    const mean = (row: ArrayLike<number>): number => row[0] + 2 * row[1] + 3 * row[2];
    let [blends, boxes] = [0, 0];
    for await (const batch of mixup(given, options)()) {
      const [x, y] = [batch.x as Named, batch.y as Named];
      classesOf(y.label).forEach((row, i) => {
        const of = (values: Float32Array): number[] => {
          const size = values.length / 8;
          return [...values.subarray(i * size, (i + 1) * size)];
        };
        const want = mean(row);
        for (const values of [of(x.photo), of(x.depth)])
          expectWithin(
            values,
            values.map(() => want),
            1e-6,
          );
        expectWithin(of(y.value), [10 * want, 10 * want], 1e-5);
        for (const pixel of classesOf(Float32Array.from(of(y.map)))) expectWithin(pixel, row, 1e-6);
        blends += Number(Math.max(...row) < 1);
      });
    }
    const shape = { photo: [side, side, 2], depth: [side, side, 1] } as const;
    for await (const batch of cutmix(given, { ...options, shape })()) {
      const [x, y] = [batch.x as Named, batch.y as Named];
      expect(y.map.map((kind) => kind + 1)).toEqual(x.depth);
      expect(x.photo).toEqual(Float32Array.from({ length: 8 * 32 }, (_, i) => y.map[i >> 1] + 1));
      classesOf(y.label).forEach((row, i) => {
        const map = y.map.subarray(i * 16, (i + 1) * 16);
        expectWithin(
          [0, 1, 2].map((kind) => map.filter((v) => v === kind).length / 16),
          row,
          1e-6,
        );
        expectWithin(y.value.subarray(i * 2, i * 2 + 2), [10 * mean(row), 10 * mean(row)], 1e-5);
        boxes += Number(Math.max(...row) < 1);
      });
    }
    expect(Math.min(blends, boxes)).toBeGreaterThan(5);
    // A network of such inputs and outputs learns from both.
    const photo = input([side, side, 2], { name: "photo" });
    const depth = input([side, side, 1], { name: "depth" });
    const map = conv2d({ filters: 3, kernel: 1, name: "map" })(concat()(photo, depth));
    const flat = flatten()(map);
    const label = dense({ units: 3, name: "label" })(flat);
    const value = dense({ units: 2, name: "value" })(flat);
    using net = engine.compile(model({ inputs: [photo, depth], outputs: [label, map, value] }), { seed: 1 });
    const loss = {
      label: "softmaxCrossEntropy",
      map: "softmaxCrossEntropy",
      value: "meanSquaredError",
    } as const;
    for (const batches of [mixup(given, options), cutmix(given, { ...options, shape })])
      expect((await net.fit(batches, { loss, optimizer: sgd(), epochs: 2 })).length).toBe(2);

    const wrong = (options2: object, message: string) =>
      expect(() => mixup(given, { ...options, ...options2 })).toThrow(message);
    wrong({ classes: { label: 3 } }, 'mixup: classes has none for "map"; it has label');
    wrong({ targets: "rows" }, "mixup: x.photo has 768 values and y.value 48");
    wrong({ pixels: 1 }, "y.map 384, which are not those of whole images with one class each");
    wrong({ pixels: { ...options.pixels, map: 0 } }, "pixels.map is 0 but must be an integer");
    const cut = (options2: object, message: string) =>
      expect(() => cutmix(given, { ...options, shape, ...options2 })).toThrow(message);
    cut({ shape: { ...shape, depth: [2, 8, 1] } }, "they must have one height and width");
    cut({ shape: [side, side, 2] }, 'images of "depth" have 16 values but 32, shape [4,4,2], are expected');
    cut({ shape: { photo: shape.photo } }, 'cutmix: shape has none for "depth"; it has photo');
    cut({ pixels: 8 }, "cutmix: pixels is 8 but must be 1, or 16 as images have 4 · 4 pixels");
    expect(() => mixup({ x: [1], y: [0] }, { classes: { a: 3 } })).toThrow(
      "classes is given by name, but there is one",
    );
  });

  it("are the same for the same seed and epoch, others for others, and train", async () => {
    const options = { classes: 3, batchSize: 8 };
    const of = async (seed: number, epoch?: number) =>
      String((await all(mixup(data(20), { ...options, seed })(epoch))).map(({ x }) => x));
    expect(await of(1, 2)).toBe(await of(1, 2));
    expect(await of(1, 2)).not.toBe(await of(1, 3));
    expect(await of(1, 2)).not.toBe(await of(2, 2));
    const batches = mixup(data(20), options);
    const first = String((await all(batches())).map(({ x }) => x));
    expect(String((await all(batches())).map(({ x }) => x))).not.toBe(first);
    expect(String((await all(batches(0))).map(({ x }) => x))).toBe(first);
    using net = compiled();
    using again = compiled();
    await net.fit(mixup(data(20), options), { ...train, epochs: 3 });
    for (let epoch = 0; epoch < 3; epoch++) await again.fit(mixup(data(20), options), train);
    expect(bits(again)).toBe(bits(net));
    // One of the other: rows of labels, and weights of images.
    const weighted = () => [{ ...data(4), weight: [1, 1, 3, 3] }];
    const both = mixup(cutmix(weighted, { classes: 3, shape: [2, 2, 1] }), { classes: 3, targets: "rows" });
    for (const batch of await all(both())) expect(batch.y.length).toBe(12);
    await net.fit(both, { ...train, epochs: 2 });
  });

  it("refuse what they cannot mix", async () => {
    const from = (samples: unknown, options: object = {}) =>
      all(mixup((() => [samples]) as never, { classes: 3, ...options })());
    await expect(from(5)).rejects.toThrow("mixup: the data is 5 but must be { x, y }");
    await expect(from({ x: {}, y: [0] })).rejects.toThrow("x is {} but must be an array, or several by name");
    await expect(from({ x: { a: ["1"] }, y: [0] })).rejects.toThrow('x.a[0] is "1"');
    await expect(from({ x: [1, 2], y: [3, 0] })).rejects.toThrow("y[0] is 3 but must be a class from 0 to 2");
    await expect(from({ x: [1, 2, 3], y: [0, 0] })).rejects.toThrow("mixup: x has 3 values and y 2");
    await expect(from({ x: [1, 2], y: [0, 0] }, { targets: "rows" })).rejects.toThrow("3 labels each");
    await expect(from({ x: [], y: [] })).rejects.toThrow("x has 0 values");
    await expect(from({ x: [1, 2], y: [0, 0], weight: [1] })).rejects.toThrow("weight has 1 values");
    const make = (options: unknown) => () => mixup(data(4), options as never);
    expect(make({})).toThrow("mixup: classes is missing: give { classes: 10 }");
    expect(make({ classes: 3, alpha: 0 })).toThrow("alpha is 0 but must be a number above 0");
    expect(make({ classes: 3, seed: 0.5 })).toThrow("seed is 0.5 but must be an integer");
    expect(() => cutmix(data(4), { classes: 3, shape: [4, 4] as never })).toThrow(
      "cutmix: shape is [4,4] but must be [height, width, channels]",
    );
    expect(() => mixup({ x: [1], y: [7] }, { classes: 3 })).toThrow("y[0] is 7");
  });
});

describe("random numbers", () => {
  it("have the moments of their distributions", () => {
    const random = randomOf(1, 2);
    for (const alpha of [0.05, 0.4, 1, 3]) {
      const drawn = Array.from({ length: 20_000 }, () => beta(alpha, random));
      const mean = drawn.reduce((a, b) => a + b) / drawn.length;
      const variance = drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / drawn.length;
      expect(drawn.every((v) => v >= 0 && v <= 1)).toBe(true);
      expectWithin([mean], [0.5], 0.015);
      expectWithin([variance], [1 / (4 * (2 * alpha + 1))], 0.006);
    }
    const counts = new Float64Array(5);
    for (let i = 0; i < 5000; i++) counts[permutation(5, random)[0]]++;
    expectWithin(counts, [1000, 1000, 1000, 1000, 1000], 120);
  });
});
