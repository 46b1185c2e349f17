// Normalisation per channel and per group of channels, of [n, ...spatial, c].
import { ShapeError } from "../errors.ts";
import { type Emitter, float32, type Op, sizeOf, type Value } from "../graph/op.ts";
import { integer, show } from "./check.ts";
import { checkNorm, copiesOf, emitMoments, normLayout, normRecord } from "./statistics.ts";

export interface BatchNormParams {
  epsilon: number;
}

export interface GroupNormParams {
  groups: number;
  epsilon: number;
}

/** By mean and variance as given: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
export const batchNorm: Op<BatchNormParams> = {
  name: "batchNorm",
  inPlace: true,
  infer(inputs, { epsilon }, where) {
    checkNorm(inputs, ["gamma", "beta", "mean", "variance"], epsilon, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x, ...vectors], [out], { epsilon }) {
    const c = x.shape[x.shape.length - 1];
    const copies = copiesOf(c);
    const columns = copies * c;
    const tables = e.packed(vectors, 3 * columns * 4, (packed) => {
      const sources = vectors.map((v) => v.base);
      e.call("batch_norm_scale_f32", c, [packed, ...sources, c, copies, epsilon]);
    });
    const pixels = sizeOf(x.shape) / c;
    const rows = Math.floor(pixels / copies);
    e.call("channel_affine_f32", rows, [out.base, x.base, tables, columns, columns, rows]);
    const done = rows * columns * 4;
    const rest = pixels - rows * copies;
    if (rest)
      e.call("channel_affine_f32", rest, [out.base.plus(done), x.base.plus(done), tables, c, columns, rest]);
  },
};

/** Statistics over all pixels of a picture and the channels of a group, then as batchNorm. */
function normalise(
  e: Emitter,
  [x, gamma, beta]: readonly Value[],
  out: Value,
  groups: number,
  epsilon: number,
): void {
  const layout = normLayout(x.shape, x.shape[0]);
  const { pictures, rows, columns } = layout;
  const moments = emitMoments(e, x, layout);
  const tables = e.scratch(pictures * 3 * columns * 4);
  const shape = normRecord(e, layout, groups);
  e.call("norm_scale_f32", pictures * groups, [tables, moments, gamma.base, beta.base, shape, epsilon]);
  e.call("channel_affine_f32", pictures * rows, [out.base, x.base, tables, columns, columns, rows]);
}

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
    normalise(e, inputs, out, groups, epsilon);
  },
};

/** Every channel of every picture on its own. */
export const instanceNorm: Op<BatchNormParams> = {
  name: "instanceNorm",
  inPlace: true,
  infer(inputs, { epsilon }, where) {
    checkNorm(inputs, ["gamma", "beta"], epsilon, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, inputs, [out], { epsilon }) {
    normalise(e, inputs, out, out.shape[out.shape.length - 1], epsilon);
  },
};
