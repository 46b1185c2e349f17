// Models made of other models: cut, given outputs and heads, used as layers; and weights of which some are taken.
import { describe, expect, it } from "vitest";
import { createEngine } from "../src/engine/create.ts";
import { fromSafetensors } from "../src/formats/checkpoint.ts";
import { fromOnnx, toOnnx } from "../src/formats/onnx/index.ts";
import {
  add,
  batchNorm,
  concat,
  conv2d,
  dense,
  flatten,
  globalAvgPool,
  maxPool2d,
  relu,
  softmax,
  split,
} from "../src/layers/index.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model, TrainedModel } from "../src/model/schema.ts";
import { asLayer, openModel, replaceHead, upTo, withOutputs } from "../src/model/surgery.ts";
import * as nets from "../src/nets/index.ts";
import { sgd } from "../src/training/optimizers.ts";
import { binary } from "./harness.ts";

const engine = await createEngine({ wasm: binary("simd") });

/** A small residual net: conv2d_1, batchNorm_1, relu_1, conv2d_2, add_1, maxPool2d_1, flatten_1, dense_1, softmax_1. */
function small(): Model {
  const x = input([6, 6, 3], { name: "image" });
  const first = relu()(batchNorm()(conv2d({ filters: 4, kernel: 3, padding: "same" })(x)));
  const sum = add()(first, conv2d({ filters: 4, kernel: 1 })(first));
  const features = flatten()(maxPool2d({ size: 2 })(sum));
  return model({ inputs: x, outputs: softmax()(dense({ units: 5 })(features)) });
}

const described = small();
const net = engine.compile(described, { seed: 3 });
const trained: TrainedModel = fromSafetensors(net.save());
const photo = Float32Array.from({ length: 2 * 6 * 6 * 3 }, (_, i) => Math.sin(i * 1.7));
const run = (source: Model | TrainedModel, ...x: Float32Array[]) =>
  engine.compile(source, { seed: 11 }).predict<Float32Array | Float32Array[]>(x.length ? x : [photo]);

describe("withOutputs", () => {
  it("adds what layers give to the model's own outputs, once", () => {
    const more = withOutputs(trained, ["relu_1", "softmax_1", "flatten_1"]);
    expect(more.model.outputs).toEqual(["softmax_1", "relu_1", "flatten_1"]);
    const [scores, map, features] = run(more) as Float32Array[];
    expect(scores).toEqual(net.predict(photo));
    expect(map.length).toBe(2 * 6 * 6 * 4);
    expect(Math.min(...map)).toBe(0);
    expect(features.length).toBe(2 * 3 * 3 * 4);
    expect(more.weights).toEqual(trained.weights);
  });

  it("leaves the description as it was, and gives one for a description", () => {
    const before = JSON.stringify(described);
    const more = withOutputs(described, "relu_1");
    expect(JSON.stringify(described)).toBe(before);
    expect(JSON.parse(JSON.stringify(more))).toEqual({ ...described, outputs: ["softmax_1", "relu_1"] });
  });
});

