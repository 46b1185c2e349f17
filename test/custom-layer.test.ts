// Layers of one's own: made of ops, traced into networks, trained, saved, cut and exported as any other.
import { describe, expect, it } from "vitest";
import { defineLayer } from "../src/eager/custom-layer.ts";
import { createEngine } from "../src/engine/create.ts";
import { fromSafetensors } from "../src/formats/checkpoint.ts";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import { dense, flatten, relu } from "../src/layers/index.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model, TrainedModel } from "../src/model/schema.ts";
import { asLayer, openModel, replaceHead, upTo } from "../src/model/surgery.ts";
import type { Tensor } from "../src/tensor.ts";
import { adam } from "../src/training/optimizers.ts";
import { binary } from "./harness.ts";

const engine = await createEngine({ wasm: binary("simd") });

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0;

/** dense, of ops. */
const linear = defineLayer<{ units: number; gain?: number }>("linear", {
  options: {
    units: { is: isCount, what: "an integer above 0" },
    gain: { is: (value) => typeof value === "number", what: "a number", default: 1 },
  },
  weights: ({ units }, [x]) => ({ kernel: { shape: [x.at(-1)!, units] }, bias: { shape: [units] } }),
  call: (ops, [x], { kernel, bias }, { gain }) => ops.mul(ops.add(ops.matmul(x, kernel), bias), gain),
});

/** a + share · b, with a share that is learned. */
const blend = defineLayer("blend", {
  inputs: 2,
  weights: () => ({ share: { shape: [1], init: { constant: 0.5 } } }),
  call: (ops, [a, b], { share }) => ops.add(a, ops.mul(b, share)),
});

const noise = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233));
const x = noise(8 * 6);
const y = Int32Array.from({ length: 8 }, (_, i) => i % 3);
const options = {
  ...({ loss: "softmaxCrossEntropy", epochs: 4, batchSize: 4, seed: 5 } as const),
  optimizer: adam({ learningRate: 0.05 }),
};
const custom = sequential([6], [linear({ units: 5, name: "a" }), relu(), linear({ units: 3, name: "b" })]);
const builtIn = sequential([6], [dense({ units: 5, name: "a" }), relu(), dense({ units: 3, name: "b" })]);

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>): void {
  expect(got.length).toBe(want.length);
  const apart = Array.from(want, (v, i) => Math.abs(got[i] - v));
  expect(Math.max(...apart)).toBeLessThan(1e-5);
}

