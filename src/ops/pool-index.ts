// Max pooling that says where the maxima lie, and the inverse that puts values back there.
import { ArgumentError, ShapeError } from "../errors.ts";
import { float32, type Op, sizeOf } from "../graph/op.ts";
import { unpoolShape } from "../runtime/records.ts";
import { integer } from "../validate.ts";
import { arity, checkShape, checkSize, show, spatialShape } from "./check.ts";
import { emitPoolShape, type MaxPoolParams, maxPool, poolAxes } from "./pool.ts";
import { imagesOf, threeAxes } from "./window.ts";

export interface MaxPoolIndicesParams extends MaxPoolParams {
  /** ONNX's storage_order: whether the last (0) or the first (1) spatial axis counts fastest in an index. */
  order: 0 | 1;
}

export interface MaxUnpoolParams {
  /** The spatial size of the result. */
  outputSize: readonly number[];
  /** That of the tensor in which the indices count. Default: that of the result. */
  indexSize?: readonly number[];
}

/** x [n, ...spatial, c] to the largest value under each window, and its int32 index in x as a tensor [n, c, ...spatial]. */
export const maxPoolIndices: Op<MaxPoolIndicesParams> = {
  name: "maxPoolIndices",
  infer(inputs, p, where) {
    const [y] = maxPool.infer(inputs, p, where);
    integer(p.order, "order", where, 0, 1);
    return [y, { shape: y.shape, dtype: "int32" }];
  },
  forward(e, [x], [y, indices], p) {
    const axes = poolAxes(x, p);
    const shape = emitPoolShape(e, x.shape[0], x.shape.at(-1)!, axes, imagesOf(x), imagesOf(y));
    const units = x.shape[0] * sizeOf(axes.map((a) => a.out));
    e.call("pool_max_index_f32", units, [y.base, indices.base, x.base, shape, p.order]);
  },
};

/**
 * [x [n, ...spatial, c], indices of the same shape] to [n, ...outputSize, c]: every value where its index into a tensor
 * [n, c, ...indexSize] says, and 0 elsewhere. Values whose index lies outside their image are dropped.
 */
export const maxUnpool: Op<MaxUnpoolParams> = {
  name: "maxUnpool",
  infer(inputs, { outputSize, indexSize }, where) {
    arity(inputs, 2, 2, where);
    const [x, indices] = inputs;
    spatialShape(x, where);
    if (indices.dtype !== "int32")
      throw new ArgumentError(`${where}: indices are ${indices.dtype} but must be int32`);
    if (show(indices.shape) !== show(x.shape))
      throw new ShapeError(
        `${where}: indices have shape ${show(indices.shape)} but must have that of the input, ${show(x.shape)}`,
      );
    checkSize(outputSize, x, where);
    if (indexSize) checkSize(indexSize, x, where);
    const [n, c] = [x.shape[0], x.shape.at(-1)!];
    const shape = [n, ...outputSize, c];
    checkShape(shape, "output", where);
    checkShape([n, ...(indexSize ?? outputSize), c], "the tensor that indices count in", where);
    return [{ ...float32(shape), dtype: x.dtype }];
  },
  forward(e, [x, indices], [out], { outputSize, indexSize = outputSize }) {
    const [n, c] = [x.shape[0], x.shape.at(-1)!];
    const shape = unpoolShape({
      ...{ pixels: sizeOf(x.shape.slice(1, -1)), c },
      ...{ out: threeAxes(outputSize, 1), index: threeAxes(indexSize, 1) },
    });
    e.call("max_unpool_f32", n, [out.base, x.base, indices.base, e.record(shape)]);
  },
};
