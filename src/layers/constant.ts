// Known values among the layers of a model read from a file.
import { ShapeError } from "../errors.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { aList, anInteger, needed } from "../validate.ts";
import { defineLayer, type Named } from "./layer.ts";

export interface ConstantConfig extends Named {
  /** All axes; one of size 0 leaves no values. */
  shape: Shape;
  /** Integers of 32 bits, row-major, which make it int32; without them it has a weight: value, of that shape. */
  values?: readonly number[];
}

const MIN_INT = -(2 ** 31);

/** Gives the same values at every call. It has no inputs. */
export const constant = defineLayer<ConstantConfig>("constant", {
  options: { shape: needed(aList(anInteger(0)), "[1, 3]"), values: aList(anInteger(MIN_INT)) },
  inputs: [0, 0],
  parameters: ({ shape, values }) =>
    values || !sizeOf(shape) ? [] : [{ name: "value", shape, init: "zeros", trainable: false }],
  build(g, { shape, values }, _, weights, where) {
    if (!values) return weights.value ?? g.constant(new Float32Array(0), shape);
    if (values.length !== sizeOf(shape))
      throw new ShapeError(
        `${where}: ${values.length} values for shape [${shape}], which holds ${sizeOf(shape)}`,
      );
    return g.integers(Int32Array.from(values), shape);
  },
});
