// A tensor: a shape, an element type, and an address in an engine's memory.

import { ArgumentError, DisposedError, ShapeError, UnsupportedError } from "./errors.ts";
import { Address, Storage } from "./runtime/address.ts";
import type { Runtime } from "./runtime/instance.ts";
import { asNumbers, describe, refuse } from "./validate.ts";

export type Shape = readonly number[];
export type DType = "float32" | "int32";
export const DTYPES: readonly DType[] = ["float32", "int32"];

/** What holds the values of a tensor of type D. */
export type DataOf<D extends DType> = { float32: Float32Array; int32: Int32Array }[D];

/** Shape and element type: all that shape inference may look at. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

/** Whether it has no elements: an axis of size 0. */
export const isEmpty = ({ shape }: TensorType): boolean => shape.includes(0);

/** A float32 type of that shape. */
export function float32(shape: Shape): TensorType {
  return { shape, dtype: "float32" };
}

/** Throws ArgumentError unless it is a tensor. */
export function mustBeTensor(value: unknown, what: string): asserts value is Tensor {
  if (!(value instanceof Tensor))
    throw new ArgumentError(`${what} is ${describe(value)} but must be a Tensor`);
}

/** Typed arrays whose values are int32. */
const INTEGERS = [Int32Array, Int16Array, Uint16Array, Int8Array, Uint8Array, Uint8ClampedArray];

/** Throws unless `data` are numbers that fill the shape, for int32 those of 32 bits. */
export function checkValues(data: unknown, { shape, dtype }: TensorType, where: string): void {
  const values = asNumbers(data, "data", where);
  const size = sizeOf(shape);
  if (values.length !== size)
    throw new ShapeError(
      `${where}: ${values.length} values for shape [${shape.join(",")}], which holds ${size}`,
    );
  if (dtype === "float32" || INTEGERS.some((kind) => values instanceof kind)) return;
  for (let i = 0; i < size; i++)
    if (values[i] !== (values[i] | 0)) refuse(values[i], `data[${i}]`, where, "an integer of 32 bits");
}

/** Numbers in lists in lists, as deep as a tensor has axes. */
export type NestedNumbers = number | NestedNumbers[];

/** Lists in lists that go deeper hold themselves. */
const MAX_AXES = 64;

/** Numbers in lists in lists as a row-major list, and their shape. Throws ShapeError where lists of an axis differ in length. */
export function unnested(data: unknown, where: string): { values: ArrayLike<number>; shape: Shape } {
  if (typeof data === "number") return { values: [data], shape: [] };
  if (!Array.isArray(data)) {
    const values = asNumbers(data, "data", where);
    return { values, shape: [values.length] };
  }
  const shape: number[] = [];
  for (let list: unknown = data; Array.isArray(list) && shape.length < MAX_AXES; list = list[0])
    shape.push(list.length);
  const values: number[] = [];
  const add = (value: unknown, axis: number, path: string): void => {
    if (axis === shape.length) {
      if (typeof value !== "number") refuse(value, path, where, "a number");
      values.push(value as number);
      return;
    }
    if (!Array.isArray(value)) refuse(value, path, where, `a list, as ${path.replace(/\d+\]$/, "0]")} is`);
    const list = value as unknown[];
    if (list.length !== shape[axis])
      throw new ShapeError(
        `${where}: ${path} has ${list.length} values but the first list of that axis has ${shape[axis]}`,
      );
    for (let i = 0; i < list.length; i++) add(list[i], axis + 1, `${path}[${i}]`);
  };
  add(data, 0, "data");
  return { values, shape };
}

/** Values of an axis that are printed at each end, where it is longer than both. */
const PRINTED = 3;

/** Numbers as text: innermost lists on a line, six significant digits. */
function textOf(list: NestedNumbers, indent: number): string {
  if (!Array.isArray(list)) return String(Number(list.toPrecision(6)));
  const parts = (from: number, to?: number): string[] =>
    list.slice(from, to).map((part) => textOf(part, indent + 1));
  const shown = list.length > 2 * PRINTED + 1 ? [...parts(0, PRINTED), "…", ...parts(-PRINTED)] : parts(0);
  return `[${shown.join(Array.isArray(list[0]) ? `,\n${" ".repeat(indent)}` : ", ")}]`;
}

