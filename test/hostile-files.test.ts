// Files made to do harm: descriptions, checkpoints and TensorFlow.js models that are small and ask for much, or hold what code trips over.
// Each is refused in words, at once.
import { beforeAll, describe, expect, it, test } from "vitest";
import { ArgumentError, ConvolithError, FormatError, UnsupportedError } from "../src/errors.ts";
import { readCheckpoint } from "../src/formats/checkpoint.ts";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.ts";
import type { TfjsOptions, TfjsWeights } from "../src/formats/tfjs/index.ts";
import { dense, dropout } from "../src/layers/index.ts";
import { loadModel, sequential } from "../src/model/build-model.ts";
import { Network } from "../src/network/network.ts";
import { mae } from "../src/network/value-metrics.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { sgd } from "../src/training/optimizers.ts";
import { resume } from "../src/training/resume.ts";
import { reduceOnPlateau } from "../src/training/schedules.ts";
import { binary } from "./harness.ts";
import { layersModel as fromTfjs } from "./layers-model.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = new Runtime(await load(binary("simd")));
});

/**
 * Seconds of this process's processors: other work on the machine does not lengthen them, as it does time. What is cheap here costs a
 * fraction of one; where readers went over a list again for each of its entries, or followed every path, it was 15 to hours.
 */
const CHEAP = 10;

/** What `run` gives; fails where it was not cheap. */
function cheap<T>(run: () => T): T {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(CHEAP);
  return result;
}

/** Throws unless `run` throws that kind of error with that message, at once. */
function refuses(run: () => unknown, kind: typeof ConvolithError, message: RegExp): void {
  const thrown = cheap(() => {
    try {
      run();
    } catch (error) {
      return error;
    }
  });
  expect(thrown).toBeInstanceOf(kind);
  expect((thrown as Error).message).toMatch(message);
  expect((thrown as Error).message.length).toBeLessThan(1600);
}

const deep = (n: number): unknown => JSON.parse(`${"[".repeat(n)}${"]".repeat(n)}`);
/** What code that reads foreign values trips over. */
const STRANGE: readonly unknown[] = [
  null,
  5,
  -1,
  1e300,
  "constructor",
  "__proto__",
  true,
  [],
  [null],
  {},
  { length: 2 },
  { toString: 1 },
  { toString: null, valueOf: null },
  JSON.parse('{"__proto__":{"a":1}}'),
  deep(2000),
];

/** Every copy of the JSON in which one value is another. */
function* variants(json: unknown): Generator<[where: string, copy: unknown]> {
  const text = JSON.stringify(json);
  const root = { json: JSON.parse(text) };
  function* walk(parent: Record<string, unknown>, path: string): Generator<[string, unknown]> {
    for (const key of Object.keys(parent)) {
      const value = parent[key];
      for (const strange of [...STRANGE, undefined]) {
        if (strange === undefined) delete parent[key];
        else parent[key] = strange;
        yield [`${path}.${key}`, root.json];
        parent[key] = value;
      }
      if (typeof value === "object" && value !== null)
        yield* walk(value as Record<string, unknown>, `${path}.${key}`);
    }
  }
  yield* walk(root, "");
}

/** Throws unless `read` gives a value or a ConvolithError for every variant. */
function survives(json: unknown, read: (json: unknown) => void): void {
  let refused = 0;
  for (const [where, copy] of variants(json)) {
    try {
      read(copy);
    } catch (error) {
      refused++;
      if (!(error instanceof ConvolithError)) throw new Error(`at ${where}: ${(error as Error).stack}`);
    }
  }
  expect(refused).toBeGreaterThan(50);
}

