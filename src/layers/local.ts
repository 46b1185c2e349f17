// Convolution without shared weights: a filter of its own for every pixel of the output.
import { ShapeError } from "../errors.ts";
import type { Edge, Graph } from "../graph/graph.ts";
import { perAxis, show } from "../ops/check.ts";
import { binary } from "../ops/elementwise.ts";
import { im2col } from "../ops/im2col.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape, transpose } from "../ops/shape.ts";
import { type Padding, slide } from "../ops/window.ts";
import type { Shape } from "../tensor.ts";
import { aFlag, needed } from "../validate.ts";
import { aCount, anActivation, anInitializer, aPadding, aPerAxis, layerOnly } from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, type Named, type PerAxis } from "./layer.ts";

export interface LocallyConnectedConfig extends Named {
  /** Output channels. */
  filters: number;
  /** Window size: one number for both axes, or one per axis. */
  kernel: PerAxis;
  /** Default 1. */
  stride?: PerAxis;
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Whether a bias is added, one per pixel and channel of the output. Default true. */
  bias?: boolean;
  /** Applied to the result. Default none. */
  activation?: ActivationConfig;
  /** Default "glorotUniform", by the window's size. */
  kernelInitializer?: Initializer;
  /** Default "zeros". */
  biasInitializer?: Initializer;
}

const windowOf = (c: LocallyConnectedConfig, where: string) => ({
  kernel: perAxis(c.kernel, 2, "kernel", where, 1),
  stride: perAxis(c.stride ?? 1, 2, "stride", where, 1),
  dilation: [1, 1],
  padding: c.padding ?? ("valid" as const),
});

/** Options that say which weights to make. */
type WeightOptions = "filters" | "bias" | "kernelInitializer" | "biasInitializer";

function mustHave({ shape }: Edge, wanted: Shape, name: string, where: string): void {
  if (show(shape) !== show(wanted))
    throw new ShapeError(`${where}: ${name} has shape ${show(shape)} but must have ${show(wanted)}`);
}

const reshaped = (g: Graph, x: Edge, shape: Shape): Edge => g.op(reshape, [x], { shape });

/**
 * A convolution over [h, w, c] whose filter is another one at every pixel of the output: for what is not alike everywhere, and to see
 * what sharing weights saves. Its time and its weights grow with the number of pixels. Weights: kernel [oh, ow, kh * kw * c, filters],
 * bias [oh, ow, filters].
 */
export const locallyConnected2d = defineLayer<LocallyConnectedConfig, WeightOptions>("locallyConnected2d", {
  options: {
    filters: layerOnly(needed(aCount, "16")),
    kernel: needed(aPerAxis(1), "3"),
    stride: aPerAxis(1),
    padding: aPadding,
    bias: layerOnly(aFlag),
    activation: anActivation,
    kernelInitializer: layerOnly(anInitializer),
    biasInitializer: layerOnly(anInitializer),
  },
  axes: 2,
  ...{ weights: ["kernel", "bias"], operands: 1 },
  parameters(c, [x], where) {
    const window = windowOf(c, where);
    const [oh, ow] = slide(x.slice(1, -1), window, where).map((axis) => axis.out);
    const [kh, kw] = window.kernel;
    const kernel = {
      name: "kernel",
      shape: [oh, ow, kh * kw * channels(x), c.filters],
      init: c.kernelInitializer ?? "glorotUniform",
      fan: [kh, kw, channels(x), c.filters],
    };
    const bias = { name: "bias", shape: [oh, ow, c.filters], init: c.biasInitializer ?? "zeros" };
    return c.bias === false ? [kernel] : [kernel, bias];
  },
  build(g, c, [x], { kernel, bias }, where) {
    const patches = g.op(im2col, [x], windowOf(c, where));
    const [n, oh, ow, depth] = patches.shape;
    const filters = kernel.shape.at(-1) ?? 0;
    mustHave(kernel, [oh, ow, depth, filters], "kernel", where);
    if (bias) mustHave(bias, [oh, ow, filters], "bias", where);
    // A product for every pixel: [pixels, n, depth] times [pixels, depth, filters].
    const byPixel = g.op(transpose, [reshaped(g, patches, [n, oh * ow, depth])], { perm: [1, 0, 2] });
    const byPixels = reshaped(g, kernel, [oh * ow, depth, filters]);
    const product = g.op(matmul, [byPixel, byPixels], { transposeA: false, transposeB: false });
    const images = reshaped(g, g.op(transpose, [product], { perm: [1, 0, 2] }), [n, oh, ow, filters]);
    const y = bias ? g.op(binary, [images, bias], { kind: "add" }) : images;
    return applyActivation(g, y, c.activation);
  },
});