describe("a layer of one's own", () => {
  it("begins, predicts, trains and evaluates as the built-in layer that it repeats", async () => {
    const [own, same] = [custom, builtIn].map((described) => engine.compile(described, { seed: 7 }));
    expect(own.weights).toEqual(same.weights);
    expect(own.loadReport).toBeUndefined();
    const close = (): void => {
      const [got, want] = [own, same].map((net) => net.predict(x));
      expectClose(got, want);
    };
    close();
    const [got, want] = await Promise.all([own, same].map((net) => net.fit({ x, y }, options)));
    const [losses, wanted] = [got, want].map((epochs) => epochs.map(({ loss }) => loss));
    expectClose(losses, wanted);
    expect(want[3].loss).toBeLessThan(0.9 * want[0].loss);
    close();
    expect(own.evaluate({ x, y }).loss).toBeCloseTo(same.evaluate({ x, y }).loss, 5);
    expect(own.summary()).toMatch(/a \(linear\)|linear/);
    expect(own.profile(undefined, { runs: 1 }).layers.map(({ name }) => name)).toContain("a");
  });

  it("takes several inputs, also of tensors, and leaves no memory behind", async () => {
    const before = engine.memory.live;
    const [a, b] = [input([3]), input([3])];
    const net = engine.compile(model({ inputs: [a, b], outputs: blend({ name: "mix" })(a, b) }));
    const [p, q] = [new Float32Array([1, 2, 3]), new Float32Array([10, 20, 30])];
    expect([...net.predict([p, q])]).toEqual([6, 12, 18]);
    const tensors = [p, q].map((data) => engine.tensor(data, [1, 3]));
    const sum = net(tensors) as Tensor;
    expect([...sum.data()]).toEqual([6, 12, 18]);
    for (const tensor of [...tensors, sum]) tensor.dispose();
    const sample = { x: { input_1: p, input_2: q }, y: new Float32Array(3) };
    const train = { loss: "meanSquaredError", optimizer: adam({ learningRate: 0.1 }), epochs: 1 } as const;
    await net.fit(sample, train);
    expect(net.weights["mix.share"][0]).toBeCloseTo(0.4, 4);
    expect(() => blend()(a)).toThrow("blend: takes 2 inputs but got 1");
    net.dispose();
    expect(engine.memory.live).toBe(before);
  });

  it("is saved by its name, and read with its kind", () => {
    const net = engine.compile(custom, { seed: 3 });
    const file = fromSafetensors(net.save());
    const read = engine.compile({ ...file, kinds: { linear } });
    expect(read.predict(x)).toEqual(net.predict(x));
    expect(() => engine.compile(file)).toThrow(
      /^linear "a": there is no layer kind "linear"; .* one with layers of your own \{ kinds: \{ linear \} \}$/,
    );
    const described = JSON.parse(JSON.stringify(custom)) as Model;
    expect(described.layers[0]).toEqual({
      name: "a",
      kind: "linear",
      config: { units: 5 },
      inputs: ["input_1"],
    });
    for (const read of [
      engine.compile({ model: described, kinds: { linear }, weights: net.weights }),
      engine.compile(described, { kinds: { linear }, weights: net.weights }),
      engine.compile(file, { kinds: { linear } }),
      engine.compile(described, { kinds: { linear }, seed: 3 }),
    ])
      expect(read.predict(x)).toEqual(net.predict(x));
    const wrong = (kinds: unknown) => () => engine.compile(described, { kinds: kinds as never });
    expect(wrong({ mine: linear })).toThrow('compile: kinds.mine is "linear", and must have that name');
    expect(wrong({ linear: 7 })).toThrow("compile: kinds.linear is 7 but must be what defineLayer gives");
    expect(wrong({ linear: null })).toThrow("compile: kinds.linear is null");
    expect(wrong([linear])).toThrow("compile: kinds is [a function] but must be an object of kinds by name");
  });

  it("is cut, used as a layer and given a head as any other", () => {
    const net = engine.compile(custom, { seed: 3 });
    for (const source of [custom, net as TrainedModel]) {
      expect(engine.compile(upTo(source, "a"), { seed: 3 }).outputShapes).toEqual({ a: [5] });
      const inner = sequential([6], [asLayer(source, { name: "inner" }), linear({ units: 2 })]);
      expect(engine.compile(inner).outputShapes).toEqual({ linear_1: [2] });
      const other = engine.compile(replaceHead(source, linear({ units: 4, gain: 2 })), { seed: 3 });
      expect(other.weights["a.kernel"]).toEqual(net.weights["a.kernel"]);
      expect(openModel(source).node("b").layer?.kind).toBe("linear");
    }
  });

  it("is written as ONNX as the ops it is made of, by its network", () => {
    const net = engine.compile(custom, { seed: 3 });
    const again = engine.compile(fromOnnx(toOnnx(net)));
    const stop = defineLayer("stop", { call: (e, [y]) => e.neg(e.stopGradient(y)) });
    const stopped = engine.compile(sequential([6], [stop()]));
    expect(engine.compile(fromOnnx(toOnnx(stopped))).predict(x)).toEqual(stopped.predict(x));
    expectClose(again.predict<Float32Array>(x), net.predict(x));
    const { model: described, weights, kinds } = net as TrainedModel;
    expect(() => toOnnx({ model: described, weights, kinds })).toThrow(
      'linear "a": is made of ops of an engine, so that only networks which one compiled have it',
    );
  });
});

describe("ops in a layer of one's own", () => {
  it("do what they do outside: a filter that is made of a weight or of an input is standardised as well", () => {
    const options = { weightStandardization: true, padding: "same" } as const;
    const layer = defineLayer("twoFilters", {
      inputs: 2,
      weights: () => ({ kernel: { shape: [3, 3, 2, 4] } }),
      call: (ops, [a, b], { kernel }) => {
        const filter = ops.reshape(b, { shape: [3, 3, 2, 4] });
        const parts = [kernel, ops.mul(kernel, 2), filter].map((w) => ops.conv2d(a, w, options));
        return ops.concat(parts);
      },
    });
    const [a, b] = [input([5, 5, 2]), input([72])];
    const net = engine.compile(model({ inputs: [a, b], outputs: layer({ name: "f" })(a, b) }));
    const given = [noise(50, 1), noise(72, 2)];
    const kernel = net.weights["f.kernel"];
    const tensors = [given[0], kernel, kernel.map((v) => 2 * v), given[1]].map((data, i) =>
      engine.tensor(data, i ? [3, 3, 2, 4] : [1, 5, 5, 2]),
    );
    const [x, ...filters] = tensors;
    const parts = filters.map((w) => engine.conv2d(x, w, options));
    const want = engine.concat(parts);
    expectClose(net.predict(given), want.data());
    for (const tensor of [...tensors, ...parts, want]) tensor.dispose();
  });

  it("normalise by the statistics they are given, in training too", async () => {
    const centred = defineLayer("centred", {
      weights: () => ({ mean: { shape: [2], init: "ones", trainable: false } }),
      call(ops, [t], { mean }) {
        const [gamma, beta, variance] = [ops.ones([2]), ops.zeros([2]), ops.ones([2])];
        return ops.batchNorm(t, { gamma, beta, mean, variance, epsilon: 0 });
      },
    });
    const net = engine.compile(sequential([2], [centred({ name: "c" }), dense({ units: 1 })]));
    const sample = { x: new Float32Array([1, 2, 5, 9]), y: new Float32Array([1, 2]) };
    await net.fit(sample, { loss: "meanSquaredError", optimizer: adam(), epochs: 3 });
    expect([...net.weights["c.mean"]]).toEqual([1, 1]);
    const cut = engine.compile(upTo(net as TrainedModel, "c"));
    expect([...(cut.predict(sample.x) as Float32Array)]).toEqual([0, 1, 4, 8]);
  });
});

