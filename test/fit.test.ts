// The life of a training: streams and epochs, what continues bit for bit, callbacks, aborts, evaluation, and calls that are refused.
import { afterAll, describe, expect, expectTypeOf, it } from "vitest";
import { ArgumentError, ConvolithError, DisposedError, ShapeError } from "../src/errors.ts";
import {
  accuracy,
  adam,
  confusionMatrix,
  conv2d,
  createEngine,
  dense,
  dropout,
  flatten,
  type Network,
  relu,
  resume,
  sequential,
  sgd,
  topK,
} from "../src/index.ts";
import { Program } from "../src/runtime/program.ts";

const engine = await createEngine();
afterAll(() => engine.dispose());

const model = sequential(
  [4, 4, 1],
  [
    conv2d({ filters: 6, kernel: 3, padding: "same", name: "a" }),
    relu(),
    flatten(),
    dropout({ rate: 0.3 }),
    dense({ units: 3, name: "c" }),
  ],
);
const loss = "softmaxCrossEntropy";
const data = (n: number, phase = 0) => ({
  x: Float32Array.from({ length: n * 16 }, (_, i) => Math.sin(i * 1.7 + phase)),
  y: Uint8Array.from({ length: n }, (_, i) => (i * 5 + phase) % 3),
});
const train = { loss, optimizer: adam({ learningRate: 1e-2 }) } as const;
const bits = (net: Network): string =>
  String(Object.values(net.weights).map((w) => new Uint32Array(w.buffer)));
const compiled = (seed = 1): Network => engine.compile(model, { seed });
// biome-ignore lint/suspicious/noExplicitAny: the point is what the types would refuse
const any = (value: unknown) => value as any;
const live = (): number => engine.memory.live;

/** How many programs are made while something runs. */
async function programsMadeBy(act: () => unknown): Promise<number> {
  const { place } = Program.prototype;
  let made = 0;
  Program.prototype.place = function () {
    made++;
    place.call(this);
  };
  try {
    await act();
    return made;
  } finally {
    Program.prototype.place = place;
  }
}

