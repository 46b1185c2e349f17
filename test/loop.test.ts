// What fit does besides steps: the best weights, parts of the data for validation, gathered gradients, averaged weights, streams.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import {
  adam,
  batchNorm,
  createEngine,
  curves,
  dense,
  dropout,
  type EpochReport,
  type FitOptions,
  type Network,
  reduceOnPlateau,
  relu,
  resume,
  type Samples,
  sequential,
  sgd,
} from "../src/index.ts";
import { expectWithin } from "./tolerance.ts";

const engine = await createEngine();
afterAll(() => engine.dispose());

const torch = JSON.parse(readFileSync(new URL("fixtures/torch/loop.json", import.meta.url), "utf8")).net;
const three = sequential(
  [4],
  [
    dense({ units: 6, activation: "tanh", name: "a" }),
    dense({ units: 5, activation: "tanh", name: "b" }),
    dense({ units: 3, name: "c" }),
  ],
);
const loss = "softmaxCrossEntropy";
const steps: Samples[] = torch.y.map((y: number[], i: number) => ({ x: Float32Array.from(torch.x[i]), y }));
const fresh = (): Network => engine.compile(three, { weights: torch.weights });
const live = (): number => engine.memory.live;
const bits = (net: Network): string =>
  String(Object.values(net.weights).map((w) => new Uint32Array(w.buffer)));

function expectWeights(
  got: Readonly<Record<string, ArrayLike<number>>>,
  want: Readonly<Record<string, readonly number[]>>,
): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const [name, values] of Object.entries(want))
    expectWithin(got[name], values, 1e-5 * Math.max(...values.map(Math.abs)));
}

const model = sequential([4], [dense({ units: 8, name: "h" }), relu(), dense({ units: 3, name: "o" })]);
const data = (n: number, phase = 0) => ({
  x: Float32Array.from({ length: n * 4 }, (_, i) => Math.sin(i * 1.7 + phase)),
  y: Uint8Array.from({ length: n }, (_, i) => (i * 5 + phase) % 3),
});
const train = { loss, optimizer: adam({ learningRate: 0.05 }) } as const;
const compiled = (): Network => engine.compile(model, { seed: 1 });

