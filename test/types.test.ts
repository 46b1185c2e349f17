// What the compiler must know: element types of tensors, which options a call takes and needs, and that tables of checks fit their
// types. The type check of the tests is what fails; running them shows that values are what their types say.
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  asLayer,
  type ConvOptions,
  conv2d,
  createEngine,
  type DType,
  dense,
  type Engine,
  fromSafetensors,
  gradients,
  input,
  type MaxPoolOptions,
  type Model,
  type ModelSource,
  maxPool2d,
  model,
  type Network,
  type ReduceOptions,
  reduce,
  relu,
  replaceHead,
  sequential,
  type Tensor,
  type TrainedModel,
  upTo,
  withOutputs,
} from "../src/index.ts";
import { layerOnly, type OptionChecks } from "../src/layers/checks.ts";
import { aNumber, anInteger, aText, aWord, type Check, needed } from "../src/validate.ts";

/** Checked by the compiler, never called. */
const unused = (_: (engine: Engine, x: Tensor, classes: Tensor<"int32">) => unknown): void => {};

describe("the types of tensors", () => {
  it("tell what data() gives, as it does", async () => {
    using engine = await createEngine();
    const x = engine.tensor([1, 2], [1, 2]);
    const classes = engine.tensor([1], [1], "int32");
    const best = engine.argMax(x);
    expectTypeOf(x).toEqualTypeOf<Tensor>();
    expectTypeOf(x).toEqualTypeOf<Tensor<"float32">>();
    expectTypeOf(x.data()).toEqualTypeOf<Float32Array>();
    expectTypeOf(classes).toEqualTypeOf<Tensor<"int32">>();
    expectTypeOf(classes.data()).toEqualTypeOf<Int32Array>();
    expectTypeOf(best.data()).toEqualTypeOf<Int32Array>();
    expectTypeOf(engine.relu(x).data()).toEqualTypeOf<Float32Array>();
    expect([x.data(), classes.data(), best.data()]).toEqual([
      Float32Array.of(1, 2),
      Int32Array.of(1),
      Int32Array.of(1),
    ]);
    // Ops that move values keep their type.
    expectTypeOf(engine.reshape(classes, { shape: [1, 1] }).data()).toEqualTypeOf<Int32Array>();
    expectTypeOf(engine.concat([best, classes], { axis: 0 })).toEqualTypeOf<Tensor<"int32">>();
    expectTypeOf(engine.split(x, { sizes: [1, 1] })).toEqualTypeOf<Tensor[]>();
    expect(engine.reshape(classes, { shape: [1, 1] }).data()).toBeInstanceOf(Int32Array);
  });

  it("tell how many outputs a network has, where the model does", async () => {
    using engine = await createEngine();
    const x = input([4]);
    const [a, b] = [dense({ units: 2 })(x), dense({ units: 3 })(x)];
    const [image, tensor] = [new Float32Array(4), engine.tensor([1, 2, 3, 4], [1, 4])];
    using one = engine.compile(sequential([4], [dense({ units: 2 })]));
    using two = engine.compile(model({ inputs: x, outputs: [a, b] }));
    expectTypeOf(one.predict(image)).toEqualTypeOf<Float32Array>();
    expectTypeOf(one.predict(tensor)).toEqualTypeOf<Tensor>();
    expectTypeOf(two.predict(image)).toEqualTypeOf<[Float32Array, Float32Array]>();
    expectTypeOf(two.predict(tensor)).toEqualTypeOf<[Tensor, Tensor]>();
    const [first, second] = two.predict(Uint8Array.of(1, 2, 3, 4));
    expect([first.length, second.length]).toEqual([2, 3]);
    // Of a file the compiler knows nothing; whoever reads it may say.
    using read = engine.compile(fromSafetensors(two.save()));
    expectTypeOf(read.predict(image)).toEqualTypeOf<Float32Array>();
    expectTypeOf(read.predict<Float32Array[]>(image)).toEqualTypeOf<Float32Array[]>();
    const any: Network[] = [one, two, read];
    expect(any.length).toBe(3);
  });

  it("keep integers out of what computes with floats", () => {
    unused((engine, x, classes) => [
      // @ts-expect-error: relu takes floats
      engine.relu(classes),
      // @ts-expect-error: so do gradients
      gradients(() => x, [classes]),
      // @ts-expect-error: a type that is none
      engine.tensor([1], [1], "int8"),
      engine.loss(x, classes, { kind: "softmaxCrossEntropy" }),
      engine.loss(x, x, { kind: "softmaxCrossEntropy" }),
    ]);
    expectTypeOf<Tensor<"int32">>().not.toExtend<Tensor>();
    expectTypeOf<Tensor<"int32">>().toExtend<Tensor<DType>>();
    expectTypeOf<Tensor>().toExtend<Tensor<DType>>();
    expectTypeOf<Tensor<DType>["data"]>().returns.toEqualTypeOf<Float32Array | Int32Array>();
    expectTypeOf<Tensor["shape"]>().toEqualTypeOf<readonly number[]>();
  });
});

