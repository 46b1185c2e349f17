// Every kind of layer by example: a table the tests of layers, and of file formats, go through.

import * as registry from "../src/layers/index.ts";
import type { LayerFactory } from "../src/layers/layer.ts";
import { input, loadModel, model } from "../src/model/build-model.ts";
import type { Model, Weights } from "../src/model/schema.ts";
import { sizeOf } from "../src/tensor.ts";
import * as oracle from "./oracle.ts";
import * as made from "./oracle-layers.ts";

/** What a kind of layer is held to. Shapes of inputs are without the batch. */
export interface Row {
  config?: object;
  inputs: readonly (readonly number[])[];
  /** Whether it is given no values below 0. */
  positive?: boolean;
  /** The weights it must ask for: these and no others. */
  weights?: Readonly<Record<string, readonly number[]>>;
  want: (x: readonly oracle.Tensor[], w: Readonly<Record<string, oracle.Tensor>>) => oracle.Result[];
}

export const BATCH = 2;
const ones = (axes: number): number[] => new Array<number>(axes).fill(1);
const simple = { padding: "valid", paddingMode: "zeros", groups: 1 } as const;
const still = (axes: number) => ({ ...simple, stride: ones(axes), dilation: ones(axes) });
const map = [5, 6, 4];

const activation = (kind: string, alpha?: number): Row => ({
  config: alpha === undefined ? undefined : { alpha },
  inputs: [map],
  want: (x) => oracle.activation(x, { kind, alpha }),
});

const fold = (kind: "add" | "sub" | "mul" | "div" | "min" | "max"): Row[] => [
  { inputs: [map, map], want: ([a, b]) => oracle.binary([a, b], { kind }) },
  // Three inputs, from the left; the last is one value per channel.
  {
    config: { activation: "relu" },
    inputs: [map, map, [1, 1, 4]],
    want: ([a, b, c]) =>
      oracle.activation(oracle.binary([oracle.binary([a, b], { kind })[0], c], { kind }), { kind: "relu" }),
  },
];

/** A convolution over some axes with all defaults, and one where nothing is. */
const convolutions = (size: readonly number[]): Row[] => [
  {
    config: { filters: 3, kernel: 2 },
    inputs: [[...size, 4]],
    weights: { kernel: [...size.map(() => 2), 4, 3], bias: [3] },
    want: ([x], w) => oracle.conv([x, w.kernel, w.bias], still(size.length)),
  },
  {
    config: {
      filters: 6,
      kernel: size.map((_, i) => i + 2),
      stride: 2,
      dilation: size.map((_, i) => 2 - (i % 2)),
      padding: 2,
      paddingMode: "replicate",
      groups: 2,
      bias: false,
      activation: { kind: "leakyRelu", alpha: 0.3 },
    },
    inputs: [[...size, 4]],
    weights: { kernel: [...size.map((_, i) => i + 2), 2, 6] },
    want: ([x], w) =>
      oracle.conv([x, w.kernel], {
        stride: size.map(() => 2),
        dilation: size.map((_, i) => 2 - (i % 2)),
        padding: 2,
        paddingMode: "replicate",
        groups: 2,
        activation: { kind: "leakyRelu", alpha: 0.3 },
      }),
  },
];

/** Padding in front alone. */
const causal: Row = {
  config: { filters: 3, kernel: 3, dilation: 2, padding: "causal" },
  inputs: [[7, 4]],
  weights: { kernel: [3, 4, 3], bias: [3] },
  want: ([x], w) => oracle.conv([x, w.kernel, w.bias], { ...still(1), dilation: [2], padding: [[4, 0]] }),
};

/** Equal bins, unequal ones, those that repeat, and more bins than pixels. */
const adaptive = (max: boolean): Row[] =>
  (
    [
      [5, 3],
      [3, 4],
      [1, 1],
      [7, 6],
    ] as const
  ).map((size) => ({
    config: { size },
    inputs: [map],
    want: (x) => made.adaptivePool(x, { size, max }),
  }));

