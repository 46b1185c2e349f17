// The fully connected layer.
import { dense as denseOp } from "../ops/dense.ts";
import { aFlag, needed } from "../validate.ts";
import { aCount, anActivation, anInitializer, layerOnly } from "./checks.ts";
import { type ActivationConfig, applyActivation } from "./fused.ts";
import type { Initializer } from "./initializers.ts";
import { channels, defineLayer, type Named } from "./layer.ts";

export interface DenseConfig extends Named {
  /** Output features. */
  units: number;
  /** Whether a bias is added. Default true. */
  bias?: boolean;
  /** Applied to the result. Default none. */
  activation?: ActivationConfig;
  /** Default "glorotUniform". */
  kernelInitializer?: Initializer;
  /** Default "zeros". */
  biasInitializer?: Initializer;
}

/** x · kernel + bias over the last axis. Weights: kernel [in, units], bias [units]. */
export const dense = defineLayer<DenseConfig, "units" | "bias" | "kernelInitializer" | "biasInitializer">(
  "dense",
  {
    options: {
      units: layerOnly(needed(aCount, "10")),
      bias: layerOnly(aFlag),
      activation: anActivation,
      kernelInitializer: layerOnly(anInitializer),
      biasInitializer: layerOnly(anInitializer),
    },
    weights: ["kernel", "bias"],
    operands: 1,
    parameters(c, [x]) {
      const kernel = {
        name: "kernel",
        shape: [channels(x), c.units],
        init: c.kernelInitializer ?? "glorotUniform",
      };
      const bias = { name: "bias", shape: [c.units], init: c.biasInitializer ?? "zeros" };
      return c.bias === false ? [kernel] : [kernel, bias];
    },
    build(g, c, [x], w) {
      const y = g.op(denseOp, w.bias ? [x, w.kernel, w.bias] : [x, w.kernel], {});
      return applyActivation(g, y, c.activation);
    },
  },
);
