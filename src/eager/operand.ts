// Numbers as operands of eager ops: each is a tensor of shape [] for the length of a call.

import { ArgumentError } from "../errors.ts";
import { checkWord } from "../ops/boxes.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type DType, Tensor, type TensorType } from "../tensor.ts";
import { describe, isPlain } from "../validate.ts";
import { afterCalls } from "./trace.ts";

/** The type of a scalar of each element type. */
const SCALARS: Readonly<Record<DType, TensorType>> = {
  float32: { shape: Object.freeze([]), dtype: "float32" },
  int32: { shape: Object.freeze([]), dtype: "int32" },
};

/** A number as a tensor of shape []; `name` opens the message of the ArgumentError for one that the type does not have. */
function asOperand(runtime: Runtime, value: number, dtype: DType, name: string): Tensor<DType> {
  checkWord(value, dtype, "the number", name);
  const tensor = new Tensor<DType>(runtime, SCALARS[dtype], name);
  const { memory } = runtime;
  (dtype === "int32" ? memory.ints : memory.floats)[tensor.address(name) / 4] = value;
  return tensor;
}

/**
 * Runs a call of an op with a tensor in place of each number among its first `count` arguments, but for the condition of `where`. It
 * has the type of the other operand, or is float32 where that is a number, too.
 */
export function withNumbers<T>(
  runtime: Runtime,
  name: string,
  args: readonly unknown[],
  run: (args: readonly unknown[]) => T,
): T {
  const [first, end] = name === "where" ? [1, 3] : [0, 2];
  if (
    (args.length < end || isPlain(args[1])) &&
    args[0] instanceof Tensor &&
    (name === "max" || name === "min")
  )
    throw new ArgumentError(`${name}: takes two operands; over axes it is engine.a${name}(x, { axes })`);
  const isNumber = (i: number): boolean => typeof args[i] === "number";
  if (!isNumber(first) && !isNumber(first + 1)) return run(args);
  runtime.alive(name);
  const other = args.slice(first, end).find((arg) => arg instanceof Tensor);
  if (!other && name !== "where")
    throw new ArgumentError(
      `${name}: operands are ${describe(args[0])} and ${describe(args[1])} but one of them must be a Tensor`,
    );
  const made: Tensor<DType>[] = [];
  try {
    const tensors = args.map((arg, i) => {
      if (i < first || i >= end || typeof arg !== "number") return arg;
      const operand = asOperand(runtime, arg, other?.dtype ?? "float32", name);
      made.push(operand);
      return operand;
    });
    return run(tensors);
  } finally {
    afterCalls(runtime, () => {
      for (const operand of made) operand.dispose();
    });
  }
}