const depthwise = (size: readonly number[]): Row[] => [
  {
    config: { kernel: 2 },
    inputs: [[...size, 4]],
    weights: { kernel: [...size.map(() => 2), 1, 4], bias: [4] },
    want: ([x], w) => oracle.conv([x, w.kernel, w.bias], { ...still(size.length), groups: 4 }),
  },
  {
    config: {
      kernel: 3,
      multiplier: 2,
      padding: "same",
      stride: 2,
      paddingMode: "reflect",
      activation: "relu6",
    },
    inputs: [[...size, 3]],
    weights: { kernel: [...size.map(() => 3), 1, 6], bias: [6] },
    want: ([x], w) =>
      oracle.conv([x, w.kernel, w.bias], {
        ...still(size.length),
        stride: size.map(() => 2),
        padding: "same",
        paddingMode: "reflect",
        groups: 3,
        activation: { kind: "relu6" },
      }),
  },
];

const separable = (size: readonly number[]): Row => ({
  config: { filters: 5, kernel: 3, multiplier: 2, padding: "same", stride: 2, activation: "tanh" },
  inputs: [[...size, 3]],
  weights: { depthwise: [...size.map(() => 3), 1, 6], pointwise: [...size.map(() => 1), 6, 5], bias: [5] },
  want([x], w) {
    const deep = oracle.conv([x, w.depthwise], {
      ...still(size.length),
      stride: size.map(() => 2),
      padding: "same",
      groups: 3,
    });
    return oracle.conv([...deep, w.pointwise, w.bias], {
      ...still(size.length),
      activation: { kind: "tanh" },
    });
  },
});

const transposed = (size: readonly number[]): Row[] => [
  {
    config: { filters: 3, kernel: 2 },
    inputs: [[...size, 4]],
    weights: { kernel: [...size.map(() => 2), 4, 3], bias: [3] },
    want: ([x], w) =>
      oracle.convTranspose([x, w.kernel, w.bias], {
        ...still(size.length),
        outputPadding: size.map(() => 0),
      }),
  },
  {
    config: {
      filters: 6,
      kernel: 3,
      stride: 2,
      padding: 1,
      outputPadding: 1,
      groups: 2,
      bias: false,
      activation: "sigmoid",
    },
    inputs: [[...size, 4]],
    weights: { kernel: [...size.map(() => 3), 2, 6] },
    want: ([x], w) =>
      oracle.convTranspose([x, w.kernel], {
        stride: size.map(() => 2),
        dilation: ones(size.length),
        padding: 1,
        outputPadding: ones(size.length),
        groups: 2,
        activation: { kind: "sigmoid" },
      }),
  },
];

const maxPools = (size: readonly number[]): Row[] => {
  const all = (n: number) => size.map(() => n);
  const plain = { padding: "valid", dilation: all(1), ceilMode: false } as const;
  return [
    {
      config: { size: 2 },
      inputs: [[...size, 3]],
      want: (x) => oracle.maxPool(x, { ...plain, kernel: all(2), stride: all(2) }),
    },
    {
      config: { size: all(2), stride: 1, dilation: 2, padding: 1, ceilMode: true },
      inputs: [[...size, 3]],
      want: (x) =>
        oracle.maxPool(x, { kernel: all(2), stride: all(1), dilation: all(2), padding: 1, ceilMode: true }),
    },
  ];
};

const avgPools = (size: readonly number[]): Row[] => {
  const all = (n: number) => size.map(() => n);
  const plain = { padding: "valid", ceilMode: false, countIncludePad: false } as const;
  return [
    {
      config: { size: 2 },
      inputs: [[...size, 3]],
      want: (x) => oracle.avgPool(x, { ...plain, kernel: all(2), stride: all(2) }),
    },
    ...[true, false].map(
      (countIncludePad): Row => ({
        config: { size: 3, stride: all(2), padding: 1, ceilMode: true, countIncludePad },
        inputs: [[...size, 3]],
        want: (x) =>
          oracle.avgPool(x, { kernel: all(3), stride: all(2), padding: 1, ceilMode: true, countIncludePad }),
      }),
    ),
  ];
};

