// "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", Tan and Le 2019; the smallest, B0.
import { add, conv2d, globalAvgPool, mul, sigmoid, silu } from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import type { Model } from "../model/schema.ts";
import { checkNet, classifier, convNorm, imageInput, type NetOptions } from "./parts.ts";

/** Expansion, kernel, first stride, channels and blocks of each stage. */
const STAGES = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** EfficientNet-B0 as torchvision has it, with the names of its modules: 5,288,548 parameters for 1000 classes. */
export function efficientNetB0(options: NetOptions = {}): Model<[string]> {
  checkNet("efficientNetB0", options, {});
  const activation = "silu";
  const image = imageInput(options.inputShape);
  let x = convNorm(image, ["features.0.0", "features.0.1"], 32, 3, { stride: 2, activation });
  let channels = 32;
  for (const [stage, [expansion, kernel, first, filters, count]] of STAGES.entries())
    for (let i = 0; i < count; i++) {
      const block = `features.${stage + 1}.${i}`;
      const stride = i === 0 ? first : 1;
      const wide = channels * expansion;
      let part = 0;
      const names = () => [`${block}.block.${part}.0`, `${block}.block.${part++}.1`] as const;
      let y = x;
      if (expansion > 1) y = convNorm(y, names(), wide, 1, { activation });
      y = convNorm(y, names(), wide, kernel, { stride, depthwise: true, activation });
      y = squeezeExcite(y, `${block}.block.${part++}`, wide, channels >> 2);
      y = convNorm(y, names(), filters, 1);
      x = stride === 1 && channels === filters ? add({ name: `${block}.add` })(x, y) : y;
      channels = filters;
    }
  x = convNorm(x, ["features.8.0", "features.8.1"], 1280, 1, { activation });
  return classifier(image, x, "classifier.1", options.classes, 0.2);
}

/** "Squeeze-and-Excitation Networks", Hu et al. 2017: each channel times a weight between 0 and 1 made of all channels' means. */
function squeezeExcite(x: SymbolicTensor, name: string, channels: number, squeezed: number): SymbolicTensor {
  const means = globalAvgPool({ name: `${name}.avgpool`, keepDims: true })(x);
  const few = conv2d({ name: `${name}.fc1`, filters: squeezed, kernel: 1 })(means);
  const bent = silu({ name: `${name}.silu` })(few);
  const many = conv2d({ name: `${name}.fc2`, filters: channels, kernel: 1 })(bent);
  const weights = sigmoid({ name: `${name}.sigmoid` })(many);
  return mul({ name: `${name}.scale` })(x, weights);
}
