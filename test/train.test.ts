// Networks that learn: gradients of whole nets, the loop over batches, checkpoints, and what must not happen to a network.
import { describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import {
  ArgumentError,
  ConvolithError,
  DisposedError,
  FormatError,
  UnsupportedError,
} from "../src/errors.ts";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.ts";
import { Edge, Graph } from "../src/graph/graph.ts";
import { float32 } from "../src/graph/op.ts";
import {
  adam,
  adamW,
  add,
  batchNorm,
  conv2d,
  cosine,
  dense,
  dropout,
  flatten,
  fromSafetensors,
  input,
  model,
  type Network,
  relu,
  resume,
  rmsprop,
  sequential,
  sgd,
  stepDecay,
  tanh,
} from "../src/index.ts";
import { binary } from "../src/ops/elementwise.ts";
import { argMax } from "../src/ops/reduce.ts";
import { differentiate } from "../src/passes/differentiate.ts";
import { shuffled } from "../src/training/data.ts";
import { builds, threaded } from "./harness.ts";

/** Pictures of noise with a bright spot, and the quarter it is in. */
function spots(n: number, seed = 1): { x: Float32Array; y: Uint8Array } {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const x = new Float32Array(n * 64);
  const y = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    y[i] = Math.floor(random() * 4);
    for (let k = 0; k < 64; k++) x[i * 64 + k] = random() * 0.5;
    const [cx, cy] = [(y[i] % 2) * 4 + Math.floor(random() * 4), (y[i] >> 1) * 4 + Math.floor(random() * 4)];
    x[i * 64 + cy * 8 + cx] += 1;
  }
  return { x, y };
}

const cnn = sequential(
  [8, 8, 1],
  [
    conv2d({ filters: 8, kernel: 3, stride: 2, padding: "same", name: "a" }),
    batchNorm({ name: "norm" }),
    relu(),
    conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu", name: "b" }),
    flatten(),
    dense({ units: 4, name: "c" }),
  ],
);
const plain = sequential(
  [3],
  [dense({ units: 5, activation: "tanh", name: "h" }), dense({ units: 2, name: "o" })],
);
const crossEntropy = { loss: "softmaxCrossEntropy" } as const;
const bits = (net: Network): number[] => Object.values(net.weights).flatMap((w) => Array.from(w));

describe("differentiate", () => {
  it("adds up what reaches an edge by several ways, and stops where nothing depends", () => {
    const g = new Graph();
    const [x, y, z] = [0, 0, 0].map(() => new Edge(float32([2])));
    const sum = g.op(binary, [g.op(binary, [x, x], { kind: "mul" }), y], { kind: "add" });
    const [dx, dy, dz] = differentiate(g, sum, [x, y, z]);
    expect(dx?.node?.op).toBe(binary);
    expect(dy).toBeDefined();
    expect(dz).toBeUndefined();
    g.prune([dx!, dy!]);
    expect(g.nodes.every((node) => node.outputs[0] !== sum)).toBe(true);
  });

  it("names the layer whose op cannot be trained through", () => {
    const g = new Graph();
    const x = new Edge(float32([2, 3]));
    g.enter("pick", 'argMax "pick"');
    const at = g.op(argMax, [x], { axis: 1, keepDims: false });
    expect(() => differentiate(g, at, [x])).toThrow(UnsupportedError);
    expect(() => differentiate(g, at, [x])).toThrow(/argMax "pick": cannot be differentiated/);
  });
});