describe("upTo", () => {
  it("cuts, and keeps the weights that are left", () => {
    const cut = upTo(trained, "relu_1");
    expect(cut.model.layers.map(({ name }) => name)).toEqual(["conv2d_1", "batchNorm_1", "relu_1"]);
    expect(Object.keys(cut.weights).sort()).toEqual(
      Object.keys(trained.weights)
        .filter((name) => /^(conv2d_1|batchNorm_1)\./.test(name))
        .sort(),
    );
    const [, map] = run(withOutputs(trained, "relu_1")) as Float32Array[];
    expect(run(cut)).toEqual(map);
  });

  it("takes several names, a network, and outputs of one layer by number", () => {
    const x = input([4]);
    const parts = split({ sizes: [1, 3] })(x).outputs(2);
    const both = model({ inputs: x, outputs: dense({ units: 2 })(concat()(parts[1], parts[0])) });
    const whole = engine.compile(both, { seed: 1 });
    const cut = upTo(whole, ["split_1:1", "dense_1"]);
    expect(cut.model.outputs).toEqual(["split_1:1", "dense_1"]);
    const [part, y] = run(cut, new Float32Array([1, 2, 3, 4])) as Float32Array[];
    expect([...part]).toEqual([2, 3, 4]);
    expect(y).toEqual(whole.predict([new Float32Array([1, 2, 3, 4])]));
  });

  it("leaves out inputs that are not read, and hands shared weights to the first call that is kept", () => {
    const [a, b] = [input([4], { name: "a" }), input([4], { name: "b" })];
    const tower = dense({ units: 3, name: "tower" });
    const [left, right] = [tower(a), tower(b)];
    const twins = engine.compile(model({ inputs: [a, b], outputs: [left, right] }), { seed: 5 });
    const second = upTo(twins, "dense_1");
    expect(second.model.inputs.map(({ name }) => name)).toEqual(["b"]);
    expect(second.model.layers).toMatchObject([{ name: "dense_1", kind: "dense", inputs: ["b"] }]);
    expect(second.model.layers[0].shares).toBeUndefined();
    const x = new Float32Array([1, -2, 3, 4]);
    const [, want] = twins.predict<Float32Array[]>({ a: x, b: x });
    expect(run(second, x)).toEqual(want);
  });

  it("cuts what fromOnnx gives, once its sizes are known", () => {
    const source = fromOnnx(toOnnx(net));
    const whole = engine.compile(source, { batchSize: 2 });
    const name = whole.model.layers.find(({ kind }) => kind === "maxPool2d")!.name;
    const cut = upTo(source, name);
    expect(cut.outputs).toEqual([name]);
    const map = engine.compile(cut, { batchSize: 2, layout: "nhwc" });
    expect(map.model.layers.length).toBeLessThan(whole.model.layers.length);
    expect(Object.values(map.outputShapes)).toEqual([[3, 3, 4]]);
  });

  it("names what there is where a layer is missing", () => {
    expect(() => upTo(described, "flatten_2")).toThrow(
      'upTo: there is no layer or input "flatten_2"; the last layers are batchNorm_1, relu_1, conv2d_2, add_1, maxPool2d_1, flatten_1, dense_1, softmax_1',
    );
    for (const name of ["image:1", "__proto__", "constructor", "", ":", "relu_1:-1", "relu_1:99999999"])
      expect(() => upTo(described, name)).toThrow(/^upTo: there is no layer or input/);
    expect(() => upTo(described, [])).toThrow("upTo: no names given");
    for (const wrong of [undefined, null, 7, "x", [], {}, () => 0])
      expect(() => upTo(wrong as never, "relu_1")).toThrow(/^(upTo: model is|model: not a convolith)/);
    expect(() => upTo(described, 7 as never)).toThrow("upTo: names is 7");
  });
});

describe("a model that is taken apart and put together", () => {
  it("is the same, whatever net it is", () => {
    const all = Object.entries(nets).filter(
      ([name]) => /^[a-z]/.test(name) && !/^(loadStateDict|timmNames|readSafetensors)$/.test(name),
    );
    expect(all.length).toBeGreaterThan(8);
    for (const [name, net] of all) {
      const whole = (net as () => Model)();
      const again = upTo(whole, whole.outputs);
      const byName = ({ layers }: Model) => Object.fromEntries(layers.map((layer) => [layer.name, layer]));
      expect([name, byName(again)]).toEqual([name, byName(whole)]);
      expect({ ...again, layers: [] }).toEqual({ ...whole, layers: [] });
      // And each has a head that can be replaced.
      expect(replaceHead(whole, conv2d({ filters: 2, kernel: 1, name: "new head" })).outputs).toEqual([
        "new head",
      ]);
    }
  });

  it("keeps the types of its inputs", () => {
    const whole: Model = {
      ...{ format: "convolith", version: 1 },
      inputs: [{ name: "i", shape: [3], dtype: "int32" }],
      layers: [{ name: "x", kind: "identity", config: {}, inputs: ["i"] }],
      outputs: ["x"],
    };
    expect(upTo(whole, "x")).toEqual(whole);
    expect(upTo({ ...whole, batch: false }, "x")).toEqual({ ...whole, batch: false });
  });

  it("may come from an ONNX file, as a layer on batches of another size", () => {
    const part = asLayer(upTo(fromOnnx(toOnnx(net)), "dense_1/Gemm"), { name: "onnx" });
    // Channels first, as the file has them.
    const x = input([3, 6, 6]);
    const larger = engine.compile(model({ inputs: x, outputs: [part(x), dense({ units: 2 })(part(x))] }), {
      batchSize: 2,
    });
    const [scores] = larger.predict<Float32Array[]>(photo);
    const same = engine.compile(upTo(trained, "dense_1"), { layout: "nchw" }).predict(photo) as Float32Array;
    expect(Math.max(...same.map((v, i) => Math.abs(v - scores[i])))).toBeLessThan(1e-5);
  });
});