describe("descriptions", () => {
  const good = () =>
    JSON.parse(
      JSON.stringify(
        sequential([4], [dense({ units: 3, name: "a" }), dropout({ rate: 0.5, name: "b" })], {
          inputName: "x",
        }),
      ),
    );

  it("may hold anything anywhere", () => {
    survives(good(), (json) => loadModel(json));
  });

  // biome-ignore lint/suspicious/noExplicitAny: breaks what the types promise
  type Broken = any;
  it.each<[what: string, breaks: (m: Broken) => unknown, message: RegExp]>([
    ["a version that is an object", (m) => (m.version = { toString: 1 }), /version is \{"toString":1\} but/],
    ["a shape that is none", (m) => (m.inputs[0].shape = [-1]), /input "x" has shape \[-1\] but must have/],
    ["a fractional shape", (m) => (m.inputs[0].shape = [1.5]), /input "x" has shape \[1\.5\]/],
    ["a list for a config", (m) => (m.layers[0].config = []), /layer "a" must have a config/],
    [
      "a deep config",
      (m) => (m.layers[0].config = { units: deep(1e5) }),
      /layer "a": its config is nested more/,
    ],
    [
      "a name with a colon",
      (m) => (m.layers[0].name = "a:1"),
      /layers\[0\]: the name "a:1" must have 1 to 1000/,
    ],
    ["a name without characters", (m) => (m.inputs[0].name = ""), /inputs\[0\]: the name "" must/],
    ["a long name", (m) => (m.layers[0].name = "a".repeat(1e6)), /the name "a{80}…" must have 1 to 1000/],
    [
      "shares that is an object",
      (m) => (m.layers[1].shares = { toString: 1 }),
      /shares the weights of \{"toString":1\}/,
    ],
    [
      "a layer that shares with one that shares",
      (m) =>
        m.layers.push({ ...m.layers[0], name: "c", shares: "a" }, { ...m.layers[0], name: "d", shares: "c" }),
      /layer "d" shares the weights of "c", which is no dense layer before it with weights of its own/,
    ],
    [
      "many outputs",
      (m) => (m.outputs = new Array(1e5).fill("a")),
      /"outputs" has 100000 entries but may have at most 10000/,
    ],
    [
      "many layers",
      (m) => (m.layers = new Array(100_001).fill(m.layers[0])),
      /"layers" has 100001 entries but may have at most 100000/,
    ],
    ["holes", (m) => (m.layers = new Array(2)), /layers\[0\] must have a name and a kind/],
  ])("refuses %s", (_, breaks, message) => {
    const json = good();
    breaks(json);
    refuses(() => loadModel(json), FormatError, message);
    refuses(() => new Network(runtime, json), FormatError, message);
  });

  it("leaves fields it does not know alone", () => {
    expect(loadModel({ ...good(), notes: { author: "x" } })).toBeDefined();
  });
});

