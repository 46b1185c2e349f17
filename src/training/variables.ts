// Named blocks of linear memory: the weights of a network that is trained, and what an optimizer keeps beside them.

import { Address, Storage } from "../runtime/address.ts";
import type { Runtime } from "../runtime/instance.ts";
import type { Tensor } from "../tensor.ts";

export class Variables {
  readonly #runtime: Runtime;
  readonly #blocks = new Map<string, Storage>();
  /** Names of those that a tensor owns. */
  readonly #shared = new Set<string>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A block of its own, holding a copy of `data`. Programs see it at a fixed address. */
  add(name: string, data: Float32Array): void {
    const storage = new Storage(data.byteLength, "fixed");
    storage.address = this.#runtime.memory.allocate(data.byteLength, `train: "${name}"`);
    this.#blocks.set(name, storage);
    this.write(name, data);
  }

  /** The block of a tensor, which stays its owner. */
  share(name: string, tensor: Tensor): void {
    this.#blocks.set(name, tensor.addressFor(this.#runtime, "train").storage);
    this.#shared.add(name);
  }

  /** Several such blocks, or none where one cannot be held; their names. */
  addAll(blocks: readonly (readonly [name: string, data: Float32Array])[]): string[] {
    const added: string[] = [];
    try {
      for (const [name, data] of blocks) {
        this.add(name, data);
        added.push(name);
      }
    } catch (error) {
      this.remove(added);
      throw error;
    }
    return added;
  }

  /** Frees blocks that no program uses any more. */
  remove(names: readonly string[]): void {
    for (const name of names) {
      const block = this.#blocks.get(name);
      if (block && !this.#shared.has(name) && !this.#runtime.disposed)
        this.#runtime.memory.free(block.address);
      this.#blocks.delete(name);
    }
  }

  address(name: string): Address {
    return new Address(this.#blocks.get(name)!);
  }

  bytes(name: string): number {
    return this.#blocks.get(name)!.bytes;
  }

  /** Where the values lie, until linear memory grows. */
  view(name: string): Float32Array {
    const { address, bytes } = this.#blocks.get(name)!;
    return this.#runtime.memory.floats.subarray(address / 4, (address + bytes) / 4);
  }

  /** A copy of the values. */
  read(name: string): Float32Array {
    return this.view(name).slice();
  }

  write(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.floats.set(data, this.#blocks.get(name)!.address / 4);
  }

  writeInts(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.ints.set(data, this.#blocks.get(name)!.address / 4);
  }

  /** Makes all values 0. */
  clear(name: string): void {
    const { address, bytes } = this.#blocks.get(name)!;
    this.#runtime.memory.floats.fill(0, address / 4, (address + bytes) / 4);
  }

  dispose(): void {
    this.remove([...this.#blocks.keys()]);
  }
}