describe("streams", () => {
  it("that are used up are refused before the first step, or where they end", async () => {
    using net = compiled();
    const before = [bits(net), live()];
    function* once() {
      yield data(8);
    }
    const fitWith = (given: unknown, epochs: number) => net.fit(any(given), { ...train, epochs });
    await expect(fitWith(once(), 2)).rejects.toThrow(
      /the data are an iterator, which is used up .* but epochs is 2; give the function/,
    );
    await expect(fitWith([], 1)).rejects.toThrow(
      "fit: the data gave no batch: the iterable is empty, or used up",
    );
    await expect(fitWith(() => 5, 1)).rejects.toThrow(
      "the function given as data returned 5 but must return an iterable",
    );
    const used = once();
    for (const _ of used);
    await expect(fitWith(used, 1)).rejects.toThrow(/gave no batch/);
    expect([bits(net), live()]).toEqual(before);
    // An iterable that says it can begin again, and does not.
    const iterator = once();
    const half = { [Symbol.iterator]: () => ({ next: () => iterator.next() }) };
    await expect(fitWith(half, 3)).rejects.toThrow(
      /gave no batch in epoch 1: an iterable must be able to begin again/,
    );
    expect(net.history.length).toBe(1);
    expect(Number.isFinite(net.history[0].loss)).toBe(true);
    const reports = await fitWith(once, 3);
    expect(reports.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(reports.every((report) => Number.isFinite(report.loss))).toBe(true);
  });

  it("keep the caller's batches, unless a batch size cuts larger ones", async () => {
    using net = compiled();
    const sizes = async (batchSize?: number) => {
      const seen: number[] = [];
      let images = 0;
      await net.fit([data(40), data(7)], {
        ...train,
        batchSize,
        onBatch: ({ batch }) => {
          seen.push(batch);
          images++;
        },
      });
      return [seen.length, images];
    };
    expect(await sizes()).toEqual([2, 2]);
    expect(await sizes(16)).toEqual([4, 4]);
  });

  it("of many batch sizes keep few programs", async () => {
    using net = compiled();
    await net.fit(
      [2, 3, 4, 5].map((n) => data(n)),
      train,
    );
    const few = live();
    await net.fit(
      [2, 3, 4, 5, 4, 3, 2, 5, 3].map((n) => data(n)),
      train,
    );
    expect(live()).toBe(few);
    await net.fit(
      Array.from({ length: 12 }, (_, i) => data(i + 1)),
      train,
    );
    expect(live()).toBeLessThan(2.5 * few);
    const most = live();
    await net.fit(
      Array.from({ length: 12 }, (_, i) => data(12 - i)),
      train,
    );
    await net.fit(
      Array.from({ length: 12 }, (_, i) => data(i + 1)),
      train,
    );
    expect(live()).toBe(most);
  });
});

describe("epochs", () => {
  it("continue over calls of fit, and over a checkpoint, bit for bit", async () => {
    const samples = data(30);
    const options = { ...train, batchSize: 8, seed: 4 };
    using whole = compiled();
    await whole.fit(samples, { ...options, epochs: 4 });
    using parts = compiled();
    for (let i = 0; i < 4; i++) await parts.fit(samples, options);
    expect(parts.history.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
    expect(bits(parts)).toBe(bits(whole));
    using first = compiled();
    let file = first.save();
    await first.fit(samples, {
      ...options,
      epochs: 3,
      onEpoch: ({ epoch }) => {
        if (epoch === 1) file = first.save({ optimizer: true });
      },
    });
    using second = compiled(7);
    resume(second, file);
    // The seed, too, is the checkpoint's.
    const reports = await second.fit(samples, { batchSize: 8, epochs: 2 });
    expect(reports.map(({ epoch }) => epoch)).toEqual([2, 3]);
    expect(bits(second)).toBe(bits(whole));
    using third = compiled();
    await third.fit(samples, { ...options, initialEpoch: 5 });
    using fourth = compiled();
    await fourth.fit(samples, options);
    expect(bits(third)).not.toBe(bits(fourth));
  });

  it("draw order and dropout from the seed", async () => {
    const trained = async (seed: number | undefined, shuffle: boolean, compileSeed = 1): Promise<string> => {
      using net = compiled(1);
      using other = engine.compile(model, { seed: compileSeed, weights: net.weights });
      await other.fit(data(16), { ...train, seed, shuffle, batchSize: 16 });
      return bits(other);
    };
    expect(await trained(1, false)).toBe(await trained(1, false));
    expect(await trained(1, false)).not.toBe(await trained(2, false));
    expect(await trained(undefined, true, 2)).toBe(await trained(2, true));
  });
});

describe("a fit", () => {
  it("waits for callbacks, and rejects with what they throw", async () => {
    using net = compiled();
    const order: string[] = [];
    const slow = (what: string) => async () => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      order.push(what);
    };
    await net.fit(data(4), {
      ...train,
      batchSize: 2,
      epochs: 2,
      onBatch: slow("batch"),
      onEpoch: slow("epoch"),
    });
    expect(order).toEqual(["batch", "batch", "epoch", "batch", "batch", "epoch"]);
    const failing = net.fit(data(4), { ...train, onEpoch: () => Promise.reject(new Error("mine")) });
    await expect(failing).rejects.toThrow("mine");
    await net.fit(data(4), train);
  });

  it("ends in words where a callback disposes of the network, and in peace where it was the last", async () => {
    for (const [options, message] of [
      [{ onBatch: true }, /the network was disposed while it was being trained/],
      [{ onEpoch: true, epochs: 2 }, /the network was disposed/],
      [{ onEpoch: true, epochs: 1 }, undefined],
    ] as const) {
      const before = live();
      const net = compiled();
      const dispose = () => net.dispose();
      const callbacks = { ...("onBatch" in options ? { onBatch: dispose } : { onEpoch: dispose }) };
      const epochs = "epochs" in options ? options.epochs : 1;
      const fitted = net.fit(data(4), { ...train, ...callbacks, epochs, validation: data(2) });
      if (message) {
        await expect(fitted).rejects.toThrow(DisposedError);
        await expect(fitted).rejects.toThrow(message);
      } else expect((await fitted).length).toBe(1);
      expect(live()).toBe(before);
    }
  });

  it("keeps the reports of whole epochs when it is aborted, also while it validates", async () => {
    using net = compiled();
    const stop = new AbortController();
    const fitted = net.fit(data(8), {
      ...train,
      epochs: 100,
      onEpoch: ({ epoch }) => epoch === 2 && stop.abort(new Error("enough")),
      signal: stop.signal,
    });
    await expect(fitted).rejects.toThrow("enough");
    expect(net.history.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    // A signal that comes while a long validation goes on.
    const many = data(200_000);
    const late = new AbortController();
    const { run } = Program.prototype;
    let runs = 0;
    Program.prototype.run = function (executor) {
      runs++;
      run.call(this, executor);
    };
    setTimeout(() => late.abort(new Error("late")), 60);
    const long = net.fit(data(4), { ...train, validation: many, signal: late.signal });
    await expect(long).rejects.toThrow("late");
    Program.prototype.run = run;
    expect(runs).toBeGreaterThan(3);
    // A run of the network and one of the loss for every 64 images would be all of it.
    expect(runs).toBeLessThan((2 * 200_000) / 64);
  });

  it("validates every epoch with the weights of its end", async () => {
    using net = compiled();
    const measured: unknown[] = [];
    const history = await net.fit(data(8), {
      ...{ ...train, epochs: 3, validation: data(70) },
      onEpoch: () => void measured.push(net.evaluate(data(70))),
    });
    expect(history.map(({ validation }) => validation)).toEqual(measured);
  });

  it("compiles its validation once, and leaves nothing of it behind", async () => {
    using net = compiled();
    await net.fit(data(8), train);
    const before = live();
    const made = await programsMadeBy(() => net.fit(data(8), { ...train, epochs: 5, validation: data(70) }));
    // The inference, and the loss of a whole and of the last batch.
    expect(made).toBe(3);
    expect(live()).toBe(before);
  });

  it("and predictions in turn compile nothing", async () => {
    using net = engine.compile(model, { seed: 1, train: { ...train, batchSize: 4 } });
    const [x, { x: image }] = [data(4), data(1)];
    const answers: string[] = [];
    const before = live();
    const made = await programsMadeBy(() => {
      for (let i = 0; i < 4; i++) {
        net.trainStep(x);
        answers.push(String(net.predict(image)));
      }
    });
    expect(made).toBe(0);
    expect(live()).toBe(before);
    expect(new Set(answers).size).toBe(4);
    using fresh = engine.compile(model, { weights: net.weights });
    expect(String(fresh.predict(image))).toBe(answers[3]);
  });
});

describe("evaluate", () => {
  it("needs no optimizer, and leaves one that there is alone, also with another loss and inside a callback", async () => {
    using net = compiled();
    expect(net.evaluate(data(9), { loss })).toHaveProperty("accuracy");
    expect(() => net.evaluate(data(9))).toThrow(
      /evaluate: loss is undefined but must be one of softmaxCrossEntropy/,
    );
    expect(() => net.save({ optimizer: true })).toThrow("no optimizer");
    for (const [options, message] of [
      [null, /save: options are null but must be an object/],
      [{ optimizer: 1 }, /save: optimizer is 1 but must be true or false/],
      [{ optimiser: true }, /save: there is no option "optimiser"; there are optimizer/],
    ] as const) {
      const save = () => net.save(options as unknown as undefined);
      expect(save).toThrow(ArgumentError);
      expect(save).toThrow(message);
    }
    const values = { x: data(9).x, y: new Float32Array(27) };
    const other = () => net.evaluate(values, { loss: "meanSquaredError" });
    using undisturbed = compiled();
    await undisturbed.fit(data(20), { ...train, epochs: 3, batchSize: 8 });
    let seen = 0;
    await net.fit(data(20), {
      ...train,
      epochs: 3,
      batchSize: 8,
      onBatch: () => {
        seen += Number(other().loss > 0);
      },
    });
    expect(seen).toBe(9);
    expect(bits(net)).toBe(bits(undisturbed));
    expect(Buffer.from(net.save({ optimizer: true }))).toEqual(
      Buffer.from(undisturbed.save({ optimizer: true })),
    );
  });

  it("gives the same for any batch size, and whatever kind of array", () => {
    using net = compiled();
    const { x, y } = data(23);
    const whole = net.evaluate({ x, y }, { loss, batchSize: 23 });
    for (const batchSize of [1, 5, 64]) {
      const { loss: mean, accuracy: share } = net.evaluate({ x, y }, { loss, batchSize });
      expect(mean).toBeCloseTo(whole.loss, 5);
      expect(share).toBe(whole.accuracy);
    }
    expect(net.evaluate({ x: Array.from(x), y: Array.from(y) }, { loss, batchSize: 23 })).toEqual(whole);
    expect(
      net.evaluate({ x: Float64Array.from(x), y: Float32Array.from(y) }, { loss, batchSize: 23 }),
    ).toEqual(whole);
  });
});

describe("accuracy", () => {
  const scores = [0.1, 0.7, 0.2, 0.9, 0.05, 0.05, 0.2, 0.2, 0.6, 0.3, 0.4, 0.3];
  it("is right for classes, one-hot rows, and 0 and 1, and refuses what it cannot tell", () => {
    expect(accuracy(scores, [1, 0, 2, 0])).toBe(0.75);
    const rows = [0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0];
    expect(accuracy(scores, rows, { classes: 3 })).toBe(0.75);
    expect(accuracy(scores, [1, 0, 2, 0], { classes: 3 })).toBe(0.75);
    expect(accuracy([2, -1, 0.3, -4], [1, 0, 0, 0], { threshold: 0 })).toBe(0.75);
    expect(() => accuracy(scores, rows)).toThrow(/12 labels for as many scores: give \{ classes \}/);
    expect(() => accuracy([0.2, 0.9], [0, 2], { threshold: 0.5 })).toThrow(
      "labels[1] is 2 but with a threshold must be 0 or 1",
    );
    expect(() => accuracy(scores, [1, 0, 3, 0])).toThrow(
      "accuracy: labels[2] is 3 but must be a class from 0 to 2",
    );
    expect(() => accuracy(scores, [])).toThrow(ShapeError);
    expect(() => accuracy(scores, any("1020"))).toThrow(ArgumentError);
    expect(() => accuracy(scores, [1, 0, 2, 0], any({ classes: 3, threshold: 0 }))).toThrow(ArgumentError);
    expect(() => accuracy(scores, [1, 0], { classes: 3 })).toThrow(ShapeError);
    expect(() => topK(scores, rows, 1)).toThrow(/12 scores for 12 labels/);
    expect(() => topK(scores, [1, 0, 2, 0], 4)).toThrow("k is 4");
    expect(() => confusionMatrix(scores, [0, 1, 2, -1])).toThrow(
      "labels[3] is -1 but must be a class from 0 to 2",
    );
    expect(() => confusionMatrix(new Float32Array(60_000), [0])).toThrow("at most 5000");
    expect(confusionMatrix(scores, [1, 0, 2, 0])).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });

  it("of a network is that of its labels: classes, one-hot, per pixel, and 0 and 1", async () => {
    using net = compiled();
    const { x, y } = data(50);
    const rows = Float32Array.from({ length: 150 }, (_, i) => Number(y[Math.floor(i / 3)] === i % 3));
    const byClass = net.evaluate({ x, y }, { loss });
    const oneHot = net.evaluate({ x, y: rows }, { loss, metrics: ["accuracy"] });
    expect(oneHot.accuracy).toBe(byClass.accuracy);
    expect(oneHot.accuracy).toBe(accuracy(net.predict(x), y));
    expect(net.evaluate({ x, y: rows }, { loss })).not.toHaveProperty("accuracy");
    const [report] = await net.fit(
      { x, y: rows },
      { ...train, optimizer: sgd({ learningRate: 0 }), metrics: ["accuracy"], batchSize: 16 },
    );
    expect(report.metrics.accuracy).toBeGreaterThan(0);
    expect(report.metrics.accuracy).toBeLessThan(1);

    using pixels = engine.compile(
      sequential([4, 4, 1], [conv2d({ filters: 3, kernel: 3, padding: "same" })]),
      { seed: 3 },
    );
    const perPixel = Uint8Array.from({ length: 50 * 16 }, (_, i) => i % 3);
    expect(pixels.evaluate({ x, y: perPixel }, { loss }).accuracy).toBe(
      accuracy(pixels.predict(x), perPixel),
    );

    using binary = engine.compile(sequential([4, 4, 1], [flatten(), dense({ units: 2 })]), { seed: 3 });
    const flags = Uint8Array.from({ length: 100 }, (_, i) => Number(i % 3 === 0));
    const measured = binary.evaluate({ x, y: flags }, { loss: "binaryCrossEntropy", metrics: ["accuracy"] });
    expect(measured.accuracy).toBe(accuracy(binary.predict(x), flags, { threshold: 0 }));
    expect(() =>
      binary.evaluate({ x, y: flags }, { loss: "meanSquaredError", metrics: ["accuracy"] }),
    ).toThrow('metrics: "accuracy" is of classes, but the loss "meanSquaredError" is of values');
  });
});

describe("data and weights", () => {
  it("may be any array of numbers", async () => {
    using net = compiled();
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => i * 9);
    const want = net.predict(Float32Array.from(bytes));
    for (const x of [
      bytes,
      new Uint8ClampedArray(bytes),
      Float64Array.from(bytes),
      Int16Array.from(bytes),
      [...bytes],
    ])
      expect(net.predict(x)).toEqual(want);
    const out = new Float32Array(3);
    net.run(bytes, out);
    expect(out).toEqual(want);
    const start = bits(net);
    const bias = [0.5, -0.25, 1];
    for (const given of [bias, Float64Array.from(bias), Float32Array.from(bias)]) {
      net.weights = any({ "c.bias": given });
      expect([...net.weights["c.bias"]]).toEqual(bias);
      net.weights["c.bias"] = any([0, 0, 0]);
      expect(bits(net)).toBe(start);
    }
    net.weights = any({ "c.bias": Int32Array.of(1, 2, 3) });
    expect([...net.weights["c.bias"]]).toEqual([1, 2, 3]);
    const again = engine.compile(model, {
      weights: any(Object.fromEntries(Object.entries(net.weights).map(([k, v]) => [k, [...v]]))),
    });
    expect(bits(again)).toBe(bits(net));
    again.dispose();
  });

  it("are copied: what becomes of an array later is its owner's affair", () => {
    using first = compiled(3);
    const given: Record<string, Float32Array> = { ...first.weights };
    using net = engine.compile(model, { weights: given });
    const want = [bits(first), String(first.predict(data(1).x))];
    given["a.kernel"].fill(7);
    structuredClone(given["c.kernel"], { transfer: [given["c.kernel"].buffer as ArrayBuffer] });
    expect(given["c.kernel"].length).toBe(0);
    net.weights["c.bias"] = first.weights["c.bias"];
    expect([bits(net), String(net.predict(data(1).x))]).toEqual(want);
    const bias = Float32Array.of(1, 2, 3);
    net.weights["c.bias"] = bias;
    const now = String(net.predict(data(1).x));
    bias.fill(0);
    net.weights["a.bias"] = first.weights["a.bias"];
    expect(String(net.predict(data(1).x))).toBe(now);
    expect([...net.weights["c.bias"]]).toEqual([1, 2, 3]);
  });

  const tensor = engine.tensor(new Float32Array(16), [1, 4, 4, 1]);
  const net = compiled();
  const set = (weights: unknown) => () => {
    net.weights = any(weights);
  };
  const fitWith =
    (given: unknown, options: object = {}) =>
    () =>
      net.fit(any(given), any({ ...train, ...options }));
  const good = data(4);
  const REFUSED: readonly [name: string, call: () => unknown, message: RegExp][] = [
    [
      "weights that are a text",
      set({ "c.bias": "abc" }),
      /weights: "c.bias" is "abc" but must be a typed array/,
    ],
    [
      "weights of bigints",
      set({ "c.bias": new BigInt64Array(3) }),
      /weights: "c.bias" is a BigInt64Array of 3/,
    ],
    [
      "weights with a length alone",
      set({ "c.bias": { length: 3 } }),
      /weights: "c.bias" is \{"length":3\} but must be/,
    ],
    [
      "weights with a text in a list",
      set({ "c.bias": [1, "2", 3] }),
      /"c.bias"\[1\] is "2" but must be a number/,
    ],
    ["weights of a wrong length", set({ "c.bias": [1, 2] }), /"c.bias" has 2 values but must have 3/],
    ["weights of no layer", set({ constructor: [1] }), /weights: no layer takes "constructor"/],
    [
      "a weight of no layer",
      () => {
        net.weights["c.biass"] = new Float32Array(3);
      },
      /weights: no layer takes "c.biass"/,
    ],
    ["weights that are null", set(null), /weights: the value is null/],
    ["weights that are a list", set([1, 2]), /weights: the value is \[1,2\]/],
    [
      "an image that is a text",
      () => net.predict(any("0123456789abcdef")),
      /predict: got "0123456789abcdef" but needs/,
    ],
    [
      "an image of bigints",
      () => net.predict(any(new BigInt64Array(16))),
      /input "input_1" is a BigInt64Array of 16/,
    ],
    [
      "a list of holes",
      () => net.predict(any(new Array(16))),
      /predict: got a list of 16 but needs "input_1"/,
    ],
    ["an input of Object's", () => net.predict(any({ constructor: good.x })), /"input_1" is missing/],
    [
      "a tensor for fit",
      fitWith({ x: tensor, y: [1] }),
      /fit: x is a Tensor of shape \[1,4,4,1\] but must be an array: give tensor.data\(\)/,
    ],
    ["a tensor of labels", fitWith({ x: good.x, y: tensor }), /fit: y is a Tensor .* but must be an array/],
    ["no data", fitWith(undefined), /fit: the data is undefined but must be \{ x, y \}/],
    ["data that are a number", fitWith(5), /fit: the data is 5 but must be/],
    [
      "labels that are a text",
      fitWith({ x: good.x, y: "0120" }),
      /fit: y is "0120" but must be a typed array/,
    ],
    [
      "a function as loss",
      fitWith(good, { loss: () => 0 }),
      /loss: what the function returns is 0 but must be a Tensor/,
    ],
    [
      "a loss without kind",
      fitWith(good, { loss: { delta: 1 } }),
      /loss is \{"delta":1\} but must be one of/,
    ],
    [
      "an option of a loss",
      fitWith(good, { loss: { kind: "huber", gamma: 1 } }),
      /fit: loss "huber" takes no "gamma"/,
    ],
    [
      "a schedule that is a number",
      fitWith(good, { schedule: 5 }),
      /fit: schedule is 5 but must be a function/,
    ],
    [
      "early stopping without patience",
      fitWith(good, { earlyStopping: {} }),
      /fit: earlyStopping: patience is missing: give { patience: 3 }/,
    ],
    [
      "an option of early stopping",
      fitWith(good, { earlyStopping: { patience: 1, restoreWeights: true } }),
      /fit: earlyStopping: there is no option "restoreWeights"; there are monitor, mode, patience, minDelta/,
    ],
    [
      "a seed that is no number",
      fitWith(good, { seed: Number.NaN }),
      /fit: seed is NaN but must be an integer/,
    ],
    [
      "epochs that are no count",
      fitWith(good, { epochs: 1.5 }),
      /fit: epochs is 1.5 but must be an integer of at least 0/,
    ],
    [
      "a signal that is none",
      fitWith(good, { signal: {} }),
      /fit: signal is \{\} but must be an AbortSignal/,
    ],
    ["options that are null", () => net.fit(good, any(null)), /fit: options are null but must be an object/],
    [
      "options of compile that are null",
      () => engine.compile(model, any(null)),
      /compile: options are null but must be an object/,
    ],
    [
      "a seed of compile",
      () => engine.compile(model, { seed: Number.NaN }),
      /compile: seed is NaN but must be an integer/,
    ],
    [
      "training of compile that is a text",
      () => engine.compile(model, any({ train: "adam" })),
      /compile: train: options are "adam"/,
    ],
    [
      "an option of evaluate",
      () => net.evaluate(good, any({ optimizer: adam() })),
      /evaluate: there is no option "optimizer"/,
    ],
    ["options of profile", () => net.profile(undefined, any({ runs: 1e9 })), /profile: runs is 1000000000/],
  ];
  it.each(REFUSED)("%s: refused in words, and nothing changes", async (_, call, message) => {
    const before = [bits(net), live()];
    const run = async () => call();
    await expect(run()).rejects.toThrow(message);
    await expect(run()).rejects.toThrow(ConvolithError);
    expect([bits(net), live()]).toEqual(before);
    net.predict(good.x);
  });

  it("have types that ask for what must be there", () => {
    type Train = NonNullable<NonNullable<Parameters<typeof engine.compile>[1]>["train"]>;
    expectTypeOf<{ optimizer: ReturnType<typeof adam> }>().not.toMatchTypeOf<Train>();
    expectTypeOf<{ loss: "huber" }>().not.toMatchTypeOf<Train>();
    expectTypeOf<{ loss: "huber"; optimizer: ReturnType<typeof adam> }>().toMatchTypeOf<Train>();
  });
});