describe("checkpoints", () => {
  const model = sequential([2], [dense({ units: 2, name: "d" })]);
  const options = { loss: "meanSquaredError", batchSize: 1 } as const;
  const file = (): Uint8Array => {
    using net = new Network(runtime, model, {
      seed: 1,
      train: { ...options, optimizer: sgd({ momentum: 0.5 }) },
    });
    net.trainStep({ x: [1, 2], y: [1, 0] });
    return net.save({ optimizer: true });
  };
  const withTraining = (training: unknown): Uint8Array => {
    const { tensors, metadata } = readSafetensors(file());
    return writeSafetensors({
      tensors,
      metadata: { ...metadata, "convolith.training": JSON.stringify(training) },
    });
  };

  it.each<[what: string, training: unknown, message: RegExp]>([
    ["null", null, /the metadata "convolith\.training" is null but must be an object/],
    ["a list", [], /is \[\] but must be an object/],
    ["a text", "x", /is "x" but must be an object/],
    [
      "steps that are an object",
      { options: {}, steps: { toString: 1 } },
      /"steps" of the training is \{"toString":1\}, which/,
    ],
    ["steps beyond counting", { options: {}, steps: 2 ** 53 }, /"steps" of the training is 9007199254740992/],
    ["a seed that is none", { options: {}, steps: 1, epochs: 1, seed: {} }, /"seed" of the training is \{\}/],
    ["fewer steps than none", { options: {}, steps: -1 }, /"steps" of the training is -1/],
  ])("whose training is %s are refused", (_, training, message) => {
    const bytes = withTraining(training);
    refuses(() => readCheckpoint(bytes), FormatError, message);
  });

  it("may hold any training options", () => {
    using net = new Network(runtime, model, { seed: 2 });
    const { progress } = readCheckpoint(file());
    survives({ ...(progress!.options as object), freeze: ["d"], clipNorm: 1, dropoutSeed: 1 }, (stored) => {
      const before = net.predict([1, 2] as never);
      const { live } = runtime.memory.use;
      try {
        resume(net, withTraining({ options: stored, steps: 1, epochs: 1, seed: 1 }));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        expect(net.predict([1, 2] as never)).toEqual(before);
        expect(runtime.memory.use.live).toBe(live);
        throw error;
      }
    });
  });

  it("may hold anything that a loop remembers: resume or the fit after it refuses it", async () => {
    const report = { epoch: 0, loss: 1, metrics: { mae: 0.5 } };
    const monitor = { monitor: "loss", mode: "min", best: 0.5 };
    const loop = {
      history: [{ ...report, validation: { loss: 2, metrics: {} } }],
      measured: { images: 1, loss: 1, sums: [1], metrics: { mae: { sum: 1, count: 2 } } },
      watched: { ...monitor, watched: 1, sinceBest: 0 },
      schedule: { ...monitor, from: 0.1, rate: 0.1, bad: 0, cooling: 0 },
    };
    const { options: stored } = readCheckpoint(file()).progress!;
    const training = { options: stored, steps: 1, epochs: 1, batches: 1, seed: 1 };
    using net = new Network(runtime, model, { seed: 2 });
    let refused = 0;
    const run = async (given: unknown): Promise<void> => {
      resume(net, withTraining({ ...training, loop: given }));
      await net.fit(
        { x: [1, 2, 3, 4], y: [1, 0, 0, 1] },
        {
          ...{ batchSize: 1, metrics: [mae()], earlyStopping: { patience: 1, restoreBest: true } },
          schedule: reduceOnPlateau(0.1),
        },
      );
    };
    await run(loop);
    let index = 0;
    for (const [where, copy] of variants(loop))
      try {
        // One of five, which is another value at every place.
        if (index++ % 5 === 0) await run(copy);
      } catch (error) {
        refused++;
        if (!(error instanceof ConvolithError)) throw new Error(`at ${where}: ${(error as Error).stack}`);
      }
    expect(refused).toBeGreaterThan(50);
  });

  it("keep tensors by names that objects have", () => {
    const data = Float32Array.of(1);
    const tensors = JSON.parse('{"__proto__":0,"optimizer/__proto__":0,"constructor":0}');
    for (const name of Object.keys(tensors))
      Object.defineProperty(tensors, name, { value: { shape: [1], data }, enumerable: true });
    const { weights, progress } = readCheckpoint(
      writeSafetensors({
        tensors,
        metadata: { "convolith.training": '{"options":{},"steps":0,"epochs":0,"seed":0}' },
      }),
    );
    expect(Object.keys(weights)).toEqual(["__proto__", "constructor"]);
    expect(Object.entries(progress!.state)).toEqual([["__proto__", data]]);
    expect(weights.toString).toBeUndefined();
  });
});

type Json = Record<string, unknown>;

const INPUT = (name: string): Json => ({
  class_name: "InputLayer",
  name,
  config: { name, batch_input_shape: [null, 2] },
  inbound_nodes: [],
});
const RELU = (name: string, from: string, call = 0): Json => ({
  class_name: "ReLU",
  name,
  config: { name },
  inbound_nodes: [[[from, call, 0, {}]]],
});
const graphOf = (name: string, layers: Json[], output: [string, number, number]): Json => ({
  class_name: "Functional",
  name,
  config: { name, layers, input_layers: [["x", 0, 0]], output_layers: [output] },
});
const file = (topology: unknown, weights: unknown[] = []): Json => ({
  modelTopology: topology,
  weightsManifest: [{ paths: ["w.bin"], weights }],
});
const NOTHING = new Uint8Array(0);