describe("replaceHead", () => {
  it("replaces the last layer with weights and all behind it; the new layers are initialised", () => {
    const five = replaceHead(trained, [dense({ units: 7 }), softmax()]);
    const before = trained.model.layers.map(({ name }) => name);
    const names = five.model.layers.map(({ name }) => name);
    expect(names.slice(0, -2)).toEqual(before.slice(0, -2));
    // Names that the model had are not given again.
    expect(names.slice(-2)).toEqual(["dense_2", "softmax_2"]);
    expect(Object.keys(five.weights)).not.toContain("dense_1.kernel");
    const grown = engine.compile(five, { seed: 4 });
    expect(grown.outputShapes).toEqual({ softmax_2: [7] });
    expect(grown.weights["conv2d_1.kernel"]).toEqual(net.weights["conv2d_1.kernel"]);
    expect(grown.loadReport?.missing).toEqual(["dense_2.kernel", "dense_2.bias"]);
    const again = engine.compile(replaceHead(described, dense({ units: 7, name: "fc" })), { seed: 4 });
    expect(again.model.layers.at(-1)).toMatchObject({ name: "fc", inputs: ["flatten_1"] });
  });

  it("replaces what is behind a layer that is named, and trains", async () => {
    const head = replaceHead(trained, [globalAvgPool(), dense({ units: 2, name: "head" })], {
      after: "add_1",
    });
    const tuned = engine.compile(head, { seed: 4 });
    const y = new Int32Array([0, 1]);
    const options = {
      loss: "softmaxCrossEntropy",
      optimizer: sgd({ learningRate: 0.1 }),
      epochs: 2,
    } as const;
    await tuned.fit({ x: photo, y }, { ...options, freeze: ["conv2d_1", "batchNorm_1", "conv2d_2"] });
    expect(tuned.weights["conv2d_1.kernel"]).toEqual(net.weights["conv2d_1.kernel"]);
    expect(Math.max(...tuned.weights["head.bias"].map(Math.abs))).toBeGreaterThan(0);
  });

  it("refuses what it cannot tell", () => {
    expect(() => replaceHead(withOutputs(described, "relu_1"), dense({ units: 2 }))).toThrow(
      'replaceHead: the model has 2 outputs; name the layer before the head: { after: "..." }',
    );
    expect(() => replaceHead(upTo(described, "add_1"), dense({ units: 2 }))).toThrow(
      "replaceHead: no last layer with weights is found before layers meet",
    );
    expect(() => replaceHead(described, [])).toThrow("replaceHead: no layers given");
    expect(() => replaceHead(described, dense as never)).toThrow("replaceHead: layers[0] is dense itself");
    expect(() => replaceHead(described, dense({ units: 2 }), { after: "nowhere" })).toThrow(
      'replaceHead: there is no layer or input "nowhere"',
    );
    expect(() => replaceHead(described, dense({ units: 2, name: "relu_1" }))).toThrow("two layers are named");
  });
});

