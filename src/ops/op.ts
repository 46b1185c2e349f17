// What an op is. One op = one object: shape inference (the only place that throws), then the kernel calls.
import type { Arg, Buffer } from "../engine/program.ts";
import type { KernelName } from "../engine/wasm.ts";

export type Shape = readonly number[];
export type DType = "float32" | "int32";

/** Shape and element type: all that inference may look at. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor inside a program: its type, and the buffer that will hold it (dense, row-major, channels last). */
export interface Value extends TensorType {
  readonly buffer: Buffer;
}

/** What an op writes its kernel calls into. */
export interface Emitter {
  /** Appends `kernel(...args, 0, units)`. Argument order is the kernel contract's; units may be cut over threads. */
  call(kernel: KernelName, units: number, args: Arg[]): void;
  /** An i32 record or table, kept as long as the program. */
  record(fields: ArrayLike<number>): Buffer;
  /** Float constants, kept as long as the program. */
  constant(data: Float32Array): Buffer;
  /** Uninitialised bytes, free again after the last call that uses them. */
  scratch(bytes: number): Buffer;
  /**
   * `input` in another form (a filter packed into panels). `emit` writes the calls that fill `packed` from `source`:
   * run once at compile time when the input is constant, in every run otherwise.
   */
  packed(input: Value, bytes: number, emit: (packed: Buffer, source: Buffer) => void): Buffer;
  /** Names the algorithm taken, for `net.summary()`. */
  algorithm(name: string): void;
}

export interface Op<P> {
  readonly name: string;
  /** Validates inputs and params and gives the output types. `where` opens every message, e.g. `conv2d "stem"`. */
  infer(inputs: readonly TensorType[], params: P, where: string): TensorType[];
  /** Writes the kernel calls. Inputs and params have passed `infer`. */
  forward(e: Emitter, inputs: readonly Value[], outputs: readonly Value[], params: P): void;
  /** Multiply-adds of one forward run; absent where an op does next to none. */
  multiplyAdds?(inputs: readonly TensorType[], outputs: readonly TensorType[], params: P): number;
  /** The output is the input's memory under another shape: `forward` emits nothing. */
  readonly alias?: boolean;
  /** Output 0 may lie over input 0 when both have the same size and the input is not needed afterwards. */
  readonly inPlace?: boolean;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

/** A float32 type of that shape. */
export function float32(shape: Shape): TensorType {
  return { shape, dtype: "float32" };
}
