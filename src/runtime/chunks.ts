// Work done a chunk at a time: a loop of the program instead of a list that grows with images, tiles or bands.
import { type Address, type Loop, type Scalar, SteppedNumber } from "./address.ts";

/** A chunk of images, tiles or bands: the whole ones in one loop, what is left over on its own. */
export interface Chunk {
  readonly count: number;
  /** Whether nothing has been done before it. */
  readonly first: boolean;
  /** Where the chunk's part of something begins that has `bytes` per item. */
  place<Name extends string>(address: Address<Name>, bytes: number): Address<Name>;
  /** The number of its first item. */
  readonly start: Scalar;
}

/**
 * Writes `body` for `total` items, `size` at a time: as a loop over the whole chunks and once more for what is left. With
 * `firstApart` the first chunk is written on its own (the others add to what it made).
 */
export function forEachChunk(
  program: { loop(count: number, body: (loop: Loop) => void): void },
  total: number,
  size: number,
  body: (chunk: Chunk) => void,
  firstApart = false,
): void {
  const single = (start: number, count: number): void =>
    body({
      count,
      first: start === 0,
      start,
      place: (address, bytes) => address.plus(start * bytes) as typeof address,
    });
  let start = 0;
  if (firstApart) {
    start = Math.min(size, total);
    single(0, start);
  }
  const whole = Math.floor((total - start) / size);
  if (whole === 1) {
    single(start, size);
  } else if (whole > 1) {
    const from = start;
    program.loop(whole, (loop) =>
      body({
        count: size,
        first: false,
        start: new SteppedNumber(from, [{ loop, by: size }]),
        place: (address, bytes) => address.plus(from * bytes).stepping(loop, size * bytes) as typeof address,
      }),
    );
  }
  start += whole * size;
  if (start < total) single(start, total - start);
}
