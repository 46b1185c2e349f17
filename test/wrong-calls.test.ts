// Wrong calls of layers, models, eager ops, tensors and gradients: each is refused in words that name the argument, what came and
// what would be right, before anything is computed or kept.
import { afterAll, describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.ts";
import {
  ArgumentError,
  adam,
  add,
  batchNorm,
  type CompileOptions,
  ConvolithError,
  concat,
  conv2d,
  conv2dGrad,
  createEngine,
  dense,
  denseGrad,
  dropout,
  FormatError,
  gradients,
  identity,
  input,
  leakyRelu,
  loadModel,
  MemoryError,
  type Model,
  maxPool2d,
  model,
  pad,
  prelu,
  reduce,
  relu,
  resize,
  ShapeError,
  sequential,
  split,
  upsample,
} from "../src/index.ts";
import { limited } from "./harness.ts";
import { factories } from "./layer-rows.ts";

const engine = await createEngine();
const other = await createEngine();
afterAll(() => {
  engine.dispose();
  other.dispose();
});

// biome-ignore lint/suspicious/noExplicitAny: the point is what the types would refuse
const any = (value: unknown) => value as any;
// biome-ignore lint/suspicious/noExplicitAny: the point is what the types would refuse
const untyped = engine as any;

const x = engine.tensor(new Float32Array(2 * 6 * 5 * 3), [2, 6, 5, 3]);
const w = engine.tensor(new Float32Array(3 * 3 * 3 * 4), [3, 3, 3, 4]);
const row = engine.tensor([1, 2], [1, 2]);
const labels = engine.tensor([1], [1], "int32");
const scalar = engine.tensor([1], []);
const foreign = other.tensor([1, 2], [1, 2]);
const node = input([6, 5, 3]);

/** A list with a hole between two values. */
const holed = (a: unknown, b: unknown) => {
  const list = any([a, 0, b]);
  delete list[1];
  return list;
};

type Row = readonly [
  name: string,
  run: () => unknown,
  message: RegExp,
  kind?: new (...args: never[]) => Error,
];

const EAGER: readonly Row[] = [
  [
    "a pool by kernel",
    () => untyped.maxPool2d(x, { kernel: 2 }),
    /maxPool2d: there is no option "kernel"; there are size, stride, padding, ceilMode, dilation/,
  ],
  ["a pool without options", () => untyped.maxPool2d(x), /maxPool2d: size is missing: give \{ size: 2 \}/],
  [
    "a pool with strides",
    () => untyped.avgPool2d(x, { size: 2, strides: 2 }),
    /avgPool2d: there is no option "strides"/,
  ],
  [
    "a pool's flag as a number",
    () => untyped.avgPool2d(x, { size: 2, ceilMode: 1 }),
    /avgPool2d: ceilMode is 1 but must be true or false/,
  ],
  [
    "a pool's size as text",
    () => untyped.maxPool2d(x, { size: "2" }),
    /maxPool2d: size is "2" but must be an integer of at least 1/,
  ],
  [
    "a pool's size per axis",
    () => untyped.maxPool2d(x, { size: [2, 1.5] }),
    /maxPool2d: size\[1\] is 1\.5 but must be an integer of at least 1/,
  ],
  [
    "a reduction named in place of its options",
    () => untyped.reduce(x, "mean", { axis: 1 }),
    /reduce: options are "mean" but must be an object; there are kind, axes, keepDims/,
  ],
  [
    "a reduction along an axis",
    () => untyped.reduce(x, { kind: "mean", axis: 1 }),
    /reduce: there is no option "axis"/,
  ],
  [
    "a reduction that is none",
    () => untyped.reduce(x, { kind: "prod" }),
    /reduce: kind is "prod" but must be "sum", "mean", "max" or "min"/,
  ],
  ["a reduction of Object", () => untyped.reduce(x, { kind: "toString" }), /reduce: kind is "toString"/],
  [
    "a reduction without a kind",
    () => untyped.reduce(x, { axes: [1] }),
    /reduce: kind is missing: give \{ kind: "mean" \}/,
  ],
  [
    "axes that are no list",
    () => untyped.reduce(x, { kind: "sum", axes: 1 }),
    /reduce: axes is 1 but must be a list/,
  ],
  [
    "axes of text",
    () => untyped.reduce(x, { kind: "sum", axes: ["1"] }),
    /reduce: axes\[0\] is "1" but must be an integer/,
  ],
  [
    "axes as a set",
    () => untyped.reduce(x, { kind: "sum", axes: new Set([1]) }),
    /reduce: axes is a Set but must be a list/,
  ],
  [
    "softmax along axes",
    () => untyped.softmax(x, { axes: 1 }),
    /softmax: there is no option "axes"; there are axis/,
  ],
  [
    "softmax along an axis in place of options",
    () => untyped.softmax(x, 1),
    /softmax: options are 1 but must be an object/,
  ],
  [
    "argMax along half an axis",
    () => untyped.argMax(x, { axis: 0.5 }),
    /argMax: axis is 0\.5 but must be an integer/,
  ],
  [
    "a resize by mode",
    () => untyped.resize(x, { size: [2, 2], mode: "linear" }),
    /resize: there is no option "mode"; there are size, method, coordinates/,
  ],
  [
    "a resize by a method that is none",
    () => untyped.resize(x, { size: [2, 2], method: "cubic" }),
    /resize: method is "cubic" but must be "nearest" or "linear"/,
  ],
  [
    "a resize without a size",
    () => untyped.resize(x, {}),
    /resize: size is missing: give \{ size: \[224, 224\] \}/,
  ],
  [
    "options where there are none",
    () => untyped.relu(x, { alpha: 1 }),
    /relu: there is no option "alpha"; there are none/,
  ],
  [
    "a third summand",
    () => untyped.add(row, row, row),
    /add: options are a Tensor of shape \[1,2\] but must be an object; there are activation/,
  ],
  [
    "an argument nobody reads",
    () => untyped.relu(x, {}, 5),
    /relu: takes 1 argument and options, but got 5 besides/,
  ],
  [
    "an argument nobody reads after a filter",
    () => untyped.conv2d(x, w, {}, w),
    /conv2d: takes 2 arguments and options, but got a Tensor of shape \[3,3,3,4\] besides/,
  ],
  [
    "an argument nobody reads after a loss",
    () => untyped.loss(row, row, { kind: "huber" }, 1),
    /loss: takes 2 arguments and options, but got 1 besides/,
  ],
  [
    "a Map of options",
    () => untyped.conv2d(x, w, new Map([["stride", 2]])),
    /conv2d: options are a Map but must be an object/,
  ],
  [
    "options by a prototype",
    () => untyped.conv2d(x, w, Object.create({ stride: 2 })),
    /conv2d: options are an object of a class but must be an object/,
  ],
  [
    "an option named as a method of Object",
    () => untyped.conv2d(x, w, { toString: 1 }),
    /conv2d: there is no option "toString"/,
  ],
  [
    "an option named __proto__",
    () => untyped.conv2d(x, w, JSON.parse('{"__proto__":{"stride":2}}')),
    /conv2d: there is no option "__proto__"/,
  ],
  [
    "an activation by null",
    () => untyped.conv2d(x, w, { activation: null }),
    /conv2d: activation is null but must be "softmax"/,
  ],
  [
    "an activation of Object",
    () => untyped.conv2d(x, w, { activation: "constructor" }),
    /conv2d: activation is "constructor" but must be/,
  ],
  [
    "an activation with an unknown option",
    () => untyped.conv2d(x, w, { activation: { kind: "elu", slope: 1 } }),
    /conv2d: activation: there is no option "slope"; there are kind, alpha/,
  ],
  [
    "an activation without a kind",
    () => untyped.conv2d(x, w, { activation: { alpha: 1 } }),
    /conv2d: activation: kind is missing/,
  ],
  [
    "an alpha that is text",
    () => untyped.conv2d(x, w, { activation: { kind: "elu", alpha: "1" } }),
    /conv2d: activation: alpha is "1" but must be a finite number/,
  ],
  [
    "a padding of three in a pair",
    () =>
      untyped.conv2d(x, w, {
        padding: [
          [0, 0],
          [0, 0, 0],
        ],
      }),
    /conv2d: padding\[1\] is \[0,0,0\] but must be a pair/,
  ],
  [
    "a padding by null",
    () => untyped.conv2d(x, w, { padding: null }),
    /conv2d: padding is null but must be "valid", "same", "half", a number, or a list/,
  ],
  [
    "a bias that is a flag",
    () => untyped.conv2d(x, w, { bias: true }),
    /conv2d: bias is true but must be a Tensor/,
  ],
  [
    "a loss that is none",
    () => untyped.loss(row, row, { kind: "l2" }),
    /loss: kind is "l2" but must be "softmaxCrossEntropy", .* or "ssim"/,
  ],
  [
    "a loss without options",
    () => untyped.loss(row, row),
    /loss: kind is missing: give \{ kind: "meanSquaredError" \}/,
  ],
  [
    "a loss with delta 0",
    () => untyped.loss(row, row, { kind: "huber", delta: 0 }),
    /loss: delta is 0 but must be a number above 0/,
  ],
  [
    "smoothing above 1",
    () => untyped.loss(row, row, { kind: "softmaxCrossEntropy", labelSmoothing: 2 }),
    /loss: labelSmoothing is 2 but must be from 0 to 1/,
  ],
  [
    "a target that is no tensor",
    () => untyped.loss(row, { dtype: "int32", data: () => [0] }, { kind: "softmaxCrossEntropy" }),
    /loss: input 1 is \{"dtype":"int32","data":a function\} but must be a Tensor/,
  ],
  [
    "labels for a scalar",
    () => untyped.loss(scalar, labels, { kind: "softmaxCrossEntropy" }),
    /loss: logits have shape \[\]/,
    ShapeError,
  ],
  [
    "padding that is one pair",
    () => untyped.pad(x, { padding: [1, 1] }),
    /pad: padding\[0\] is 1 but must be a pair \[before, after\]/,
  ],
  [
    "padding below 0",
    () =>
      untyped.pad(x, {
        padding: [
          [-1, 0],
          [0, 0],
        ],
      }),
    /pad: padding\[0\]\[0\] is -1 but must be an integer of at least 0/,
  ],
  [
    "a border of text",
    () =>
      untyped.pad(x, {
        padding: [
          [1, 1],
          [1, 1],
        ],
        value: "1",
      }),
    /pad: value is "1" but must be a number/,
  ],
  [
    "patches without a kernel",
    () => untyped.im2col(x, {}),
    /im2col: kernel is missing: give \{ kernel: 3 \}/,
  ],
  [
    "groups of a norm missing",
    () => untyped.groupNorm(x, { gamma: row, beta: row }),
    /groupNorm: groups is missing: give \{ groups: 4 \}/,
  ],
  [
    "a shape of text",
    () => untyped.reshape(x, { shape: "flat" }),
    /reshape: shape is "flat" but must be a list/,
  ],
  [
    "a list that holds a hole",
    () => untyped.reshape(x, { shape: holed(2, 3) }),
    /reshape: shape\[1\] is undefined but must be an integer/,
  ],
  ["a symbolic tensor", () => untyped.relu(node), /relu: input 0 is .* but must be a Tensor/],
  [
    "a hostile value",
    () => untyped.relu({ toString: null, [Symbol.toPrimitive]: null }),
    /relu: input 0 is .* but must be a Tensor/,
  ],
  ["a list of nothing", () => untyped.concat([]), /concat: takes at least 1 inputs but got 0/],
];

describe("eager calls", () => {
  refuses(EAGER);

  it("take options from any plain object, of undefined ones too", () => {
    const options = Object.assign(Object.create(null), { size: 2, stride: undefined });
    using y = engine.maxPool2d(x, options);
    expect(y.shape).toEqual([2, 3, 2, 3]);
    using all = engine.reduce(row, { kind: "sum" });
    expect([...all.data()]).toEqual([3]);
    using padded = engine.pad(row, {
      padding: [
        [0, 0],
        [1, 0],
      ],
      value: -1,
    });
    expect([...padded.data()]).toEqual([-1, 1, 2]);
  });
});

const circular: unknown[] = [];
circular.push(circular);

const TENSORS: readonly Row[] = [
  ["no data", () => untyped.tensor(), /tensor: data is undefined but must be a typed array or a list of/],
  [
    "lists of two lengths",
    () => engine.tensor([[1, 2], [3]]),
    /data\[1\] has 1 values but the first list of that axis has 2/,
    ShapeError,
  ],
  [
    "a number among lists",
    () => engine.tensor([[1, 2], 3]),
    /data\[1\] is 3 but must be a list, as data\[0\] is/,
  ],
  ["a list among numbers", () => engine.tensor([[1, [2]]]), /data\[0\]\[1\] is \[2\] but must be a number/],
  ["a text among numbers", () => untyped.tensor([[1, "2"]]), /data\[0\]\[1\] is "2" but must be a number/],
  ["a list that holds itself", () => untyped.tensor(circular), /data\[0\]/],
  [
    "lists as data of a shape",
    () => engine.tensor([[1, 2]], [1, 2]),
    /data\[0\] is \[1,2\] but must be a number/,
  ],
  [
    "a number as shape",
    () => untyped.tensor([1, 2], 2),
    /tensor: shape of the tensor is 2 but must be a list of sizes/,
  ],
  ["a hole in a shape", () => engine.tensor([1, 2], holed(2, 1)), /dimension 1 is undefined/, ShapeError],
  ["NaN in a shape", () => engine.tensor([1], [Number.NaN]), /dimension 0 is NaN/, ShapeError],
  ["a shape below 0", () => engine.tensor([1], [-1, -1]), /dimension 0 is -1/, ShapeError],
  ["a shape of text", () => engine.tensor([1, 2], any(["2"])), /dimension 0 is "2"/, ShapeError],
  ["a shape above 2 GiB", () => engine.tensor([1], [2 ** 29]), /2147483648 bytes/, ShapeError],
  [
    "a type that is none",
    () => engine.tensor([1, 2], [2], any("int8")),
    /tensor: dtype is "int8" but must be "float32" or "int32"/,
  ],
  ["floats as uint8", () => engine.tensor([1.7, -3], [2], any("uint8")), /tensor: dtype is "uint8"/],
  ["null as a type", () => engine.tensor([1, 2], [2], any(null)), /tensor: dtype is null/],
  [
    "fractions as int32",
    () => engine.tensor([1, 1.5], [2], "int32"),
    /tensor: data\[1\] is 1\.5 but must be an integer of 32 bits/,
  ],
  [
    "NaN as int32",
    () => engine.tensor(new Float32Array([Number.NaN]), [1], "int32"),
    /tensor: data\[0\] is NaN/,
  ],
  ["2^31 as int32", () => engine.tensor([2 ** 31], [1], "int32"), /tensor: data\[0\] is 2147483648/],
  [
    "unsigned integers as int32",
    () => engine.tensor(new Uint32Array([2 ** 32 - 1]), [1], "int32"),
    /tensor: data\[0\] is 4294967295/,
  ],
  [
    "text as data",
    () => engine.tensor(any("12"), [2]),
    /tensor: data is "12" but must be a typed array or a list of numbers/,
  ],
  ["no data", () => engine.tensor(any(undefined), [2]), /tensor: data is undefined/],
  ["a Map as data", () => engine.tensor(any(new Map()), [2]), /tensor: data is a Map/],
  [
    "bigints as data",
    () => engine.tensor(any(new BigInt64Array(2)), [2]),
    /tensor: data is a BigInt64Array of 2/,
  ],
  ["an object as data", () => engine.tensor(any({ 0: 1, 1: 2 }), [2]), /tensor: data is \{"0":1,"1":2\}/],
  ["an object with a length", () => engine.tensor(any({ length: 2 }), [2]), /tensor: data is \{"length":2\}/],
  ["texts as data", () => engine.tensor(any([1, "2"]), [2]), /tensor: data\[1\] is "2" but must be a number/],
  [
    "lists as data",
    () => engine.tensor(any([[1], [2]]), [2]),
    /tensor: data\[0\] is \[1\] but must be a number/,
  ],
  ["a hole in data", () => engine.tensor(holed(1, 3), [3]), /tensor: data\[1\] is undefined/],
  [
    "a DataView as data",
    () => engine.tensor(any(new DataView(new ArrayBuffer(8))), [2]),
    /tensor: data is a DataView/,
  ],
  ["a buffer as data", () => engine.tensor(any(new ArrayBuffer(8)), [2]), /tensor: data is an ArrayBuffer/],
  ["a tensor as data", () => engine.tensor(any(row), [2]), /tensor: data is a Tensor of shape \[1,2\]/],
  [
    "too many values written",
    () => row.write([1, 2, 3]),
    /write: 3 values for shape \[1,2\], which holds 2/,
    ShapeError,
  ],
  ["texts written", () => row.write(any(["1", "2"])), /write: data\[0\] is "1" but must be a number/],
  ["null written", () => row.write(any(null)), /write: data is null but must be/],
  [
    "fractions written as int32",
    () => labels.write([0.5]),
    /write: data\[0\] is 0\.5 but must be an integer/,
  ],
  ["floats read as int32", () => row.data("int32"), /data: dtype is "int32" but the tensor is float32/],
];

describe("tensors", () => {
  refuses(TENSORS);

  it.each([
    ["a list", [1, 2]],
    ["floats", new Float32Array([1, 2])],
    ["doubles", new Float64Array([1, 2])],
    ["integers", new Int32Array([1, 2])],
    ["unsigned integers", new Uint32Array([1, 2])],
    ["bytes", new Uint8Array([1, 2])],
    ["clamped bytes", new Uint8ClampedArray([1, 2])],
    ["shorts", new Int16Array([1, 2])],
    ["part of a buffer", new Float32Array([0, 1, 2, 3]).subarray(1, 3)],
    ["a buffer that is shared", new Float32Array(new SharedArrayBuffer(8)).fill(1)],
  ])("are made of %s", (_, data) => {
    for (const dtype of ["float32", "int32"] as const) {
      using t = engine.tensor(data, [2], dtype);
      expect([...t.data()]).toEqual([...data]);
      expect(t.data()).toBeInstanceOf(dtype === "int32" ? Int32Array : Float32Array);
    }
    expect(Number.isInteger(engine.memory.live)).toBe(true);
  });

  it("keep their shape, whatever a caller does to it", () => {
    const shape = [1, 2];
    using t = engine.tensor([1, 2], shape);
    shape[1] = 1000;
    expect(t.shape).toEqual([1, 2]);
    expect(() => any(t.shape).push(1000)).toThrow(TypeError);
    expect(() => (any(t).shape = [1000])).toThrow(TypeError);
    expect(() => (any(t).dtype = "int32")).toThrow(TypeError);
    expect(() => (any(t).size = 1000)).toThrow(TypeError);
    using y = engine.relu(t);
    expect(() => (any(y.shape)[0] = 9)).toThrow(TypeError);
    expect([...t.data(), ...y.data()]).toEqual([1, 2, 1, 2]);
  });
});

const GRADIENTS: readonly Row[] = [
  [
    "no function",
    () => gradients(any(row), [row]),
    /gradients: the function is a Tensor of shape \[1,2\] but must be a function/,
  ],
  [
    "no list of tensors",
    () => gradients(() => row, any(row)),
    /gradients: wrt is a Tensor of shape \[1,2\] but must be a list of tensors/,
  ],
  [
    "an empty list",
    () => gradients(() => row, []),
    /gradients: wrt is \[\] but must be a list of tensors, of one at least/,
  ],
  [
    "nothing in the list",
    () => gradients(() => row, any([undefined])),
    /gradients: wrt\[0\] is undefined but must be a Tensor/,
  ],
  ["a hole in the list", () => gradients(() => row, holed(row, row)), /gradients: wrt\[1\] is undefined/],
  [
    "tensors of two engines",
    () => gradients(() => row, [row, foreign]),
    /gradients: the tensor \[1,2\] belongs to another engine/,
  ],
  [
    "a function that returns nothing",
    () =>
      gradients(
        any(() => void engine.relu(row)),
        [row],
      ),
    /gradients: what the function returns is undefined but must be a Tensor/,
  ],
  [
    "a function that is async",
    () =>
      gradients(
        any(async () => engine.relu(row)),
        [row],
      ),
    /gradients: what the function returns is a Promise/,
  ],
  [
    "a function of another engine",
    () => gradients(() => foreign, [row]),
    /gradients: the tensor \[1,2\] belongs to another engine/,
  ],
  [
    "an option that is none",
    () => gradients(() => row, [row], any({ upstream: row })),
    /gradients: there is no option "upstream"; there are dy, unused/,
  ],
  [
    "dy that is a list",
    () => gradients(() => engine.relu(row), [row], any({ dy: [1, 2] })),
    /gradients: dy is \[1,2\] but must be a Tensor/,
  ],
  [
    "dy of another engine",
    () => gradients(() => engine.relu(row), [row], { dy: foreign }),
    /belongs to another engine/,
  ],
  [
    "integers to differentiate by",
    () => gradients(() => engine.relu(row), [any(labels)]),
    /does not depend on wrt\[0\] .*; int32 has no gradients: cast it/,
    ShapeError,
  ],
  [
    "a throw after ops",
    () => gradients(() => engine.conv2d(engine.relu(x), row), [x]),
    /conv2d: the filter has rank 2/,
    ShapeError,
  ],
  [
    "conv2dGrad of no tensor",
    () => conv2dGrad(any(null), any([1]), w),
    /conv2dGrad: input 0 is \[1\] but must be a Tensor/,
  ],
  [
    "conv2dGrad by no tensor",
    () => conv2dGrad(any(null), x, w),
    /conv2dGrad: dy is null but must be a Tensor/,
  ],
  [
    "conv2dGrad without a filter",
    () => any(conv2dGrad)(x, x),
    /conv2dGrad: kernel is undefined but must be a Tensor/,
  ],
  [
    "conv2dGrad with strides",
    () => conv2dGrad(x, x, w, any({ strides: 2 })),
    /conv2dGrad: there is no option "strides"/,
  ],
  [
    "conv2dGrad with an activation",
    () => conv2dGrad(x, x, w, any({ activation: "relu" })),
    /conv2dGrad: options name the activation "relu"/,
  ],
  [
    "conv2dGrad with options by null",
    () => conv2dGrad(x, x, w, any(null)),
    /conv2dGrad: options are null but must be an object/,
  ],
  [
    "denseGrad of two engines",
    () => denseGrad(row, foreign, row),
    /denseGrad: the tensor \[1,2\] belongs to another engine/,
  ],
];

describe("gradients", () => {
  refuses(GRADIENTS);

  it("go on after every refusal", () => {
    const { value, gradients: made } = gradients(() => engine.mul(row, row), [row]);
    expect([...value.data(), ...made[0].data()]).toEqual([1, 4, 2, 4]);
    for (const tensor of [value, ...made]) tensor.dispose();
  });
});

const LAYERS: readonly Row[] = [
  ["a layer without its config", () => any(conv2d)(), /conv2d: kernel is missing: give \{ kernel: 3 \}/],
  [
    "a number for a config",
    () => any(conv2d)(5),
    /conv2d: options are 5 but must be an object; there are name, kernel, stride/,
  ],
  [
    "null for a config",
    () => any(relu)(null),
    /relu: options are null but must be an object; there are name/,
  ],
  ["a symbolic tensor for a config", () => any(relu)(node), /relu: there is no option "inputs"/],
  [
    "filters of NaN",
    () => conv2d({ filters: Number.NaN, kernel: 3 }),
    /conv2d: filters is NaN but must be an integer of at least 1/,
  ],
  [
    "half a unit",
    () => dense({ units: 0.5, name: "d" }),
    /dense "d": units is 0\.5 but must be an integer of at least 1/,
  ],
  ["a name that is none", () => dense({ units: 1, name: any(5) }), /dense: name is 5 but must be a text/],
  [
    "a bias that is a tensor",
    () => dense({ units: 1, bias: any(row) }),
    /dense: bias is a Tensor of shape \[1,2\] but must be true or false/,
  ],
  [
    "an initializer that is none",
    () => dense({ units: 1, kernelInitializer: any("lecun") }),
    /dense: kernelInitializer is "lecun" but must be "glorotUniform", /,
  ],
  [
    "an initializer of Object",
    () => dense({ units: 1, kernelInitializer: any("valueOf") }),
    /dense: kernelInitializer is "valueOf"/,
  ],
  [
    "an initializer without its value",
    () => dense({ units: 1, biasInitializer: any({ value: 1 }) }),
    /dense: biasInitializer: there is no option "value"; there are constant/,
  ],
  [
    "an initializer of NaN",
    () => prelu({ initializer: { constant: Number.NaN } }),
    /prelu: initializer: constant is NaN but must be a finite number/,
  ],
  ["a rate above 1", () => dropout({ rate: 50 }), /dropout: rate is 50 but must be from 0 to 1/],
  [
    "a momentum above 1",
    () => batchNorm({ momentum: 10 }),
    /batchNorm: momentum is 10 but must be from 0 to 1/,
  ],
  [
    "an alpha of text",
    () => leakyRelu({ alpha: any("0.1") }),
    /leakyRelu: alpha is "0\.1" but must be a finite number/,
  ],
  [
    "a factor of half",
    () => upsample({ factor: 1.5 }),
    /upsample: factor is 1\.5 but must be an integer of at least 1/,
  ],
  [
    "a reduction without axes",
    () => any(reduce)({ kind: "mean" }),
    /reduce: axes is missing: give \{ axes: \[1, 2\] \}/,
  ],
  [
    "an order that is none",
    () => resize({ size: [1, 1], coordinates: any("center") }),
    /resize: coordinates is "center" but must be "halfPixel", "alignCorners" or "asymmetric"/,
  ],
  [
    "a padding mode",
    () => pad({ padding: [[1, 1]], mode: any("zeros") }),
    /pad: mode is "zeros" but must be "constant", "reflect" or "replicate"/,
  ],
  [
    "a layer on a tensor",
    () => any(relu())(x),
    /relu: input 0 is a Tensor of shape \[2,6,5,3\] but must be a symbolic tensor/,
  ],
  [
    "a layer on nothing",
    () => any(relu())(undefined),
    /relu: input 0 is undefined but must be a symbolic tensor/,
  ],
  ["a layer without inputs", () => any(relu())(), /relu: takes 1 inputs but got 0/],
  ["a layer on two", () => relu()(node, node), /relu: takes 1 inputs but got 2/],
  ["a sum of one", () => add()(node), /add: takes at least 2 inputs but got 1/],
  [
    "a layer on what only looks symbolic",
    () => relu()(any({ ...node })),
    /relu: input 0 is .* but must be a symbolic tensor/,
  ],
  [
    "outputs by half",
    () => split({ sizes: [1, 2] })(node).outputs(1.5),
    /outputs: count is 1\.5 but must be an integer/,
  ],
  [
    "a billion outputs",
    () => split({ sizes: [1, 2] })(node).outputs(1e9),
    /outputs: count is 1000000000 but must be an integer from 1 to 65536/,
  ],
];

const MODELS: readonly Row[] = [
  [
    "sequential without a shape",
    () => any(sequential)([relu()]),
    /sequential: the shape of the input is missing: sequential\(\[28, 28, 1\], \[/,
  ],
  [
    "sequential of nothing",
    () => any(sequential)(),
    /sequential: shape is undefined but must be a list of the input's sizes without batch/,
  ],
  [
    "sequential with one layer",
    () => any(sequential)([4], relu()),
    /sequential: layers is a function but must be a list/,
  ],
  [
    "sequential without layers",
    () => any(sequential)([4]),
    /sequential: layers is undefined but must be a list/,
  ],
  [
    "a kind for a layer",
    () => sequential([4, 4, 1], [any(conv2d)]),
    /sequential: layers\[0\] is conv2d itself; call it to make a layer: conv2d\(\.\.\.\)/,
  ],
  [
    "a class for a layer",
    () => sequential([4], [relu(), any(class Relu {})]),
    /sequential: layers\[1\] is a function but must be a layer, such as/,
  ],
  [
    "a description for a layer",
    () => sequential([4], [any({ kind: "relu" })]),
    /sequential: layers\[0\] is \{"kind":"relu"\} but must be a layer/,
  ],
  [
    "a hole among layers",
    () => sequential([4], holed(relu(), relu())),
    /sequential: layers\[1\] is undefined but must be a layer/,
  ],
  [
    "an optimizer for a layer",
    () => sequential([4], [any(adam({ learningRate: 1 }))]),
    /sequential: layers\[0\] is .* but must be a layer/,
  ],
  [
    "an unknown option of sequential",
    () => sequential([4], [], any({ name: "x" })),
    /sequential: there is no option "name"; there are inputName/,
  ],
  ["a layer that takes two", () => sequential([4], [add()]), /add: takes at least 2 inputs but got 1/],
  ["text for an input", () => input(any("x")), /input: shape is "x" but must be a list/],
  ["an input of size 0", () => input([0]), /input: shape\[0\] is 0 but must be an integer of at least 1/],
  ["an input with a hole", () => input(holed(4, 1)), /input: shape\[1\] is undefined but must be an integer/],
  [
    "a name in place of options",
    () => input([4], any("x")),
    /input: options are "x" but must be an object; there are name/,
  ],
  ["a name that is none", () => input([4], { name: any(5) }), /input: name is 5 but must be a text/],
  [
    "model of nothing",
    () => any(model)(),
    /model: options are undefined but must be an object; there are inputs, outputs/,
  ],
  ["model of null", () => model(any(null)), /model: options are null but must be an object/],
  ["model without ends", () => model(any({})), /model: inputs is missing: give \{ inputs: x \}/],
  [
    "model without outputs",
    () => model(any({ inputs: node })),
    /model: outputs is missing: give \{ outputs: y \}/,
  ],
  ["no outputs", () => model({ inputs: node, outputs: [] }), /model: no outputs given/],
  [
    "a layer for an output",
    () => model({ inputs: node, outputs: any(relu()) }),
    /model: outputs is a function but must be a symbolic tensor/,
  ],
  [
    "a tensor among outputs",
    () => model({ inputs: node, outputs: any([node, x]) }),
    /model: outputs\[1\] is a Tensor of shape \[2,6,5,3\] but must be a symbolic tensor/,
  ],
  [
    "a shape for inputs",
    () => model({ inputs: any([4]), outputs: node }),
    /model: inputs\[0\] is 4 but must be a symbolic tensor/,
  ],
  [
    "an input twice",
    () => model({ inputs: [node, node], outputs: node }),
    /model: inputs\[1\] is inputs\[0\] again/,
  ],
  [
    "a very long name",
    () => sequential([4], [relu({ name: `a:${"b".repeat(1e6)}` })]),
    /model: the name "a:b{78}…" must be non-empty/,
  ],
];

describe("layers", () => {
  refuses(LAYERS);

  it("of every kind name a wrong option, and a value that is null", () => {
    for (const [kind, factory] of factories) {
      const wrong = (config: object) => () => any(factory)(config);
      expect(wrong({ nonsense: 1 }), kind).toThrow(ArgumentError);
      expect(wrong({ nonsense: 1 }), kind).toThrow(`${kind}: there is no option "nonsense"; there are name`);
      for (const option of Object.keys(factory.definition.options)) {
        expect(wrong({ [option]: null }), `${kind} ${option}`).toThrow(ArgumentError);
        expect(wrong({ [option]: null })).toThrow(new RegExp(`^${kind}: ${option} is null but must be `));
        // A symbol is no value of any option.
        expect(wrong({ [option]: Symbol("s") })).toThrow(
          new RegExp(`^${kind}: ${option} is Symbol\\(s\\) but`),
        );
      }
    }
  });
});
describe("models", () => refuses(MODELS));

const COMPILE: readonly Row[] = [
  [
    "an input named constructor",
    () => compile({ shape: any({}) }, [null]),
    /compile: input "constructor" leaves dimension 0 open/,
    ShapeError,
  ],
  [
    "a shape for an input there is not",
    () => compile({ shape: any({ toString: [4] }) }, [null]),
    /compile: shape names "toString", which is no input; there are constructor/,
  ],
  [
    "a number for a shape",
    () => compile({ shape: any(4) }, [null]),
    /compile: shape is 4 but must be a list of sizes/,
  ],
  [
    "a Map of shapes",
    () => compile({ shape: any(new Map([["constructor", [4]]])) }, [null]),
    /compile: shape is a Map but must be a list of sizes/,
  ],
  [
    "a number for the shape of an input",
    () => compile({ shape: any({ constructor: 4 }) }, [null]),
    /compile: shape 4 does not fit input "constructor" of shape \[\?\]/,
    ShapeError,
  ],
  [
    "a hole in a shape",
    () => compile({ shape: any(new Array(1)) }, [null]),
    /dimension 0 is undefined/,
    ShapeError,
  ],
  [
    "a weight named toString",
    () => compile({ weights: { ...WEIGHTS, toString: any(new Float32Array(1)) } }),
    /compile: weights hold "toString", which no layer takes/,
  ],
  [
    "a weight named __proto__",
    () => compile({ weights: JSON.parse('{"d.kernel":[1,2,3,4],"d.bias":[0],"__proto__":[1]}') }),
    /compile: weights hold "__proto__", which no layer takes/,
  ],
  [
    "weights by inheritance",
    () => compile({ weights: Object.create(WEIGHTS) }),
    /compile: weights is an object of a class but must be an object of arrays by name/,
  ],
  [
    "weights as a Map",
    () => compile({ weights: any(new Map(Object.entries(WEIGHTS))) }),
    /compile: weights is a Map but must be an object of arrays by name/,
  ],
  [
    "weights as a list",
    () => compile({ weights: any([1, 2]) }),
    /compile: weights is \[1,2\] but must be an object of arrays by name/,
  ],
  [
    "a weight of text",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any("0") } }),
    /dense "d": weight "d\.bias" is "0" but must be a typed array or a list of numbers/,
  ],
  [
    "a weight of bigints",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any(new BigInt64Array(1)) } }),
    /dense "d": weight "d\.bias" is a BigInt64Array of 1/,
  ],
  [
    "a weight of texts",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any(["0"]) } }),
    /dense "d": weight "d\.bias"\[0\] is "0" but must be a number/,
  ],
  [
    "a weight that is null",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any(null) } }),
    /dense "d": weight "d\.bias" is null/,
  ],
  [
    "a tensor for a weight",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any(row) } }),
    /dense "d": weight "d\.bias" is a Tensor of shape \[1,2\]/,
  ],
  [
    "a weight of another size",
    () => compile({ weights: { ...WEIGHTS, "d.bias": any([1, 2]) } }),
    /weight "d\.bias" has 2 values but shape \[1\] holds 1/,
    ShapeError,
  ],
  ...[
    "d:1:0",
    "d:",
    "d:-1",
    "d:1e0",
    "d: 0",
    "d:0.0",
    "d:1",
    ":0",
    "",
    "toString",
    "d:99999999999999999999",
  ].map(
    (ref): Row => [
      `an output named ${JSON.stringify(ref)}`,
      () => compile({}, [4], { outputs: [ref] }),
      /compile: reads ".*", which nothing before it makes/,
      FormatError,
    ],
  ),
];

