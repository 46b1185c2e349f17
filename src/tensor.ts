// A tensor: a shape, an element type, and an address in an engine's memory.

import { DisposedError, ShapeError } from "./errors.ts";
import { Address, Storage } from "./runtime/address.ts";
import type { Runtime } from "./runtime/instance.ts";

export type Shape = readonly number[];
export type DType = "float32" | "int32";

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

/** A float32 type of that shape. */
export function float32(shape: Shape): TensorType {
  return { shape, dtype: "float32" };
}

/** Throws ShapeError unless it is a tensor. */
export function mustBeTensor(value: unknown, what: string): asserts value is Tensor {
  if (!(value instanceof Tensor)) throw new ShapeError(`${what} is ${String(value)} but must be a Tensor`);
}

/** Throws ShapeError unless `data` fills the shape. */
export function checkLength(data: ArrayLike<number>, shape: Shape): void {
  const size = sizeOf(shape);
  if (data.length !== size)
    throw new ShapeError(`tensor: ${data.length} values for shape [${shape.join(",")}], which holds ${size}`);
}

/**
 * Values in an engine's linear memory, dense, row-major, channels last. Tensors are not garbage collected: call
 * `dispose()`, or declare them with `using`. Disposing the engine disposes all of them.
 */
export class Tensor implements TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
  /** @internal What it lives in: how functions on tensors find the engine. */
  readonly runtime: Runtime;
  #address: number;

  /** @internal Made by an engine: `engine.tensor(data, shape)`. The values are uninitialised. */
  constructor(runtime: Runtime, { shape, dtype }: TensorType, what: string) {
    this.runtime = runtime;
    this.shape = shape;
    this.dtype = dtype;
    this.#address = runtime.memory.allocate(this.size * 4, what);
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  get disposed(): boolean {
    return this.#address === 0 || this.runtime.disposed;
  }

  /** A copy of the values: Int32Array for int32 tensors, Float32Array otherwise. */
  data(): Float32Array;
  data<D extends DType>(dtype: D): D extends "int32" ? Int32Array : Float32Array;
  data(): Float32Array | Int32Array {
    const from = this.address("data") / 4;
    const { memory } = this.runtime;
    return (this.dtype === "int32" ? memory.ints : memory.floats).slice(from, from + this.size);
  }

  /** Overwrites the values. */
  write(data: ArrayLike<number>): void {
    const to = this.address("write") / 4;
    checkLength(data, this.shape);
    const { memory } = this.runtime;
    (this.dtype === "int32" ? memory.ints : memory.floats).set(data, to);
  }

  dispose(): void {
    if (!this.disposed) this.runtime.memory.free(this.#address);
    this.#address = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal Byte address in linear memory. */
  address(what: string): number {
    if (this.disposed)
      throw new DisposedError(`${what}: the tensor [${this.shape.join(",")}] has been disposed`);
    return this.#address;
  }

  /** @internal Throws unless the tensor is alive and lives in that engine. */
  check(runtime: Runtime, what: string): void {
    this.address(what);
    if (runtime !== this.runtime)
      throw new ShapeError(
        `${what}: the tensor [${this.shape.join(",")}] belongs to another engine; copy it with engine.tensor(t.data(), t.shape)`,
      );
  }

  /** @internal The tensor as a program of that engine sees it. */
  addressFor(runtime: Runtime, what: string): Address {
    this.check(runtime, what);
    const storage = new Storage(this.size * 4, "fixed");
    storage.address = this.#address;
    return new Address(storage);
  }
}
