// Threads need a module whose memory is shared, and whether it is belongs to the type of the memory a module imports. The code
// is the same in every other byte, so no second binary is shipped: the type is rewritten before the module is compiled.

import { ConvolithError } from "../errors.ts";
import { type Instance, kernelsOf, make } from "./wasm.ts";

const IMPORTS = 2; // id of a section
const FUNCTION = 0; // kinds of imports
const MEMORY = 2;
const HEADER = 8; // bytes of magic and version
/** The most pages a module can ask for, 4 GiB: how many there may really be is told by the memory itself. */
const MOST_PAGES = 65536;

/** Unsigned LEB128. */
const leb = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];

/** Reads through a module's bytes. */
class Reader {
  at = HEADER;
  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error("the WebAssembly binary ends too early");
    return this.bytes[this.at++];
  }

  number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  name(): void {
    const length = this.number();
    this.at += length;
  }
}

/** The same module, with the memory it imports shared. Throws when there is none: it is another module than ours. */
export function shareMemory(binary: BufferSource): Uint8Array<ArrayBuffer> {
  const bytes = ArrayBuffer.isView(binary)
    ? new Uint8Array(binary.buffer, binary.byteOffset, binary.byteLength)
    : new Uint8Array(binary);
  const reader = new Reader(bytes);
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = reader.byte();
    const size = reader.number();
    const body = reader.at;
    if (id === IMPORTS) {
      const limits = memoryLimits(reader);
      const section = [
        ...bytes.subarray(body, limits.from),
        ...limits.shared,
        ...bytes.subarray(limits.to, body + size),
      ];
      const head = [...bytes.subarray(0, start), IMPORTS, ...leb(section.length)];
      const rest = bytes.subarray(body + size);
      const all = new Uint8Array(head.length + section.length + rest.length);
      all.set(head);
      all.set(section, head.length);
      all.set(rest, head.length + section.length);
      return all;
    }
    reader.at = body + size;
  }
  throw new Error("the WebAssembly binary imports no memory");
}

/** Where the limits of the imported memory stand in the import section the reader has come to, and what they are to be. */
function memoryLimits(reader: Reader): { from: number; to: number; shared: number[] } {
  for (let left = reader.number(); left > 0; left--) {
    reader.name();
    reader.name();
    const kind = reader.byte();
    if (kind === FUNCTION) reader.number();
    else if (kind === MEMORY) {
      const from = reader.at;
      const hasMost = (reader.byte() & 1) === 1;
      const least = reader.number();
      const most = hasMost ? reader.number() : MOST_PAGES;
      return { from, to: reader.at, shared: [3, ...leb(least), ...leb(most)] }; // 3: has a maximum, is shared
    } else break;
  }
  throw new Error("the WebAssembly binary imports no memory");
}

/** A shared memory that can grow as far as this host lets it. */
function sharedMemory(): WebAssembly.Memory {
  // A shared memory claims the addresses it may grow to; small hosts refuse 4 GiB.
  for (let maximum = MOST_PAGES; ; maximum /= 2)
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared: true });
    } catch (error) {
      if (maximum <= 1024) throw error;
    }
}

/** An instance with a memory that threads can share. A compiled module must have been compiled so. */
export async function loadShared(wasm: WebAssembly.Module | BufferSource): Promise<Instance> {
  const memory = sharedMemory();
  const bytes = wasm instanceof WebAssembly.Module ? undefined : shareMemory(wasm);
  const { instance, module } = await make(bytes ?? wasm, memory).catch((cause) => {
    if (bytes || cause instanceof ConvolithError) throw cause;
    throw new Error("the given module was compiled with a memory that is not shared; give its bytes", {
      cause,
    });
  });
  const names = kernelsOf(instance.kernels).map(([name]) => name);
  return { ...instance, share: { module, memory, names } };
}
