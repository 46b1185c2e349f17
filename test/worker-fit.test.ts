// Training in a worker: the same histories and weights as in this thread, with callbacks, schedules and data that stay here.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  ArgumentError,
  adam,
  adamW,
  type BatchReport,
  checkpoint,
  conv2d,
  cosine,
  createEngine,
  csvLog,
  dense,
  dropout,
  type Engine,
  type EpochReport,
  FormatError,
  flatten,
  input,
  mixup,
  model,
  type Network,
  oneCycle,
  reduceOnPlateau,
  relu,
  resume,
  type Samples,
  sequential,
  sgd,
  UnsupportedError,
} from "../src/index.ts";
import { createWorkerEngine, type WorkerEngine, type WorkerNetwork } from "../src/worker/index.ts";

const noise = (length: number, seed = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin((i + 1) * 1.7 * seed));
const SIZE = 6 * 6 * 2;
const IMAGES = 22;
const cnn = sequential(
  [6, 6, 2],
  [conv2d({ filters: 4, kernel: 3 }), relu(), flatten(), dropout({ rate: 0.3 }), dense({ units: 3 })],
);
const x = noise(IMAGES * SIZE);
const y = Uint8Array.from({ length: IMAGES }, (_, i) => (i * 7) % 3);
const samples = { x, y };
const training = { loss: "softmaxCrossEntropy", optimizer: adam({ learningRate: 0.01 }) } as const;
const batch = (from: number, count: number): Samples => ({
  x: x.slice(from * SIZE, (from + count) * SIZE),
  y: y.slice(from, from + count),
});

let here: Engine;
let there: WorkerEngine;
let near: Network;
let far: WorkerNetwork;
beforeAll(async () => {
  here = await createEngine();
  there = await createWorkerEngine();
});
afterAll(async () => {
  here.dispose();
  await there.dispose();
});
beforeEach(async () => {
  near = here.compile(cnn, { seed: 4 });
  far = await there.compile(cnn, { seed: 4 });
});
afterEach(async () => {
  near.dispose();
  await far.dispose();
});

/** Reports without what clocks say. */
const plain = (reports: readonly (EpochReport | BatchReport)[]) =>
  reports.map((report) => ({ ...report, imagesPerSecond: 0, ms: 0 }));
const failure = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};
const sameWeights = async () => {
  expect(await far.weights()).toEqual({ ...near.weights });
  expect(await far.predict(x)).toEqual(near.predict(x));
};

