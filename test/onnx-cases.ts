// What a file format must get right beyond one example of each layer: how layers are combined, and every option that is a case
// of its own. Layouts, borders and batches are where formats differ.

import * as layers from "../src/layers/index.ts";
import type { Layer, SymbolicTensor } from "../src/layers/layer.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model, Weights } from "../src/model/schema.ts";
import type { ActivationKind } from "../src/ops/activation.ts";

export interface Case {
  name: string;
  model: Model;
  /** Made from a seed when absent. */
  weights?: Weights;
  /** Whether the file may leave the batch open. Default true. */
  open?: boolean;
}

const { conv2d, dense, flatten, relu, reshape, reduce, globalAvgPool, transpose, concat } = layers;

const of = (name: string, shape: readonly number[], ...stack: Layer[]): Case => ({
  name,
  model: sequential(shape, stack),
});

/** A case made of one node. */
function graph(
  name: string,
  shape: readonly number[],
  make: (x: SymbolicTensor) => SymbolicTensor | SymbolicTensor[],
  open = true,
): Case {
  const x = input(shape);
  return { name, model: model({ inputs: x, outputs: make(x) }), open };
}

const map = [5, 6, 4];

// Every kind, checked to be all of them.
const KINDS: Readonly<Record<ActivationKind, true>> = {
  linear: true,
  relu: true,
  relu6: true,
  leakyRelu: true,
  elu: true,
  selu: true,
  gelu: true,
  geluTanh: true,
  sigmoid: true,
  tanh: true,
  softplus: true,
  silu: true,
  mish: true,
  hardSwish: true,
  hardSigmoid: true,
  hardSigmoidKeras: true,
  exp: true,
  softsign: true,
  abs: true,
  neg: true,
  sqrt: true,
};

const activations = (Object.keys(KINDS) as ActivationKind[]).map((kind) =>
  kind === "sqrt"
    ? of(
        "sqrt of abs",
        map,
        layers.activation({ activation: "abs" }),
        layers.activation({ activation: kind }),
      )
    : of(kind, map, layers.rescale({ scale: 3 }), layers.activation({ activation: { kind } })),
);

const resizes = (["nearest", "linear"] as const).flatMap((method) =>
  (["halfPixel", "alignCorners", "asymmetric"] as const).flatMap((coordinates) =>
    [
      [[7], [12]],
      [
        [5, 6],
        [10, 18],
      ],
      [
        [7, 10],
        [3, 15],
      ],
      [
        [3, 4, 5],
        [6, 4, 7],
      ],
    ].map(([from, size]) =>
      of(
        `resize ${from} to ${size}, ${method}, ${coordinates}`,
        [...from, 3],
        layers.resize({ size, method, coordinates }),
      ),
    ),
  ),
);

const convolutions = [
  of(
    "conv2d same, stride 2, even kernel",
    [7, 9, 3],
    conv2d({ filters: 5, kernel: [4, 2], padding: "same", stride: 2 }),
  ),
  of("conv2d same, dilated", [9, 7, 3], conv2d({ filters: 5, kernel: 3, padding: "same", dilation: [2, 3] })),
  of("conv2d half, groups", [9, 7, 6], conv2d({ filters: 9, kernel: 5, padding: "half", groups: 3 })),
  of(
    "conv2d, uneven reflected border",
    [6, 7, 3],
    conv2d({
      filters: 2,
      kernel: 3,
      padding: [
        [2, 0],
        [1, 3],
      ],
      paddingMode: "reflect",
    }),
  ),
  of(
    "depthwiseConv2d, multiplier",
    [6, 7, 3],
    layers.depthwiseConv2d({ kernel: 3, multiplier: 3, padding: "same" }),
  ),
  ...["same", "valid", 1].flatMap((padding) =>
    [1, 2, 3].map((stride) =>
      of(
        `convTranspose2d ${padding}, stride ${stride}`,
        [4, 5, 4],
        layers.convTranspose2d({
          filters: 6,
          kernel: [3, 4],
          padding: padding as never,
          stride,
          outputPadding: stride - 1,
          groups: 2,
        }),
      ),
    ),
  ),
  of(
    "convTranspose2d same, stride above kernel",
    [4, 5, 3],
    layers.convTranspose2d({ filters: 2, kernel: 1, stride: 3, padding: "same", outputPadding: 2 }),
  ),
  of(
    "convTranspose2d, dilated, cut unevenly",
    [4, 5, 3],
    layers.convTranspose2d({
      filters: 2,
      kernel: 3,
      stride: 2,
      dilation: [2, 1],
      padding: [
        [0, 2],
        [1, 0],
      ],
    }),
  ),
];

const pools = [layers.maxPool2d, layers.avgPool2d].flatMap((pool) =>
  [
    { size: 3, stride: 2, ceilMode: true },
    { size: 3, stride: 2, padding: 1, ceilMode: true },
    { size: [2, 3], stride: [3, 2], padding: "same", ceilMode: false },
    { size: 2, ceilMode: true, padding: 1 },
  ].flatMap((config) =>
    (pool === layers.avgPool2d ? [false, true] : [undefined]).map((countIncludePad) =>
      of(
        `${pool.kind} ${JSON.stringify({ ...config, countIncludePad })}`,
        [8, 7, 3],
        pool({ ...config, countIncludePad } as never),
      ),
    ),
  ),
);

