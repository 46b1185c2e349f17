// What an op is. One op = one object: shape inference (the only place that throws), then the kernel calls.
import { Address, type Constant, type Loop, type Records, Storage } from "../runtime/address.ts";
import type { RecordData } from "../runtime/records.ts";
import type { KernelArguments, KernelName } from "../runtime/wasm.ts";
import type { Shape, TensorType } from "../tensor.ts";

export { type DType, float32, isEmpty, type Shape, sizeOf, type TensorType } from "../tensor.ts";

/** Zeros that lie round the spatial axes of a value: pixels before and after, for each of them. */
export type Border = readonly (readonly [before: number, after: number])[];

/**
 * A tensor inside a program: its type, where its first element lies, and the bytes from one index of an axis to the next.
 * Row-major, channels last; what is not dense is a part of another value or has a border, and its channels are dense all the same.
 */
export interface Value extends TensorType {
  readonly base: Address;
  readonly strides: readonly number[];
  /** Zeros that lie round it, where the plan of memory has made room for them. */
  readonly border?: Border;
}

/** Strides of a dense tensor, in bytes. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(4);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

/** A dense value. */
export const denseValue = ({ shape, dtype }: TensorType, base: Address): Value => ({
  shape,
  dtype,
  base,
  strides: denseStrides(shape),
});

/**
 * A filter as calls that pack it take it: its values, and numbers by which they multiply its output channels, the last axis; 0: by none.
 * At its `base` lie the products, for those who cannot multiply.
 */
export function factorsOf({ base, shape }: Value): readonly [values: Address, scale: Address | 0] {
  const { data, bytes } = base.storage;
  if (typeof data !== "function" || !data.factors) return [base, 0];
  const { values, scale } = data.factors;
  const kept = (constant: Constant, size: number) => new Address(new Storage(size, "kept", constant));
  return [kept(values, bytes), kept(scale, shape.at(-1)! * 4)];
}

/** Whether elements follow one another without gaps; axes of size 1 do not matter. */
export const isDense = ({ shape, strides }: Value): boolean => {
  const dense = denseStrides(shape);
  return shape.every((size, i) => size === 1 || strides[i] === dense[i]);
};

/** What an op writes its kernel calls into. */
export interface Emitter {
  /** Whether algorithms may be taken that regroup the formula's sums and pack filters into four times their size. */
  readonly winograd: boolean;
  /** How many threads will share the units of a call. */
  readonly threads: number;
  /** Appends `kernel(...args, 0, units)`. Argument order is the kernel contract's; units may be cut over threads. */
  call<K extends KernelName>(kernel: K, units: number, args: KernelArguments[K]): void;
  /** Appends a body that runs `count` times. Addresses and numbers may step with the loop; see `forEachChunk`. */
  loop(count: number, body: (loop: Loop) => void): void;
  /** A record, kept as long as the program. */
  record<Name extends keyof Records>(record: RecordData<Name>): Address<Name>;
  /** An i32 table, kept as long as the program. */
  table(words: ArrayLike<number>): Address;
  /** Float constants, kept as long as the program. */
  constant(data: Float32Array): Address;
  /** Uninitialised bytes, free again after the last call that uses them; made in a loop, they last for one iteration. */
  scratch(bytes: number): Address;
  /**
   * `inputs` in another form (a filter and its bias packed into panels). `emit` writes the calls that fill `packed`:
   * run once at compile time when every input is constant, in every run otherwise.
   */
  packed(inputs: readonly Value[], bytes: number, emit: (packed: Address) => void): Address;
  /** Names the algorithm taken, for `net.summary()`. */
  algorithm(name: string): void;
}

/** What an op's plan depends on besides its inputs. */
export type PlanOptions = Pick<Emitter, "winograd" | "threads">;

export interface Op<P> {
  readonly name: string;
  /** Validates inputs and params and gives the output types. `where` opens every message, e.g. `conv2d "stem"`. */
  infer(inputs: readonly TensorType[], params: P, where: string): TensorType[];
  /** Writes the kernel calls. Inputs and params have passed `infer`. */
  forward(e: Emitter, inputs: readonly Value[], outputs: readonly Value[], params: P): void;
  /** Multiply-adds of one forward run; absent where an op does next to none. */
  multiplyAdds?(inputs: readonly TensorType[], outputs: readonly TensorType[], params: P): number;
  /** The output is the memory of input 0: under another shape, or changed in place. */
  readonly alias?: "reshape" | "update";
  /**
   * Inputs and outputs that may have any strides (with dense channels), rather than be dense. Where an op cannot take a value as it
   * lies, the layout pass puts a copy before it.
   */
  readonly strided?: { readonly inputs?: "all" | readonly number[]; readonly outputs?: true };
  /** The borders of zeros that inputs had best have round them, so that no padded copies need be made. */
  borders?(inputs: readonly TensorType[], params: P, plan: PlanOptions): readonly (Border | undefined)[];
  /** Output 0 may lie over input 0 when both have the same size and the input is not needed afterwards. */
  readonly inPlace?: boolean;
}
