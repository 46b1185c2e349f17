// Training on several processes: gradients of parts of a batch, averaged, applied. On one process they are `trainStep`, bit for bit.
import { describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import { ArgumentError, DisposedError, ShapeError, UnsupportedError } from "../src/errors.ts";
import {
  adagrad,
  adam,
  adamW,
  add,
  type BatchGradients,
  batchNorm,
  conv2d,
  dense,
  dropout,
  flatten,
  type GivenWeights,
  input,
  instanceNorm,
  model,
  type Network,
  type Optimizer,
  relu,
  rmsprop,
  type Samples,
  sequential,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { loadGolden } from "./golden.ts";
import { builds } from "./harness.ts";
import { ROUNDOFF } from "./oracle.ts";
import { expectWithin, relativeL2 } from "./tolerance.ts";

const wave = (count: number, phase = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + phase));
const PIXELS = 6 * 6 * 2;
const samples = (images: number, first = 0) => ({
  x: wave(images * PIXELS, first),
  y: Uint8Array.from({ length: images }, (_, i) => ((i + first) * 5) % 3),
});
const joined = (a: ReturnType<typeof samples>, b: typeof a): typeof a => ({
  x: Float32Array.of(...a.x, ...b.x),
  y: Uint8Array.of(...a.y, ...b.y),
});

/** Everything whose training differs from predicting. */
const noisy = sequential(
  [6, 6, 2],
  [
    conv2d({ filters: 5, kernel: 3, padding: "same", bias: false, name: "a" }),
    batchNorm({ name: "norm" }),
    relu(),
    dropout({ rate: 0.3 }),
    conv2d({ filters: 6, kernel: 3, activation: "relu", name: "b" }),
    flatten(),
    dropout({ rate: 0.5 }),
    dense({ units: 3, name: "c" }),
  ],
);
/** Every image by itself, so that halves of a batch know all of it. */
const still = sequential(
  [6, 6, 2],
  [
    conv2d({ filters: 8, kernel: 3, padding: "same", activation: "relu", name: "a" }),
    instanceNorm({ name: "norm" }),
    flatten(),
    dense({ units: 3, name: "c" }),
  ],
);
const loss = "softmaxCrossEntropy";

const OPTIMIZERS: Record<string, () => Optimizer> = {
  sgd: () => sgd({ learningRate: 0.05 }),
  "sgd with momentum": () => sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  adam: () => adam({ weightDecay: 0.01 }),
  adamW: () => adamW(),
  rmsprop: () => rmsprop({ centered: true, momentum: 0.5 }),
  adagrad: () => adagrad({ rateDecay: 0.1 }),
};
const LIMITS: Record<string, Partial<TrainOptions>> = {
  "no limits": {},
  clipNorm: { clipNorm: 0.05 },
  "clipValue and clipNorm": { clipValue: 0.01, clipNorm: 0.04 },
};

/** The mean over processes, as an all-reduce makes it. */
const mean = (parts: readonly GivenWeights[]): Record<string, Float32Array> =>
  Object.fromEntries(
    Object.entries(parts[0]).map(([name, first]) => [
      name,
      Float32Array.from(first, (_, i) => parts.reduce((sum, part) => sum + part[name][i], 0) / parts.length),
    ]),
  );
const applied = (net: Network, { gradients, statistics }: BatchGradients, learningRate?: number): void =>
  net.apply(gradients, { statistics, learningRate });

describe.each(builds())("gradients and apply, $name build", ({ engine: runtime }) => {
  const engineOf = async (): Promise<Engine> => new Engine(await runtime);

  it.each(
    Object.keys(OPTIMIZERS).flatMap((name) => Object.keys(LIMITS).map((limits) => [name, limits] as const)),
  )("are a trainStep of %s with %s, bit for bit", async (name, limits) => {
    const engine = await engineOf();
    const before = engine.memory.live;
    const train = { loss, optimizer: OPTIMIZERS[name](), batchSize: 6, ...LIMITS[limits] } as const;
    const [whole, split] = [0, 1].map(() => engine.compile(noisy, { seed: 3, train }));
    const start = whole.save({ optimizer: true });
    for (const [step, images] of [6, 6, 4, 6].entries()) {
      const batch = samples(images, step);
      const part = split.gradients(batch);
      expect(part.images).toBe(images);
      expect(whole.trainStep(batch)).toBe(part.loss);
      applied(split, part);
      expect(split.predict(batch.x)).toEqual(whole.predict(batch.x));
    }
    // Weights, running averages, the optimizer's state and the count of steps.
    expect(split.save({ optimizer: true })).toEqual(whole.save({ optimizer: true }));
    expect(split.save({ optimizer: true })).not.toEqual(start);
    for (const net of [whole, split]) net.dispose();
    expect(engine.memory.live).toBe(before);
  });

  it("change nothing but by apply, and go on with trainStep and fit", async () => {
    const train = { loss, optimizer: adam(), batchSize: 4 } as const;
    using net = (await engineOf()).compile(noisy, { seed: 3, train });
    using other = (await engineOf()).compile(noisy, { seed: 3, train });
    const before = net.save({ optimizer: true });
    const part = net.gradients(samples(4));
    expect(net.gradients(samples(4))).toEqual(part);
    expect(net.save({ optimizer: true })).toEqual(before);
    applied(net, part);
    net.trainStep(samples(4, 1));
    await net.fit(samples(8, 2), { batchSize: 4, shuffle: false });
    other.trainStep(samples(4));
    other.trainStep(samples(4, 1));
    await other.fit(samples(8, 2), { batchSize: 4, shuffle: false });
    expect(net.save({ optimizer: true })).toEqual(other.save({ optimizer: true }));
  });

  it("of halves, averaged, are those of the whole but for the order of sums", async () => {
    const train = { loss, optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }), clipNorm: 1 } as const;
    const engine = await engineOf();
    const nets = [0, 1, 2].map(() => engine.compile(still, { seed: 4, train }));
    const [whole, ...halves] = nets;
    for (let step = 0; step < 5; step++) {
      const parts = halves.map((_, i) => samples(5, 10 * step + i));
      const all = whole.gradients(joined(parts[0], parts[1]));
      const results = halves.map((net, i) => net.gradients(parts[i]));
      const gradients = mean(results.map((part) => part.gradients));
      for (const [name, gradient] of Object.entries(gradients))
        expect(relativeL2(gradient, all.gradients[name])).toBeLessThan(64 * ROUNDOFF);
      expect(Math.abs((results[0].loss + results[1].loss) / 2 - all.loss)).toBeLessThan(8 * ROUNDOFF);
      whole.trainStep(joined(parts[0], parts[1]));
      for (const net of halves) net.apply(gradients);
    }
    expect(halves[0].save({ optimizer: true })).toEqual(halves[1].save({ optimizer: true }));
    for (const [name, values] of Object.entries(halves[0].weights))
      expect(relativeL2(values, whole.weights[name])).toBeLessThan(256 * ROUNDOFF);
    for (const net of nets) net.dispose();
  });

  it("average the running averages of batch normalisation", async () => {
    const train = { loss, optimizer: sgd() } as const;
    using net = (await engineOf()).compile(noisy, { seed: 5, train });
    const parts = [0, 1].map((i) => net.gradients(samples(6, i)));
    const whole = net.gradients(joined(samples(6, 0), samples(6, 1)));
    expect(Object.keys(whole.statistics)).toEqual(["norm.mean", "norm.variance"]);
    const statistics = mean(parts.map((part) => part.statistics));
    // A mean over images is the mean of the means of its halves; a variance is not that of their variances.
    expectWithin(statistics["norm.mean"], whole.statistics["norm.mean"], 4 * ROUNDOFF);
    net.apply(parts[0].gradients, { statistics });
    for (const [name, values] of Object.entries(statistics)) expect(net.weights[name]).toEqual(values);
  });

  it("follow PyTorch's optimizers", async () => {
    const engine = await engineOf();
    const made: Record<string, (o: Record<string, number>) => Optimizer> = {
      ...{
        sgd,
        sgdMomentum: sgd,
        sgdNesterov: sgd as (o: object) => Optimizer,
        adam,
        adamW,
        rmsprop,
        adagrad,
      },
    };
    const cases = loadGolden().training.filter((c) => c.source.startsWith("optimizer."));
    expect(cases.length).toBeGreaterThan(6);
    for (const c of cases) {
      const { lr, weight_decay: weightDecay, momentum, nesterov } = c.params as Record<string, number>;
      const optimizer = made[c.source.slice("optimizer.".length)]({
        learningRate: lr,
        ...(weightDecay !== undefined && { weightDecay }),
        ...(momentum !== undefined && { momentum }),
        ...(nesterov !== undefined && { nesterov }),
      });
      const start = c.tensor("in.p").data;
      using net = engine.compile(sequential([start.length], [dense({ units: 1, bias: false, name: "d" })]), {
        weights: { "d.kernel": start },
        train: { loss: "meanSquaredError", optimizer },
      });
      for (const step of [0, 1, 2, 3, 4]) {
        net.apply({ "d.kernel": c.tensor(`step${step}.grad`).data });
        const want = c.tensor(`step${step}.p`).data;
        const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        expectWithin(net.weights["d.kernel"], want, (step + 1) * ROUNDOFF * (2 * largest + 16 * lr));
      }
    }
  });

  it("leave frozen weights out, take a learning rate, and draw dropout by a seed", async () => {
    const train = { loss, optimizer: sgd({ learningRate: 0.1 }), freeze: ["a", "norm"] } as const;
    using net = (await engineOf()).compile(noisy, { seed: 6, train });
    const part = net.gradients(samples(4));
    expect(Object.keys(part.gradients)).toEqual(["b.kernel", "b.bias", "c.kernel", "c.bias"]);
    expect(part.statistics).toEqual({});
    expect(net.gradients(samples(4), { seed: 6 })).toEqual(part);
    expect(net.gradients(samples(4), { seed: 7 })).not.toEqual(part);
    const start = net.weights;
    net.apply(part.gradients, { learningRate: 0 });
    expect({ ...net.weights }).toEqual({ ...start });
    net.apply(part.gradients, { learningRate: 0.25 });
    const want = start["b.bias"].map((w, i) => w - 0.25 * part.gradients["b.bias"][i]);
    expectWithin(net.weights["b.bias"], want, ROUNDOFF);
    // Any array of numbers is a gradient.
    const lists = Object.fromEntries(Object.entries(part.gradients).map(([k, v]) => [k, Array.from(v)]));
    net.apply(lists);
  });

  it("take several inputs, and weights that the loss does not depend on", async () => {
    const engine = await engineOf();
    const [a, b] = [input([2], { name: "a" }), input([2], { name: "b" })];
    const described = model({ inputs: [a, b], outputs: dense({ units: 1, name: "d" })(add()(a, b)) });
    const [sum] = described.layers;
    const aside = { kind: "dense", name: "e", config: { units: 1 }, inputs: [sum.name] };
    using net = engine.compile(
      { ...described, layers: [...described.layers, aside] },
      { train: { loss: "meanSquaredError", optimizer: adamW({ weightDecay: 0.5 }) } },
    );
    const start = net.weights;
    const { gradients } = net.gradients({ x: { a: wave(6), b: wave(6) }, y: wave(3) });
    expect(Object.keys(gradients)).toEqual(["d.kernel", "d.bias"]);
    net.apply(gradients);
    expect(net.weights["d.kernel"]).not.toEqual(start["d.kernel"]);
    expect(net.weights["e.kernel"]).toEqual(start["e.kernel"]);
  });

  it("take no memory from step to step", async () => {
    const engine = await engineOf();
    using net = engine.compile(noisy, { train: { loss, optimizer: adam(), batchSize: 4 } });
    applied(net, net.gradients(samples(4)));
    const { memory } = engine;
    for (let step = 0; step < 100; step++) applied(net, net.gradients(samples(4, step)));
    expect(engine.memory).toEqual(memory);
  });

  it("refuse what does not fit, and change nothing", async () => {
    const engine = await engineOf();
    using net = engine.compile(noisy, { seed: 7, train: { loss, optimizer: adam() } });
    const { gradients, statistics } = net.gradients(samples(4));
    const { "c.bias": bias, ...rest } = gradients;
    const before = net.save({ optimizer: true });
    const { live } = engine.memory;
    const all = { statistics };
    type Refused = readonly [unknown, unknown, typeof ArgumentError | typeof ShapeError, RegExp];
    const refused: Refused[] = [
      [
        undefined,
        all,
        ArgumentError,
        /apply: gradients is undefined but must be an object of arrays by name/,
      ],
      [[bias], all, ArgumentError, /apply: gradients is \[.*\] but must be an object/],
      [rest, all, ArgumentError, /apply: gradients hold no "c.bias"; give all that/],
      [
        { ...gradients, "c.scale": bias },
        all,
        ArgumentError,
        /apply: gradients hold "c.scale", which this training does not update; it updates a.kernel, norm.gamma/,
      ],
      [{ ...gradients, ...statistics }, all, ArgumentError, /gradients hold "norm.mean"/],
      [
        { ...rest, "c.bias": [1, 2] },
        all,
        ShapeError,
        /apply: gradients\["c.bias"\] has 2 values but must have 3, shape \[3\]/,
      ],
      [{ ...rest, "c.bias": ["1", "2", "3"] }, all, ArgumentError, /gradients\["c.bias"\]\[0\] is "1"/],
      [{ ...rest, "c.bias": null }, all, ArgumentError, /gradients\["c.bias"\] is null but must be a typed/],
      [
        { ...rest, "c.bias": new BigInt64Array(3) },
        all,
        ArgumentError,
        /gradients\["c.bias"\] is a BigInt64A/,
      ],
      [gradients, {}, ArgumentError, /apply: statistics hold no "norm.mean"; give all that net.gradients/],
      [gradients, { statistics: { ...statistics, x: bias } }, ArgumentError, /statistics hold "x"/],
      [gradients, { ...all, learningRate: Number.NaN }, ArgumentError, /apply: learningRate is NaN but must/],
      [gradients, { ...all, learningRate: -1 }, ArgumentError, /apply: learningRate is -1 but must/],
      [gradients, { ...all, rate: 1 }, ArgumentError, /apply: there is no option "rate"/],
      [gradients, null, ArgumentError, /apply: options are null/],
    ];
    for (const [given, options, kind, message] of refused) {
      const call = (): void => net.apply(given as GivenWeights, options as object);
      expect(call).toThrow(kind);
      expect(call).toThrow(message);
    }
    for (const [given, options, message] of [
      [{ x: wave(5), y: [0] }, {}, /gradients: x "input_1" has 5 values/],
      [samples(4), { seed: 0.5 }, /gradients: seed is 0.5 but must be an integer/],
      [undefined, {}, /gradients: the data is undefined/],
    ] as const)
      expect(() => net.gradients(given as unknown as Samples, options)).toThrow(message);
    expect(net.save({ optimizer: true })).toEqual(before);
    expect(engine.memory.live).toBe(live);
    applied(net, net.gradients(samples(4)));
  });

  it("refuse a network that has no optimizer, is being fitted, or is disposed of", async () => {
    const engine = await engineOf();
    const net = engine.compile(still, { seed: 8 });
    expect(() => net.gradients(samples(2))).toThrow(
      /optimizer is undefined but must be one such as adam\(\)/,
    );
    expect(() => net.apply({})).toThrow(/optimizer is undefined but must be one such as adam\(\)/);
    const fitted = net.fit(samples(40), { loss, optimizer: sgd() });
    expect(() => net.gradients(samples(2))).toThrow(UnsupportedError);
    expect(() => net.apply({})).toThrow(/apply: this network is being fitted; await that first/);
    await fitted;
    const { gradients } = net.gradients(samples(2));
    net.apply(gradients);
    net.dispose();
    expect(() => net.gradients(samples(2))).toThrow(DisposedError);
    expect(() => net.apply(gradients)).toThrow(DisposedError);
  });
});