const shapes = [
  of("flatten to dense", map, flatten(), dense({ units: 7 })),
  of("flatten, relu, dense", map, flatten(), relu(), dense({ units: 7 })),
  of(
    "conv2d, flatten to dense without bias",
    map,
    conv2d({ filters: 3, kernel: 2 }),
    flatten(),
    dense({ units: 7, bias: false }),
  ),
  of("flatten a volume to dense", [2, 3, 4, 5], flatten(), dense({ units: 3 })),
  of("flatten one pixel", [1, 1, 6], flatten(), dense({ units: 3 })),
  of("flatten one channel", [3, 4, 1], flatten()),
  graph("flatten that is also an output", map, (x) => {
    const flat = flatten()(x);
    return [dense({ units: 3 })(flat), flat];
  }),
  of("dense over a map", map, dense({ units: 3 }), conv2d({ filters: 2, kernel: 2 })),
  of(
    "dense over a map without bias",
    map,
    conv2d({ filters: 2, kernel: 2 }),
    dense({ units: 3, bias: false }),
  ),
  of(
    "reshape to a vector and back",
    map,
    reshape({ shape: [0, -1] }),
    reshape({ shape: [0, 4, 6, 5] }),
    conv2d({ filters: 2, kernel: 2 }),
  ),
  of("reshape to one pixel", [8], reshape({ shape: [0, 1, 1, 8] }), conv2d({ filters: 2, kernel: 1 })),
  of(
    "reshape a map to a sequence",
    map,
    conv2d({ filters: 3, kernel: 2 }),
    reshape({ shape: [0, 20, 3] }),
    layers.conv1d({ filters: 2, kernel: 3 }),
  ),
  of("permute, convolve", map, transpose({ perm: [0, 2, 3, 1] }), conv2d({ filters: 2, kernel: 2 })),
  of(
    "permute a volume twice",
    [2, 3, 4, 5],
    transpose({ perm: [0, 4, 1, 3, 2] }),
    transpose({ perm: [0, 2, 1, 4, 3] }),
  ),
  of("permute a sequence", [7, 3], transpose({ perm: [0, 2, 1] }), dense({ units: 2 })),
  of("permute, flatten to dense", map, transpose({ perm: [0, 3, 1, 2] }), flatten(), dense({ units: 3 })),
  of("slice a volume", [4, 5, 6, 3], layers.slice({ begin: [0, 1, 0, 2, 1], size: [-1, 2, -1, 3, 2] })),
  of("slice nothing away", map, layers.slice({ begin: [0, 0, 0, 0], size: [-1, ...map] })),
  of("pad a sequence", [5, 3], layers.pad({ padding: [[2, 1]], mode: "replicate" })),
  of(
    "pad height and channels",
    map,
    layers.pad({
      padding: [
        [0, 0],
        [1, 2],
        [0, 0],
        [0, 3],
      ],
      value: 0.5,
    }),
  ),
  of(
    "crop height and channels",
    map,
    layers.crop({
      cropping: [
        [0, 0],
        [1, 2],
        [0, 0],
        [1, 0],
      ],
    }),
  ),
  of("reshape that keeps all axes", map, reshape({ shape: [0, 0, 0, 0] }), conv2d({ filters: 2, kernel: 2 })),
  of("softmax along the height", map, layers.softmax({ axis: 1 })),
  of("softmax of a vector", [7], layers.softmax()),
  of("logSoftmax of a map", map, layers.activation({ activation: "logSoftmax" })),
  of("prelu, one alpha per place", map, layers.prelu({ shape: map, initializer: "heUniform" })),
  of("prelu, one alpha per column", map, layers.prelu({ shape: [6, 1], initializer: "heUniform" })),
  of("prelu of a vector", [7], layers.prelu({ initializer: { constant: -0.5 } })),
  of("batchNorm of a vector", [7], layers.batchNorm({ varianceInitializer: { constant: 0.3 } })),
  of("groupNorm of a sequence", [5, 6], layers.groupNorm({ groups: 3 })),
  of("groupNorm of a volume", [2, 3, 4, 6], layers.groupNorm({ groups: 2 })),
  of("groupNorm of a vector", [6], layers.groupNorm({ groups: 2 })),
  {
    // Nothing but beta is left of a single pixel.
    ...of("instanceNorm of a vector", [3], layers.instanceNorm({ name: "norm" })),
    weights: { "norm.gamma": Float32Array.of(1, 2, 3), "norm.beta": Float32Array.of(4, 5, -6) },
  },
  of("instanceNorm of a sequence", [5, 6], layers.instanceNorm()),
  of("global pool, dense", map, globalAvgPool(), dense({ units: 3 })),
  of("global max pool of a volume", [2, 3, 4, 5], layers.globalMaxPool({ keepDims: true })),
  ...[[1], [2], [3], [1, 3], [1, 2], [2, 3], [1, 2, 3], []].flatMap((axes) => [
    of(`reduce axes ${axes}`, map, reduce({ kind: "mean", axes })),
    of(
      `reduce axes ${axes} after a convolution`,
      map,
      conv2d({ filters: 3, kernel: 1 }),
      reduce({ kind: "sum", axes, keepDims: true }),
    ),
  ]),
  of("reduce, then go on", map, reduce({ kind: "max", axes: [1] }), layers.conv1d({ filters: 3, kernel: 2 })),
  of(
    "reduce channels, then go on",
    map,
    reduce({ kind: "min", axes: [-1] }),
    layers.conv1d({ filters: 3, kernel: 2 }),
  ),
  of("argMax along the width", map, layers.argMax({ axis: 2 }), reshape({ shape: [0, 10, 2] })),
];

