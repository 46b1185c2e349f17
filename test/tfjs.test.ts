// TensorFlow.js models: small ones of every layer against TensorFlow.js itself (fixtures/tfjs/make.mjs), a real one against the
// image its authors made with it, and files that are damaged or hold what is not supported.
import { readFileSync } from "node:fs";
import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { ArgumentError, FormatError, UnsupportedError } from "../src/errors.ts";
import type { TfjsWeights } from "../src/formats/tfjs/index.ts";
import { Network } from "../src/network/network.ts";
import { builds } from "./harness.ts";
import { layersModel as fromTfjs } from "./layers-model.ts";
import { layerNorm } from "./oracle-layers.ts";
import { expectEqual, expectWithin } from "./tolerance.ts";

interface Stored {
  shape: number[];
  data: string;
}

interface Fixture {
  name: string;
  model: unknown;
  weights: string;
  inputs: Stored[];
  outputs: Stored[];
}

const FIXTURES: Fixture[] = JSON.parse(
  readFileSync(new URL("fixtures/tfjs/models.json", import.meta.url), "utf8"),
);
const fixture = (name: string): Fixture => FIXTURES.find((f) => f.name === name)!;

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(base64, "base64"));
const floatsOf = ({ data }: Stored): Float32Array => new Float32Array(bytesOf(data).buffer);

const HOSTS = builds();

describe.each(HOSTS)("$name: models made by TensorFlow.js", ({ engine }) => {
  test.each(FIXTURES)("$name", async ({ model, weights, inputs, outputs }) => {
    const runtime = await engine;
    const trained = fromTfjs(model, bytesOf(weights));
    expect(JSON.parse(JSON.stringify(trained.model))).toStrictEqual(trained.model);
    const shape = Object.fromEntries(
      trained.model.inputs.map(({ name }, i) => [name, inputs[i].shape.slice(1)]),
    );
    using net = new Network(runtime, trained, { batchSize: inputs[0].shape[0], shape });
    const answers = [net.predict(inputs.map(floatsOf))].flat() as Float32Array[];
    expect(answers.length).toBe(outputs.length);
    expect(Object.values(net.outputShapes)).toEqual(outputs.map((o) => o.shape.slice(1)));
    outputs.forEach((output, i) => {
      const expected = floatsOf(output);
      // Sums of at most some hundred products of numbers below 1, and TensorFlow.js' own erf.
      const largest = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
      expectWithin(answers[i], expected, 2e-6 * largest);
    });
  });
});

describe("a real model", () => {
  const root = new URL("../node_modules/@upscalerjs/esrgan-slim/", import.meta.url);
  const file = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(path, root)));

  // UpscalerJS gives the network RGB as it is, 0 to 255, the whole picture at once, and rounds to the nearest.
  for (const { name, engine } of HOSTS)
    for (const scale of name === "simd" ? [2, 3, 4] : [4])
      test(`${name}: ESRGAN slim, ${scale} times as large`, async () => {
        const picture = decode(file("assets/fixture.png"));
        const expected = decode(file(`assets/samples/${scale}x/result.png`));
        const { width, height } = picture;
        const trained = fromTfjs(
          file(`models/x${scale}/model.json`),
          file(`models/x${scale}/group1-shard1of1.bin`),
        );
        using net = new Network(await engine, trained, { shape: [height, width, 3] });
        expect(net.outputShapes).toEqual({ SR: [height * scale, width * scale, 3] });
        const answer = net.predict(colours(picture));
        const rounded = answer.map((v) => Math.round(Math.min(Math.max(v, 0), 255)));
        const wanted = colours(expected);
        expectWithin(rounded, wanted, 1);
        const equal = rounded.filter((v, i) => v === wanted[i]).length / wanted.length;
        expect(equal).toBeGreaterThan(0.9999);
      });
});

/** Red, green and blue of every pixel, as floats. */
function colours({ data, channels }: { data: ArrayLike<number>; channels: number }): Float32Array {
  return Float32Array.from(
    { length: (data.length / channels) * 3 },
    (_, i) => data[Math.floor(i / 3) * channels + (i % 3)],
  );
}

