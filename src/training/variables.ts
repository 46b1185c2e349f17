// The weights of a network that is trained, and what an optimizer keeps beside them: blocks of linear memory with names.

import type { Runtime } from "../runtime/instance.ts";
import { Buffer } from "../runtime/program.ts";

export class Variables {
  readonly #runtime: Runtime;
  readonly #blocks = new Map<string, Buffer>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A block of its own, holding a copy of `data`. Programs see it at a fixed address. */
  add(name: string, data: Float32Array): void {
    const buffer = new Buffer(data.byteLength, "fixed");
    buffer.address = this.#runtime.memory.allocate(data.byteLength, `train: "${name}"`);
    this.#blocks.set(name, buffer);
    this.write(name, data);
  }

  has(name: string): boolean {
    return this.#blocks.has(name);
  }

  get names(): string[] {
    return [...this.#blocks.keys()];
  }

  buffer(name: string): Buffer {
    return this.#blocks.get(name)!;
  }

  /** A copy of the values. */
  read(name: string): Float32Array {
    const { address, bytes } = this.buffer(name);
    return this.#runtime.memory.floats.slice(address / 4, (address + bytes) / 4);
  }

  write(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.floats.set(data, this.buffer(name).address / 4);
  }

  writeInts(name: string, data: ArrayLike<number>): void {
    this.#runtime.memory.ints.set(data, this.buffer(name).address / 4);
  }

  dispose(): void {
    if (!this.#runtime.disposed)
      for (const { address } of this.#blocks.values()) this.#runtime.memory.free(address);
    this.#blocks.clear();
  }
}