describe("fit in a worker", () => {
  it("gives the same reports and weights, and goes on from where it was", async () => {
    const validation = batch(3, 5);
    const options = { ...training, epochs: 3, batchSize: 8, validation, freeze: ["conv2d_1"], clipNorm: 1 };
    expect(plain(await far.fit(samples, options))).toEqual(plain(await near.fit(samples, options)));
    await sameWeights();
    // Loss and optimizer are known by now.
    expect(plain(await far.fit(samples, { epochs: 2 }))).toEqual(
      plain(await near.fit(samples, { epochs: 2 })),
    );
    await sameWeights();
    expect(await far.evaluate(samples)).toEqual(near.evaluate(samples));
    const options2 = { loss: "meanSquaredError", batchSize: 5 } as const;
    const wide = { x, y: noise(IMAGES * 3) };
    expect(await far.evaluate(wide, options2)).toEqual(near.evaluate(wide, options2));
    expect(await far.save({ optimizer: true })).toEqual(near.save({ optimizer: true }));
  });

  it("splits off a validation, averages, gathers, stops early, and tells callbacks and schedules here", async () => {
    const logs: string[][] = [[], []];
    const optionsOf = (log: string[]) => ({
      ...{ ...training, epochs: 6, batchSize: 4, accumulate: 2, ema: { decay: 0.9, apply: true } },
      ...{ validationSplit: 0.3, layerDecay: 0.5, earlyStopping: { patience: 1, restoreBest: true } },
      schedule: reduceOnPlateau(0.3, { patience: 0, factor: 0.5, threshold: 0.5 }),
      callbacks: [
        csvLog((text) => log.push(text.split(",").slice(0, 5).join())),
        { onBatch: ({ learningRate, updated }: BatchReport) => void log.push(`${learningRate} ${updated}`) },
      ],
    });
    expect(plain(await far.fit(samples, optionsOf(logs[0])))).toEqual(
      plain(await near.fit(samples, optionsOf(logs[1]))),
    );
    await sameWeights();
    expect(await far.emaWeights()).toEqual({ ...near.emaWeights });
    expect(logs[0]).toEqual(logs[1]);
    expect(new Set(logs[0].map((line) => line.split(" ")[0])).size).toBeGreaterThan(3);
    // Batches are made here, for the number of the epoch.
    const mixed = () => ({ ...training, epochs: 3, prefetch: 1 });
    const batches = () => mixup(samples, { classes: 3, batchSize: 8 });
    expect(plain(await far.fit(batches(), mixed()))).toEqual(plain(await near.fit(batches(), mixed())));
    await sameWeights();
    expect([await far.emaWeights(), near.emaWeights]).toEqual([undefined, undefined]);
    const error = await failure(() => far.fit(samples, { ...training, callbacks: [5 as never] }));
    expect(error).toBeInstanceOf(ArgumentError);
  });

  it("takes optimizers as plain data, here and at compile", async () => {
    const optimizer = { kind: "adamW", learningRate: 0.02 } as const;
    const loss = "softmaxCrossEntropy";
    await far.fit(samples, { loss, optimizer });
    await near.fit(samples, { loss, optimizer: adamW({ learningRate: 0.02 }) });
    await sameWeights();
    const planned = await there.compile(cnn, {
      seed: 4,
      train: { loss, optimizer: { kind: "adam" }, batchSize: 8 },
    });
    const same = here.compile(cnn, { seed: 4, train: { loss, optimizer: adam(), batchSize: 8 } });
    expect(plain(await planned.fit(samples, { batchSize: 8 }))).toEqual(
      plain(await same.fit(samples, { batchSize: 8 })),
    );
    expect(await planned.weights()).toEqual({ ...same.weights });
    await planned.dispose();
  });

  it("takes losses by output and weights of images, and refuses functions, which cannot be sent", async () => {
    const [name] = Object.keys(near.outputShapes);
    const data = { x, y: { [name]: y }, weight: Array.from(y, (label) => label + 0.5) };
    const options = { ...training, loss: { [name]: "focal" }, batchSize: 8, epochs: 2 } as const;
    expect(plain(await far.fit(data, options))).toEqual(plain(await near.fit(data, options)));
    await sameWeights();
    expect(await far.evaluate(data)).toEqual(near.evaluate(data));
    const own = { ...training, loss: () => 0 as never };
    expect(await failure(() => far.fit(samples, own))).toMatchObject({
      name: "ArgumentError",
      message: expect.stringMatching(/^fit: loss is a function, which cannot be sent to a worker/),
    });
    const metrics = [{ name: "mine", start: () => 0, update: () => 0, result: () => 0 }];
    expect(await failure(() => far.evaluate(samples, { loss: training.loss, metrics }))).toMatchObject({
      name: "ArgumentError",
      message: expect.stringMatching(/^evaluate: metrics is .*, which cannot be sent to a worker/),
    });
  });

  it("awaits callbacks, which may use the network, and asks schedules step by step", async () => {
    const events: string[] = [];
    const expected: string[] = [];
    const rate = cosine(0.05, 6);
    const options = (log: string[], save: () => unknown) => ({
      ...training,
      epochs: 2,
      batchSize: 8,
      schedule: (step: number) => {
        log.push(`rate ${step}`);
        return rate(step);
      },
      onBatch: async ({ epoch, step, batch, batches, loss }: BatchReport) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        log.push(`batch ${epoch} ${step} ${batch} ${batches} ${loss}`);
      },
      onEpoch: async ({ epoch, loss }: EpochReport) => {
        log.push(`epoch ${epoch} ${loss} ${Buffer.from((await save()) as Uint8Array).toString("base64")}`);
      },
    });
    await far.fit(
      samples,
      options(events, () => far.save({ optimizer: true })),
    );
    await near.fit(
      samples,
      options(expected, () => near.save({ optimizer: true })),
    );
    expect(events).toEqual(expected);
    expect(events.length).toBe(2 * (3 * 2 + 1));
    await sameWeights();
  });

  it("hands several inputs over by name", async () => {
    const a = input([2], { name: "a" });
    const b = input([3], { name: "b" });
    const two = model({ inputs: [a, b], outputs: dense({ units: 1 })(dense({ units: 4 })(a)) });
    const net = await there.compile(two);
    const same = here.compile(two);
    const data = { x: { b: Array.from(noise(12)), a: noise(8) }, y: noise(4) };
    const options = { loss: "meanSquaredError", optimizer: adam(), epochs: 2 } as const;
    expect(plain(await net.fit(data, options))).toEqual(plain(await same.fit(data, options)));
    await net.dispose();
  });

  it("moves arrays that are handed over", async () => {
    const given = { x: x.slice(), y: y.slice() };
    await far.fit(given, { ...training, transfer: true });
    expect([given.x.length, given.y.length]).toEqual([0, 0]);
    await near.fit(samples, training);
    await sameWeights();
    expect(await far.evaluate({ x: x.slice(), y: y.slice() }, { transfer: true })).toEqual(
      near.evaluate(samples),
    );
  });
});

