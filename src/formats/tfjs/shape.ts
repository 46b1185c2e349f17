// Keras layers that move values and change shapes.
import { FormatError, UnsupportedError } from "../../errors.ts";
import * as layers from "../../layers/shape.ts";
import { describe } from "../../validate.ts";
import {
  checkChannelsLast,
  checkInputCount,
  checkRank,
  onlyInput,
  spatialInput,
  type Translation,
  type Translations,
} from "./call.ts";
import { showOpen } from "./weight-file.ts";

const concatenate: Translation = (call) => {
  checkInputCount(call, 1, Number.POSITIVE_INFINITY);
  const { inputs, where } = call;
  const [{ rank }] = inputs;
  const axis = call.config.axis("axis", -1);
  const index = axis < 0 ? axis + rank : axis;
  const ranks = inputs.slice(0, 8).map((x) => x.rank);
  if (inputs.some((x) => x.rank !== rank) || index < 0 || index >= rank)
    throw new FormatError(`${where}: cannot join tensors of ${ranks.join(", ")} axes along axis ${axis}`);
  if (index === 0) throw new UnsupportedError(`${where}: axis ${axis} is the batch`);
  const channels = inputs.map((x) => x.channels);
  const sum = channels.reduce((a, b) => (a === null || b === null ? null : a + b));
  return call.emit(layers.concat({ axis }), inputs, { channels: index === rank - 1 ? sum : channels[0] });
};

const padding =
  (axes: number): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    return call.emit(layers.pad({ padding: call.config.pairs("padding", axes, 1) }), [x]);
  };

const cropping =
  (axes: number): Translation =>
  (call) => {
    const x = spatialInput(call, axes);
    const fallback = axes === 2 ? 0 : 1;
    return call.emit(layers.crop({ cropping: call.config.pairs("cropping", axes, fallback) }), [x]);
  };

const flatten: Translation = (call) => {
  checkChannelsLast(call);
  const x = onlyInput(call);
  return call.emit(layers.flatten(), [x], { rank: 2, channels: x.rank === 2 ? x.channels : null });
};

const reshape: Translation = (call) => {
  const target = call.config.values.target_shape;
  if (!Array.isArray(target) || target.some((d) => d !== null && !(Number.isSafeInteger(d) && d !== 0)))
    throw new FormatError(
      `${call.where}: target_shape is ${describe(target)} but must be a list of integers, of at least 1 or -1`,
    );
  checkRank(target.length + 1, call.where);
  const shape: number[] = target.map((d) => (d === null || d < 0 ? -1 : d));
  if (shape.filter((d) => d < 0).length > 1)
    throw new FormatError(`${call.where}: target_shape ${describe(target)} leaves more than one size open`);
  const last = shape.at(-1) ?? null;
  return call.emit(layers.reshape({ shape: [0, ...shape] }), [onlyInput(call)], {
    rank: shape.length + 1,
    channels: last === -1 ? null : last,
  });
};

const permute: Translation = (call) => {
  const x = onlyInput(call);
  const dims = call.config.sizes("dims", x.rank - 1, 1);
  if (new Set(dims).size !== dims.length || Math.max(...dims) > dims.length)
    throw new FormatError(`${call.where}: dims ${showOpen(dims)} must hold each of 1 to ${dims.length} once`);
  return call.emit(layers.transpose({ perm: [0, ...dims] }), [x], {
    channels: dims.at(-1) === dims.length ? x.channels : null,
  });
};

export const shapeTranslations: Translations = {
  Concatenate: concatenate,
  ZeroPadding1D: padding(1),
  ZeroPadding2D: padding(2),
  ZeroPadding3D: padding(3),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  Cropping3D: cropping(3),
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
};
