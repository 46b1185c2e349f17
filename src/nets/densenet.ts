// "Densely Connected Convolutional Networks", Huang et al. 2017; blocks of 6, 12, 24 and 16 layers, each adding 32 channels.
import { avgPool2d, batchNorm, concat, conv2d, maxPool2d, relu } from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import type { Model } from "../model/schema.ts";
import { checkNet, classifier, convNorm, imageInput, type NetOptions, plainConv } from "./parts.ts";

const GROWTH = 32;
const BLOCKS = [6, 12, 24, 16] as const;

/** DenseNet-121 as torchvision has it, with the names of its modules: 7,978,856 parameters for 1000 classes. */
export function denseNet121(options: NetOptions = {}): Model<[string]> {
  checkNet("denseNet121", options, {});
  const image = imageInput(options.inputShape);
  const stem = convNorm(image, ["features.conv0", "features.norm0"], 64, 7, {
    stride: 2,
    activation: "relu",
  });
  let x = maxPool2d({ name: "features.pool0", size: 3, stride: 2, padding: 1 })(stem);
  let channels = 64;
  for (const [i, count] of BLOCKS.entries()) {
    for (let layer = 1; layer <= count; layer++) {
      const name = `features.denseblock${i + 1}.denselayer${layer}`;
      const grown = denseLayer(x, name);
      x = concat({ name: `${name}.concat` })(x, grown);
      channels += GROWTH;
    }
    if (i < BLOCKS.length - 1) {
      channels /= 2;
      const name = `features.transition${i + 1}`;
      const half = conv2d({ ...plainConv(`${name}.conv`, 1), filters: channels })(
        normRelu(x, `${name}.norm`),
      );
      x = avgPool2d({ name: `${name}.pool`, size: 2 })(half);
    }
  }
  return classifier(image, normRelu(x, "features.norm5"), "classifier", options.classes);
}

/** The channels that a layer of a block adds. */
function denseLayer(x: SymbolicTensor, name: string): SymbolicTensor {
  const few = convNorm(normRelu(x, `${name}.norm1`), [`${name}.conv1`, `${name}.norm2`], 4 * GROWTH, 1, {
    activation: "relu",
  });
  return conv2d({ ...plainConv(`${name}.conv2`, 3), filters: GROWTH })(few);
}

/** Here normalisation and activation come before the convolution. */
const normRelu = (x: SymbolicTensor, name: string): SymbolicTensor =>
  relu({ name: `${name}.relu` })(batchNorm({ name })(x));