/** Models in each other, each calling the inner one twice: 2^depth calls of what is innermost. */
function twice(depth: number, innermost: Json[], output: [string, number, number]): Json {
  let inner = graphOf("m0", [INPUT("x"), ...innermost], output);
  for (let n = 1; n <= depth; n++) {
    const name = `m${n - 1}`;
    const called = { ...inner, inbound_nodes: [[["x", 0, 0, {}]], [[name, 1, 0, {}]]] };
    inner = graphOf(`m${n}`, [INPUT("x"), called], [name, 2, 0]);
  }
  return inner;
}

describe("TensorFlow.js models", () => {
  const tree: Json = {
    ...file(
      graphOf(
        "net",
        [
          INPUT("x"),
          {
            class_name: "Dense",
            name: "d",
            config: { name: "d", units: 2, activation: { class_name: "LeakyReLU", config: { alpha: 0.1 } } },
            inbound_nodes: [[["x", 0, 0, {}]]],
          },
          {
            ...{ class_name: "Sequential", name: "s" },
            config: { name: "s", layers: [{ class_name: "Softmax", config: { name: "t", axis: [1] } }] },
            inbound_nodes: [[["d", 0, 0, null]]],
          },
        ],
        ["s", 1, 0],
      ),
      [
        {
          name: "d/kernel",
          shape: [2, 2],
          dtype: "float32",
          quantization: { dtype: "uint8", scale: 0.1, min: 0 },
        },
        { name: "d/bias", shape: [2], dtype: "float32", group: "model" },
      ],
    ),
    format: "layers-model",
  };

  it("may hold anything anywhere", () => {
    expect(fromTfjs(tree, new Uint8Array(12)).model.layers.length).toBe(2);
    survives(tree, (json) => fromTfjs(json, new Uint8Array(12)));
    survives(tree, (json) => fromTfjs(json, { "w.bin": new Uint8Array(12) }));
  });

  it("calls of nested models are counted before they are made, whether or not they hold layers", () => {
    for (const innermost of [[RELU("r", "x")], []])
      refuses(
        () => fromTfjs(file(twice(30, innermost, innermost.length ? ["r", 0, 0] : ["x", 0, 0])), NOTHING),
        UnsupportedError,
        /has more than 20000 layers, nested models written out; \{ limits: \{ layers \} \} allows more/,
      );
    const small = file(twice(4, [RELU("r", "x")], ["r", 0, 0]));
    const { model } = fromTfjs(small, NOTHING);
    expect(model.layers.length).toBe(16);
    expect(new Set(model.layers.map((layer) => layer.name)).size).toBe(16);
    const limited = (layers: number) => () => fromTfjs(small, NOTHING, { limits: { layers } });
    // 16 layers and 30 calls of models.
    expect(limited(46)().model.layers.length).toBe(16);
    refuses(limited(45), UnsupportedError, /more than 45 layers/);
  });

  it("40,000 layers in reverse order are read in no time", () => {
    const count = 40_000;
    const layers = Array.from({ length: count }, (_, i) => RELU(`r${i}`, i ? `r${i - 1}` : "x"));
    const json = file(graphOf("net", [INPUT("x"), ...layers.reverse()], [`r${count - 1}`, 0, 0]));
    const { model } = cheap(() => fromTfjs(json, NOTHING, { limits: { layers: count } }));
    expect(model.layers.map((layer) => layer.name)).toEqual(Array.from({ length: count }, (_, i) => `r${i}`));
  });

  it("layers are in the order of passes over the file", () => {
    const layers = [RELU("c", "b"), RELU("a", "x"), RELU("d", "a"), RELU("b", "a"), RELU("e", "c")];
    const { model } = fromTfjs(file(graphOf("net", [...layers, INPUT("x")], ["e", 0, 0])), NOTHING);
    expect(model.layers.map((layer) => layer.name)).toEqual(["a", "d", "b", "c", "e"]);
  });

  it("2,000 models in each other do not overflow the stack", () => {
    let config: Json = {
      layers: [{ class_name: "ReLU", config: { name: "r", batch_input_shape: [null, 2] } }],
    };
    for (let n = 0; n < 2000; n++) config = { layers: [{ class_name: "Sequential", name: "s", config }] };
    const stack = file({ class_name: "Sequential", config });
    refuses(() => fromTfjs(stack, NOTHING), UnsupportedError, /models are nested more than 32 deep/);
    refuses(
      () => fromTfjs(stack, NOTHING, { limits: { depth: 256 } }),
      ConvolithError,
      /nested more|characters/,
    );
  });

  it.each<[what: string, json: unknown, weights: unknown, kind: typeof ConvolithError, message: RegExp]>([
    ["deep JSON", `${"[".repeat(1e6)}${"]".repeat(1e6)}`, NOTHING, FormatError, /must hold an object/],
    [
      "a deep value",
      { modelTopology: { class_name: deep(1e5) } },
      NOTHING,
      FormatError,
      /class_name is \[\[/,
    ],
    ["a zip archive", Uint8Array.from([80, 75, 3, 4]), NOTHING, FormatError, /it looks like a zip archive/],
    [
      "activations in each other",
      file({
        class_name: "Sequential",
        config: [
          {
            class_name: "Activation",
            config: {
              name: "a",
              batch_input_shape: [null, 2],
              activation: JSON.parse(
                `${'{"class_name":"Activation","config":{"activation":'.repeat(50_000)}"relu"${"}}".repeat(50_000)}`,
              ),
            },
          },
        ],
      }),
      NOTHING,
      UnsupportedError,
      /activation "Activation" is not supported/,
    ],
    [
      "a file that is listed many times",
      {
        ...file(tree.modelTopology),
        weightsManifest: [{ paths: new Array(1e5).fill("w.bin"), weights: [] }],
      },
      { "w.bin": new Uint8Array(2 ** 20) },
      FormatError,
      /the manifest lists file "w\.bin" twice/,
    ],
    [
      "a shape that no number counts",
      file(tree.modelTopology, [{ name: "d/kernel", shape: [2 ** 30, 2 ** 30], dtype: "float32" }]),
      NOTHING,
      FormatError,
      /weight "d\/kernel": shape is \[1073741824,1073741824\] but/,
    ],
    [
      "weights of too many bytes",
      file(tree.modelTopology, [{ name: "d/kernel", shape: [2 ** 30], dtype: "uint8" }]),
      NOTHING,
      UnsupportedError,
      /the weights need 4294967296 bytes as float32, above 2147483648; \{ limits: \{ bytes \} \} allows more/,
    ],
    [
      "a scale beyond float32",
      file(tree.modelTopology, [
        { name: "k", shape: [1], dtype: "float32", quantization: { dtype: "uint8", scale: 1e300, min: 0 } },
      ]),
      NOTHING,
      FormatError,
      /with scale 1e\+300 and min 0 but values must be within those of float32/,
    ],
    [
      "gigabytes of a scale that is not there",
      file({
        class_name: "Sequential",
        config: [
          {
            class_name: "LayerNormalization",
            config: { name: "n", batch_input_shape: [null, 2e9], scale: false, center: false },
          },
        ],
      }),
      NOTHING,
      UnsupportedError,
      /LayerNormalization "n": weights that the file leaves out need more than 16777216 bytes/,
    ],
    [
      "an input of many axes",
      file({
        class_name: "Sequential",
        config: [INPUT("x")].map((l) => ({
          ...l,
          config: { name: "x", batch_input_shape: new Array(1e5).fill(1) },
        })),
      }),
      NOTHING,
      UnsupportedError,
      /tensors of 100000 axes are not supported/,
    ],
    [
      "a kernel that no integer holds",
      file({
        class_name: "Sequential",
        config: [
          {
            class_name: "MaxPooling1D",
            config: { name: "p", pool_size: 1e300, batch_input_shape: [null, 4, 2] },
          },
        ],
      }),
      NOTHING,
      FormatError,
      /pool_size is 1e\+300 but must be 1 integer of at least 1/,
    ],
    [
      "an input that is named twice",
      file({
        ...graphOf("n", [INPUT("x")], ["x", 0, 0]),
        config: {
          ...(graphOf("n", [INPUT("x")], ["x", 0, 0]).config as Json),
          input_layers: [
            ["x", 0, 0],
            ["x", 0, 0],
          ],
        },
      }),
      NOTHING,
      FormatError,
      /input_layers names "x" twice/,
    ],
  ])("%s is refused at once", (_, json, weights, kind, message) => {
    refuses(() => fromTfjs(json, weights as TfjsWeights), kind, message);
  });

  it('does not take the layer "m/d" for the layer "d" of a model "m"', () => {
    const dense = (name: string): Json => ({
      class_name: "Dense",
      config: { name, units: 1, use_bias: false, batch_input_shape: [null, 1] },
    });
    const json = file(
      {
        class_name: "Sequential",
        config: [dense("m/d"), { class_name: "Sequential", name: "m", config: [dense("d")] }],
      },
      [{ name: "m/d/kernel", shape: [1, 1], dtype: "float32" }],
    );
    refuses(
      () => fromTfjs(json, new Uint8Array(4)),
      FormatError,
      /weight "m\/d\/kernel" already belongs to layer "m\/d"/,
    );
  });

  it("finds weights among many that nearly have their names, and names among many taken", () => {
    const count = 10_000;
    const names = Array.from({ length: count }, (_, i) => `scope/${"d/".repeat(i % 50)}${i}/d`);
    const layers = names.map((name, i) => ({
      class_name: "Dense",
      config: { name, units: 1, use_bias: false, ...(i ? {} : { batch_input_shape: [null, 1] }) },
    }));
    const weights = names.map((name) => ({ name: `s/${name}/kernel`, shape: [1, 1], dtype: "float32" }));
    const trained = cheap(() =>
      fromTfjs(
        file({ class_name: "Sequential", config: layers }, weights),
        Float32Array.from(names, (_, i) => i),
      ),
    );
    expect(names.every((name, i) => trained.weights[`${name}.kernel`][0] === i)).toBe(true);
    // "a", which reads itself ever again under the name that the one before would be given.
    const claims = Array.from({ length: 3000 }, (_, i) =>
      RELU("a".padEnd(i + 1, "_"), i ? "a".padEnd(i, "_") : "x"),
    );
    const taken = claims.slice(0, 800);
    const all = graphOf(
      "n",
      [INPUT("x"), ...taken, { ...RELU("q", "x"), inbound_nodes: taken.map(() => [["x", 0, 0, {}]]) }],
      ["q", 0, 0],
    );
    expect(fromTfjs(file(all), NOTHING).model.layers.length).toBe(1600);
  });

  it.each<[what: string, options: unknown, message: RegExp]>([
    ["no options", null, /fromTfjs: options are null but must be an object; there are limits/],
    ["an unknown option", { limit: {} }, /there is no option "limit"; there are limits/],
    ["limits that are none", { limits: 5 }, /fromTfjs: limits: options are 5 but must be an object/],
    [
      "an unknown limit",
      { limits: { nodes: 1 } },
      /there is no option "nodes"; there are layers, depth, bytes/,
    ],
    ["a limit of none", { limits: { layers: 0 } }, /layers is 0 but must be an integer from 1/],
    [
      "a limit that the stack does not hold",
      { limits: { depth: 1e6 } },
      /depth is 1000000 but must be an integer from 1 to 256/,
    ],
  ])("takes no %s", (_, options, message) => {
    refuses(() => fromTfjs(tree, new Uint8Array(12), options as TfjsOptions), ArgumentError, message);
  });
});

test("nothing has been written to Object.prototype", () => {
  expect(Object.getOwnPropertyNames({}.constructor.prototype)).toContain("toString");
  expect(Object.keys(Object.prototype)).toEqual([]);
});
