// A program: kernel calls, and loops over chunks of images, tiles or bands, on storages. Ops write it; placing settles every
// address; then it only runs.

import type { Records } from "./address.ts";
import { Address, type Argument, type Constant, type Loop, Storage } from "./address.ts";
import { BorrowedRun } from "./borrowed-run.ts";
import { type BoundItem, type BoundLoop, runItems, settled } from "./bound.ts";
import type { BoundCall, Executor } from "./executor.ts";
import type { Runtime } from "./instance.ts";
import { align, BAND } from "./memory.ts";
import { bottom, type Placement, placeApart, placeByLifetime, placeInOrder } from "./placement.ts";
import type { RecordData } from "./records.ts";
import { upload } from "./upload.ts";
import type { KernelArguments, KernelName } from "./wasm.ts";

/** What plans weigh: the fastest algorithm, or the one with the fewest packed bytes. */
export type Preference = "speed" | "memory";

/** One kernel call: `kernel(...args, 0, units)`. */
interface Call {
  readonly kernel: KernelName;
  readonly args: readonly Argument[];
  readonly units: number;
  /** Its place among all calls; setup calls have none. */
  readonly index: number;
  readonly loop: Loop | undefined;
}

/** A loop under construction: its body, and the calls it spans. */
interface LoopBody extends Loop {
  readonly items: (Call | LoopBody)[];
  start: number;
  end: number;
  readonly outer: LoopBody | undefined;
}

export class Program {
  readonly #runtime: Runtime;
  readonly #what: string;
  #calls: Call[] = [];
  #items: (Call | LoopBody)[] = [];
  #loop: LoopBody | undefined;
  /** Calls that run when the program is placed, and those of weights that may change when it is refreshed: packing. */
  #setup: Call[] = [];
  /** Kept storages whose content is made of weights that may change. */
  #changing: Storage[] = [];
  #inSetup = false;
  #bound: readonly BoundItem[] = [];
  /** Checked engines: the storages of a run, each with a band of pattern behind it. */
  #banded: readonly Storage[] = [];
  #borrowed: BorrowedRun | undefined;
  /** Where packing has its sources, if that is held. */
  #packing = 0;
  /** Storages the host reads or writes, whether a call touches them or not, and every argument that names them. */
  readonly #host = new Map<Storage, { args: number[]; index: number; offset: number }[]>();
  #blocks: number[] = [];
  /** Bytes held: weights and records; and activations and scratch of a run. */
  readonly bytes = { kept: 0, run: 0 };
  /** What the last op said it does, see `Emitter.algorithm`. */
  lastAlgorithm = "";

  readonly winograd: boolean;
  readonly threads: number;

  constructor(runtime: Runtime, what: string, prefer: Preference = "speed") {
    this.#runtime = runtime;
    this.#what = what;
    this.winograd = !runtime.deterministic && prefer === "speed";
    this.threads = runtime.executor.threads;
  }

  // Writing: what an op sees of a program (`Emitter` in graph/op.ts).

