// The nets whose training is measured. Padding is given in pixels, as PyTorch pads.
import {
  add,
  batchNorm,
  concat,
  conv2d,
  convTranspose2d,
  dense,
  flatten,
  globalAvgPool,
  leakyRelu,
  maxPool2d,
  relu,
  reshape,
  sigmoid,
} from "../../src/layers/index.ts";
import type { SymbolicTensor } from "../../src/layers/layer.ts";
import { input, model, sequential } from "../../src/model/build-model.ts";
import type { Model } from "../../src/model/schema.ts";
import type { TrainNet } from "./train-task.ts";

/** Convolution that keeps the size at stride 1, normalisation and, unless it is left out, ReLU. */
function convNorm(x: SymbolicTensor, filters: number, { kernel = 3, stride = 1, active = true } = {}) {
  const padding = (kernel - 1) / 2;
  const y = batchNorm()(
    conv2d({ filters, kernel, stride, padding, bias: false, kernelInitializer: "heUniform" })(x),
  );
  return active ? relu()(y) : y;
}

function mnistCnn(): Model {
  const conv = (filters: number) => [
    conv2d({ filters, kernel: 3, padding: 1 }),
    relu(),
    maxPool2d({ size: 2 }),
  ];
  return sequential([28, 28, 1], [...conv(16), ...conv(32), flatten(), dense({ units: 10 })]);
}

function vgg(): Model {
  const image = input([32, 32, 3]);
  let x = image;
  for (const filters of [32, 64, 128]) {
    x = convNorm(convNorm(x, filters), filters);
    x = filters < 128 ? maxPool2d({ size: 2 })(x) : globalAvgPool()(x);
  }
  return model({ inputs: image, outputs: dense({ units: 10 })(x) });
}

/** As for CIFAR-10: a 3x3 stem and no pooling before the first of four stages of two blocks, which end at 4 x 4. */
function resnet18(): Model {
  const image = input([32, 32, 3]);
  let x = convNorm(image, 64);
  for (const [stage, filters] of [64, 128, 256, 512].entries())
    for (const block of [0, 1]) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const branch = convNorm(convNorm(x, filters, { stride }), filters, { active: false });
      const shortcut = stride > 1 ? convNorm(x, filters, { kernel: 1, stride, active: false }) : x;
      x = relu()(add()(branch, shortcut));
    }
  return model({ inputs: image, outputs: dense({ units: 10 })(globalAvgPool()(x)) });
}

/** 16 to 128 channels, down to 8 x 8 and up again to a logit per pixel. */
function unet(): Model {
  const image = input([64, 64, 3]);
  const twice = (x: SymbolicTensor, filters: number) => convNorm(convNorm(x, filters), filters);
  const passed: SymbolicTensor[] = [];
  let x = twice(image, 16);
  for (const filters of [32, 64, 128]) {
    passed.push(x);
    x = twice(maxPool2d({ size: 2 })(x), filters);
  }
  for (const filters of [64, 32, 16])
    x = twice(concat()(passed.pop()!, convTranspose2d({ filters, kernel: 2, stride: 2 })(x)), filters);
  return model({ inputs: image, outputs: conv2d({ filters: 1, kernel: 1 })(x) });
}

const TWICE = { kernel: 4, stride: 2, padding: 1 } as const;

/** 64 numbers to an image of 28 x 28. */
const generator = (): Model =>
  sequential(
    [64],
    [
      ...[dense({ units: 7 * 7 * 64 }), batchNorm(), relu(), reshape({ shape: [0, 7, 7, 64] })],
      ...[convTranspose2d({ filters: 32, ...TWICE, bias: false }), batchNorm(), relu()],
      ...[convTranspose2d({ filters: 1, ...TWICE }), sigmoid()],
    ],
  );

/** An image of 28 x 28 to a logit. */
const critic = (): Model =>
  sequential(
    [28, 28, 1],
    [
      ...[conv2d({ filters: 32, ...TWICE }), leakyRelu({ alpha: 0.2 })],
      ...[conv2d({ filters: 64, ...TWICE }), leakyRelu({ alpha: 0.2 })],
      ...[flatten(), dense({ units: 1 })],
    ],
  );

const SGD = { kind: "sgd", learningRate: 0.01, momentum: 0.9 } as const;
const classifier = { loss: "softmaxCrossEntropy", optimizer: SGD, targets: 1 } as const;

export const trainNets: readonly TrainNet[] = [
  { name: "MNIST CNN, batch 64", batchSize: 64, model: mnistCnn(), ...classifier },
  { name: "CIFAR VGG, batch 32", batchSize: 32, model: vgg(), ...classifier },
  { name: "ResNet-18 on 32², batch 16", batchSize: 16, model: resnet18(), ...classifier },
  {
    ...{ name: "U-Net on 64², batch 8", batchSize: 8, model: unet(), targets: 64 * 64 },
    ...{ loss: "dice", optimizer: { kind: "adam", learningRate: 1e-3, beta1: 0.9 } },
  },
  {
    ...{
      name: "GAN on 28², batch 64",
      batchSize: 64,
      model: generator(),
      critic: critic(),
      targets: 28 * 28,
    },
    ...{ loss: "gan", optimizer: { kind: "adam", learningRate: 2e-4, beta1: 0.5 } },
  },
];