describe("early stopping", () => {
  /** Trains with rates that make the loss fall, and then rise. */
  const fitted = async (net: Network, options: FitOptions): Promise<[string[], EpochReport[]]> => {
    const seen: string[] = [];
    const reports = await net.fit(data(24), {
      ...{ loss, optimizer: sgd(), batchSize: 8, epochs: 9, shuffle: false },
      schedule: (step) => (step < 12 ? 0.2 : 30),
      ...options,
      onEpoch: () => void seen.push(bits(net)),
    });
    return [seen, reports];
  };
  const best = (reports: readonly EpochReport[]): number => {
    const losses = reports.map((report) => report.validation?.loss ?? report.loss);
    return losses.indexOf(Math.min(...losses));
  };

  it("brings the best weights back, where it stops and where it does not", async () => {
    for (const patience of [2, 100]) {
      using net = compiled();
      const restored = { patience, restoreBest: true };
      const x = data(1).x;
      const answers: string[] = [];
      const validation = data(9, 1);
      const [seen, reports] = await fitted(net, {
        validation,
        earlyStopping: restored,
        onBatch: () => void answers.push(String(net.predict(x))),
      });
      expect(best(reports)).toBeLessThan(reports.length - 1);
      expect(reports.length).toBe(patience === 2 ? best(reports) + 3 : 9);
      expect(bits(net)).toBe(seen[best(reports)]);
      expect(bits(net)).not.toBe(seen.at(-1));
      // The network predicts with them, though it had packed those of the last step.
      expect(net.evaluate(validation).loss).toBe(reports[best(reports)].validation!.loss);
      expect(String(net.predict(x))).not.toBe(answers.at(-1));
      using other = engine.compile(model, { weights: net.weights });
      expect(String(net.predict(x))).toBe(String(other.predict(x)));
    }
  });

  it("watches what it is told to, from the epoch it is told", async () => {
    using net = compiled();
    const monitored = { patience: 0, monitor: "accuracy", startFromEpoch: 2 };
    const [, reports] = await fitted(net, { earlyStopping: monitored });
    const accuracies = reports.slice(2).map(({ metrics }) => metrics.accuracy!);
    const first = accuracies.findIndex((a, i) => i > 0 && a <= Math.max(...accuracies.slice(0, i)));
    expect(first).toBe(accuracies.length - 1);
    using other = compiled();
    const missing = fitted(other, { earlyStopping: { patience: 1, monitor: "f1" } });
    await expect(missing).rejects.toThrow(
      'fit: earlyStopping: monitor is "f1" but the reports have loss, accuracy',
    );
    using highest = compiled();
    const worst = { patience: 100, restoreBest: true, mode: "max" } as const;
    const [seen, all] = await fitted(highest, { earlyStopping: worst });
    const losses = all.map((report) => report.loss);
    expect(bits(highest)).toBe(seen[losses.indexOf(Math.max(...losses))]);
  });

  it("a schedule hears of epochs, before the others do", async () => {
    using net = compiled();
    const order: unknown[] = [];
    const plateau = reduceOnPlateau(0.1, { patience: 0, factor: 0.5, threshold: 10, thresholdMode: "abs" });
    const rates: number[] = [];
    await net.fit(data(8), {
      ...{ ...train, epochs: 4, schedule: plateau },
      onBatch: ({ learningRate }) => void rates.push(learningRate),
      onEpoch: () => void order.push(plateau(0)),
      callbacks: [{ onEpoch: () => Promise.resolve().then(() => order.push("callback")) }],
    });
    expect(rates).toEqual([0.1, 0.1, 0.05, 0.025]);
    expect(order).toEqual([0.1, "callback", 0.05, "callback", 0.025, "callback", 0.0125, "callback"]);
  });
});

describe("a part of the data", () => {
  it("is the validation, the last before any shuffling", async () => {
    using net = compiled();
    using same = compiled();
    const all = data(30);
    const options = { ...train, epochs: 3, batchSize: 7 };
    const split = await net.fit(all, { ...options, validationSplit: 0.2 });
    const part = (from: number, to: number) => ({
      x: all.x.slice(from * 4, to * 4),
      y: Array.from(all.y.slice(from, to)),
    });
    const given = await same.fit(part(0, 24), { ...options, validation: part(24, 30) });
    expect(split.map(({ validation }) => validation)).toEqual(given.map(({ validation }) => validation));
    expect(bits(net)).toBe(bits(same));
    // Lists of numbers are cut, too.
    using listed = compiled();
    await listed.fit({ x: Array.from(all.x), y: Array.from(all.y) }, { ...options, validationSplit: 0.2 });
    expect(bits(listed)).toBe(bits(net));
  });

  it("must leave some for both, and be of samples", async () => {
    using net = compiled();
    const refused = async (samples: Parameters<Network["fit"]>[0], options: FitOptions, message: string) => {
      const before = [bits(net), live()];
      await expect(net.fit(samples, { ...train, ...options })).rejects.toThrow(message);
      expect([bits(net), live()]).toEqual(before);
    };
    await refused(data(3), { validationSplit: 0.9 }, "leaves 0 of 3 images to train on and 3 to validate");
    await refused(data(3), { validationSplit: 1 }, "validationSplit is 1 but must be above 0 and below 1");
    await refused(data(3), { validationSplit: Number.NaN }, "validationSplit is NaN");
    await refused([data(3)], { validationSplit: 0.5 }, "the data come batch by batch; give validation");
    await refused(
      data(4),
      { validationSplit: 0.5, validation: data(2) },
      "give validation or validationSplit, which takes it from the data, not both",
    );
  });
});

