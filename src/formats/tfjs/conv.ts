// Keras convolutions: dense, depthwise, separable and transposed, over one to three axes.
import { FormatError } from "../../errors.ts";
import * as layers from "../../layers/conv.ts";
import {
  biasOf,
  type Call,
  epilogueOf,
  PADDING,
  spatialInput,
  type Translation,
  type Translations,
} from "./call.ts";

/** Kernel size, stride, dilation and padding. "causal" pads in front only: no output sees what comes after it. */
function windowOf({ config }: Call, axes: number) {
  const kernel = config.sizes("kernel_size", axes, 1);
  const stride = config.sizes("strides", axes, 1, 1);
  const dilation = config.sizes("dilation_rate", axes, 1, 1);
  const words = axes === 1 ? ([...PADDING, "causal"] as const) : PADDING;
  const word = config.word("padding", words, "valid");
  const padding = word === "causal" ? [[(kernel[0] - 1) * dilation[0], 0] as const] : word;
  return { kernel, stride, dilation, padding };
}

const convolution =
  (axes: number, layer: typeof layers.conv2d): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const filters = call.config.integer("filters", 1);
    const groups = call.config.integer("groups", 1, 1);
    const window = windowOf(call, axes);
    const weights = {
      kernel: call.weight("kernel", [...window.kernel, x.channels && x.channels / groups, filters]),
      ...biasOf(call, filters),
    };
    const config = { filters, ...window, groups, ...epilogueOf(call, weights) };
    return call.emit(layer(config), [x], { channels: filters, weights });
  };

/** Output channels per input channel. TensorFlow.js does not save that of SeparableConv2D: the weight tells. */
function multiplierOf({ config, shapeOf }: Call): number {
  return config.integer("depth_multiplier", 1, shapeOf("depthwise_kernel")?.at(-1) ?? 1);
}

// Keras' depthwise kernels are [k..., in, multiplier], ours [k..., 1, in * multiplier]: the same bytes.
const depthwise =
  (axes: number, layer: typeof layers.depthwiseConv2d): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const multiplier = multiplierOf(call);
    const window = windowOf(call, axes);
    const kernel = call.weight("depthwise_kernel", [...window.kernel, x.channels, multiplier]);
    const filters = kernel.length / window.kernel.reduce((a, b) => a * b);
    const weights = { kernel, ...biasOf(call, filters) };
    const config = { multiplier, ...window, ...epilogueOf(call, weights) };
    return call.emit(layer(config), [x], { channels: filters, weights });
  };

const separable =
  (axes: number, layer: typeof layers.separableConv2d): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const filters = call.config.integer("filters", 1);
    const multiplier = multiplierOf(call);
    const window = windowOf(call, axes);
    const ones = new Array<number>(axes).fill(1);
    const weights = {
      depthwise: call.weight("depthwise_kernel", [...window.kernel, x.channels, multiplier]),
      pointwise: call.weight("pointwise_kernel", [...ones, x.channels && x.channels * multiplier, filters]),
      ...biasOf(call, filters),
    };
    const config = { filters, multiplier, ...window, ...epilogueOf(call, weights) };
    return call.emit(layer(config), [x], { channels: filters, weights });
  };

/**
 * Output size less (in − 1) * stride + extent, the size that every tap of every input pixel fills; `extent` is that of the
 * dilated kernel. Keras' deconv_output_length.
 */
function excess(extent: number, stride: number, same: boolean, outputPadding: number | undefined): number {
  if (outputPadding !== undefined) return outputPadding - (same ? 2 * Math.floor(extent / 2) : 0);
  return same ? stride - extent : Math.max(stride - extent, 0);
}

// Keras' kernels are [k..., out, in], ours [k..., in, out]. What is cut off is the padding of the convolution that this one
// transposes: half before, an odd rest after.
const transposed =
  (axes: number, layer: typeof layers.convTranspose2d): Translation =>
  (call) => {
    const { config, where } = call;
    const x = spatialInput(call, axes);
    const filters = config.integer("filters", 1);
    const kernel = config.sizes("kernel_size", axes, 1);
    const stride = config.sizes("strides", axes, 1, 1);
    const dilation = config.sizes("dilation_rate", axes, 1, 1);
    const word = config.word("padding", PADDING, "valid");
    const given = config.has("output_padding") ? config.sizes("output_padding", axes, 0) : undefined;
    const excesses = kernel.map((k, i) => {
      const extent = dilation[i] * (k - 1) + 1;
      const size = excess(extent, stride[i], word === "same", given?.[i]);
      const [smallest, largest] = word === "same" ? [1 - extent, stride[i] - extent] : [0, stride[i] - 1];
      if (size < smallest || size > largest)
        throw new FormatError(
          `${where}: output_padding ${given?.[i]} does not go with kernel ${k}, stride ${stride[i]} and padding ` +
            `"${word}": a convolution of the output would not have the input's size`,
        );
      return size;
    });
    const padding = excesses.map((size) => {
      const cut = Math.max(-size, 0);
      return [Math.floor(cut / 2), Math.ceil(cut / 2)] as const;
    });
    const outputPadding = excesses.map((size) => Math.max(size, 0));

    const taps = kernel.reduce((a, b) => a * b);
    const swap = (stored: Float32Array): Float32Array =>
      swapLastAxes(stored, filters, stored.length / filters / taps);
    const weights = {
      kernel: call.weight("kernel", [...kernel, filters, x.channels], swap),
      ...biasOf(call, filters),
    };
    const params = {
      filters,
      kernel,
      stride,
      dilation,
      padding,
      outputPadding,
      ...epilogueOf(call, weights),
    };
    return call.emit(layer(params), [x], { channels: filters, weights });
  };

/** Matrices [..., rows, columns] to [..., columns, rows]. */
function swapLastAxes(data: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let m = 0; m < data.length; m += rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) out[m + c * rows + r] = data[m + r * columns + c];
  return out;
}

export const convTranslations: Translations = {
  Conv1D: convolution(1, layers.conv1d),
  Conv2D: convolution(2, layers.conv2d),
  Conv3D: convolution(3, layers.conv3d),
  DepthwiseConv1D: depthwise(1, layers.depthwiseConv1d),
  DepthwiseConv2D: depthwise(2, layers.depthwiseConv2d),
  SeparableConv1D: separable(1, layers.separableConv1d),
  SeparableConv2D: separable(2, layers.separableConv2d),
  Conv1DTranspose: transposed(1, layers.convTranspose1d),
  Conv2DTranspose: transposed(2, layers.convTranspose2d),
  Conv3DTranspose: transposed(3, layers.convTranspose3d),
};