const WEIGHTS = { "d.kernel": new Float32Array([1, 2, 3, 4]), "d.bias": new Float32Array([10]) };

/** A dense layer "d" on an input named "constructor". */
function compile(options: CompileOptions = {}, shape: (number | null)[] = [4], change: Partial<Model> = {}) {
  const described = sequential(any(shape), [dense({ units: 1, name: "d" })], { inputName: "constructor" });
  return engine.compile({ ...described, ...change }, options);
}

describe("compiling", () => {
  refuses(COMPILE);

  it("takes weights from any array of numbers", () => {
    const values = [1, 2, 3, 4];
    for (const kernel of [values, new Float64Array(values), new Int32Array(values), new Uint8Array(values)]) {
      using net = compile({ weights: { "d.kernel": any(kernel), "d.bias": any([10]) } });
      expect([...net.predict([1, 1, 1, 1])]).toEqual([20]);
      expect(net.weights["d.kernel"]).toEqual(new Float32Array(values));
    }
    expect(Number.isInteger(engine.memory.live)).toBe(true);
  });

  it("takes weights and shapes from objects without a prototype", () => {
    const bare = <T extends object>(fields: T): T => Object.assign(Object.create(null), fields);
    using net = compile({ weights: bare(WEIGHTS), shape: bare({ constructor: [4] }) as never }, [null]);
    expect([...net.predict([1, 1, 1, 1])]).toEqual([20]);
  });

  it("reads the second output of a layer by its index", () => {
    const parts = split({ sizes: [1, 2], name: "s" })(input([3]));
    using net = engine.compile(model({ inputs: parts.inputs[0], outputs: parts.outputs(2)[1] }));
    expect(net.model.outputs).toEqual(["s:1"]);
    expect([...net.predict([1, 2, 3])]).toEqual([2, 3]);
  });

  const milliseconds = (run: () => unknown): number => {
    const start = performance.now();
    run();
    return performance.now() - start;
  };

  it("says at once that one weight cannot be", () => {
    const layers = [dense({ units: 1e8 })];
    const took = milliseconds(() => {
      expect(() => engine.compile(sequential([100], layers))).toThrow(ShapeError);
      expect(() => engine.compile(sequential([100], layers))).toThrow(
        /weight "kernel" of shape \[100,100000000\] would take/,
      );
    });
    expect(took).toBeLessThan(200);
  });

  it("says at once that many weights cannot be, before the first of them is made", () => {
    // 1.9 GB each.
    const layers = Array.from({ length: 100 }, () => dense({ units: 21_800 }));
    const took = milliseconds(() => {
      expect(() => engine.compile(sequential([21_800], layers))).toThrow(MemoryError);
      expect(() => engine.compile(sequential([21_800], layers))).toThrow(
        /dense "dense_3": with its weight "kernel" \[21800,21800\] the weights take 57\d+ bytes, but an engine can hold 4294967296 at most/,
      );
    });
    expect(took).toBeLessThan(200);
  });

  it("makes no weight where a layer after it does not fit", () => {
    // 1.9 GB, and then a layer that takes no vectors.
    const took = milliseconds(() => {
      expect(() =>
        engine.compile(sequential([21_800], [dense({ units: 21_800 }), maxPool2d({ size: 2 })])),
      ).toThrow(ShapeError);
    });
    expect(took).toBeLessThan(200);
  });

  it("is not stopped by depth or breadth", () => {
    const deep = sequential(
      [1],
      Array.from({ length: 20_000 }, () => identity()),
    );
    expect(deep.layers).toHaveLength(20_000);
    using net = engine.compile(loadModel(deep));
    expect([...net.predict([7])]).toEqual([7]);
    const one = input([1]);
    const wide = model({
      inputs: one,
      outputs: concat()(Array.from({ length: 150_000 }, () => relu()(one))),
    });
    expect(wide.layers).toHaveLength(150_001);
  });
});

