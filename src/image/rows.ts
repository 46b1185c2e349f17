// Runs filters over an image: rows are read once, whatever the number of filters.
import { ShapeError } from "../errors.ts";
import { Band, type BorderMode, bandPitch, Drain, Feed, produceAll, run, type Scratch } from "./band.ts";
import type { Layout, Source, Target } from "./image.ts";
import { makeStage, type Stage, takesBytes } from "./stage.ts";
import type { Filter } from "./taps.ts";

/** A border, or none: only windows that lie inside the image. */
export type FilterBorder = BorderMode | "valid";

export interface Pass {
  readonly border?: FilterBorder;
  /** Every how many rows and columns have a window. */
  readonly stride?: readonly [y: number, x: number];
  /** Whether floats are made. */
  readonly float: boolean;
}

/** Bytes of the rows of a strip, in and out: most of a second-level cache. */
const STRIP_BYTES = 320 * 1024;

/** An image for every filter. */
export function filterAll(
  source: Source,
  filters: readonly Filter[],
  { border = "reflect101", stride = [1, 1], float }: Pass,
  outs: readonly unknown[],
): unknown[] {
  const valid = border === "valid";
  const { width, height, channels, where } = source;
  const sizes = filters.map(({ before, after }) => {
    const [h, w] = [0, 1].map((i) => before[i] + after[i] + 1);
    if (valid && (h > height || w > width))
      throw new ShapeError(
        `${where}: the kernel has ${h} x ${w} values (rows x columns, dilation included) but the image ${height} x ${width} pixels: with border "valid" it must fit into it`,
      );
    return valid ? { height: height - h + 1, width: width - w + 1 } : { height, width };
  });
  const layouts = sizes.map(
    (size): Layout => ({
      height: Math.floor((size.height - 1) / stride[0]) + 1,
      width: Math.floor((size.width - 1) / stride[1]) + 1,
      channels,
      float,
    }),
  );
  return produceAll(source, layouts, outs, (scratch, targets) => {
    const tallest = Math.max(...layouts.map((layout) => layout.height));
    const most = (of: (filter: Filter) => number): number => Math.max(0, ...filters.map(of));
    // Rows of the image from the first that a window of output row 0 takes to the last.
    const first = valid ? 0 : -most(({ before }) => before[0]);
    const last = most(({ before, after }) => after[0] + (valid ? before[0] : 0));
    const span = last - first + 1;
    const left = valid ? 0 : most(({ before }) => before[1]);
    const right = valid ? 0 : most(({ after }) => after[1]);
    const kinds = filters.map((filter) => takesBytes(filter, channels, float));
    const floats = kinds.includes(false);
    const bytes = kinds.includes(true);
    const pitchOf = (size: number): number =>
      bandPitch(width * channels, size, left * channels, right * channels);
    // Of bytes on their way to floats, too.
    const read = (floats ? pitchOf(4) + pitchOf(1) : 0) + (bytes ? pitchOf(1) : 0);
    const made = layouts.reduce((sum, layout) => sum + bandPitch(layout.width * channels, float ? 4 : 1), 0);
    const fit = Math.floor(STRIP_BYTES / (read * stride[0] + made));
    // Rows that two strips share are moved from strip to strip: not many strips then.
    const rows = Math.min(tallest, Math.max(1, fit, Math.ceil(span / (2 * stride[0]))));
    const feedOf = (wanted: boolean, asFloat: boolean): Feed | undefined =>
      wanted
        ? new Feed(scratch, source, {
            ...{ rows: (rows - 1) * stride[0] + span, float: asFloat, left, right },
            border: valid ? "reflect101" : border,
          })
        : undefined;
    const feeds = { floats: feedOf(floats, true), bytes: feedOf(bytes, false) };
    const outputs = filters.map((filter, i) => {
      const feed = (kinds[i] ? feeds.bytes : feeds.floats)!;
      return new Output(scratch, filter, feed, targets[i], {
        size: kinds[i] ? 1 : 4,
        rows,
        stride,
        valid,
        channels,
        width: sizes[i].width,
      });
    });
    for (let y = 0; y < tallest; y += rows) {
      const count = Math.min(rows, tallest - y);
      const from = y * stride[0] + first;
      const to = (y + count - 1) * stride[0] + last + 1;
      const at = {
        floats: feeds.floats?.rows(from, to) ?? 0,
        bytes: feeds.bytes?.rows(from, to) ?? 0,
      };
      for (const [i, output] of outputs.entries())
        output.make(y, count, kinds[i] ? at.bytes : at.floats, first);
    }
  });
}

interface Geometry {
  /** Bytes of a value that is read. */
  readonly size: number;
  readonly rows: number;
  readonly stride: readonly [number, number];
  readonly valid: boolean;
  readonly channels: number;
  /** Pixels of a row before columns are picked. */
  readonly width: number;
}

/** A filter and where its rows go. */
class Output {
  readonly #scratch: Scratch;
  readonly #drain: Drain;
  readonly #stage: Stage;
  readonly #feed: Feed;
  readonly #target: Target;
  readonly #geometry: Geometry;
  /** Where not all columns are wanted: rows of all, and a table of where in them the wanted pixels begin. */
  readonly #columns: { readonly all: Band; readonly table: number } | undefined;
  /** Rows and bytes of a row from the first that a window takes to its centre. */
  readonly #down: number;
  readonly #across: number;

  constructor(scratch: Scratch, filter: Filter, feed: Feed, target: Target, geometry: Geometry) {
    const { rows, stride, valid, channels, width } = geometry;
    const { float } = target;
    this.#scratch = scratch;
    this.#feed = feed;
    this.#target = target;
    this.#geometry = geometry;
    this.#drain = new Drain(scratch, target, { rows, float });
    const size = channels * (float ? 4 : 1);
    if (stride[1] > 1)
      this.#columns = {
        all: new Band(scratch, rows, width * size, 1),
        table: scratch.upload(Int32Array.from({ length: target.width }, (_, x) => x * stride[1] * size)),
      };
    this.#stage = makeStage(scratch, filter, { width, channels, pitch: feed.pitch, rows, float });
    this.#down = valid ? filter.before[0] : 0;
    this.#across = valid ? filter.before[1] * channels * geometry.size : 0;
  }

  /** Makes rows from `y` on. The image's row y * stride + first lies at `address`. */
  make(y: number, most: number, address: number, first: number): void {
    const drain = this.#drain;
    const { stride, channels } = this.#geometry;
    const { height, width, float } = this.#target;
    const count = Math.min(most, height - y);
    if (count <= 0) return;
    const { pitch } = this.#feed;
    const centre = address + (this.#down - first) * pitch + this.#across;
    const rows = this.#columns?.all ?? drain;
    this.#stage.run(rows.address, rows.pitch, centre, pitch * stride[0], count);
    if (this.#columns) {
      const size = channels * (float ? 4 : 1);
      const { runtime } = this.#scratch;
      const args = [
        drain.address,
        rows.address,
        this.#columns.table,
        drain.pitch,
        rows.pitch,
        size,
        width,
      ] as const;
      run(runtime, "image_pick_pixels", count, ...args);
    }
    drain.write(y, count);
  }
}
