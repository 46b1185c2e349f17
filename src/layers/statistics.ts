// Normalisations that imported models alone have.
import { layerNorm as layerNormOp } from "../ops/layer-norm.ts";
import { lrn as lrnOp } from "../ops/lrn.ts";
import { aList, aNumber, needed } from "../validate.ts";
import { aCount, anAxis } from "./checks.ts";
import { defineLayer, type Named } from "./layer.ts";
import type { NormConfig } from "./norm.ts";

export interface DynamicLayerNormConfig extends NormConfig {
  /** The axes normalised together, which must be the last ones; negative ones count from the back. */
  axes: readonly number[];
}

/**
 * [x, gamma?, beta?] to (x − mean) / sqrt(variance + epsilon) · gamma + beta over the last axes, whose shape gamma and beta have. Outputs:
 * the result, the mean, and 1 / sqrt(variance + epsilon).
 */
export const dynamicLayerNorm = defineLayer<DynamicLayerNormConfig>("dynamicLayerNorm", {
  options: { axes: needed(aList(anAxis), "[-1]"), epsilon: aNumber },
  inputs: [1, 3],
  eager: false,
  build: (g, { axes, epsilon = 1e-5 }, inputs) => g.apply(layerNormOp, inputs, { axes, epsilon }),
});

export interface LrnConfig extends Named {
  /** Channels that are summed: floor((size − 1) / 2) before each, and as many or one more after it. */
  size: number;
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  bias?: number;
}

/** x / (bias + alpha / size · sum of x² over neighbouring channels)^beta of [..., c]. */
export const lrn = defineLayer<LrnConfig>("lrn", {
  options: { size: needed(aCount, "5"), alpha: aNumber, beta: aNumber, bias: aNumber },
  eager: false,
  build: (g, { size, alpha = 1e-4, beta = 0.75, bias = 1 }, [x]) =>
    g.op(lrnOp, [x], { size, alpha, beta, bias }),
});