describe("asLayer", () => {
  it("puts a trained model into another, in sequential, with its weights", () => {
    const backbone = asLayer(upTo(trained, "flatten_1"), { name: "backbone" });
    const larger = sequential([6, 6, 3], [backbone, dense({ units: 2 })]);
    expect(larger.layers.map(({ name }) => name)).toEqual([
      ...[
        "backbone.conv2d_1",
        "backbone.batchNorm_1",
        "backbone.relu_1",
        "backbone.conv2d_2",
        "backbone.add_1",
      ],
      ...["backbone.maxPool2d_1", "backbone.flatten_1", "dense_1"],
    ]);
    const built = engine.compile(larger, { seed: 2 });
    expect(built.weights["backbone.conv2d_2.kernel"]).toEqual(net.weights["conv2d_2.kernel"]);
    expect(built.loadReport?.missing).toEqual(["dense_1.kernel", "dense_1.bias"]);
    // A description as JSON is the same model, untrained.
    const plain = engine.compile(JSON.parse(JSON.stringify(larger)) as Model, { seed: 2 });
    expect(plain.weights["backbone.conv2d_2.kernel"]).not.toEqual(net.weights["conv2d_2.kernel"]);
    expect(plain.weights["dense_1.kernel"]).toEqual(built.weights["dense_1.kernel"]);
    // And it is saved and read as any other.
    const read = engine.compile(fromSafetensors(built.save()));
    expect(read.predict(photo)).toEqual(built.predict(photo));
  });

  it("shares its weights when it is called twice, and works on another size of image", () => {
    const tower = asLayer(upTo(trained, "maxPool2d_1"), { name: "tower" });
    const [a, b] = [input([6, 6, 3], { name: "a" }), input([8, 4, 3], { name: "b" })];
    const pair = model({ inputs: [a, b], outputs: [tower(a), tower(b)] });
    const both = engine.compile(pair);
    expect(both.parameters).toBe(engine.compile(upTo(trained, "maxPool2d_1")).parameters);
    const x = photo.subarray(0, 108);
    const [left] = both.predict<Float32Array[]>({ a: x, b: new Float32Array(96) });
    expect(left).toEqual(run(upTo(trained, "maxPool2d_1"), x));
  });

  it("gives all outputs of a model with several, and takes all inputs", () => {
    const [a, b] = [input([3]), input([3])];
    const inner = model({ inputs: [a, b], outputs: [add()(a, b), dense({ units: 1, name: "d" })(b)] });
    const layer = asLayer(inner);
    const [p, q] = [input([3]), input([3])];
    const outer = model({ inputs: [p, q], outputs: layer(p, q).outputs(2).reverse() });
    const [y, sum] = run(
      outer,
      new Float32Array([1, 2, 3]),
      new Float32Array([10, 20, 30]),
    ) as Float32Array[];
    expect([...sum]).toEqual([11, 22, 33]);
    expect(y.length).toBe(1);
    expect(() => layer(p)).toThrow('asLayer "model": takes 2 inputs but got 1');
    expect(() => layer(p, q).outputs(3)).toThrow("count is 3");
    expect(() => layer(7 as never, q)).toThrow('asLayer "model": input 0 is 7');
  });

  it("nests, and is cut again", () => {
    const inner = asLayer(upTo(trained, "relu_1"), { name: "inner" });
    const middle = asLayer(sequential([6, 6, 3], [inner, conv2d({ filters: 2, kernel: 1 })]), {
      name: "middle",
    });
    const outer = sequential([6, 6, 3], [middle, flatten()]);
    const cut = upTo(outer, "middle.inner.relu_1");
    expect(run(cut)).toEqual(run(upTo(trained, "relu_1")));
    expect(() => sequential([6, 6, 3], [inner, asLayer(trained, { name: "inner" })])).toThrow(
      "two layers are named",
    );
    expect(() => engine.compile(sequential([6, 6, 4], [inner]))).toThrow(/kernel.*values but shape/);
  });
});

