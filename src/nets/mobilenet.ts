// "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Sandler et al. 2018.
import { add } from "../layers/index.ts";
import type { Model } from "../model/schema.ts";
import { aNumberAbove } from "../validate.ts";
import { checkNet, classifier, convNorm, imageInput, multipleOfEight, type NetOptions } from "./parts.ts";

export interface MobileNetOptions extends NetOptions {
  /** All numbers of channels times this, rounded to multiples of eight. Default 1. */
  width?: number;
}

/** Expansion, channels, blocks and first stride of each stage. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2 as torchvision has it, with the names of its modules: 3,504,872 parameters for 1000 classes at width 1. */
export function mobileNetV2(options: MobileNetOptions = {}): Model<[string]> {
  checkNet("mobileNetV2", options, { width: aNumberAbove(0) });
  const { inputShape, classes, width = 1 } = options;
  const activation = "relu6";
  const image = imageInput(inputShape);
  let channels = multipleOfEight(32 * width);
  let x = convNorm(image, ["features.0.0", "features.0.1"], channels, 3, { stride: 2, activation });
  let number = 0;
  for (const [expansion, base, count, first] of STAGES)
    for (let i = 0; i < count; i++) {
      const block = `features.${++number}`;
      const filters = multipleOfEight(base * width);
      const stride = i === 0 ? first : 1;
      const wide = channels * expansion;
      let part = 0;
      const nested = () => [`${block}.conv.${part}.0`, `${block}.conv.${part++}.1`] as const;
      let y = x;
      if (expansion > 1) y = convNorm(y, nested(), wide, 1, { activation });
      y = convNorm(y, nested(), wide, 3, { stride, depthwise: true, activation });
      y = convNorm(y, [`${block}.conv.${part}`, `${block}.conv.${part + 1}`], filters, 1);
      x = stride === 1 && channels === filters ? add({ name: `${block}.add` })(x, y) : y;
      channels = filters;
    }
  const last = multipleOfEight(1280 * Math.max(1, width));
  x = convNorm(x, ["features.18.0", "features.18.1"], last, 1, { activation });
  return classifier(image, x, "classifier.1", classes, 0.2);
}
