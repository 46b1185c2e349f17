// Normalisation over the last axes: each part of a value by its own mean and variance.
import { ArgumentError, ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { finite, refuse } from "../validate.ts";
import { arity, requireFloats, show } from "./check.ts";
import { axesOf, reducedShape } from "./reduce.ts";

export interface LayerNormParams {
  /** The axes that are normalised together: the last ones. Negative ones count from the back. */
  axes: readonly number[];
  epsilon: number;
}

/**
 * [x, gamma?, beta?] to (x − mean) / sqrt(variance + epsilon) · gamma + beta, the mean, and 1 / sqrt(variance + epsilon). gamma and
 * beta have the shape of the normalised axes; the statistics keep these with size 1.
 */
export const layerNorm: Op<LayerNormParams> = {
  name: "layerNorm",
  infer(inputs, { axes, epsilon }, where) {
    arity(inputs, 1, 3, where);
    for (const input of inputs) requireFloats(input, where);
    const [x, ...vectors] = inputs;
    const normalised = axesOf(axes, x.shape.length, where);
    const rank = x.shape.length;
    for (let i = 1; i <= normalised.size; i++)
      if (!normalised.has(rank - i))
        throw new ArgumentError(
          `${where}: axes are [${axes.join(",")}] but must be the last ${normalised.size} of input ${show(x.shape)}`,
        );
    const own = x.shape.slice(rank - normalised.size);
    vectors.forEach((v, i) => {
      if (show(v.shape) !== show(own))
        throw new ShapeError(
          `${where}: ${["gamma", "beta"][i]} has shape ${show(v.shape)} but must have that of the normalised axes, ${show(own)}`,
        );
    });
    if (finite(epsilon, "epsilon", where) < 0) refuse(epsilon, "epsilon", where, "at least 0");
    const statistics = float32(reducedShape(x.shape, normalised, true));
    return [float32(x.shape), statistics, statistics];
  },
  forward(e, [x, gamma, beta], [out, mean, inverse], { epsilon }) {
    const rows = sizeOf(mean.shape);
    e.call("layer_norm_f32", rows, [
      ...([out.base, mean.base, inverse.base, x.base, gamma?.base ?? 0, beta?.base ?? 0] as const),
      ...([sizeOf(x.shape) / rows, epsilon] as const),
    ]);
  },
};