describe("openModel", () => {
  it("gives tensors to build on", () => {
    const { input: x, inputs, output, outputs, node } = openModel(trained);
    expect([inputs, outputs]).toEqual([[x], [output]]);
    const small = dense({ units: 2, name: "probe" })(globalAvgPool()(node("relu_1")));
    const both = model({ inputs: x, outputs: [output, small] });
    const [scores, probe] = engine.compile(both, { seed: 9 }).predict<Float32Array[]>(photo);
    expect(scores).toEqual(net.predict(photo));
    expect(probe.length).toBe(4);
    expect(() => node("relu_9")).toThrow('openModel: there is no layer or input "relu_9"');
  });

  it("refuses a model without a batch", () => {
    const plain = { ...described, batch: false } as Model;
    expect(() => openModel(plain)).toThrow("openModel: this model has no batch of images");
    expect(() => asLayer(plain)).toThrow('asLayer "model": this model has no batch of images');
    expect(upTo(plain, "relu_1").batch).toBe(false);
  });
});

describe("partial weights", () => {
  const given: Record<string, Float32Array> = {
    ...net.weights,
    "dense_1.kernel": new Float32Array(7),
    "old.kernel": new Float32Array(3),
  };
  const { "conv2d_2.bias": _, ...some } = given;
  const report = {
    missing: ["conv2d_2.bias"],
    unused: ["old.kernel"],
    mismatched: [{ name: "dense_1.kernel", given: [7], shape: [36, 5] }],
  };

  it("compile takes what fits, initialises the rest, and tells", () => {
    const fresh = engine.compile(described, { seed: 8 });
    const part = engine.compile(described, { weights: some, partial: true, seed: 8 });
    expect(part.loadReport).toMatchObject(report);
    expect(part.loadReport?.taken).toContain("conv2d_1.kernel");
    expect(part.weights["conv2d_1.kernel"]).toEqual(net.weights["conv2d_1.kernel"]);
    expect(part.weights["dense_1.kernel"]).toEqual(fresh.weights["dense_1.kernel"]);
    expect(() => engine.compile(described, { weights: some })).toThrow('the weights hold no "conv2d_2.bias"');
    expect(() => engine.compile(described, { weights: { a: 5 as never }, partial: true })).not.toThrow();
    expect(() =>
      engine.compile(described, { weights: { "dense_1.bias": "12345" as never }, partial: true }),
    ).toThrow('weight "dense_1.bias" is "12345"');
  });

  it("load takes what fits in name and shape, leaves the rest, and tells", () => {
    const other = engine.compile(
      sequential([6, 6, 3], [conv2d({ filters: 4, kernel: 3 }), flatten(), dense({ units: 9, name: "fc" })]),
      { seed: 21 },
    );
    const target = engine.compile(described, { seed: 8 });
    const before = target.weights["dense_1.kernel"];
    target.load(other.save(), { partial: true });
    expect(target.loadReport).toEqual({
      taken: ["conv2d_1.kernel", "conv2d_1.bias"],
      missing: target.loadReport?.missing,
      unused: ["fc.kernel", "fc.bias"],
      mismatched: [],
    });
    expect(target.weights["conv2d_1.kernel"]).toEqual(other.weights["conv2d_1.kernel"]);
    expect(target.weights["dense_1.kernel"]).toEqual(before);
    expect(() => target.load(other.save())).toThrow("the file holds no weight");
    // As many values in another shape do not fit.
    const turned = sequential([1, 1, 4], [conv2d({ filters: 3, kernel: 1, name: "conv2d_1" })]);
    const wide = engine.compile(sequential([1, 1, 3], [conv2d({ filters: 4, kernel: 1, name: "conv2d_1" })]));
    wide.load(engine.compile(turned).save(), { partial: true });
    expect(wide.loadReport?.mismatched).toEqual([
      { name: "conv2d_1.kernel", given: [1, 1, 4, 3], shape: [1, 1, 3, 4] },
      { name: "conv2d_1.bias", given: [3], shape: [4] },
    ]);
    expect(wide.loadReport?.taken).toEqual([]);
  });
});