const INSPECT: unique symbol = /* @__PURE__ */ Symbol.for("nodejs.util.inspect.custom") as never;

/** A block of memory in which one or more tensors lie: the last to be disposed frees it. */
class Block {
  /** How many tensors lie in it. */
  tensors = 1;
  /** Another number after every change of the values. */
  version = 0;

  /** The address is 0 where there are no bytes: nobody's to free. */
  constructor(readonly address: number) {}
}

export type { Block };

/** Who computes the values of a tensor that an op was recorded for, see eager/trace.ts. */
export interface Pending {
  /** @internal Whether it can. */
  readonly isReadable: boolean;
  /** @internal A block of memory that holds them; throws where they cannot be known yet. */
  compute(tensor: Tensor<DType>, what: string): Block;
}

/**
 * Values in an engine's linear memory, dense, row-major, channels last. Tensors are not garbage collected: call
 * `dispose()`, or declare them with `using`. Disposing the engine disposes all of them.
 */
export class Tensor<D extends DType = "float32"> implements TensorType {
  readonly shape: Shape;
  /** Number of elements. */
  readonly size: number;
  readonly dtype: D;
  /** @internal What it lives in: how functions on tensors find the engine. */
  readonly runtime: Runtime;
  #typeKey: string | undefined;
  /** Where its values lie; undefined until they are computed, and once it is disposed. */
  #block: Block | undefined;
  /** Until its values are computed, and until it is disposed. */
  #pending: Pending | undefined;
  /** Whether it belongs to a network, which disposes it. */
  #held = false;
  /** Freed with it. */
  #attached: (() => void)[] | undefined;

  /**
   * @internal Made by an engine: `engine.tensor(data, shape)`. The values are uninitialised; or those of another tensor of that size and
   * type, whose memory is shared; or `source` computes them when they are read.
   */
  constructor(
    runtime: Runtime,
    { shape, dtype }: TensorType,
    what: string,
    source?: Pending | Tensor<DType>,
  ) {
    this.runtime = runtime;
    this.shape = Object.isFrozen(shape) ? shape : Object.freeze([...shape]);
    this.size = sizeOf(shape);
    this.dtype = dtype as D;
    if (source instanceof Tensor) {
      this.#block = source.#blockFor(what);
      this.#block.tensors++;
    } else if (source) this.#pending = source;
    else this.#block = new Block(this.size && runtime.memory.allocate(this.size * 4, what));
    runtime.scope?.add(this);
    runtime.tracked?.set(this, what);
    // Its place was taken for this shape and type: under others it would read what is not its own.
    Object.freeze(this);
  }

  /** @internal Shape and type as a text. */
  get typeKey(): string {
    this.#typeKey ??= `${this.dtype[0]}${this.shape.join()};`;
    return this.#typeKey;
  }

