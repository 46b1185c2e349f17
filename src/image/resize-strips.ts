// Images of another size, in strips of rows to make. Rows are mixed first, then pixels: where an image shrinks, few rows are left then.
// Of the source only rows that have a weight are copied in.
import { Band, bandPitch, Drain, run, type Scratch, stripRows } from "./band.ts";
import { roundEven } from "./gaussian.ts";
import type { Source, Target } from "./image.ts";
import { type AxisTable, nearestPixels, type Positions } from "./resize-tables.ts";

/** Computes all rows of the target. */
export type Compute = (scratch: Scratch, source: Source, target: Target) => void;

/** At least so many rows of the source fit a strip: those of neighbouring strips overlap by as many as a method mixes. */
const MIN_ROWS = 16;

/** How many rows of so many bytes are loaded at once. */
const loadedRows = (rowBytes: number, { height }: Source): number =>
  Math.min(height, Math.max(MIN_ROWS, stripRows(rowBytes, height)));

/** Rows to make, [y, y + slots.length), from rows of the source. */
interface Strip {
  /** Rows of the source. */
  readonly rows: readonly number[];
  /** Where among `rows` the first one of each row to make is; those it is mixed with follow. */
  readonly slots: readonly number[];
}

/** The longest strip from row `y` on, of at most `most` rows out of at most `loaded` rows; but one row at least. */
function stripFrom(
  y: number,
  { first, count }: Pick<AxisTable, "first" | "count">,
  most: number,
  loaded: number,
): Strip {
  const rows: number[] = [];
  const slots: number[] = [];
  let end = 0;
  for (let i = y; i < first.length && slots.length < most; i++) {
    const fresh = Math.max(first[i], end);
    const to = first[i] + count[i];
    if (slots.length && rows.length + to - fresh > loaded) break;
    slots.push(rows.length - Math.max(0, end - first[i]));
    for (let row = fresh; row < to; row++) rows.push(row);
    end = Math.max(end, to);
  }
  return { rows, slots };
}

/** Copies rows of the source to the slots of a band of its type. */
function load(scratch: Scratch, source: Source, band: Band, rows: readonly number[]): void {
  const n = source.width * source.channels;
  const values = source.values();
  const memory = source.float ? scratch.runtime.memory.floats : scratch.bytes;
  rows.forEach((row, slot) => {
    memory.set(values.subarray(row * n, (row + 1) * n), band.row(slot) / band.size);
  });
}

/** A table as kernels read it. */
function tableOf({ first, count }: AxisTable, step: number): Int32Array {
  const table = new Int32Array(2 * first.length);
  for (let i = 0; i < first.length; i++) table.set([first[i] * step, count[i]], 2 * i);
  return table;
}

/** Sums by tables for both axes, times `scale`, in floats. */
export const mix =
  (x: AxisTable, y: AxisTable, scale = 1): Compute =>
  (scratch, source, target) => {
    const { runtime, width, channels, float } = source;
    const n = width * channels;
    const pitch = Math.max(bandPitch(n, 4), bandPitch(target.width * channels, 4));
    const most = stripRows(pitch, target.height);
    const limit = loadedRows(bandPitch(n, float ? 4 : 1), source);
    const loaded = new Band(scratch, limit, n, float ? 4 : 1);
    const mixed = new Band(scratch, most, n, 4);
    const [table, weights] = [scratch.upload(tableOf(x, channels * 4)), scratch.upload(x.weights)];
    const [rowTable, rowWeights] = [scratch.allocate(8 * most), scratch.upload(y.weights)];
    const drain = new Drain(scratch, target, { rows: most, float: true });
    const mixRows = (from: number, part: readonly number[], acc: number, weight: number): void => {
      runtime.memory.ints.set(part, rowTable / 4);
      run(
        runtime,
        float ? "image_mix_rows_f32" : "image_mix_rows_u8",
        part.length / 2,
        ...([mixed.address, loaded.address, rowTable, rowWeights + 4 * (from * y.taps + weight)] as const),
        ...([mixed.pitch, loaded.pitch, y.taps, acc, n] as const),
      );
    };
    for (let from = 0; from < target.height; ) {
      const { rows, slots } = stripFrom(from, y, most, limit);
      if (rows.length <= limit) {
        load(scratch, source, loaded, rows);
        mixRows(
          from,
          slots.flatMap((slot, i) => [slot * loaded.pitch, y.count[from + i]]),
          0,
          0,
        );
      } else
        for (let i = 0; i < rows.length; i += limit) {
          const part = rows.slice(i, i + limit);
          load(scratch, source, loaded, part);
          mixRows(from, [0, part.length], i === 0 ? 0 : 1, i);
        }
      run(
        runtime,
        "image_mix_pixels_f32",
        slots.length,
        ...([drain.address, mixed.address, table, weights, drain.pitch, mixed.pitch] as const),
        ...([x.taps, channels, scale, target.width] as const),
      );
      drain.write(from, slots.length);
      from += slots.length;
    }
  };

/** One in the fixed point of linear weights. */
const ONE = 2048;