describe.each(builds())("training, $name build", ({ engine: runtime }) => {
  const back = async (run: (engine: Engine) => void | Promise<void>): Promise<void> => {
    const held = await runtime;
    const before = held.memory.use.live;
    await run(new Engine(held));
    expect(held.memory.use.live).toBe(before);
  };

  it("follows the gradient of the loss", () =>
    back((engine) => {
      // With plain descent and a learning rate of 1 a step is the gradient itself.
      const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
      for (const [loss, y] of [
        ["softmaxCrossEntropy", Uint8Array.of(0, 1, 1, 0)],
        ["meanSquaredError", Float32Array.from({ length: 8 }, (_, i) => Math.cos(i))],
        ["binaryCrossEntropy", Float32Array.of(0, 1, 1, 0, 1, 1, 0, 0)],
      ] as const) {
        using net = engine.compile(plain, { seed: 5, train: { loss, optimizer: sgd({ learningRate: 1 }) } });
        const start = net.weights;
        net.trainStep({ x, y });
        const gradient = Object.fromEntries(
          Object.entries(net.weights).map(([name, w]) => [name, start[name].map((v, i) => v - w[i])]),
        );
        for (const [name, values] of Object.entries(start))
          for (let i = 0; i < values.length; i++) {
            const at = (step: number): number => {
              net.weights = { ...start, [name]: values.with(i, values[i] + step) };
              return net.evaluate({ x, y }).loss;
            };
            const slope = (at(0.01) - at(-0.01)) / 0.02;
            expect(Math.abs(slope - gradient[name][i])).toBeLessThan(2e-4 + 1e-3 * Math.abs(slope));
          }
      }
    }));

  it("learns, and predicts with what it has learnt", () =>
    back(async (engine) => {
      using net = engine.compile(cnn, { seed: 1 });
      const [train, test] = [spots(400), spots(100, 7)];
      const before = net.evaluate(test, crossEntropy);
      const history = await net.fit(train, {
        ...crossEntropy,
        optimizer: adam({ learningRate: 5e-3 }),
        epochs: 6,
        batchSize: 32,
        validation: test,
      });
      expect(history.length).toBe(6);
      const last = history.at(-1)!;
      expect(last.loss).toBeLessThan(history[0].loss / 4);
      expect(last.validation!.accuracy).toBeGreaterThan(0.9);
      expect(before.accuracy!).toBeLessThan(0.6);
      expect(net.evaluate(test)).toEqual(last.validation);
      const scores = net.predict(test.x);
      const right = test.y.filter((label, i) => {
        const own = scores.subarray(i * 4, i * 4 + 4);
        return own.indexOf(Math.max(...own)) === label;
      }).length;
      expect(right / 100).toBeCloseTo(last.validation!.accuracy!, 9);
    }));

  it("takes a last batch that is smaller, and no memory from step to step", () =>
    back(async (engine) => {
      using net = engine.compile(plain, { seed: 2 });
      const x = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i));
      const y = Float32Array.from({ length: 20 }, (_, i) => Math.cos(i));
      const counts: number[] = [];
      let live = 0;
      await net.fit(
        { x, y },
        {
          loss: "meanAbsoluteError",
          optimizer: rmsprop(),
          epochs: 100,
          batchSize: 4,
          onBatch: ({ batch, batches, step }) => {
            expect(batches).toBe(3);
            counts[batch] = (counts[batch] ?? 0) + 1;
            if (step === 5) live = engine.memory.live;
            if (step > 5) expect(engine.memory.live).toBe(live);
          },
        },
      );
      expect(counts).toEqual([100, 100, 100]);
    }));

  it("keeps frozen layers as they are, with their averages, and gradients within their limits", () =>
    back(async (engine) => {
      using net = engine.compile(cnn, { seed: 3 });
      const start = net.weights;
      const data = spots(64);
      const options = { ...crossEntropy, optimizer: sgd({ learningRate: 1 }), batchSize: 64 };
      await net.fit(data, { ...options, freeze: ["a", "norm"] });
      const now = net.weights;
      for (const name of Object.keys(start)) {
        const moved = start[name].some((v, i) => v !== now[name][i]);
        expect([name, moved]).toEqual([name, !/^(a|norm)\./.test(name)]);
      }
      const trainable = (name: string): boolean => !/mean|variance/.test(name);
      const change = (a: typeof start, b: typeof start): number[] =>
        Object.keys(a)
          .filter(trainable)
          .flatMap((name) => Array.from(a[name], (v, i) => b[name][i] - v));
      await net.fit(data, { ...options, freeze: [], clipNorm: 0.01 });
      expect(Math.hypot(...change(now, net.weights))).toBeCloseTo(0.01, 4);
      const then = net.weights;
      expect(then["norm.mean"]).not.toEqual(now["norm.mean"]);
      using other = engine.compile(cnn, { seed: 3 });
      await other.fit(data, { ...options, clipValue: 1e-3 });
      expect(Math.max(...change(start, other.weights).map(Math.abs))).toBeLessThanOrEqual(1.0001e-3);
    }));

  it("goes on from a checkpoint bit for bit", () =>
    back(async (engine) => {
      const data = spots(32);
      const part = (i: number) => ({
        x: data.x.subarray(i * 512, i * 512 + 512),
        y: data.y.subarray(i * 8, i * 8 + 8),
      });
      const wet = sequential([8, 8, 1], [flatten(), dropout({ rate: 0.3 }), dense({ units: 4, name: "c" })]);
      for (const optimizer of [
        sgd({ momentum: 0.9, nesterov: true }),
        adam(),
        adamW(),
        rmsprop({ centered: true, momentum: 0.5 }),
      ])
        for (const m of [cnn, wet]) {
          const train = { ...crossEntropy, optimizer };
          using whole = engine.compile(m, { seed: 4, train });
          for (let i = 0; i < 4; i++) whole.trainStep(part(i));
          using first = engine.compile(m, { seed: 4, train });
          for (let i = 0; i < 2; i++) first.trainStep(part(i));
          const bytes = first.save({ optimizer: true });
          using second = engine.compile(fromSafetensors(bytes));
          expect(second.predict(data.x)).toEqual(first.predict(data.x));
          resume(second, bytes);
          for (let i = 2; i < 4; i++) second.trainStep(part(i));
          expect(bits(second)).toEqual(bits(whole));
        }
    }));
});

