// Where values enter and leave a compiled network: checked, put in order, copied in and out, laid out.

import { ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import type { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Program } from "../runtime/program.ts";
import { type Shape, sizeOf, Tensor } from "../tensor.ts";

export type Values = Float32Array | readonly number[];
export type Outputs = Float32Array | Int32Array;
/** One value as it is, or several in order or by name. */
export type Inputs<T> = T | readonly T[] | Readonly<Record<string, T>>;

/** An input or an output of a network. */
export class Port {
  readonly name: string;
  /** Batch first, channels last. */
  readonly shape: Shape;
  /** Values of one image. */
  readonly size: number;
  readonly integer: boolean;
  readonly base: Address;
  readonly #program: Program;
  /** Whether another port has the same buffer: then values are copied, never read or written where a tensor lies. */
  shared = false;
  /** Where the program now reads or writes it: the buffer's own place, or a tensor's. */
  #bound = 0;

  constructor(name: string, edge: Edge, base: Address, program: Program) {
    this.name = name;
    this.shape = edge.shape;
    this.size = sizeOf(edge.shape.slice(1));
    this.integer = edge.dtype === "int32";
    this.base = base;
    this.#program = program;
  }

  /** Lets the program work at `address`; 0 stands for the buffer's own place. */
  bind(address: number): void {
    if (address === this.#bound) return;
    this.#program.bind(this.base, address || this.base.value);
    this.#bound = address;
  }
}

// `run` must not make garbage, which shapes what follows: no closure may capture a parameter of a function on its way (V8
// would allocate a context at entry), so lists are only made, and errors only written, in functions of their own.

/** One-element lists, reused: what a network with one port gets. */
export class Ports {
  readonly list: readonly Port[];
  readonly #one: unknown[] = [undefined];

  /** To be told of all ports of a network, once. */
  static share(...sides: readonly Ports[]): void {
    const owners = new Map<Storage, Port>();
    for (const port of sides.flatMap((side) => side.list)) {
      const root = port.base.storage;
      const owner = owners.get(root);
      if (owner) port.shared = owner.shared = true;
      owners.set(root, port);
    }
  }

  constructor(list: readonly Port[]) {
    this.list = list;
  }

  /** Values in the order of the ports. */
  order<T extends Values | Outputs | Tensor>(given: Inputs<T>, what: string): readonly T[] {
    if (this.list.length === 1 && isSingle(given)) {
      this.#one[0] = given;
      return this.#one as T[];
    }
    if (Array.isArray(given) && !isSingle(given) && given.length === this.list.length) return given;
    return byName(this.list, given, what);
  }

  /** Checks lengths, shapes and types; gives the number of images, which must agree. */
  images(values: readonly (Values | Tensor)[], runtime: Runtime, what: string): number {
    let images = 0;
    for (let i = 0; i < this.list.length; i++) {
      const port = this.list[i];
      const value = values[i];
      if (value instanceof Tensor) checkTensor(port, value, runtime, what);
      const length = value instanceof Tensor ? value.size : (value?.length ?? 0);
      if (length === 0 || length % port.size !== 0) refuseLength(port, length, what);
      if (i > 0 && length / port.size !== images)
        throw new ShapeError(
          `${what}: input "${port.name}" has ${length / port.size} images but "${this.list[0].name}" has ${images}`,
        );
      images = length / port.size;
    }
    return images;
  }

  /** Checks arrays and tensors that are to be filled. */
  room(values: readonly (Outputs | Tensor)[], images: number, runtime: Runtime, what: string): void {
    for (let i = 0; i < this.list.length; i++) {
      const { name, size, integer } = this.list[i];
      const value = values[i];
      const fits =
        value instanceof Tensor
          ? (value.dtype === "int32") === integer
          : value instanceof (integer ? Int32Array : Float32Array);
      if (!fits)
        throw new ShapeError(
          `${what}: output "${name}" must be ${integer ? "an Int32Array or an int32 tensor" : "a Float32Array or a float32 tensor"}`,
        );
      const room = value instanceof Tensor ? value.size : value.length;
      if (room !== images * size)
        throw new ShapeError(
          `${what}: output "${name}" has room for ${room} values but ${images} images of ${size} make ${images * size}`,
        );
      if (value instanceof Tensor) value.check(runtime, what);
    }
  }

  /** Refuses a tensor that is given twice, as two outputs or as input and output: it would be overwritten while it is read. */
  apart(values: readonly (Outputs | Tensor)[], inputs: readonly unknown[], what: string): void {
    for (let i = 0; i < this.list.length; i++) {
      const value = values[i];
      if (!(value instanceof Tensor)) continue;
      for (let j = 0; j < inputs.length; j++) if (inputs[j] === value) refuseTwice(this.list[i], what);
      for (let j = 0; j < i; j++) if (values[j] === value) refuseTwice(this.list[i], what);
    }
  }
}

function refuseTwice({ name }: Port, what: string): never {
  throw new ShapeError(
    `${what}: the tensor for output "${name}" is given twice; an output needs a tensor of its own`,
  );
}

function isSingle(given: unknown): boolean {
  return (
    given instanceof Tensor ||
    ArrayBuffer.isView(given) ||
    (Array.isArray(given) && typeof given[0] === "number")
  );
}

function byName<T>(ports: readonly Port[], given: Inputs<T>, what: string): readonly T[] {
  const names = ports.map((p) => `"${p.name}"`).join(", ");
  if (typeof given !== "object" || given === null || isSingle(given) || Array.isArray(given)) {
    const got =
      Array.isArray(given) && !isSingle(given)
        ? `a list of ${given.length}`
        : given === null
          ? "null"
          : isSingle(given)
            ? "one"
            : typeof given;
    throw new ShapeError(
      `${what}: got ${got} but needs ${names}: a list of ${ports.length} in that order, or an object by name`,
    );
  }
  return ports.map(({ name }) => {
    const value = (given as Record<string, T>)[name];
    if (value === undefined) throw new ShapeError(`${what}: "${name}" is missing; needs ${names}`);
    return value;
  });
}

function checkTensor({ name, shape }: Port, value: Tensor, runtime: Runtime, what: string): void {
  if (value.shape.length !== shape.length || value.shape.some((d, a) => a > 0 && d !== shape[a]))
    throw new ShapeError(
      `${what}: input "${name}" has shape ${show(value.shape)} but must have shape [n,${shape.slice(1).join(",")}]`,
    );
  if (value.dtype !== "float32")
    throw new ShapeError(`${what}: input "${name}" is ${value.dtype} but must be float32`);
  value.check(runtime, what);
}

function refuseLength({ name, shape, size }: Port, length: number, what: string): never {
  throw new ShapeError(
    `${what}: input "${name}" has ${length} values, which is not a whole number of images of ${show(shape.slice(1))} = ${size} values`,
  );
}

/**
 * Puts `count` images of `source`, from the n-th on, into a port's buffer; the rest of the batch becomes zero. A whole
 * batch of a tensor is read where it lies.
 */
export function give(
  port: Port,
  source: Values | Tensor,
  n: number,
  count: number,
  runtime: Runtime,
  channelsFirst: boolean,
): void {
  const { floats } = runtime.memory;
  const { base, size, shape } = port;
  const at = base.value / 4;
  if (source instanceof Tensor && count === shape[0] && !port.shared) {
    port.bind(source.address("predict") + n * size * 4);
    return;
  }
  port.bind(0);
  if (source instanceof Tensor) {
    const start = source.address("predict") / 4 + n * size;
    floats.copyWithin(at, start, start + count * size);
  } else if (channelsFirst && shape.length > 2) {
    toChannelsLast(source, n * size, floats, at, count, shape);
  } else if (source.length === count * size) {
    floats.set(source, at);
  } else {
    for (let i = 0; i < count * size; i++) floats[at + i] = source[n * size + i];
  }
  const batch = shape[0];
  if (count < batch) floats.fill(0, at + count * size, at + batch * size);
}

/** Before a run: a whole batch of a tensor is written where it is to lie. */
export function aim(port: Port, target: Outputs | Tensor, n: number, count: number): void {
  const direct = target instanceof Tensor && count === port.shape[0] && !port.shared;
  port.bind(direct ? target.address("predict") + n * port.size * 4 : 0);
}

/** Copies the first `count` images of a port's buffer to `target`, from its n-th on. */
export function take(
  port: Port,
  target: Outputs | Tensor,
  n: number,
  count: number,
  runtime: Runtime,
  channelsFirst: boolean,
): void {
  const { base, size, shape, integer } = port;
  const { memory } = runtime;
  const all = integer ? memory.ints : memory.floats;
  const from = base.value / 4;
  if (target instanceof Tensor) {
    if (count === shape[0] && !port.shared) return;
    all.copyWithin(target.address("predict") / 4 + n * size, from, from + count * size);
  } else if (channelsFirst && shape.length > 2) {
    toChannelsFirst(all, from, target, n * size, count, shape);
  } else {
    // A loop, because a view of the stretch would be garbage.
    const to = n * size;
    for (let i = 0; i < count * size; i++) target[to + i] = all[from + i];
  }
}

/** Copies images [n, c, ...spatial] to [n, ...spatial, c]. */
function toChannelsLast(
  from: ArrayLike<number>,
  start: number,
  to: Float32Array,
  at: number,
  images: number,
  shape: Shape,
): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++, start += c * pixels, at += c * pixels)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < pixels; p++) to[at + p * c + k] = from[start + k * pixels + p];
}

/** Copies images [n, ...spatial, c] to [n, c, ...spatial]. */
function toChannelsFirst(
  from: Float32Array | Int32Array,
  start: number,
  to: Float32Array | Int32Array,
  at: number,
  images: number,
  shape: Shape,
): void {
  const c = shape[shape.length - 1];
  const pixels = sizeOf(shape.slice(1)) / c;
  for (let n = 0; n < images; n++, start += c * pixels, at += c * pixels)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < pixels; p++) to[at + k * pixels + p] = from[start + p * c + k];
}
