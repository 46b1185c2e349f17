// Where storages lie: by lifetime, so that two share memory only when no call needs both.
import type { Storage } from "./address.ts";
import { ALIGN, align, BAND } from "./memory.ts";

export interface Placement {
  /** Byte offsets, in the order of the storages. */
  readonly offsets: readonly number[];
  /** Bytes of them all. */
  readonly bytes: number;
}

/** Largest first, each at the lowest gap that fits. */
export function placeByLifetime(storages: readonly Storage[]): Placement {
  const offsets = new Array<number>(storages.length).fill(0);
  const placed: { storage: Storage; start: number; end: number }[] = [];
  let bytes = 0;
  const order = storages.map((_, i) => i).sort((a, b) => storages[b].bytes - storages[a].bytes);
  for (const i of order) {
    const storage = storages[i];
    const size = align(storage.bytes);
    let start = 0;
    for (const p of placed) {
      if (p.storage.first > storage.last || p.storage.last < storage.first) continue;
      if (start + size <= p.start) break;
      start = Math.max(start, p.end);
    }
    offsets[i] = start;
    bytes = Math.max(bytes, start + size);
    const position = placed.findIndex((p) => p.start > start);
    placed.splice(position < 0 ? placed.length : position, 0, { storage, start, end: start + size });
  }
  return { offsets, bytes };
}

/** One after the other: constants, which all live as long as the program. */
export function placeInOrder(storages: readonly Storage[]): Placement {
  let bytes = 0;
  const offsets = storages.map((s) => {
    const start = bytes;
    bytes += align(s.bytes);
    return start;
  });
  return { offsets, bytes };
}

/** Checked engines: nothing is shared, and a guard band follows each storage. */
export function placeApart(storages: readonly Storage[]): Placement {
  let bytes = 0;
  const offsets = storages.map((s) => {
    const start = bytes;
    bytes += align(s.bytes) + Math.max(BAND, ALIGN);
    return start;
  });
  return { offsets, bytes };
}

/** The storage at the bottom of a chain of overlays. */
export function bottom(storage: Storage): Storage {
  let s = storage;
  while (s.over) s = s.over;
  return s;
}
