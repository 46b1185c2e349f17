// Constants, from where they are to linear memory.
import { type Storage, valuesOf } from "./address.ts";
import type { Memory } from "./memory.ts";

/** Writes a storage's content where it lies. With `mayLieElsewhere`, content that is in linear memory already stays where it is instead. */
export function upload({ floats, ints }: Memory, storage: Storage, mayLieElsewhere = false): void {
  const { data, address } = storage;
  if (data instanceof Int32Array) ints.set(data, address / 4);
  else if (data) {
    const values = valuesOf(data);
    if (mayLieElsewhere && values.buffer === floats.buffer) storage.address = values.byteOffset;
    else floats.set(values, address / 4);
  }
}
