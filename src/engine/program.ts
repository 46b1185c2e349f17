// A program is a list of kernel calls over buffers. Ops write it, memory places it, the crew runs it.
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

  constructor(
    readonly bytes: number,
    readonly lifetime: Lifetime,
    /** Set on a view: the buffer it is a part of, and the byte it begins at. */
    readonly root: Buffer | undefined = undefined,
    readonly offset = 0,
    /** Initial content of a kept buffer. */
    readonly data: Float32Array | Int32Array | undefined = undefined,
  ) {}

  /** The part of this buffer that begins `offset` bytes in. Shares the memory. */
  at(offset: number, bytes = this.bytes - offset): Buffer {
    return new Buffer(bytes, this.lifetime, this.root ?? this, this.offset + offset);
  }
}

export type Arg = number | Buffer;

/** One kernel call: `kernel(...args, 0, units)`. */
export interface Call {
  kernel: KernelName;
  args: Arg[];
  units: number;
}
