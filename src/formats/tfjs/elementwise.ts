// Keras layers that combine or change values one by one, and those that do something in training only.
import { UnsupportedError } from "../../errors.ts";
import { spatialDropout as spatialDropoutLayer } from "../../layers/dropout.ts";
import * as layers from "../../layers/elementwise.ts";
import { reshape } from "../../layers/shape.ts";
import {
  type Call,
  checkInputCount,
  onlyInput,
  type Translation,
  type Translations,
  type Value,
} from "./call.ts";

/** Inputs of lower rank get axes of size 1 behind the batch: Keras' rule, where NumPy's would put them before it. */
function alignRanks(call: Call): Value[] {
  const rank = call.inputs.reduce((most, x) => Math.max(most, x.rank), 0);
  return call.inputs.map((x, i) => {
    if (x.rank === rank) return x;
    if (x.rank > 3 || (x.rank === 3 && x.channels === null))
      throw new UnsupportedError(
        `${call.where}: merging tensors of ${x.rank} and ${rank} axes is not supported`,
      );
    const ones = new Array<number>(rank - x.rank).fill(1);
    const rest = x.rank === 3 ? [-1, x.channels!] : [-1];
    return call.emit(reshape({ shape: [0, ...ones, ...rest] }), [x], { rank, part: `expand_${i + 1}` });
  });
}

/** Channels after broadcasting. */
function broadcastChannels(values: readonly Value[]): number | null {
  const channels = values.map((x) => x.channels);
  return channels.find((c) => c !== null && c > 1) ?? (channels.includes(null) ? null : 1);
}

const merge =
  (layer: typeof layers.add, maximum = Number.POSITIVE_INFINITY): Translation =>
  (call) => {
    checkInputCount(call, 2, maximum);
    const xs = alignRanks(call);
    return call.emit(layer(), xs, { channels: broadcastChannels(xs) });
  };

const average: Translation = (call) => {
  checkInputCount(call, 2, Number.POSITIVE_INFINITY);
  const xs = alignRanks(call);
  const sum = call.emit(layers.add(), xs, { channels: broadcastChannels(xs), part: "sum" });
  return call.emit(layers.rescale({ scale: 1 / xs.length }), [sum]);
};

const rescaling: Translation = (call) => {
  for (const key of ["scale", "offset"])
    if (Array.isArray(call.config.values[key]))
      throw new UnsupportedError(`${call.where}: one ${key} per channel is not supported, only one number`);
  const config = { scale: call.config.number("scale"), offset: call.config.number("offset", 0) };
  return call.emit(layers.rescale(config), [onlyInput(call)]);
};

const dropout: Translation = (call) =>
  call.emit(layers.dropout({ rate: call.config.number("rate") }), [onlyInput(call)]);

const spatialDropout: Translation = (call) =>
  call.emit(spatialDropoutLayer({ rate: call.config.number("rate") }), [onlyInput(call)]);

/** Does something in training only. */
const identity: Translation = (call) => call.emit(layers.identity(), [onlyInput(call)]);

export const elementwiseTranslations: Translations = {
  Add: merge(layers.add),
  Subtract: merge(layers.sub, 2),
  Multiply: merge(layers.mul),
  Average: average,
  Maximum: merge(layers.max),
  Minimum: merge(layers.min),
  Rescaling: rescaling,

  Dropout: dropout,
  SpatialDropout1D: spatialDropout,
  SpatialDropout2D: spatialDropout,
  SpatialDropout3D: spatialDropout,
  AlphaDropout: identity,
  GaussianDropout: identity,
  GaussianNoise: identity,
  ActivityRegularization: identity,
};
