// "Deep Residual Learning for Image Recognition", He et al. 2015; the stride stands at the 3x3, as torchvision has it.
import { add, maxPool2d, relu } from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import type { Model } from "../model/schema.ts";
import { checkNet, classifier, convNorm, imageInput, type NetOptions } from "./parts.ts";

/** ResNet-18 as torchvision has it, with the names of its modules: 11,689,512 parameters for 1000 classes. */
export const resnet18 = (options: NetOptions = {}): Model<[string]> =>
  resnet("resnet18", options, [2, 2, 2, 2]);

/** ResNet-34 as torchvision has it, with the names of its modules: 21,797,672 parameters for 1000 classes. */
export const resnet34 = (options: NetOptions = {}): Model<[string]> =>
  resnet("resnet34", options, [3, 4, 6, 3]);

/** ResNet-50 as torchvision has it, with the names of its modules: 25,557,032 parameters for 1000 classes. */
export const resnet50 = (options: NetOptions = {}): Model<[string]> =>
  resnet("resnet50", options, [3, 4, 6, 3], true);

/** Four stages of so many blocks, each half the size and twice the width of the one before. */
function resnet(
  where: string,
  options: NetOptions,
  stages: readonly number[],
  bottleneck = false,
): Model<[string]> {
  checkNet(where, options, {});
  const image = imageInput(options.inputShape);
  const stem = convNorm(image, ["conv1", "bn1"], 64, 7, { stride: 2, activation: "relu" });
  let x = maxPool2d({ name: "maxpool", size: 3, stride: 2, padding: 1 })(stem);
  let channels = 64;
  stages.forEach((count, stage) => {
    const width = 64 << stage;
    const filters = bottleneck ? 4 * width : width;
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const same = stride === 1 && channels === filters;
      const shortcut = same
        ? x
        : convNorm(x, [`${name}.downsample.0`, `${name}.downsample.1`], filters, 1, { stride });
      const branch = (bottleneck ? threeConvs : twoConvs)(x, name, width, stride);
      x = relu({ name: `${name}.relu` })(add({ name: `${name}.add` })(branch, shortcut));
      channels = filters;
    }
  });
  return classifier(image, x, "fc", options.classes);
}

const names = (block: string, i: number) => [`${block}.conv${i}`, `${block}.bn${i}`] as const;

function twoConvs(x: SymbolicTensor, block: string, width: number, stride: number): SymbolicTensor {
  const y = convNorm(x, names(block, 1), width, 3, { stride, activation: "relu" });
  return convNorm(y, names(block, 2), width, 3);
}

function threeConvs(x: SymbolicTensor, block: string, width: number, stride: number): SymbolicTensor {
  let y = convNorm(x, names(block, 1), width, 1, { activation: "relu" });
  y = convNorm(y, names(block, 2), width, 3, { stride, activation: "relu" });
  return convNorm(y, names(block, 3), 4 * width, 1);
}
