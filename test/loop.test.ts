// What fit does besides steps: the best weights, parts of the data for validation, gathered gradients, averaged weights, streams.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import {
  adagrad,
  adam,
  adamW,
  add,
  batchNorm,
  createEngine,
  curves,
  DisposedError,
  dense,
  dropout,
  type EpochReport,
  type FitOptions,
  input,
  model as modelOf,
  type Network,
  nadam,
  oneCycle,
  type ParameterGroup,
  reduceOnPlateau,
  relu,
  resume,
  rmsprop,
  type Samples,
  sequential,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { selected } from "../src/network/layer-selection.ts";
import { weightRules } from "../src/training/groups.ts";
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
    // Before the first step, though batches that come one by one are known by the first alone.
    using other = compiled();
    const before = bits(other);
    for (const given of [data(24), [data(24)]]) {
      const options = { loss, optimizer: adam(), earlyStopping: { patience: 1, monitor: "f1" } } as const;
      await expect(other.fit(given, options)).rejects.toThrow(
        'fit: earlyStopping: monitor is "f1" but the reports have loss, accuracy',
      );
    }
    expect(bits(other)).toBe(before);
    using highest = compiled();
    const worst = { patience: 100, restoreBest: true, mode: "max" } as const;
    const [seen, all] = await fitted(highest, { earlyStopping: worst });
    const losses = all.map((report) => report.loss);
    expect(bits(highest)).toBe(seen[losses.indexOf(Math.max(...losses))]);
  });

  it("ends in peace where the last callback disposes of the network", async () => {
    for (const epochs of [1, 2]) {
      const net = compiled();
      const before = live();
      const fitted = net.fit(data(8), {
        ...{ ...train, epochs, ema: { decay: 0.5, apply: true }, accumulate: 2 },
        earlyStopping: { patience: 9, restoreBest: true },
        onEpoch: () => net.dispose(),
      });
      if (epochs === 1) expect((await fitted).length).toBe(1);
      else await expect(fitted).rejects.toThrow(DisposedError);
      expect(live()).toBeLessThan(before);
    }
  });

  it("a schedule must give a rate", async () => {
    using net = compiled();
    for (const rate of [undefined, null, Number.NaN, -1, "1", Promise.resolve(undefined)])
      await expect(net.fit(data(8), { ...train, schedule: () => rate as number })).rejects.toThrow(
        /the schedule gives .* for step 0 but must give a number of at least 0/,
      );
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

describe("a momentum that changes", () => {
  const cycle = (rate: number) => oneCycle(rate, 12, { cycleMomentum: true });
  it.each([
    ["cycledSgd", 0.2, sgd({ momentum: 0.5, nesterov: true })],
    ["cycledAdam", 0.2, adam()],
    ["cycledRmsprop", 0.01, rmsprop({ momentum: 0.5 })],
  ])("is PyTorch's OneCycleLR: %s", async (name, rate, optimizer) => {
    const schedule = cycle(rate);
    using net = fresh();
    await net.fit(steps, { loss, optimizer, schedule });
    expectWeights(net.weights, torch[name].weights);
    // By the two halves of a step, and on tensors.
    using halves = engine.compile(three, { weights: torch.weights, train: { loss, optimizer } });
    using tensors = fresh();
    for (const [i, samples] of steps.entries()) {
      const rates = { learningRate: schedule(i), momentum: schedule.momentum!(i) };
      const { gradients } = halves.gradients(samples);
      const given = Object.entries(gradients).map(
        ([key, values]) => [key, engine.tensor(values, tensors.variables[key].shape)] as const,
      );
      optimizer.apply(tensors.variables, Object.fromEntries(given), rates);
      for (const [, tensor] of given) tensor.dispose();
      halves.apply(gradients, rates);
    }
    expect(bits(halves)).toBe(bits(net));
    expect(bits(tensors)).toBe(bits(net));
  });

  it("is refused where an optimizer has none, and nothing happens then", async () => {
    for (const [optimizer, why] of [
      [sgd(), "sgd has momentum 0, so that it keeps no velocity; give it one above 0"],
      [rmsprop(), "rmsprop has momentum 0"],
      [adagrad(), "adagrad has none"],
      [nadam(), "nadam has a schedule of its own for it, momentumDecay"],
    ] as const) {
      using net = fresh();
      const before = [bits(net), live()];
      await expect(net.fit(steps, { loss, optimizer, schedule: cycle(0.1) })).rejects.toThrow(
        `fit: the momentum is to change from step to step, but ${why}`,
      );
      expect([bits(net), live()]).toEqual(before);
      using planned = engine.compile(three, { seed: 1, train: { loss, optimizer } });
      const { gradients } = planned.gradients(steps[0]);
      expect(() => planned.apply(gradients, { momentum: 0.5 })).toThrow("apply: the momentum is to change");
      const variables = Object.values(planned.variables);
      expect(() => optimizer.apply(variables, variables, { momentum: 1 })).toThrow("momentum is 1 but must");
    }
    using net = fresh();
    for (const momentum of [1, -0.1, Number.NaN, "0.9"]) {
      const wrong = Object.assign(() => 0.1, { momentum: () => momentum as number });
      await expect(net.fit(steps, { ...train, schedule: wrong })).rejects.toThrow(
        /the schedule gives the momentum .* for step 0 but must give a number from 0 to below 1/,
      );
    }
    const none = Object.assign(() => 0.1, { momentum: 0.9 as never });
    await expect(net.fit(steps, { ...train, schedule: none })).rejects.toThrow("schedule.momentum is 0.9");
  });
});

describe("parameter groups", () => {
  it("are PyTorch's: learning rates and weight decays of their own", async () => {
    const groups: ParameterGroup[] = [
      { layers: "a", learningRate: 0.1 },
      { layers: ["b"], weightDecay: 0.5 },
      { layers: (name) => name === "c", learningRate: 2, weightDecay: 0 },
    ];
    const options = { loss, optimizer: adamW({ learningRate: 0.05, weightDecay: 0.1 }), groups } as const;
    using net = fresh();
    await net.fit(steps, options);
    expectWeights(net.weights, torch.groups.weights);
    // A factor is of the schedule's rate, too.
    using scheduled = fresh();
    await scheduled.fit(steps, { ...options, optimizer: adamW({ weightDecay: 0.1 }), schedule: () => 0.05 });
    expect(bits(scheduled)).toBe(bits(net));
    // In two halves, and from a checkpoint in between.
    using halves = fresh();
    await halves.fit(steps.slice(0, 5), options);
    using resumed = fresh();
    resume(resumed, halves.save({ optimizer: true }));
    for (const step of steps.slice(5)) resumed.apply(resumed.gradients(step).gradients);
    expectWeights(resumed.weights, torch.groups.weights);
    // The same groups continue, others begin again.
    const before = net.history.length;
    await net.fit(steps, { ...options, groups: [...groups] });
    expect(net.history.length).toBe(before + 1);
    await net.fit(steps, { ...options, groups: groups.slice(1) });
    expect(net.history.length).toBe(1);
  });

  it("may be of weights, and the first that names one counts", async () => {
    const groups: ParameterGroup[] = [
      { weights: "*.bias", learningRate: 0 },
      { layers: "*", learningRate: 1 },
      { weights: "a.kernel", learningRate: 0 },
    ];
    using net = fresh();
    const before = net.weights;
    await net.fit(steps, { ...train, groups });
    for (const [name, values] of Object.entries(net.weights))
      expect(String(values) === String(before[name]), name).toBe(name.endsWith(".bias"));
  });

  it("by depth are PyTorch's", async () => {
    using net = fresh();
    await net.fit(steps, {
      ...{ loss, optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }), layerDecay: 0.5 },
    });
    expectWeights(net.weights, torch.layerDecay.weights);
    // Both ways to an addition are as deep as the longer; normalisation is as deep as what it normalises.
    const x = input([4]);
    const a = dense({ units: 4, name: "a" })(x);
    const b = dense({ units: 4, name: "b" })(batchNorm({ name: "n" })(a));
    const out = dense({ units: 3, name: "out.x" })(add()(dense({ units: 4, name: "short" })(x), b));
    const rules = weightRules(
      modelOf({ inputs: x, outputs: out }),
      ["a.kernel", "n.gamma", "b.kernel", "short.bias", "out.x.kernel"],
      { layerDecay: 0.5, groups: [{ layers: "b", learningRate: 3 }] } as unknown as TrainOptions,
    );
    expect([...rules.values()].map(({ factor }) => factor)).toEqual([0.25, 0.25, 1.5, 0.25, 1]);
  });

  it("refuse what is no selection, and change nothing", async () => {
    using net = fresh();
    const before = [bits(net), live()];
    for (const [options, message] of [
      [{ freeze: "d*" }, 'train: freeze names "d*", which is no layer of the model'],
      [{ freeze: () => false }, "freeze is a function that is true for no layer of the model"],
      [{ freeze: 5 }, "freeze is 5 but must be a name, a list of names, or a function of the name"],
      [{ freeze: ["a", 5] }, "freeze[1] is 5 but must be a text"],
      [{ groups: [{ layers: "__proto__" }] }, 'groups[0].layers names "__proto__", which is no layer'],
      [{ groups: [{ weights: ["a.kernel", "a.x"] }] }, 'groups[0].weights names "a.x", which is no weight'],
      [{ groups: [{ learningRate: -1 }] }, "learningRate is -1 but must be a number of at least 0"],
      [{ groups: [{ rate: 1 }] }, 'there is no option "rate"; there are layers, weights, learningRate'],
      [{ groups: { layers: "a" } }, "must be a list"],
      [{ layerDecay: 0 }, "layerDecay is 0 but must be above 0, to 1"],
    ] as const)
      await expect(net.fit(steps, { ...train, ...(options as object) })).rejects.toThrow(message);
    expect([bits(net), live()]).toEqual(before);
  });

  it("freeze takes patterns and functions", async () => {
    for (const freeze of [["a", "b"], "[ab]", (name: string) => name < "c", ["a*", "*b*"]]) {
      using net = fresh();
      const { weights } = net;
      const fitted = net.fit(steps, { ...train, freeze });
      if (freeze === "[ab]") await expect(fitted).rejects.toThrow('freeze names "[ab]"');
      else {
        await fitted;
        const changed = Object.keys(weights).filter(
          (name) => String(weights[name]) !== String(net.weights[name]),
        );
        expect(changed).toEqual(["c.kernel", "c.bias"]);
      }
    }
  });

  it("freeze what the call says that names a loss or an optimizer; a call that names none goes on", async () => {
    using net = fresh();
    const changed = async (options: object): Promise<string[]> => {
      const { weights } = net;
      await net.fit(steps, options);
      return Object.keys(weights).filter((name) => String(weights[name]) !== String(net.weights[name]));
    };
    const head = ["c.kernel", "c.bias"];
    expect(await changed({ ...train, freeze: ["a", "b"], clipNorm: 1 })).toEqual(head);
    expect(await changed({})).toEqual(head);
    expect(net.history.map(({ epoch }) => epoch)).toEqual([0, 1]);
    expect(await changed({ optimizer: sgd({ learningRate: 0.1 }) })).toEqual(Object.keys(net.weights));
    expect(net.history.map(({ epoch }) => epoch)).toEqual([0]);
    await expect(net.fit(steps, { ...train, freeze: "*" })).rejects.toThrow("freeze leaves no weight");
  });
});

describe("patterns", () => {
  it("match any text for each star", () => {
    const names = ["conv_1", "conv_1.conv_2", "head", "ab", "aba", "a"];
    const of = (pattern: string): string[] => selected(pattern, names, "freeze", "layer");
    expect(of("conv*")).toEqual(["conv_1", "conv_1.conv_2"]);
    expect(of("*_2")).toEqual(["conv_1.conv_2"]);
    expect(of("c*1*2")).toEqual(["conv_1.conv_2"]);
    expect(of("a*a")).toEqual(["aba"]);
    expect(of("*")).toEqual(names);
    expect(of("**b**")).toEqual(["ab", "aba"]);
    expect(() => of("ab*ba")).toThrow("no layer");
    expect(() => of("")).toThrow("no layer");
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