describe("what it makes of a file", () => {
  test("the same from text, bytes and an object; from one buffer, shards, and files by path", () => {
    const { model, weights } = fixture("conv and batchNorm");
    const all = bytesOf(weights);
    const expected = fromTfjs(model, all);
    const text = JSON.stringify(model);
    expect(fromTfjs(text, all)).toEqual(expected);
    expect(fromTfjs(new TextEncoder().encode(text), all.buffer)).toEqual(expected);
    // A view that begins at an odd byte.
    const odd = new Uint8Array(all.length + 3);
    odd.set(all, 3);
    expect(fromTfjs(model, odd.subarray(3))).toEqual(expected);
    // Shards end anywhere, inside a number too.
    const [{ weights: listed }] = (model as { weightsManifest: { weights: unknown }[] }).weightsManifest;
    const sharded = {
      ...(model as object),
      weightsManifest: [{ paths: ["a.bin", "b.bin"], weights: listed }],
    };
    const [a, b] = [all.slice(0, 41), all.slice(41)];
    expect(fromTfjs(sharded, [a, b])).toEqual(expected);
    expect(fromTfjs(sharded, { "b.bin": b, "a.bin": a })).toEqual(expected);
  });

  test("layers keep their names; those of nested models get the model's in front", () => {
    const { model, weights } = fixture("nested models");
    const trained = fromTfjs(model, bytesOf(weights));
    expect(trained.model.layers.map((l) => [l.name, l.shares])).toEqual([
      ["block/cu", undefined],
      ["block/mix", undefined],
      ["block/act", undefined],
      ["block/cu@2", "block/cu"],
      ["block/mix@2", undefined],
      ["block/act@2", undefined],
      ["tail/ct", undefined],
      ["tail/gap", undefined],
      ["tail/ct@2", "tail/ct"],
      ["tail/gap@2", undefined],
    ]);
    expect(Object.keys(trained.weights)).toEqual([
      "block/cu.kernel",
      "block/cu.bias",
      "tail/ct.kernel",
      "tail/ct.bias",
    ]);
    expect(trained.model.inputs).toEqual([{ name: "x", shape: [5, 5, 3] }]);
    expect(trained.model.outputs).toEqual(["tail/gap", "tail/gap@2"]);
  });

  test("open sizes stay open", () => {
    const { model, weights } = fixture("open sizes");
    expect(fromTfjs(model, bytesOf(weights)).model.inputs).toEqual([
      { name: "picture", shape: [null, null, 3] },
    ]);
  });

  test("a Sequential model without an input layer, in the old form with a list for its config", () => {
    const file = sequential(
      [["Dense", { name: "d", units: 1, batch_input_shape: [null, 2], use_bias: false }]],
      [["d/kernel", [2, 1]]],
    );
    const config = (file.modelTopology as { config: { layers: unknown } }).config.layers;
    const old = { ...file, modelTopology: { class_name: "Sequential", config } };
    for (const form of [file, old])
      expect(fromTfjs(form, new Float32Array([1, 2]).buffer)).toEqual({
        model: {
          format: "convolith",
          version: 1,
          inputs: [{ name: "d_input", shape: [2] }],
          layers: [
            {
              name: "d",
              kind: "dense",
              config: { units: 1, bias: false, activation: "linear" },
              inputs: ["d_input"],
            },
          ],
          outputs: ["d"],
        },
        weights: { "d.kernel": new Float32Array([1, 2]) },
      });
  });

  test("the shape of an input that only the model tells", () => {
    const file = sequential([["ReLU", { name: "a" }]], []);
    (file.modelTopology as { config: Record<string, unknown> }).config.build_input_shape = [null, 8, 3];
    expect(fromTfjs(file, NOTHING).model.inputs).toEqual([{ name: "a_input", shape: [8, 3] }]);
  });

  // What a file leaves out is as in Keras 2; TensorFlow.js itself writes everything.
  test.each<[kind: string, config: object, shape: (number | null)[], made: object]>([
    ["LeakyReLU", {}, [null, 3], { activation: { kind: "leakyRelu", alpha: 0.3 } }],
    ["LeakyReLU", { negative_slope: 0.2 }, [null, 3], { activation: { kind: "leakyRelu", alpha: 0.2 } }],
    ["ELU", {}, [null, 3], { activation: { kind: "elu", alpha: 1 } }],
    ["Activation", {}, [null, 3], { activation: "linear" }],
    ["Softmax", {}, [null, 3], { axis: -1 }],
    ["MaxPooling2D", {}, [null, 4, 4, 2], { size: [2, 2], stride: [2, 2], padding: "valid" }],
    [
      "AveragePooling1D",
      { pool_size: 3, strides: null },
      [null, 9, 2],
      { size: [3], stride: [3], padding: "valid" },
    ],
    ["UpSampling1D", {}, [null, 4, 2], { factor: [2], method: "nearest", coordinates: "asymmetric" }],
    ["ZeroPadding1D", {}, [null, 4, 2], { padding: [[1, 1]] }],
    ["Cropping1D", {}, [null, 4, 2], { cropping: [[1, 1]] }],
    [
      "Cropping2D",
      {},
      [null, 4, 4, 2],
      {
        cropping: [
          [0, 0],
          [0, 0],
        ],
      },
    ],
    ["Rescaling", { scale: 2 }, [null, 3], { scale: 2, offset: 0 }],
  ])("%s %j", (kind, config, shape, made) => {
    expect(fromTfjs(one(kind, config, shape), NOTHING).model.layers).toMatchObject([
      { name: "a", config: made },
    ]);
  });

  test("what is not known of a shape before it is compiled may be anything", () => {
    const merged = graph([
      ["Flatten", { name: "f" }, CALL_X],
      ["Flatten", { name: "g" }, CALL_X],
      [
        "Add",
        { name: "s" },
        [
          [
            ["f", 0, 0],
            ["g", 0, 0],
          ],
        ],
      ],
      ["Dense", { name: "a", units: 2, use_bias: false }, [[["s", 0, 0]]]],
    ]);
    merged.weightsManifest = [{ paths: ["w.bin"], weights: [listed(["a/kernel", [32, 2]])] }];
    expect(Object.keys(fromTfjs(merged, new Uint8Array(256)).weights)).toEqual(["a.kernel"]);
    const norm = { name: "n", scale: false, center: false };
    const pooled = sequential(
      [
        ["GlobalMaxPooling2D", { name: "p", batch_input_shape: [null, null, null, 3] }],
        ["BatchNormalizationV1", { ...norm, axis: 1 }],
        ["RepeatVector", { name: "r", n: 2 }],
        ["BatchNormalization", { ...norm, name: "m", axis: [2] }],
      ],
      ["n", "m"].flatMap((name): Listed[] => [
        [`${name}/moving_mean`, [3]],
        [`${name}/moving_variance`, [3]],
      ]),
    );
    expect(Object.keys(fromTfjs(pooled, new Uint8Array(48)).weights)).toEqual(
      ["n", "m"].flatMap((name) =>
        ["gamma", "beta", "mean", "variance"].map((weight) => `${name}.${weight}`),
      ),
    );
  });

  test("calls of nested models counted from 0, as some versions of Keras write them", () => {
    const { model, weights } = fixture("nested models");
    const text = JSON.stringify(model).replace(
      /\["(block|tail)",(\d)/g,
      (_, name, call) => `["${name}",${call - 1}`,
    );
    expect(text).toContain('["block",0,1,');
    expect(fromTfjs(text, bytesOf(weights))).toEqual(fromTfjs(model, bytesOf(weights)));
  });

  test.each<[string, string[]]>([
    ["as they are", ["d/kernel", "e/kernel"]],
    ["with an output number", ["d/kernel:0", "e/kernel:0"]],
    ["in a scope", ["model/d/kernel", "other/e/kernel"]],
    ["under their own model", ["m/d/kernel", "m/e/kernel"]],
    ["under a scope and their model", ["outer/m/d/kernel", "outer/m/e/kernel:0"]],
  ])("names of weights: %s", (_, [d, e]) => {
    const inner = sequential(
      [
        ["Dense", { name: "d", units: 1, use_bias: false, batch_input_shape: [null, 1] }],
        ["Dense", { name: "e", units: 1, use_bias: false }],
      ],
      [],
    ).modelTopology as { config: object };
    const file = sequential(
      [["Sequential", { ...inner.config, name: "m" }]],
      [
        [d, [1, 1]],
        [e, [1, 1]],
      ],
    );
    const { weights } = fromTfjs(file, new Float32Array([3, 4]).buffer);
    expect(weights).toEqual({ "m/d.kernel": new Float32Array([3]), "m/e.kernel": new Float32Array([4]) });
  });

  const kernel = (extra: object, bytes: ArrayBufferView): Float32Array => {
    const file = sequential(DENSE, [["d/kernel", [3, 2], extra]]);
    return fromTfjs(file, bytes).weights["d.kernel"];
  };

  test("layer normalisation of maps, and dropout of channels, which go on to be trained", async () => {
    const file = sequential(
      [
        ["LayerNormalization", { name: "n", axis: [3], batch_input_shape: [null, 2, 3, 4] }],
        ["SpatialDropout2D", { name: "s", rate: 0.25 }],
      ],
      [
        ["n/gamma", [4]],
        ["n/beta", [4]],
      ],
    );
    const [gamma, beta] = [new Float32Array([1, 2, 3, 4]), new Float32Array([0.1, 0.2, 0.3, 0.4])];
    const trained = fromTfjs(file, new Float32Array([...gamma, ...beta]).buffer);
    expect(trained.model.layers).toMatchObject([
      { kind: "layerNorm", config: { epsilon: 1e-3 } },
      { kind: "spatialDropout", config: { rate: 0.25 } },
    ]);
    const x = { shape: [1, 2, 3, 4], data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * i)) };
    const tensors = [x, { shape: [4], data: gamma }, { shape: [4], data: beta }];
    const [want] = layerNorm(tensors, { axes: [3], epsilon: 1e-3 });
    using net = new Network(await HOSTS[0].engine, trained);
    expectWithin(net.predict(x.data) as Float32Array, want.data, 1e-5);
  });

  test("weights of other types than float32", () => {
    expectEqual(kernel({ dtype: "int32" }, Int32Array.of(1, -2, 3, 70000, 5, 6)), [1, -2, 3, 70000, 5, 6]);
    expectEqual(kernel({ dtype: "bool" }, Uint8Array.of(1, 0, 0, 1, 1, 0)), [1, 0, 0, 1, 1, 0]);
    expectEqual(kernel({ dtype: "uint8" }, Uint8Array.of(1, 0, 255, 7, 8, 9)), [1, 0, 255, 7, 8, 9]);
  });

  test("quantized weights are restored as in TensorFlow.js", () => {
    const quantization = { dtype: "uint8", scale: 0.3, min: -10 };
    const stored = Uint8Array.of(0, 1, 2, 100, 254, 255);
    expectEqual(
      kernel({ quantization }, stored),
      Float32Array.from(stored, (v) => v * 0.3 - 10),
    );
    expectEqual(kernel({ dtype: "int32", quantization }, stored), [-10, -10, -9, 20, 66, 67]);
    const wide = Uint16Array.of(0, 1, 256, 257, 65534, 65535);
    const linear = { dtype: "uint16", scale: 2 ** -16, min: 0.5 };
    expectEqual(
      kernel({ quantization: linear }, wide),
      Float32Array.from(wide, (v) => v * 2 ** -16 + 0.5),
    );
    // 1, −2, the largest, the smallest normal and subnormal number, infinity.
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0xfc00);
    expectEqual(kernel({ quantization: { dtype: "float16" } }, halves), [
      1,
      -2,
      65504,
      2 ** -14,
      2 ** -24,
      -Infinity,
    ]);
  });

  test("the optimizer's weights are left out", () => {
    const file = sequential(DENSE, [
      ["d/kernel", [3, 2]],
      ["training/Adam/iter", [], { dtype: "int32", group: "optimizer" }],
    ]);
    expect(Object.keys(fromTfjs(file, new Uint8Array(28)).weights)).toEqual(["d.kernel"]);
  });
});