describe("a training", () => {
  it("gives the same bits for the same seed, on any number of threads", async () => {
    const answers: number[][] = [];
    for (const threads of [1, 1, 2, 3]) {
      const runtime = await threaded("simd", threads);
      const net = new Engine(runtime).compile(cnn, { seed: 1 });
      await net.fit(spots(100), { ...crossEntropy, optimizer: adam(), epochs: 2, batchSize: 16, seed: 9 });
      answers.push(bits(net));
      runtime.dispose();
    }
    expect(answers[0].some((v) => v !== 0)).toBe(true);
    for (const other of answers.slice(1)) expect(other).toEqual(answers[0]);
  });

  const engineOf = async () => new Engine(await builds()[0].engine);

  it("lets the host breathe, and ends when it is told to, with the weights as far as they got", async () => {
    using net = (await engineOf()).compile(cnn, { seed: 1 });
    const stop = new AbortController();
    let ticks = 0;
    const timer = setInterval(() => {
      if (++ticks === 3) stop.abort(new Error("enough"));
    }, 5);
    const start = net.weights;
    const fitted = net.fit(spots(2000), {
      ...crossEntropy,
      optimizer: sgd(),
      epochs: 10_000,
      signal: stop.signal,
    });
    await expect(net.fit(spots(4), {})).rejects.toThrow("is being fitted already");
    await expect(fitted).rejects.toThrow("enough");
    clearInterval(timer);
    expect(ticks).toBeGreaterThanOrEqual(3);
    expect(bits(net).every(Number.isFinite)).toBe(true);
    expect(net.weights["c.kernel"]).not.toEqual(start["c.kernel"]);
    await net.fit(spots(32), { epochs: 1 });
  });

  it("stops at a loss that is no number, if asked, and names step and weight", async () => {
    using net = (await engineOf()).compile(plain, { seed: 1 });
    const data = { x: new Float32Array(30).fill(1e3), y: new Float32Array(20).fill(-1e3) };
    const options = { loss: "meanSquaredError", optimizer: sgd({ learningRate: 1e6 }), epochs: 200 } as const;
    const failed = net.fit(data, { ...options, stopOnNaN: true });
    await expect(failed).rejects.toThrow(ConvolithError);
    await expect(failed).rejects.toThrow(/the loss of step \d+ \(epoch \d+, batch 0\) is (NaN|Infinity)/);
  });

  it("stops early when validation gets no better, and follows a schedule", async () => {
    using net = (await engineOf()).compile(plain, { seed: 1 });
    const data = { x: new Float32Array(30), y: new Float32Array(20) };
    const options = {
      loss: "meanSquaredError",
      optimizer: sgd({ learningRate: 0 }),
      epochs: 50,
      batchSize: 5,
    } as const;
    const history = await net.fit(data, { ...options, earlyStopping: { patience: 3 } });
    expect(history.length).toBe(4);
    const start = net.weights;
    const seen: number[] = [];
    await net.fit(data, { ...options, epochs: 2, schedule: (step) => seen.push(step) * 0 });
    expect(seen).toEqual([8, 9, 10, 11]);
    expect(net.weights).toEqual(start);
    expect([0, 4, 10, 20].map(cosine(1, 10, { warmup: 5, to: 0.1 }))).toEqual([0.2, 1, 0.1, 0.1]);
    expect([0, 9, 10, 25].map(stepDecay(1, 10, 0.5))).toEqual([1, 1, 0.5, 0.25]);
  });

  it("takes batches one by one, several inputs, and answers as values", async () => {
    const engine = await engineOf();
    const [a, b] = [input([2], { name: "a" }), input([2], { name: "b" })];
    const sum = dense({ units: 1, name: "d" })(tanh()(add()(a, b)));
    using net = engine.compile(model({ inputs: [a, b], outputs: sum }), { seed: 1 });
    async function* batches() {
      for (let i = 0; i < 40; i++) {
        const values = Float32Array.from({ length: 12 }, (_, k) => Math.sin(i + k));
        yield {
          x: { a: values, b: values },
          y: Float32Array.from({ length: 6 }, (_, k) => Math.tanh(2 * values[2 * k])),
        };
      }
    }
    const [{ loss, metrics }] = await net.fit(batches(), {
      loss: "meanSquaredError",
      optimizer: sgd({ learningRate: 0.3 }),
      batchSize: 4,
    });
    expect(loss).toBeLessThan(0.2);
    expect(metrics).toEqual({});
    expect(net.weights["d.kernel"][0]).toBeCloseTo(1, 1);
    expect(net.weights["d.kernel"][1]).toBeCloseTo(0, 1);
  });

  it("has weights that are read as copies and assigned by name, before training and after", async () => {
    const engine = await engineOf();
    using net = engine.compile(plain, { seed: 1 });
    const x = Float32Array.of(1, -2, 3);
    const samples = { x, y: Float32Array.of(1, 0) };
    for (const trained of [false, true]) {
      if (trained) await net.fit(samples, { loss: "meanAbsoluteError", optimizer: sgd() });
      const before = net.weights;
      const answer = net.predict(x);
      before["o.kernel"].fill(0);
      expect(net.predict(x)).toEqual(answer);
      const now = net.weights;
      expect(Object.keys(now)).toEqual(["h.kernel", "h.bias", "o.kernel", "o.bias"]);
      const kernel = now["o.kernel"];
      net.weights["o.kernel"] = kernel.map((v) => 2 * v);
      net.weights["o.bias"] = new Float32Array(2);
      expect([...net.weights["o.kernel"]]).toEqual([...kernel].map((v) => 2 * v));
      // What was read before stays what it was, and can be put back.
      expect(now["o.kernel"]).toBe(kernel);
      expect(net.predict(x)).not.toEqual(answer);
      net.weights = now;
      expect(net.predict(x)).toEqual(answer);
      expect(structuredClone(net.weights)).toEqual({ ...now });
    }
  });

  it("refuses what it cannot learn from, and is of use afterwards", async () => {
    const engine = await engineOf();
    using net = engine.compile(cnn, { seed: 1 });
    const good = spots(8);
    const options = { ...crossEntropy, optimizer: adam() };
    const refused: [object, object, RegExp][] = [
      [good, { optimizer: adam() }, /loss is undefined but must be one of softmaxCrossEntropy/],
      [good, {}, /optimizer is undefined but must be one such as adam\(\)/],
      [good, crossEntropy, /optimizer is undefined but must be one such as adam\(\)/],
      [good, { ...options, optimizer: "adam" }, /optimizer is "adam" but must be one such as adam\(\)/],
      [good, { ...options, clipNorm: -1 }, /fit: clipNorm is -1 but must be a number above 0/],
      [good, { ...options, clipValue: Number.NaN }, /fit: clipValue is NaN but must be a number above 0/],
      [
        good,
        { ...options, epoch: 3 },
        /fit: there is no option "epoch"; there are epochs, initialEpoch, batchSize, .*loss/,
      ],
      [good, { ...options, metrics: ["f1"] }, /fit: metrics\[0\] is "f1" but must be "accuracy"/],
      [good, { ...options, schedule: () => Number.NaN }, /fit: the schedule gives NaN for step 0/],
      [good, { ...options, loss: "l3" }, /loss is "l3"/],
      [
        { ...good, x: good.x.subarray(1) },
        options,
        /fit: x "input_1" has 511 values, which is not a whole number of images of 64/,
      ],
      [
        { ...good, y: good.y.subarray(1) },
        options,
        /fit: y has 7 values for 8 images but must have 8 or 32: 1 or 4 per image/,
      ],
      [{ ...good, y: good.y.with(3, 4) }, options, /fit: y\[3\] is 4 but must be a class from 0 to 3/],
      [{ x: good.x }, options, /fit: y is missing/],
      [{ ...good, weights: good.y }, options, /fit: the data hold "weights", but there are x, y and weight/],
      [good, { ...options, freeze: ["z"] }, /freeze names "z", which is no layer/],
      [good, { ...options, batchSize: 0 }, /batchSize is 0/],
      [good, { ...options, validation: spots(2, 1).x }, /validation/],
      [good, { ...options, optimizer: { ...adam(), learningRate: Number.NaN } }, /learningRate is NaN/],
    ];
    for (const [data, o, message] of refused)
      await expect(net.fit(data as typeof good, o as typeof options)).rejects.toThrow(message);
    expect(() => sgd({ momentum: 2, learningRate: -1 })).toThrow(ArgumentError);
    expect(() => sgd({ nesterov: true })).toThrow(/nesterov needs a momentum/);
    expect(() => net.save({ optimizer: true })).not.toThrow(TypeError);
    await net.fit(good, options);
    expect(bits(net).every(Number.isFinite)).toBe(true);
    const wrong = { "a.kernel": new Float32Array(3) };
    const message = /"a.kernel" has 3 values but must have 72/;
    expect(() => {
      net.weights = wrong;
    }).toThrow(message);
    expect(() => Object.assign(net.weights, wrong)).toThrow(message);
    expect(() => Object.assign(net.weights, { "z.kernel": new Float32Array(3) })).toThrow(
      'weights: no layer takes "z.kernel"',
    );
    const first = engine.compile(cnn, { layout: "nchw" });
    await expect(first.fit(good, options)).rejects.toThrow(UnsupportedError);
    first.dispose();
    net.dispose();
    expect(() => net.trainStep(good)).toThrow(DisposedError);
    expect(() => net.weights).toThrow(DisposedError);
    await expect(net.fit(good, options)).rejects.toThrow(DisposedError);
  });

  it("refuses checkpoints that are broken or another network's, and is of use afterwards", async () => {
    const engine = await engineOf();
    using net = engine.compile(cnn, { seed: 1, train: { ...crossEntropy, optimizer: adam(), batchSize: 8 } });
    const data = spots(8);
    net.trainStep(data);
    const bytes = net.save({ optimizer: true });
    using other = engine.compile(cnn, {
      seed: 2,
      train: { ...crossEntropy, optimizer: adam(), batchSize: 8 },
    });
    const before = bits(other);
    for (const length of [0, 7, 100, bytes.length - 1])
      expect(() => other.load(bytes.subarray(0, length))).toThrow(FormatError);
    using small = engine.compile(plain, { seed: 1 });
    expect(() => other.load(small.save())).toThrow(/the file holds no weight "a.kernel"/);
    const { tensors, metadata } = readSafetensors(bytes);
    const without = Object.fromEntries(
      Object.entries(tensors).filter(([name]) => name !== "optimizer/c.bias:mean"),
    );
    expect(() => resume(other, writeSafetensors({ tensors: without, metadata }))).toThrow(
      /holds no "c.bias:mean": its optimizer's state is another/,
    );
    const training = (text: string) => ({ ...metadata, "convolith.training": text });
    for (const [text, message] of [
      ["{", /the metadata "convolith.training" is no JSON/],
      [
        '{"options":null,"steps":1,"epochs":0,"seed":0}',
        /resume: the file's training options cannot be used/,
      ],
      [
        '{"options":{"optimizer":{"kind":"adamMax"}},"steps":1,"epochs":0,"seed":0}',
        /optimizer is "adamMax" but must be "sgd", "adam"/,
      ],
      [metadata["convolith.training"].replace("softmaxCrossEntropy", "l3"), /loss is "l3"/],
    ] as const) {
      const broken = writeSafetensors({ tensors, metadata: training(text) });
      expect(() => resume(other, broken)).toThrow(FormatError);
      expect(() => resume(other, broken)).toThrow(message);
    }
    for (const length of [0, 7, 100, bytes.length - 1])
      expect(() => resume(other, bytes.subarray(0, length))).toThrow(FormatError);
    expect(() => resume(other, net.save())).toThrow(
      /the file holds no optimizer; net.load takes its weights/,
    );
    expect(() => resume(small, bytes)).toThrow(/resume: the file holds no weight "h.kernel"/);
    expect(bits(other)).toEqual(before);
    resume(other, bytes);
    expect(bits(other)).toEqual(bits(net));
    other.trainStep(data);
  });

  it("loads weights alone, whatever optimizer the file holds, and goes on with its own", async () => {
    const engine = await engineOf();
    const data = spots(8);
    using net = engine.compile(cnn, { seed: 1, train: { ...crossEntropy, optimizer: adam() } });
    net.trainStep(data);
    const bytes = net.save({ optimizer: true });
    using untrained = engine.compile(cnn, { seed: 2 });
    untrained.load(bytes);
    expect(bits(untrained)).toEqual(bits(net));
    expect(untrained.predict(data.x)).toEqual(net.predict(data.x));
    expect(() => untrained.trainStep(data)).toThrow(ArgumentError);
    using other = engine.compile(cnn, {
      seed: 2,
      train: { ...crossEntropy, optimizer: sgd({ learningRate: 0 }), batchSize: 8 },
    });
    other.load(bytes);
    other.trainStep(data);
    expect(other.weights["a.kernel"]).toEqual(net.weights["a.kernel"]);
    expect(other.predict(data.x)).not.toEqual(net.predict(data.x));
  });

  it("refuses an optimizer that carries no trainer, everywhere, and takes one that was spread", async () => {
    const engine = await engineOf();
    const data = spots(8);
    const optimizer = { kind: "adam", learningRate: 1e-3 } as unknown as ReturnType<typeof adam>;
    const parsed = JSON.parse(JSON.stringify(adam())) as typeof optimizer;
    for (const plainOne of [optimizer, parsed]) {
      const train = { ...crossEntropy, optimizer: plainOne };
      const message =
        /^train: optimizer is \{.*\} but must be one such as adam\(\), imported from "convolith"/;
      using net = engine.compile(cnn, { seed: 1 });
      expect(() => engine.compile(cnn, { train })).toThrow(ArgumentError);
      expect(() => engine.compile(cnn, { train })).toThrow(message);
      await expect(net.fit(data, train)).rejects.toThrow(message);
      // Also beside a trainer of the very same numbers.
      await net.fit(data, { ...crossEntropy, optimizer: { ...adam(), learningRate: 1e-3 } });
      await expect(net.fit(data, train)).rejects.toThrow(message);
      await net.fit(data, {});
    }
  });

  it("shuffles every image once, another way each epoch", () => {
    const orders = [0, 1, 2].map((epoch) => shuffled(1000, 5, epoch));
    for (const order of orders)
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(orders[0]).not.toEqual(orders[1]);
    expect(shuffled(1000, 5, 1)).toEqual(orders[1]);
    const moved = orders[0].filter((v, i) => v !== i).length;
    expect(moved).toBeGreaterThan(950);
  });
});
