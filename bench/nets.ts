// Whole nets of convolith/nets, for images of 224 x 224 and 1000 classes, with random weights.
//
// Values stay near 1 however deep a net is: He's initialisation doubles the mean square of what a convolution reads, so each batch
// normalisation is given the mean square to be expected as the variance it has seen.
import type { Model } from "../src/model/schema.ts";
import {
  denseNet121,
  efficientNetB0,
  mobileNetV2,
  resnet18,
  resnet50,
  squeezeNet,
  vgg16,
} from "../src/nets/index.ts";

export interface Net {
  readonly name: string;
  readonly model: Model;
  /** Numbers that are trained: all weights but the running means and variances of batch normalisation. */
  readonly parameters: number;
}

/** Mean square to be expected of what a layer gives, by those of what it reads. */
const POWER: Readonly<Record<string, (read: readonly number[]) => number>> = {
  conv2d: ([x]) => 2 * x,
  depthwiseConv2d: ([x]) => 2 * x,
  batchNorm: () => 1,
  // Half of it, but more of a sum, whose parts are mostly above 0.
  relu: ([x]) => (x > 1 ? 0.7 : 0.5) * x,
  relu6: ([x]) => x / 2,
  silu: ([x]) => 0.36 * x,
  sigmoid: () => 1 / 4,
  // The largest of nine values.
  maxPool2d: ([x]) => 2 * x,
  add: ([a, b]) => a + b,
  mul: ([a, b]) => a * b,
  concat: (parts) => Math.max(...parts),
};

/** The net with variances that fit its initial weights. */
function calibrated(model: Model): Model {
  const powers = new Map(model.inputs.map(({ name }) => [name, 1 / 3]));
  const layers = model.layers.map((layer) => {
    const read = layer.inputs.map((name) => powers.get(name)!);
    powers.set(layer.name, POWER[layer.kind]?.(read) ?? read[0]);
    if (layer.kind !== "batchNorm") return layer;
    return { ...layer, config: { ...layer.config, varianceInitializer: { constant: read[0] } } };
  });
  return { ...model, layers };
}

const net = (name: string, model: Model, parameters: number): Net => ({
  name,
  model: calibrated(model),
  parameters,
});

export const nets: readonly Net[] = [
  net("ResNet-18", resnet18(), 11_689_512),
  net("ResNet-50", resnet50(), 25_557_032),
  net("MobileNetV2", mobileNetV2(), 3_504_872),
  net("SqueezeNet 1.1", squeezeNet(), 1_235_496),
  net("EfficientNet-B0", efficientNetB0(), 5_288_548),
  net("DenseNet-121", denseNet121(), 7_978_856),
  net("VGG-16", vgg16(), 138_357_544),
];
