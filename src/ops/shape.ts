import { ShapeError } from "../errors.ts";
import { type Emitter, type Op, type Shape, sizeOf, type TensorType, type Value } from "../graph/op.ts";
import { arity, axisOf, checkShape, integer, rank, show } from "./check.ts";
import { denseSteps, type StridedAxis, stridedCopy } from "./strided.ts";

/** Copies a box of `sizes` from `x`, seen from index `begin` on, to `out`, from index `place` on. */
export function copyBox(e: Emitter, out: Value, place: Shape, x: Value, begin: Shape, sizes: Shape): void {
  const outSteps = denseSteps(out.shape);
  const xSteps = denseSteps(x.shape);
  const first = (steps: Shape, index: Shape): number =>
    steps.reduce((sum, step, i) => sum + step * index[i], 0);
  stridedCopy(
    e,
    out.base.plus(first(outSteps, place) * 4),
    x.base.plus(first(xSteps, begin) * 4),
    sizes.map((size, i) => ({ size, out: outSteps[i], x: xSteps[i] })),
  );
}

export function list(value: unknown, length: number, name: string, where: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length)
    throw new ShapeError(
      `${where}: ${name} is ${JSON.stringify(value)} but must be a list of ${length}, one per axis of the input`,
    );
  return value;
}

export interface ReshapeParams {
  /** The new shape; one dimension may be -1: whatever is left. */
  shape: Shape;
}

export const reshape: Op<ReshapeParams> = {
  name: "reshape",
  alias: "reshape",
  infer(inputs, { shape }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    if (!Array.isArray(shape))
      throw new ShapeError(`${where}: shape is ${JSON.stringify(shape)} but must be a list of dimensions`);
    const free = shape.indexOf(-1);
    if (free !== shape.lastIndexOf(-1))
      throw new ShapeError(
        `${where}: shape ${show(shape)} has more than one -1, but only one dimension can be inferred`,
      );
    const known = shape.filter((d) => d !== -1);
    for (const d of known) integer(d, `a dimension of shape ${show(shape)}`, where, 1);
    const have = sizeOf(x.shape);
    const want = sizeOf(known);
    if (free < 0 ? want !== have : have % want !== 0)
      throw new ShapeError(
        `${where}: input ${show(x.shape)} has ${have} elements, which do not fill shape ${show(shape)} ` +
          (free < 0 ? `of ${want}` : `(the dimensions given need a multiple of ${want})`),
      );
    return [{ shape: shape.map((d) => (d === -1 ? have / want : d)), dtype: x.dtype }];
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

export interface TransposeParams {
  /** Axis i of the output is axis perm[i] of the input. */
  perm: readonly number[];
}

export const transpose: Op<TransposeParams> = {
  name: "transpose",
  infer(inputs, { perm }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    list(perm, x.shape.length, "perm", where);
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i))
      throw new ShapeError(
        `${where}: perm is ${show(perm)} but must hold every axis from 0 to ${x.shape.length - 1} once`,
      );
    return [{ shape: perm.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  forward(e, [x], [out], { perm }) {
    const outSteps = denseSteps(out.shape);
    const xSteps = denseSteps(x.shape);
    const axes = perm.map((axis, i) => ({ size: out.shape[i], out: outSteps[i], x: xSteps[axis] }));
    stridedCopy(e, out.base, x.base, axes);
  },
};

export interface ConcatParams {
  axis: number;
}

export const concat: Op<ConcatParams> = {
  name: "concat",
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
        throw new ShapeError(`${where}: input ${i + 1} is ${x.dtype} but input 0 is ${first.dtype}`);
      shape[axis] += x.shape[axis];
    });
    checkShape(shape, "output", where);
    return [{ shape, dtype: first.dtype }];
  },
  forward(e, inputs, [out], params) {
    const zeros = out.shape.map(() => 0);
    const axis = axisOf(params.axis, out.shape.length, "concat");
    let place = 0;
    for (const x of inputs) {
      copyBox(e, out, zeros.with(axis, place), x, zeros, x.shape);
      place += x.shape[axis];
    }
  },
};

export interface SliceParams {
  begin: readonly number[];
  size: readonly number[];
}

