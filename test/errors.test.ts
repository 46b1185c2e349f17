// Bad input: each a clear error of the right kind that names the argument and both numbers, and an engine that still works.
import { afterAll, describe, expect, test } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import {
  ArgumentError,
  ConvolithError,
  conv2d,
  conv2dGrad,
  createEngine,
  DisposedError,
  dense,
  FormatError,
  flatten,
  loadModel,
  MemoryError,
  maxPool2d,
  ShapeError,
  sequential,
  UnsupportedError,
  WorkerError,
} from "../src/index.ts";
import { Runtime } from "../src/runtime/instance.ts";
import { load } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";

const engine = await createEngine();
const other = await createEngine();
afterAll(() => {
  engine.dispose();
  other.dispose();
});

const x = engine.tensor(new Float32Array(2 * 6 * 5 * 3), [2, 6, 5, 3]);
const w = engine.tensor(new Float32Array(3 * 3 * 3 * 4), [3, 3, 3, 4]);
const flat = engine.tensor([1, 2, 3], [3]);
const gone = engine.tensor([1], [1, 1, 1, 1]);
gone.dispose();
const foreign = other.tensor(new Float32Array(90), [1, 6, 5, 3]);
const stack = (layers: () => Parameters<typeof sequential>[1]) => () =>
  engine.compile(sequential([6, 5, 3], layers()));

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types would refuse
const any = (value: unknown) => value as any;

