// Normalisation of [n, ...spatial, c] per channel and per group of channels: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta.

import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, type Value } from "../graph/op.ts";
import { integer } from "../validate.ts";
import { type Activation, checkActivation } from "./activation.ts";
import { show } from "./check.ts";
import { checkNorm, copiesOf, emitChannelAffine, emitMoments, normLayout, normRecord } from "./statistics.ts";

export interface BatchNormParams {
  epsilon: number;
  /** Applied to the result in the same pass. */
  activation?: Activation;
}

export interface GroupNormParams {
  groups: number;
  epsilon: number;
}

export interface InstanceNormParams {
  epsilon: number;
}

/** By given mean and variance: [x, gamma, beta, mean, variance], with [c] for all but x. */
export const batchNorm: Op<BatchNormParams> = {
  name: "batchNorm",
  inPlace: true,
  strided: { inputs: [0], outputs: true },
  infer(inputs, { epsilon, activation }, where) {
    checkNorm(inputs, ["gamma", "beta", "mean", "variance"], epsilon, where);
    if (activation) checkActivation(activation, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x, ...vectors], [out], { epsilon, activation }) {
    const c = x.shape[x.shape.length - 1];
    const copies = copiesOf(c);
    const tables = e.packed(vectors, 3 * copies * c * 4, (packed) => {
      const [gamma, beta, mean, variance] = vectors.map((v) => v.base);
      e.call("batch_norm_scale_f32", c, [packed, gamma, beta, mean, variance, c, copies, epsilon]);
    });
    emitChannelAffine(e, out, x, tables, { copies, slices: 1 }, activation);
  },
};

/** By statistics over all pixels of an image and the channels of a group. */
function emitGroupNorm(
  e: Emitter,
  [x, gamma, beta]: readonly Value[],
  out: Value,
  groups: number,
  epsilon: number,
): void {
  const layout = normLayout(x.shape, x.shape[0]);
  const { slices, columns } = layout;
  const moments = emitMoments(e, x, layout);
  const tables = e.scratch(slices * 3 * columns * 4);
  const shape = normRecord(e, layout, groups);
  e.call("norm_scale_f32", slices * groups, [tables, moments, gamma.base, beta.base, shape, epsilon]);
  emitChannelAffine(e, out, x, tables, layout);
}

/** [x, gamma, beta]: each image by the statistics of groups of neighbouring channels. */
export const groupNorm: Op<GroupNormParams> = {
  name: "groupNorm",
  inPlace: true,
  infer(inputs, { groups, epsilon }, where) {
    const c = checkNorm(inputs, ["gamma", "beta"], epsilon, where);
    integer(groups, "groups", where, 1);
    if (c % groups !== 0)
      throw new ShapeError(
        `${where}: groups is ${groups} but must divide the ${c} channels of input ${show(inputs[0].shape)}`,
      );
    return [float32(inputs[0].shape)];
  },
  forward(e, inputs, [out], { groups, epsilon }) {
    emitGroupNorm(e, inputs, out, groups, epsilon);
  },
};

/** [x, gamma, beta]: group norm with a group per channel. */
export const instanceNorm: Op<InstanceNormParams> = {
  name: "instanceNorm",
  inPlace: true,
  infer(inputs, { epsilon }, where) {
    checkNorm(inputs, ["gamma", "beta"], epsilon, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, inputs, [out], { epsilon }) {
    emitGroupNorm(e, inputs, out, out.shape[out.shape.length - 1], epsilon);
  },
};
