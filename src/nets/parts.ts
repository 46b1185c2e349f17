// What the families of nets share: their options, and blocks of layers. Layers with weights have the names of PyTorch's modules, so that
// weights are found by name; padding is given in pixels, as PyTorch pads, and never "same", which pads otherwise at stride 2.
import { aCount } from "../layers/checks.ts";
import {
  batchNorm,
  conv2d,
  dense,
  depthwiseConv2d,
  dropout,
  globalAvgPool,
  relu,
  relu6,
  silu,
} from "../layers/index.ts";
import type { SymbolicTensor } from "../layers/layer.ts";
import { input, model } from "../model/build-model.ts";
import type { InputShape, Model } from "../model/schema.ts";
import { type Check, type Checks, checkOptions, refuse } from "../validate.ts";

export interface NetOptions {
  /** Height, width and channels of an image; null for a height or width that is given to `engine.compile`. Default [224, 224, 3]. */
  inputShape?: InputShape;
  /** How many classes are told apart. Default 1000, ImageNet's. */
  classes?: number;
}

const anImageShape: Check<InputShape> = (value, name, where) => {
  if (!Array.isArray(value) || value.length !== 3 || value[2] === null)
    refuse(
      value,
      name,
      where,
      "[height, width, channels], such as [224, 224, 3]; height and width may be null",
    );
};

const NET_OPTIONS: Checks<NetOptions> = { inputShape: anImageShape, classes: aCount };

/** Throws ArgumentError unless the options are those of every net, and `more` of this one. */
export function checkNet<O extends NetOptions>(
  where: string,
  options: O,
  more: Checks<Omit<O, keyof NetOptions>>,
): void {
  checkOptions(where, options, { ...NET_OPTIONS, ...more });
}

/** The image a net reads. */
export const imageInput = (shape: InputShape = [224, 224, 3]): SymbolicTensor =>
  input(shape, { name: "image" });

const ACTIVATIONS = { relu, relu6, silu };
type Activation = keyof typeof ACTIVATIONS;

export interface BlockOptions {
  stride?: number;
  /** Every channel on its own; `filters` must be the number of channels. */
  depthwise?: boolean;
  activation?: Activation;
}

/**
 * Convolution of an odd size, without bias, so padded that stride 1 keeps the size; batch normalisation; activation. Names are those of
 * the first two.
 */
export function convNorm(
  x: SymbolicTensor,
  [conv, norm]: readonly [conv: string, norm: string],
  filters: number,
  kernel: number,
  { stride = 1, depthwise = false, activation }: BlockOptions = {},
): SymbolicTensor {
  const common = { ...plainConv(conv, kernel), stride };
  const convolved = (depthwise ? depthwiseConv2d(common) : conv2d({ ...common, filters }))(x);
  const normed = batchNorm({ name: norm })(convolved);
  return activation ? ACTIVATIONS[activation]({ name: `${norm}.${activation}` })(normed) : normed;
}

/** Options of a convolution of an odd size that keeps the size of the image, and leaves its bias to the normalisation beside it. */
export const plainConv = (name: string, kernel: number) =>
  ({ name, kernel, padding: (kernel - 1) / 2, bias: false, kernelInitializer: "heUniform" }) as const;

/** The next multiple of eight channels, unless that takes more than a tenth away: how the widths of mobile nets are rounded. */
export function multipleOfEight(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** The mean of every channel, and from these the classes: the net of that image. */
export function classifier(
  image: SymbolicTensor,
  x: SymbolicTensor,
  name: string,
  classes = 1000,
  rate?: number,
): Model<[string]> {
  const means = globalAvgPool({ name: "avgpool" })(x);
  const kept = rate === undefined ? means : dropout({ name: "dropout", rate })(means);
  return model({ inputs: image, outputs: dense({ name, units: classes })(kept) });
}