describe("memory that cannot grow", () => {
  it("leaves eager ops and gradients as they were", async () => {
    const tight = new Engine(await limited(16));
    const a = tight.tensor(new Float32Array(60_000).fill(2), [60_000]);
    const b = tight.concat([a, a]);
    // The first half has room, the second has not.
    const { live } = tight.memory;
    expect(() => tight.split(b, { sizes: [60_000, 60_000], axis: 0 })).toThrow(MemoryError);
    expect(tight.memory.live).toBe(live);
    b.dispose();
    const left = tight.memory.live;
    const run = () =>
      gradients(() => {
        let y = a;
        for (let i = 0; i < 20; i++) y = tight.mul(y, a);
        return y;
      }, [a]);
    expect(run).toThrow(MemoryError);
    expect(tight.memory.live).toBe(left);
    using small = tight.tensor([3], [1]);
    using y = tight.mul(small, small);
    expect([...y.data()]).toEqual([9]);
    expect(a.data().every((v) => v === 2)).toBe(true);
    tight.dispose();
  });
});

/** A test for each row: the error, and that nothing is kept. */
function refuses(rows: readonly Row[]): void {
  for (const [name, run, message, kind = ArgumentError] of rows)
    it(name, () => {
      const { live } = engine.memory;
      let error: unknown;
      try {
        run();
      } catch (thrown) {
        error = thrown;
      }
      expect(error, "throws").toBeInstanceOf(ConvolithError);
      expect((error as Error).message).toMatch(message);
      expect((error as Error).name).toBe(kind.name);
      expect((error as Error).message.length).toBeLessThan(600);
      expect(engine.memory.live).toBe(live);
    });
}