type Layers = [kind: string, config: object, nodes?: unknown][];
type Listed = [name: string, shape: unknown, extra?: object];

const DENSE: Layers = [["Dense", { name: "d", units: 2, use_bias: false, batch_input_shape: [null, 3] }]];

/** model.json of a stack of layers. */
function sequential(layers: Layers, weights: Listed[]): Record<string, unknown> {
  const list = layers.map(([class_name, config]) => ({ class_name, config }));
  return {
    modelTopology: { class_name: "Sequential", config: { name: "net", layers: list } },
    weightsManifest: [{ paths: ["weights.bin"], weights: weights.map(listed) }],
  };
}

const listed = ([name, shape, extra]: Listed): object => ({ name, shape, dtype: "float32", ...extra });

/** model.json of a graph of layers without weights: input "x" of shape [4, 4, 2], then these. */
function graph(layers: Layers, output: unknown = ["a", 0, 0]): Record<string, unknown> {
  const x = {
    class_name: "InputLayer",
    name: "x",
    config: { name: "x", batch_input_shape: [null, 4, 4, 2] },
    inbound_nodes: [],
  };
  const list = layers.map(([class_name, config, nodes]) => {
    return {
      class_name,
      config,
      name: (config as { name: string } | undefined)?.name ?? "a",
      inbound_nodes: nodes,
    };
  });
  const config = { name: "net", layers: [x, ...list], input_layers: [["x", 0, 0]], output_layers: [output] };
  return { modelTopology: { model_config: { class_name: "Functional", config } } };
}