describe("curves", () => {
  it("are arrays by name", async () => {
    using net = compiled();
    const history = await net.fit(data(12), { ...train, epochs: 3, validation: data(4) });
    const { epoch, loss: losses, ...others } = curves(history);
    expect(epoch).toEqual([0, 1, 2]);
    expect(losses).toEqual(history.map((report) => report.loss));
    expect(others).toEqual({
      accuracy: history.map(({ metrics }) => metrics.accuracy),
      valLoss: history.map(({ validation }) => validation!.loss),
      valAccuracy: history.map(({ validation }) => validation!.accuracy),
    });
    const [first, ...rest] = history;
    const odd = { ...first, metrics: JSON.parse('{"__proto__": 1, "constructor": 2}') };
    const all = curves([{ ...first, validation: undefined, metrics: {} }, odd, ...rest]);
    expect(all.accuracy).toEqual([Number.NaN, Number.NaN, ...others.accuracy.slice(1)]);
    expect(all.constructor).toEqual([Number.NaN, 2, Number.NaN, Number.NaN]);
    expect(curves([])).toEqual({ epoch: [], loss: [] });
    expect(() => curves(5 as unknown as EpochReport[])).toThrow("curves: history is 5");
    expect(() => curves([null as unknown as EpochReport])).toThrow("curves: history[0] is null");
  });
});

describe("accumulated gradients", () => {
  const halves = steps.flatMap(({ x, y }) => [
    { x: (x as Float32Array).slice(0, 16), y: Array.from(y as ArrayLike<number>).slice(0, 4) },
    { x: (x as Float32Array).slice(16), y: Array.from(y as ArrayLike<number>).slice(4) },
  ]);

  it("are PyTorch's, of batches of unequal size", async () => {
    using net = fresh();
    const taken: boolean[] = [];
    await net.fit(halves, {
      ...{ ...train, accumulate: 2 },
      onBatch: ({ updated, step, batch }) => {
        taken.push(updated);
        expect(step).toBe(batch >> 1);
      },
    });
    expect(taken).toEqual(halves.map((_, i) => i % 2 === 1));
    expectWeights(net.weights, torch.accumulated.weights);
  });

  it("make the step of the whole batch, also what is left over, with limits", async () => {
    for (const limits of [{ clipNorm: 0.1 }, { clipValue: 0.01 }]) {
      const options = { ...train, ...limits, shuffle: false, epochs: 2 };
      using parts = compiled();
      using whole = compiled();
      const [a, b] = [
        await parts.fit(data(22), { ...options, batchSize: 4, accumulate: 3 }),
        await whole.fit(data(22), { ...options, batchSize: 12 }),
      ];
      for (const [name, values] of Object.entries(whole.weights))
        expectWithin(parts.weights[name], values, 2e-6);
      expectWithin(
        a.map((report) => report.loss),
        b.map((report) => report.loss),
        1e-6,
      );
      expect(a.map(({ metrics }) => metrics)).toEqual(b.map(({ metrics }) => metrics));
    }
  });

  it("of one batch are that batch's, bit for bit", async () => {
    using one = compiled();
    using many = compiled();
    await one.fit(data(8), { ...train, epochs: 3, batchSize: 8 });
    await many.fit(data(8), { ...train, epochs: 3, batchSize: 8, accumulate: 5 });
    expect(bits(many)).toBe(bits(one));
  });

  it("drop other places in each batch, update running averages, and are freed", async () => {
    const noisy = sequential(
      [4],
      [dense({ units: 8 }), batchNorm({ name: "norm" }), dropout({ rate: 0.5 }), dense({ units: 3 })],
    );
    using net = engine.compile(noisy, { seed: 1 });
    await net.fit(data(8), train);
    const before = live();
    const [x, y] = [data(4).x, [0, 1, 2, 0]];
    const losses: number[] = [];
    const mean = net.weights["norm.mean"];
    await net.fit(
      [1, 2, 3].map(() => ({ x, y })),
      {
        ...{ ...train, accumulate: 3 },
        onBatch: (report) => void losses.push(report.loss),
      },
    );
    expect(new Set(losses).size).toBe(3);
    expect(net.weights["norm.mean"]).not.toEqual(mean);
    expect(live()).toBeGreaterThan(before);
    await net.fit(data(8), train);
    expect(live()).toBe(before);
  });
});

