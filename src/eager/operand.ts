// Numbers as operands of eager ops: each is a tensor of shape [] for the length of a call.

import { ArgumentError } from "../errors.ts";
import { checkWord } from "../ops/boxes.ts";
import type { Runtime } from "../runtime/instance.ts";
import { type DType, Tensor } from "../tensor.ts";
import { describe } from "../validate.ts";
import { recorders } from "./run.ts";

/** A number as a tensor of shape [], and what lets go of it when the call is over. */
interface OperandTensor {
  readonly tensor: Tensor<DType>;
  free(): void;
}

/**
 * A number as a tensor of shape [] and of a type; `name` opens the message of the ArgumentError for one that the type does not have.
 * While the engine's calls are recorded the recorder owns it, since gradients may read it.
 */
function asOperand(runtime: Runtime, value: number, dtype: DType, name: string): OperandTensor {
  checkWord(value, dtype, "the number", name);
  const tensor = new Tensor<DType>(runtime, { shape: [], dtype }, name);
  tensor.write([value]);
  const recorder = recorders.get(runtime);
  if (!recorder) return { tensor, free: () => tensor.dispose() };
  recorder.record(
    (g) =>
      dtype === "int32" ? g.integers(Int32Array.of(value), []) : g.constant(Float32Array.of(value), []),
    [tensor as Tensor],
  );
  return { tensor, free: () => {} };
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
  const isNumber = (i: number): boolean => typeof args[i] === "number";
  if (!isNumber(first) && !isNumber(first + 1)) return run(args);
  runtime.alive(name);
  const other = args.slice(first, end).find((arg) => arg instanceof Tensor);
  if (!other && name !== "where")
    throw new ArgumentError(
      `${name}: operands are ${describe(args[0])} and ${describe(args[1])} but one of them must be a Tensor`,
    );
  const made: OperandTensor[] = [];
  try {
    const tensors = args.map((arg, i) => {
      if (i < first || i >= end || typeof arg !== "number") return arg;
      const operand = asOperand(runtime, arg, other?.dtype ?? "float32", name);
      made.push(operand);
      return operand.tensor;
    });
    return run(tensors);
  } finally {
    for (const operand of made) operand.free();
  }
}
