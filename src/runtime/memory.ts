// Linear memory: one arena over the instance's memory. Everything that lives there is allocated here and counted.
import { MemoryError } from "../errors.ts";

/** Blocks start at cache-line borders, so that threads never share a line and vector loads never straddle two. */
export const ALIGN = 64;
/** A checked engine keeps this many bytes of pattern before and after every block. */
export const BAND = 64;
const PATTERN = 0xa5;
const PAGE = 65536;
/** wasm32 addresses end at 4 GiB. */
const MOST = 65536 * PAGE;

export const align = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

interface Block {
  address: number;
  bytes: number;
}

export interface MemoryUse {
  /** Bytes allocated now: tensors, weights and activations of compiled networks. */
  live: number;
  /** The most that was ever live. */
  peak: number;
  /** Bytes kept for calls that may come again, and given up where memory runs short. */
  cached: number;
  /** Bytes of linear memory held from the host. Linear memory grows and never shrinks; disposing the engine frees it. */
  capacity: number;
}

export class Memory {
  readonly #wasm: WebAssembly.Memory;
  readonly #checked: boolean;
  /** Gives up what is cached; called where memory cannot grow, before that is an error. */
  onShortage: (() => void) | undefined;
  /** Free ranges by address, never adjacent. */
  readonly #free: Block[] = [];
  readonly #used = new Map<number, number>();
  /** The blocks in use that count as cached. */
  readonly #cachedBlocks = new Set<number>();
  /** First address past the last block ever handed out. */
  #end: number;
  #live = 0;
  #cached = 0;
  #peak = 0;
  #floats: Float32Array;
  #ints: Int32Array;

  constructor(wasm: WebAssembly.Memory, heapBase: number, checked: boolean) {
    this.#wasm = wasm;
    this.#checked = checked;
    this.#end = align(heapBase);
    this.#floats = new Float32Array(wasm.buffer);
    this.#ints = new Int32Array(wasm.buffer);
  }

  get use(): MemoryUse {
    return {
      live: this.#live,
      peak: this.#peak,
      cached: this.#cached,
      capacity: this.#wasm.buffer.byteLength,
    };
  }

  /** All of linear memory as floats. Do not keep it: growing detaches it, or leaves it short where memory is shared. */
  get floats(): Float32Array {
    return this.#floats;
  }

  /** All of linear memory as 32-bit integers. Do not keep it. */
  get ints(): Int32Array {
    return this.#ints;
  }

  /** A block of at least `bytes`, uninitialised. Throws MemoryError, and changes nothing, when memory cannot grow. */
  allocate(bytes: number, what: string): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0)
      throw new Error(`internal: ${what}: ${bytes} bytes is no number of bytes`);
    const band = this.#checked ? BAND : 0;
    const size = align(Math.max(bytes, 4)) + 2 * band;
    const address = this.#orAfterShortage(() => this.#take(size, what)) + band;
    this.#used.set(address, size - 2 * band);
    this.#live += size - 2 * band;
    this.#peak = Math.max(this.#peak, this.#live);
    if (band) {
      const all = new Uint8Array(this.#wasm.buffer);
      all.fill(PATTERN, address - band, address + size - band);
    }
    return address;
  }

  /** Grows where a block of so many bytes could not be had. Throws MemoryError, and changes nothing, when memory cannot grow. */
  reserve(bytes: number, what: string): void {
    const size = align(bytes);
    this.#orAfterShortage(() => {
      if (!this.#free.some((block) => block.bytes >= size)) this.#grow(this.#firstAtEnd() + size, size, what);
    });
  }

  /** Counts a block as cached from now on, until it is freed. */
  cache(address: number): void {
    const bytes = this.#used.get(address)!;
    this.#cachedBlocks.add(address);
    this.#live -= bytes;
    this.#cached += bytes;
  }

  free(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new Error(`internal: no block at ${address}`);
    if (this.#checked) this.verify(address);
    this.#used.delete(address);
    if (this.#cachedBlocks.delete(address)) this.#cached -= bytes;
    else this.#live -= bytes;
    const band = this.#checked ? BAND : 0;
    this.#give({ address: address - band, bytes: bytes + 2 * band });
  }

  /** Checked engines: that nobody wrote into the bands round the block. */
  verify(address: number): void {
    const bytes = this.#used.get(address)!;
    this.verifyBand(address - BAND, BAND);
    this.verifyBand(address + bytes, BAND);
  }

  verifyBand(address: number, bytes: number): void {
    const all = new Uint8Array(this.#wasm.buffer, address, bytes);
    const at = all.findIndex((b) => b !== PATTERN);
    if (at >= 0) throw new Error(`internal: a kernel wrote outside its buffer, at address ${address + at}`);
  }

  /** Checked engines: paints a range with the pattern (as a float: -2.9e-16) before it is used. */
  paint(address: number, bytes: number): void {
    new Uint8Array(this.#wasm.buffer, address, bytes).fill(PATTERN);
  }

  /** Tries once more, where it fails, without what was cached. */
  #orAfterShortage<T>(take: () => T): T {
    try {
      return take();
    } catch (error) {
      if (!this.#cached) throw error;
      this.onShortage?.();
      return take();
    }
  }

  // First fit: programs allocate few, large blocks, and free them in any order.
  #take(size: number, what: string): number {
    for (let i = 0; i < this.#free.length; i++) {
      const block = this.#free[i];
      if (block.bytes < size) continue;
      const { address } = block;
      block.address += size;
      block.bytes -= size;
      if (block.bytes === 0) this.#free.splice(i, 1);
      return address;
    }
    const start = this.#firstAtEnd();
    this.#grow(start + size, size, what);
    if (start !== this.#end) this.#free.pop();
    this.#end = start + size;
    return start;
  }

  /** The first address from which on nothing is in use: a free range that touches the end counts towards what is needed. */
  #firstAtEnd(): number {
    const tail = this.#free.at(-1);
    return tail && tail.address + tail.bytes === this.#end ? tail.address : this.#end;
  }

  #grow(needed: number, size: number, what: string): void {
    const capacity = this.#wasm.buffer.byteLength;
    if (needed <= capacity) return;
    try {
      if (needed > MOST) throw new RangeError("beyond the 4 GiB a wasm32 memory can have");
      this.#wasm.grow(Math.ceil((needed - capacity) / PAGE));
      this.#floats = new Float32Array(this.#wasm.buffer);
      this.#ints = new Int32Array(this.#wasm.buffer);
    } catch (cause) {
      throw new MemoryError(
        `${what}: needs ${size} bytes, but linear memory of ${capacity} bytes (${this.#live} live) cannot grow to ` +
          `${needed}; dispose of tensors or networks, or use a smaller batch`,
        { cause },
      );
    }
  }

  #give(block: Block): void {
    const free = this.#free;
    let i = free.findIndex((b) => b.address > block.address);
    if (i < 0) i = free.length;
    free.splice(i, 0, block);
    if (i + 1 < free.length && block.address + block.bytes === free[i + 1].address) {
      block.bytes += free[i + 1].bytes;
      free.splice(i + 1, 1);
    }
    if (i > 0 && free[i - 1].address + free[i - 1].bytes === block.address) {
      free[i - 1].bytes += block.bytes;
      free.splice(i, 1);
    }
  }
}
