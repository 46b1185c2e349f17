// A program is a list of kernel calls over buffers. Ops write it; placing settles every address; then it only runs.
import type { BoundCall, Crew } from "./executor.ts";
import type { Runtime } from "./instance.ts";
import { ALIGN, align, BAND } from "./memory.ts";
import type { KernelName } from "./wasm.ts";

/**
 * Where a buffer's bytes live: `kept` as long as the program (weights, records), `run` from its first use to its
 * last within one run (activations, scratch), `fixed` at an address somebody else owns (a tensor).
 */
export type Lifetime = "kept" | "run" | "fixed";

/** A stretch of linear memory whose address is known once the program has been placed. */
export class Buffer {
  /** Byte address; 0 until placed. */
  address = 0;
  /** Index of the first and of the last call that touches the buffer. */
  first = Infinity;
  last = -1;
  /** The buffer whose memory this one takes over, see `Program.overlay`. */
  over: Buffer | undefined;

  constructor(
    readonly bytes: number,
    readonly lifetime: Lifetime,
    /** Initial content of a kept buffer. A buffer that has one is constant. */
    readonly data: Float32Array | Int32Array | undefined = undefined,
    /** Set on a view: the buffer it is a part of, and the byte it begins at. */
    readonly root: Buffer | undefined = undefined,
    readonly offset = 0,
  ) {}

  /** The part of this buffer that begins `offset` bytes in. Shares the memory. */
  at(offset: number, bytes = this.bytes - offset): Buffer {
    return new Buffer(bytes, this.lifetime, this.data, this.root ?? this, this.offset + offset);
  }

  get place(): number {
    return this.root ? this.root.address + this.offset : this.address;
  }
}

/** What plans weigh: the fastest way, or the one with the least packed bytes. */
export type Preference = "speed" | "memory";

export type Arg = number | Buffer;

/** One kernel call: `kernel(...args, 0, units)`. */
export interface Call {
  readonly kernel: KernelName;
  readonly args: Arg[];
  readonly units: number;
}

