// "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", Iandola et al. 2016; version 1.1.
import { concat, conv2d, dropout, globalAvgPool, maxPool2d } from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import { model } from "../model/build-model.ts";
import type { Model } from "../model/schema.ts";
import { checkNet, imageInput, type NetOptions } from "./parts.ts";

/** SqueezeNet 1.1 as torchvision has it, with the names of its modules: 1,235,496 parameters for 1000 classes. */
export function squeezeNet(options: NetOptions = {}): Model<[string]> {
  checkNet("squeezeNet", options, {});
  const { inputShape, classes = 1000 } = options;
  const image = imageInput(inputShape);
  let x = conv2d({ ...COMMON, name: "features.0", filters: 64, kernel: 3, stride: 2 })(image);
  /** Where the modules stand in `features`; the channels that a fire module squeezes to, and expands to twice. */
  for (const [place, widths] of [
    [2],
    [3, [16, 64]],
    [4, [16, 64]],
    [5],
    [6, [32, 128]],
    [7, [32, 128]],
    [8],
    [9, [48, 192]],
    [10, [48, 192]],
    [11, [64, 256]],
    [12, [64, 256]],
  ] as const) {
    const name = `features.${place}`;
    x = widths ? fire(x, name, widths) : maxPool2d({ name, size: 3, stride: 2, ceilMode: true })(x);
  }
  x = dropout({ name: "classifier.0", rate: 0.5 })(x);
  x = conv2d({ ...COMMON, name: "classifier.1", filters: classes, kernel: 1 })(x);
  return model({ inputs: image, outputs: globalAvgPool({ name: "classifier.3" })(x) });
}

const COMMON = { activation: "relu", kernelInitializer: "heUniform" } as const;

function fire(
  x: SymbolicTensor,
  name: string,
  [squeeze, expand]: readonly [squeeze: number, expand: number],
): SymbolicTensor {
  const few = conv2d({ ...COMMON, name: `${name}.squeeze`, filters: squeeze, kernel: 1 })(x);
  const one = conv2d({ ...COMMON, name: `${name}.expand1x1`, filters: expand, kernel: 1 })(few);
  const three = conv2d({ ...COMMON, name: `${name}.expand3x3`, filters: expand, kernel: 3, padding: 1 })(few);
  return concat({ name: `${name}.concat` })(one, three);
}
