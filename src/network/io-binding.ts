// Where values enter and leave a compiled network: given values checked and put in order, bound or copied in and out.

import { ArgumentError, ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import type { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Program } from "../runtime/program.ts";
import { type DType, type Shape, sizeOf, Tensor } from "../tensor.ts";
import { asNumbers, describe } from "../validate.ts";
import { toChannelsFirst, toChannelsLast } from "./channels-first.ts";

/** Numbers in a typed array of any kind, or in a list. */
export type Values = ArrayLike<number>;
export type Outputs = Float32Array | Int32Array;
/** One value, or several in order or by name. */
export type Inputs<T> = T | readonly T[] | Readonly<Record<string, T>>;

/** What `predict` gives: a T for one output, a list of them for several; a T where the compiler does not know how many there are. */
export type Predictions<Names extends string[], T> = number extends Names["length"]
  ? T
  : Names extends readonly [string]
    ? T
    : { -readonly [K in keyof Names]: T };

/** An input or an output of a network, bound to its storage in the program or to a tensor. */
export class Binding {
  readonly name: string;
  /** All axes; batch first, where there is one, and channels last. */
  readonly shape: Shape;
  /** Images of a run; 1 where there is no batch. */
  readonly images: number;
  /** Without the batch. */
  readonly imageShape: Shape;
  /** Values of one image. */
  readonly size: number;
  readonly integer: boolean;
  readonly #base: Address;
  readonly #program: Program;
  readonly #runtime: Runtime;
  /** Whether another binding has the same storage: then values are copied, and tensors are never bound. */
  #shared = false;
  /** The tensor's address that the program reads or writes now; 0: the storage's own. */
  #bound = 0;
  /** The batch in linear memory, by what linear memory is at the time: it moves when it grows. Nothing is kept alive by it. */
  readonly #views = new WeakMap<object, Outputs>();

  constructor(name: string, edge: Edge, batched: boolean, base: Address, program: Program, runtime: Runtime) {
    this.name = name;
    this.shape = edge.shape;
    this.images = batched ? edge.shape[0] : 1;
    this.imageShape = batched ? edge.shape.slice(1) : edge.shape;
    this.size = sizeOf(this.imageShape);
    this.integer = edge.dtype === "int32";
    this.#base = base;
    this.#program = program;
    this.#runtime = runtime;
  }

  /** Finds which of a network's bindings have a storage in common. Called once. */
  static findShared(...bindings: readonly Binding[]): void {
    const owners = new Map<Storage, Binding>();
    for (const binding of bindings) {
      const { storage } = binding.#base;
      const owner = owners.get(storage);
      if (owner) binding.#shared = owner.#shared = true;
      owners.set(storage, binding);
    }
  }

  /** The whole batch in the storage's own place. */
  get values(): Outputs {
    const { memory } = this.#runtime;
    const all = this.integer ? memory.ints : memory.floats;
    return this.#views.get(all) ?? this.#viewOf(all);
  }

  #viewOf(all: Outputs): Outputs {
    const first = this.#base.value / 4;
    const view = all.subarray(first, first + this.size * this.images);
    this.#views.set(all, view);
    return view;
  }

  /** Lets the program work on `count` images of a tensor, from the n-th on, where they lie. False where they must be copied. */
  bindTensor(tensor: Tensor, n: number, count: number): boolean {
    if (count !== this.images || this.#shared) return false;
    this.#bind(tensor.address("predict") + n * this.size * 4);
    return true;
  }

  /** Lets the program work in the storage's own place. */
  unbind(): void {
    this.#bind(0);
  }

  #bind(address: number): void {
    if (address === this.#bound) return;
    this.#program.bind(this.#base, address || this.#base.value);
    this.#bound = address;
  }

  /** Whether the program works on a tensor. */
  get bound(): boolean {
    return this.#bound !== 0;
  }

  /** Before a run: `count` images of `source`, from the n-th on, are bound or copied in; what is left of the batch becomes zero. */
  copyIn(source: Values | Tensor, n: number, count: number, channelsFirst: boolean): void {
    if (source instanceof Tensor && this.bindTensor(source, n, count)) return;
    this.unbind();
    const { values, size } = this;
    const first = n * size;
    const length = count * size;
    if (source instanceof Tensor) {
      const from = source.address("predict") / 4 + first;
      this.#runtime.memory.floats.copyWithin(values.byteOffset / 4, from, from + length);
    } else if (channelsFirst && this.shape.length > 2) {
      toChannelsLast(source, first, values, count, this.shape);
    } else if (source.length === length) {
      values.set(source);
    } else if (ArrayBuffer.isView(source)) {
      values.set((source as Float32Array).subarray(first, first + length));
    } else {
      for (let i = 0; i < length; i++) values[i] = source[first + i];
    }
    if (count < this.images) values.fill(0, length);
  }

  /** Before a run: a whole batch of a tensor is written where it lies. */
  bindOutput(target: Outputs | Tensor, n: number, count: number): void {
    if (target instanceof Tensor) target.changed();
    if (!(target instanceof Tensor && this.bindTensor(target, n, count))) this.unbind();
  }

  /** After a run: the first `count` images are copied to `target`, from its n-th on, unless it was bound. */
  copyOut(target: Outputs | Tensor, n: number, count: number, channelsFirst: boolean): void {
    if (this.bound) return;
    const { values, size } = this;
    if (target instanceof Tensor) {
      const from = values.byteOffset / 4;
      const to = target.address("predict") / 4 + n * size;
      this.#runtime.memory.floats.copyWithin(to, from, from + count * size);
    } else if (channelsFirst && this.shape.length > 2) {
      toChannelsFirst(values, target, n * size, count, this.shape);
    } else {
      target.set(count === this.images ? values : values.subarray(0, count * size), n * size);
    }
  }
}

// `run` must not make garbage, which shapes what follows: no closure may capture a parameter of a function on its way (V8
// would allocate a context at entry), so lists are only made, and errors only written, in functions of their own.

/** The inputs or the outputs of a network. */
export class Bindings {
  readonly list: readonly Binding[];
  /** The list of one value, reused. */
  readonly #single: unknown[] = [undefined];

  constructor(list: readonly Binding[]) {
    this.list = list;
  }

  /** Given values in the order of the bindings. */
  order<T extends Values | Outputs | Tensor>(given: Inputs<T>, what: string): readonly T[] {
    if (this.list.length === 1 && isSingle(given)) {
      this.#single[0] = given;
      return this.#single as T[];
    }
    if (Array.isArray(given) && !isSingle(given) && given.length === this.list.length) return given;
    return byName(this.list, given, what);
  }

  /** Checks lengths, shapes and types of inputs; gives the number of images, which must agree. */
  imagesOf(values: readonly (Values | Tensor)[], runtime: Runtime, what: string): number {
    let images = this.list.length ? 0 : 1;
    for (let i = 0; i < this.list.length; i++) {
      const binding = this.list[i];
      const value = values[i];
      if (value instanceof Tensor) checkTensor(binding, value, runtime, what);
      else if (!isNumbers(value)) asNumbers(value, `input "${binding.name}"`, what);
      const length = value instanceof Tensor ? value.size : value.length;
      if (length === 0 || length % binding.size !== 0) refuseLength(binding, length, what);
      if (binding.shape === binding.imageShape && length !== binding.size)
        refuseLength(binding, length, what);
      if (i > 0 && length / binding.size !== images)
        throw new ShapeError(
          `${what}: input "${binding.name}" has ${length / binding.size} images but "${this.list[0].name}" has ${images}`,
        );
      images = length / binding.size;
    }
    return images;
  }

  /** Checks types and sizes of arrays and tensors that are to be filled. */
  checkTargets(values: readonly (Outputs | Tensor)[], images: number, runtime: Runtime, what: string): void {
    for (let i = 0; i < this.list.length; i++) {
      const { name, size, integer } = this.list[i];
      const value = values[i];
      const fits =
        value instanceof Tensor
          ? ((value.dtype as DType) === "int32") === integer
          : value instanceof (integer ? Int32Array : Float32Array);
      if (!fits)
        throw new ArgumentError(
          `${what}: output "${name}" is ${describe(value)} but must be ${integer ? "an Int32Array or an int32 tensor" : "a Float32Array or a float32 tensor"}`,
        );
      const length = value instanceof Tensor ? value.size : value.length;
      if (length !== images * size)
        throw new ShapeError(
          `${what}: output "${name}" has room for ${length} values but ${images} images of ${size} make ${images * size}`,
        );
      if (value instanceof Tensor) value.check(runtime, what);
    }
  }

  /** Refuses tensors of the same memory, as two outputs or as input and output: it would be overwritten while it is read. */
  checkDistinct(values: readonly (Outputs | Tensor)[], inputs: readonly unknown[], what: string): void {
    for (let i = 0; i < this.list.length; i++) {
      const value = values[i];
      if (!(value instanceof Tensor)) continue;
      for (let j = 0; j < inputs.length; j++) if (isSame(inputs[j], value)) refuseTwice(this.list[i], what);
      for (let j = 0; j < i; j++) if (isSame(values[j], value)) refuseTwice(this.list[i], what);
    }
  }
}

/** Whether it is an array of numbers of a common kind. */
const isNumbers = (value: unknown): boolean =>
  value instanceof Float32Array ||
  value instanceof Uint8Array ||
  value instanceof Uint8ClampedArray ||
  (Array.isArray(value) && areNumbers(value));

// Not `every`, which leaves out holes.
function areNumbers(values: readonly unknown[]): boolean {
  for (let i = 0; i < values.length; i++) if (typeof values[i] !== "number") return false;
  return true;
}

const isSame = (other: unknown, tensor: Tensor): boolean =>
  other instanceof Tensor && tensor.block === other.block;

function refuseTwice({ name }: Binding, what: string): never {
  throw new ArgumentError(
    `${what}: the tensor for output "${name}" is given twice, or shares its memory; an output needs memory of its own`,
  );
}

function isSingle(given: unknown): boolean {
  return (
    given instanceof Tensor ||
    ArrayBuffer.isView(given) ||
    (Array.isArray(given) && typeof given[0] === "number")
  );
}

function byName<T>(bindings: readonly Binding[], given: Inputs<T>, what: string): readonly T[] {
  const names = bindings.map((b) => `"${b.name}"`).join(", ");
  if (typeof given !== "object" || given === null || isSingle(given) || Array.isArray(given)) {
    const got =
      Array.isArray(given) && !isSingle(given)
        ? `a list of ${given.length}`
        : given === null
          ? "null"
          : isSingle(given)
            ? "one"
            : describe(given);
    throw new ArgumentError(
      `${what}: got ${got} but needs ${names}: ${bindings.length === 1 ? "an array of numbers or a tensor" : `a list of ${bindings.length} in that order, or an object by name`}`,
    );
  }
  return bindings.map(({ name }) => {
    if (!Object.hasOwn(given, name)) throw new ArgumentError(`${what}: "${name}" is missing; needs ${names}`);
    return (given as Record<string, T>)[name];
  });
}

function checkTensor(binding: Binding, value: Tensor<DType>, runtime: Runtime, what: string): void {
  const { name, shape, imageShape, integer } = binding;
  let fits = value.shape.length === shape.length;
  // A loop: methods of frozen arrays make garbage.
  for (let a = shape.length - imageShape.length; a < shape.length; a++) fits &&= value.shape[a] === shape[a];
  if (!fits)
    throw new ShapeError(
      `${what}: input "${name}" has shape ${show(value.shape)} but must have shape ` +
        show(shape === imageShape ? shape : ["n", ...imageShape]),
    );
  const dtype = integer ? "int32" : "float32";
  if (value.dtype !== dtype)
    throw new ArgumentError(`${what}: input "${name}" is ${value.dtype} but must be ${dtype}`);
  value.check(runtime, what);
}

function refuseLength({ name, shape, imageShape, size }: Binding, length: number, what: string): never {
  if (shape === imageShape)
    throw new ShapeError(
      `${what}: input "${name}" has ${length} values but must have ${size}, shape ${show(shape)}; this model has no batch`,
    );
  throw new ShapeError(
    `${what}: input "${name}" has ${length} values, which is not a whole number of images of ${show(imageShape)} = ${size} values`,
  );
}
