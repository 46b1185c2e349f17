// Losses that are functions, losses of several outputs, weights of samples, and L1 and L2 terms: in trainings and evaluations.
import { afterAll, describe, expect, test } from "vitest";
import {
  ArgumentError,
  adam,
  type CustomLoss,
  conv2d,
  createEngine,
  dense,
  type FitOptions,
  flatten,
  input,
  type LossConfig,
  model,
  resume,
  type Samples,
  ShapeError,
  sequential,
  sgd,
  type TrainOptions,
  UnsupportedError,
} from "../src/index.ts";

const engine = await createEngine();
afterAll(() => engine.dispose());

const noise = (n: number, seed = 1): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 1.5);

const mlp = sequential(
  [4],
  [dense({ units: 6, activation: "tanh", name: "hidden" }), dense({ units: 3, name: "out" })],
);
const samples = (images = 20): Samples => ({ x: noise(images * 4), y: noise(images * 3, 2) });
const classes = (images = 20): Samples => ({
  x: noise(images * 4),
  y: Array.from({ length: images }, (_, i) => (i * 7) % 3),
});

/** The weights after some epochs, and the reports. */
async function trained(
  data: Samples,
  options: FitOptions & Partial<TrainOptions>,
  described: Parameters<typeof engine.compile>[0] = mlp,
) {
  using net = engine.compile(described, { seed: 1 });
  const history = await net.fit(data, {
    epochs: 3,
    batchSize: 8,
    optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }),
    ...options,
  });
  return { weights: net.weights, history };
}

const largest = (a: Record<string, Float32Array>, b: Record<string, Float32Array>): number =>
  Math.max(...Object.keys(a).flatMap((name) => Array.from(a[name], (v, i) => Math.abs(v - b[name][i]))));

/** Mean squared error, by ops. */
const squares: CustomLoss = (output, target, e) => {
  const difference = e.sub(output, target);
  return e.reduce(e.mul(difference, difference), { kind: "mean" });
};

