// Memory for the runs of a program that is kept but seldom runs: taken when a run begins, given back when it ends.
import type { Storage } from "./address.ts";
import type { Memory } from "./memory.ts";

export class BorrowedRun {
  readonly #memory: Memory;
  readonly #what: string;
  readonly #bytes: number;
  readonly #storages: readonly Storage[];
  /** Arguments of calls that name one of the storages. */
  readonly #arguments: { readonly args: number[]; readonly index: number }[] = [];
  /** What addresses were last counted from. */
  #base = 0;

  /** `storages` lie at addresses that count from 0. */
  constructor(memory: Memory, what: string, bytes: number, storages: readonly Storage[]) {
    this.#memory = memory;
    this.#what = what;
    this.#bytes = bytes;
    this.#storages = storages;
  }

  /** Notes an argument that moves with the memory. */
  add(args: number[], index: number): void {
    this.#arguments.push({ args, index });
  }

  /** Calls `run` with the memory taken. Throws MemoryError before anything runs. */
  with(run: () => void): void {
    const base = this.#memory.allocate(this.#bytes, this.#what);
    if (base !== this.#base) this.#move(base - this.#base);
    this.#base = base;
    try {
      run();
    } finally {
      this.#memory.free(base);
    }
  }

  #move(by: number): void {
    for (const storage of this.#storages) storage.address += by;
    for (const { args, index } of this.#arguments) args[index] += by;
  }
}
