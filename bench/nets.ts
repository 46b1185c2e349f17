// Whole nets: torchvision's definitions for images of 224 x 224, 1000 classes, with random weights.
//
// Weights are drawn so that values stay near 1 however deep a net is: He's initialisation doubles the mean square of what a
// convolution reads, so each batch normalisation after one is given that as the variance it has seen.

import {
  add,
  avgPool2d,
  batchNorm,
  concat,
  conv2d,
  dense,
  depthwiseConv2d,
  dropout,
  flatten,
  globalAvgPool,
  maxPool2d,
  mul,
  relu,
  relu6,
  sigmoid,
  silu,
} from "../src/layers/index.ts";
import type { Layer, SymbolicTensor } from "../src/layers/layer.ts";
import { input, model, sequential } from "../src/model/build-model.ts";
import type { Model } from "../src/model/schema.ts";

export interface Net {
  readonly name: string;
  readonly model: Model;
  /** Numbers that are trained: all weights but the running means and variances of batch normalisation. */
  readonly parameters: number;
}

/** A value of a net, and the mean square to be expected of it. */
interface Value {
  node: SymbolicTensor;
  power: number;
}

type Activation = "relu" | "relu6" | "silu";

const ACTIVATIONS = { relu, relu6, silu };
/** Mean square of an activation's result when its input has the standard normal distribution. */
const POWER = { none: 1, relu: 0.5, relu6: 0.5, silu: 0.3557 };

const imageInput = (): Value => ({ node: input([224, 224, 3], { name: "image" }), power: 1 / 3 });

interface ConvOptions {
  stride?: number;
  /** Every channel on its own; `filters` must be the number of channels. */
  depthwise?: boolean;
  activation?: Activation;
}

/** Convolution, batch normalisation, activation: layers `name`, `name.bn`, `name.relu`. */
function conv(
  { node, power }: Value,
  name: string,
  filters: number,
  kernel: number,
  { stride = 1, depthwise = false, activation }: ConvOptions = {},
): Value {
  const common = {
    name,
    kernel,
    stride,
    padding: (kernel - 1) / 2,
    bias: false,
    kernelInitializer: "heUniform",
  } as const;
  const convolved = (depthwise ? depthwiseConv2d(common) : conv2d({ ...common, filters }))(node);
  const normed = batchNorm({ name: `${name}.bn`, varianceInitializer: { constant: 2 * power } })(convolved);
  if (!activation) return { node: normed, power: POWER.none };
  return {
    node: ACTIVATIONS[activation]({ name: `${name}.${activation}` })(normed),
    power: POWER[activation],
  };
}

/** The sum of two values that have little to do with each other. */
const sum = (a: Value, b: Value, name: string): Value => ({
  node: add({ name })(a.node, b.node),
  power: a.power + b.power,
});

const classes = (): Layer => dense({ name: "classes", units: 1000, kernelInitializer: "glorotUniform" });

/** Pools the whole map and tells the classes apart. */
function classify({ node }: Value, drop?: number): SymbolicTensor {
  const pooled = globalAvgPool({ name: "pool" })(node);
  return classes()(drop ? dropout({ name: "dropout", rate: drop })(pooled) : pooled);
}