/** Weights of both pixels: rounded to the nearest, ties to even. */
function fixed(t: number): readonly [number, number] {
  return [roundEven(Math.fround(1 - t) * ONE), roundEven(t * ONE)];
}

/** Mixes two pixels of each axis in OpenCV's fixed point, bytes to bytes. Pixels are mixed first. */
export const mixBytes =
  (x: Positions, y: Positions): Compute =>
  (scratch, source, target) => {
    const { runtime, width, height, channels } = source;
    const n = target.width * channels;
    const most = stripRows(bandPitch(n, 1), target.height);
    const limit = loadedRows(Math.max(bandPitch(width * channels, 1), bandPitch(n, 2)), source);
    const loaded = new Band(scratch, limit, width * channels, 1);
    const mixed = new Band(scratch, limit, n, 2);
    // Kernels may read four more.
    const offsets = new Int32Array(target.width + 4);
    const weights = new Int32Array(target.width + 4);
    for (let i = 0; i < target.width; i++) {
      // Beyond the outer centres there is only the outer pixel.
      const inside = x.at[i] >= 0 && x.at[i] < width - 1;
      const [a, b] = fixed(inside ? x.t[i] : 0);
      offsets[i] = Math.max(0, x.at[i]) * channels;
      weights[i] = a | (b << 16);
    }
    const pixels = [scratch.upload(offsets), scratch.upload(weights)] as const;
    const rowTable = scratch.allocate(16 * most);
    const drain = new Drain(scratch, target, { rows: most, float: false });
    // Beyond the outer rows both are the outer row, each with its weight: products are rounded down one by one.
    const first = y.at.map((at) => Math.max(0, at));
    const count = y.at.map((at, i) => (y.t[i] === 0 ? 1 : Math.min(at + 1, height - 1) - first[i] + 1));
    for (let from = 0; from < target.height; ) {
      const { rows, slots } = stripFrom(from, { first, count }, most, limit);
      load(scratch, source, loaded, rows);
      run(
        runtime,
        "image_linear_pixels_u8",
        rows.length,
        ...([
          mixed.address,
          loaded.address,
          ...pixels,
          mixed.pitch,
          loaded.pitch,
          channels,
          target.width,
        ] as const),
      );
      const entries = slots.flatMap((slot, i) => {
        const last = slot + count[from + i] - 1;
        return [slot * mixed.pitch, last * mixed.pitch, ...fixed(y.t[from + i])];
      });
      runtime.memory.ints.set(entries, rowTable / 4);
      run(
        runtime,
        "image_linear_rows_u8",
        slots.length,
        ...([drain.address, mixed.address, rowTable, drain.pitch, n] as const),
      );
      drain.write(from, slots.length);
      from += slots.length;
    }
  };

/** Means of 2 x 2 pixels, bytes to bytes. */
export const halve: Compute = (scratch, source, target) => {
  const { runtime, width, channels } = source;
  const n = target.width * channels;
  const from = width * channels;
  const most = stripRows(2 * from, target.height);
  // The kernel reads rows that lie without gaps: one copy for all of a strip. It writes them so where vectors fill them.
  const loaded = scratch.allocate(2 * most * from + 64);
  const dense = channels !== 3 && n % 16 === 0;
  const drain = dense ? undefined : new Drain(scratch, target, { rows: most, float: false });
  const made = drain?.address ?? scratch.allocate(most * n);
  const pitch = drain?.pitch ?? n;
  for (let y = 0; y < target.height; y += most) {
    const count = Math.min(most, target.height - y);
    const bytes = scratch.bytes;
    bytes.set(source.values().subarray(2 * y * from, 2 * (y + count) * from), loaded);
    run(runtime, "image_half_u8", count, made, loaded, pitch, from, channels, n);
    if (drain) drain.write(y, count);
    else target.values().set(bytes.subarray(made, made + count * n), y * n);
  }
};

/** The nearest pixels, as they are. */
export const pick: Compute = (scratch, source, target) => {
  const { runtime, width, height, channels } = source;
  const size = source.float ? 4 : 1;
  const n = target.width * channels;
  const most = stripRows(Math.max(bandPitch(width * channels, size), bandPitch(n, 4)), target.height);
  const loaded = new Band(scratch, most, width * channels, size);
  const step = channels * size;
  const table = scratch.upload(nearestPixels(width, target.width).map((x) => x * step));
  const widen = target.float && !source.float;
  const drain = new Drain(scratch, target, { rows: most, float: target.float });
  const picked = widen ? new Band(scratch, most, n, size) : drain;
  const rows = Array.from(nearestPixels(height, target.height));
  for (let y = 0; y < target.height; y += most) {
    const count = Math.min(most, target.height - y);
    load(scratch, source, loaded, rows.slice(y, y + count));
    run(
      runtime,
      "image_pick_pixels",
      count,
      ...([picked.address, loaded.address, table, picked.pitch, loaded.pitch, step, target.width] as const),
    );
    if (widen)
      run(runtime, "image_widen", count, drain.address, picked.address, drain.pitch, picked.pitch, n);
    drain.write(y, count);
  }
};