describe("a loss of one's own", () => {
  test("trains as the built-in one of the same formula, and evaluates so", async () => {
    const own = await trained(samples(), { loss: squares, validation: samples(9) });
    const builtIn = await trained(samples(), { loss: "meanSquaredError", validation: samples(9) });
    expect(largest(own.weights, builtIn.weights)).toBeLessThan(1e-5);
    own.history.forEach(({ loss, validation }, i) => {
      expect(loss).toBeCloseTo(builtIn.history[i].loss, 5);
      expect(validation!.loss).toBeCloseTo(builtIn.history[i].validation!.loss, 5);
    });
    using net = engine.compile(mlp, { seed: 1 });
    const measured = net.evaluate(samples(), { loss: squares, batchSize: 7 }).loss;
    expect(measured).toBeCloseTo(net.evaluate(samples(), { loss: "meanSquaredError" }).loss, 5);
  });

  test("gets class indices where y has as few numbers, and may call built-in losses", async () => {
    const types: string[] = [];
    const own: CustomLoss = (output, target, e) => {
      types.push(`${target.dtype} [${target.shape}]`);
      return e.loss(output, target, { kind: "softmaxCrossEntropy" });
    };
    const a = await trained(classes(), { loss: own });
    const b = await trained(classes(), { loss: "softmaxCrossEntropy" });
    expect(largest(a.weights, b.weights)).toBe(0);
    expect(types).toEqual(["int32 [8]", "int32 [4]"]);
    expect(a.history[2].metrics.accuracy).toBe(b.history[2].metrics.accuracy);
  });

  test("may call its own network, with the weights it has then", async () => {
    const live = engine.memory.live;
    {
      using net = engine.compile(mlp, { seed: 1 });
      const still: CustomLoss = (output, _, e, { inputs }) =>
        squares(output, net(inputs.input_1), e, {} as never);
      const failing: CustomLoss = (output, target, e, about) =>
        e.expandDims(e.square(output), { axis: still(output, target, e, about).size });
      const [{ loss }] = await net.fit(samples(), { loss: still, optimizer: adam() });
      expect(loss).toBeCloseTo(0, 12);
      await expect(net.fit(samples(), { loss: failing, optimizer: adam() })).rejects.toThrow(ShapeError);
    }
    expect(engine.memory.live).toBe(live);
  });

  test("reads the model: terms of weights, of what layers give, and of inputs", async () => {
    const decay: CustomLoss = (output, target, e, { weights }) => {
      const kernel = weights["hidden.kernel"];
      const decayed = e.rescale(e.reduce(e.mul(kernel, kernel), { kind: "sum" }), { scale: 0.01 });
      return e.add(squares(output, target, e, {} as never), decayed);
    };
    const own = await trained(samples(), { loss: decay });
    const l2 = { l2: 0.01, layers: ["hidden"] };
    const builtIn = await trained(samples(), { loss: "meanSquaredError", regularize: l2 });
    expect(largest(own.weights, builtIn.weights)).toBeLessThan(1e-5);
    expect(own.history[2].loss).toBeCloseTo(builtIn.history[2].loss, 5);

    const activity: CustomLoss = (_output, _target, e, { layers, inputs }) =>
      e.add(e.reduce(layers.hidden, { kind: "mean" }), e.reduce(Object.values(inputs)[0], { kind: "max" }));
    using net = engine.compile(mlp, { seed: 1 });
    const { x, y } = classes();
    const { "hidden.kernel": kernel } = net.weights;
    const mean = (): number => {
      let sum = 0;
      for (let i = 0; i < 20; i++)
        for (let o = 0; o < 6; o++) {
          let v = 0;
          for (let c = 0; c < 4; c++) v += (x as Float32Array)[i * 4 + c] * kernel[c * 6 + o];
          sum += Math.tanh(v);
        }
      return sum / 120;
    };
    const want = mean() + Math.max(...(x as Float32Array));
    expect(net.evaluate({ x, y }, { loss: activity }).loss).toBeCloseTo(want, 5);
    // The weights of an evaluation after each epoch are those of then.
    const { history } = await trained(samples(), { loss: decay, validation: samples() });
    using after = engine.compile(mlp, { weights: (await trained(samples(), { loss: decay })).weights });
    expect(after.evaluate(samples(), { loss: decay }).loss).toBeCloseTo(history[2].validation!.loss, 5);
  });

  test("compares what another network sees, whose weights stay as they are", async () => {
    using teacher = engine.compile(sequential([3], [dense({ units: 5, activation: "relu" })]), { seed: 3 });
    const { weights } = teacher;
    const perceptual: CustomLoss = (output, target, e) =>
      e.loss(teacher(output), teacher(target), { kind: "meanSquaredError" });
    using net = engine.compile(mlp, { seed: 1 });
    const optimizer = adam({ learningRate: 0.02 });
    const history = await net.fit(samples(), { loss: perceptual, optimizer, epochs: 20, batchSize: 8 });
    expect(history[19].loss).toBeLessThan(history[0].loss * 0.5);
    expect(largest(teacher.weights, weights)).toBe(0);
    const [seen, wanted] = [net.predict(samples().x as Float32Array), samples().y as Float32Array].map((v) =>
      teacher.predict(v),
    );
    const squared = seen.reduce((sum, v, i) => sum + (v - wanted[i]) ** 2, 0) / seen.length;
    expect(net.evaluate(samples()).loss).toBeCloseTo(squared, 5);
  });

  test("the same function goes on, another starts anew", async () => {
    using net = engine.compile(mlp, { seed: 1 });
    const options = { loss: squares, optimizer: adam(), shuffle: false };
    await net.fit(samples(), options);
    await net.fit(samples(), { ...options });
    expect(net.history.length).toBe(2);
    await net.fit(samples(), { ...options, loss: (...args) => squares(...args) });
    expect(net.history.length).toBe(1);
  });

  test("gets targets as samples have them, also where it is given to compile and batches are gathered", async () => {
    const own: CustomLoss = (output, target, e) => e.loss(output, target, { kind: "categoricalHinge" });
    const values: CustomLoss = (output, target, e) => e.reduce(e.sub(output, target), { kind: "max" });
    for (const [loss, data] of [
      [own, classes()],
      [values, samples()],
    ] as const) {
      using net = engine.compile(mlp, { seed: 1, train: { loss, optimizer: sgd({ learningRate: 0.1 }) } });
      await net.fit(data, { accumulate: 2, batchSize: 5, shuffle: false });
      using other = engine.compile(mlp, { seed: 1, train: { loss, optimizer: sgd({ learningRate: 0.1 }) } });
      const part = (from: number, to: number): Samples => ({
        x: (data.x as Float32Array).slice(from * 4, to * 4),
        y: (data.y as number[]).slice(
          (from * (data.y as number[]).length) / 20,
          (to * (data.y as number[]).length) / 20,
        ),
      });
      for (const from of [0, 10]) {
        const [a, b] = [part(from, from + 5), part(from + 5, from + 10)].map(
          (batch) => other.gradients(batch).gradients,
        );
        const mean = Object.entries(a).map(([name, v]) => [name, v.map((g, i) => (g + b[name][i]) / 2)]);
        other.apply(Object.fromEntries(mean));
      }
      expect(largest(net.weights, other.weights)).toBeLessThan(1e-6);
    }
  });

  test("is given again to resume", async () => {
    using net = engine.compile(mlp, { seed: 1 });
    const options = { loss: { kind: squares, weight: 2 }, optimizer: adam({ learningRate: 0.01 }) };
    await net.fit(samples(), options);
    const bytes = net.save({ optimizer: true });
    await net.fit(samples(), options);
    using other = engine.compile(mlp, { seed: 5 });
    expect(() => resume(other, bytes)).toThrow(ArgumentError);
    expect(() => resume(other, bytes)).toThrow(/give it again: resume\(net, bytes, \{ loss \}\)/);
    resume(other, bytes, { loss: options.loss });
    await other.fit(samples());
    expect(largest(other.weights, net.weights)).toBe(0);
  });

  test("refuses what it cannot be, and leaves everything as it was", async () => {
    using net = engine.compile(mlp, { seed: 1 });
    const before = net.weights;
    const bytes = engine.memory;
    const wrong: [LossConfig, new (...args: never[]) => Error, RegExp][] = [
      [() => 3 as never, ArgumentError, /what the function returns is 3 but must be a Tensor/],
      [(x) => x, ShapeError, /returns float32 \[8,3\] but must return one float32 value/],
      [
        (x, t, e) => e.rescale(squares(x, t, e, {} as never), { scale: x.data()[0] }),
        UnsupportedError,
        /cannot read values/,
      ],
      [
        () => {
          throw new RangeError("mine");
        },
        RangeError,
        /mine/,
      ],
      [{ kind: squares, delta: 2 }, ArgumentError, /a function takes no options/],
      [{ kind: "dice", delta: 2 }, ArgumentError, /loss "dice" takes no "delta"; it takes smooth/],
      [{ kind: "dice", weight: -1 }, ArgumentError, /weight is -1 but must be a number of at least 0/],
      [{ kind: "__proto__" as never }, ArgumentError, /must be one of/],
      [{ out: "dice", other: "dice" } as LossConfig, ArgumentError, /loss names "other", which is no output/],
      [
        { kind: "softmaxCrossEntropy", classWeights: [1, 2] },
        ShapeError,
        /classWeights are 2 numbers but must be 3/,
      ],
      [[] as never, ArgumentError, /loss is \[\] but must be one of/],
      [null as never, ArgumentError, /loss is null but must be one of/],
      [
        (x, _, e) => e.argMax(e.reshape(x, { shape: [24] }), { axis: 0 }) as never,
        ShapeError,
        /returns int32 \[\] but must return one float32 value/,
      ],
      [
        (_, t, e) => e.reduce(t, { kind: "mean" }),
        ArgumentError,
        /does not depend on any weight that is trained/,
      ],
    ];
    for (const [loss, error, message] of wrong) {
      const run = (): Promise<unknown> => net.fit(samples(), { loss, optimizer: adam(), batchSize: 8 });
      await expect(run()).rejects.toThrow(message);
      if (error !== RangeError) await expect(run()).rejects.toBeInstanceOf(error);
    }
    expect(largest(net.weights, before)).toBe(0);
    expect(engine.memory).toEqual(bytes);
  });
});

