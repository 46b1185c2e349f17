// Normalisation per channel and per group of channels, of [n, ...spatial, c].
import { MOMENTS_ROWS } from "../engine/plan.ts";
import { NORM_C, NORM_CHUNK, NORM_COPIES, NORM_GROUPS, NORM_ROWS } from "../engine/wasm.ts";
import { ShapeError } from "../errors.ts";
import { arity, finite, integer, requireFloats, show } from "./check.ts";
import { type Emitter, fields, float32, type Op, sizeOf, type TensorType, type Value } from "./op.ts";
import { reduceUnits } from "./reduce.ts";

export interface BatchNormParams {
  epsilon: number;
}

export interface GroupNormParams {
  groups: number;
  epsilon: number;
}

/** Checks [x, ...vectors of c]. */
function check(
  inputs: readonly TensorType[],
  names: readonly string[],
  epsilon: number,
  where: string,
): number {
  arity(inputs, names.length + 1, names.length + 1, where);
  for (const input of inputs) requireFloats(input, where);
  const [{ shape }, ...vectors] = inputs;
  if (shape.length < 2)
    throw new ShapeError(
      `${where}: input has shape ${show(shape)} but must be [n, ..., c], of rank 2 at least`,
    );
  const c = shape[shape.length - 1];
  vectors.forEach((v, i) => {
    if (v.shape.length !== 1 || v.shape[0] !== c)
      throw new ShapeError(
        `${where}: ${names[i]} has shape ${show(v.shape)} but must be [${c}], ` +
          `one number per channel of input ${show(shape)}`,
      );
  });
  if (finite(epsilon, "epsilon", where) < 0)
    throw new ShapeError(`${where}: epsilon is ${epsilon} but must be at least 0`);
  return c;
}

/**
 * How often to repeat tables of c channels, so that a row of them is whole vectors and not too short.
 * Rows of 1, 2, 3, 5, ... floats would leave lanes empty.
 */
function copiesOf(c: number): number {
  if (c >= 32 || (c >= 16 && c % 4 === 0)) return 1;
  const whole = c % 4 === 0 ? 1 : c % 2 === 0 ? 2 : 4;
  return whole * Math.ceil(32 / (whole * c));
}

/** By mean and variance as given: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta. */
export const batchNorm: Op<BatchNormParams> = {
  name: "batchNorm",
  inPlace: true,
  infer(inputs, { epsilon }, where) {
    check(inputs, ["gamma", "beta", "mean", "variance"], epsilon, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, [x, ...vectors], [out], { epsilon }) {
    const c = x.shape[x.shape.length - 1];
    const copies = copiesOf(c);
    const columns = copies * c;
    const tables = e.packed(vectors, 3 * columns * 4, (packed) => {
      const sources = vectors.map((v) => v.buffer);
      e.call("batch_norm_scale_f32", c, [packed, ...sources, c, copies, epsilon]);
    });
    const pixels = sizeOf(x.shape) / c;
    const rows = Math.floor(pixels / copies);
    e.call("channel_affine_f32", rows, [out.buffer, x.buffer, tables, columns, columns, rows]);
    const done = rows * columns * 4;
    const rest = pixels - rows * copies;
    if (rest)
      e.call("channel_affine_f32", rest, [out.buffer.at(done), x.buffer.at(done), tables, c, columns, rest]);
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
  const n = x.shape[0];
  const c = x.shape[x.shape.length - 1];
  const pixels = sizeOf(x.shape.slice(1, -1));
  // A table must serve whole rows of one picture.
  const copies = pixels % copiesOf(c) === 0 ? copiesOf(c) : 1;
  const rows = pixels / copies;
  const columns = copies * c;
  const stretch = { outer: n, reduce: rows, inner: columns };
  const chunk = Math.min(rows, MOMENTS_ROWS);
  const moments = e.scratch(n * Math.ceil(rows / chunk) * 3 * columns * 4);
  e.call("norm_moments_f32", reduceUnits(stretch, chunk), [moments, x.buffer, rows, columns, chunk]);
  const tables = e.scratch(n * 3 * columns * 4);
  const shape = e.record(
    fields({
      [NORM_ROWS]: [rows],
      [NORM_CHUNK]: [chunk],
      [NORM_C]: [c],
      [NORM_GROUPS]: [groups],
      [NORM_COPIES]: [copies],
    }),
  );
  e.call("norm_scale_f32", n * groups, [tables, moments, gamma.buffer, beta.buffer, shape, epsilon]);
  e.call("channel_affine_f32", n * rows, [out.buffer, x.buffer, tables, columns, columns, rows]);
}

export const groupNorm: Op<GroupNormParams> = {
  name: "groupNorm",
  inPlace: true,
  infer(inputs, { groups, epsilon }, where) {
    const c = check(inputs, ["gamma", "beta"], epsilon, where);
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
    check(inputs, ["gamma", "beta"], epsilon, where);
    return [float32(inputs[0].shape)];
  },
  forward(e, inputs, [out], { epsilon }) {
    normalise(e, inputs, out, out.shape[out.shape.length - 1], epsilon);
  },
};