describe("batches that come one by one", () => {
  it("are pulled from iterables of all kinds, and copied when they come", async () => {
    const list = [batch(0, 9), batch(9, 9), batch(18, 4)];
    const kinds = [
      list,
      () => list.values(),
      async function* () {
        for (const samples of list) yield samples;
      },
      // A buffer that is filled again and again.
      function* () {
        const again = { x: new Float32Array(9 * SIZE), y: new Uint8Array(9) };
        for (const { x, y } of list as { x: Float32Array; y: Uint8Array }[]) {
          again.x.set(x);
          again.y.set(y);
          yield { x: again.x.subarray(0, x.length), y: again.y.subarray(0, y.length) };
        }
      },
    ];
    const options = { ...training, epochs: 2, batchSize: 5 };
    const expected = plain(await near.fit(list, options));
    for (const data of kinds) {
      const net = await there.compile(cnn, { seed: 4 });
      expect(plain(await net.fit(data, options))).toEqual(expected);
      expect(await net.weights()).toEqual({ ...near.weights });
      await net.dispose();
    }
  });

  it("are asked for one ahead of the training, and no more", async () => {
    let [asked, trained, most] = [0, 0, 0];
    const data = function* () {
      for (let i = 0; i < 8; i++) {
        asked++;
        most = Math.max(most, asked - trained);
        yield batch(i, 4);
      }
    };
    await far.fit(data, {
      ...training,
      onBatch: async () => {
        // Long enough for more to be asked for, were they.
        await far.summary();
        trained++;
      },
    });
    expect([asked, trained]).toEqual([8, 8]);
    expect(most).toBe(2);
  });

  it("are ended where the training ends early", async () => {
    const log: string[] = [];
    const data = async function* () {
      try {
        for (;;) yield batch(0, 4);
      } finally {
        log.push("ended");
      }
    };
    const controller = new AbortController();
    const why = new Error("enough");
    const options = {
      ...training,
      signal: controller.signal,
      onBatch: ({ step }: BatchReport) => void (step === 2 && controller.abort(why)),
    };
    expect(await failure(() => far.fit(data, options))).toBe(why);
    expect(log).toEqual(["ended"]);
    expect(await failure(() => near.fit(data, { ...options, signal: AbortSignal.abort(why) }))).toBe(why);
  });

  it("that cannot be are refused as in this thread", async () => {
    const generator = (function* () {
      yield batch(0, 4);
    })();
    for (const [data, options] of [
      [generator, { epochs: 2 }],
      [() => 5, {}],
      [[], {}],
      [[{ x: noise(SIZE) }], {}],
      [[{ x: noise(SIZE + 1), y: [0] }], {}],
      [[undefined], {}],
    ] as [never, object][]) {
      const expected = (await failure(() => near.fit(data, { ...training, ...options }))) as Error;
      const error = (await failure(() => far.fit(data, { ...training, ...options }))) as Error;
      expect(expected.message).toMatch(/^fit: /);
      expect(error).toMatchObject({ name: expected.name, message: expected.message });
    }
    const unsendable = [{ x: noise(SIZE), y: [0], f: () => {} }] as never;
    const error = (await failure(() => far.fit(unsendable, training))) as Error;
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(/^fit: .*cannot be sent to a worker/);
  });
});