describe("the types of surgery", () => {
  it("give what they were given", () => {
    const described = sequential([4], [dense({ units: 2 })]);
    expectTypeOf(upTo(described, "dense_1")).toEqualTypeOf<Model>();
    const cut = (trained: TrainedModel, source: ModelSource, net: Network) => [
      expectTypeOf(upTo(trained, "a")).toEqualTypeOf<TrainedModel>(),
      expectTypeOf(withOutputs(source, ["a"])).toEqualTypeOf<ModelSource>(),
      expectTypeOf(replaceHead(net, dense({ units: 2 }))).toEqualTypeOf<TrainedModel>(),
      // @ts-expect-error: a layer is no model
      asLayer(dense({ units: 2 })),
    ];
    expectTypeOf(cut).toBeFunction();
  });
});

describe("the types of options", () => {
  it("are those of the layer, for its eager op without what makes weights", () => {
    expectTypeOf<keyof ConvOptions>().toEqualTypeOf<
      | "stride"
      | "dilation"
      | "padding"
      | "paddingMode"
      | "groups"
      | "weightStandardization"
      | "activation"
      | "bias"
    >();
    expectTypeOf<ConvOptions["bias"]>().toEqualTypeOf<Tensor | undefined>();
    expectTypeOf<MaxPoolOptions>().toHaveProperty("size");
    expectTypeOf<ReduceOptions["axes"]>().toEqualTypeOf<readonly number[] | undefined>();
    unused((engine, x) => [
      // @ts-expect-error: a pool needs a size
      engine.maxPool2d(x, {}),
      // @ts-expect-error: and options
      engine.maxPool2d(x),
      // @ts-expect-error: stride, not strides
      engine.maxPool2d(x, { size: 2, strides: 2 }),
      // @ts-expect-error: none of the kinds
      engine.reduce(x, { kind: "prod" }),
      // @ts-expect-error: relu has no options
      engine.relu(x, { alpha: 1 }),
      engine.reduce(x, { kind: "sum" }),
    ]);
  });

  it("say what a layer needs", () => {
    unused(() => [
      // @ts-expect-error: filters are missing
      conv2d({ kernel: 3 }),
      // @ts-expect-error: units are a number
      dense({ units: "10" }),
      // @ts-expect-error: a layer needs its axes, unlike the eager op
      reduce({ kind: "sum" }),
      // @ts-expect-error: a config is missing
      maxPool2d(),
      relu(),
      conv2d({ filters: 1, kernel: 3 }),
    ]);
  });
});

describe("the tables of checks", () => {
  interface Config {
    name?: string;
    units: number;
    mode?: "a" | "b";
    seed?: number;
  }
  it("have a check of the option's very type for every option, marked as the type is", () => {
    const checks = { units: needed(anInteger(1), "1"), mode: aWord("a", "b"), seed: layerOnly(aNumber) };
    const take = (_: OptionChecks<Config, "seed">): void => {};
    take(checks);
    // @ts-expect-error: units must be marked as needed
    take({ ...checks, units: anInteger(1) });
    // @ts-expect-error: mode may be left out
    take({ ...checks, mode: needed(aWord("a", "b"), '"a"') });
    // @ts-expect-error: a word that the type does not have
    take({ ...checks, mode: aWord("a", "b", "c") });
    // @ts-expect-error: a word of the type is missing
    take({ ...checks, mode: aWord("a") });
    // @ts-expect-error: any text is more than the type allows
    take({ ...checks, mode: aText });
    // @ts-expect-error: seed is the layer's alone
    take({ ...checks, seed: aNumber });
    // @ts-expect-error: the eager op takes mode, too
    take({ ...checks, mode: layerOnly(aWord("a", "b")) });
    // @ts-expect-error: an option is missing
    take({ units: checks.units, mode: checks.mode });
    expectTypeOf<Check<number>>().not.toExtend<Check<string>>();
    expect(checks.units.example).toBe("1");
    expect(checks.seed.layerOnly).toBe(true);
    // Marks are on copies.
    expect(aNumber).not.toHaveProperty("layerOnly");
  });
});
