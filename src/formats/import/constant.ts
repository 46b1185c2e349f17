// Constants of a file's graph: weights, and the numbers with which a graph computes shapes.

import { type Shape, sizeOf } from "../../tensor.ts";

/** What a file's element types come to: floats of any width, integers of any width, and truth values. */
export type ValueType = "float" | "int" | "bool";

/** Known numbers. Integers and truth values (0 and 1) are held as float64, which counts them exactly up to 2^53. */
export interface Constant {
  readonly shape: Shape;
  readonly type: ValueType;
  /** Row-major. May be computed anew at every read, where it is large: read it once. */
  readonly data: Float32Array | Float64Array;
}

export const constant = (shape: Shape, type: ValueType, data: Float32Array | Float64Array): Constant => ({
  shape,
  type,
  data,
});

/** Values up to here are kept once they have been computed; what is larger is computed at every read, so that it is held once only. */
const KEPT_VALUES = 4096;

/** A constant that is computed when it is read. */
export function lazyConstant(
  shape: Shape,
  type: ValueType,
  read: () => Float32Array | Float64Array,
): Constant {
  let kept: Float32Array | Float64Array | undefined;
  return {
    shape,
    type,
    get data() {
      if (kept) return kept;
      const data = read();
      if (sizeOf(shape) <= KEPT_VALUES) kept = data;
      return data;
    },
  };
}

/** Integers as a constant: a list, or a single one without axes. */
export const integers = (values: number | readonly number[]): Constant =>
  typeof values === "number"
    ? constant([], "int", Float64Array.of(values))
    : constant([values.length], "int", Float64Array.from(values));

/** A float without axes. */
export const float = (value: number): Constant => constant([], "float", Float32Array.of(value));