describe("a training that ends early", () => {
  it("rejects with what was thrown here, as it is, and keeps the weights trained so far", async () => {
    class Own extends Error {}
    const thrown = new Own("mine");
    const throwsAt = (step: number) => ({
      ...training,
      batchSize: 8,
      onBatch: (report: BatchReport) => {
        if (report.step === step) throw thrown;
      },
    });
    expect(await failure(() => far.fit(samples, throwsAt(1)))).toBe(thrown);
    expect(await failure(() => near.fit(samples, throwsAt(1)))).toBe(thrown);
    await sameWeights();
    const broken = function* () {
      yield batch(0, 4);
      throw thrown;
    };
    expect(await failure(() => far.fit(broken, training))).toBe(thrown);
    const odd = { ...training, schedule: () => thrown.message as never };
    const error = await failure(() => far.fit(samples, odd));
    expect(error).toMatchObject({ message: expect.stringMatching(/the schedule gives "mine" for step/) });
    expect(
      await failure(() =>
        far.fit(samples, {
          ...training,
          schedule: () => {
            throw thrown;
          },
        }),
      ),
    ).toBe(thrown);
    // It is usable as before.
    expect((await far.fit(samples, training)).length).toBe(1);
  });

  it("ends after the current step where its signal aborts, without any callback", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const fit = failure(() => far.fit(samples, { ...training, epochs: 1_000_000, signal }));
    const before = await far.predict(x);
    const why = new Error("enough");
    controller.abort(why);
    expect(await fit).toBe(why);
    expect(await far.predict(x)).not.toEqual(before);
    const none = await failure(() => far.fit(samples, { ...training, signal }));
    expect(none).toBe(why);
  });

  it("is one at a time", async () => {
    const first = far.fit(samples, training);
    const error = await failure(() => far.fit(samples, training));
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ message: "fit: this network is being fitted already; await that first" });
    expect((await first).length).toBe(1);
  });
});

describe("resume in workers", () => {
  it("continues bit for bit what was saved, and tells of files that hold no optimizer", async () => {
    await near.fit(samples, { ...training, epochs: 2 });
    const file = near.save({ optimizer: true });
    await far.resume(file);
    await sameWeights();
    expect(await far.evaluate(samples)).toEqual(near.evaluate(samples));
    resume(near, file);
    expect(plain(await far.fit(samples))).toEqual(plain(await near.fit(samples)));
    await sameWeights();
    // In the middle, with a schedule of this thread that remembers, and one that changes the momentum.
    const plateau = () => reduceOnPlateau(0.3, { patience: 0, factor: 0.5, threshold: 0.5 });
    const watched = {
      ...training,
      epochs: 4,
      batchSize: 8,
      earlyStopping: { patience: 9, restoreBest: true },
    };
    const files: Uint8Array[][] = [[], []];
    const before = near.history.length;
    for (const [i, net] of [near, far].entries())
      await net.fit(samples, {
        ...{ ...watched, schedule: plateau() },
        callbacks: [checkpoint(net, { everySteps: 5, save: (bytes) => files[i].push(bytes) })],
      });
    expect(files[1]).toEqual(files[0]);
    await sameWeights();
    const weights = near.weights;
    await far.resume(files[1][0]);
    const { epochs } = resume(near, files[0][0]);
    const rest = { ...watched, epochs: before + 4 - epochs };
    expect(await far.save({ optimizer: true })).toEqual(near.save({ optimizer: true }));
    await far.fit(samples, { ...rest, schedule: plateau() });
    expect(await far.weights()).toEqual({ ...weights });
    await near.fit(samples, { ...rest, schedule: plateau() });
    await sameWeights();
    await far.resume(files[1][0]);
    const refusing = Object.defineProperty(() => 0.1, "state", {
      set: () => {
        throw new RangeError("no");
      },
      get: () => 1,
    });
    await expect(far.fit(samples, { ...rest, schedule: refusing })).rejects.toThrow(RangeError);
    // Nothing was trained.
    resume(near, files[0][0]);
    await sameWeights();
    const cycle = { ...training, optimizer: sgd({ momentum: 0.9 }), batchSize: 8 };
    for (const net of [near, far])
      await net.fit(samples, { ...cycle, schedule: oneCycle(0.1, 9, { cycleMomentum: true }) });
    await sameWeights();
    const error = await failure(async () => far.resume(await far.save()));
    expect(error).toBeInstanceOf(FormatError);
    await sameWeights();
  });
});
