// "U-Net: Convolutional Networks for Biomedical Image Segmentation", Ronneberger et al. 2015, padded and with batch normalisation, as
// github.com/milesial/Pytorch-UNet has it.
import { ArgumentError } from "../errors.ts";
import { concat, conv2d, convTranspose2d, maxPool2d, upsample } from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import { model } from "../model/build-model.ts";
import type { Model } from "../model/schema.ts";
import { aFlag, describe } from "../validate.ts";
import { checkNet, convNorm, imageInput, type NetOptions } from "./parts.ts";

export interface UNetOptions extends NetOptions {
  /** Enlarges maps by bilinear interpolation instead of transposed convolutions. Default false. */
  bilinear?: boolean;
}

/** Channels on the way down. */
const WIDTHS = [64, 128, 256, 512, 1024] as const;

/**
 * U-Net with the names of milesial's Pytorch-UNet: a map [height, width, classes] of logits for an image. Default inputShape
 * [256, 256, 3], of which height and width must be multiples of 16, and 2 classes: 31,037,698 parameters.
 */
export function unet(options: UNetOptions = {}): Model<[string]> {
  checkNet("unet", options, { bilinear: aFlag });
  const { inputShape = [256, 256, 3], classes = 2, bilinear = false } = options;
  const least = 2 ** (WIDTHS.length - 1);
  if (inputShape.slice(0, 2).some((side) => side !== null && side % least !== 0))
    throw new ArgumentError(
      `unet: inputShape is ${describe(inputShape)} but height and width must be multiples of ${least}, or null`,
    );
  const image = imageInput(inputShape);
  // Interpolation keeps channels, which the layers before it halve instead.
  const halve = bilinear ? 2 : 1;
  const steps = WIDTHS.length - 1;
  const passed: SymbolicTensor[] = [];
  let x = twoConvs(image, "inc", WIDTHS[0]);
  for (let i = 1; i <= steps; i++) {
    passed.push(x);
    const pooled = maxPool2d({ name: `down${i}.maxpool_conv.0`, size: 2 })(x);
    x = twoConvs(pooled, `down${i}.maxpool_conv.1`, i === steps ? WIDTHS[i] / halve : WIDTHS[i]);
  }
  for (let i = 1; i <= steps; i++) {
    const filters = WIDTHS[steps - i];
    const name = `up${i}.up`;
    const large = bilinear
      ? upsample({ name, factor: 2, method: "linear", coordinates: "alignCorners" })(x)
      : convTranspose2d({ name, filters, kernel: 2, stride: 2, kernelInitializer: "heUniform" })(x);
    const both = concat({ name: `up${i}.concat` })(passed.pop()!, large);
    x = bilinear
      ? twoConvs(both, `up${i}.conv`, i === steps ? filters : filters / 2, filters)
      : twoConvs(both, `up${i}.conv`, filters);
  }
  return model({ inputs: image, outputs: conv2d({ name: "outc.conv", filters: classes, kernel: 1 })(x) });
}

/** Twice a convolution, normalisation and activation. */
function twoConvs(x: SymbolicTensor, name: string, filters: number, between = filters): SymbolicTensor {
  const activation = "relu";
  const names = (i: number) => [`${name}.double_conv.${i}`, `${name}.double_conv.${i + 1}`] as const;
  const y = convNorm(x, names(0), between, 3, { activation });
  return convNorm(y, names(3), filters, 3, { activation });
}
