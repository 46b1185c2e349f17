// Keras' normalisation layers.
import { UnsupportedError } from "../../errors.ts";
import * as layers from "../../layers/norm.ts";
import { type Call, onlyInput, type Translation, type Translations } from "./call.ts";

/** Keras' default, where ours is 1e-5. */
const EPSILON = 1e-3;

function scaleAndCenter({ config, weight, constant }: Call, c: number): Record<string, Float32Array> {
  return {
    gamma: config.flag("scale", true) ? weight("gamma", [c]) : constant("gamma", c, 1),
    beta: config.flag("center", true) ? weight("beta", [c]) : constant("beta", c, 0),
  };
}

const batchNorm: Translation = (call) => {
  const { config, where } = call;
  const x = onlyInput(call);
  const axis = config.axis("axis", -1);
  if (axis !== -1 && axis !== x.rank - 1)
    throw new UnsupportedError(
      `${where}: axis is ${axis} but only the last of its input's ${x.rank} axes is supported`,
    );
  const mean = call.weight("moving_mean", [x.channels]);
  const c = mean.length;
  const weights = { ...scaleAndCenter(call, c), mean, variance: call.weight("moving_variance", [c]) };
  const norm = layers.batchNorm({ epsilon: config.number("epsilon", EPSILON) });
  return call.emit(norm, [x], { channels: c, weights });
};

const layerNorm: Translation = (call) => {
  const { config, where } = call;
  const x = onlyInput(call);
  const axis = config.axis("axis", -1);
  if ((axis !== -1 && axis !== x.rank - 1) || x.channels === null)
    throw new UnsupportedError(
      `${where}: layer normalisation is only supported over the last axis, whose size must be known, not over axis ${axis} of ${x.rank}`,
    );
  const norm = layers.layerNorm({ epsilon: config.number("epsilon", EPSILON) });
  return call.emit(norm, [x], { channels: x.channels, weights: scaleAndCenter(call, x.channels) });
};

export const normTranslations: Translations = {
  BatchNormalization: batchNorm,
  BatchNormalizationV1: batchNorm,
  LayerNormalization: layerNorm,
};