/** Two dense blocks as in DenseNet: batch normalisation first, so that it is not folded, joins of all before, average pooling. */
const denseNet = graph("a small DenseNet", [8, 8, 3], (image) => {
  const norm = layers.batchNorm;
  const any = {
    gammaInitializer: "heUniform",
    betaInitializer: "heUniform",
    meanInitializer: "heUniform",
  } as const;
  const normed = (x: SymbolicTensor) => relu()(norm({ ...any, varianceInitializer: { constant: 0.4 } })(x));
  const common = { padding: "same", bias: false } as const;
  const grown = (x: SymbolicTensor) => {
    const few = conv2d({ ...common, filters: 6, kernel: 1 })(normed(x));
    return concat()(x, conv2d({ ...common, filters: 4, kernel: 3 })(normed(few)));
  };
  const halved = (x: SymbolicTensor) =>
    layers.avgPool2d({ size: 2 })(conv2d({ ...common, filters: 5, kernel: 1 })(normed(x)));
  const stem = conv2d({ ...common, filters: 4, kernel: 3 })(image);
  return dense({ units: 3 })(globalAvgPool()(normed(grown(halved(grown(grown(stem)))))));
});

const graphs = [
  denseNet,
  graph("squeeze and excite", map, (x) => {
    const weights = conv2d({ filters: 4, kernel: 1, activation: "sigmoid" })(
      globalAvgPool({ keepDims: true })(x),
    );
    return layers.mul()(x, weights);
  }),
  graph("squeeze and excite by vectors", map, (x) => {
    const weights = dense({ units: 4, activation: "sigmoid" })(globalAvgPool()(x));
    return layers.mul()(x, reshape({ shape: [0, 1, 1, 4] })(weights));
  }),
  graph("a shared layer, and two equal outputs", map, (x) => {
    const shared = conv2d({ filters: 4, kernel: 3, padding: "same", name: "shared" });
    const twice = shared(shared(x));
    return [twice, twice, x];
  }),
  graph("both outputs of a split", map, (x) => {
    const [a, b] = layers
      .split({ sizes: [1, 3] })(x)
      .outputs(2);
    return concat()(b, relu()(a), b);
  }),
  graph("concat of vectors", [6], (x) => concat()(x, dense({ units: 2 })(x))),
  graph("concat along the height", map, (x) => concat({ axis: 1 })(x, relu()(x))),
  graph("dense, then join what was convolved", map, (x) =>
    layers.add()(dense({ units: 3 })(x), conv2d({ filters: 3, kernel: 1 })(x)),
  ),
  {
    name: "two inputs with names of their own",
    model: (() => {
      const [a, b] = [input(map, { name: "left/eye" }), input([4], { name: "right eye" })];
      return model({ inputs: [a, b], outputs: layers.sub()(a, reshape({ shape: [0, 1, 1, 4] })(b)) });
    })(),
  },
  // Works across the images of a batch: the file must keep the batch it was compiled for.
  graph(
    "a mean over the batch",
    map,
    (x) => layers.sub()(x, reduce({ kind: "mean", axes: [0], keepDims: true })(x)),
    false,
  ),
  graph(
    "images put side by side, and parted",
    map,
    (x) =>
      layers
        .split({ axis: 0, sizes: [2, 2] })(concat({ axis: 0 })(x, relu()(x)))
        .outputs(2),
    false,
  ),
  graph(
    "rows as images of their own",
    map,
    (x) => {
      const rows = layers.conv1d({ filters: 3, kernel: 2 })(reshape({ shape: [-1, 6, 4] })(x));
      return reshape({ shape: [-1, 5, 5, 3] })(rows);
    },
    false,
  ),
  graph(
    "a broadcast that only fits this batch",
    [5, 2, 4],
    (x) => layers.add()(x, reduce({ kind: "sum", axes: [1, 2] })(x)),
    false,
  ),
];

/** All made for a batch of two. */
export const cases: readonly Case[] = [
  ...activations,
  ...resizes,
  ...convolutions,
  ...pools,
  ...shapes,
  ...graphs,
];
