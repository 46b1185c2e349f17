// Products of two values of a run: matrices, and the layers whose filter or statistics are computed rather than learned. Imported
// models alone have them.
import { prelu } from "../ops/activation.ts";
import { perAxis } from "../ops/check.ts";
import { conv } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv-transpose.ts";
import { matmul as matmulOp } from "../ops/matmul.ts";
import { batchNorm, groupNorm, instanceNorm } from "../ops/norm.ts";
import type { Padding, PaddingMode } from "../ops/window.ts";
import { aFlag, aNumber, aWord, needed } from "../validate.ts";
import { aCount, aPadding, aPerAxis } from "./checks.ts";
import { defineLayer, defineSimpleLayer, type Named, type PerAxis, spatialAxes } from "./layer.ts";
import type { NormConfig } from "./norm.ts";

export interface MatMulConfig extends Named {
  /** Whether the last two axes of a are exchanged first. Default false. */
  transposeA?: boolean;
  /** The same for b. Default false. */
  transposeB?: boolean;
}

/** a [..., m, k] times b [..., k, n]; leading axes broadcast, and a vector is a row a or a column b. */
export const matmul = defineSimpleLayer<MatMulConfig>("matmul", {
  options: { transposeA: aFlag, transposeB: aFlag },
  inputs: [2, 2],
  eager: false,
  build: (g, { transposeA = false, transposeB = false }, inputs) =>
    g.op(matmulOp, inputs, { transposeA, transposeB }),
});

interface WindowConfig extends Named {
  /** Default 1. */
  stride?: PerAxis;
  /** Distance between the taps. Default 1. */
  dilation?: PerAxis;
  /** Default "valid". See `Padding`. */
  padding?: Padding;
  /** Default 1. */
  groups?: number;
}

export interface DynamicConvConfig extends WindowConfig {
  /** What the padding holds. Default "zeros". */
  paddingMode?: PaddingMode;
}

export interface DynamicConvTransposeConfig extends WindowConfig {
  /** Extra size at the end of each axis. Default 0. */
  outputPadding?: PerAxis;
}

const WINDOW = { stride: aPerAxis(1), dilation: aPerAxis(1), padding: aPadding, groups: aCount };

const windowOf = (c: WindowConfig, axes: number, where: string) => ({
  stride: perAxis(c.stride ?? 1, axes, "stride", where, 1),
  dilation: perAxis(c.dilation ?? 1, axes, "dilation", where, 1),
  padding: c.padding ?? "valid",
  groups: c.groups ?? 1,
});

/** Convolution of x [n, ...spatial, c] with a filter [k..., c / groups, out] and a bias [out], if there is one. */
export const dynamicConv = defineSimpleLayer<DynamicConvConfig>("dynamicConv", {
  options: { ...WINDOW, paddingMode: aWord("zeros", "reflect", "replicate") },
  inputs: [2, 3],
  eager: false,
  build: (g, c, inputs, _, where) =>
    g.op(conv, inputs, {
      ...windowOf(c, spatialAxes(inputs[0]), where),
      paddingMode: c.paddingMode ?? "zeros",
    }),
});

/** Transposed convolution of x [n, ...spatial, c] with a filter [k..., c / groups, out] and a bias [out], if there is one. */
export const dynamicConvTranspose = defineSimpleLayer<DynamicConvTransposeConfig>("dynamicConvTranspose", {
  options: { ...WINDOW, outputPadding: aPerAxis(0) },
  inputs: [2, 3],
  eager: false,
  build(g, c, inputs, _, where) {
    const axes = spatialAxes(inputs[0]);
    const outputPadding = perAxis(c.outputPadding ?? 0, axes, "outputPadding", where, 0);
    return g.op(convTranspose, inputs, { ...windowOf(c, axes, where), outputPadding });
  },
});

/** [x, gamma, beta, mean, variance] to (x − mean) / sqrt(variance + epsilon) · gamma + beta, per channel of [n, ..., c]. */
export const dynamicBatchNorm = defineSimpleLayer<NormConfig>("dynamicBatchNorm", {
  options: { epsilon: aNumber },
  inputs: [5, 5],
  eager: false,
  build: (g, { epsilon = 1e-5 }, inputs) => g.op(batchNorm, inputs, { epsilon }),
});

/** [x, gamma, beta]: each channel of each image normalised over its pixels. */
export const dynamicInstanceNorm = defineSimpleLayer<NormConfig>("dynamicInstanceNorm", {
  options: { epsilon: aNumber },
  inputs: [3, 3],
  eager: false,
  build: (g, { epsilon = 1e-5 }, inputs) => g.op(instanceNorm, inputs, { epsilon }),
});

export interface DynamicGroupNormConfig extends NormConfig {
  /** Channels are divided into this many groups. */
  groups: number;
}

/** [x, gamma, beta]: each group of channels of each image normalised over its pixels. */
export const dynamicGroupNorm = defineLayer<DynamicGroupNormConfig>("dynamicGroupNorm", {
  options: { epsilon: aNumber, groups: needed(aCount, "4") },
  inputs: [3, 3],
  eager: false,
  build: (g, { groups, epsilon = 1e-5 }, inputs) => g.op(groupNorm, inputs, { groups, epsilon }),
});

/** [x, alpha]: x above 0, alpha · x below; alpha broadcasts to x. */
export const dynamicPRelu = defineSimpleLayer<Named>("dynamicPRelu", {
  options: {},
  inputs: [2, 2],
  eager: false,
  build: (g, _, inputs) => g.op(prelu, inputs, {}),
});
