// Ops that move values or give them another shape.
import { ArgumentError, ShapeError } from "../errors.ts";
import { type Op, type Shape, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import { describe, integer, oneOf, refuse } from "../validate.ts";
import { arity, axisList, axisOf, checkShape, rank, show } from "./check.ts";
import { copyValue, partOf, stridedCopy } from "./strided.ts";

export interface ReshapeParams {
  shape: Shape;
}

/**
 * The shape that `wanted` asks for of a value of shape `from`: 0 keeps the size of that axis, one -1 is what is left. Throws where it does
 * not hold as many elements.
 */
export function resolveShape(from: Shape, wanted: Shape, where: string): Shape {
  if (!Array.isArray(wanted)) refuse(wanted, "shape", where, "a list of dimensions");
  const free = wanted.indexOf(-1);
  if (free !== wanted.lastIndexOf(-1))
    throw new ArgumentError(
      `${where}: shape ${describe(wanted)} has more than one -1, but only one dimension can be inferred`,
    );
  const sizes = Array.from(wanted, (d, i) => {
    if (d !== 0) return d;
    if (i < from.length) return from[i];
    throw new ArgumentError(
      `${where}: shape[${i}] is 0, which keeps the input's axis ${i}, but the input has rank ${from.length}`,
    );
  });
  for (const d of sizes) if (d !== -1) integer(d, `a dimension of shape ${describe(wanted)}`, where, 0);
  // What is kept does not count: there may be nothing of it.
  const have = sizeOf(from.filter((_, i) => wanted[i] !== 0));
  const want = sizeOf(sizes.filter((d, i) => d !== -1 && wanted[i] !== 0));
  const all = [from, sizes].map((shape) => sizeOf(shape.filter((d) => d !== -1)));
  if (free < 0 ? all[0] !== all[1] : have % want !== 0)
    throw new ShapeError(
      `${where}: input ${show(from)} has ${all[0]} elements, which do not fill shape ${describe(wanted)} ` +
        (free < 0 ? `of ${all[1]}` : `(the dimensions given need a multiple of ${all[1]})`),
    );
  return sizes.map((d) => (d === -1 ? have / want : d));
}

export const reshape: Op<ReshapeParams> = {
  name: "reshape",
  alias: "reshape",
  infer(inputs, { shape }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    checkShape(shape, "the result", where);
    const [have, want] = [x.shape, shape].map(sizeOf);
    if (have !== want)
      throw new ShapeError(
        `${where}: input ${show(x.shape)} has ${have} elements, which do not fill shape ${show(shape)} of ${want}`,
      );
    return [{ shape, dtype: x.dtype }];
  },
  forward() {},
};

/** [n, ...] to [n, m]. */
export const flatten: Op<object> = {
  name: "flatten",
  alias: "reshape",
  infer(inputs, _params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    if (shape.length === 0)
      throw new ShapeError(`${where}: input is a scalar but must have at least one axis, the batch`);
    return [{ shape: [shape[0], sizeOf(shape.slice(1))], dtype }];
  },
  forward() {},
};

/** Its input, to which gradients do not go. */
export const stopGradient: Op<object> = {
  name: "stopGradient",
  alias: "reshape",
  infer(inputs, _params, where) {
    arity(inputs, 1, 1, where);
    const [{ shape, dtype }] = inputs;
    return [{ shape, dtype }];
  },
  forward() {},
};

export interface TransposeParams {
  /** Axis i of the output is axis perm[i] of the input. */
  perm: readonly number[];
}

export const transpose: Op<TransposeParams> = {
  name: "transpose",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { perm }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    const axes = new Set(axisList(perm, x.shape.length, "perm", where));
    if (!x.shape.every((_, axis) => axes.has(axis)))
      refuse(perm, "perm", where, `every axis from 0 to ${x.shape.length - 1} once`);
    return [{ shape: perm.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  forward(e, [x], [out], { perm }) {
    copyValue(e, out, { ...x, shape: out.shape, strides: perm.map((axis) => x.strides[axis]) });
  },
};

export interface ConcatParams {
  axis: number;
}

export const concat: Op<ConcatParams> = {
  name: "concat",
  strided: { inputs: "all", outputs: true },
  infer(inputs, params, where) {
    arity(inputs, 1, Infinity, where);
    const [first] = inputs;
    const axis = axisOf(params.axis, first.shape.length, where);
    const shape = [...first.shape];
    inputs.slice(1).forEach((x, i) => {
      const fits = x.shape.length === shape.length && x.shape.every((d, a) => a === axis || d === shape[a]);
      if (!fits)
        throw new ShapeError(
          `${where}: input ${i + 1} has shape ${show(x.shape)} but must match input 0, ${show(first.shape)}, ` +
            `on every axis but axis ${axis}`,
        );
      if (x.dtype !== first.dtype)
        throw new ArgumentError(`${where}: input ${i + 1} is ${x.dtype} but input 0 is ${first.dtype}`);
      shape[axis] += x.shape[axis];
    });
    checkShape(shape, "output", where);
    return [{ shape, dtype: first.dtype }];
  },
  forward(e, inputs, [out], params) {
    const origin = out.shape.map(() => 0);
    const axis = axisOf(params.axis, out.shape.length, "concat");
    let start = 0;
    for (const x of inputs) {
      copyValue(e, partOf(out, origin.with(axis, start), x.shape), x);
      start += x.shape[axis];
    }
  },
};

export interface SliceParams {
  /** The first index of every axis. */
  begin: readonly number[];
  /** The size of every axis; -1 takes all that is left. */
  size: readonly number[];
}

export const slice: Op<SliceParams> = {
  name: "slice",
  strided: { inputs: [0], outputs: true },
  infer(inputs, { begin, size }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    axisList(begin, x.shape.length, "begin", where);
    axisList(size, x.shape.length, "size", where);
    const shape = x.shape.map((d, i) => {
      integer(begin[i], `begin[${i}]`, where, 0);
      const taken = size[i] === -1 && begin[i] <= d ? d - begin[i] : integer(size[i], `size[${i}]`, where, 0);
      if (begin[i] + taken > d)
        throw new ShapeError(
          `${where}: begin[${i}] + size[${i}] is ${begin[i]} + ${taken} = ${begin[i] + taken} ` +
            `but axis ${i} of the input ${show(x.shape)} has only ${d}`,
        );
      return taken;
    });
    return [{ shape, dtype: x.dtype }];
  },
  forward(e, [x], [out], { begin }) {
    copyValue(e, out, partOf(x, begin, out.shape));
  },
};

export interface SplitParams {
  axis: number;
  /** Length of every part along the axis; together the whole of it. */
  sizes: readonly number[];
}

export const split: Op<SplitParams> = {
  name: "split",
  strided: { inputs: [0], outputs: true },
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    const axis = axisOf(params.axis, x.shape.length, where);
    if (!Array.isArray(params.sizes) || params.sizes.length === 0)
      return refuse(params.sizes, "sizes", where, "a list of part lengths");
    const sizes = Array.from(params.sizes, (size, i) => integer(size, `sizes[${i}]`, where, 0));
    const sum = sizes.reduce((a, b) => a + b, 0);
    if (sum !== x.shape[axis])
      throw new ShapeError(
        `${where}: sizes ${describe(sizes)} add up to ${sum} but ` +
          `axis ${axis} of the input ${show(x.shape)} has ${x.shape[axis]}`,
      );
    return sizes.map((size) => ({ shape: x.shape.with(axis, size), dtype: x.dtype }));
  },
  forward(e, [x], outputs, params) {
    const origin = x.shape.map(() => 0);
    const axis = axisOf(params.axis, x.shape.length, "split");
    let start = 0;
    for (const out of outputs) {
      copyValue(e, out, partOf(x, origin.with(axis, start), out.shape));
      start += out.shape[axis];
    }
  },
};

export interface BlockParams {
  block: number;
  /**
   * How the channels of the deep side are counted: "dcr" (block row, block column, channel; TensorFlow's, ONNX's
   * default) or "crd" (channel, block row, block column; PyTorch's pixel shuffle).
   */
  order: "dcr" | "crd";
}

function checkBlock(inputs: readonly TensorType[], { block, order }: BlockParams, where: string): TensorType {
  arity(inputs, 1, 1, where);
  rank(inputs[0], 4, "[n, h, w, c]", "input", where);
  integer(block, "block", where, 1);
  oneOf(order, ["dcr", "crd"], "order", where);
  return inputs[0];
}

/** The axes n, h, block row, w, block column, c of the wide value and of the deep one: sizes, and bytes along them. */
function blockAxes(
  wide: Value,
  deep: Value,
  { block, order }: BlockParams,
): { size: number; wide: number; deep: number }[] {
  const [n, h, w] = deep.shape;
  const c = wide.shape[3];
  const [row, column, channel] = order === "dcr" ? [block * c, c, 1] : [block, 1, block * block];
  return [
    { size: n, wide: wide.strides[0], deep: deep.strides[0] },
    { size: h, wide: block * wide.strides[1], deep: deep.strides[1] },
    { size: block, wide: wide.strides[1], deep: row * 4 },
    { size: w, wide: block * wide.strides[2], deep: deep.strides[2] },
    { size: block, wide: wide.strides[2], deep: column * 4 },
    { size: c, wide: 4, deep: channel * 4 },
  ];
}

/** [n, h, w, block² · c] to [n, h · block, w · block, c]. */
export const depthToSpace: Op<BlockParams> = {
  name: "depthToSpace",
  strided: { inputs: [0], outputs: true },
  infer(inputs, params, where) {
    const { shape, dtype } = checkBlock(inputs, params, where);
    const [n, h, w, depth] = shape;
    const { block } = params;
    if (depth % (block * block) !== 0)
      throw new ShapeError(
        `${where}: input ${show(shape)} has ${depth} channels but block ${block} needs a multiple of ${block * block}`,
      );
    return [{ shape: [n, h * block, w * block, depth / (block * block)], dtype }];
  },
  forward(e, [x], [out], params) {
    const axes = blockAxes(out, x, params).map((a) => ({ size: a.size, out: a.wide, x: a.deep }));
    stridedCopy(e, out.base, x.base, axes);
  },
};

/** [n, h · block, w · block, c] to [n, h, w, block² · c]. */
export const spaceToDepth: Op<BlockParams> = {
  name: "spaceToDepth",
  strided: { inputs: [0], outputs: true },
  infer(inputs, params, where) {
    const { shape, dtype } = checkBlock(inputs, params, where);
    const [n, h, w, c] = shape;
    const { block } = params;
    if (h % block !== 0 || w % block !== 0)
      throw new ShapeError(
        `${where}: input ${show(shape)} has height ${h} and width ${w} but both must be multiples of block ${block}`,
      );
    return [{ shape: [n, h / block, w / block, c * block * block], dtype }];
  },
  forward(e, [x], [out], params) {
    const axes = blockAxes(x, out, params).map((a) => ({ size: a.size, out: a.deep, x: a.wide }));
    stridedCopy(e, out.base, x.base, axes);
  },
};