type Kind = new (...args: never[]) => Error;
const CASES: [name: string, run: () => unknown, kind: Kind, message: RegExp][] = [
  // ranks
  [
    "rank of the input",
    () => engine.conv2d(flat, w),
    ShapeError,
    /conv2d: input has rank 1 .*\[3\].* must have rank 4/,
  ],
  ["rank of the filter", () => engine.conv2d(x, flat), ShapeError, /filter has rank 1 .* rank 3, 4 or 5/],
  [
    "filter of another dimension",
    () => engine.conv1d(x, w),
    ShapeError,
    /conv1d: input has rank 4 .* rank 3/,
  ],
  ["rank of a pool's input", () => engine.maxPool2d(flat, { size: 2 }), ShapeError, /rank 1/],
  // configs
  [
    "an option that is none",
    stack(() => [conv2d({ filters: 2, kernel: 3, strides: 2, name: "a" } as never)]),
    ArgumentError,
    /conv2d "a": there is no option "strides"; there are name, kernel, stride, .*filters/,
  ],
  [
    "an option of another layer, in a file",
    () => {
      const model = JSON.parse(JSON.stringify(sequential([4], [dense({ units: 2, name: "d" })])));
      model.layers[0].config.filters = 3;
      engine.compile(loadModel(model));
    },
    ArgumentError,
    /dense "d": there is no option "filters"; there are name, units, bias/,
  ],
  [
    "an option of compile",
    () => engine.compile(sequential([4], []), { seeds: 1 } as never),
    ArgumentError,
    /compile: there is no option "seeds"; there are weights, partial, seed/,
  ],
  [
    "an option of training",
    () => engine.compile(sequential([4], [dense({ units: 2 })]), { train: { batch: 1 } } as never),
    ArgumentError,
    /compile: train: there is no option "batch"; there are loss, optimizer, .*, batchSize$/,
  ],
  [
    "an option of an op",
    () => engine.conv2d(x, w, { strides: 2 } as never),
    ArgumentError,
    /conv2d: there is no option "strides"; there are bias, stride/,
  ],
  [
    "an option of its gradient",
    () => conv2dGrad(x, x, w, { strides: 2 } as never),
    ArgumentError,
    /conv2dGrad: there is no option "strides"/,
  ],
  [
    "an option of a transposed op",
    () => engine.convTranspose2d(x, w, { paddingMode: "zeros" } as never),
    ArgumentError,
    /convTranspose2d: there is no option "paddingMode"/,
  ],
  [
    "an option that only the layer has",
    () => engine.conv2d(x, w, { filters: 4 } as never),
    ArgumentError,
    /conv2d: there is no option "filters"; there are bias, stride/,
  ],
  [
    "a weight missing",
    () => engine.conv2d(x, any(undefined)),
    ArgumentError,
    /conv2d: kernel is undefined but/,
  ],
  [
    "a weight missing among the options",
    () => engine.instanceNorm(x, { beta: flat } as never),
    ArgumentError,
    /instanceNorm: gamma is undefined but must be a Tensor/,
  ],
  [
    "options that are none",
    () => engine.softmax(x, any(-1)),
    ArgumentError,
    /softmax: options are -1 but must be an object; there are axis/,
  ],
  ["too many inputs", () => engine.conv2d(any([x, x]), w), ArgumentError, /conv2d: takes 1 inputs but got 2/],
  // channels
  [
    "channels of the filter",
    () => engine.conv2d(x, engine.tensor(new Float32Array(9 * 16 * 32), [3, 3, 16, 32])),
    ShapeError,
    /input has 3 channels but the filter expects 16 \(filter \[3,3,16,32\], groups 1\)/,
  ],
  [
    "filters and groups",
    () => engine.conv2d(x, w, { groups: 3 }),
    ShapeError,
    /input has 3 channels but the filter expects 9/,
  ],
  [
    "bias",
    () => engine.conv2d(x, w, { bias: flat }),
    ShapeError,
    /bias has shape \[3\] but must have shape \[4\]/,
  ],
  [
    "features of a dense layer",
    () => engine.dense(flat, engine.tensor([1, 2], [2, 1])),
    ShapeError,
    /3 features .* expect 2/,
  ],
  // strides and friends
  [
    "stride NaN",
    () => engine.conv2d(x, w, { stride: Number.NaN }),
    ArgumentError,
    /stride.* is NaN .* integer of at least 1/,
  ],
  ["stride 1.5", () => engine.conv2d(x, w, { stride: 1.5 }), ArgumentError, /stride.* is 1\.5/],
  ["stride 0", () => engine.conv2d(x, w, { stride: 0 }), ArgumentError, /stride.* is 0 .* at least 1/],
  ["stride of a string", () => engine.conv2d(x, w, { stride: any("2") }), ArgumentError, /stride is "2"/],
  [
    "strides for three axes",
    () => engine.conv2d(x, w, { stride: [1, 1, 1] }),
    ArgumentError,
    /stride is \[1,1,1\] .* list of 2/,
  ],
  ["dilation 0", () => engine.conv2d(x, w, { dilation: 0 }), ArgumentError, /dilation/],
  ["groups 0", () => engine.conv2d(x, w, { groups: 0 }), ArgumentError, /groups is 0/],
  ["padding -1", () => engine.conv2d(x, w, { padding: -1 }), ArgumentError, /padding is -1/],
  [
    "padding by an unknown name",
    () => engine.conv2d(x, w, { padding: any("full") }),
    ArgumentError,
    /padding is "full"/,
  ],
  [
    "padding mode",
    () => engine.conv2d(x, w, { paddingMode: any("wrap") }),
    ArgumentError,
    /paddingMode is "wrap"/,
  ],
  [
    "reflect wider than the input",
    () => engine.conv2d(x, w, { padding: 6, paddingMode: "reflect" }),
    ShapeError,
    /reflect/,
  ],
  [
    "outputPadding",
    () => engine.convTranspose2d(x, w, { outputPadding: 1 }),
    ShapeError,
    /outputPadding is 1 .* below/,
  ],
  ["activation", () => engine.conv2d(x, w, { activation: any("rellu") }), ArgumentError, /rellu/],
  // sizes
  [
    "kernel larger than the input",
    () => engine.conv2d(x, engine.tensor(new Float32Array(7 * 7 * 3), [7, 7, 3, 1])),
    ShapeError,
    /does not fit the height: floor\(\(W − F \+ P\) \/ S\) \+ 1 = floor\(\(6 − 7 \+ 0\) \/ 1\) \+ 1 is below 1/,
  ],
  ["window larger than the input", () => engine.avgPool2d(x, { size: 9 }), ShapeError, /does not fit/],
  ["size below zero", () => engine.tensor([], [-1, 3]), ShapeError, /dimension 0 is -1/],
  ["fractional size", () => engine.tensor([1], [0.5, 2]), ShapeError, /dimension 0 is 0\.5/],
  [
    "huge size",
    () => engine.tensor([1], [65536, 65536]),
    ShapeError,
    /17179869184 bytes .* at most 2147483647/,
  ],
  [
    "huge output",
    () => engine.resize(x, { size: [40000, 40000] }),
    ShapeError,
    /output of shape \[2,40000,40000,3\]/,
  ],
  ["too few values", () => engine.tensor([1, 2], [3]), ShapeError, /2 values for shape \[3\], which holds 3/],
  ["broadcast", () => engine.add(x, engine.tensor([1, 2], [2])), ShapeError, /\[2,6,5,3\].*\[2\]/],
  ["axis", () => engine.softmax(x, { axis: 4 }), ArgumentError, /axis is 4 .* rank 4/],
  ["reshape", () => engine.reshape(x, { shape: [7, -1] }), ShapeError, /reshape/],
  // owners
  [
    "disposed tensor",
    () => engine.conv2d(gone, gone),
    DisposedError,
    /conv2d: the tensor \[1,1,1,1\] has been disposed/,
  ],
  ["tensor of another engine", () => engine.conv2d(foreign, w), ArgumentError, /belongs to another engine/],
  ["not a tensor", () => engine.conv2d(any([1, 2]), w), ArgumentError, /input 0 .* must be a Tensor/],
  // networks
  [
    "a layer that does not fit names itself",
    stack(() => [conv2d({ filters: 2, kernel: 3, name: "stem" }), maxPool2d({ size: 8, name: "pool" })]),
    ShapeError,
    /maxPool2d "pool": the kernel does not fit the height.*floor\(\(4 − 8/,
  ],
  [
    "filters missing",
    () => conv2d(any({ kernel: 3 })),
    ArgumentError,
    /conv2d: filters is missing: give \{ filters: 16 \}/,
  ],
  [
    "groups that do not divide",
    stack(() => [conv2d({ filters: 4, kernel: 1, groups: 2 })]),
    ShapeError,
    /3 input channels .* 2 groups/,
  ],
  [
    "open size",
    () => engine.compile(sequential([null, null, 3], [flatten()])),
    ShapeError,
    /leaves dimension 0 open/,
  ],
  [
    "missing weight",
    () => engine.compile(sequential([4], [dense({ units: 2, name: "d" })]), { weights: {} }),
    ArgumentError,
    /no "d\.kernel" \(shape \[4,2\]\)/,
  ],
  [
    "weight of another size",
    () =>
      engine.compile(sequential([4], [dense({ units: 2, name: "d", bias: false })]), {
        weights: { "d.kernel": new Float32Array(7) },
      }),
    ShapeError,
    /"d\.kernel" has 7 values but shape \[4,2\] holds 8/,
  ],
  [
    "weight nobody takes",
    () => engine.compile(sequential([4], [flatten()]), { weights: { "e.kernel": new Float32Array(1) } }),
    ArgumentError,
    /"e\.kernel", which no layer takes/,
  ],
  [
    "an unknown preference",
    () => engine.compile(sequential([4], [flatten()]), { prefer: any("size") }),
    ArgumentError,
    /prefer is "size" but must be "speed" or "memory"/,
  ],
  [
    "batch 0",
    () => engine.compile(sequential([4], [flatten()]), { batchSize: 0 }),
    ArgumentError,
    /batchSize is 0/,
  ],
  [
    "huge batch",
    () => engine.compile(sequential([512, 512, 4], [flatten()]), { batchSize: 1e6 }),
    ShapeError,
    /bytes/,
  ],
  [
    "half an image",
    () => engine.compile(sequential([4], [flatten()])).predict(new Float32Array(6)),
    ShapeError,
    /6 values, .* images of \[4\] = 4/,
  ],
  ["not a model", () => loadModel({ layers: [] }), FormatError, /not a convolith model/],
  [
    "a model of a later version",
    () => loadModel({ format: "convolith", version: 2 }),
    FormatError,
    /version is 2/,
  ],
  ["null for a model", () => engine.compile(any(null)), FormatError, /not a convolith model/],
  [
    "unknown layer",
    () =>
      engine.compile({
        ...sequential([4], [flatten()]),
        layers: [{ name: "a", kind: "warp", config: {}, inputs: ["input_1"] }],
      }),
    FormatError,
    /warp "a": there is no layer kind "warp"/,
  ],
];

describe("bad input", () => {
  test.each(CASES)("%s", (_, run, kind, message) => {
    expect(run).toThrow(kind);
    expect(run).toThrow(message);
    // Still the engine it was.
    using a = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
    using k = engine.tensor([1, 1, 1, 1], [2, 2, 1, 1]);
    using y = engine.conv2d(a, k);
    expect(y.data()[0]).toBe(10);
  });
});

test("every kind of error has a name and a code of its own, and is a ConvolithError", () => {
  const kinds = {
    ShapeError,
    ArgumentError,
    FormatError,
    MemoryError,
    DisposedError,
    UnsupportedError,
    WorkerError,
  };
  for (const [name, Kind] of Object.entries(kinds)) {
    const error = new Kind("m", { cause: 1 });
    expect(error).toBeInstanceOf(ConvolithError);
    expect([error.name, error.code, error.message, error.cause]).toEqual([
      name,
      `CONVOLITH_${name.slice(0, -5).toUpperCase()}`,
      "m",
      1,
    ]);
  }
  expect([new ConvolithError("m").name, new ConvolithError("m").code]).toEqual([
    "ConvolithError",
    "CONVOLITH_ERROR",
  ]);
});

test("nothing is left behind by what failed", async () => {
  using fresh = await createEngine();
  using a = fresh.tensor(new Float32Array(48), [1, 4, 4, 3]);
  using k = fresh.tensor(new Float32Array(27), [3, 3, 3, 1]);
  const { live } = fresh.memory;
  expect(() => fresh.conv2d(a, k, { stride: 0.5 })).toThrow(ArgumentError);
  expect(() => fresh.conv2d(a, a)).toThrow(ShapeError);
  expect(() => fresh.compile(sequential([4, 4, 3], [conv2d({ filters: 1, kernel: 9 })]))).toThrow(ShapeError);
  expect(fresh.memory.live).toBe(live);
});

test("memory that cannot grow is a MemoryError that says how much was asked, and the engine goes on", async () => {
  const instance = await load(binary("simd"));
  const small = new WebAssembly.Memory({ initial: 1, maximum: 20 });
  const grow = instance.memory.grow.bind(instance.memory);
  instance.memory.grow = (pages) => {
    small.grow(pages); // refuses past 20 pages, as a host at its limit would
    return grow(pages);
  };
  using tight = new Engine(new Runtime(instance));
  const before = tight.memory.live;
  expect(() => tight.tensor(new Float32Array(1e6), [1e6])).toThrow(MemoryError);
  await expect(createEngine({ thread: 2 } as never)).rejects.toThrow(
    /createEngine: there is no option "thread"; there are wasm, build, deterministic, threads, worker/,
  );
  expect(() => tight.tensor(new Float32Array(1e6), [1e6])).toThrow(/tensor: needs 4000000 bytes/);
  expect(() => tight.compile(sequential([1000], [dense({ units: 1000 })]))).toThrow(MemoryError);
  expect(tight.memory.live).toBe(before);
  using t = tight.tensor([1, 2, 3], [3]);
  expect(Array.from(t.data())).toEqual([1, 2, 3]);
});

test("use after dispose", async () => {
  const e = await createEngine();
  const t = e.tensor([1], [1]);
  const net = e.compile(sequential([4], [flatten()]));
  net.dispose();
  net.dispose();
  expect(() => net.predict(new Float32Array(4))).toThrow(DisposedError);
  e.dispose();
  expect(() => t.data()).toThrow(DisposedError);
  expect(() => e.tensor([1], [1])).toThrow(DisposedError);
  expect(() => e.memory).toThrow(DisposedError);
  expect(() => e.compile(sequential([4], [flatten()]))).toThrow(DisposedError);
});

test("engines that cannot be had", async () => {
  await expect(createEngine({ build: any("avx") })).rejects.toThrow(ArgumentError);
  await expect(createEngine({ build: "relaxed", deterministic: true })).rejects.toThrow(/deterministic/);
  await expect(createEngine({ wasm: new Uint8Array([0, 1, 2]) })).rejects.toThrow(FormatError);
});

test("wasm from bytes, from a module, and the deterministic build", async () => {
  const bytes = binary("simd");
  for (const wasm of [bytes, await WebAssembly.compile(bytes), Promise.resolve(bytes)]) {
    using e = await createEngine({ wasm });
    expect(e.info.build).toBe("simd");
  }
  using d = await createEngine({ deterministic: true });
  expect(d.info.build).toBe("simd");
});