describe("several outputs", () => {
  const image = input([6, 6, 1], { name: "image" });
  const features = conv2d({ filters: 4, kernel: 3, padding: "same", activation: "relu", name: "features" })(
    image,
  );
  const mask = conv2d({ filters: 1, kernel: 1, name: "mask" })(features);
  const label = dense({ units: 3, name: "label" })(flatten({ name: "flat" })(features));
  const both = model({ inputs: image, outputs: [mask, label] });

  const images = 12;
  const data: Samples = {
    x: noise(images * 36),
    y: {
      mask: Float32Array.from({ length: images * 36 }, (_, i) => Number(Math.sin(i) > 0.3)),
      label: Array.from({ length: images }, (_, i) => i % 3),
    },
  };
  const loss: LossConfig = { mask: "dice", label: { kind: "softmaxCrossEntropy", weight: 0.3 } };

  test("have a loss each; reports give the sum and each part", async () => {
    using net = engine.compile(both, { seed: 1 });
    const parts: (Readonly<Record<string, number>> | undefined)[] = [];
    const history = await net.fit(data, {
      loss,
      optimizer: adam({ learningRate: 0.01 }),
      epochs: 4,
      batchSize: 12,
      validation: data,
      onBatch: ({ losses }) => parts.push(losses),
    });
    for (const { loss: sum, losses, validation, metrics } of history) {
      expect(sum).toBeCloseTo(losses!.mask + 0.3 * losses!.label, 5);
      expect(validation!.loss).toBeCloseTo(validation!.losses!.mask + 0.3 * validation!.losses!.label, 5);
      expect(Object.keys(metrics)).toEqual(["label.accuracy"]);
    }
    expect(parts[1]).toEqual(history[1].losses);
    // The loss before an epoch's only step is that after the last.
    expect(history[2].losses!.mask).toBeCloseTo(history[1].validation!.losses!.mask, 5);
    expect(history[3].loss).toBeLessThan(history[0].loss);
    const measured = net.evaluate(data, { metrics: { mask: ["accuracy"], label: ["accuracy"] } });
    expect(Object.keys(measured.metrics)).toEqual(["mask.accuracy", "label.accuracy"]);
  });

  test("one alone may have a loss; y and metrics are told which", async () => {
    using net = engine.compile(both, { seed: 1 });
    const before = net.weights["label.kernel"];
    await net.fit(data, { loss: { mask: "iou" }, optimizer: adam() });
    expect(net.weights["label.kernel"]).toEqual(before);
    const optimizer = adam();
    const wrong: [Samples, FitOptions & Partial<TrainOptions>, RegExp][] = [
      [data, { loss: "dice" }, /the model has 2 outputs, so that loss must say which for each: \{ mask: /],
      [{ x: data.x, y: noise(12) }, { loss }, /y holds no array "mask"/],
      [{ x: data.x, y: { label: noise(12) } }, { loss }, /y holds no array "mask"/],
      [
        data,
        { loss: { nothing: "dice" } },
        /loss names "nothing", which is no output; there are mask, label/,
      ],
      [data, { loss, metrics: ["accuracy"] }, /give lists by the names of these outputs: mask, label/],
      [data, { loss, metrics: { other: [] } }, /metrics name "other"/],
      [
        { x: data.x, y: { ...(data.y as object), label: [9, ...noise(11)] } },
        { loss },
        /y "label"\[0\] is 9/,
      ],
    ];
    for (const [samples, options, message] of wrong)
      await expect(net.fit(samples, { optimizer, ...options })).rejects.toThrow(message);
  });
});

describe("weights", () => {
  test("of samples count an image as often, whatever the loss", async () => {
    const kinds: LossConfig[] = [
      "softmaxCrossEntropy",
      "focal",
      { kind: "dice", perImage: true },
      "nll",
      { kind: "softmaxCrossEntropy", labelSmoothing: 0.1 },
    ];
    using net = engine.compile(mlp, { seed: 1 });
    for (const loss of kinds) {
      const { x, y } = classes(6);
      const weight = [2, 0, 1, 1, 0, 2];
      const picked = [0, 0, 2, 3, 5, 5];
      const repeated = {
        x: Float32Array.from({ length: 24 }, (_, i) => (x as Float32Array)[picked[i >> 2] * 4 + (i % 4)]),
        y: picked.map((i) => (y as number[])[i]),
      };
      const a = net.evaluate({ x, y, weight }, { loss });
      expect(a.loss).toBeCloseTo(net.evaluate(repeated, { loss }).loss, 5);
    }
    for (const loss of ["meanSquaredError", "huber", "logCosh", "cosineSimilarity"] as const) {
      const { x, y } = samples(6);
      const ones = net.evaluate({ x, y, weight: new Float32Array(6).fill(1) }, { loss }).loss;
      expect(ones).toBeCloseTo(net.evaluate({ x, y }, { loss }).loss, 5);
      expect(net.evaluate({ x, y, weight: new Array(6).fill(0.5) }, { loss }).loss).toBeCloseTo(ones / 2, 5);
    }
  });

  test("of samples train, shuffled with their images", async () => {
    const { x, y } = samples(20);
    // Images of weight 0 hold nonsense.
    const weight = Array.from({ length: 20 }, (_, i) => Number(i % 2));
    const spoilt = Float32Array.from(y as Float32Array, (v, i) => (Math.floor(i / 3) % 2 ? v : 1e3));
    const zeroed = Float32Array.from(y as Float32Array, (v, i) => (Math.floor(i / 3) % 2 ? v : 0));
    const loss = "meanSquaredError";
    const a = await trained({ x, y: spoilt, weight }, { loss });
    const b = await trained({ x, y: zeroed, weight }, { loss });
    expect(largest(a.weights, b.weights)).toBe(0);
    const without = await trained({ x, y: zeroed }, { loss });
    expect(largest(a.weights, without.weights)).toBeGreaterThan(1e-3);
  });

  test("of samples are refused where they are none, or the loss has no terms for them", () => {
    using net = engine.compile(mlp, { seed: 1 });
    const { x, y } = classes(6);
    const weighted = (weight: unknown, loss: LossConfig): unknown =>
      net.evaluate({ x, y, weight } as Samples, { loss });
    expect(() => weighted([1, 2], "focal")).toThrow(/weight has 2 values but must have one for each of 6/);
    expect(() => weighted([1, 2, 3, 4, 5, NaN], "focal")).toThrow(/weight\[5\] is NaN/);
    expect(() => weighted([1, 2, 3, 4, 5, -1], "focal")).toThrow(/weight\[5\] is -1/);
    expect(() => weighted("111111", "focal")).toThrow(ArgumentError);
    expect(() => weighted([1, 1, 1, 1, 1, 1], "dice")).toThrow(/give it \{ perImage: true \}/);
    const own: CustomLoss = (output, target, e) => e.loss(output, target, { kind: "dice" });
    expect(() => weighted([1, 1, 1, 1, 1, 1], own)).toThrow(/a function gets no weights/);
  });

  test("that are regularised: kernels, of all layers or some", async () => {
    const loss = "meanSquaredError" as const;
    using net = engine.compile(mlp, { seed: 1, train: { loss, optimizer: sgd() } });
    const { loss: plain } = net.gradients(samples(8));
    const { "hidden.kernel": hidden, "out.kernel": out } = net.weights;
    const sum = (list: Float32Array, f: (v: number) => number): number => list.reduce((s, v) => s + f(v), 0);
    const square = (v: number): number => v * v;
    using decayed = engine.compile(mlp, {
      seed: 1,
      train: { loss, optimizer: sgd(), regularize: [{ l1: 0.1 }, { l2: 0.2, layers: ["out"] }] },
    });
    const before = net.gradients(samples(8)).gradients;
    const { loss: total, gradients } = decayed.gradients(samples(8));
    expect(total).toBeCloseTo(
      plain + 0.1 * (sum(hidden, Math.abs) + sum(out, Math.abs)) + 0.2 * sum(out, square),
      4,
    );
    const want = Float32Array.from(out, (w, i) => before["out.kernel"][i] + 0.1 * Math.sign(w) + 0.4 * w);
    expect(largest({ out: gradients["out.kernel"] }, { out: want })).toBeLessThan(1e-5);
    expect(gradients["out.bias"]).toEqual(before["out.bias"]);
    for (const layers of ["out", "o*", (name: string) => name === "out"]) {
      const terms = [{ l1: 0.1 }, { l2: 0.2, layers }];
      using same = engine.compile(mlp, { seed: 1, train: { loss, optimizer: sgd(), regularize: terms } });
      expect(same.gradients(samples(8)).gradients).toEqual(gradients);
    }
    for (const [regularize, message] of [
      [{ l2: -1 }, /l2 is -1/],
      [{ layers: ["none"] }, /regularize\[0\]\.layers names "none", which is no layer/],
      [[{}, { layers: () => false }], /regularize\[1\]\.layers is a function that is true for no layer/],
      [{ layers: 5 }, /layers is 5 but must be a name, a list of names, or a function/],
      [{ L2: 1 }, /there is no option "L2"/],
      [3, /options are 3 but must be an object/],
    ] as const)
      expect(() =>
        engine.compile(mlp, { train: { loss, optimizer: sgd(), regularize: regularize as never } }),
      ).toThrow(message);
    await decayed.fit(samples(8));
    const bytes = decayed.save({ optimizer: true });
    resume(net, bytes);
    expect(largest(net.weights, decayed.weights)).toBe(0);
  });
});