export const TABLE: Readonly<Record<string, Row | readonly Row[]>> = {
  activation: [
    {
      config: { activation: "geluTanh" },
      inputs: [map],
      want: (x) => oracle.activation(x, { kind: "geluTanh" }),
    },
    {
      config: { activation: { kind: "elu", alpha: 0.5 } },
      inputs: [map],
      want: (x) => oracle.activation(x, { kind: "elu", alpha: 0.5 }),
    },
    { config: { activation: "softmax" }, inputs: [map], want: (x) => oracle.softmax(x, { axis: -1 }) },
    { config: { activation: "logSoftmax" }, inputs: [map], want: (x) => oracle.logSoftmax(x, { axis: -1 }) },
    {
      config: { activation: "linear" },
      inputs: [map],
      want: (x) => oracle.activation(x, { kind: "linear" }),
    },
  ],
  relu: activation("relu"),
  relu6: activation("relu6"),
  leakyRelu: [activation("leakyRelu"), activation("leakyRelu", 0.2)],
  elu: [activation("elu"), activation("elu", 0.7)],
  selu: activation("selu"),
  gelu: activation("gelu"),
  sigmoid: activation("sigmoid"),
  tanh: activation("tanh"),
  softplus: activation("softplus"),
  softsign: activation("softsign"),
  silu: activation("silu"),
  mish: activation("mish"),
  hardSwish: activation("hardSwish"),
  hardSigmoid: activation("hardSigmoid"),
  exp: activation("exp"),
  abs: activation("abs"),
  neg: activation("neg"),
  sqrt: { ...activation("sqrt"), positive: true },
  prelu: [
    { inputs: [map], weights: { alpha: [4] }, want: ([x], w) => oracle.prelu([x, w.alpha]) },
    {
      config: { shared: true },
      inputs: [map],
      weights: { alpha: [1] },
      want: ([x], w) => oracle.prelu([x, w.alpha]),
    },
  ],
  softmax: [
    { inputs: [map], want: (x) => oracle.softmax(x, { axis: -1 }) },
    { config: { axis: 1 }, inputs: [map], want: (x) => oracle.softmax(x, { axis: 1 }) },
  ],
  logSoftmax: [
    { inputs: [map], want: (x) => oracle.logSoftmax(x, { axis: -1 }) },
    { config: { axis: 2 }, inputs: [map], want: (x) => oracle.logSoftmax(x, { axis: 2 }) },
  ],
  conv1d: [...convolutions([7]), causal],
  conv2d: convolutions([7, 6]),
  conv3d: convolutions([4, 5, 7]),
  depthwiseConv1d: depthwise([7]),
  depthwiseConv2d: depthwise([7, 6]),
  depthwiseConv3d: depthwise([4, 5, 6]),
  separableConv1d: separable([8]),
  separableConv2d: separable([7, 6]),
  convTranspose1d: transposed([6]),
  convTranspose2d: transposed([4, 5]),
  convTranspose3d: transposed([3, 2, 4]),
  dense: [
    {
      config: { units: 7 },
      inputs: [[5]],
      weights: { kernel: [5, 7], bias: [7] },
      want: ([x], w) => oracle.dense([x, w.kernel, w.bias]),
    },
    {
      config: { units: 3, bias: false, activation: "softmax" },
      inputs: [map],
      weights: { kernel: [4, 3] },
      want: ([x], w) => oracle.softmax(oracle.dense([x, w.kernel]), { axis: -1 }),
    },
  ],
  add: fold("add"),
  sub: fold("sub"),
  mul: fold("mul"),
  div: fold("div"),
  min: fold("min"),
  max: fold("max"),
  rescale: [
    {
      config: { scale: 1 / 127.5, offset: -1 },
      inputs: [map],
      want: (x) => oracle.affine(x, { scale: 1 / 127.5, offset: -1 }),
    },
    { config: { offset: 3 }, inputs: [map], want: (x) => oracle.affine(x, { scale: 1, offset: 3 }) },
    { config: { scale: 3 }, inputs: [map], want: (x) => oracle.affine(x, { scale: 3, offset: 0 }) },
  ],
  dropout: { config: { rate: 0.5 }, inputs: [map], want: (x) => oracle.affine(x, { scale: 1, offset: 0 }) },
  identity: { inputs: [map], want: (x) => oracle.affine(x, { scale: 1, offset: 0 }) },
  batchNorm: [1e-5, 0.25].map((epsilon) => ({
    config: epsilon === 1e-5 ? undefined : { epsilon },
    inputs: [map],
    weights: { gamma: [4], beta: [4], mean: [4], variance: [4] },
    want: ([x], w) => oracle.batchNorm([x, w.gamma, w.beta, w.mean, w.variance], { epsilon }),
  })),
  groupNorm: [1e-5, 0.25].map((epsilon) => ({
    config: epsilon === 1e-5 ? { groups: 2 } : { groups: 2, epsilon },
    inputs: [map],
    weights: { gamma: [4], beta: [4] },
    want: ([x], w) => oracle.groupNorm([x, w.gamma, w.beta], { groups: 2, epsilon }),
  })),
  instanceNorm: [1e-5, 0.25].map((epsilon) => ({
    config: epsilon === 1e-5 ? undefined : { epsilon },
    inputs: [map],
    weights: { gamma: [4], beta: [4] },
    want: ([x], w) => oracle.instanceNorm([x, w.gamma, w.beta], { epsilon }),
  })),
  maxPool1d: maxPools([8]),
  maxPool2d: maxPools([7, 6]),
  maxPool3d: maxPools([4, 5, 6]),
  avgPool1d: avgPools([8]),
  avgPool2d: avgPools([7, 6]),
  avgPool3d: avgPools([4, 5, 6]),
  globalMaxPool: [false, true].map((keepDims) => ({
    config: keepDims ? { keepDims } : undefined,
    inputs: [map],
    want: (x) => oracle.globalMaxPool(x, { keepDims }),
  })),
  globalAvgPool: [false, true].map((keepDims) => ({
    config: keepDims ? { keepDims } : undefined,
    inputs: [map],
    want: (x) => oracle.globalAvgPool(x, { keepDims }),
  })),
  reduce: (["sum", "mean", "max", "min"] as const).flatMap((kind) => [
    {
      config: { kind, axes: [1, -1] },
      inputs: [map],
      want: (x) => oracle.reduce(x, { kind, axes: [1, 3], keepDims: false }),
    },
    {
      config: { kind, axes: [2], keepDims: true },
      inputs: [map],
      want: (x) => oracle.reduce(x, { kind, axes: [2], keepDims: true }),
    },
  ]),
  argMax: [
    { inputs: [map], want: (x) => oracle.argMax(x, { axis: -1, keepDims: false }) },
    {
      config: { axis: 1, keepDims: true },
      inputs: [map],
      want: (x) => oracle.argMax(x, { axis: 1, keepDims: true }),
    },
  ],
  upsample: [
    {
      config: { factor: 2 },
      inputs: [map],
      want: (x) => oracle.resize(x, { size: [10, 12], method: "nearest", coordinates: "halfPixel" }),
    },
    {
      config: { factor: [3, 1], method: "linear", coordinates: "alignCorners" },
      inputs: [map],
      want: (x) => oracle.resize(x, { size: [15, 6], method: "linear", coordinates: "alignCorners" }),
    },
  ],
  resize: [
    {
      config: { size: [3, 9] },
      inputs: [map],
      want: (x) => oracle.resize(x, { size: [3, 9], method: "nearest", coordinates: "halfPixel" }),
    },
    {
      config: { size: [8, 4], method: "linear", coordinates: "asymmetric" },
      inputs: [map],
      want: (x) => oracle.resize(x, { size: [8, 4], method: "linear", coordinates: "asymmetric" }),
    },
  ],
  layerNorm: [
    {
      inputs: [map],
      weights: { gamma: [4], beta: [4] },
      want: ([x], w) => made.layerNorm([x, w.gamma, w.beta], { axes: [-1], epsilon: 1e-5 }).slice(0, 1),
    },
    {
      config: { axes: [1, 2, -1], epsilon: 0.1 },
      inputs: [map],
      weights: { gamma: map, beta: map },
      want: ([x], w) => made.layerNorm([x, w.gamma, w.beta], { axes: [1, 2, 3], epsilon: 0.1 }).slice(0, 1),
    },
  ],
  rmsNorm: [
    {
      inputs: [map],
      weights: { gamma: [4] },
      want: ([x], w) => made.rmsNorm([x, w.gamma], { axes: [-1], epsilon: 2 ** -23 }),
    },
    {
      config: { axes: [-2, -1], epsilon: 0.1 },
      inputs: [map],
      weights: { gamma: [6, 4] },
      want: ([x], w) => made.rmsNorm([x, w.gamma], { axes: [2, 3], epsilon: 0.1 }),
    },
  ],
  adaptiveAvgPool: adaptive(false),
  adaptiveMaxPool: adaptive(true),
  locallyConnected2d: [
    {
      config: { filters: 3, kernel: 2 },
      inputs: [map],
      weights: { kernel: [4, 5, 16, 3], bias: [4, 5, 3] },
      want: ([x], w) =>
        made.locallyConnected2d([x, w.kernel, w.bias], { size: [2, 2], stride: 1, before: 0 }),
    },
    {
      config: { filters: 2, kernel: [3, 2], stride: 2, padding: 1, bias: false, activation: "relu" },
      inputs: [map],
      weights: { kernel: [3, 4, 24, 2] },
      want: ([x], w) =>
        oracle.activation(made.locallyConnected2d([x, w.kernel], { size: [3, 2], stride: 2, before: 1 }), {
          kind: "relu",
        }),
    },
  ],
  multiHeadAttention: [
    {
      config: { heads: 2 },
      inputs: [map],
      weights: {
        ...{ query: [4, 4], queryBias: [4], key: [4, 4], keyBias: [4], value: [4, 4], valueBias: [4] },
        ...{ output: [4, 4], outputBias: [4] },
      },
      want: (x, w) => made.multiHeadAttention(x, w, 2),
    },
    {
      config: { heads: 3, keyDim: 2, valueDim: 1, bias: true, dropout: 0.5 },
      inputs: [
        [5, 4],
        [7, 3],
        [7, 2],
      ],
      weights: {
        ...{ query: [4, 6], queryBias: [6], key: [3, 6], keyBias: [6], value: [2, 3], valueBias: [3] },
        ...{ output: [3, 4], outputBias: [4] },
      },
      want: (x, w) => made.multiHeadAttention(x, w, 3),
    },
  ],
  squeezeExcite: [
    {
      config: { ratio: 2 },
      inputs: [map],
      weights: { reduce: [4, 2], reduceBias: [2], expand: [2, 4], expandBias: [4] },
      want: (x, w) => made.squeezeExcite(x, w),
    },
    {
      inputs: [[3, 4]],
      weights: { reduce: [4, 1], reduceBias: [1], expand: [1, 4], expandBias: [4] },
      want: (x, w) => made.squeezeExcite(x, w),
    },
  ],
  spatialDropout: {
    config: { rate: 0.5 },
    inputs: [map],
    want: (x) => oracle.affine(x, { scale: 1, offset: 0 }),
  },
  dropPath: { config: { rate: 0.5 }, inputs: [map], want: (x) => oracle.affine(x, { scale: 1, offset: 0 }) },
  flatten: { inputs: [map], want: (x) => oracle.flatten(x) },
  reshape: [
    {
      config: { shape: [0, 3, -1, 2] },
      inputs: [map],
      want: (x) => oracle.reshape(x, { shape: [BATCH, 3, 20, 2] }),
    },
    {
      config: { shape: [-1, 0, 24] },
      inputs: [map],
      want: (x) => oracle.reshape(x, { shape: [BATCH, 5, 24] }),
    },
  ],
  transpose: {
    config: { perm: [0, 3, 1, 2] },
    inputs: [map],
    want: (x) => oracle.transpose(x, { perm: [0, 3, 1, 2] }),
  },
  concat: [
    { inputs: [map, [5, 6, 1], [5, 6, 3]], want: (x) => oracle.concat(x, { axis: -1 }) },
    { config: { axis: 1 }, inputs: [map, [2, 6, 4]], want: (x) => oracle.concat(x, { axis: 1 }) },
  ],
  split: [
    { config: { sizes: [1, 3] }, inputs: [map], want: (x) => oracle.split(x, { axis: -1, sizes: [1, 3] }) },
    {
      config: { axis: 2, sizes: [1, 2, 3] },
      inputs: [map],
      want: (x) => oracle.split(x, { axis: 2, sizes: [1, 2, 3] }),
    },
  ],
  slice: [
    {
      config: { begin: [0, 1, 0, 2], size: [-1, 3, 6, 1] },
      inputs: [map],
      want: (x) => oracle.slice(x, { begin: [0, 1, 0, 2], size: [BATCH, 3, 6, 1] }),
    },
    {
      config: { begin: [0, 2, 1, 0], size: [-1, -1, -1, 3] },
      inputs: [map],
      want: (x) => oracle.slice(x, { begin: [0, 2, 1, 0], size: [BATCH, 3, 5, 3] }),
    },
  ],
  pad: [
    {
      config: {
        padding: [
          [1, 2],
          [0, 3],
        ],
      },
      inputs: [map],
      want: (x) =>
        oracle.pad(x, {
          pads: [
            [0, 0],
            [1, 2],
            [0, 3],
            [0, 0],
          ],
          mode: "constant",
          value: 0,
        }),
    },
    {
      config: {
        padding: [
          [1, 1],
          [0, 1],
        ],
        value: 2.5,
      },
      inputs: [map],
      want: (x) =>
        oracle.pad(x, {
          pads: [
            [0, 0],
            [1, 1],
            [0, 1],
            [0, 0],
          ],
          mode: "constant",
          value: 2.5,
        }),
    },
    {
      config: {
        padding: [
          [2, 1],
          [3, 0],
        ],
        mode: "reflect",
      },
      inputs: [map],
      want: (x) =>
        oracle.pad(x, {
          pads: [
            [0, 0],
            [2, 1],
            [3, 0],
            [0, 0],
          ],
          mode: "reflect",
          value: 0,
        }),
    },
    {
      config: {
        padding: [
          [0, 0],
          [0, 1],
          [0, 0],
          [3, 2],
        ],
        value: -1,
      },
      inputs: [map],
      want: (x) =>
        oracle.pad(x, {
          pads: [
            [0, 0],
            [0, 1],
            [0, 0],
            [3, 2],
          ],
          mode: "constant",
          value: -1,
        }),
    },
  ],
  crop: [
    {
      config: {
        cropping: [
          [1, 2],
          [0, 3],
        ],
      },
      inputs: [map],
      want: (x) => oracle.slice(x, { begin: [0, 1, 0, 0], size: [BATCH, 2, 3, 4] }),
    },
    {
      config: {
        cropping: [
          [0, 0],
          [1, 0],
          [0, 0],
          [2, 1],
        ],
      },
      inputs: [map],
      want: (x) => oracle.slice(x, { begin: [0, 1, 0, 2], size: [BATCH, 4, 6, 1] }),
    },
  ],
  depthToSpace: (["dcr", "crd"] as const).map((order) => ({
    config: order === "dcr" ? { block: 2 } : { block: 2, order },
    inputs: [[3, 5, 12]],
    want: (x) => oracle.depthToSpace(x, { block: 2, order }),
  })),
  spaceToDepth: (["dcr", "crd"] as const).map((order) => ({
    config: order === "dcr" ? { block: 2 } : { block: 2, order },
    inputs: [[4, 6, 3]],
    want: (x) => oracle.spaceToDepth(x, { block: 2, order }),
  })),
};