describe("averaged weights", () => {
  it("are timm's", async () => {
    using net = fresh();
    expect(net.emaWeights).toBe(undefined);
    await net.fit(steps, { loss, optimizer: sgd({ learningRate: 0.1 }), ema: 0.8 });
    expectWeights(net.weights, torch.ema.weights);
    expectWeights(net.emaWeights!, torch.ema.averaged);
  });

  it("are what validation measures, what a checkpoint keeps, and what may stay", async () => {
    const options = { ...train, epochs: 2, validation: data(9, 1), ema: { decay: 0.9, warmup: true } };
    using net = compiled();
    let file = net.save();
    const reports = await net.fit(data(20), {
      ...{ ...options, epochs: 4 },
      onEpoch: ({ epoch, validation }) => {
        if (epoch === 1) file = net.save({ optimizer: true });
        using other = engine.compile(model, { weights: net.emaWeights });
        expect(validation).toEqual(other.evaluate(data(9, 1), { loss }));
        expect(validation).not.toEqual(net.evaluate(data(9, 1)));
      },
    });
    using again = compiled();
    resume(again, file);
    expect(Object.keys(again.emaWeights!)).toEqual(Object.keys(again.weights));
    const later = await again.fit(data(20), options);
    expect(later.map(({ validation }) => validation)).toEqual(
      reports.slice(2).map(({ validation }) => validation),
    );
    expect(again.save({ optimizer: true })).toEqual(net.save({ optimizer: true }));
    using applied = compiled();
    await applied.fit(data(20), { ...options, epochs: 4, ema: { ...options.ema, apply: true } });
    expect(applied.weights).toEqual({ ...net.emaWeights });
    expect(String(applied.predict(data(2).x))).not.toBe(String(net.predict(data(2).x)));
    // The best epoch's average comes back with its weights.
    using best = compiled();
    const averages: unknown[] = [];
    const watched = await best.fit(data(20), {
      ...{ ...options, epochs: 6, earlyStopping: { patience: 100, restoreBest: true, mode: "max" } },
      onEpoch: () => void averages.push({ ...best.emaWeights }),
    });
    const losses = watched.map(({ validation }) => validation!.loss);
    expect(best.emaWeights).toEqual(averages[losses.indexOf(Math.max(...losses))]);
  });

  it("follow steps besides fit, and end with a fit without them", async () => {
    using net = compiled();
    await net.fit(data(8), train);
    const before = live();
    await net.fit(data(8), { ...train, ema: 0.5 });
    const average = net.emaWeights!;
    const kept = live();
    net.trainStep(data(8));
    for (const [name, values] of Object.entries(net.weights))
      expectWithin(
        net.emaWeights![name],
        Array.from(values, (v, i) => (v + average[name][i]) / 2),
        1e-6,
      );
    await expect(net.fit([], { ...train })).rejects.toThrow("no batch");
    expect([live() >= kept, net.emaWeights !== undefined]).toEqual([true, true]);
    await net.fit(data(8), train);
    expect([live(), net.emaWeights]).toEqual([before, undefined]);
    for (const ema of [1, -0.1, Number.NaN, { decay: "x" }, {}, { decay: 0.5, rate: 1 }])
      await expect(net.fit(data(8), { ...train, ema: ema as number })).rejects.toThrow(/ema|decay/);
    await expect(net.fit([], { ...train, ema: 0.5, accumulate: 2 })).rejects.toThrow("no batch");
    expect(live()).toBe(before);
  });
});
