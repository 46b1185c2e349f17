// What an op is. One op = one object: shape inference (the only place that throws), then the kernel calls.
import type { Arg, Buffer } from "../runtime/program.ts";
import type { KernelName } from "../runtime/wasm.ts";
import type { TensorType } from "../tensor.ts";
import type { Edge, Graph, Node } from "./graph.ts";

export { type DType, float32, type Shape, sizeOf, type TensorType } from "../tensor.ts";

/** A tensor inside a program: its type, and the buffer that will hold it (dense, row-major, channels last). */
export interface Value extends TensorType {
  readonly buffer: Buffer;
}

/** What an op writes its kernel calls into. */
export interface Emitter {
  /** Whether algorithms may be taken that regroup the formula's sums and pack filters into four times their size. */
  readonly winograd: boolean;
  /** How many threads will share the units of a call. */
  readonly threads: number;
  /** Appends `kernel(...args, 0, units)`. Argument order is the kernel contract's; units may be cut over threads. */
  call(kernel: KernelName, units: number, args: Arg[]): void;
  /** An i32 record or table, kept as long as the program. */
  record(fields: ArrayLike<number>): Buffer;
  /** Float constants, kept as long as the program. */
  constant(data: Float32Array): Buffer;
  /** Uninitialised bytes, free again after the last call that uses them. */
  scratch(bytes: number): Buffer;
  /**
   * `inputs` in another form (a filter and its bias packed into panels). `emit` writes the calls that fill `packed`:
   * run once at compile time when every input is constant, in every run otherwise.
   */
  packed(inputs: readonly Value[], bytes: number, emit: (packed: Buffer) => void): Buffer;
  /** Names the algorithm taken, for `net.summary()`. */
  algorithm(name: string): void;
}

export interface Op<P> {
  readonly name: string;
  /** Validates inputs and params and gives the output types. `where` opens every message, e.g. `conv2d "stem"`. */
  infer(inputs: readonly TensorType[], params: P, where: string): TensorType[];
  /** Writes the kernel calls. Inputs and params have passed `infer`. */
  forward(e: Emitter, inputs: readonly Value[], outputs: readonly Value[], params: P): void;
  /**
   * Writes, into the graph, ops that make the gradients of the inputs from those of the outputs. `dys[i]` is undefined where
   * nothing depends on output i; what is not wanted, or has none, stays undefined. An op without it cannot be trained through.
   */
  gradient?(
    g: Graph,
    node: Node,
    dys: readonly (Edge | undefined)[],
    wanted: readonly boolean[],
  ): (Edge | undefined)[];
  /** Multiply-adds of one forward run; absent where an op does next to none. */
  multiplyAdds?(inputs: readonly TensorType[], outputs: readonly TensorType[], params: P): number;
  /** The output is the memory of input 0: under another shape, or changed in place. */
  readonly alias?: boolean;
  /** Output 0 may lie over input 0 when both have the same size and the input is not needed afterwards. */
  readonly inPlace?: boolean;
}

/** Lays a record out by field index: `{ [FIRST_FIELD]: values that stand from there on }`. */
export function fields(named: Readonly<Record<number, readonly number[]>>): number[] {
  const record: number[] = [];
  for (const [at, values] of Object.entries(named))
    for (let i = 0; i < values.length; i++) record[Number(at) + i] = values[i];
  for (let i = 0; i < record.length; i++) record[i] ??= 0;
  return record;
}
