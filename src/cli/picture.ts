// Pictures as commands pass them around.
import type { Image } from "../image/index.ts";

export type Picture = Image<Uint8Array>;

export interface Decoded {
  readonly image: Picture;
  /** Bits of a sample in the file. */
  readonly depth: number;
}