export class Program {
  readonly #runtime: Runtime;
  readonly #what: string;
  readonly #calls: Call[] = [];
  /** Calls that run once, when the program is placed: packing of constant weights. */
  readonly #setup: Call[] = [];
  #target = this.#calls;
  #bound: BoundCall[] = [];
  #bands: number[] = [];
  /** Buffers the host reads or writes, whether a call touches them or not, and every place in #bound that names them. */
  readonly #host = new Map<Buffer, { args: number[]; index: number; offset: number }[]>();
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
    this.threads = runtime.crew.threads;
  }

  // Writing: what an op sees of a program (`Emitter` in ops/op.ts).

  call(kernel: KernelName, units: number, args: Arg[]): void {
    if (units > 0) this.#target.push({ kernel, args, units });
  }

  record(fields: ArrayLike<number>): Buffer {
    return this.#kept(Int32Array.from(fields));
  }

  constant(data: Float32Array): Buffer {
    return this.#kept(data);
  }

  scratch(bytes: number): Buffer {
    return new Buffer(bytes, "run");
  }

  packed(
    inputs: readonly { readonly buffer: Buffer }[],
    bytes: number,
    emit: (packed: Buffer) => void,
  ): Buffer {
    const constant = inputs.every((i) => i.buffer.data !== undefined);
    const packed = new Buffer(bytes, constant ? "kept" : "run");
    const target = this.#target;
    if (constant) this.#target = this.#setup;
    emit(packed);
    this.#target = target;
    return packed;
  }

  algorithm(name: string): void {
    this.lastAlgorithm = name;
  }

  #kept(data: Float32Array | Int32Array): Buffer {
    return new Buffer(data.byteLength, "kept", data);
  }

  // Shaping: what a network adds before it places the program.

  get length(): number {
    return this.#calls.length;
  }

  /** Marks a buffer the host fills before each run. */
  input(buffer: Buffer): void {
    buffer.first = -1;
    this.#host.set(buffer, []);
  }

  /** Marks a buffer the host reads after each run. */
  output(buffer: Buffer): void {
    const root = buffer.root ?? buffer;
    root.last = Infinity;
    this.#host.set(root, []);
  }

  /** Lets `out` take over the memory of `input`, if nothing needs `input` once `out` exists. */
  overlay(out: Buffer, input: Buffer): void {
    if (
      out.lifetime === "run" &&
      input.lifetime === "run" &&
      !out.root &&
      !input.root &&
      out.bytes === input.bytes
    )
      out.over = input;
  }

  /** Settles every address, uploads constants and packs weights. Throws MemoryError and holds nothing then. */
  place(): void {
    const { memory, kernels } = this.#runtime;
    const buffers = this.#trace();
    const kept = buffers.filter((b) => b.lifetime === "kept");
    let keptBytes = 0;
    const keptAt = kept.map((b) => {
      const at = keptBytes;
      keptBytes += align(b.bytes);
      return at;
    });
    const checked = this.#runtime.checked;
    const run = buffers.filter((b) => b.lifetime === "run" && !b.over);
    const { offsets, bytes: runBytes } = checked ? apart(run) : byLifetime(run);

    try {
      if (keptBytes) {
        const base = this.#allocate(keptBytes);
        kept.forEach((b, i) => {
          b.address = base + keptAt[i];
          if (b.data) this.#upload(b, b.address);
        });
      }
      if (runBytes) {
        const base = this.#allocate(runBytes);
        if (checked) memory.paint(base, runBytes);
        run.forEach((b, i) => {
          b.address = base + offsets[i];
          if (checked) this.#bands.push(b.address + b.bytes);
        });
      }
      for (const b of buffers) if (b.over) b.address = bottom(b).address;
      this.bytes.kept = keptBytes;
      this.bytes.run = runBytes;
      const held = new Set(kept);
      for (const call of this.#setup) this.#runSetup(call, held);
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.#bound = this.#calls.map((call) => {
      const args = settled(call.args);
      call.args.forEach((arg, index) => {
        if (arg instanceof Buffer) this.#host.get(arg.root ?? arg)?.push({ args, index, offset: arg.offset });
      });
      return { name: call.kernel, kernel: kernels[call.kernel], args, units: call.units };
    });
  }

  /** Lets the host's buffer lie elsewhere from now on: at a tensor's address, so that nothing is copied. */
  bind(buffer: Buffer, address: number): void {
    for (const { args, index, offset } of this.#host.get(buffer.root ?? buffer)!)
      args[index] = address + offset;
  }

  /** Bytes of weights and tables that some calls use. */
  keptBytes(calls: readonly number[]): number {
    const kept = new Set<Buffer>();
    for (const call of calls)
      for (const arg of this.#calls[call].args)
        if (arg instanceof Buffer && arg.lifetime === "kept") kept.add(arg.root ?? arg);
    return [...kept].reduce((sum, b) => sum + align(b.bytes), 0);
  }

  run(crew: Pick<Crew, "run"> = this.#runtime.crew): void {
    for (const call of this.#bound) crew.run(call);
    if (this.#runtime.checked) this.verify();
  }

  /** Median milliseconds of every call over so many runs, after one that is not counted. */
  time(runs: number): number[] {
    const samples: number[][] = this.#bound.map(() => []);
    let at = 0;
    const timed = (call: BoundCall): void => {
      const start = performance.now();
      this.#runtime.crew.run(call);
      samples[at++].push(performance.now() - start);
    };
    this.run();
    for (let run = 0; run < runs; run++, at = 0) this.run({ run: timed });
    return samples.map((ms) => ms.sort((a, b) => a - b)[runs >> 1]);
  }

  /** Checked engines: that no kernel wrote past the end of a buffer. */
  verify(): void {
    for (const block of this.#blocks) this.#runtime.memory.verify(block);
    for (const band of this.#bands) this.#runtime.memory.verifyBand(band, align(band) - band + BAND);
  }

  dispose(): void {
    if (!this.#runtime.disposed) for (const block of this.#blocks) this.#runtime.memory.free(block);
    this.#blocks = [];
    this.#bands = [];
    this.#bound = [];
  }

  #allocate(bytes: number): number {
    const address = this.#runtime.memory.allocate(bytes, this.#what);
    this.#blocks.push(address);
    return address;
  }

  #upload(buffer: Buffer, address: number): void {
    const { memory } = this.#runtime;
    if (buffer.data instanceof Float32Array) memory.floats.set(buffer.data, address / 4);
    else if (buffer.data) memory.ints.set(buffer.data, address / 4);
  }

  // Sources of packing (the weights as they came) are only needed for this one call.
  #runSetup(call: Call, kept: Set<Buffer>): void {
    const { memory, kernels, crew } = this.#runtime;
    const passing = new Set<Buffer>();
    for (const arg of call.args) {
      const buffer = arg instanceof Buffer ? (arg.root ?? arg) : undefined;
      if (buffer?.data && !kept.has(buffer)) passing.add(buffer);
    }
    const held: number[] = [];
    try {
      for (const buffer of passing) {
        buffer.address = memory.allocate(buffer.bytes, this.#what);
        held.push(buffer.address);
        this.#upload(buffer, buffer.address);
      }
      const { kernel: name, units } = call;
      crew.run({ name, kernel: kernels[name], args: settled(call.args), units });
    } finally {
      for (const address of held) memory.free(address);
    }
  }

  /** Finds every buffer that runs need, with the calls it lives through, and settles which overlays hold. */
  #trace(): Buffer[] {
    const found = new Set<Buffer>(this.#host.keys());
    this.#calls.forEach((call, i) => {
      for (const arg of call.args) {
        if (!(arg instanceof Buffer)) continue;
        const buffer = arg.root ?? arg;
        found.add(buffer);
        buffer.first = Math.min(buffer.first, i);
        buffer.last = Math.max(buffer.last, i);
      }
    });
    // In the order in which they are made, so that what lies under a buffer is settled before it.
    const overlays = [...found].filter((b) => b.over).sort((a, b) => a.first - b.first);
    for (const buffer of overlays) {
      // The input must end with the very call that makes the output, and nobody else may lie over it.
      const input = buffer.over!;
      const under = bottom(input);
      if (found.has(under) && input.last === buffer.first && under.last <= buffer.first)
        under.last = Math.max(under.last, buffer.last);
      else buffer.over = undefined;
    }
    return [...found];
  }
}

/** Numbers in an array that began with objects in it: V8 boxes them here once, and not at every read in a run. */
function settled(args: readonly Arg[]): number[] {
  const numbers: unknown[] = new Array(args.length).fill(null);
  args.forEach((arg, i) => {
    numbers[i] = typeof arg === "number" ? arg : arg.place;
  });
  return numbers as number[];
}

function bottom(buffer: Buffer): Buffer {
  let b = buffer;
  while (b.over) b = b.over;
  return b;
}

/** Places buffers so that two share memory only when no call needs both: largest first, each at the lowest gap that fits. */
function byLifetime(buffers: readonly Buffer[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(buffers.length).fill(0);
  const placed: { buffer: Buffer; at: number; end: number }[] = [];
  let bytes = 0;
  const order = buffers.map((_, i) => i).sort((a, b) => buffers[b].bytes - buffers[a].bytes);
  for (const i of order) {
    const buffer = buffers[i];
    const size = align(buffer.bytes);
    let at = 0;
    for (const p of placed) {
      if (p.buffer.first > buffer.last || p.buffer.last < buffer.first) continue;
      if (at + size <= p.at) break;
      at = Math.max(at, p.end);
    }
    offsets[i] = at;
    bytes = Math.max(bytes, at + size);
    const position = placed.findIndex((p) => p.at > at);
    placed.splice(position < 0 ? placed.length : position, 0, { buffer, at, end: at + size });
  }
  return { offsets, bytes };
}

/** Checked engines: no sharing, and a band after each buffer. */
function apart(buffers: readonly Buffer[]): { offsets: number[]; bytes: number } {
  let bytes = 0;
  const offsets = buffers.map((b) => {
    const at = bytes;
    bytes += align(b.bytes) + Math.max(BAND, ALIGN);
    return at;
  });
  return { offsets, bytes };
}