/** "Deep Residual Learning for Image Recognition", He et al. 2015; the stride stands at the 3x3, as torchvision has it. */
function resnet(blocks: readonly number[], bottleneck: boolean): Model {
  const image = imageInput();
  const stem = conv(image, "stem", 64, 7, { stride: 2, activation: "relu" });
  let x: Value = {
    // The largest of nine values: its mean square is nearer 1.
    node: maxPool2d({ name: "stem.pool", size: 3, stride: 2, padding: 1 })(stem.node),
    power: 1,
  };
  let channels = 64;
  blocks.forEach((count, stage) => {
    const width = 64 << stage;
    const filters = bottleneck ? 4 * width : width;
    for (let block = 0; block < count; block++) {
      const name = `stage${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      let branch = x;
      if (bottleneck) {
        branch = conv(branch, `${name}.reduce`, width, 1, { activation: "relu" });
        branch = conv(branch, `${name}.conv`, width, 3, { stride, activation: "relu" });
        branch = conv(branch, `${name}.expand`, filters, 1);
      } else {
        branch = conv(branch, `${name}.conv1`, filters, 3, { stride, activation: "relu" });
        branch = conv(branch, `${name}.conv2`, filters, 3);
      }
      const shortcut =
        stride > 1 || channels !== filters ? conv(x, `${name}.shortcut`, filters, 1, { stride }) : x;
      const total = sum(branch, shortcut, `${name}.add`);
      // More than half of it stays: shortcuts are mostly above 0.
      x = { node: relu({ name: `${name}.relu` })(total.node), power: 0.7 * total.power };
      channels = filters;
    }
  });
  return model({ inputs: image.node, outputs: classify(x) });
}

/** "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Sandler et al. 2018. */
function mobileNetV2(): Model {
  const image = imageInput();
  let x = conv(image, "stem", 32, 3, { stride: 2, activation: "relu6" });
  let channels = 32;
  let number = 0;
  for (const [expansion, filters, count, first] of [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ])
    for (let i = 0; i < count; i++) {
      const name = `block${++number}`;
      const stride = i === 0 ? first : 1;
      const wide = channels * expansion;
      let y = x;
      if (expansion > 1) y = conv(y, `${name}.expand`, wide, 1, { activation: "relu6" });
      y = conv(y, `${name}.depthwise`, wide, 3, { stride, depthwise: true, activation: "relu6" });
      y = conv(y, `${name}.project`, filters, 1);
      x = stride === 1 && channels === filters ? sum(x, y, `${name}.add`) : y;
      channels = filters;
    }
  return model({
    inputs: image.node,
    outputs: classify(conv(x, "head", 1280, 1, { activation: "relu6" }), 0.2),
  });
}

/** "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", Tan and Le 2019; the smallest, B0. */
function efficientNetB0(): Model {
  const image = imageInput();
  const activation = "silu";
  let x = conv(image, "stem", 32, 3, { stride: 2, activation });
  let channels = 32;
  for (const [stage, [expansion, kernel, first, filters, count]] of [
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 5, 2, 40, 2],
    [6, 3, 2, 80, 3],
    [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4],
    [6, 3, 1, 320, 1],
  ].entries())
    for (let i = 0; i < count; i++) {
      const name = `stage${stage + 1}.${i}`;
      const stride = i === 0 ? first : 1;
      const wide = channels * expansion;
      let y = x;
      if (expansion > 1) y = conv(y, `${name}.expand`, wide, 1, { activation });
      y = conv(y, `${name}.depthwise`, wide, kernel, { stride, depthwise: true, activation });
      y = squeezeExcite(y, `${name}.se`, wide, channels >> 2);
      y = conv(y, `${name}.project`, filters, 1);
      x = stride === 1 && channels === filters ? sum(x, y, `${name}.add`) : y;
      channels = filters;
    }
  return model({ inputs: image.node, outputs: classify(conv(x, "head", 1280, 1, { activation }), 0.2) });
}

/** "Squeeze-and-Excitation Networks", Hu et al. 2017: each channel times a weight between 0 and 1 made of all channels' means. */
function squeezeExcite({ node, power }: Value, name: string, channels: number, squeezed: number): Value {
  // Small numbers before the sigmoid: the weights stay near 1/2.
  const kernelInitializer = "glorotUniform";
  const means = globalAvgPool({ name: `${name}.pool`, keepDims: true })(node);
  const few = conv2d({ name: `${name}.reduce`, filters: squeezed, kernel: 1, kernelInitializer })(means);
  const bent = silu({ name: `${name}.silu` })(few);
  const many = conv2d({ name: `${name}.expand`, filters: channels, kernel: 1, kernelInitializer })(bent);
  const weights = sigmoid({ name: `${name}.sigmoid` })(many);
  return { node: mul({ name: `${name}.scale` })(node, weights), power: power / 4 };
}

/** "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", Iandola et al. 2016; version 1.1. */
function squeezeNet(): Model {
  const common = { activation: "relu", kernelInitializer: "heUniform" } as const;
  const image = imageInput().node;
  const fire = (x: SymbolicTensor, name: string, squeeze: number, expand: number): SymbolicTensor => {
    const few = conv2d({ ...common, name: `${name}.squeeze`, filters: squeeze, kernel: 1 })(x);
    const one = conv2d({ ...common, name: `${name}.expand1x1`, filters: expand, kernel: 1 })(few);
    const three = conv2d({ ...common, name: `${name}.expand3x3`, filters: expand, kernel: 3, padding: 1 })(
      few,
    );
    return concat({ name: `${name}.concat` })(one, three);
  };
  const pool = (x: SymbolicTensor, name: string): SymbolicTensor =>
    maxPool2d({ name, size: 3, stride: 2, ceilMode: true })(x);
  let x = conv2d({ ...common, name: "stem", filters: 64, kernel: 3, stride: 2 })(image);
  x = pool(x, "pool1");
  x = fire(fire(x, "fire2", 16, 64), "fire3", 16, 64);
  x = pool(x, "pool3");
  x = fire(fire(x, "fire4", 32, 128), "fire5", 32, 128);
  x = pool(x, "pool5");
  x = fire(fire(x, "fire6", 48, 192), "fire7", 48, 192);
  x = fire(fire(x, "fire8", 64, 256), "fire9", 64, 256);
  x = dropout({ name: "dropout", rate: 0.5 })(x);
  x = conv2d({ ...common, name: "classes", filters: 1000, kernel: 1 })(x);
  return model({ inputs: image, outputs: globalAvgPool({ name: "pool" })(x) });
}

/** "Very Deep Convolutional Networks for Large-Scale Image Recognition", Simonyan and Zisserman 2014; configuration D. */
function vgg16(): Model {
  const common = { activation: "relu", kernelInitializer: "heUniform" } as const;
  const layers: Layer[] = [];
  for (const [stage, [filters, count]] of [
    [64, 2],
    [128, 2],
    [256, 3],
    [512, 3],
    [512, 3],
  ].entries()) {
    for (let i = 1; i <= count; i++)
      layers.push(conv2d({ ...common, name: `conv${stage + 1}_${i}`, filters, kernel: 3, padding: 1 }));
    layers.push(maxPool2d({ name: `pool${stage + 1}`, size: 2 }));
  }
  layers.push(flatten({ name: "flatten" }));
  for (const number of [6, 7])
    layers.push(
      dense({ ...common, name: `dense${number}`, units: 4096 }),
      dropout({ name: `dropout${number}`, rate: 0.5 }),
    );
  return sequential([224, 224, 3], [...layers, classes()], { inputName: "image" });
}

/** "Densely Connected Convolutional Networks", Huang et al. 2017; blocks of 6, 12, 24 and 16 layers, each adding 32 channels. */
function denseNet121(): Model {
  const [growth, blocks] = [32, [6, 12, 24, 16]];
  // Here batch normalisation comes before the convolution: activation and convolution follow `name.bn`.
  const normed = ({ node, power }: Value, name: string): Value => ({
    node: relu({ name: `${name}.relu` })(
      batchNorm({ name: `${name}.bn`, varianceInitializer: { constant: power } })(node),
    ),
    power: POWER.relu,
  });
  const convolved = ({ node, power }: Value, name: string, filters: number, kernel: number): Value => ({
    node: conv2d({
      ...{ name, filters, kernel, padding: (kernel - 1) / 2, bias: false, kernelInitializer: "heUniform" },
    })(node),
    power: 2 * power,
  });
  const image = imageInput();
  const stem = conv(image, "stem", 64, 7, { stride: 2, activation: "relu" });
  let x: Value = {
    // The largest of nine values of mean square 1/2.
    node: maxPool2d({ name: "stem.pool", size: 3, stride: 2, padding: 1 })(stem.node),
    power: 2.5,
  };
  let channels = 64;
  blocks.forEach((count, b) => {
    const block = `block${b + 1}`;
    for (let layer = 0; layer < count; layer++) {
      const name = `${block}.${layer}`;
      let y = conv(normed(x, `${name}.in`), `${name}.reduce`, 4 * growth, 1, { activation: "relu" });
      y = convolved(y, `${name}.conv`, growth, 3);
      const grown = channels + growth;
      x = {
        node: concat({ name: `${name}.concat` })(x.node, y.node),
        power: (channels * x.power + growth * y.power) / grown,
      };
      channels = grown;
    }
    if (b < blocks.length - 1) {
      channels /= 2;
      const y = convolved(normed(x, `${block}.out`), `${block}.halve`, channels, 1);
      // Neighbours are so much alike that their mean has nearly their mean square.
      x = { node: avgPool2d({ name: `${block}.pool`, size: 2 })(y.node), power: y.power };
    }
  });
  return model({ inputs: image.node, outputs: classify(normed(x, "head")) });
}

export const nets: readonly Net[] = [
  { name: "ResNet-18", model: resnet([2, 2, 2, 2], false), parameters: 11_689_512 },
  { name: "ResNet-50", model: resnet([3, 4, 6, 3], true), parameters: 25_557_032 },
  { name: "MobileNetV2", model: mobileNetV2(), parameters: 3_504_872 },
  { name: "SqueezeNet 1.1", model: squeezeNet(), parameters: 1_235_496 },
  { name: "EfficientNet-B0", model: efficientNetB0(), parameters: 5_288_548 },
  { name: "DenseNet-121", model: denseNet121(), parameters: 7_978_856 },
  { name: "VGG-16", model: vgg16(), parameters: 138_357_544 },
];