export const slice: Op<SliceParams> = {
  name: "slice",
  infer(inputs, { begin, size }, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    list(begin, x.shape.length, "begin", where);
    list(size, x.shape.length, "size", where);
    x.shape.forEach((d, i) => {
      integer(begin[i], `begin[${i}]`, where, 0);
      integer(size[i], `size[${i}]`, where, 1);
      if (begin[i] + size[i] > d)
        throw new ShapeError(
          `${where}: begin[${i}] + size[${i}] is ${begin[i]} + ${size[i]} = ${begin[i] + size[i]} ` +
            `but axis ${i} of the input ${show(x.shape)} has only ${d}`,
        );
    });
    return [{ shape: [...size], dtype: x.dtype }];
  },
  forward(e, [x], [out], { begin, size }) {
    copyBox(
      e,
      out,
      out.shape.map(() => 0),
      x,
      begin,
      size,
    );
  },
};

export interface SplitParams {
  axis: number;
  /** Length of every part along the axis; together the whole of it. */
  sizes: readonly number[];
}

export const split: Op<SplitParams> = {
  name: "split",
  infer(inputs, params, where) {
    arity(inputs, 1, 1, where);
    const [x] = inputs;
    const axis = axisOf(params.axis, x.shape.length, where);
    if (!Array.isArray(params.sizes) || params.sizes.length === 0)
      throw new ShapeError(
        `${where}: sizes is ${JSON.stringify(params.sizes)} but must be a list of part lengths`,
      );
    const sizes = params.sizes.map((size, i) => integer(size, `sizes[${i}]`, where, 1));
    const sum = sizes.reduce((a, b) => a + b, 0);
    if (sum !== x.shape[axis])
      throw new ShapeError(
        `${where}: sizes ${show(sizes)} add up to ${sum} but ` +
          `axis ${axis} of the input ${show(x.shape)} has ${x.shape[axis]}`,
      );
    return sizes.map((size) => ({ shape: x.shape.with(axis, size), dtype: x.dtype }));
  },
  forward(e, [x], outputs, params) {
    const zeros = x.shape.map(() => 0);
    const axis = axisOf(params.axis, x.shape.length, "split");
    let begin = 0;
    for (const out of outputs) {
      copyBox(e, out, zeros, x, zeros.with(axis, begin), out.shape);
      begin += out.shape[axis];
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
  if (order !== "dcr" && order !== "crd")
    throw new ShapeError(`${where}: order is ${JSON.stringify(order)} but must be "dcr" or "crd"`);
  return inputs[0];
}

/** The axes n, h, w, block row, block column, c of the deep tensor and of the wide one. */
function blockAxes(
  wide: Shape,
  { block, order }: BlockParams,
): { size: number; wide: number; deep: number }[] {
  const [n, wideH, wideW, c] = wide;
  const h = wideH / block;
  const w = wideW / block;
  const depth = c * block * block;
  const [row, column, channel] = order === "dcr" ? [block * c, c, 1] : [block, 1, block * block];
  return [
    { size: n, wide: wideH * wideW * c, deep: h * w * depth },
    { size: h, wide: block * wideW * c, deep: w * depth },
    { size: block, wide: wideW * c, deep: row },
    { size: w, wide: block * c, deep: depth },
    { size: block, wide: c, deep: column },
    { size: c, wide: 1, deep: channel },
  ];
}

/** [n, h, w, block² · c] to [n, h · block, w · block, c]. */
export const depthToSpace: Op<BlockParams> = {
  name: "depthToSpace",
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
    const axes = blockAxes(out.shape, params).map(
      (a): StridedAxis => ({ size: a.size, out: a.wide, x: a.deep }),
    );
    stridedCopy(e, out.base, x.base, axes);
  },
};

/** [n, h · block, w · block, c] to [n, h, w, block² · c]. */
export const spaceToDepth: Op<BlockParams> = {
  name: "spaceToDepth",
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
    const axes = blockAxes(x.shape, params).map(
      (a): StridedAxis => ({ size: a.size, out: a.deep, x: a.wide }),
    );
    stridedCopy(e, out.base, x.base, axes);
  },
};