/** Between −2 and 2, never close to 0. */
export function values(shape: readonly number[], seed: number): oracle.Tensor & { data: Float32Array } {
  const at = (i: number): number => (Math.imul((i + 1) * 16 + seed, 0x9e3779b1) >>> 8) / 2 ** 22 - 2;
  return {
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => at(i) + Math.sign(at(i)) / 16),
  };
}

export const factories = Object.entries(registry as Record<string, unknown>).filter(
  (entry): entry is [string, LayerFactory] => typeof entry[1] === "function" && "definition" in entry[1],
);

/** A row as a network of that one layer. */
export interface Example {
  model: Model;
  weights: Weights;
  /** One input each, BATCH first. */
  x: readonly (oracle.Tensor & { data: Float32Array })[];
  expected: readonly oracle.Result[];
}

export function exampleOf(
  factory: LayerFactory,
  { config, inputs, positive, weights = {}, want }: Row,
): Example {
  const x = inputs.map((shape, i) => {
    const plain = values([BATCH, ...shape], i);
    return positive ? { ...plain, data: plain.data.map(Math.abs) } : plain;
  });
  const given = Object.entries(weights).map(([name, shape], i) => {
    const w = values(shape, 8 + i);
    return [name, name === "variance" ? { ...w, data: w.data.map(Math.abs) } : w] as const;
  });
  const expected = want(x, Object.fromEntries(given));
  const nodes = inputs.map((shape) => input(shape));
  const outputs = factory(config as never)(nodes).outputs(expected.length);
  const described = loadModel(JSON.parse(JSON.stringify(model({ inputs: nodes, outputs }))));
  const [{ name }] = described.layers;
  const named = given.map(([key, w]) => [`${name}.${key}`, w.data] as const);
  return { model: described, weights: Object.fromEntries(named), x, expected };
}