/** One layer on an input of that shape. */
function one(kind: string, config: object, shape: unknown[] = [null, 4, 4, 2]): Record<string, unknown> {
  return sequential(
    [
      ["InputLayer", { name: "x", batch_input_shape: shape }],
      [kind, { name: "a", ...config }],
    ],
    [],
  );
}

const RELU: [string, object] = ["ReLU", { name: "a" }];
const CALL_X = [[["x", 0, 0, {}]]];
const NOTHING = new Uint8Array(0);
const [F, U, A] = [FormatError, UnsupportedError, ArgumentError];

const FAILURES: [
  what: string,
  error: typeof F | typeof U | typeof A,
  message: RegExp,
  file: unknown,
  weights?: unknown,
][] = [
  // The file as a whole.
  ["not JSON", F, /model\.json is not JSON: /, "<!doctype html>"],
  ["a list", F, /must hold an object/, []],
  ["nothing", A, /model\.json is undefined but must be its text, its bytes, or what/, undefined],
  ["no topology", F, /no modelTopology/, { weightsManifest: [] }],
  [
    "a graph model without nodes",
    F,
    /the graph has no outputs/,
    { modelTopology: { node: [], library: {} } },
  ],
  [
    "a graph model by its format",
    F,
    /modelTopology has no list/,
    { format: "graph-model", modelTopology: {} },
  ],
  [
    "no class",
    F,
    /modelTopology\.class_name is undefined but must be one of Sequential/,
    { modelTopology: {} },
  ],
  ["a layer as model", F, /class_name is "Dense"/, { modelTopology: { class_name: "Dense", config: {} } }],
  [
    "no list of layers",
    F,
    /Sequential: config has no list of layers/,
    { modelTopology: { class_name: "Sequential", config: {} } },
  ],
  ["no layers", F, /has no layers/, sequential([], [])],
  ["no input shape", F, /says nowhere what shape its input has/, sequential([["ReLU", { name: "a" }]], [])],
  ["a bad input shape", F, /its input has shape \[null,0\]/, one("ReLU", {}, [null, 0])],
  [
    "a layer without a class",
    F,
    /layers\[0\] must be an object with a class_name/,
    sequential([[3 as never, {}]], []),
  ],
  ["a layer without a name", F, /layers\[0\] \(ReLU\): name is undefined/, sequential([["ReLU", {}]], [])],
  ["a colon in a name", F, /name is "a:b"/, sequential([["ReLU", { name: "a:b" }]], [])],
  ["a layer without a config", F, /ReLU "a": has no config/, graph([["ReLU", undefined as never, CALL_X]])],
  ["a stack with two layers of one name", F, /two layers are named "a"/, sequential([RELU, RELU], [])],
  [
    "two layers of one name",
    F,
    /two layers are named "a"/,
    graph([
      [...RELU, CALL_X],
      [...RELU, CALL_X],
    ]),
  ],

  // Layers and options that are not supported.
  ["an unknown layer", U, /LSTM "a": layers of class LSTM are not supported/, one("LSTM", { units: 3 })],
  [
    "an unknown layer in a nested model",
    U,
    /Lambda "m\/l"/,
    sequential(
      [
        [
          "Sequential",
          {
            name: "m",
            layers: [{ class_name: "Lambda", config: { name: "l", batch_input_shape: [null, 3] } }],
          },
        ],
      ],
      [],
    ),
  ],
  [
    "channels first",
    U,
    /MaxPooling2D "a": data_format "channels_first" is not supported, only channels_last/,
    one("MaxPooling2D", { data_format: "channels_first" }),
  ],
  [
    "an unknown padding",
    U,
    /padding "full" is not supported, only valid, same/,
    one("MaxPooling2D", { padding: "full" }),
  ],
  [
    "an unknown activation",
    U,
    /Activation "a": activation "sparkle" is not supported/,
    one("Activation", { activation: "sparkle" }),
  ],
  [
    "an activation layer with its own config",
    U,
    /activation "ReLU"/,
    one("Activation", { activation: { class_name: "ReLU", config: {} } }),
  ],
  [
    "an unknown interpolation",
    U,
    /interpolation "bicubic"/,
    one("UpSampling2D", { interpolation: "bicubic" }),
  ],
  [
    "batch normalisation of rows",
    U,
    /axis is 1 but only the last of its input's 4 axes/,
    one("BatchNormalization", { axis: [1] }),
  ],
  [
    "layer normalisation of maps",
    U,
    /layer normalisation is only supported over/,
    one("LayerNormalization", { axis: [1] }),
  ],
  ["several axes", U, /axis is \[2,3\] but only one axis/, one("Softmax", { axis: [2, 3] })],
  ["softmax over the batch", U, /axis 0 is the batch/, one("Softmax", { axis: 0 })],
  [
    "concatenation of batches",
    U,
    /axis 0 is the batch/,
    graph([
      [
        "Concatenate",
        { name: "a", axis: 0 },
        [
          [
            ["x", 0, 0],
            ["x", 0, 0],
          ],
        ],
      ],
    ]),
  ],
  ["a ReLU with a threshold", U, /threshold/, one("ReLU", { threshold: 0.5 })],
  [
    "a ReLU with slope and top",
    U,
    /negative_slope and max_value together/,
    one("ReLU", { negative_slope: 0.5, max_value: 2 }),
  ],
  ["a rescaling per channel", U, /one scale per channel/, one("Rescaling", { scale: [1, 2] })],
  [
    "a merge of maps and volumes",
    U,
    /merging tensors of 4 and 5 axes/,
    graph([
      ["Reshape", { name: "r", target_shape: [2, 2, 4, 2] }, CALL_X],
      [
        "Add",
        { name: "a" },
        [
          [
            ["r", 0, 0],
            ["x", 0, 0],
          ],
        ],
      ],
    ]),
  ],
  [
    "arguments of a call",
    U,
    /the argument training = true/,
    graph([[...RELU, [[["x", 0, 0, { training: true }]]]]]),
  ],
  ["Keras 3", U, /Keras 3/, graph([[...RELU, [{ args: [], kwargs: {} }]]])],
  [
    "an impossible output_padding",
    F,
    /output_padding 2 does not go with kernel 3, stride 2 and padding "valid"/,
    sequential(
      [
        [
          "Conv2DTranspose",
          {
            name: "a",
            filters: 1,
            kernel_size: 3,
            strides: 2,
            output_padding: 2,
            use_bias: false,
            batch_input_shape: [null, 4, 4, 1],
          },
        ],
      ],
      [["a/kernel", [3, 3, 1, 1]]],
    ),
    new Uint8Array(36),
  ],

  // Damaged configs.
  [
    "a text for a number",
    F,
    /Conv2D "a": filters is "many" but must be an integer of at least 1/,
    one("Conv2D", { filters: "many" }),
  ],
  [
    "too few sizes",
    F,
    /kernel_size is \[3\] but must be 2 integers of at least 1/,
    one("Conv2D", { filters: 1, kernel_size: [3] }),
  ],
  [
    "a number for a flag",
    F,
    /keepdims is 1 but must be true or false/,
    one("GlobalMaxPooling2D", { keepdims: 1 }),
  ],
  ["no number", F, /Dropout "a": rate is undefined but must be a number/, one("Dropout", {})],
  [
    "a number for a word",
    F,
    /padding is 1 but must be one of valid, same/,
    one("MaxPooling2D", { padding: 1 }),
  ],
  [
    "an activation that is a number",
    F,
    /activation is 7 but must be a name/,
    one("Activation", { activation: 7 }),
  ],
  [
    "bad pairs",
    F,
    /cropping is \[\[1,2,3\],1\] but must be made of/,
    one("Cropping2D", { cropping: [[1, 2, 3], 1] }),
  ],
  [
    "too few pairs",
    F,
    /padding is \[1\] but must be a number or a list of 2/,
    one("ZeroPadding2D", { padding: [1] }),
  ],
  ["a fractional axis", F, /axis is 0\.5 but must be an integer/, one("Softmax", { axis: 0.5 })],
  ["no target shape", F, /target_shape is undefined/, one("Reshape", {})],
  [
    "a target shape with a size of 0",
    F,
    /target_shape is \[0,2\] but must be a list of integers, of at least 1 or -1/,
    one("Reshape", { target_shape: [0, 2] }),
  ],
  [
    "two open sizes",
    F,
    /target_shape \[-1,-1\] leaves more than one size open/,
    one("Reshape", { target_shape: [-1, -1] }),
  ],
  [
    "a bad permutation",
    F,
    /dims \[1,1,2\] must hold each of 1 to 3 once/,
    one("Permute", { dims: [1, 1, 2] }),
  ],
  [
    "an axis that is not there",
    F,
    /cannot join tensors of 4, 4 axes along axis 4/,
    graph([
      [
        "Concatenate",
        { name: "a", axis: 4 },
        [
          [
            ["x", 0, 0],
            ["x", 0, 0],
          ],
        ],
      ],
    ]),
  ],
  ["a wrong rank", F, /MaxPooling1D "a": its input has 4 axes but must have 3/, one("MaxPooling1D", {})],
  [
    "two inputs for one",
    F,
    /ReLU "a": reads 2 tensors but takes one/,
    graph([
      [
        ...RELU,
        [
          [
            ["x", 0, 0],
            ["x", 0, 0],
          ],
        ],
      ],
    ]),
  ],
  [
    "one input for two",
    F,
    /Add "a": reads 1 tensors but takes at least 2/,
    graph([["Add", { name: "a" }, CALL_X]]),
  ],
  [
    "three inputs for two",
    F,
    /Subtract "a": reads 3 tensors but takes 2/,
    graph([
      [
        "Subtract",
        { name: "a" },
        [
          [
            ["x", 0, 0],
            ["x", 0, 0],
            ["x", 0, 0],
          ],
        ],
      ],
    ]),
  ],

  // Damaged graphs.
  [
    "a layer that is not there",
    F,
    /ReLU "a": reads "y", which does not exist/,
    graph([[...RELU, [[["y", 0, 0]]]]]),
  ],
  [
    "a call that is not there",
    F,
    /reads call 2 of "x", which has 1 calls counted from 0/,
    graph([[...RELU, [[["x", 2, 0]]]]]),
  ],
  [
    "an output that is not there",
    F,
    /reads output 1 of "x", which has 1/,
    graph([[...RELU, [[["x", 0, 1]]]]]),
  ],
  [
    "a layer that is never called",
    F,
    /output_layers: reads call 0 of "a", which has 0 calls/,
    graph([[...RELU, []]]),
  ],
  [
    "a circle",
    F,
    /ReLU "a": reads "b", which cannot be computed before it/,
    graph([
      [...RELU, [[["b", 0, 0]]]],
      ["ReLU", { name: "b" }, [[["a", 0, 0]]]],
    ]),
  ],
  ["a bad reference", F, /\[3\] must be \[layer, call, output\]/, graph([[...RELU, [[[3]]]]])],
  ["nodes that are no list", F, /inbound_nodes must be a list/, graph([[...RELU, 3]])],
  ["an output that does not exist", F, /output_layers: reads "z"/, graph([[...RELU, CALL_X]], ["z", 0, 0])],
  [
    "an input that is none",
    F,
    /input_layers names "a", which is not one of its input layers/,
    JSON.stringify(graph([[...RELU, CALL_X]])).replace('"input_layers":[["x"', '"input_layers":[["a"'),
  ],
  [
    "a nested model with too few inputs",
    F,
    /is called with 2 tensors but has 1 inputs/,
    graph(
      [
        [
          "Functional",
          nested(),
          [
            [
              ["x", 0, 0],
              ["x", 0, 0],
            ],
          ],
        ],
      ],
      ["m", 1, 0],
    ),
  ],

  // Weights.
  [
    "weights too short",
    F,
    /"e\/bias" \[2\] needs bytes 24 to 32 but there are 28 \(the manifest lists 32\)/,
    sequential(DENSE, [
      ["d/kernel", [3, 2]],
      ["e/bias", [2]],
    ]),
    new Uint8Array(28),
  ],
  [
    "weights too long",
    F,
    /have 25 bytes but the manifest lists 24: 1 too many/,
    sequential(DENSE, [["d/kernel", [3, 2]]]),
    new Uint8Array(25),
  ],
  [
    "a missing weight",
    F,
    /Dense "d": the manifest lists no weight "d\/kernel" \(expected shape \[3,2\]\)/,
    sequential(DENSE, []),
  ],
  [
    "no manifest",
    F,
    /the manifest lists no weight "d\/kernel"/,
    { modelTopology: sequential(DENSE, []).modelTopology },
  ],
  [
    "a weight too many",
    F,
    /"d\/gain", which no layer takes/,
    sequential(DENSE, [
      ["d/kernel", [3, 2]],
      ["d/gain", [1]],
    ]),
    new Uint8Array(28),
  ],
  [
    "a weight listed twice",
    F,
    /lists weight "d\/kernel" twice/,
    sequential(DENSE, [
      ["d/kernel", [3, 2]],
      ["d/kernel:0", [3, 2]],
    ]),
    new Uint8Array(48),
  ],
  [
    "a wrong shape",
    F,
    /Dense "d": weight "d\/kernel" has shape \[2,3\] but the layer takes \[3,2\]/,
    sequential(DENSE, [["d/kernel", [2, 3]]]),
    new Uint8Array(24),
  ],
  [
    "a weight of unclear owner",
    F,
    /"p\/d\/kernel" and "q\/d\/kernel" could both be its weight "kernel"/,
    sequential(DENSE, [
      ["p/d/kernel", [3, 2]],
      ["q/d/kernel", [3, 2]],
    ]),
    new Uint8Array(48),
  ],
  [
    "one weight for two layers",
    F,
    /Dense "m\/d": weight "d\/kernel" already belongs to layer "d"/,
    sequential(
      [
        ["Dense", { name: "d", units: 3, use_bias: false, batch_input_shape: [null, 3] }],
        [
          "Sequential",
          { name: "m", layers: [{ class_name: "Dense", config: { name: "d", units: 3, use_bias: false } }] },
        ],
      ],
      [["d/kernel", [3, 3]]],
    ),
    new Uint8Array(36),
  ],
  [
    "an alpha of a wrong rank",
    F,
    /weight "alpha" has shape \[2\] but must have 3 axes/,
    sequential([["PReLU", { name: "p", batch_input_shape: [null, 4, 4, 2] }]], [["p/alpha", [2]]]),
    new Uint8Array(8),
  ],
  [
    "an unknown dtype",
    F,
    /weight "d\/kernel": dtype is "float8" but must be one of float32, int32/,
    sequential(DENSE, [["d/kernel", [3, 2], { dtype: "float8" }]]),
  ],
  [
    "texts for weights",
    U,
    /weights of dtype string are not supported/,
    sequential(DENSE, [["d/kernel", [3, 2], { dtype: "string" }]]),
  ],
  [
    "an unknown quantization",
    F,
    /quantized to "uint4" but must be to one of uint8, uint16, float16/,
    sequential(DENSE, [["d/kernel", [3, 2], { quantization: { dtype: "uint4" } }]]),
  ],
  [
    "a quantization without a scale",
    F,
    /quantized to uint8 with scale undefined and min 0/,
    sequential(DENSE, [["d/kernel", [3, 2], { quantization: { dtype: "uint8", min: 0 } }]]),
  ],
  [
    "an impossible quantization",
    F,
    /dtype int32 cannot be quantized to float16/,
    sequential(DENSE, [["d/kernel", [3, 2], { dtype: "int32", quantization: { dtype: "float16" } }]]),
  ],
  [
    "a weight without a name",
    F,
    /weightsManifest\[0\] lists a weight without a name/,
    sequential(DENSE, [[undefined as never, [3, 2]]]),
  ],
  [
    "a weight without a shape",
    F,
    /weight "d\/kernel": shape is undefined but must be a list of integers/,
    sequential(DENSE, [["d/kernel", undefined]]),
  ],
  [
    "a manifest that is no list",
    F,
    /weightsManifest must be a list/,
    { ...sequential(DENSE, []), weightsManifest: {} },
  ],
  [
    "a group without paths",
    F,
    /weightsManifest\[0\] must have paths and weights/,
    { ...sequential(DENSE, []), weightsManifest: [{ weights: [] }] },
  ],
  [
    "too few shards",
    F,
    /lists 1 weight files \(weights\.bin\) but 2 are given/,
    sequential(DENSE, [["d/kernel", [3, 2]]]),
    [NOTHING, NOTHING],
  ],
  [
    "a file that is not given",
    F,
    /the weight file "weights\.bin" is missing; given are w\.bin/,
    sequential(DENSE, [["d/kernel", [3, 2]]]),
    { "w.bin": NOTHING },
  ],
  ["no bytes", A, /weights is 3 but must be an ArrayBuffer/, sequential(DENSE, [["d/kernel", [3, 2]]]), 3],
  [
    "a list without bytes",
    A,
    /weights\[0\] is "x" but must be an ArrayBuffer/,
    sequential(DENSE, [["d/kernel", [3, 2]]]),
    ["x"],
  ],
  [
    "a file without bytes",
    A,
    /weights\["weights\.bin"\] is "x" but must be an ArrayBuffer/,
    sequential(DENSE, [["d/kernel", [3, 2]]]),
    { "weights.bin": "x" },
  ],
];

function nested(): object {
  const x = {
    class_name: "InputLayer",
    name: "u",
    config: { name: "u", batch_input_shape: [null, 4, 4, 2] },
    inbound_nodes: [],
  };
  return { name: "m", layers: [x], input_layers: [["u", 0, 0]], output_layers: [["u", 0, 0]] };
}

describe("files it refuses", () => {
  test.each(FAILURES)("%s", (_, kind, message, file, weights = NOTHING) => {
    let error: unknown;
    try {
      fromTfjs(file, weights as TfjsWeights);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^tfjs: /);
  });
});
