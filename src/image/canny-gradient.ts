// The derivatives that Canny's method starts from, strip by strip.
import { Band, bandPitch, Drain, Feed, produce, run, type Scratch, stripRows } from "./band.ts";
import { gaussianIntegers } from "./gaussian.ts";
import type { Source } from "./image.ts";

/** Sizes of the derivatives' windows. */
export type Aperture = 3 | 5 | 7;

/** Sobel's factors along the derivative and across it, and the binary logarithm of what OpenCV's Canny divides by: 16 bits hold it then. */
const FACTORS = {
  5: { derivative: [-1, -2, 0, 2, 1], smooth: [1, 4, 6, 4, 1], shift: 0 },
  7: { derivative: [-1, -4, -5, 0, 5, 4, 1], smooth: [1, 6, 15, 20, 15, 6, 1], shift: 4 },
} as const;

/** Zeros after rows of magnitudes. */
const BEYOND = 16;

/** The address of an even number of weights in 16 bits: the last may be 0. */
const uploadTaps = (scratch: Scratch, taps: readonly number[]): number =>
  scratch.upload(
    new Int32Array(Int16Array.from({ length: (taps.length + 1) & -2 }, (_, i) => taps[i]).buffer),
  );

/**
 * Gray bytes smoothed by a Gaussian, equal to OpenCV's GaussianBlur of bytes. Its own few lines rather than `gaussianBlur`: a bundle with Canny
 * alone then has no filters of other kinds.
 */
export function smoothBytes(source: Source, size: number, sigma: number): unknown {
  const { runtime, width, height } = source;
  const radius = size >> 1;
  return produce(source, { width, height, channels: 1, float: false }, undefined, (scratch, target) => {
    const rows = Math.min(height, Math.max(size, stripRows(2 * bandPitch(width, 2, 0, 2 * radius), height)));
    const feed = new Feed(scratch, source, { rows: rows + 2 * radius, left: radius, right: radius });
    const sums = new Band(scratch, rows + 2 * radius + 1, width, 2);
    const drain = new Drain(scratch, target, { rows, float: false });
    const taps = uploadTaps(scratch, gaussianIntegers(size, sigma));
    for (let y = 0; y < height; y += rows) {
      const count = Math.min(rows, height - y);
      const all = count + 2 * radius;
      const input = feed.rows(y - radius, y + count + radius) - radius;
      run(runtime, "image_taps_row_u8", all, sums.address, input, taps, sums.pitch, feed.pitch, size, width);
      run(
        runtime,
        "image_taps_column_i16",
        count,
        ...([drain.address, sums.address, taps, drain.pitch, sums.pitch, size, BITS, 1, width] as const),
      );
      drain.write(y, count);
    }
  });
}

/** Weights are in 256ths along both axes. */
const BITS = 16;

interface Taps {
  readonly shift: number;
  readonly derivative: number;
  readonly smooth: number;
  readonly rows: Band;
}

/**
 * dx, dy (i16) and the magnitude (|dx| + |dy| in i16, or dx² + dy² in i32) of gray bytes, borders replicated. Strips come in order: after
 * `load(y, count)` slot 1 of the bands holds row y of the image, slot 0 the row above and slot `count` + 1 the row below; outside of
 * the image the magnitude is 0.
 */
export class GradientStrips {
  /** The most rows of a strip. */
  readonly rows: number;
  readonly dx: Band;
  readonly dy: Band;
  readonly magnitude: Band;
  readonly #source: Source;
  readonly #scratch: Scratch;
  readonly #feed: Feed;
  readonly #radius: number;
  readonly #squares: 0 | 1;
  readonly #taps: Taps | undefined;
  /** The row of the image in slot 0. */
  #first = -1;
  /** The first row of the image that is not computed. */
  #next = 0;

  constructor(scratch: Scratch, source: Source, aperture: Aperture, l2: boolean) {
    const { width, height } = source;
    const size = l2 ? 4 : 2;
    const radius = aperture >> 1;
    const rowBytes =
      2 * bandPitch(width, 2) + bandPitch(width, size, 1, BEYOND) + bandPitch(width, 1, radius, radius);
    this.#source = source;
    this.#scratch = scratch;
    this.#squares = l2 ? 1 : 0;
    this.#radius = radius;
    this.rows = stripRows(rowBytes, height);
    const slots = this.rows + 2;
    this.#feed = new Feed(scratch, source, {
      rows: slots + 2 * radius,
      left: radius,
      right: radius,
      border: "replicate",
    });
    this.dx = new Band(scratch, slots, width, 2);
    this.dy = new Band(scratch, slots, width, 2);
    this.magnitude = new Band(scratch, slots, width, size, 1, BEYOND);
    if (aperture > 3) {
      const { derivative, smooth, shift } = FACTORS[aperture as 5 | 7];
      const rows = new Band(scratch, slots + 2 * radius + 1, width, 2);
      const [along, across] = [derivative, smooth].map((taps) => uploadTaps(scratch, taps));
      this.#taps = { shift, derivative: along, smooth: across, rows };
    }
  }

  load(y: number, count: number): void {
    const { dx, dy, magnitude } = this;
    const { height } = this.#source;
    if (y === 0) this.#clear(0);
    const from = this.#next;
    const kept = from - (y - 1);
    if (y > 0) for (const band of [dx, dy, magnitude]) band.keep(this.#scratch, y - 1 - this.#first, kept);
    this.#first = y - 1;
    const to = Math.min(height, y + count + 1);
    this.#next = to;
    if (to > from) this.#compute(from, to, from - this.#first);
    if (y + count === height) this.#clear(count + 1);
  }

  #clear(slot: number): void {
    const { address, pitch, size } = this.magnitude;
    const start = address + slot * pitch;
    this.#scratch.bytes.fill(0, start - size, start + (this.#source.width + BEYOND) * size);
  }

  /** The rows [from, to) into the slots from `slot` on. */
  #compute(from: number, to: number, slot: number): void {
    const { runtime, width } = this.#source;
    const { dx, dy, magnitude } = this;
    const radius = this.#radius;
    const count = to - from;
    const input = this.#feed.rows(from - radius, to + radius);
    const { pitch } = this.#feed;
    const [x, y, m] = [dx.row(slot), dy.row(slot), magnitude.row(slot)];
    const squares = this.#squares;
    const taps = this.#taps;
    if (!taps) {
      run(runtime, "image_sobel_u8", count, x, y, m, input, dx.pitch, magnitude.pitch, pitch, squares, width);
      return;
    }
    const { rows, shift, derivative, smooth } = taps;
    const window = 2 * radius + 1;
    for (const [out, across, down] of [
      [x, derivative, smooth],
      [y, smooth, derivative],
    ]) {
      const all = count + 2 * radius;
      run(
        runtime,
        "image_taps_row_u8",
        all,
        rows.address,
        input - radius,
        across,
        rows.pitch,
        pitch,
        window,
        width,
      );
      run(
        runtime,
        "image_taps_column_i16",
        count,
        ...([out, rows.address, down, dx.pitch, rows.pitch, window, shift, 0, width] as const),
      );
    }
    run(runtime, "image_magnitude_i16", count, m, x, y, magnitude.pitch, dx.pitch, squares, width);
  }
}