  get disposed(): boolean {
    return (!this.#block && !this.#pending) || this.runtime.disposed;
  }

  /** A copy of the values: Int32Array for int32 tensors, Float32Array otherwise. Throws ArgumentError where they are not of `dtype`. */
  data(): DataOf<D>;
  data<As extends DType>(dtype: As): DataOf<As>;
  data(dtype: DType = this.dtype): Float32Array | Int32Array {
    if (dtype !== this.dtype)
      throw new ArgumentError(`data: dtype is ${describe(dtype)} but the tensor is ${this.dtype}`);
    const from = this.address("data") / 4;
    const { memory } = this.runtime;
    return (this.dtype === "int32" ? memory.ints : memory.floats).slice(from, from + this.size);
  }

  /** Overwrites the values with those of a typed array or a list of numbers; an int32 tensor takes integers alone. */
  write(data: ArrayLike<number>): void {
    if (this.#pending)
      throw new UnsupportedError(
        "write: the tensor is what a recorded op gives, which writing would not change; write when gradients has returned",
      );
    const to = this.address("write") / 4;
    checkValues(data, this, "write");
    const { memory } = this.runtime;
    (this.dtype === "int32" ? memory.ints : memory.floats).set(data, to);
    this.changed();
  }

  /** @internal Another number after every change of the values, also through a tensor that shares its memory. */
  get version(): number {
    return this.#block?.version ?? 0;
  }

  /** @internal Whoever writes where it lies says so. */
  changed(): void {
    if (this.#block) this.#block.version++;
  }

  /** @internal The same for tensors that share their memory: writing to one changes the others. */
  get block(): object {
    return this.#block ?? this;
  }

  /**
   * Frees its memory, unless another tensor shares it: then that does, when it is disposed. What is disposed already stays so; a weight of
   * a network is left alone: the network disposes it.
   */
  dispose(): void {
    if (this.#held) return;
    if (this.#block && !this.runtime.disposed) {
      this.#leave();
      for (const free of this.#attached ?? []) free();
    }
    this.#block = undefined;
    this.#pending = undefined;
    this.#attached = undefined;
    this.runtime.tracked?.delete(this);
  }

  /** Has it outlive the `engine.scope` that it was made in. Gives the tensor itself. */
  keep(): this {
    this.runtime.scope?.delete(this);
    return this;
  }

  /** The values as nested lists, a list for each axis; a number where the shape is []. */
  array(): NestedNumbers {
    const values = this.data();
    const listOf = (axis: number, first: number, size: number): NestedNumbers => {
      if (axis === this.shape.length) return values[first];
      const step = size / this.shape[axis];
      return Array.from({ length: this.shape[axis] }, (_, i) => listOf(axis + 1, first + i * step, step));
    };
    return listOf(0, 0, this.size);
  }

  /** Writes shape, type and values to the console, the middle of long axes left out. */
  print(): void {
    console.log(String(this));
  }

  /** Shape, type and values as text, the middle of long axes left out. */
  toString(): string {
    const head = `Tensor [${this.shape}] ${this.dtype}`;
    if (this.disposed) return `${head}, disposed`;
    if (!this.isReadable) return `${head}, without values as yet`;
    return `${head}\n${textOf(this.array(), 1)}`;
  }

  /** @internal What console.log shows in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** @internal Calls `free` when the tensor is disposed, unless the whole engine is. */
  attach(free: () => void): void {
    this.#attached ??= [];
    this.#attached.push(free);
  }

  /** @internal Has `dispose` do nothing until it is let go of. */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** @internal Whether it belongs to a network, or to an optimizer. */
  get isHeld(): boolean {
    return this.#held;
  }

  /** @internal Gives its place in its block of memory away, and is disposed. */
  release(): Block {
    const block = this.#blockFor("release");
    this.#block = undefined;
    this.runtime.tracked?.delete(this);
    return block;
  }

  /** @internal Its values are those of `from` from now on, which is disposed. */
  take(from: Tensor<DType>): void {
    this.#leave();
    this.#block = from.release();
    this.#pending = undefined;
  }

  /** Lies in its block no longer. */
  #leave(): void {
    const block = this.#block;
    if (block && --block.tensors === 0 && block.address) this.runtime.memory.free(block.address);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Byte address in linear memory. */
  address(what: string): number {
    return this.#blockFor(what).address;
  }

  #blockFor(what: string): Block {
    if (!this.#block && this.#pending) {
      this.runtime.alive(what);
      this.#block = this.#pending.compute(this, what);
    }
    if (!this.#block || this.runtime.disposed)
      throw new DisposedError(`${what}: the tensor [${this.shape.join(",")}] has been disposed`);
    return this.#block;
  }

  /** @internal Whether its values can be known now. */
  get isReadable(): boolean {
    return this.#block !== undefined || (this.#pending?.isReadable ?? false);
  }

  /** @internal Whether it is alive, in that engine. */
  livesIn(runtime: Runtime): boolean {
    return (
      (this.#block !== undefined || this.#pending !== undefined) &&
      runtime === this.runtime &&
      !runtime.disposed
    );
  }

  /** @internal Throws unless the tensor is alive and lives in that engine. */
  check(runtime: Runtime, what: string): void {
    if (this.disposed) this.address(what);
    if (runtime !== this.runtime)
      throw new ArgumentError(
        `${what}: the tensor [${this.shape.join(",")}] belongs to another engine; copy it with engine.tensor(t.data(), t.shape)`,
      );
  }

  /** @internal The tensor as a program of that engine sees it. */
  addressFor(runtime: Runtime, what: string): Address {
    this.check(runtime, what);
    const storage = new Storage(this.size * 4, "fixed");
    storage.address = this.address(what);
    return new Address(storage);
  }
}
