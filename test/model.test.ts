import { describe, expect, it } from "vitest";
import { ArgumentError, FormatError, ShapeError } from "../src/errors.ts";
import {
  add,
  concat,
  conv2d,
  dense,
  flatten,
  globalAvgPool,
  maxPool2d,
  relu,
  split,
  sub,
  tanh,
} from "../src/layers/index.ts";
import { input, loadModel, model, sequential } from "../src/model/build-model.ts";
import type { Model } from "../src/model/schema.ts";
import { Network } from "../src/network/network.ts";
import { builds } from "./harness.ts";

const [{ engine }] = builds();
const runtime = await engine;

/** The outputs of a model for some inputs, and nothing left behind. */
function run(described: Model, inputs: number[][], options = {}): number[][] {
  const net = new Network(runtime, described, options);
  const out = net.predict(inputs) as Float32Array | Float32Array[];
  net.dispose();
  return [out].flat().map((values) => [...values]);
}

describe("sequential", () => {
  it("is plain data", () => {
    const description = sequential(
      [28, 28, 1],
      [
        conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu" }),
        maxPool2d({ size: 2 }),
        conv2d({ filters: 32, kernel: [3, 1], name: "second" }),
        flatten(),
        dense({ units: 10 }),
      ],
    );
    expect(description).toEqual({
      format: "convolith",
      version: 1,
      inputs: [{ name: "input_1", shape: [28, 28, 1] }],
      layers: [
        {
          name: "conv2d_1",
          kind: "conv2d",
          config: { filters: 16, kernel: 3, padding: "same", activation: "relu" },
          inputs: ["input_1"],
        },
        { name: "maxPool2d_1", kind: "maxPool2d", config: { size: 2 }, inputs: ["conv2d_1"] },
        { name: "second", kind: "conv2d", config: { filters: 32, kernel: [3, 1] }, inputs: ["maxPool2d_1"] },
        { name: "flatten_1", kind: "flatten", config: {}, inputs: ["second"] },
        { name: "dense_1", kind: "dense", config: { units: 10 }, inputs: ["flatten_1"] },
      ],
      outputs: ["dense_1"],
    });
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it("names its input, and may have no layers", () => {
    const empty = sequential([3], [], { inputName: "x" });
    expect(empty).toMatchObject({ inputs: [{ name: "x", shape: [3] }], layers: [], outputs: ["x"] });
    expect(run(empty, [[1, -2, 3]])).toEqual([[1, -2, 3]]);
  });

  it("shares the weights of a layer that stands in it twice", () => {
    const same = dense({ units: 2, name: "step" });
    const { layers } = sequential([2], [same, relu(), same, same]);
    expect(layers.map(({ name, shares }) => [name, shares])).toEqual([
      ["step", undefined],
      ["relu_1", undefined],
      ["dense_1", "step"],
      ["dense_2", "step"],
    ]);
  });

  it("gives a layer used in two models to both", () => {
    const layer = relu();
    const [a, b] = [sequential([2], [layer]), sequential([3], [relu(), layer])];
    expect([a.layers[0].name, b.layers[1].name]).toEqual(["relu_1", "relu_2"]);
    expect(b.layers[1].shares).toBeUndefined();
  });

  it("does not let later changes of a config into the description", () => {
    const config = { units: 3 };
    const layer = dense(config);
    config.units = 5;
    expect(sequential([2], [layer]).layers[0].config).toEqual({ units: 3 });
  });
});

describe("the functional form", () => {
  it("writes layers in an order in which everything is made before it is read", () => {
    const x = input([4], { name: "left" });
    const y = input([4]);
    const sum = add()(x, y);
    const wide = concat()([sum, tanh()(sum)], y);
    const described = model({ inputs: [x, y], outputs: [relu({ name: "end" })(wide), sum] });
    expect(described.inputs.map((i) => i.name)).toEqual(["left", "input_1"]);
    expect(described.outputs).toEqual(["end", "add_1"]);
    const known = new Set(described.inputs.map((i) => i.name));
    for (const { name, inputs } of described.layers) {
      expect(inputs.filter((ref) => !known.has(ref))).toEqual([]);
      known.add(name);
    }
    const [end, s] = run(described, [
      [1, -2, 3, -4],
      [1, 1, 1, 1],
    ]);
    expect(s).toEqual([2, -1, 4, -3]);
    expect(end).toEqual(
      [2, 0, 4, 0, ...s.map((v) => Math.fround(Math.max(0, Math.tanh(v)))), 1, 1, 1, 1].map((v) =>
        expect.closeTo(v, 6),
      ),
    );
  });

  it("keeps the order of inputs: a − b is not b − a", () => {
    const [a, b] = [input([2]), input([2])];
    const minus = model({ inputs: [a, b], outputs: [sub()(a, b), sub()(b, a)] });
    expect(
      run(minus, [
        [5, 7],
        [1, 10],
      ]),
    ).toEqual([
      [4, -3],
      [-4, 3],
    ]);
    const turned = model({ inputs: [b, a], outputs: sub()(a, b) });
    expect(
      run(turned, [
        [5, 7],
        [1, 10],
      ]),
    ).toEqual([[-4, 3]]);
  });

  it("takes the outputs of a split one by one", () => {
    const x = input([6]);
    const [a, b, c] = split({ sizes: [1, 2, 3] })(x).outputs(3);
    const described = model({ inputs: x, outputs: [c, relu()(b), a] });
    expect(described.layers.filter((l) => l.kind === "split")).toHaveLength(1);
    expect(described.outputs).toEqual(["split_1:2", "relu_1", "split_1"]);
    expect(run(described, [[1, -2, 3, -4, 5, -6]])).toEqual([[-4, 5, -6], [0, 3], [1]]);
  });

  it("shares the weights of a layer that is called twice", () => {
    const [a, b] = [input([3]), input([3])];
    const tower = dense({ units: 2, name: "tower" });
    const described = model({ inputs: [a, b], outputs: [tower(a), tower(b)] });
    const net = new Network(runtime, described, { seed: 4 });
    expect(Object.keys(net.weights)).toEqual(["tower.kernel", "tower.bias"]);
    const [u, v] = net.predict([
      [1, 2, 3],
      [1, 2, 3],
    ]) as unknown as Float32Array[];
    expect(u).toEqual(v);
    expect(u[0]).not.toBe(0);
    net.dispose();
  });

  it("leaves out layers no output needs", () => {
    const x = input([2]);
    dense({ units: 3 })(x);
    expect(model({ inputs: x, outputs: relu()(x) }).layers.map((l) => l.kind)).toEqual(["relu"]);
  });

  it("lets a running number step aside for a name that is taken", () => {
    const x = input([2], { name: "relu_2" });
    const layers = [relu({ name: "relu_1" }), relu(), relu()];
    const described = model({ inputs: x, outputs: layers.reduce((node, layer) => layer(node), x) });
    expect(described.layers.map((l) => l.name)).toEqual(["relu_1", "relu_3", "relu_4"]);
  });

  const x = input([2]);
  const REFUSED: [what: string, build: () => unknown, message: string][] = [
    [
      "two layers of one name",
      () => sequential([2], [relu({ name: "a" }), tanh({ name: "a" })]),
      'model: two layers are named "a"',
    ],
    [
      "a layer named as an input",
      () => sequential([2], [relu({ name: "x" })], { inputName: "x" }),
      'model: two layers are named "x"',
    ],
    [
      "a colon in a name",
      () => sequential([2], [relu({ name: "a:1" })]),
      'model: the name "a:1" must be non-empty and hold no colon',
    ],
    [
      "a colon in the name of an input",
      () => sequential([2], [], { inputName: "a:1" }),
      'the name "a:1" must be',
    ],
    ["an empty name", () => sequential([2], [relu({ name: "" })]), 'model: the name "" must be non-empty'],
    [
      "an input that is not listed",
      () => model({ inputs: x, outputs: add()(x, input([2])) }),
      "an output depends on an input that is not in `inputs`",
    ],
    [
      "the output of a layer as an input",
      () => model({ inputs: relu()(x), outputs: x }),
      "inputs[0] is the output of a layer; make it with input(shape)",
    ],
    ["no outputs", () => model({ inputs: x, outputs: [] }), "model: no outputs given"],
  ];
  for (const [what, build, message] of REFUSED)
    it(`refuses ${what}`, () => {
      expect(build).toThrow(ArgumentError);
      expect(build).toThrow(message);
    });
});

const PAIRS = [
  [1, 0],
  [0, 0],
  [0, 0],
  [0, 0],
];

describe("a description", () => {
  const good = (): Model =>
    sequential([4], [dense({ units: 3, name: "a" }), relu({ name: "b" })], { inputName: "x" });
  // biome-ignore lint/suspicious/noExplicitAny: breaks what the types promise
  type Broken = any;

  it("survives JSON: the network is the same", () => {
    const x = input([6, 6, 3]);
    const [a, b] = split({ sizes: [3, 5] })(
      conv2d({ filters: 8, kernel: 3, activation: { kind: "leakyRelu", alpha: 0.1 } })(x),
    ).outputs(2);
    const described = model({ inputs: x, outputs: [globalAvgPool()(a), globalAvgPool()(b)] });
    const back = loadModel(JSON.parse(JSON.stringify(described)));
    expect(back).toEqual(described);
    const image = [Array.from({ length: 108 }, (_, i) => Math.sin(i))];
    expect(run(back, image, { seed: 3 })).toEqual(run(described, image, { seed: 3 }));
  });

  const NOT_ONE: [what: string, value: unknown][] = [
    ["null", null],
    ["undefined", undefined],
    ["a number", 3],
    ["text", '{"format":"convolith"}'],
    ["a list", []],
    ["another format", { format: "tflite", version: 1 }],
  ];
  for (const [what, value] of NOT_ONE)
    it(`is not ${what}`, () => {
      const message = 'model: not a convolith model: "format" is missing';
      expect(() => loadModel(value)).toThrow(new FormatError(message));
      expect(() => new Network(runtime, value as Model)).toThrow(new FormatError(message));
    });

  const BROKEN: [what: string, breaks: (m: Broken) => void, message: string][] = [
    ["of a later version", (m) => (m.version = 2), "model: version is 2 but this release reads version 1"],
    ["without layers", (m) => delete m.layers, 'model: "layers" must be a list'],
    ["whose inputs are no list", (m) => (m.inputs = { x: [4] }), 'model: "inputs" must be a list'],
    ["whose outputs are a name", (m) => (m.outputs = "b"), 'model: "outputs" must be a list'],
    ["without inputs", (m) => (m.inputs = []), "model: needs at least one input and one output"],
    ["without outputs", (m) => (m.outputs = []), "model: needs at least one input and one output"],
    ["whose outputs are numbers", (m) => (m.outputs = [1]), 'model: "outputs" must be a list of names'],
    [
      "with an input without a name",
      (m) => delete m.inputs[0].name,
      "model: inputs[0] must have a name and a shape",
    ],
    [
      "with an input without a shape",
      (m) => delete m.inputs[0].shape,
      "model: inputs[0] must have a name and a shape",
    ],
    ["with a null input", (m) => (m.inputs[0] = null), "model: inputs[0] must have a name and a shape"],
    ["with a null layer", (m) => (m.layers[1] = null), "model: layers[1] must have a name and a kind"],
    [
      "with a layer without a kind",
      (m) => delete m.layers[0].kind,
      "model: layers[0] must have a name and a kind",
    ],
    [
      "with a layer without inputs",
      (m) => delete m.layers[0].inputs,
      'model: layer "a" must have a list of inputs',
    ],
    [
      "with a layer that reads numbers",
      (m) => (m.layers[0].inputs = [0]),
      'model: layer "a" must have a list of inputs, each a name',
    ],
    [
      "with a layer without a config",
      (m) => delete m.layers[0].config,
      'model: layer "a" must have a config',
    ],
    [
      "with two layers of one name",
      (m) => (m.layers[1].name = "a"),
      'model: two inputs or layers are named "a"',
    ],
    [
      "with a layer named as an input",
      (m) => (m.layers[1].name = "x"),
      'model: two inputs or layers are named "x"',
    ],
    ["with two inputs of one name", (m) => m.inputs.push(m.inputs[0]), 'model: two inputs are named "x"'],
    [
      "that shares with nobody",
      (m) => (m.layers[0].shares = "c"),
      'model: layer "a" shares the weights of "c", which is no dense layer before it',
    ],
    [
      "that shares with another kind",
      (m) => (m.layers[1].shares = "a"),
      'model: layer "b" shares the weights of "a", which is no relu layer',
    ],
  ];
  for (const [what, breaks, message] of BROKEN)
    it(`${what} is refused`, () => {
      const described = good();
      breaks(described);
      expect(() => loadModel(described)).toThrow(FormatError);
      expect(() => loadModel(described)).toThrow(message);
      expect(() => new Network(runtime, described)).toThrow(FormatError);
    });

  const UNFIT: [
    what: string,
    breaks: (m: Broken) => void,
    kind: new (m: string) => Error,
    message: string,
  ][] = [
    [
      "an unknown kind",
      (m) => (m.layers[1].kind = "rleu"),
      FormatError,
      'rleu "b": there is no layer kind "rleu"',
    ],
    [
      "a kind that only looks like one",
      (m) => (m.layers[1].kind = "toString"),
      FormatError,
      'there is no layer kind "toString"',
    ],
    [
      "a name nothing makes",
      (m) => (m.layers[1].inputs = ["c"]),
      FormatError,
      'relu "b": reads "c", which nothing before it makes',
    ],
    [
      "layers in the wrong order",
      (m) => m.layers.reverse(),
      FormatError,
      'relu "b": reads "a", which nothing before it makes',
    ],
    [
      "an output nothing makes",
      (m) => (m.outputs = ["b:1"]),
      FormatError,
      'compile: reads "b:1", which nothing before it makes',
    ],
    ["too few inputs", (m) => (m.layers[1].inputs = []), ArgumentError, 'relu "b": takes 1 inputs but got 0'],
    [
      "too many inputs",
      (m) => m.layers[1].inputs.push("x"),
      ArgumentError,
      'relu "b": takes 1 inputs but got 2',
    ],
    [
      "a config that misses something",
      (m) => (m.layers[0].config = {}),
      ArgumentError,
      'dense "a": units is missing: give { units: 10 }',
    ],
    [
      "a size that is text",
      (m) => (m.layers[0].config.units = "3"),
      ArgumentError,
      'dense "a": units is "3" but must be an integer of at least 1',
    ],
    [
      "an unknown activation",
      (m) => (m.layers[0].config.activation = "rleu"),
      ArgumentError,
      'dense "a": activation is "rleu" but must be "softmax", "logSoftmax", "linear", "relu",',
    ],
    [
      "an unknown initialiser",
      (m) => (m.layers[0].config.kernelInitializer = "he"),
      ArgumentError,
      'dense "a": kernelInitializer is "he" but must be "glorotUniform", "glorotNormal",',
    ],
    [
      "an initialiser without its number",
      (m) => (m.layers[0].config.kernelInitializer = {}),
      ArgumentError,
      'dense "a": kernelInitializer: constant is missing: give { constant: 0 }',
    ],
    [
      "an input of size 0",
      (m) => (m.inputs[0].shape = [0]),
      FormatError,
      'model: input "x" has shape [0] but must have a list of integers of at least 1, or null',
    ],
    [
      "an input whose size is text",
      (m) => (m.inputs[0].shape = ["4"]),
      FormatError,
      'model: input "x" has shape ["4"] but must have a list of integers',
    ],
  ];
  for (const [what, breaks, kind, message] of UNFIT)
    it(`with ${what} does not compile`, () => {
      const described = good();
      breaks(described);
      const before = runtime.memory.use.live;
      expect(() => new Network(runtime, described)).toThrow(kind);
      expect(() => new Network(runtime, described)).toThrow(message);
      expect(runtime.memory.use.live).toBe(before);
    });

  for (const [kind, config, error, message] of [
    ["conv2d", { filters: 3 }, ArgumentError, 'conv2d "a": kernel is missing: give { kernel: 3 }'],
    ["maxPool2d", {}, ArgumentError, 'maxPool2d "a": size is missing: give { size: 2 }'],
    ["conv2d", { kernel: 3 }, ArgumentError, 'conv2d "a": filters is missing: give { filters: 16 }'],
    [
      "conv2d",
      { kernel: [3, 3, 3], filters: 1 },
      ArgumentError,
      'conv2d "a": kernel is [3,3,3] but must be a number or a list of 2',
    ],
    [
      "conv1d",
      { kernel: 3, filters: 1 },
      ShapeError,
      'conv1d "a": input has rank 4 (shape [1,5,5,2]) but must have rank 3 ([n, w, c])',
    ],
    [
      "conv2d",
      { kernel: 3, filters: 1, groups: 3 },
      ShapeError,
      'conv2d "a": 2 input channels cannot be divided into 3 groups',
    ],
    ["reshape", { shape: [0, 7] }, ShapeError, 'reshape "a": input [1,5,5,2] has 50 elements'],
    ["crop", { cropping: [[1, 1]] }, ShapeError, 'crop "a": got [[1,1]] but the input has 2 spatial axes'],
    [
      "crop",
      {
        cropping: [
          [3, 2],
          [0, 0],
        ],
      },
      ShapeError,
      'crop "a": cropping [3,2] leaves nothing of axis 1 of the input [1,5,5,2]',
    ],
    [
      "transpose",
      { perm: [0, 1, 3] },
      ArgumentError,
      'transpose "a": perm is [0,1,3] but must be a list of 4',
    ],
  ] as const)
    it(`${kind} with ${JSON.stringify(config)} does not compile`, () => {
      const described = { ...good(), inputs: [{ name: "x", shape: [5, 5, 2] }], outputs: ["a"] };
      described.layers = [{ name: "a", kind, config: config as Broken, inputs: ["x"] }];
      expect(() => new Network(runtime, described)).toThrow(error);
      expect(() => new Network(runtime, described)).toThrow(message);
    });

  const message = "a layer must keep the batch, axis 0, in place and whole";
  for (const [kind, config] of [
    ["transpose", { perm: [1, 0, 2, 3] }],
    ["slice", { begin: [1, 0, 0, 0], size: [-1, -1, -1, -1] }],
    ["slice", { begin: [0, 0, 0, 0], size: [1, -1, -1, -1] }],
    ["pad", { padding: PAIRS }],
    ["crop", { cropping: PAIRS }],
  ] as const)
    it(`${kind} with ${JSON.stringify(config)} does not compile: images are independent of each other`, () => {
      const described = { ...good(), inputs: [{ name: "x", shape: [2, 5, 2] }], outputs: ["a"] };
      described.layers = [{ name: "a", kind, config: config as Broken, inputs: ["x"] }];
      expect(() => new Network(runtime, described, { batchSize: 2 })).toThrow(ArgumentError);
      expect(() => new Network(runtime, described, { batchSize: 2 })).toThrow(`${kind} "a": ${message}`);
    });

  it("reshape keeps only axes that the input has", () => {
    const described = { ...good(), inputs: [{ name: "x", shape: [5, 5, 2] }], outputs: ["a"] };
    const config = { shape: [1, 5, 5, 2, 0] };
    described.layers = [{ name: "a", kind: "reshape", config, inputs: ["x"] }];
    expect(() => new Network(runtime, described)).toThrow(ArgumentError);
    expect(() => new Network(runtime, described)).toThrow(
      'reshape "a": shape[4] is 0, which keeps the input\'s axis 4, but the input has rank 4',
    );
  });

  for (const [kind, option] of [
    ["reshape", "shape"],
    ["slice", "begin"],
    ["transpose", "perm"],
    ["split", "sizes"],
    ["reduce", "axes"],
    ["resize", "size"],
    ["upsample", "factor"],
    ["activation", "activation"],
  ] as const)
    it(`${kind} without ${option} does not compile`, () => {
      const described = { ...good(), inputs: [{ name: "x", shape: [5, 5, 2] }], outputs: ["a"] };
      const config = (kind === "reduce" ? { kind: "sum" } : {}) as Broken;
      described.layers = [{ name: "a", kind, config, inputs: ["x"] }];
      expect(() => new Network(runtime, described)).toThrow(
        `${kind} "a": ${option} is missing: give { ${option}: `,
      );
    });
});

describe("open sizes", () => {
  const open = sequential([null, null, 3], [conv2d({ filters: 4, kernel: 3 }), globalAvgPool()]);

  it("are settled when the network is compiled", () => {
    expect(JSON.parse(JSON.stringify(open)).inputs[0].shape).toEqual([null, null, 3]);
    for (const shape of [[5, 7, 3], { input_1: [9, 4, 3] }]) {
      const net = new Network(runtime, open, { shape });
      const settled = Array.isArray(shape) ? shape : [9, 4, 3];
      expect(net.inputShapes).toEqual({ input_1: settled });
      expect(net.model.inputs[0].shape).toEqual(settled);
      expect(net.predict(new Float32Array(settled[0] * settled[1] * 3))).toHaveLength(4);
      net.dispose();
    }
    expect(open.inputs[0].shape).toEqual([null, null, 3]);
  });

  it("are settled for several inputs by name", () => {
    const [a, b] = [input([null, 2], { name: "a" }), input([3, null], { name: "b" })];
    const both = model({ inputs: [a, b], outputs: [relu()(a), relu()(b)] });
    const net = new Network(runtime, both, { shape: { b: [3, 5], a: [4, 2] } });
    expect(net.inputShapes).toEqual({ a: [4, 2], b: [3, 5] });
    expect(() => new Network(runtime, both, { shape: { a: [4, 2] } })).toThrow(
      'input "b" leaves dimension 1 open (shape [3,?])',
    );
    net.dispose();
  });

  it("must be given, and must fit", () => {
    expect(() => new Network(runtime, open)).toThrow(
      'compile: input "input_1" leaves dimension 0 open (shape [?,?,3]); give compile a shape',
    );
    expect(() => new Network(runtime, open, { shape: [5, 5, 4] })).toThrow(
      'shape [5,5,4] does not fit input "input_1" of shape [?,?,3]',
    );
    expect(() => new Network(runtime, open, { shape: [5, 5] })).toThrow("shape [5,5] does not fit");
    expect(() => new Network(runtime, open, { shape: [5, 1.5, 3] })).toThrow("dimension 1 is 1.5");
  });
});

describe("deep models", () => {
  it("of 2,000 layers are described, written, read and run", () => {
    const layers = Array.from({ length: 2000 }, (_, i) =>
      i % 2 ? relu() : dense({ units: 2, kernelInitializer: "ones" }),
    );
    const described = loadModel(
      JSON.parse(JSON.stringify(sequential([2], [...layers, dense({ units: 1 })]))),
    );
    expect(described.layers).toHaveLength(2001);
    // Every dense layer takes the mean of two values, of equal ones from the first on.
    const weights = Object.fromEntries(
      described.layers
        .filter((l) => l.kind === "dense")
        .flatMap(({ name, config }) => [
          [`${name}.kernel`, new Float32Array(2 * (config.units as number)).fill(0.5)],
          [`${name}.bias`, new Float32Array(config.units as number)],
        ]),
    );
    expect(run(described, [[3, 5]], { weights })).toEqual([[4]]);
  });

  it("of 2,000 layers that no fusion shortens", () => {
    const described = sequential(
      [3],
      Array.from({ length: 2000 }, () => tanh()),
    );
    const [y] = run(described, [[0, 1, -1]]);
    // tanh(x) is x − x³/3 for small x: after n steps about sqrt(3 / 2n).
    expect(y[0]).toBe(0);
    expect(y[1]).toBeCloseTo(Math.sqrt(3 / 4000), 3);
    expect(y[2]).toBe(-y[1]);
  });

  it("whose branches meet again a hundred times are no forest", () => {
    let node = input([1], { name: "x" });
    const x = node;
    for (let i = 0; i < 100; i++) node = add()(node, node);
    const described = model({ inputs: x, outputs: node });
    expect(described.layers).toHaveLength(100);
    expect(run(described, [[1]])).toEqual([[2 ** 100]]);
  });
});