  call<K extends KernelName>(kernel: K, units: number, args: KernelArguments[K]): void {
    if (units <= 0) return;
    const setup = this.#inSetup;
    const index = setup ? -1 : this.#calls.length;
    const call: Call = { kernel, args: args as readonly Argument[], units, index, loop: this.#loop };
    if (setup) this.#setup.push(call);
    else {
      this.#calls.push(call);
      (this.#loop?.items ?? this.#items).push(call);
    }
  }

  /** Writes a body that runs `count` times; what it makes with `scratch` lives for one iteration. */
  loop(count: number, body: (loop: Loop) => void): void {
    const start = this.#calls.length;
    const loop: LoopBody = { count, items: [], start, end: start, outer: this.#loop };
    (this.#loop?.items ?? this.#items).push(loop);
    this.#loop = loop;
    try {
      body(loop);
    } finally {
      this.#loop = loop.outer;
      loop.end = this.#calls.length;
    }
  }

  record<Name extends keyof Records>(record: RecordData<Name>): Address<Name> {
    return new Address(new Storage(record.words.byteLength, "kept", record.words));
  }

  table(words: ArrayLike<number>): Address {
    const data = new Int32Array(words);
    return new Address(new Storage(data.byteLength, "kept", data));
  }

  constant(data: Constant | Int32Array, bytes = (data as Float32Array).byteLength): Address {
    return new Address(new Storage(bytes, "kept", data));
  }

  scratch(bytes: number): Address {
    return Address.of(bytes, "run", this.#loop);
  }

  packed(
    inputs: readonly { readonly base: Address }[],
    bytes: number,
    emit: (packed: Address) => void,
  ): Address {
    const constant = inputs.every((i) => i.base.storage.data !== undefined);
    const packed = constant ? Address.of(bytes, "kept") : this.scratch(bytes);
    const before = this.#inSetup;
    this.#inSetup ||= constant;
    emit(packed);
    this.#inSetup = before;
    return packed;
  }

  algorithm(name: string): void {
    this.lastAlgorithm = name;
  }

  // Shaping: what a network adds before it places the program.

  /** Throws MemoryError where linear memory cannot grow to hold a storage of so many bytes. */
  reserve(bytes: number): void {
    this.#runtime.memory.reserve(bytes, this.#what);
  }

  /** Calls written so far. A loop counts the calls of its body once. */
  get length(): number {
    return this.#calls.length;
  }

  /** Marks a storage the host fills before each run. */
  input({ storage }: Address): void {
    storage.first = -1;
    this.#host.set(storage, []);
  }

  /** Marks a storage the host reads after each run. */
  output({ storage }: Address): void {
    storage.last = Infinity;
    this.#host.set(storage, []);
  }

  /** Lets `out` take over the memory of `input`, if nothing needs `input` once `out` exists. Both must be whole storages. */
  overlay(out: Address, input: Address): void {
    const [a, b] = [out.storage, input.storage];
    if (a.lifetime === "run" && b.lifetime === "run" && a.bytes === b.bytes && a !== b) a.over = b;
  }

  /**
   * Settles every address, uploads constants and packs weights. With `borrow`, memory for activations and scratch is held during
   * runs alone. Throws MemoryError and holds nothing then.
   */
  place(borrow = false): void {
    const { memory, checked } = this.#runtime;
    const storages = this.#trace();
    const kept = storages.filter((s) => s.lifetime === "kept");
    const run = storages.filter((s) => s.lifetime === "run" && !s.over);
    try {
      this.bytes.kept = this.#allocate(kept, placeInOrder(kept));
      const placed = checked ? placeApart(run) : placeByLifetime(run);
      if (borrow) this.#borrow(storages, run, placed);
      else this.bytes.run = this.#allocate(run, placed);
      if (checked && !borrow && run.length) memory.paint(run[0].address, this.bytes.run);
      if (checked) this.#banded = run;
      for (const s of storages) if (s.over) s.address = bottom(s).address;
      this.#pack(kept);
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.#setup = this.#setup.filter(({ args }) =>
      args.some((a) => a instanceof Address && changes(a.storage)),
    );
    this.#changing = kept.filter(changes);
    this.#bound = this.#bind(this.#items);
    // From here on each weight is in linear memory, once.
    for (const s of storages) if (!changes(s)) s.data = undefined;
  }

  /** Uploads and packs the weights as they are now, where they lie. Throws MemoryError, before anything has changed. */
  refresh(): void {
    this.#pack(this.#changing);
  }

  /** Takes the memory that `refresh` needs, which it then always has. */
  holdPacking(): void {
    const bytes = Math.max(0, ...this.#sources(this.#changing).map(({ placed }) => placed.bytes));
    this.#packing = this.#runtime.memory.allocate(bytes, this.#what);
    this.#blocks.push(this.#packing);
  }

  /** Blocks held. */
  get blocks(): readonly number[] {
    return this.#blocks;
  }

  /** Lets the host's storage lie elsewhere from now on: at a tensor's address, so that nothing is copied. */
  bind({ storage }: Address, address: number): void {
    for (const { args, index, offset } of this.#host.get(storage)!) args[index] = address + offset;
  }

  /** Bytes of weights and tables that some calls use. */
  keptBytes(calls: readonly number[]): number {
    const kept = new Set<Storage>();
    for (const call of calls)
      for (const arg of this.#calls[call].args)
        if (arg instanceof Address && arg.storage.lifetime === "kept") kept.add(arg.storage);
    return [...kept].reduce((sum, s) => sum + align(s.bytes), 0);
  }

  run(executor: Pick<Executor, "run"> = this.#runtime.executor): void {
    runItems(this.#bound, executor);
    if (this.#runtime.checked) this.verify();
  }

  /** Runs a program that borrows, and calls `after` while what it made is still there. */
  runBorrowed(after: () => void): void {
    const run = (): void => {
      this.run();
      after();
    };
    if (this.#borrowed) this.#borrowed.with(run);
    else run();
  }

  /** Median milliseconds of every call (of all its iterations together) over so many runs, after one that is not counted. */
  time(runs: number): number[] {
    const samples: number[][] = this.#calls.map(() => new Array<number>(runs).fill(0));
    let run = 0;
    const timed = (call: BoundCall): void => {
      const start = performance.now();
      this.#runtime.executor.run(call);
      samples[call.index][run] += performance.now() - start;
    };
    this.run();
    for (; run < runs; run++) this.run({ run: timed });
    return samples.map((ms) => ms.sort((a, b) => a - b)[runs >> 1]);
  }

  /** Checked engines: that no kernel wrote past the end of a storage. */
  verify(): void {
    for (const block of this.#blocks) this.#runtime.memory.verify(block);
    for (const { address, bytes } of this.#banded) {
      const band = address + bytes;
      this.#runtime.memory.verifyBand(band, align(band) - band + BAND);
    }
  }

  dispose(): void {
    if (!this.#runtime.disposed) for (const block of this.#blocks) this.#runtime.memory.free(block);
    this.#blocks = [];
    this.#banded = [];
    this.#bound = [];
    this.#setup = [];
    this.#changing = [];
  }

  /** Counts the addresses of a run from 0, for memory that is taken later. */
  #borrow(all: readonly Storage[], run: readonly Storage[], { offsets, bytes }: Placement): void {
    this.bytes.run = bytes;
    run.forEach((s, i) => {
      s.address = offsets[i];
    });
    const moving = all.filter(({ lifetime }) => lifetime === "run");
    if (bytes) this.#borrowed = new BorrowedRun(this.#runtime.memory, this.#what, bytes, moving);
  }

  /** A block for all of the storages; its bytes. */
  #allocate(storages: readonly Storage[], { offsets, bytes }: Placement): number {
    if (!bytes) return 0;
    const base = this.#runtime.memory.allocate(bytes, this.#what);
    this.#blocks.push(base);
    storages.forEach((s, i) => {
      s.address = base + offsets[i];
    });
    return bytes;
  }

  /** Uploads kept storages and runs the setup calls. All memory is taken before anything is written. */
  #pack(kept: readonly Storage[]): void {
    const { memory, kernels, executor } = this.#runtime;
    const sources = this.#sources(kept);
    const most = this.#packing ? 0 : Math.max(0, ...sources.map(({ placed }) => placed.bytes));
    const base = this.#packing || (most && memory.allocate(most, this.#what));
    try {
      for (const storage of kept) upload(memory, storage);
      this.#setup.forEach(({ kernel: name, args, units, index }, i) => {
        const { storages, placed } = sources[i];
        const { offsets } = placed;
        storages.forEach((storage, k) => {
          storage.address = base + offsets[k];
          // It is only read: where it lies in linear memory already it is not copied.
          upload(memory, storage, true);
        });
        executor.run({ name, kernel: kernels[name], args: settled(args), units, index });
      });
    } finally {
      if (most) memory.free(base);
    }
  }

  /**
   * What each setup call reads: the weights as they came. They are only needed for that one call: all have the same place, one after
   * the other.
   */
  #sources(kept: readonly Storage[]): { storages: readonly Storage[]; placed: Placement }[] {
    const held = new Set(kept);
    return this.#setup.map(({ args }) => {
      const used = args.flatMap((arg) => (arg instanceof Address ? [arg.storage] : []));
      const storages = [...new Set(used)].filter((storage) => storage.data && !held.has(storage));
      return { storages, placed: placeInOrder(storages) };
    });
  }

  #bind(items: readonly (Call | LoopBody)[]): BoundItem[] {
    const { kernels } = this.#runtime;
    const bindItems = (
      list: readonly (Call | LoopBody)[],
      loops: Map<Loop, BoundLoop["steps"][number][]>,
    ): BoundItem[] =>
      list.map((item) => {
        if ("items" in item) {
          const steps: BoundLoop["steps"][number][] = [];
          loops.set(item, steps);
          return { count: item.count, items: bindItems(item.items, loops), steps };
        }
        const args = settled(item.args);
        item.args.forEach((arg, index) => {
          if (typeof arg === "number") return;
          if (arg instanceof Address) {
            this.#host.get(arg.storage)?.push({ args, index, offset: arg.offset });
            if (arg.storage.lifetime === "run") this.#borrowed?.add(args, index);
          }
          for (const { loop, by } of arg.steps) loops.get(loop)!.push({ args, index, by });
        });
        return {
          name: item.kernel,
          kernel: kernels[item.kernel],
          args,
          units: item.units,
          index: item.index,
        };
      });
    return bindItems(items, new Map());
  }

  /** Finds every storage that runs need, with the calls it lives through, and decides which overlays hold. */
  #trace(): Storage[] {
    const found = new Set<Storage>(this.#host.keys());
    for (const call of this.#calls)
      for (const arg of call.args) {
        if (!(arg instanceof Address)) continue;
        const { storage } = arg;
        found.add(storage);
        // What was made outside a loop is needed in all of its iterations.
        let [first, last] = [call.index, call.index];
        for (let loop = call.loop as LoopBody | undefined; loop && loop !== storage.loop; loop = loop.outer)
          [first, last] = [loop.start, loop.end - 1];
        storage.first = Math.min(storage.first, first);
        storage.last = Math.max(storage.last, last);
      }
    // In the order in which they are made, so that what lies under a storage is settled before it.
    const overlays = [...found].filter((s) => s.over).sort((a, b) => a.first - b.first);
    for (const storage of overlays) {
      // The input must end with the very call that makes the output, and nobody else may lie over it.
      const input = storage.over!;
      const under = bottom(input);
      if (found.has(under) && input.last === storage.first && under.last <= storage.first)
        under.last = Math.max(under.last, storage.last);
      else storage.over = undefined;
    }
    return [...found];
  }
}

/** Whether a storage holds what is made of weights that may change. */
const changes = (storage: Storage): boolean => typeof storage.data === "function";
