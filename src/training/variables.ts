// Named blocks of linear memory: the weights of a network that is trained, and what an optimizer keeps beside them.

import { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Tensor } from "../tensor.ts";

export class Variables {
  readonly #runtime: Runtime;
  readonly #blocks = new Map<string, Storage>();
  readonly #own: Storage[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A block of its own, holding a copy of `data`. Programs see it at a fixed address. */
  add(name: string, data: Float32Array): void {
    const storage = new Storage(data.byteLength, "fixed");
    storage.address = this.#runtime.memory.allocate(data.byteLength, `train: "${name}"`);
    this.#blocks.set(name, storage);
    this.#own.push(storage);
    this.write(name, data);
  }

  /** The block of a tensor, which stays its owner. */
  share(name: string, tensor: Tensor): void {
    this.#blocks.set(name, tensor.addressFor(this.#runtime, "train").storage);
  }

  address(name: string): Address {
    return new Address(this.#blocks.get(name)!);
  }

  bytes(name: string): number {
    return this.#blocks.get(name)!.bytes;
  }

  /** A copy of the values. */
  read(name: string): Float32Array {
    const { address, bytes } = this.#blocks.get(name)!;
    return this.#runtime.memory.floats.slice(address / 4, (address + bytes) / 4);
  }

  write(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.floats.set(data, this.#blocks.get(name)!.address / 4);
  }

  writeInts(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.ints.set(data, this.#blocks.get(name)!.address / 4);
  }

  dispose(): void {
    if (!this.#runtime.disposed) for (const { address } of this.#own) this.#runtime.memory.free(address);
    this.#own.length = 0;
    this.#blocks.clear();
  }
}