describe("what a definition must be", () => {
  const call = (_: unknown, [t]: readonly Tensor[]): Tensor => t;
  const compiled = (layer: Parameters<typeof sequential>[1][number]) => () =>
    engine.compile(sequential([4, 4, 2], [flatten(), layer]));

  it("names, and what it holds", () => {
    const define = (kind: unknown, definition: unknown) => () =>
      defineLayer(kind as string, definition as never);
    expect(define("dense", { call })).toThrow(
      'defineLayer "dense": every engine has a layer of that name; give it another',
    );
    for (const kind of ["", "1x", "a b", "a:b", "__proto__", 7, undefined])
      expect(define(kind, { call })).toThrow(/^defineLayer: the (first argument|name)/);
    expect(define("mine", {})).toThrow('defineLayer "mine": call is missing');
    expect(define("mine", { call: 7 })).toThrow('defineLayer "mine": call is 7');
    expect(define("mine", { call, inputs: [3, 1] })).toThrow(
      "inputs is [3,1] but must be a number or [least, most]",
    );
    expect(define("mine", { call, weight: {} })).toThrow('there is no option "weight"');
    expect(define("mine", { call, options: { name: { is: () => true, what: "x", default: 1 } } })).toThrow(
      'options hold "name"',
    );
    expect(
      define("mine", { call, options: { a: { is: isCount, what: "an integer above 0", default: -1 } } }),
    ).toThrow('defineLayer "mine": the default of a is -1 but must be an integer above 0');
    expect(define("mine", { call, options: { a: 3 } })).toThrow("options.a is 3");
    expect(define("mine", null)).toThrow('defineLayer "mine": options are null');
  });

  it("options are checked where the layer is made, and where it is loaded", () => {
    expect(() => linear({ units: -3 })).toThrow("linear: units is -3 but must be an integer above 0");
    expect(() => linear()).toThrow("linear: units is missing");
    expect(() => linear({ units: 3, rate: 1 } as never)).toThrow(
      'linear: there is no option "rate"; there are',
    );
    const described = JSON.parse(JSON.stringify(custom)) as Model;
    described.layers[0].config.units = "5";
    expect(() => engine.compile({ model: described, weights: {}, kinds: { linear } })).toThrow(
      'linear "a": units is "5" but must be an integer above 0',
    );
  });

  it("weights have names, shapes and beginnings", () => {
    const withWeights = (weights: unknown) =>
      compiled(defineLayer("mine", { weights: () => weights as never, call })());
    expect(withWeights({ "a.b": { shape: [1] } })).toThrow('mine "mine_1": the weight "a.b" must be named');
    expect(withWeights({ a: { shape: [0] } })).toThrow("shape[0] is 0");
    expect(withWeights({ a: { shape: [2 ** 20, 2 ** 20] } })).toThrow("would take");
    expect(withWeights({ a: { shape: [2], init: "random" } })).toThrow('init is "random"');
    expect(withWeights({ a: 7 })).toThrow('mine "mine_1": weight "a": options are 7');
    expect(withWeights(null)).toThrow('mine "mine_1": what weights gives is null');
  });

  it("what it computes is a tensor of the batch, made of ops alone; errors name the layer", () => {
    const before = engine.memory.live;
    const of = (f: (...args: never[]) => unknown) => compiled(defineLayer("mine", { call: f as never })());
    expect(of(() => 7)).toThrow('mine "mine_1"');
    expect(of(() => undefined)).toThrow('mine "mine_1"');
    expect(of((_: unknown, [t]: Tensor[]) => t.data())).toThrow("cannot read values");
    expect(of((ops: typeof engine, [t]: Tensor[]) => ops.reshape(t, { shape: [2, 16] }))).toThrow(
      'mine "mine_1": gives shape [2,16] for input [1,32], but must keep the batch, axis 0',
    );
    expect(of((ops: typeof engine, [t]: Tensor[]) => ops.reshape(t, { shape: [5] }))).toThrow(
      /^mine "mine_1": reshape: /,
    );
    expect(
      of(() => {
        throw new Error("own");
      }),
    ).toThrow(/^own$/);
    expect(engine.memory.live).toBe(before);
  });

  it("two kinds of one name do not meet in one model", () => {
    const [one, two] = [0, 1].map(() => defineLayer("mine", { call }));
    expect(() => sequential([4], [one(), two()])).toThrow('model: two kinds of layers are named "mine"');
    expect(() => sequential([4], [one as never])).toThrow(
      "layers[0] is mine itself; call it to make a layer",
    );
  });
});
